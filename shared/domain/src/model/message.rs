//! Reading the versioned messages of our queues.

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A message that can't be worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnreadableMessage {
    /// It is not JSON, or lacks something.
    #[error("the message can't be read")]
    Malformed,
    /// It is of a version that this build does not know.
    #[error("the message has an unknown version")]
    UnknownVersion,
}

#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

/// The message if it has this version. The version is looked at first, because the shape of another
/// one is not known.
pub(super) fn read<T: DeserializeOwned>(body: &str, version: u32) -> Result<T, UnreadableMessage> {
    let found: Versioned =
        serde_json::from_str(body).map_err(|_no_version| UnreadableMessage::Malformed)?;
    if found.version != version {
        return Err(UnreadableMessage::UnknownVersion);
    }
    serde_json::from_str(body).map_err(|_other_shape| UnreadableMessage::Malformed)
}
