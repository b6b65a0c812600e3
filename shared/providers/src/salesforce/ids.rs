//! Record ids: 18 characters, or the 15 that differ by upper and lower case alone.

use sync_domain::model::{ExternalId, ObjectType};

/// An id that tells upper from lower case.
const SHORT: usize = 15;
/// An id whose last three characters say where the capitals are.
const LONG: usize = 18;
/// Each of the last three characters stands for so many before.
const PART: usize = 5;
/// What a part of five becomes, by the number that its capitals make.
const SUFFIX: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

/// What the ids of orgs begin with.
const ORG_PREFIX: &str = "00D";
/// What the ids of record types begin with.
pub const RECORD_TYPE_PREFIX: &str = "012";

/// What the ids of a kind of record begin with, the same in every org.
pub const fn prefix_of(object_type: ObjectType) -> &'static str {
    match object_type {
        ObjectType::Contact => "003",
        ObjectType::Company => "001",
        ObjectType::Deal => "006",
    }
}

/// Whether a text can be an id as we store it.
pub fn is_id(text: &str) -> bool {
    text.len() == LONG && is_alphanumeric(text)
}

/// An id of either length with 18 characters; `None` for what is no id.
pub fn read(text: &str) -> Option<ExternalId> {
    long(text).map(ExternalId::new)
}

/// The same as text.
pub fn long(text: &str) -> Option<String> {
    match text.len() {
        LONG if is_alphanumeric(text) => Some(text.to_owned()),
        SHORT if is_alphanumeric(text) => Some(lengthened(text)),
        _ => None,
    }
}

/// The id of an org, of either length, with 18 characters; `None` for what is none.
pub fn long_org(text: &str) -> Option<String> {
    long(text).filter(|id| id.starts_with(ORG_PREFIX))
}

fn is_alphanumeric(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The first character of a part is the lowest bit.
fn lengthened(short: &str) -> String {
    let suffix = short.as_bytes().chunks(PART).filter_map(|part| {
        let bit = |(place, byte): (usize, &u8)| usize::from(byte.is_ascii_uppercase()) << place;
        let capitals: usize = part.iter().enumerate().map(bit).sum();
        SUFFIX.get(capitals).copied().map(char::from)
    });
    short.chars().chain(suffix).collect()
}

#[cfg(test)]
mod tests {
    use super::{long_org, read};

    #[test]
    fn id_of_fifteen_characters_gets_the_three_that_tell_its_capitals() {
        // The pair is Salesforce's own example of a Contact and an Account id.
        for (short, long) in [
            ("001xx000003DGb1", "001xx000003DGb1AAG"),
            ("001xx000003DGb0", "001xx000003DGb0AAG"),
            ("003000000000000", "003000000000000AAA"),
            ("00DABCDEFGHIJKL", "00DABCDEFGHIJKL255"),
        ] {
            assert_eq!(read(short).unwrap().as_str(), long);
            assert_eq!(read(long).unwrap().as_str(), long);
        }
    }

    #[test]
    fn id_of_an_org_is_told_from_others() {
        assert_eq!(long_org("00DD000000QYVtZ").unwrap(), "00DD000000QYVtZMAX");
        assert_eq!(long_org("003D000000QYVtZ"), None);
    }

    #[test]
    fn text_of_another_form_is_no_id() {
        for text in ["", "001", "001xx000003DGb1AA", "001xx000003DGb1' O", "001xx000003DGb1AAG0"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
