//! Import a tenant's appointments: as many pages as fit into a call, then a cursor to go on with.
//!
//! An import is made of one or more calls. Whatever a page brought is stored before the position
//! moves behind it, so a call that dies costs nothing but reading that page again. When the whole
//! window was read and it was no smaller than the default one, the watermark moves to the import's
//! beginning: the next import begins there, with an overlap. An import of what is named
//! (`selection`) moves none. A part that can't be shown to be
//! complete stops the import, and the watermark stays.

mod claiming;
mod run;
mod selection;
mod window;

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use secrecy::SecretString;

use self::claiming::{Begun, claim, finish, release};
use self::run::run;
pub use self::selection::{SELECTED_MAX, selection_of};
use self::window::begin;
use super::apply_bookings::{ApplyCounts, ApplyPorts};
use super::read_bookings::{ReadCosts, ReadError, ReadPorts};
use crate::cursor::InvalidCursor;
use crate::keys::SeparatorInPart;
use crate::model::{CorrelationId, IdempotencyKey, InvalidField, System, TenantId};
use crate::ports::{
    BookingSelection, ConnectionError, ImportAnswer, ImportStore, ProviderError, RemoteEffect,
    StoreError, UnreadableBooking,
};
use crate::retry::RetryPolicy;

/// What the caller wants.
#[derive(Debug)]
pub struct ImportBookings {
    /// Whose appointments.
    pub tenant: TenantId,
    /// From which system.
    pub system: System,
    /// The first moment at which one may begin; by default where the last import left off, with an
    /// overlap, or 90 days back.
    pub since: Option<Timestamp>,
    /// The moment behind the last; by default the horizon.
    pub until: Option<Timestamp>,
    /// What is named, in place of a range: needed at a system that has no list by date.
    pub selection: Option<BookingSelection>,
    /// Where an earlier call left off.
    pub cursor: Option<String>,
    /// The caller's key.
    pub idempotency_key: Option<IdempotencyKey>,
    /// The request.
    pub correlation_id: CorrelationId,
    /// When the invocation ends.
    pub deadline: Timestamp,
}

/// The ports and settings of this use case.
pub struct ImportDeps<'a> {
    /// The way to the booking system.
    pub read: ReadPorts<'a>,
    /// Where bookings and clients are kept.
    pub apply: ApplyPorts<'a>,
    /// Where imports are claimed and remembered.
    pub imports: &'a dyn ImportStore,
    /// How failed calls are repeated.
    pub retry: RetryPolicy,
    /// How long one call to the provider may take (`INTEGRATION_TIMEOUT_MS`).
    pub call_timeout: Duration,
    /// The deployment's secret for cursors (`CURSOR_KEY_SECRET`).
    pub cursor_key: &'a SecretString,
    /// How far ahead is read by default (`IMPORT_HORIZON_DAYS`) where the tenant has no horizon of its own.
    pub horizon: Duration,
}

/// What a call came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The answer to the caller.
    pub answer: ImportAnswer,
    /// Whether it is a stored one.
    pub is_replay: bool,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The caller's input is at fault.
    #[error(transparent)]
    Invalid(#[from] InvalidField),
    /// The cursor is none of ours, of another tenant, system or window, altered, or too old.
    #[error("the cursor can't be used")]
    InvalidCursor,
    /// The tenant has no usable connection.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// The key was used before for something else.
    #[error("the idempotency key was used before for another import")]
    KeyReused,
    /// The same key is being worked on now.
    #[error("the same key is in progress")]
    InProgress {
        /// When to ask again.
        retry_after: Duration,
    },
    /// The provider said no, or nothing.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// The provider does not give all of a day, however it is asked.
    #[error("the appointments of {day} can't be read completely")]
    Incomplete {
        /// The day, in UTC, on which the part begins.
        day: Date,
    },
    /// The table can't be used now.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<SeparatorInPart> for ImportError {
    fn from(error: SeparatorInPart) -> Self {
        Self::Store(StoreError::BadKey(error))
    }
}

impl From<InvalidCursor> for ImportError {
    fn from(_error: InvalidCursor) -> Self {
        Self::InvalidCursor
    }
}

impl From<ReadError> for ImportError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Connection(error) => Self::Connection(error),
            ReadError::Provider(error) => Self::Provider(error),
            ReadError::Incomplete(part) => {
                Self::Incomplete { day: part.from.to_zoned(jiff::tz::TimeZone::UTC).date() }
            }
            // A cursor outlived the build that wrote its position.
            ReadError::BadPosition => Self::InvalidCursor,
        }
    }
}

/// Counts for the metrics and the log line of one call; filled while it runs so that they are there
/// on failure too.
#[derive(Debug, Default)]
pub struct ImportStats {
    /// What was asked of the provider.
    pub costs: ReadCosts,
    /// Pages that were stored.
    pub pages: u32,
    /// What became of the bookings.
    pub counts: ApplyCounts,
    /// Rows that can't be read: ids and names of fields, no values. Some hundred at most; all of
    /// them are counted.
    pub unreadable: Vec<UnreadableBooking>,
    /// What ended the call early although it has an answer.
    pub stopped_by: Option<ImportError>,
}

/// Carries one call of an import out.
///
/// # Errors
/// See [`ImportError`]. What was stored until then stays; after one page or more there is an answer
/// with a cursor in place of an error.
pub async fn import_bookings(
    deps: &ImportDeps<'_>,
    command: &ImportBookings,
    stats: &mut ImportStats,
) -> Result<Imported, ImportError> {
    let start = begin(deps, command).await?;
    let claim = match claim(deps, command).await? {
        Begun::Answered(answer) => return Ok(Imported { answer, is_replay: true }),
        Begun::Owned(claim) => claim,
    };
    let result = run(deps, command, start, stats).await;
    if let Some(claim) = claim {
        match &result {
            Ok(answer) => finish(deps, &claim, answer).await,
            Err(_) => release(deps, &claim).await,
        }
    }
    result.map(|answer| Imported { answer, is_replay: false })
}

/// What the provider could not do for no reason that it told.
const fn no_reason() -> ProviderError {
    ProviderError::Unavailable { status: None, retry_after: None, effect: RemoteEffect::None }
}
