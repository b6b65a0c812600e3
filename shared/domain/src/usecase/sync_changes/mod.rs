//! Bring our records in step with what a provider says has changed.
//!
//! A change is a hint, so each object is read anew, and what is stored is decided by how recent that
//! state is, never by the order in which hints arrive. Messages are grouped by tenant, system and
//! kind of record; a group costs one read of the pointers beside the provider's batch read, one read
//! of the records, and one write per object that really changed. Groups run side by side and know
//! nothing of each other.
//!
//! `fetch` asks the provider, `unit` says what became known of which object, `plan` and its siblings
//! decide what is written, `apply` loads, commits, and looks again where somebody was faster.

mod apply;
mod asking;
mod erasing;
mod fetch;
mod gone;
mod group;
mod holdings;
mod merging;
mod place;
mod plan;
mod present;
mod unit;
mod view;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;

use self::group::sync_group;
use crate::gate::{Gate, GateNotice};
use crate::model::{ExternalId, ObjectChange, System};
use crate::ports::{Clock, ConnectionStore, CrmGateway, CrmReader, RecordScope, RecordStore};
use crate::usecase::settle_work::Verdict;

/// A system that records are read from.
#[derive(Clone)]
pub struct CrmSystem {
    /// Knows its limits.
    pub gateway: Arc<dyn CrmGateway>,
    /// Reads it.
    pub reader: Arc<dyn CrmReader>,
}

/// The ports and settings of this use case.
pub struct SyncDeps<'a> {
    /// Where credentials come from.
    pub connections: &'a dyn ConnectionStore,
    /// Where records are kept.
    pub store: &'a dyn RecordStore,
    /// The CRMs; `None` for a system that is none.
    pub systems: &'a (dyn Fn(System) -> Option<CrmSystem> + Send + Sync),
    /// In front of every call to a provider.
    pub gate: &'a Gate,
    /// Is told when the gate opens or closes.
    pub notice: GateNotice,
    /// Time and dice.
    pub clock: &'a dyn Clock,
}

/// What became of one change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncOutcome {
    /// A new version is stored.
    Synced,
    /// We had all of it, or there was nothing to have.
    Unchanged,
    /// A more recent state is stored.
    Superseded,
    /// It is not applied: what to do with it.
    Unapplied(Verdict),
}

impl SyncOutcome {
    /// The name in logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Synced => "synced",
            Self::Unchanged => "unchanged",
            Self::Superseded => "superseded",
            Self::Unapplied(Verdict::Dead(_)) => "dead",
            Self::Unapplied(Verdict::Done | Verdict::Retry { .. } | Verdict::Wait { .. }) => {
                "later"
            }
        }
    }
}

impl From<SyncOutcome> for Verdict {
    fn from(outcome: SyncOutcome) -> Self {
        match outcome {
            SyncOutcome::Synced | SyncOutcome::Unchanged | SyncOutcome::Superseded => Self::Done,
            SyncOutcome::Unapplied(verdict) => verdict,
        }
    }
}

/// What a group cost and came to, for a metrics line.
#[derive(Debug, Clone)]
pub struct GroupReport {
    /// Whose objects, and which.
    pub scope: RecordScope,
    /// What became of each object.
    pub outcomes: Vec<SyncOutcome>,
    /// Calls to the provider.
    pub provider_calls: u32,
    /// The time spent in them, summed up; they overlap.
    pub provider_time: Duration,
    /// From its beginning to its end.
    pub took: Duration,
}

/// What became of a batch.
#[derive(Debug, Clone, Default)]
pub struct SyncReport {
    /// What became of each change, in the order given.
    pub outcomes: Vec<SyncOutcome>,
    /// The groups.
    pub groups: Vec<GroupReport>,
}

/// The changes of one kind of record in one account, each object once.
#[derive(Debug, Default)]
pub(in crate::usecase::sync_changes) struct Group {
    pub objects: BTreeMap<ExternalId, Coalesced>,
}

/// All that a batch says of one object.
#[derive(Debug)]
pub(in crate::usecase::sync_changes) struct Coalesced {
    pub change: ObjectChange,
    /// The places of its changes in the batch.
    pub places: Vec<usize>,
}

/// Syncs the objects of a batch of changes and tells of each change what became of it.
pub async fn sync_changes(deps: &SyncDeps<'_>, changes: Vec<ObjectChange>) -> SyncReport {
    let changes_count = changes.len();
    let groups = grouped(changes);
    let places: Vec<Vec<Vec<usize>>> = groups
        .values()
        .map(|group| group.objects.values().map(|object| object.places.clone()).collect())
        .collect();
    let runs = groups.into_iter().map(|((scope, account_id), group)| async move {
        sync_group(deps, scope, &account_id, group).await
    });
    let reports = join_all(runs).await;
    // Every change has a place in exactly one group; a hole would be tried again.
    let unknown = SyncOutcome::Unapplied(Verdict::Retry { after: None });
    let mut outcomes = vec![unknown; changes_count];
    for (report, places) in reports.iter().zip(places) {
        for (outcome, places) in report.outcomes.iter().zip(places) {
            for place in places {
                if let Some(slot) = outcomes.get_mut(place) {
                    *slot = *outcome;
                }
            }
        }
    }
    SyncReport { outcomes, groups: reports }
}

/// The account is a part of the key: what an account says that is no longer connected must not be
/// mixed with what the present one says of an object of the same id.
fn grouped(changes: Vec<ObjectChange>) -> BTreeMap<(RecordScope, String), Group> {
    let mut groups = BTreeMap::<_, Group>::new();
    for (place, change) in changes.into_iter().enumerate() {
        let scope = RecordScope {
            tenant: change.tenant.clone(),
            system: change.system,
            object_type: change.object_type,
        };
        let group = groups.entry((scope, change.account_id.clone())).or_default();
        match group.objects.get_mut(&change.external_id) {
            Some(object) => {
                object.change.absorb(change);
                object.places.push(place);
            }
            None => {
                let id = change.external_id.clone();
                group.objects.insert(id, Coalesced { change, places: vec![place] });
            }
        }
    }
    groups
}
