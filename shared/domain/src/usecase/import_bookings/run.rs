//! The pages of one call, and how it ends: with the whole window, or with a cursor.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::window::Start;
use super::{ImportBookings, ImportDeps, ImportError, ImportStats, no_reason};
use crate::cursor::{ImportCursor, seal};
use crate::gate::Class;
use crate::ports::{BookingPage, ImportAnswer, StoreError, UnreadableBooking, Watermark};
use crate::usecase::apply_bookings::{ApplyCounts, ApplyPorts, ApplyScope, Look, apply_bookings};
use crate::usecase::read_bookings::{Account, PageLimits, Read};
use crate::usecase::walk_bookings::{End, PageWork, Walked, walk};

/// No page is begun later than this after the call's beginning: its caller waits.
const BUDGET_MAX: Duration = Duration::from_secs(25);
/// Kept back before the deadline for the last page's writes and the answer, at least.
const RESERVE: Duration = Duration::from_secs(8);
/// Of it, what the writes and the answer need when the last read took as long as it may.
const WRITES_RESERVE: Duration = Duration::from_secs(3);
/// So many unreadable rows are named, by page and by call.
const NAMED_MAX: usize = 100;

/// Stores pages, and counts.
pub(super) struct Storing<'a> {
    ports: &'a ApplyPorts<'a>,
    scope: &'a ApplyScope,
    counts: ApplyCounts,
    unreadable: Vec<UnreadableBooking>,
}

#[async_trait]
impl PageWork for Storing<'_> {
    type Error = StoreError;

    async fn work(&mut self, page: Read<BookingPage>) -> Result<(), StoreError> {
        let Read { value: page, read_at, .. } = page;
        let looks: Vec<_> =
            page.bookings.into_iter().map(|remote| Look::at(remote, read_at)).collect();
        let report = apply_bookings(self.ports, self.scope, &looks).await;
        self.counts += ApplyCounts::of(&report.outcomes);
        // A page that is read again would count its unreadable rows twice.
        if let Some(error) = report.error {
            return Err(error);
        }
        self.counts.unreadable += u64::try_from(page.unreadable.len()).unwrap_or(u64::MAX);
        let room = NAMED_MAX.saturating_sub(self.unreadable.len());
        self.unreadable.extend(page.unreadable.into_iter().take(room));
        Ok(())
    }
}

/// Reads and stores pages until the window or the time ends.
pub(super) async fn run(
    deps: &ImportDeps<'_>,
    command: &ImportBookings,
    start: Start,
    stats: &mut ImportStats,
) -> Result<ImportAnswer, ImportError> {
    if start.window.from == start.window.until {
        return Ok(ImportAnswer::default());
    }
    let scope = ApplyScope {
        tenant: command.tenant.clone(),
        system: command.system,
        correlation_id: command.correlation_id.clone(),
        refreshes: false,
    };
    let account = Account::new(deps.read, &command.tenant, command.system, Class::Background);
    let limits = PageLimits { retry: deps.retry, until: reading_until(deps, command) };
    let mut storing = Storing {
        ports: &deps.apply,
        scope: &scope,
        counts: ApplyCounts::default(),
        unreadable: Vec::new(),
    };
    let from = start.position.clone();
    let walked = walk(&account, start.window, from, limits, &mut storing).await;
    stats.costs = account.costs();
    stats.pages = walked.pages;
    stats.counts = storing.counts;
    stats.unreadable = storing.unreadable;
    let answer = answer(deps, command, &start, walked, stats).await;
    account.hand_back().await;
    answer
}

/// What is told of a walk; the watermark moves with one that is complete.
async fn answer(
    deps: &ImportDeps<'_>,
    command: &ImportBookings,
    start: &Start,
    walked: Walked<StoreError>,
    stats: &mut ImportStats,
) -> Result<ImportAnswer, ImportError> {
    let mut answer = ImportAnswer {
        imported: stats.counts.imported,
        updated: stats.counts.updated,
        skipped_duplicates: stats.counts.skipped_duplicates,
        next_cursor: None,
    };
    let stopped_by = match walked.end {
        End::Complete => {
            complete(deps, command, start).await?;
            return Ok(answer);
        }
        End::OutOfTime => None,
        End::Unread(error) => Some(error.into()),
        End::Unworked(error) => Some(error.into()),
    };
    match (stopped_by, walked.position) {
        (Some(error), _) if walked.pages == 0 => return Err(error),
        (stopped_by, Some(position)) => {
            stats.stopped_by = stopped_by;
            answer.next_cursor = Some(cursor(deps, command, start, position)?);
        }
        // Something was done, so there is a position.
        (stopped_by, None) => return Err(stopped_by.unwrap_or(no_reason().into())),
    }
    Ok(answer)
}

/// No read is begun after it.
fn reading_until(deps: &ImportDeps<'_>, command: &ImportBookings) -> Timestamp {
    let page = deps.call_timeout.saturating_mul(deps.read.reader.requests_per_page());
    let reserve = RESERVE.max(page + WRITES_RESERVE);
    (deps.read.clock.now() + BUDGET_MAX).min(command.deadline - reserve)
}

/// Everything of the window is stored.
async fn complete(
    deps: &ImportDeps<'_>,
    command: &ImportBookings,
    start: &Start,
) -> Result<(), StoreError> {
    if !start.moves_watermark {
        return Ok(());
    }
    let watermark = Watermark { began_at: start.began_at, completed_at: deps.read.clock.now() };
    deps.imports.complete(&command.tenant, command.system, watermark).await
}

fn cursor(
    deps: &ImportDeps<'_>,
    command: &ImportBookings,
    start: &Start,
    position: String,
) -> Result<String, ImportError> {
    let cursor = ImportCursor {
        tenant: command.tenant.clone(),
        system: command.system,
        window: start.window,
        began_at: start.began_at,
        moves_watermark: start.moves_watermark,
        selection: start.selection.clone(),
        position,
    };
    let text = seal(deps.cursor_key, &cursor, deps.read.clock.now());
    text.ok_or(ImportError::Store(StoreError::Malformed("the cursor can't be written")))
}
