//! Bookings that we know to begin in a part of the window, which was read completely without them.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::{StreamExt, stream};
use jiff::Timestamp;

use crate::model::ExternalId;
use crate::ports::BookingWindow;
use crate::usecase::apply_bookings::{ApplyCounts, ApplyPorts, ApplyScope, Look, apply_bookings};
use crate::usecase::read_bookings::{Account, Read};
use crate::usecase::settle_work::Verdict;

/// So many are asked for before the time is looked at.
const ASKED_MAX: usize = 20;
/// Reads in flight at once.
const READS_MAX: usize = 4;
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
            for missing in unseen.chunks(ASKED_MAX) {
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
        let reads: Vec<_> = ids
            .iter()
            .map(|id| async move { (id, self.account.booking(id, TURN_WAIT_MAX).await) })
            .collect();
        let reads: Vec<_> = stream::iter(reads).buffered(READS_MAX).collect().await;
        let (mut looks, mut failure) = (Vec::new(), None);
        for (id, read) in reads {
            match read {
                Ok(Read { value: Some(Ok(remote)), read_at, .. }) => {
                    looks.push(Look { found: Some(remote), ..Look::gone(id.clone(), read_at) });
                }
                // It is there, and the page that has it says that it can't be read.
                Ok(Read { value: Some(Err(_unreadable)), .. }) => {}
                Ok(Read { value: None, read_at, .. }) => {
                    looks.push(Look::gone(id.clone(), read_at))
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
