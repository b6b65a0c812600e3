//! `POST /v2/bookings/bulk-retrieve`: bookings by their ids, each with an answer of its own.

use std::collections::{BTreeMap, BTreeSet};

use sync_domain::model::{BookingSnapshot, ExternalId};
use sync_domain::ports::ProviderError;

use super::calls::Calls;
use super::error::{EntryFault, bad_answer, fault_of, success_of};
use super::mapping::{is_id, snapshot_of};
use super::wire::{BookingEntry, BookingIds, BookingsById};
use crate::http::RawAnswer;

/// What Square said of ids; of those in neither, that it has no such booking.
#[derive(Default)]
pub struct Retrieved {
    pub snapshots: BTreeMap<ExternalId, BookingSnapshot>,
    /// The member at fault.
    pub unreadable: BTreeMap<ExternalId, &'static str>,
    /// Whether Square has none of an id, or shows us none.
    pub misses_any: bool,
}

/// Asks for each id once. What can be none of Square's is not asked for, since one such id may have the
/// whole call refused.
///
/// # Errors
/// See [`ProviderError`]; also when there is no word of an id that was asked for, or another booking in
/// its place: nobody may take that for a deletion.
pub async fn retrieve(
    calls: &mut Calls<'_>,
    external_ids: &[ExternalId],
) -> Result<Retrieved, ProviderError> {
    let mut retrieved = Retrieved::default();
    let (ids, others): (BTreeSet<_>, BTreeSet<_>) =
        external_ids.iter().partition(|id| is_id(id.as_str()));
    retrieved.unreadable.extend(others.into_iter().map(|id| (id.clone(), "id")));
    if ids.is_empty() {
        return Ok(retrieved);
    }
    let asked = BookingIds { booking_ids: ids.iter().map(|id| id.as_str()).collect() };
    let answer = calls.post_raw("/v2/bookings/bulk-retrieve", &asked).await?;
    let answered: BookingsById = success_of(&answer)?;
    for id in ids {
        let entry = answered.bookings.get(id.as_str()).ok_or_else(|| bad_answer(&answer))?;
        retrieved.take(id, entry, &answer)?;
    }
    Ok(retrieved)
}

impl Retrieved {
    fn take(
        &mut self,
        id: &ExternalId,
        entry: &BookingEntry,
        answer: &RawAnswer,
    ) -> Result<(), ProviderError> {
        let Some(booking) = &entry.booking else {
            match fault_of(entry.errors.list(), answer) {
                EntryFault::NotFound => self.misses_any = true,
                EntryFault::Refused => drop(self.unreadable.insert(id.clone(), "id")),
                EntryFault::Failed(error) => return Err(error),
            }
            return Ok(());
        };
        if booking.external_id().as_ref() != Some(id) {
            return Err(bad_answer(answer));
        }
        match snapshot_of(booking) {
            Ok(snapshot) => drop(self.snapshots.insert(id.clone(), snapshot)),
            Err(unreadable) => drop(self.unreadable.insert(id.clone(), unreadable.field)),
        }
        Ok(())
    }
}
