//! Bookings that we know to begin in a part of the window, which was read completely without them: all
//! of them where the provider has no list by date.
//!
//! Each is asked for by its id. Who is out of time or stopped by a fault notes how far it came, so that
//! the next step goes on there: at a provider that tells one booking per request a part may hold more of
//! them than one step can ask for.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::asking::{Answer, Answers, Asking, FAULTS_MAX};
use crate::model::{CheckedUpTo, ExternalId, READS_APART};
use crate::ports::{AskedBooking, BookingWindow, KnownBooking, UnreadableBooking};
use crate::usecase::apply_bookings::{
    Applied, ApplyCounts, ApplyPorts, ApplyScope, Evidence, Look, apply_bookings,
};
use crate::usecase::read_bookings::Account;
use crate::usecase::settle_work::Verdict;

/// See the module.
pub(super) struct Vanished<'a> {
    pub account: &'a Account<'a>,
    pub ports: &'a ApplyPorts<'a>,
    pub scope: &'a ApplyScope,
    /// No read is begun after it.
    pub until: Timestamp,
    /// Whether an earlier step has read pages of these parts, so that it is not known who was on them.
    pub is_resumed: bool,
}

/// What a step has found out about bookings by their ids.
#[derive(Default)]
pub(super) struct Checks {
    /// How far the page is checked at which the step is.
    pub checked: Option<CheckedUpTo>,
    pub counts: ApplyCounts,
    pub unreadable: Vec<UnreadableBooking>,
    /// Whether the provider has told of the last booking that was asked for.
    pub is_answering: bool,
}

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
            let mut rest = unseen.as_slice();
            while !rest.is_empty() {
                let missing = rest.get(..self.asking().at_once()).unwrap_or(rest);
                let Stored { done, stop } = self.store(missing, checks).await;
                let (done, left) = rest.split_at(done.min(rest.len()));
                seen.extend(done.iter().map(|it| it.external_id.clone()));
                if let Some(last) = done.last() {
                    let place = last.place.clone();
                    checks.checked = Some(CheckedUpTo { from: part.from, place });
                }
                stop.map_or(Ok(()), Err)?;
                rest = left;
            }
            after = next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    const fn asking(&self) -> Asking<'_> {
        Asking { account: self.account, until: self.until }
    }

    async fn store(&self, missing: &[KnownBooking], checks: &mut Checks) -> Stored {
        let Answers { answered, in_a_row, stop } = self.asking().ask(missing).await;
        let (in_a_row, stop) = match failing_from(&answered, in_a_row, checks.is_answering) {
            Some((place, verdict)) => (place, Some(verdict)),
            None => (in_a_row, stop),
        };
        let last = answered.get(..in_a_row).and_then(<[_]>::last);
        checks.is_answering = last.is_some_and(|(_, it)| !matches!(it, Answer::Faulted(_)));
        let (mut looks, mut unreadable) = (Vec::new(), Vec::new());
        for (place, (known, answer)) in answered.into_iter().enumerate() {
            let id = &known.external_id;
            let field = match answer {
                Answer::Told(found, read_at) => {
                    match self.look_of(id, found, read_at) {
                        Ok(look) => looks.push(look),
                        Err(row) => unreadable.push((place, row)),
                    }
                    continue;
                }
                Answer::Refused => "id",
                Answer::Faulted(_) => "answer",
            };
            let external_id = Some(id.clone());
            unreadable.push((place, UnreadableBooking { external_id, field }));
        }
        // What was answered is stored even where another answer is missing.
        let report = apply_bookings(self.ports, self.scope, &looks).await;
        checks.counts += ApplyCounts::of(&report.outcomes);
        if let Some(error) = report.error {
            return Stored { done: 0, stop: Some(Verdict::from(&error)) };
        }
        let stored = match first_doubtful(missing, &looks, &report.outcomes) {
            Some(place) if place < in_a_row => {
                Stored { done: place, stop: Some(Verdict::Wait { after: READS_APART }) }
            }
            Some(_) | None => Stored { done: in_a_row, stop },
        };
        // Those behind are asked for, and told of, again.
        let told = unreadable.into_iter().filter(|(place, _)| *place < stored.done);
        checks.unreadable.extend(told.map(|(_, row)| row));
        stored
    }

    /// What is to be stored of an answer. One that can't be read stays as it is stored, and is told of.
    fn look_of(
        &self,
        id: &ExternalId,
        found: AskedBooking,
        read_at: Timestamp,
    ) -> Result<Look, UnreadableBooking> {
        let found = found.transpose()?;
        // Who is missing was missing in the list before, where there is one and all of it was seen.
        let is_only_look = !self.account.lists_by_date() || (self.is_resumed && found.is_none());
        let evidence = if is_only_look { Evidence::ReadOnce } else { Evidence::Read };
        Ok(Look { found, evidence, ..Look::gone(id.clone(), read_at) })
    }
}

/// From where on the provider fails, rather than some of its bookings: there are that many in a row, or
/// nobody beside them of whom it tells.
fn failing_from(
    answered: &[(&KnownBooking, Answer)],
    in_a_row: usize,
    is_answering: bool,
) -> Option<(usize, Verdict)> {
    let answered = answered.get(..in_a_row)?;
    let (mut begin, mut is_beside) = (0, is_answering);
    for run in answered.chunk_by(|(_, a), (_, b)| is_fault(a) == is_fault(b)) {
        let Some((_, Answer::Faulted(verdict))) = run.first() else {
            (begin, is_beside) = (begin + run.len(), true);
            continue;
        };
        let end = begin + run.len();
        if run.len() >= FAULTS_MAX || (!is_beside && end == answered.len()) {
            return Some((begin, *verdict));
        }
        begin = end;
    }
    None
}

const fn is_fault(answer: &Answer) -> bool {
    matches!(answer, Answer::Faulted(_))
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
