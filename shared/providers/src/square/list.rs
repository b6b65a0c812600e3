//! One answer of `GET /v2/bookings`: the rows of a span, and where its list goes on.

use std::collections::{BTreeMap, BTreeSet};

use sync_domain::model::{BookingSnapshot, ExternalId};
use sync_domain::ports::{PageError, UnreadableBooking};

use super::calls::Calls;
use super::error::{bad_answer, check, refuses_cursor};
use super::mapping::{id_of, snapshot_of};
use super::position::{CURSOR_MAX_BYTES, Position};
use super::span::Span;
use super::wire::{Booking, BookingList};
use crate::http::RawAnswer;

/// Rows of one answer: who booked them is then asked for in one call. The description names no bound,
/// Square's own SDK 10,000.
const ROWS_MAX: &str = "100";

/// What an answer gave.
#[derive(Default)]
pub struct Listed {
    /// Each once.
    pub rows: Vec<(ExternalId, BookingSnapshot)>,
    pub unreadable: Vec<UnreadableBooking>,
    /// The position of the next page of the span; `None` behind the last.
    pub next: Option<String>,
}

/// Reads the page of a span's list that the position's cursor leads to, or the first. All pages are asked
/// for with the same filters. Nobody says how long a cursor is good for: where Square refuses one, the
/// next page is the first of the list, once.
pub async fn list(calls: &mut Calls<'_>, span: &Span, at: &Position) -> Result<Listed, PageError> {
    let cursor = at.cursor.as_deref();
    let (min, max) = span.asked();
    let mut query = vec![("start_at_min", &*min), ("start_at_max", &*max), ("limit", ROWS_MAX)];
    query.extend(cursor.map(|cursor| ("cursor", cursor)));
    let answer = calls.get_raw("/v2/bookings", &query).await?;
    if cursor.is_some() && refuses_cursor(&answer) {
        let next = at.anew().and_then(|anew| anew.to_text()).ok_or(PageError::BadPosition)?;
        return Ok(Listed { next: Some(next), ..Listed::default() });
    }
    check(&answer)?;
    let given = BookingList::read(&answer.body).ok_or_else(|| bad_answer(&answer))?;
    let next = next_of(&given, at, &answer)?;
    let (rows, unreadable) = rows_of(&given.bookings.unwrap_or_default(), span);
    Ok(Listed { rows, unreadable, next })
}

/// A cursor that leads to where it came from would never end, and one that can't be carried would end
/// too early.
fn next_of(
    given: &BookingList,
    at: &Position,
    answer: &RawAnswer,
) -> Result<Option<String>, PageError> {
    let Some(cursor) = given.next_cursor() else { return Ok(None) };
    let is_fit = cursor.len() <= CURSOR_MAX_BYTES && at.cursor.as_deref() != Some(cursor);
    let position = is_fit.then(|| at.with_cursor(cursor.to_owned()));
    let text = position.and_then(|position| position.to_text());
    text.map(Some).ok_or_else(|| PageError::Provider(bad_answer(answer)))
}

type Rows = (Vec<(ExternalId, BookingSnapshot)>, Vec<UnreadableBooking>);

/// The rows of the span. Of a booking that comes twice the newer state counts, and any that can be read
/// before one that can't.
fn rows_of(given: &[Booking], span: &Span) -> Rows {
    let (mut rows, mut unreadable) = (BTreeMap::<_, BookingSnapshot>::new(), Vec::new());
    // What has no readable start may well be of the span, so that it is told.
    for row in given.iter().filter(|row| row.starts_at().is_none_or(|at| span.holds(at))) {
        match snapshot_of(row).and_then(|it| Ok((id_of(row)?, it))) {
            Ok((id, snapshot)) => {
                let known = rows.get(&id).map(|known| known.provider_version);
                if known.is_none_or(|known| snapshot.provider_version >= known) {
                    rows.insert(id, snapshot);
                }
            }
            Err(fault) => unreadable.push(fault),
        }
    }
    let mut told = BTreeSet::new();
    unreadable.retain(|it| match &it.external_id {
        Some(id) => !rows.contains_key(id) && told.insert(id.clone()),
        None => true,
    });
    (rows.into_iter().collect(), unreadable)
}
