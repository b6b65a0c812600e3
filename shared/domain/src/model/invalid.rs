//! What is wrong with a caller's input, and where.

use std::borrow::Cow;

/// The longest member name that is repeated in an error.
const ECHOED_NAME_MAX_BYTES: usize = 40;

/// One field that can't be accepted. `reason` is a text of ours, made of fixed parts: the value that
/// was refused is never one of them, because it may be personal data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct InvalidField {
    /// Path of the field in the request body, dots between the levels (`attributes.email`).
    pub field: String,
    /// Why it is refused, a sentence part that is safe to show to anyone.
    pub reason: Cow<'static, str>,
}

impl InvalidField {
    /// An error for the field at `field`.
    pub fn new(field: impl Into<String>, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { field: field.into(), reason: reason.into() }
    }

    /// An error for a member of `parent` (empty for the request itself) that is not known. It is
    /// named only if it looks like a name: a longer or odd one may hold anything.
    pub fn unknown_member(parent: &str, name: &str, reason: &'static str) -> Self {
        let is_plain = !name.is_empty()
            && name.len() <= ECHOED_NAME_MAX_BYTES
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        let field = match (parent.is_empty(), is_plain) {
            (true, true) => name.to_owned(),
            (false, true) => format!("{parent}.{name}"),
            (_, false) => parent.to_owned(),
        };
        Self { field, reason: reason.into() }
    }
}

/// The names as a sentence says them: `a`, `a or b`, `a, b or c`.
pub fn either(names: &[&'static str]) -> String {
    match names {
        [] => String::new(),
        [name] => (*name).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::either;

    #[test]
    fn either_joins_names_as_a_sentence_does() {
        for (names, said) in
            [(&["a"][..], "a"), (&["a", "b"], "a or b"), (&["a", "b", "c"], "a, b or c")]
        {
            assert_eq!(either(names), said);
        }
    }
}
