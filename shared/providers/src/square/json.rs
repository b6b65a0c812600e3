//! Reading JSON that a person's text has broken.
//!
//! A text that was cut in the middle of an emoji is written with one half of a surrogate pair (`"Ann \ud83d"`).
//! That is valid JSON by its grammar and no text, so that the reader refuses the whole answer, with
//! everybody else in it.

use serde::de::DeserializeOwned;

/// The length of `\u` and four hexadecimal digits.
const ESCAPE_BYTES: usize = 6;
/// What stands in for a half: U+FFFD.
const REPLACEMENT: &[u8; ESCAPE_BYTES] = b"\\ufffd";

/// Reads a body; if it can't be read as it is, with every lone half of a surrogate pair replaced.
///
/// # Errors
/// The first reading's.
pub fn from_body<T: DeserializeOwned>(body: &[u8]) -> serde_json::Result<T> {
    serde_json::from_slice(body).or_else(|error| {
        let mended = without_lone_surrogates(body).ok_or(error)?;
        serde_json::from_slice(&mended)
    })
}

/// `None` where there is none.
fn without_lone_surrogates(body: &[u8]) -> Option<Vec<u8>> {
    let mut mended = Vec::with_capacity(body.len());
    let (mut rest, mut is_mended) = (body, false);
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        let (before, escape) = rest.split_at_checked(at)?;
        mended.extend_from_slice(before);
        let next = escape.get(ESCAPE_BYTES..).and_then(unit_of);
        let length = match (unit_of(escape), next) {
            (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => 2 * ESCAPE_BYTES,
            (Some(0xD800..=0xDFFF), _) => {
                mended.extend_from_slice(REPLACEMENT);
                is_mended = true;
                rest = escape.get(ESCAPE_BYTES..)?;
                continue;
            }
            (Some(_), _) => ESCAPE_BYTES,
            // A backslash and what it escapes, which may be another one.
            (None, _) => escape.len().min(2),
        };
        let (kept, behind) = escape.split_at_checked(length)?;
        mended.extend_from_slice(kept);
        rest = behind;
    }
    mended.extend_from_slice(rest);
    is_mended.then_some(mended)
}

/// The number of the escape that a text begins with.
fn unit_of(text: &[u8]) -> Option<u16> {
    let digits = text.strip_prefix(b"\\u")?.get(..4)?;
    let is_hex = digits.iter().all(u8::is_ascii_hexdigit);
    let digits = std::str::from_utf8(digits).ok().filter(|_| is_hex)?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::{from_body, without_lone_surrogates};

    fn text(json: &str) -> Option<String> {
        from_body::<String>(json.as_bytes()).ok()
    }

    #[test]
    fn half_of_a_pair_is_replaced_and_all_else_is_kept() {
        for (json, expected) in [
            (r#""Ann \ud83d""#, "Ann \u{fffd}"),
            (r#""\uD83D\uDE00 \ud83d Ann""#, "\u{1f600} \u{fffd} Ann"),
            (r#""\ude00\ud83d""#, "\u{fffd}\u{fffd}"),
            (r#""\ud83d\ud83d\ude00""#, "\u{fffd}\u{1f600}"),
            (r#""\ud83d\u0041\n\"\\""#, "\u{fffd}A\n\"\\"),
            (r#""\ud83d\\ud83d ü""#, "\u{fffd}\\ud83d ü"),
        ] {
            assert_eq!(text(json).as_deref(), Some(expected), "{json}");
        }
    }

    #[test]
    fn body_without_a_half_is_left_alone_and_one_that_is_no_json_stays_unreadable() {
        for body in [r#""\ud83d\ude00""#, r#""\\ud83d""#, r#""\u0041""#, "", "\\", "\\u", "\\ud8"] {
            assert_eq!(without_lone_surrogates(body.as_bytes()), None, "{body}");
        }
        for json in [r#""\ud83d"#, r#""\ud83g""#, r#"\ud83d"#, r#"["\ud83d""#] {
            assert_eq!(text(json), None, "{json}");
        }
    }
}
