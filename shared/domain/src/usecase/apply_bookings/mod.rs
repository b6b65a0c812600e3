//! Store what was read of appointments, each state once and never an older one over a newer one.
//!
//! Whoever reads them, an import, a webhook's worker or a sweep, comes through here. What is stored
//! is read in one call per hundred, clients are looked up in one call for all bookings whose person
//! is new or has changed, and only what differs is written. `decide` says what is to be written,
//! `clients` knows who the tenant's clients are and in which order bookings of one person go.

mod clients;
mod decide;
mod page;
mod write;

use std::ops::AddAssign;
use std::time::Duration;

use jiff::Timestamp;

use self::page::Page;
use crate::model::{CorrelationId, ExternalId, RemoteBooking, System, TenantId, Untold};
use crate::ports::{BookingStore, ClientDirectory, Clock, StoreError};
use crate::usecase::settle_work::Verdict;

/// The ports of this use case.
#[derive(Clone, Copy)]
pub struct ApplyPorts<'a> {
    /// Where bookings are kept.
    pub bookings: &'a dyn BookingStore,
    /// Where clients are kept.
    pub clients: &'a dyn ClientDirectory,
    /// Time and dice.
    pub clock: &'a dyn Clock,
}

/// Whose bookings, and who brings them.
#[derive(Debug, Clone)]
pub struct ApplyScope {
    /// The tenant.
    pub tenant: TenantId,
    /// The system.
    pub system: System,
    /// The request, delivery or sweep.
    pub correlation_id: CorrelationId,
    /// Whether it is noted that an unchanged booking was seen again. Who reads because of a change
    /// must do so, because an older read of another state may still be on its way; for an import or
    /// a sweep a duplicate costs no write.
    pub refreshes: bool,
}

/// What stands behind a [`Look`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// The provider was asked, and what it does not have was looked for twice.
    Read,
    /// The provider was asked where deliveries may be ahead of it, or one read of ours is the only one:
    /// what was stored a moment ago may be newer than another state without a version, or only not
    /// there yet.
    ReadOnce,
    /// A delivery has told it: it was so then at the latest. Without a version of the provider's this
    /// moment is by another clock than those of our reads, and one of seconds at some vendors.
    Told(Timestamp),
}

/// One appointment as it was found.
#[derive(Debug, Clone)]
pub struct Look {
    /// The provider's id.
    pub external_id: ExternalId,
    /// What the provider has; `None` when it is sure that it has no such appointment any more.
    pub found: Option<RemoteBooking>,
    /// Our time when the call began that gave this: of what a delivery has told, who booked.
    pub read_at: Timestamp,
    /// Why it is believed.
    pub evidence: Evidence,
    /// Brought by this rather than by the scope's.
    pub correlation_id: Option<CorrelationId>,
    /// What `found` has no place for, so that it is not lost where it is stored.
    pub untold: Untold,
}

impl Look {
    /// An appointment that the provider has.
    pub fn at(remote: RemoteBooking, read_at: Timestamp) -> Self {
        let external_id = remote.external_id.clone();
        Self { found: Some(remote), ..Self::gone(external_id, read_at) }
    }

    /// An appointment that the provider has no more.
    pub fn gone(external_id: ExternalId, read_at: Timestamp) -> Self {
        let evidence = Evidence::Read;
        let untold = Untold::default();
        Self { external_id, found: None, read_at, evidence, correlation_id: None, untold }
    }
}

/// What became of one appointment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// Stored for the first time.
    Imported,
    /// A new version is stored.
    Updated,
    /// A new version is stored that says only that the end has come, which the clock told and no
    /// provider.
    Completed,
    /// It is stored as it is, or there is nothing to store.
    Unchanged,
    /// A more recent state is stored.
    Superseded,
    /// Nothing is stored, because it can't be said whether what is stored is older or newer: it is to
    /// be read anew, or some time later. Never of what was read ([`Evidence::Read`]).
    Doubtful,
    /// It holds something that no key can be made of.
    Unreadable,
    /// It is not stored: what to do with it.
    Failed(Verdict),
}

/// What became of all.
#[derive(Debug, Default)]
pub struct ApplyReport {
    /// In the order given.
    pub outcomes: Vec<Applied>,
    /// The first thing that kept one from being stored and may pass; what is stored in a shape that
    /// can't be read fails alone.
    pub error: Option<StoreError>,
}

/// Outcomes, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ApplyCounts {
    /// Stored for the first time.
    pub imported: u64,
    /// New versions of known bookings, those of `completed_only` among them.
    pub updated: u64,
    /// As stored.
    pub skipped_duplicates: u64,
    /// Older than what is stored.
    pub superseded: u64,
    /// Updates that only the clock brought.
    pub completed_only: u64,
    /// Rows that can't be read or keyed, or of which what is stored can't be read.
    pub unreadable: u64,
}

impl ApplyCounts {
    /// The counts of a report.
    pub fn of(outcomes: &[Applied]) -> Self {
        let mut counts = Self::default();
        outcomes.iter().for_each(|outcome| counts.count(*outcome));
        counts
    }

    fn count(&mut self, outcome: Applied) {
        match outcome {
            Applied::Imported => self.imported += 1,
            Applied::Updated => self.updated += 1,
            Applied::Completed => {
                self.updated += 1;
                self.completed_only += 1;
            }
            Applied::Unchanged => self.skipped_duplicates += 1,
            Applied::Superseded => self.superseded += 1,
            Applied::Unreadable | Applied::Failed(Verdict::Dead(_)) => self.unreadable += 1,
            Applied::Doubtful
            | Applied::Failed(Verdict::Done | Verdict::Retry { .. } | Verdict::Wait { .. }) => {}
        }
    }

    /// Changes that the provider made and nobody had stored.
    pub const fn news(&self) -> u64 {
        self.imported + self.updated - self.completed_only
    }
}

impl AddAssign for ApplyCounts {
    fn add_assign(&mut self, other: Self) {
        self.imported += other.imported;
        self.updated += other.updated;
        self.skipped_duplicates += other.skipped_duplicates;
        self.superseded += other.superseded;
        self.completed_only += other.completed_only;
        self.unreadable += other.unreadable;
    }
}

/// An appointment that a provider does not have is gone at a second look that is so much later. So what
/// is told of an unknown one within this time can't be of before its deletion.
pub(super) const LOOKS_APART: Duration = Duration::from_secs(20);
/// How often a booking is decided on anew because somebody was faster.
const ROUNDS_MAX: u32 = 8;

/// Stores what is new in any number of appointments, each given once.
pub async fn apply_bookings(
    ports: &ApplyPorts<'_>,
    scope: &ApplyScope,
    looks: &[Look],
) -> ApplyReport {
    let mut page = Page::new(ports, scope, looks);
    for round in 0..ROUNDS_MAX {
        if page.is_settled() {
            break;
        }
        page.run(round).await;
    }
    page.into_report()
}
