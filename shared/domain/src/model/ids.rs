//! Identifiers, each its own type so that one can't stand in for another.
//!
//! Every identifier that becomes part of a table key is checked when it is made: none can hold a
//! control character or one of the separators `#` and `/` of keys and secret names.

use std::fmt;

use super::InvalidField;

/// The longest tenant id that is accepted, in bytes.
const TENANT_ID_MAX_BYTES: usize = 64;
/// The longest caller's idempotency key, in bytes.
const IDEMPOTENCY_KEY_MAX_BYTES: usize = 255;
/// The longest correlation id, in bytes.
const CORRELATION_ID_MAX_BYTES: usize = 128;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The identifier's text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

text_id!(
    /// Whose data this is. One to 64 of the characters `A-Z a-z 0-9 _ -`.
    TenantId
);
text_id!(
    /// The provider's own id of a record. Opaque to us: HubSpot's are decimal, Salesforce's are not.
    ExternalId
);
text_id!(
    /// Ties a request, its log lines and its event together. One to 128 of the characters
    /// `A-Z a-z 0-9 . _ : -`: an email address can't pass, so it is safe in logs.
    CorrelationId
);
text_id!(
    /// One attempt's name on a claim. A claim that was taken over has another owner, which is what
    /// stops the stale one from finishing.
    OwnerId
);

fn is_made_of(text: &str, extra: &[u8]) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || extra.contains(&byte))
}

impl TenantId {
    /// Accepts `text` as a tenant id; `None` when it has a character or a length that is not allowed.
    pub fn parse(text: &str) -> Option<Self> {
        let is_valid =
            !text.is_empty() && text.len() <= TENANT_ID_MAX_BYTES && is_made_of(text, b"_-");
        is_valid.then(|| Self(text.to_owned()))
    }
}

impl CorrelationId {
    /// Accepts `text` as a correlation id; `None` when it has a character or a length that is not
    /// allowed.
    pub fn parse(text: &str) -> Option<Self> {
        let is_valid =
            !text.is_empty() && text.len() <= CORRELATION_ID_MAX_BYTES && is_made_of(text, b"._:-");
        is_valid.then(|| Self(text.to_owned()))
    }
}

impl CorrelationId {
    /// For the case that none can be made.
    pub fn unknown() -> Self {
        Self("unknown".to_owned())
    }
}

impl OwnerId {
    /// Names an attempt. The caller provides something unique, such as a random UUID.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl ExternalId {
    /// Takes the provider's id as it came.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

/// The caller's idempotency key. It may be anything printable, also something personal, so it has
/// no `Display`, hides itself in `Debug` and is stored only as a hash.
#[derive(Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// Accepts 1 to 255 bytes without control characters.
    ///
    /// # Errors
    /// The reason, with the field name `idempotency_key`.
    pub fn parse(text: &str) -> Result<Self, InvalidField> {
        let reason = if text.trim().is_empty() {
            "must not be empty"
        } else if text.len() > IDEMPOTENCY_KEY_MAX_BYTES {
            "must not be longer than 255 bytes"
        } else if text.chars().any(char::is_control) {
            "must not contain control characters"
        } else {
            return Ok(Self(text.to_owned()));
        };
        Err(InvalidField::new("idempotency_key", reason))
    }

    /// The key itself, for hashing.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("IdempotencyKey([hidden])")
    }
}

#[cfg(test)]
mod tests {
    use super::{CorrelationId, IdempotencyKey, TenantId};

    #[test]
    fn tenant_id_refuses_separators_of_keys() {
        for text in ["", "a#b", "a/b", "a b", "ä", "a\u{1f}b", "a.b", &"x".repeat(65)] {
            assert_eq!(TenantId::parse(text), None, "{text:?}");
        }
        assert!(TenantId::parse("Acme_01-eu").is_some());
    }

    #[test]
    fn correlation_id_refuses_an_email_address() {
        assert_eq!(CorrelationId::parse("ada@example.com"), None);
        assert!(CorrelationId::parse("Root:1-67.a_b").is_some());
    }

    #[test]
    fn idempotency_key_hides_itself_in_debug_output() {
        let key = IdempotencyKey::parse("ada@example.com:42").unwrap();
        assert_eq!(format!("{key:?}"), "IdempotencyKey([hidden])");
    }

    #[test]
    fn idempotency_key_refuses_blank_long_and_control_characters() {
        for text in ["", "  ", "a\nb", &"k".repeat(256)] {
            assert!(IdempotencyKey::parse(text).is_err(), "{text:?}");
        }
    }
}
