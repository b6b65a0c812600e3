//! A JSON array cut into its elements before any of them is read, so that one that can't be read
//! costs only itself.

use serde::de::IgnoredAny;
use sync_domain::ports::UnreadableDelivery;

/// The elements of a JSON array, each as the text it is written in, blanks before it included. Ends
/// with the first error.
pub struct Elements<'a> {
    rest: &'a str,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    BeforeList,
    AfterElement,
    Ended,
}

impl<'a> Elements<'a> {
    /// Of an array's text.
    pub const fn of(text: &'a str) -> Self {
        Self { rest: text, state: State::BeforeList }
    }

    /// Takes a sign of JSON's punctuation off, if it is next.
    fn take(&mut self, sign: char) -> bool {
        self.rest = self.rest.trim_start_matches([' ', '\n', '\r', '\t']);
        let after = self.rest.strip_prefix(sign);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    fn end(&mut self) -> Option<()> {
        self.state = State::Ended;
        self.rest.trim_start_matches([' ', '\n', '\r', '\t']).is_empty().then_some(())
    }

    /// The next element, `Ok(None)` at the end; `Err` where it is no array.
    fn advance(&mut self) -> Option<Option<&'a str>> {
        if self.state == State::Ended {
            return Some(None);
        }
        let is_first = self.state == State::BeforeList;
        if is_first {
            self.take('[').then_some(())?;
        }
        if self.take(']') {
            return self.end().map(|()| None);
        }
        if !is_first {
            self.take(',').then_some(())?;
        }
        let mut values = serde_json::Deserializer::from_str(self.rest).into_iter::<IgnoredAny>();
        values.next()?.ok()?;
        let (element, after) = self.rest.split_at_checked(values.byte_offset())?;
        self.rest = after;
        self.state = State::AfterElement;
        Some(Some(element))
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Result<&'a str, UnreadableDelivery>;

    fn next(&mut self) -> Option<Self::Item> {
        let element = self.advance();
        if element.is_none() {
            self.state = State::Ended;
        }
        element.ok_or(UnreadableDelivery::NotAList).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::Elements;

    fn elements(text: &str) -> Option<Vec<&str>> {
        Elements::of(text).collect::<Result<_, _>>().ok()
    }

    #[test]
    fn elements_are_cut_where_they_end() {
        assert_eq!(elements(" [ ] \n"), Some(vec![]));
        let text = r#"[ {"a":"],["} ,7,"x" , [1,[2]],null]"#;
        let expected = [r#"{"a":"],["}"#, "7", r#""x""#, "[1,[2]]", "null"];
        assert!(elements(text).unwrap().into_iter().map(str::trim).eq(expected));
    }

    #[test]
    fn elements_of_what_is_no_array_are_an_error() {
        for text in [
            "",
            " ",
            "{}",
            "7",
            "[",
            "[1",
            "[1,",
            "[1,]",
            "[,1]",
            "[1 2]",
            "[1]x",
            "[1]]",
            "[]]",
            "[[1]",
            "{'a':1}",
            "[tru]",
            "[\u{a0}]",
            "\u{feff}[]",
        ] {
            assert_eq!(elements(text), None, "{text}");
        }
    }

    #[test]
    fn elements_stop_at_the_first_error() {
        let mut elements = Elements::of("[1,x,2]");
        assert!(elements.next().unwrap().is_ok());
        assert!(elements.next().unwrap().is_err());
        assert!(elements.next().is_none());
    }
}
