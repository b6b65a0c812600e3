//! XML of strangers, as a stream of tags and texts with hard limits.
//!
//! Nothing is expanded and nothing is kept: no DTD, no processing instruction, no entity but the five of
//! XML itself and characters by number. Every limit is checked before anything is done with what it
//! limits, so that time and memory grow with the size of the body alone, and that is limited as well.

use std::borrow::Cow;

use quick_xml::NsReader;
use quick_xml::escape::{resolve_predefined_entity, unescape};
use quick_xml::events::{BytesDecl, BytesRef, BytesStart, Event};
use quick_xml::name::ResolveResult;

/// The same as the route's own limit. A hundred notifications with some fields are a tenth of it.
const BODY_MAX_BYTES: usize = 1024 * 1024;
/// An Outbound Message has a depth of six.
const DEPTH_MAX: usize = 32;
/// A hundred records of five hundred fields.
const ELEMENTS_MAX: usize = 50_000;
/// The attributes of one element, declarations of namespaces included; a message has up to four.
const ATTRIBUTES_MAX: usize = 16;
/// A start tag, from its name to its last attribute.
const TAG_MAX_BYTES: usize = 4 * 1024;
/// A run of text. The longest field of Salesforce holds 131,072 characters, of four bytes at most.
const TEXT_MAX_BYTES: usize = 4 * 131_072;
/// A text that is asked for; all of them are ids.
const SHORT_TEXT_MAX_BYTES: usize = 64;
const BYTE_ORDER_MARK: char = '\u{feff}';

/// The body is no XML of the kind that is read here, or exceeds a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused;

/// What comes next.
pub enum Node<'a> {
    /// An element begins; one without content ends at once.
    Open(BytesStart<'a>),
    /// Text between tags, references resolved.
    Text(Cow<'a, str>),
    /// The element that began last and has not ended ends.
    Close,
    /// The document is over.
    End,
}

/// Reads a document from its beginning to its end.
pub struct BoundedXml<'a> {
    reader: NsReader<&'a [u8]>,
    depth: usize,
    elements: usize,
    is_at_start: bool,
    has_root: bool,
}

impl<'a> BoundedXml<'a> {
    /// Of a body. It must be UTF-8, with or without a byte order mark.
    ///
    /// # Errors
    /// When it is too large, or no text that XML may hold.
    pub fn of(body: &'a [u8]) -> Result<Self, Refused> {
        if body.len() > BODY_MAX_BYTES {
            return Err(Refused);
        }
        let text = std::str::from_utf8(body).map_err(|_utf8| Refused)?;
        // Among them the zeros of UTF-16, which would pass for UTF-8.
        if text.bytes().any(is_control) {
            return Err(Refused);
        }
        let mut reader = NsReader::from_str(text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text));
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        config.check_end_names = true;
        reader.resolver_mut().set_max_declarations_per_element(ATTRIBUTES_MAX);
        Ok(Self { reader, depth: 0, elements: 0, is_at_start: true, has_root: false })
    }

    /// What comes next. Comments are passed over.
    ///
    /// # Errors
    /// At what is not well-formed, not allowed or too much.
    pub fn next(&mut self) -> Result<Node<'a>, Refused> {
        loop {
            let event = self.reader.read_event().map_err(|_quotes_the_body| Refused)?;
            let is_first = std::mem::replace(&mut self.is_at_start, false);
            match event {
                Event::Start(tag) => return self.open(tag).map(Node::Open),
                Event::End(_) => {
                    self.depth = self.depth.checked_sub(1).ok_or(Refused)?;
                    return Ok(Node::Close);
                }
                Event::Text(text) => {
                    let text = text.xml10_content().map_err(|_encoding| Refused)?;
                    // Blanks may stand around the root.
                    if self.depth > 0 || !text.trim().is_empty() {
                        return self.text(text).map(Node::Text);
                    }
                }
                Event::CData(text) => {
                    let text = text.xml10_content().map_err(|_encoding| Refused)?;
                    return self.text(text).map(Node::Text);
                }
                Event::GeneralRef(reference) => {
                    return self.text(Cow::Owned(resolved(&reference)?)).map(Node::Text);
                }
                Event::Comment(_) => {}
                Event::Decl(declaration) if is_first && is_utf8(&declaration) => {}
                Event::Eof if self.depth == 0 && self.has_root => return Ok(Node::End),
                // `Empty` is given as a start and an end.
                Event::Eof
                | Event::Decl(_)
                | Event::DocType(_)
                | Event::PI(_)
                | Event::Empty(_) => return Err(Refused),
            }
        }
    }

    /// Passes over what is left of the element that began last, with everything in it.
    ///
    /// # Errors
    /// As for [`BoundedXml::next`].
    pub fn skip(&mut self) -> Result<(), Refused> {
        let around = self.depth.checked_sub(1).ok_or(Refused)?;
        while self.depth > around {
            self.next()?;
        }
        Ok(())
    }

    /// The text of the element that began last, up to its end. `None` when it holds more than an id
    /// would, or elements.
    ///
    /// # Errors
    /// As for [`BoundedXml::next`].
    pub fn short_text(&mut self) -> Result<Option<String>, Refused> {
        let mut whole = Some(String::new());
        loop {
            match self.next()? {
                Node::Text(text) => {
                    let is_short =
                        |whole: &String| whole.len() + text.len() <= SHORT_TEXT_MAX_BYTES;
                    whole = whole.filter(is_short).map(|whole| whole + &text);
                }
                Node::Open(_) => {
                    self.skip()?;
                    whole = None;
                }
                Node::Close => return Ok(whole),
                Node::End => return Err(Refused),
            }
        }
    }

    /// Whether an element that was just begun has this name in this namespace.
    pub fn is(&self, tag: &BytesStart<'_>, namespace: &str, name: &str) -> bool {
        // The name first: it is compared at once, while a prefix has to be looked up.
        tag.local_name().as_ref() == name.as_bytes()
            && self.is_in(&self.reader.resolver().resolve_element(tag.name()).0, namespace)
    }

    /// The value of an attribute of an element that was just begun, as a name in this namespace.
    pub fn qualified_value(
        &self,
        tag: &BytesStart<'_>,
        attribute: (&str, &str),
        namespace: &str,
    ) -> Option<String> {
        let resolver = self.reader.resolver();
        let mut attributes = tag.attributes().flatten();
        let found = attributes.find(|found| {
            let (bound, local) = resolver.resolve_attribute(found.key);
            local.as_ref() == attribute.1.as_bytes() && self.is_in(&bound, attribute.0)
        })?;
        let name = quick_xml::name::QName(found.value.as_ref().trim_ascii());
        let (bound, local) = resolver.resolve_element(name);
        let text = std::str::from_utf8(local.as_ref()).ok()?;
        self.is_in(&bound, namespace).then(|| text.to_owned())
    }

    fn is_in(&self, bound: &ResolveResult<'_>, namespace: &str) -> bool {
        matches!(bound, ResolveResult::Bound(bound) if bound.0 == namespace.as_bytes())
    }

    fn open(&mut self, tag: BytesStart<'a>) -> Result<BytesStart<'a>, Refused> {
        let is_second_root = self.depth == 0 && self.has_root;
        self.has_root = true;
        self.depth += 1;
        self.elements += 1;
        if is_second_root
            || self.depth > DEPTH_MAX
            || self.elements > ELEMENTS_MAX
            || tag.len() > TAG_MAX_BYTES
            || tag.attributes().with_checks(false).take(ATTRIBUTES_MAX + 1).count() > ATTRIBUTES_MAX
        {
            return Err(Refused);
        }
        for attribute in tag.attributes() {
            let value = attribute.map_err(|_quotes_the_body| Refused)?.value;
            let value = std::str::from_utf8(&value).map_err(|_utf8| Refused)?;
            if unescape(value).map_err(|_quotes_the_body| Refused)?.bytes().any(is_control) {
                return Err(Refused);
            }
        }
        Ok(tag)
    }

    fn text(&self, text: Cow<'a, str>) -> Result<Cow<'a, str>, Refused> {
        (self.depth > 0 && text.len() <= TEXT_MAX_BYTES).then_some(text).ok_or(Refused)
    }
}

/// What no XML holds, not even by a reference.
const fn is_control(byte: u8) -> bool {
    byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r')
}

/// What a reference stands for.
fn resolved(reference: &BytesRef<'_>) -> Result<String, Refused> {
    if let Some(character) = reference.resolve_char_ref().map_err(|_number| Refused)? {
        let is_forbidden = u8::try_from(character).is_ok_and(is_control);
        return (!is_forbidden).then(|| character.to_string()).ok_or(Refused);
    }
    let name = reference.decode().map_err(|_encoding| Refused)?;
    resolve_predefined_entity(&name).map(str::to_owned).ok_or(Refused)
}

/// A document that says it is written otherwise is not what its bytes, which were read as UTF-8, mean.
fn is_utf8(declaration: &BytesDecl<'_>) -> bool {
    let is_first_version = declaration.version().is_ok_and(|version| version.as_ref() == b"1.0");
    is_first_version
        && match declaration.encoding() {
            None => true,
            Some(encoding) => encoding.is_ok_and(|name| name.eq_ignore_ascii_case(b"utf-8")),
        }
}
