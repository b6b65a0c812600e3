//! Bookings that we know to begin in a part of the window, which was read completely without them.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::{StreamExt, stream};
use jiff::Timestamp;

use crate::model::ExternalId;
use crate::ports::{AskedBooking, BookingWindow};
use crate::usecase::apply_bookings::{ApplyCounts, ApplyPorts, ApplyScope, Look, apply_bookings};
use crate::usecase::read_bookings::{Account, Read};
use crate::usecase::settle_work::Verdict;

/// Reads in flight at once.
const READS_MAX: usize = 4;
/// So many rounds of reads are made before the time is looked at.
const ROUNDS: usize = 5;
/// How long each waits for its turn.
const TURN_WAIT_MAX: Duration = Duration::from_secs(5);

/// See the module.
pub(super) struct Vanished<'a> {
    pub account: &'a Account<'a>,
    pub ports: &'a ApplyPorts<'a>,
    pub scope: &'a ApplyScope,
    /// Nothing more is asked for after it; the step is then done again, and comes further.
    pub until: Timestamp,
}

impl Vanished<'_> {
    /// Asks for each booking of the part that was not seen, and stores what became of it: where it
    /// was moved to, or that it is gone. `stored` counts those, also where the time ends before.
    pub async fn settle(
        &self,
        part: BookingWindow,
        seen: &BTreeSet<ExternalId>,
        stored: &mut u64,
    ) -> Result<(), Verdict> {
        let mut after = None;
        loop {
            let ApplyScope { tenant, system, .. } = self.scope;
            let page =
                self.ports.bookings.beginning_in(tenant, *system, part, after.as_deref()).await;
            let (ids, next) = page.map_err(|error| Verdict::from(&error))?;
            let unseen: Vec<_> = ids.into_iter().filter(|id| !seen.contains(id)).collect();
            let at_once = self.account.bookings_max() * READS_MAX * ROUNDS;
            for missing in unseen.chunks(at_once) {
                if self.account.clock().now() >= self.until {
                    return Err(Verdict::Wait { after: Duration::ZERO });
                }
                self.store(missing, stored).await?;
            }
            after = next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    async fn store(&self, ids: &[ExternalId], stored: &mut u64) -> Result<(), Verdict> {
        let reads = ids
            .chunks(self.account.bookings_max())
            .map(|ids| async move { (ids, self.account.bookings(ids, TURN_WAIT_MAX).await) });
        let reads: Vec<_> = reads.collect();
        let reads: Vec<_> = stream::iter(reads).buffered(READS_MAX).collect().await;
        let (mut looks, mut failure) = (Vec::new(), None);
        for (ids, read) in reads {
            match read {
                Ok(Read { value, read_at, .. }) => {
                    let asked = ids.iter().zip(value);
                    looks.extend(asked.filter_map(|(id, found)| look_of(id, found, read_at)));
                }
                Err(error) => failure = Some(Verdict::from(&error)),
            }
        }
        // What was answered is stored even where another answer is missing.
        let report = apply_bookings(self.ports, self.scope, &looks).await;
        *stored += ApplyCounts::of(&report.outcomes).news();
        match (report.error, failure) {
            (Some(error), _) => Err(Verdict::from(&error)),
            (None, Some(verdict)) => Err(verdict),
            (None, None) => Ok(()),
        }
    }
}

/// What is to be stored of an answer. One that is there and can't be read is told of by the page that
/// has it.
fn look_of(id: &ExternalId, found: AskedBooking, read_at: Timestamp) -> Option<Look> {
    let gone = Look::gone(id.clone(), read_at);
    match found {
        Some(Ok(remote)) => Some(Look { found: Some(remote), ..gone }),
        Some(Err(_unreadable)) => None,
        None => Some(gone),
    }
}
