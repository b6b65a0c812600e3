//! Record ids: fifteen characters whose case matters, or those and three more that tell the case.

const CHECK_ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const SHORT_LENGTH: usize = 15;
const LONG_LENGTH: usize = 18;

/// The three characters that tell which of the fifteen are capitals, five of them each.
fn check_characters(short: &str) -> String {
    let of_five = |five: &[u8]| {
        let bits = five.iter().enumerate().filter(|(_, digit)| digit.is_ascii_uppercase());
        let index = bits.fold(0_usize, |index, (place, _)| index | (1 << place));
        CHECK_ALPHABET.get(index).map_or('A', |digit| char::from(*digit))
    };
    short.as_bytes().chunks(5).map(of_five).collect()
}

/// The form with eighteen characters. `None` if it is no id, or if its last three don't fit.
pub fn long(text: &str) -> Option<String> {
    if !text.bytes().all(|digit| digit.is_ascii_alphanumeric()) {
        return None;
    }
    let short = text.get(..SHORT_LENGTH)?;
    let long = format!("{short}{}", check_characters(short));
    match text.len() {
        SHORT_LENGTH => Some(long),
        LONG_LENGTH => (long == text).then_some(long),
        _ => None,
    }
}

/// The first three characters, which tell the type.
pub fn prefix(id: &str) -> &str {
    id.get(..3).unwrap_or_default()
}

/// The id of number `number` of a type in an org. Orgs whose ids differ at their end draw different
/// ones.
pub fn drawn(key_prefix: &str, org_id: &str, number: u64) -> String {
    let of_org = org_id.get(12..SHORT_LENGTH).unwrap_or("000");
    let mut digits = [b'0'; 8];
    let mut rest = number;
    for digit in digits.iter_mut().rev() {
        let index = usize::try_from(rest % 62).unwrap_or_default();
        *digit = DIGITS.get(index).copied().unwrap_or(b'0');
        rest /= 62;
    }
    let short = format!("{key_prefix}a{of_org}{}", String::from_utf8_lossy(&digits));
    long(&short).unwrap_or(short)
}

#[cfg(test)]
mod tests {
    use super::{drawn, long};

    #[test]
    fn long_form_has_the_published_check_characters() {
        // Salesforce's own example pair, and one of lower case only.
        assert_eq!(long("a0Bd0000001FXXa").as_deref(), Some("a0Bd0000001FXXaEAM"));
        assert_eq!(long("001d00000000abc").as_deref(), Some("001d00000000abcAAA"));
    }

    #[test]
    fn long_form_refuses_wrong_check_characters_lengths_and_signs() {
        assert!(long("a0Bd0000001FXXaEAM").is_some());
        for text in ["a0Bd0000001FXXaEAA", "a0Bd0000001FXX", "a0Bd0000001FXXaE", "a0Bd000000-FXXa"]
        {
            assert!(long(text).is_none(), "{text}");
        }
    }

    #[test]
    fn drawn_ids_rise_and_differ_between_orgs() {
        let org = "00D5g000004AbCdEAK";
        let ids = [1, 9, 10, 61, 62, 1_000_000].map(|number| drawn("003", org, number));
        assert!(ids.is_sorted());
        assert!(ids.iter().all(|id| long(id).as_ref() == Some(id) && id.starts_with("003")));
        assert_ne!(drawn("003", "00D5g000004AbCeEAK", 1), ids[0]);
    }
}
