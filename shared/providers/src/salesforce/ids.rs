//! Ids of records and orgs: 15 characters whose case matters, or 18 of which the last three make up for
//! lost case. Stored and compared is the long form (Salesforce object reference, "ID Field Type",
//! read 2026-11-20).

/// The form whose case matters.
const SHORT_CHARS: usize = 15;
/// The form with the three characters.
const LONG_CHARS: usize = 18;
/// What five bits stand for in those three.
const SUFFIX: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
/// Ids of orgs begin so.
const ORG_PREFIX: &str = "00D";

/// The 18 characters of an id in either form; `None` when it is none. The three characters of a long
/// one are taken as they are.
pub fn long_id(text: &str) -> Option<String> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    match text.len() {
        LONG_CHARS if is_plain => Some(text.to_owned()),
        SHORT_CHARS if is_plain => Some(text.chars().chain(suffix_of(text)).collect()),
        _ => None,
    }
}

/// The same for the id of an org.
pub fn long_org_id(text: &str) -> Option<String> {
    long_id(text).filter(|id| id.starts_with(ORG_PREFIX))
}

/// One character for each five of the short form: the first of them is the lowest bit, and a capital
/// letter sets it.
fn suffix_of(short: &str) -> impl Iterator<Item = char> {
    short.as_bytes().chunks(5).filter_map(|five| {
        let bit = |(place, byte): (usize, &u8)| usize::from(byte.is_ascii_uppercase()) << place;
        let bits = five.iter().enumerate().map(bit).sum::<usize>();
        SUFFIX.get(bits).map(|byte| char::from(*byte))
    })
}

#[cfg(test)]
mod tests {
    use super::{long_id, long_org_id};

    /// Pairs that Salesforce's documentation and integrators' posts show.
    #[test]
    fn long_id_of_a_short_one_has_the_documented_suffix() {
        for (short, long) in [
            ("001A0000006Vm9u", "001A0000006Vm9uIAC"),
            ("003D000000QYVtZ", "003D000000QYVtZIAX"),
            ("000000000000000", "000000000000000AAA"),
            ("ZZZZZZZZZZZZZZZ", "ZZZZZZZZZZZZZZZ555"),
        ] {
            assert_eq!(long_id(short).as_deref(), Some(long));
            assert_eq!(long_id(long).as_deref(), Some(long));
        }
    }

    #[test]
    fn what_is_no_id_has_no_long_form() {
        let texts = [
            "",
            "003",
            "003D000000QYVt",
            "003D000000QYVtZI",
            "003D000000QYVt'",
            "003D000000QYVtZIAXX",
        ];
        for text in texts {
            assert_eq!(long_id(text), None, "{text}");
        }
        assert_eq!(long_id("003D000000QYVé"), None, "15 bytes, 14 characters");
        assert_eq!(long_org_id("003D000000QYVtZ"), None);
        assert!(long_org_id("00DD000000QYVtZ").is_some());
    }
}
