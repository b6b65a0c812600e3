//! A record in the fake table, and how it compares with what is wanted or written.

use std::collections::BTreeSet;

use jiff::Timestamp;
use sync_domain::model::{Association, Attributes, CrmDraft, ExternalId, OwnerId};
use sync_domain::ports::Finished;

/// Who holds a claim or a lock.
#[derive(Debug, Clone)]
pub(crate) struct Holder {
    pub(crate) owner: OwnerId,
    pub(crate) lease_until: Timestamp,
    pub(crate) started_at: Timestamp,
}

/// A record as it is stored.
#[derive(Debug, Clone, Default)]
pub struct StoredRecord {
    /// Grows by one with each stored change; 0 while there is only a lock.
    pub version: u64,
    /// The payload.
    pub attributes: Attributes,
    /// The records that it is associated with.
    pub associations: BTreeSet<Association>,
    /// The provider's id of it.
    pub external_id: Option<ExternalId>,
    /// When the provider last changed it.
    pub provider_version: Option<Timestamp>,
    /// When the call began that gave this state.
    pub read_at: Option<Timestamp>,
    /// Whether it was deleted at the provider.
    pub is_deleted: bool,
    /// How many pushes wait for it.
    pub queued: u64,
    /// The last place in its line that was given out.
    pub(crate) queued_last: Option<Timestamp>,
    /// The place of the upsert that was applied last.
    pub(crate) requested_at: Option<Timestamp>,
    pub(crate) lock: Option<Holder>,
}

impl StoredRecord {
    /// Whether it was only made to be locked, and is not any more.
    pub(crate) const fn is_bare(&self) -> bool {
        self.version == 0 && self.lock.is_none() && self.queued == 0
    }

    /// Whether nothing of a draft is missing.
    pub(crate) fn holds(&self, draft: &CrmDraft) -> bool {
        !self.is_deleted
            && self.attributes.contains_all(&draft.attributes)
            && draft.associations.iter().all(|wanted| self.associations.contains(wanted))
    }

    /// Whether a state is stored that the provider gave after this one.
    pub(crate) fn is_later_than(&self, finished: &Finished) -> bool {
        let written = &finished.written;
        if self.is_deleted && self.external_id.as_ref() != Some(&written.external_id) {
            return false;
        }
        let is_read_later = self.read_at > Some(finished.read_at);
        match (self.provider_version, written.provider_version) {
            (Some(stored), Some(ours)) => stored > ours || (stored == ours && is_read_later),
            (None, Some(_)) => false,
            (_, None) => is_read_later,
        }
    }
}
