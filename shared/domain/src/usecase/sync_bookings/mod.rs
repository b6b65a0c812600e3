//! Bring our bookings in step with what a provider says has changed.
//!
//! A change without a snapshot is a hint: the appointment is read anew, once per batch however many
//! hints there are, and what is stored is decided by how recent that read is. A snapshot is joined with
//! who booked and stored by its version; where there is none, by its time, if that is far enough from
//! when the stored state was seen, else the appointment is read after all. An appointment that the provider does not
//! have may be one that it does not have yet, so it is looked for again after a while before it is
//! taken for deleted; the hint waits on the queue until then.

mod finding;
mod group;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;

use self::group::{GroupEnd, sync_group};
use super::apply_bookings::{ApplyCounts, ApplyPorts};
use super::read_bookings::ReadCosts;
use crate::gate::{Gate, GateNotice};
use crate::model::{BookingChange, ExternalId, System, TenantId};
use crate::ports::{
    AccountDirectory, BookingReader, ConnectionStore, DeadCause, UnreadableBooking,
};
use crate::usecase::settle_work::Verdict;

/// A missing appointment is looked for again after this.
pub const CONFIRM_DELAY: Duration = Duration::from_secs(30);
/// Looks that are at least this far apart are two; a hint that comes twice at once is none.
const CONFIRM_MIN: Duration = super::apply_bookings::LOOKS_APART;

/// The ports and settings of this use case.
pub struct SyncBookingsDeps<'a> {
    /// Where credentials come from.
    pub connections: &'a dyn ConnectionStore,
    /// Which tenant an account's webhooks are for.
    pub accounts: &'a dyn AccountDirectory,
    /// The booking systems; `None` for a system that is none.
    pub systems: &'a (dyn Fn(System) -> Option<Arc<dyn BookingReader>> + Send + Sync),
    /// Where bookings and clients are kept; time and dice.
    pub apply: ApplyPorts<'a>,
    /// In front of every call to a provider.
    pub gate: &'a Gate,
    /// Is told when the gate opens or closes.
    pub notice: GateNotice,
    /// How long one call to a provider may take (`INTEGRATION_TIMEOUT_MS`).
    pub call_timeout: Duration,
    /// When the invocation ends: what can't be found out by then waits for another one.
    pub deadline: Timestamp,
}

/// What became of one change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BookingSyncOutcome {
    /// A new version is stored.
    Synced,
    /// We had all of it, or there was nothing to have.
    Unchanged,
    /// A more recent state is stored.
    Superseded,
    /// The provider has no such appointment: to be sent again with this moment.
    Confirm {
        /// When it was first missed.
        missing_since: Timestamp,
    },
    /// It is not applied: what to do with it.
    Unapplied(Verdict),
}

impl BookingSyncOutcome {
    /// The name in logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Synced => "synced",
            Self::Unchanged => "unchanged",
            Self::Superseded => "superseded",
            Self::Confirm { .. } => "missing",
            Self::Unapplied(Verdict::Dead(_)) => "dead",
            Self::Unapplied(Verdict::Done | Verdict::Retry { .. } | Verdict::Wait { .. }) => {
                "later"
            }
        }
    }

    /// The change as its message must be from now on, where that is another one. The verdict sends
    /// it. What a delivery told of an appointment that the provider does not have is of no more use.
    pub fn changed(self, change: &BookingChange) -> Option<BookingChange> {
        match self {
            Self::Confirm { missing_since } => {
                let missing_since = Some(missing_since);
                Some(BookingChange { missing_since, snapshot: None, ..change.clone() })
            }
            Self::Synced | Self::Unchanged | Self::Superseded | Self::Unapplied(_) => None,
        }
    }
}

impl From<BookingSyncOutcome> for Verdict {
    fn from(outcome: BookingSyncOutcome) -> Self {
        match outcome {
            BookingSyncOutcome::Synced
            | BookingSyncOutcome::Unchanged
            | BookingSyncOutcome::Superseded => Self::Done,
            BookingSyncOutcome::Confirm { .. } => Self::Wait { after: CONFIRM_DELAY },
            BookingSyncOutcome::Unapplied(verdict) => verdict,
        }
    }
}

/// What a group cost and came to, for a metrics line.
#[derive(Debug, Clone)]
pub struct BookingGroupReport {
    /// Whose.
    pub tenant: TenantId,
    /// Which system.
    pub system: System,
    /// What became of each appointment.
    pub outcomes: Vec<BookingSyncOutcome>,
    /// What became of those that were found, or are surely gone.
    pub counts: ApplyCounts,
    /// Appointments that can't be read: ids and names of fields, no values.
    pub unreadable: Vec<UnreadableBooking>,
    /// What was asked of the provider.
    pub costs: ReadCosts,
    /// From its beginning to its end.
    pub took: Duration,
}

/// What became of a batch.
#[derive(Debug, Clone, Default)]
pub struct SyncBookingsReport {
    /// What became of each change, in the order given.
    pub outcomes: Vec<BookingSyncOutcome>,
    /// The groups.
    pub groups: Vec<BookingGroupReport>,
}

/// The changes of one account.
#[derive(Debug)]
pub(in crate::usecase::sync_bookings) struct Group {
    pub tenant: TenantId,
    pub system: System,
    /// As the webhooks name it.
    pub account_id: String,
    /// Each appointment once.
    pub bookings: BTreeMap<ExternalId, Coalesced>,
}

/// All that a batch says of one appointment.
#[derive(Debug)]
pub(in crate::usecase::sync_bookings) struct Coalesced {
    pub change: BookingChange,
    /// The places of its changes in the batch.
    pub places: Vec<usize>,
}

/// Syncs the appointments of a batch and tells of each change what became of it.
pub async fn sync_bookings(
    deps: &SyncBookingsDeps<'_>,
    changes: Vec<BookingChange>,
) -> SyncBookingsReport {
    // Every change has a place in exactly one group; a hole would be tried again.
    let unknown = BookingSyncOutcome::Unapplied(Verdict::Retry { after: None });
    let mut outcomes = vec![unknown; changes.len()];
    let groups = grouped(changes);
    let reports = join_all(groups.iter().map(|group| run(deps, group))).await;
    for (group, report) in groups.iter().zip(&reports) {
        for (booking, outcome) in group.bookings.values().zip(&report.outcomes) {
            for place in &booking.places {
                if let Some(slot) = outcomes.get_mut(*place) {
                    *slot = *outcome;
                }
            }
        }
    }
    SyncBookingsReport { outcomes, groups: reports }
}

async fn run(deps: &SyncBookingsDeps<'_>, group: &Group) -> BookingGroupReport {
    let began = deps.apply.clock.monotonic();
    let GroupEnd { outcomes, counts, unreadable, costs } = match (deps.systems)(group.system) {
        Some(reader) => sync_group(deps, reader.as_ref(), group).await,
        None => GroupEnd::of_all(group, Verdict::Dead(DeadCause::Malformed)),
    };
    BookingGroupReport {
        tenant: group.tenant.clone(),
        system: group.system,
        outcomes,
        counts,
        unreadable,
        costs,
        took: deps.apply.clock.monotonic().saturating_sub(began),
    }
}

/// The account is a part of the key: what an account says that is no longer the tenant's must not be
/// mixed with what the present one says of an appointment of the same id.
fn grouped(changes: Vec<BookingChange>) -> Vec<Group> {
    let mut groups = BTreeMap::<(TenantId, System, String), Group>::new();
    for (place, change) in changes.into_iter().enumerate() {
        let (tenant, system) = (change.tenant.clone(), change.system);
        let account_id = change.account_id.clone();
        let key = (tenant.clone(), system, account_id.clone());
        let group = groups.entry(key).or_insert_with(|| Group {
            tenant,
            system,
            account_id,
            bookings: BTreeMap::new(),
        });
        match group.bookings.get_mut(&change.external_id) {
            Some(known) => {
                known.places.push(place);
                known.change.absorb(change);
            }
            None => {
                let id = change.external_id.clone();
                group.bookings.insert(id, Coalesced { change, places: vec![place] });
            }
        }
    }
    groups.into_values().collect()
}
