//! What has changed in a CRM since a moment, asked of the CRM itself: the safety net below webhooks.

use async_trait::async_trait;
use jiff::Timestamp;

use super::{Called, Connection, ProviderError, RateLimits};
use crate::model::{ChangeKind, ExternalId, ObjectType};

/// A span of changes, by the provider's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangeSpan {
    /// The first moment.
    pub since: Timestamp,
    /// The moment behind the last.
    pub until: Timestamp,
}

/// A record that has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedObject {
    /// The provider's id.
    pub external_id: ExternalId,
    /// What is known to have happened to it.
    pub kind: ChangeKind,
    /// When the provider last changed it, if it says so.
    pub changed_at: Option<Timestamp>,
}

/// One page of what has changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangedPage {
    /// The records, in any order, perhaps some of them twice.
    pub changed: Vec<ChangedObject>,
    /// Where the next page begins; `None` at the end. Opaque, short, free of personal data.
    pub next: Option<String>,
}

/// Lists what has changed. Each page is one request; nothing of one tenant stays in the feed.
#[async_trait]
pub trait CrmChangeFeed: RateLimits {
    /// A page of the records of a kind that were created, changed or deleted in the span. One that
    /// changes while it is read may be left out: it is in the next span.
    ///
    /// # Errors
    /// See [`ProviderError`]; a position that is none of the feed's is a refusal.
    async fn changed(
        &self,
        connection: &Connection,
        object_type: ObjectType,
        span: ChangeSpan,
        position: Option<&str>,
    ) -> Result<Called<ChangedPage>, ProviderError>;
}
