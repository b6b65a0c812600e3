//! Vagaro's ids: opaque text like base64, which is compared byte by byte. Here a test may also choose
//! plain numbers.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// No id is longer.
const MOST_BYTES: usize = 128;
/// What follows the tilde of a drawn id begins here.
const TILDE_AT: usize = 11;

/// An id of an account's with every kind of character that a careless client breaks: always `~` and
/// `=`, often `+` and `/`. The same one each time for the same number.
pub fn drawn(account: &str, kind: &str, number: u64) -> String {
    let digest = Sha256::digest(format!("{account}\n{kind}\n{number}"));
    let bytes: Vec<u8> = digest.into_iter().take(16).collect();
    let text = STANDARD.encode(bytes);
    let (before, after) = text.split_at(TILDE_AT);
    format!("{before}~{after}")
}

/// Whether a text can be an id.
pub fn is_id(text: &str) -> bool {
    let is_taken = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=~_-".contains(&byte);
    (1..=MOST_BYTES).contains(&text.len()) && text.bytes().all(is_taken)
}

/// Reads an id that a control call gives, as text or as a number.
pub fn read(name: &str, value: &Value) -> Result<String, String> {
    let text = value.as_str().map(str::to_owned);
    let text = text.or_else(|| value.as_u64().map(|number| number.to_string()));
    text.filter(|text| is_id(text)).ok_or_else(|| {
        format!("`{name}` must be a number or 1 to {MOST_BYTES} of A-Z, a-z, 0-9, + / = ~ _ -")
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{drawn, is_id, read};

    #[test]
    fn drawn_ids_are_opaque_repeatable_and_of_their_account_and_kind() {
        let all: Vec<String> = (0..50).map(|number| drawn("a", "appointment", number)).collect();
        assert!(all.iter().all(|id| is_id(id) && id.contains('~') && id.ends_with('=')));
        assert!(all.iter().any(|id| id.contains('+')) && all.iter().any(|id| id.contains('/')));
        assert_eq!(all[7], drawn("a", "appointment", 7));
        assert_ne!(all[7], drawn("b", "appointment", 7));
        assert_ne!(all[7], drawn("a", "customer", 7));
    }

    #[test]
    fn ids_are_read_from_text_and_numbers() {
        assert_eq!(read("id", &json!(101)), Ok("101".to_owned()));
        assert_eq!(read("id", &json!("a+/=~")), Ok("a+/=~".to_owned()));
        for refused in [json!(""), json!("a b"), json!(-1), json!(null), json!("é")] {
            assert!(read("id", &refused).is_err(), "{refused}");
        }
    }
}
