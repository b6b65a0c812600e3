//! Bookings that we know to begin in a part of the window, which was read completely without them: all
//! of them where the provider has no list by date.
//!
//! Each is asked for by its id. Who is out of time or stopped by a fault notes how far it came, so that
//! the next step goes on there: at a provider that tells one booking per request a part may hold more of
//! them than one step can ask for.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::{StreamExt, stream};
use jiff::Timestamp;

use crate::model::{CheckedUpTo, ExternalId, READS_APART};
use crate::ports::{AskedBooking, BookingWindow, KnownBooking, ProviderError, UnreadableBooking};
use crate::usecase::apply_bookings::{
    Applied, ApplyCounts, ApplyPorts, ApplyScope, Evidence, Look, apply_bookings,
};
use crate::usecase::read_bookings::{Account, Read, ReadError};
use crate::usecase::settle_work::Verdict;

/// Reads in flight at once.
const READS_MAX: usize = 4;
/// What so many rounds of reads give is stored together.
const ROUNDS: usize = 5;
/// How long each waits for its turn.
pub(super) const TURN_WAIT_MAX: Duration = Duration::from_secs(5);

/// See the module.
pub(super) struct Vanished<'a> {
    pub account: &'a Account<'a>,
    pub ports: &'a ApplyPorts<'a>,
    pub scope: &'a ApplyScope,
    /// No read is begun after it.
    pub until: Timestamp,
}

/// What a step has found out about bookings by their ids.
#[derive(Default)]
pub(super) struct Checks {
    /// How far the page is checked at which the step is.
    pub checked: Option<CheckedUpTo>,
    pub counts: ApplyCounts,
    pub unreadable: Vec<UnreadableBooking>,
}

/// What one read says of its ids.
type Answer<'k> = (&'k [KnownBooking], Result<Read<Vec<AskedBooking>>, ReadError>);

/// A read of some ids, applied: how many from the first one on are done with, and what stops the rest.
struct Stored {
    done: usize,
    stop: Option<Verdict>,
}

impl Vanished<'_> {
    /// Asks for each booking of the parts that was not seen, and stores what became of it: that it was
    /// moved, changed, or is gone. Parts that an earlier step has checked are left out. Whoever has an
    /// answer counts as seen.
    pub async fn settle(
        &self,
        parts: &[BookingWindow],
        seen: &mut BTreeSet<ExternalId>,
        checks: &mut Checks,
    ) -> Result<(), Verdict> {
        let begun = checks.checked.clone();
        let place = begun.and_then(|it| {
            let place = parts.iter().position(|part| part.from == it.from)?;
            Some((place, it.place))
        });
        let (first, mut after) = place.map_or((0, None), |(first, after)| (first, Some(after)));
        for part in parts.iter().skip(first) {
            self.settle_part(*part, after.take(), seen, checks).await?;
        }
        checks.checked = None;
        Ok(())
    }

    async fn settle_part(
        &self,
        part: BookingWindow,
        mut after: Option<String>,
        seen: &mut BTreeSet<ExternalId>,
        checks: &mut Checks,
    ) -> Result<(), Verdict> {
        loop {
            let ApplyScope { tenant, system, .. } = self.scope;
            let page =
                self.ports.bookings.beginning_in(tenant, *system, part, after.as_deref()).await;
            let (known, next) = page.map_err(|error| Verdict::from(&error))?;
            let unseen: Vec<_> =
                known.into_iter().filter(|it| !seen.contains(&it.external_id)).collect();
            let at_once = self.account.bookings_max() * READS_MAX * ROUNDS;
            for missing in unseen.chunks(at_once) {
                let Stored { done, stop } = self.store(missing, checks).await;
                let done = missing.get(..done).unwrap_or(missing);
                seen.extend(done.iter().map(|it| it.external_id.clone()));
                if let Some(last) = done.last() {
                    let place = last.place.clone();
                    checks.checked = Some(CheckedUpTo { from: part.from, place });
                }
                stop.map_or(Ok(()), Err)?;
            }
            after = next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    async fn store(&self, missing: &[KnownBooking], checks: &mut Checks) -> Stored {
        let (answers, out_of_time) = self.read(missing).await;
        let (mut looks, mut done, mut failure) = (Vec::new(), 0, None);
        for (asked, answer) in answers {
            match answer {
                Ok(Read { value, read_at, .. }) => {
                    for (known, found) in asked.iter().zip(value) {
                        let id = &known.external_id;
                        looks.extend(self.look_of(id, found, read_at, &mut checks.unreadable));
                    }
                }
                // Asking again would not mend it, and its neighbours must not wait for it.
                Err(ReadError::Provider(ProviderError::Rejected { .. })) if asked.len() == 1 => {
                    let external_id = asked.first().map(|it| it.external_id.clone());
                    checks.unreadable.push(UnreadableBooking { external_id, field: "id" });
                }
                Err(error) => {
                    failure.get_or_insert(Verdict::from(&error));
                }
            }
            if failure.is_none() {
                done += asked.len();
            }
        }
        // What was answered is stored even where another answer is missing.
        let report = apply_bookings(self.ports, self.scope, &looks).await;
        checks.counts += ApplyCounts::of(&report.outcomes);
        if let Some(error) = report.error {
            return Stored { done: 0, stop: Some(Verdict::from(&error)) };
        }
        match first_doubtful(missing, &looks, &report.outcomes) {
            Some(place) if place < done => {
                Stored { done: place, stop: Some(Verdict::Wait { after: READS_APART }) }
            }
            Some(_) | None => Stored { done, stop: failure.or(out_of_time) },
        }
    }

    /// The answers in the order of the bookings, as far as the time suffices, and what to do about those
    /// that were not asked for.
    async fn read<'k>(&self, missing: &'k [KnownBooking]) -> (Vec<Answer<'k>>, Option<Verdict>) {
        let asked = missing.chunks(self.account.bookings_max()).map(|asked| async move {
            let is_in_time = self.account.clock().now() < self.until;
            let ids: Vec<_> = asked.iter().map(|it| it.external_id.clone()).collect();
            match is_in_time {
                true => Some((asked, self.account.bookings(&ids, TURN_WAIT_MAX).await)),
                false => None,
            }
        });
        let asked: Vec<_> = asked.collect();
        let answers: Vec<_> = stream::iter(asked).buffered(READS_MAX).collect().await;
        let is_whole = answers.iter().all(Option::is_some);
        // Nothing that comes behind a read that was not made was read either.
        let out_of_time = (!is_whole).then_some(Verdict::Wait { after: Duration::ZERO });
        (answers.into_iter().flatten().collect(), out_of_time)
    }

    /// What is to be stored of an answer. One that can't be read stays as it is stored, and is told of.
    fn look_of(
        &self,
        id: &ExternalId,
        found: AskedBooking,
        read_at: Timestamp,
        unreadable: &mut Vec<UnreadableBooking>,
    ) -> Option<Look> {
        let gone = Look::gone(id.clone(), read_at);
        match found {
            Some(Ok(remote)) => Some(Look { found: Some(remote), ..gone }),
            Some(Err(row)) => {
                unreadable.push(row);
                None
            }
            // Where there is a list it was missing there before.
            None if self.account.lists_by_date() => Some(gone),
            None => Some(Look { evidence: Evidence::ReadOnce, ..gone }),
        }
    }
}

/// The place of the first booking that may be gone, or may only not be there yet.
fn first_doubtful(missing: &[KnownBooking], looks: &[Look], outcomes: &[Applied]) -> Option<usize> {
    let doubtful: BTreeSet<_> = looks
        .iter()
        .zip(outcomes)
        .filter(|(_, applied)| **applied == Applied::Doubtful)
        .map(|(look, _)| &look.external_id)
        .collect();
    missing.iter().position(|it| doubtful.contains(&it.external_id))
}
