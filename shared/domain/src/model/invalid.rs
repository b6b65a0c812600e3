//! What is wrong with a caller's input, and where.

/// One field that can't be accepted. `reason` is a fixed text of ours: the value that was refused
/// is never part of it, because it may be personal data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct InvalidField {
    /// Path of the field in the request body, dots between the levels (`attributes.email`).
    pub field: String,
    /// Why it is refused, a sentence part that is safe to show to anyone.
    pub reason: &'static str,
}

impl InvalidField {
    /// An error for the field at `field`.
    pub fn new(field: impl Into<String>, reason: &'static str) -> Self {
        Self { field: field.into(), reason }
    }
}
