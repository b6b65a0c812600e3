//! One step of a sweep: pages within the time left, each stored and checked for what vanished.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::asking::TURN_WAIT_MAX;
use super::vanished::{Checks, Vanished};
use crate::gate::Class;
use crate::model::{ExternalId, SweepStep};
use crate::ports::{
    BookingPage, BookingWindow, ConnectionError, DeadCause, ProviderError, UnreadableBooking,
};
use crate::retry::RetryPolicy;
use crate::usecase::apply_bookings::{ApplyCounts, ApplyPorts, ApplyScope, Look, apply_bookings};
use crate::usecase::read_bookings::{Account, PageLimits, Read, ReadCosts, ReadError, ReadPorts};
use crate::usecase::settle_work::Verdict;
use crate::usecase::sweeping::SweepOutcome;
use crate::usecase::walk_bookings::{End, PageWork, walk};

/// Kept back before the deadline for the last page's writes and checks, and for settling.
const RESERVE: Duration = Duration::from_secs(15);
/// Of it, what the writes need when the last read took as long as it may.
const WRITES_RESERVE: Duration = Duration::from_secs(3);
/// A sweep that must wait when the next one was planned already is given up for that one.
const AGE_MAX: Duration = Duration::from_secs(3_600);
/// So many unreadable rows are named.
const NAMED_MAX: usize = 100;

/// The ports and settings of a step.
pub struct SweepDeps<'a> {
    /// The way to the booking system.
    pub read: ReadPorts<'a>,
    /// Where bookings and clients are kept.
    pub apply: ApplyPorts<'a>,
    /// How failed calls are repeated.
    pub retry: RetryPolicy,
    /// How long one call to the provider may take (`INTEGRATION_TIMEOUT_MS`).
    pub call_timeout: Duration,
}

/// What a step came to.
#[derive(Debug)]
pub struct SweepReport {
    /// The next step, with the drift so far: the message's body from now on, where it goes on. Where
    /// there were pages, its tries count from zero.
    pub step: SweepStep,
    /// How it ended.
    pub outcome: SweepOutcome,
    /// Pages that were stored and checked.
    pub pages: u32,
    /// Whether the sweep is nearer to its end than before, be it within a page.
    pub came_forward: bool,
    /// What became of the bookings, on pages and asked for by their ids.
    pub counts: ApplyCounts,
    /// Of them, those that were asked for by their ids, because they were on no page, and were moved,
    /// changed or gone.
    pub vanished: u64,
    /// Rows that can't be read: ids and names of fields, no values; some hundred at most.
    pub unreadable: Vec<UnreadableBooking>,
    /// What was asked of the provider.
    pub costs: ReadCosts,
}

/// Stores pages and checks what vanished.
struct Sweeping<'a> {
    account: &'a Account<'a>,
    ports: &'a ApplyPorts<'a>,
    scope: &'a ApplyScope,
    until: Timestamp,
    /// Whether an earlier step may have read a page of the part that is read.
    is_resumed: bool,
    /// All ids of this step so far.
    seen: BTreeSet<ExternalId>,
    counts: ApplyCounts,
    unreadable: Vec<UnreadableBooking>,
    checks: Checks,
}

#[async_trait]
impl PageWork for Sweeping<'_> {
    type Error = Verdict;

    async fn work(&mut self, page: Read<BookingPage>) -> Result<(), Verdict> {
        let Read { value: page, read_at, .. } = page;
        let unreadable = page.unreadable.iter().filter_map(|row| row.external_id.clone());
        self.seen.extend(unreadable);
        self.seen.extend(page.bookings.iter().map(|remote| remote.external_id.clone()));
        let looks: Vec<_> =
            page.bookings.into_iter().map(|remote| Look::at(remote, read_at)).collect();
        let report = apply_bookings(self.ports, self.scope, &looks).await;
        self.counts += ApplyCounts::of(&report.outcomes);
        if let Some(error) = report.error {
            return Err(Verdict::from(&error));
        }
        let Self { account, ports, scope, until, is_resumed, .. } = *self;
        let vanished = Vanished { account, ports, scope, until, is_resumed };
        vanished.settle(&page.completed, &mut self.seen, &mut self.checks).await?;
        self.is_resumed &= page.completed.is_empty();
        self.counts.unreadable += u64::try_from(page.unreadable.len()).unwrap_or(u64::MAX);
        let room = NAMED_MAX.saturating_sub(self.unreadable.len());
        self.unreadable.extend(page.unreadable.into_iter().take(room));
        Ok(())
    }
}

/// Carries a step out. No read is begun that might not be over at the `deadline`.
pub async fn sweep_step(deps: &SweepDeps<'_>, step: SweepStep, deadline: Timestamp) -> SweepReport {
    let scope = ApplyScope {
        tenant: step.tenant.clone(),
        system: step.system,
        correlation_id: step.correlation_id.clone(),
        refreshes: false,
    };
    let account = Account::new(deps.read, &scope.tenant, step.system, Class::Background);
    let limits = PageLimits { retry: deps.retry, until: deadline - reserve(deps) };
    let mut sweeping = Sweeping {
        account: &account,
        ports: &deps.apply,
        scope: &scope,
        until: limits.until,
        is_resumed: step.position.is_some() || step.checked.is_some(),
        seen: BTreeSet::new(),
        counts: ApplyCounts::default(),
        unreadable: Vec::new(),
        checks: Checks { checked: step.checked.clone(), ..Checks::default() },
    };
    let window = BookingWindow { from: step.from, until: step.until };
    let walked = walk(&account, window, step.position.clone(), limits, &mut sweeping).await;
    let Sweeping { mut counts, mut unreadable, checks, .. } = sweeping;
    let Checks { checked, counts: by_id, unreadable: rows, .. } = checks;
    counts += by_id;
    counts.unreadable += u64::try_from(rows.len()).unwrap_or(u64::MAX);
    unreadable.extend(rows.into_iter().take(NAMED_MAX.saturating_sub(unreadable.len())));
    let costs = account.costs();
    let came_forward = walked.pages > 0 || checked != step.checked;
    let drift = step.drift + counts.news();
    let mut next = SweepStep { position: walked.position, checked, drift, ..step };
    let now = deps.read.clock.now();
    let outcome = match walked.end {
        End::Complete => SweepOutcome::Done,
        End::OutOfTime => SweepOutcome::AT_ONCE,
        End::Unread(ReadError::BadPosition) if next.position.is_some() => {
            // The position is of another build's making: what it stood for is read again.
            (next.position, next.checked) = (None, None);
            SweepOutcome::Later(Verdict::Retry { after: None })
        }
        End::Unread(error) => outcome_of(&error, &next, now),
        // As of a page: the connection's health tells it, and each hour would bring a dead letter.
        End::Unworked(Verdict::Dead(
            DeadCause::ProviderUnauthorized | DeadCause::ProviderMissingScope,
        )) => SweepOutcome::REFUSED,
        End::Unworked(verdict) => waiting(verdict, &next, now),
    };
    account.hand_back().await;
    SweepReport {
        step: next,
        outcome,
        pages: walked.pages,
        came_forward,
        counts,
        vanished: by_id.news(),
        unreadable,
        costs,
    }
}

/// The time that is kept back before the deadline: what was begun must be over by then, and stored.
fn reserve(deps: &SweepDeps<'_>) -> Duration {
    let reader = deps.read.reader;
    let page = deps.call_timeout.saturating_mul(reader.requests_per_page());
    let read = deps.call_timeout.saturating_mul(reader.requests_per_read()) + TURN_WAIT_MAX;
    RESERVE.max(page).max(read + WRITES_RESERVE)
}

fn outcome_of(error: &ReadError, step: &SweepStep, now: Timestamp) -> SweepOutcome {
    match error {
        ReadError::Connection(ConnectionError::NotFound) => SweepOutcome::DISCONNECTED,
        ReadError::Connection(ConnectionError::Broken)
        | ReadError::Provider(ProviderError::Unauthorized | ProviderError::MissingScope) => {
            SweepOutcome::REFUSED
        }
        ReadError::Connection(_)
        | ReadError::Provider(_)
        | ReadError::Incomplete(_)
        | ReadError::BadPosition => waiting(Verdict::from(error), step, now),
    }
}

/// Sweeps that wait must not pile up: each hour brings another one.
fn waiting(verdict: Verdict, step: &SweepStep, now: Timestamp) -> SweepOutcome {
    let age = Duration::try_from(now.duration_since(step.began_at)).unwrap_or_default();
    SweepOutcome::of(verdict, age, AGE_MAX)
}
