//! What is to be imported, and from where on: as asked for, by default, or by the cursor.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::selection::{begin_selection, check, fingerprint_of};
use super::{ImportBookings, ImportDeps, ImportError};
use crate::cursor::{self, ImportCursor};
use crate::keys::Fingerprint;
use crate::model::InvalidField;
use crate::ports::{BookingWindow, ConnectionError};

const SECONDS_PER_DAY: u64 = 86_400;
/// How far back the first import reads.
const FIRST_BACK: SignedDuration = SignedDuration::from_hours(90 * 24);
/// How far behind the last import's beginning the next one begins.
const OVERLAP: SignedDuration = SignedDuration::from_hours(2 * 24);
/// The longest range: five years with two leap days.
const RANGE_MAX: SignedDuration = SignedDuration::from_hours((5 * 365 + 2) * 24);
/// No appointment of these systems is before 1970 or behind 2100; providers and clocks that add a day
/// to either end have room.
const MOMENTS: (Timestamp, Timestamp) =
    (Timestamp::UNIX_EPOCH, Timestamp::constant(4_102_444_800, 0));

/// The window of an import that has none.
const EVER: BookingWindow = BookingWindow { from: MOMENTS.0, until: MOMENTS.1 };

/// Where a call begins.
#[derive(Debug)]
pub(super) struct Start {
    pub window: BookingWindow,
    /// When the import's first call began.
    pub began_at: Timestamp,
    pub moves_watermark: bool,
    /// Of an import of what is named: what it was asked for.
    pub selection: Option<Fingerprint>,
    pub position: Option<String>,
}

/// The start of a call; refuses what can't be imported.
pub(super) async fn begin(
    deps: &ImportDeps<'_>,
    command: &ImportBookings,
) -> Result<Start, ImportError> {
    check(deps, command)?;
    let since = command.since.map(|since| checked("since", since)).transpose()?;
    let until = command.until.map(|until| checked("until", until)).transpose()?;
    if since.zip(until).is_some_and(|(since, until)| since > until) {
        return Err(InvalidField::new("since", "must not be after until").into());
    }
    let now = millis(deps.read.clock.now());
    match (&command.cursor, &command.selection) {
        (Some(text), _) => continued(deps, command, text, (since, until), now),
        (None, Some(selection)) => begin_selection(deps, selection, EVER),
        (None, None) => fresh(deps, command, (since, until), now).await,
    }
}

/// Goes on where the cursor says. What is asked for beside it must be what it stands for.
fn continued(
    deps: &ImportDeps<'_>,
    command: &ImportBookings,
    text: &str,
    (since, until): (Option<Timestamp>, Option<Timestamp>),
    now: Timestamp,
) -> Result<Start, ImportError> {
    let cursor = cursor::open(deps.cursor_key, &command.tenant, command.system, now, text)?;
    let ImportCursor { window, began_at, moves_watermark, selection, position, .. } = cursor;
    let asked = command.selection.as_ref().map(fingerprint_of).transpose()?;
    let is_same = (asked.is_none() || asked == selection)
        && since.is_none_or(|since| since == window.from)
        && until.is_none_or(|until| until == window.until);
    if !is_same {
        return Err(ImportError::InvalidCursor);
    }
    Ok(Start { window, began_at, moves_watermark, selection, position: Some(position) })
}

async fn fresh(
    deps: &ImportDeps<'_>,
    command: &ImportBookings,
    (since, until): (Option<Timestamp>, Option<Timestamp>),
    now: Timestamp,
) -> Result<Start, ImportError> {
    let watermark = deps.imports.watermark(&command.tenant, command.system).await?;
    let default_from = match watermark {
        Some(watermark) => millis(watermark.began_at) - OVERLAP,
        None => now - FIRST_BACK,
    };
    let default_until = now + horizon(deps, command).await?;
    let window = BookingWindow {
        from: since.unwrap_or(default_from),
        until: until.unwrap_or(default_until),
    };
    if window.from > window.until {
        let (field, reason) = match since {
            Some(_) => ("since", "must not be after until, which is the horizon by default"),
            None => ("until", "must not be before since, which has a default"),
        };
        return Err(InvalidField::new(field, reason).into());
    }
    if window.until.duration_since(window.from) > RANGE_MAX {
        let field = if until.is_some() { "until" } else { "since" };
        return Err(InvalidField::new(field, "must not be more than five years apart").into());
    }
    let moves_watermark = window.from <= default_from && window.until >= default_until;
    Ok(Start { window, began_at: now, moves_watermark, selection: None, position: None })
}

/// How far ahead is read by default: as the tenant has it, else as the deployment has.
async fn horizon(
    deps: &ImportDeps<'_>,
    command: &ImportBookings,
) -> Result<Duration, ConnectionError> {
    let found = deps.read.connections.connection(&command.tenant, command.system).await;
    let connection = match found {
        Ok(connection) | Err(ConnectionError::NoToken { last: connection, .. }) => connection,
        Err(error) => return Err(error),
    };
    let days = connection.import_horizon_days.map(u64::from);
    Ok(days.map_or(deps.horizon, |days| Duration::from_secs(days * SECONDS_PER_DAY)))
}

fn checked(field: &'static str, moment: Timestamp) -> Result<Timestamp, InvalidField> {
    let is_within = MOMENTS.0 <= moment && moment <= MOMENTS.1;
    let error = || InvalidField::new(field, "must be between 1970 and 2100");
    is_within.then(|| millis(moment)).ok_or_else(error)
}

/// Cursors hold milliseconds, so windows do.
fn millis(moment: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(moment.as_millisecond()).unwrap_or(moment)
}
