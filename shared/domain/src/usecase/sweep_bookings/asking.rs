//! Asking for bookings by their ids, in their order and within the time: one that can't be had does not
//! keep the others.

use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;

use crate::model::ExternalId;
use crate::ports::{AskedBooking, KnownBooking, ProviderError};
use crate::usecase::apply_bookings::LOOKS_APART;
use crate::usecase::read_bookings::{Account, Read, ReadError};
use crate::usecase::settle_work::Verdict;

/// Reads in flight at once where what vanished is asked for. Where all is, one after the other: a share
/// of few requests per second is better waited for by one.
const READS_MAX: usize = 4;
/// What so many rounds of reads give is stored together.
const ROUNDS: usize = 5;
/// How long each waits for its turn.
pub(super) const TURN_WAIT_MAX: Duration = Duration::from_secs(5);
/// A gate that is closed for longer is cheaper to wait for on the queue.
const GATE_WAIT_MAX: Duration = Duration::from_secs(10);
/// A gate that is closed is not asked again before.
const GATE_WAIT_MIN: Duration = Duration::from_millis(100);
/// So many bookings in a row that the provider fails at are a fault of all of it.
pub(super) const FAULTS_MAX: usize = 3;

const OUT_OF_TIME: Verdict = Verdict::Wait { after: Duration::ZERO };

/// What is known of one booking.
pub(super) enum Answer {
    /// What the provider says, and when the call began.
    Told(AskedBooking, Timestamp),
    /// The provider refuses to look at this one; asking again would not mend it.
    Refused,
    /// The provider has failed at this one.
    Faulted(Verdict),
}

/// The answers in the order of the bookings, as far as there are any.
#[derive(Default)]
pub(super) struct Answers<'k> {
    pub answered: Vec<(&'k KnownBooking, Answer)>,
    /// So many from the first on leave nobody out.
    pub in_a_row: usize,
    /// Why those behind them were not asked for, where it was not for those before to be settled first.
    pub stop: Option<Verdict>,
}

impl Answers<'_> {
    fn end_at(&mut self, place: usize, verdict: Verdict) {
        (self.in_a_row, self.stop) = (place, Some(verdict));
    }

    fn forget_unconfirmed(&mut self) {
        let mut place = 0..;
        let in_a_row = self.in_a_row;
        self.answered.retain(|(_, answer)| {
            let is_confirmed = place.next().is_some_and(|place| place < in_a_row);
            is_confirmed || !matches!(answer, Answer::Told(None, _))
        });
    }

    /// Whether the provider fails, rather than some of its bookings.
    fn is_failing(&self) -> bool {
        let faulted = |(_, answer): &&(_, Answer)| matches!(answer, Answer::Faulted(_));
        self.answered.iter().rev().take_while(faulted).count() >= FAULTS_MAX
    }

    /// Whether somebody who is missing must be looked for again before others are asked for.
    fn is_due(&self, now: Timestamp) -> bool {
        let missed = self.answered.iter().find_map(|(_, answer)| match answer {
            Answer::Told(None, at) => Some(*at),
            Answer::Told(Some(_), _) | Answer::Refused | Answer::Faulted(_) => None,
        });
        missed.is_some_and(|at| now >= at + LOOKS_APART)
    }
}

/// See the module.
#[derive(Clone, Copy)]
pub(super) struct Asking<'a> {
    pub account: &'a Account<'a>,
    /// No read is begun after it.
    pub until: Timestamp,
}

impl Asking<'_> {
    /// How many bookings are worth being asked for and stored together.
    pub fn at_once(&self) -> usize {
        self.account.bookings_max() * READS_MAX * ROUNDS
    }

    /// Asks for bookings, until one says that the rest must wait.
    pub async fn ask<'k>(&self, missing: &'k [KnownBooking]) -> Answers<'k> {
        let lists = self.account.lists_by_date();
        let (max, reads_max) = (self.account.bookings_max(), if lists { READS_MAX } else { 1 });
        let mut answers = Answers::default();
        for round in missing.chunks(max * reads_max) {
            let reads = join_all(round.chunks(max).map(|asked| self.read(asked))).await;
            for (asked, (told, stop)) in round.chunks(max).zip(reads) {
                let has_hole = answers.stop.is_some();
                answers.answered.extend(asked.iter().zip(told));
                if !has_hole {
                    answers.in_a_row = answers.answered.len();
                    answers.stop = stop;
                }
            }
            let is_due = !lists && answers.is_due(self.account.clock().now());
            if answers.stop.is_some() || is_due || answers.is_failing() {
                break;
            }
        }
        if !lists {
            self.look_again(&mut answers).await;
        }
        answers
    }

    /// Looks once more for whoever is missing where no list says so too: one empty answer deletes
    /// nothing. Who can't be looked for in time is asked for anew in the next step.
    async fn look_again(&self, answers: &mut Answers<'_>) {
        let clock = self.account.clock();
        for place in 0..answers.in_a_row {
            let Some((known, answer)) = answers.answered.get_mut(place) else { break };
            let Answer::Told(None, at) = answer else { continue };
            let due = *at + LOOKS_APART;
            if due >= self.until {
                answers.end_at(place, OUT_OF_TIME);
                break;
            }
            let wait = Duration::try_from(due.duration_since(clock.now())).unwrap_or_default();
            if !wait.is_zero() {
                clock.sleep(wait).await;
            }
            let (mut told, stop) = self.read(std::slice::from_ref(*known)).await;
            match told.pop() {
                Some(second) => *answer = second,
                None => {
                    answers.end_at(place, stop.unwrap_or(OUT_OF_TIME));
                    break;
                }
            }
        }
        answers.forget_unconfirmed();
    }

    /// Asks for bookings by one request, and by several where the provider refuses it for some of them.
    async fn read(&self, asked: &[KnownBooking]) -> (Vec<Answer>, Option<Verdict>) {
        let (mut answers, mut open) = (Vec::with_capacity(asked.len()), vec![asked]);
        while let Some(asked) = open.pop() {
            let is_one = asked.len() == 1;
            match self.once(asked).await {
                Ok(None) => return (answers, Some(OUT_OF_TIME)),
                Ok(Some(Read { value, read_at, .. })) => {
                    answers.extend(value.into_iter().map(|found| Answer::Told(found, read_at)));
                }
                Err(ReadError::Provider(ProviderError::Rejected { .. })) if is_one => {
                    answers.push(Answer::Refused);
                }
                Err(ReadError::Provider(ProviderError::Rejected { .. })) => {
                    let (first, second) = asked.split_at(asked.len() / 2);
                    open.extend([second, first]);
                }
                Err(error) if is_one && is_perhaps_of_one(&error) => {
                    answers.push(Answer::Faulted(Verdict::from(&error)));
                }
                Err(error) => return (answers, Some(Verdict::from(&error))),
            }
        }
        (answers, None)
    }

    /// One request, for which a closed gate is waited for; `None` where there is no time for it.
    async fn once(
        &self,
        asked: &[KnownBooking],
    ) -> Result<Option<Read<Vec<AskedBooking>>>, ReadError> {
        let clock = self.account.clock();
        let ids: Vec<ExternalId> = asked.iter().map(|it| it.external_id.clone()).collect();
        while clock.now() < self.until {
            match self.account.bookings(&ids, TURN_WAIT_MAX).await {
                Err(ReadError::Provider(ProviderError::Closed { retry_after, .. }))
                    if retry_after <= GATE_WAIT_MAX && clock.now() + retry_after < self.until =>
                {
                    clock.sleep(retry_after.max(GATE_WAIT_MIN)).await;
                }
                read => return read.map(Some),
            }
        }
        Ok(None)
    }
}

/// Whether the booking that was asked for may be why the provider fails.
fn is_perhaps_of_one(error: &ReadError) -> bool {
    match error {
        ReadError::Provider(error) => {
            matches!(error, ProviderError::Unavailable { .. } | ProviderError::TimedOut)
        }
        ReadError::Connection(_) | ReadError::Incomplete(_) | ReadError::BadPosition => false,
    }
}
