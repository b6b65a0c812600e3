//! A hundred appointments of a file on their way into the store.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::{BackfillReport, BackfillWatch};
use crate::model::{ExternalId, RemoteState, Untold};
use crate::ports::{BOOKINGS_READ_MAX, BackfillRow, RowFault, StoreError};
use crate::retry::RetryPolicy;
use crate::usecase::apply_bookings::{
    Applied, ApplyCounts, ApplyPorts, ApplyScope, Look, apply_bookings,
};
use crate::usecase::settle_work::Verdict;

/// A page that can't be stored is tried again for some seconds, which is about what a table takes to
/// grow with its load; then the run stops rather than have the operator wait for an outage.
const RETRY: RetryPolicy = RetryPolicy {
    attempts_max: 5,
    backoff_max: Duration::from_secs(4),
    wait_max: Duration::from_secs(4),
};
/// What is at fault where no key can be made of an appointment.
const BAD_KEY: &str = "external_id";
/// What is at fault where what is stored of an appointment can't be read.
const BAD_ITEM: &str = "stored";

/// Appointments that are read and not stored yet, each once.
pub(super) struct Page {
    export_at: Timestamp,
    began_at: Timestamp,
    untold: Untold,
    rows: BTreeMap<ExternalId, Placed>,
    last_line: u64,
}

/// A row with where it stands.
struct Placed {
    line: u64,
    last_line: u64,
    look: Look,
}

impl Page {
    /// An empty page of an export that was made at `export_at` and can't tell what is `untold`, in a
    /// run that began at `began_at`.
    pub fn new(export_at: Timestamp, began_at: Timestamp, untold: Untold) -> Self {
        Self { export_at, began_at, untold, rows: BTreeMap::new(), last_line: 0 }
    }

    pub fn is_full(&self) -> bool {
        self.rows.len() >= BOOKINGS_READ_MAX
    }

    /// Notes that the lines up to this one need nothing more than what is in the page.
    pub fn pass(&mut self, last_line: u64) {
        self.last_line = last_line;
    }

    /// Takes a row in; returns how many rows lost their place by that: of two of one appointment the
    /// later one counts, as if each had been stored on its own.
    pub fn take(&mut self, row: BackfillRow) -> u64 {
        let BackfillRow { line, last_line, mut booking } = row;
        self.pass(last_line);
        // It stood when it was exported; that its end has come since is for today's clock to say.
        if booking.state == RemoteState::Standing && booking.ends_at <= self.began_at {
            booking.state = RemoteState::Completed;
        }
        let untold = self.untold.clone();
        let look = Look { untold, ..Look::at(booking, self.export_at) };
        let before = self.rows.insert(look.external_id.clone(), Placed { line, last_line, look });
        u64::from(before.is_some())
    }
}

/// Stores pages.
pub(super) struct Storing<'a> {
    pub ports: ApplyPorts<'a>,
    pub scope: ApplyScope,
    pub is_dry_run: bool,
}

impl Storing<'_> {
    /// Stores a page and empties it.
    pub async fn store(
        &self,
        page: &mut Page,
        watch: &mut dyn BackfillWatch,
        report: &mut BackfillReport,
    ) -> Result<(), StoreError> {
        let rows: Vec<_> = std::mem::take(&mut page.rows).into_values().collect();
        if !self.is_dry_run {
            self.apply(rows, watch, report).await?;
        }
        report.done_through_line = page.last_line;
        watch.progress(report);
        Ok(())
    }

    /// Applies rows, and what may work out later again.
    async fn apply(
        &self,
        mut open: Vec<Placed>,
        watch: &mut dyn BackfillWatch,
        report: &mut BackfillReport,
    ) -> Result<(), StoreError> {
        let mut attempt = 1;
        while !open.is_empty() {
            let looks: Vec<_> = open.iter().map(|row| row.look.clone()).collect();
            let applied = apply_bookings(&self.ports, &self.scope, &looks).await;
            report.counts += ApplyCounts::of(&applied.outcomes);
            for (row, outcome) in open.iter().zip(&applied.outcomes) {
                if let Some(field) = fault_of(*outcome) {
                    report.bad_rows += 1;
                    watch.fault(&row.fault(field));
                }
            }
            let Some(error) = applied.error else { break };
            let outcomes = applied.outcomes.into_iter();
            let later = open.into_iter().zip(outcomes).filter(|(_, it)| may_pass(*it));
            open = later.map(|(row, _)| row).collect();
            let random = self.ports.clock.random();
            let wait = RETRY.wait_after(attempt, None, random, Duration::MAX);
            let Some(wait) = wait.filter(|_| !open.is_empty()) else { return Err(error) };
            self.ports.clock.sleep(wait).await;
            attempt += 1;
        }
        Ok(())
    }
}

impl Placed {
    fn fault(&self, field: &'static str) -> RowFault {
        let external_id = Some(self.look.external_id.clone());
        RowFault { line: self.line, last_line: self.last_line, external_id, field }
    }
}

const fn fault_of(applied: Applied) -> Option<&'static str> {
    match applied {
        Applied::Unreadable => Some(BAD_KEY),
        Applied::Failed(Verdict::Dead(_)) => Some(BAD_ITEM),
        Applied::Imported
        | Applied::Updated
        | Applied::Completed
        | Applied::Unchanged
        | Applied::Superseded
        | Applied::Doubtful
        | Applied::Failed(Verdict::Done | Verdict::Retry { .. } | Verdict::Wait { .. }) => None,
    }
}

const fn may_pass(applied: Applied) -> bool {
    matches!(applied, Applied::Failed(Verdict::Retry { .. } | Verdict::Wait { .. }))
}
