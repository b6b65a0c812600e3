//! One step of a sweep: pages within the time left, each put on the queue of changes as a whole.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::hints::{hints_of, send};
use super::hook::{HookCare, HookLook, LOOK_MAX};
use super::place::{begun, following, is_low, reached};
use crate::gate::{Class, Gate, GateNotice};
use crate::model::{CrmSweepPlace, CrmSweepStep};
use crate::ports::{
    Called, ChangeSpan, ChangedPage, Connection, ConnectionEntry, ConnectionError,
    ConnectionStatus, ConnectionStore, CrmChangeFeed, CrmSweepStore, ProviderError, Quota,
    StoreError, SweepOf, SweepTurn, SweepWatermark, WorkQueue,
};
use crate::usecase::locked_connection::{ConnectionDeps, ConnectionRequest, WRITE_LEASE};
use crate::usecase::provider_reads::{
    PageLimits, ProviderPorts, ProviderReads, Read, ReadCosts, ReadFailure,
};
use crate::usecase::settle_work::Verdict;
use crate::usecase::sweeping::SweepOutcome;

/// Kept back before the deadline for the last page's hints, the watermark, and settling.
const RESERVE: Duration = Duration::from_secs(15);
/// A sweep that has not come forward for so long is given up; a later one begins at the watermark.
const WAITING_MAX: Duration = Duration::from_secs(24 * 3_600);

/// So often a sweep begins a kind of record anew because its position is refused: the pages before it
/// count as a way forward each time, and only this ends it.
const RESTARTS_MAX: u32 = 3;
/// The wait for a day's quota that others use up. Shorter than a turn, and a message can wait so long.
const QUOTA_WAIT: Duration = Duration::from_secs(900);

/// A sweep of another planning is under way, which reads the same and more.
const UNDER_WAY: SweepOutcome = SweepOutcome::GivenUp("under_way");
/// The tenant has connected another account since the sweep began.
const OTHER_ACCOUNT: SweepOutcome = SweepOutcome::GivenUp("other_account");

/// The ports and settings of a step.
pub struct CrmSweepDeps<'a> {
    /// Where credentials come from.
    pub connections: &'a dyn ConnectionStore,
    /// What tells the changes of the system.
    pub feed: &'a dyn CrmChangeFeed,
    /// In front of every call to it.
    pub gate: &'a Gate,
    /// Is told when the gate opens or closes.
    pub notice: GateNotice,
    /// The connection's entry, its lock and its secrets; the clock and the tries of a call.
    pub manage: ConnectionDeps<'a>,
    /// Watermarks and turns.
    pub sweeps: &'a dyn CrmSweepStore,
    /// Where hints go.
    pub changes: &'a dyn WorkQueue,
    /// Where the system's webhooks come in, without a query.
    pub webhook_url: String,
    /// The worker's name, for locks.
    pub route: &'static str,
    /// How long one call to the provider may take (`INTEGRATION_TIMEOUT_MS`).
    pub call_timeout: Duration,
}

/// What a step came to.
#[derive(Debug)]
pub struct CrmSweepReport {
    /// The next step: the message's body from now on, where it goes on.
    pub step: CrmSweepStep,
    /// How it ended.
    pub outcome: SweepOutcome,
    /// Whether the step is nearer to the end than before, so that tries count from zero.
    pub came_forward: bool,
    /// Pages whose hints the queue has taken.
    pub pages: u32,
    /// Hints of these pages.
    pub hints: u64,
    /// What became of the webhook, where it was looked at.
    pub hook: Option<HookLook>,
    /// Whether it waits because little of the day's quota is left.
    pub is_quota_low: bool,
    /// How far the platform lags behind the account as far as sweeps know; `None` where the sweep had
    /// no turn, or the connection's health tells what is wrong.
    pub watermark_age: Option<Duration>,
    /// What was asked of the provider.
    pub costs: ReadCosts,
}

/// Carries a step out. No read is begun that might not be over at the `deadline`.
pub async fn sweep_crm_step(
    deps: &CrmSweepDeps<'_>,
    step: CrmSweepStep,
    deadline: Timestamp,
) -> CrmSweepReport {
    let (tenant, system) = (step.tenant.clone(), step.system);
    let provider = ProviderPorts {
        connections: deps.connections,
        limits: deps.feed,
        gate: deps.gate,
        notice: deps.notice,
        clock: deps.manage.clock,
    };
    let reads = ProviderReads::new(provider, &tenant, system, Class::Background);
    let until = deadline - RESERVE.max(deps.call_timeout.saturating_mul(2));
    let limits = PageLimits { retry: deps.manage.retry, until };
    let mut sweeping = Sweeping {
        deps,
        reads: &reads,
        limits,
        step,
        came_forward: false,
        pages: 0,
        hints: 0,
        hook: None,
        is_quota_low: false,
        reached: None,
    };
    let outcome = sweeping.run().await.unwrap_or_else(|stopped| stopped);
    let watermark_age = sweeping.watermark_age(outcome);
    let Sweeping { step, came_forward, pages, hints, hook, is_quota_low, .. } = sweeping;
    if matches!(outcome, SweepOutcome::GivenUp(_) | SweepOutcome::Later(Verdict::Dead(_))) {
        // It ends by itself, too.
        let sweep = SweepOf { tenant: &tenant, system, sweep: &step.correlation_id };
        drop(deps.sweeps.leave(sweep).await);
    }
    reads.hand_back().await;
    let costs = reads.costs();
    CrmSweepReport {
        step,
        outcome,
        came_forward,
        pages,
        hints,
        hook,
        is_quota_low,
        watermark_age,
        costs,
    }
}

struct Sweeping<'a> {
    deps: &'a CrmSweepDeps<'a>,
    reads: &'a ProviderReads<'a>,
    limits: PageLimits,
    step: CrmSweepStep,
    came_forward: bool,
    pages: u32,
    hints: u64,
    hook: Option<HookLook>,
    is_quota_low: bool,
    /// Up to where the account has been swept; where that was before it was connected, since then.
    reached: Option<Timestamp>,
}

impl Sweeping<'_> {
    /// Page after page. The error is how the step stopped before the end.
    async fn run(&mut self) -> Result<SweepOutcome, SweepOutcome> {
        let entry = self.entry().await?;
        let watermark = self.take_turn().await?;
        self.reached = Some(reached(&entry, watermark.as_ref()));
        let mut place = match self.step.place.clone() {
            Some(place) => place,
            None => {
                self.hook = self.look_after_hook(&entry).await;
                begun(&entry, watermark, self.now())
            }
        };
        loop {
            if place.account_id != entry.account_id {
                return Err(OTHER_ACCOUNT);
            }
            self.step.place = Some(place.clone());
            if self.now() >= self.limits.until {
                return Err(SweepOutcome::AT_ONCE);
            }
            let (page, read_at, quota) = self.page(&place).await?;
            let hints = hints_of(&self.step, &place, page.changed, (read_at, self.now()));
            let hints = send(self.deps.changes, &hints, self.now()).await;
            let hints = hints.map_err(|verdict| self.waiting(verdict))?;
            self.pages += 1;
            self.hints += hints;
            self.step.found += hints;
            let Some(next) = following(&place, page.next)? else {
                return self.complete(place).await;
            };
            self.came_forward = true;
            self.step.forward_at = self.now();
            self.step.place = Some(next.clone());
            place = next;
            if is_low(quota) {
                // The rest of the day is for live traffic; a page now and then is all that is asked.
                self.is_quota_low = true;
                return Err(self.waiting(Verdict::Wait { after: QUOTA_WAIT }));
            }
        }
    }

    fn now(&self) -> Timestamp {
        self.deps.manage.clock.now()
    }

    fn sweep(&self) -> SweepOf<'_> {
        let CrmSweepStep { tenant, system, correlation_id, .. } = &self.step;
        SweepOf { tenant, system: *system, sweep: correlation_id }
    }

    /// The connection, if there is a use in sweeping it.
    async fn entry(&self) -> Result<ConnectionEntry, SweepOutcome> {
        let CrmSweepStep { tenant, system, .. } = &self.step;
        let entry = self.deps.manage.registry.entry(tenant, *system).await;
        match entry.map_err(|error| self.waiting_for_table(&error))? {
            None => Err(SweepOutcome::DISCONNECTED),
            Some(entry) => match entry.status {
                ConnectionStatus::Connected => Ok(entry),
                ConnectionStatus::Broken => Err(SweepOutcome::REFUSED),
            },
        }
    }

    async fn take_turn(&self) -> Result<Option<SweepWatermark>, SweepOutcome> {
        let turn = self.deps.sweeps.take_turn(self.sweep(), self.now()).await;
        match turn.map_err(|error| self.waiting_for_table(&error))? {
            SweepTurn::Ours(watermark) => Ok(watermark),
            SweepTurn::Taken => Err(UNDER_WAY),
        }
    }

    async fn look_after_hook(&self, entry: &ConnectionEntry) -> Option<HookLook> {
        let request = ConnectionRequest {
            tenant: self.step.tenant.clone(),
            system: self.step.system,
            route: self.deps.route.to_owned(),
            webhook_url: self.deps.webhook_url.clone(),
            correlation_id: self.step.correlation_id.clone(),
            // The lock's: the provider's part, and the reads and writes of secrets around it.
            deadline: self.now() + LOOK_MAX + WRITE_LEASE,
        };
        let (reads, deps, limits) = (self.reads, &self.deps.manage, self.limits);
        HookCare { reads, deps, request: &request, entry, limits }.look().await
    }

    /// The next page of an account that is still the one that is swept.
    async fn page(
        &mut self,
        place: &CrmSweepPlace,
    ) -> Result<(ChangedPage, Timestamp, Option<Quota>), SweepOutcome> {
        let span = ChangeSpan { since: place.since, until: place.until };
        let feed = self.deps.feed;
        let call = |connection: Arc<Connection>| async move {
            let (object_type, position) = (place.object_type, place.position.as_deref());
            let page = feed.changed(&connection, object_type, span, position).await?;
            let Called { value, calls, rate, quota } = page;
            let value = (connection.account_id == place.account_id).then_some(value);
            Ok(Called { value, calls, rate, quota })
        };
        let failure = match self.reads.repeated(1, self.limits, call).await {
            Ok(Read { value: Some(page), read_at, quota }) => return Ok((page, read_at, quota)),
            Ok(Read { value: None, .. }) => return Err(OTHER_ACCOUNT),
            Err(failure) => failure,
        };
        Err(self.unread(&failure))
    }

    fn unread(&mut self, failure: &ReadFailure) -> SweepOutcome {
        match failure {
            ReadFailure::Connection(ConnectionError::NotFound) => SweepOutcome::DISCONNECTED,
            ReadFailure::Connection(ConnectionError::Broken)
            | ReadFailure::Provider(ProviderError::Unauthorized | ProviderError::MissingScope) => {
                SweepOutcome::REFUSED
            }
            ReadFailure::Provider(ProviderError::Rejected { .. }) if self.forget_position() => {
                self.waiting(Verdict::Retry { after: None })
            }
            ReadFailure::Connection(_) | ReadFailure::Provider(_) => {
                self.waiting(Verdict::from(failure))
            }
        }
    }

    /// A position that is refused has ended, or is of another build's making: its kind of record is
    /// asked for anew, a few times. `false` where that has not helped; the dead letter then begins
    /// with the kind, and a replay may do so as often again.
    fn forget_position(&mut self) -> bool {
        let place = self.step.place.as_mut();
        if place.and_then(|place| place.position.take()).is_none() {
            return false;
        }
        self.came_forward = false;
        if self.step.restarts >= RESTARTS_MAX {
            self.step.restarts = 0;
            return false;
        }
        self.step.restarts += 1;
        true
    }

    /// Every hint of the span is on its queue.
    async fn complete(&mut self, place: CrmSweepPlace) -> Result<SweepOutcome, SweepOutcome> {
        let watermark = SweepWatermark {
            account_id: place.account_id,
            swept_until: place.until,
            completed_at: self.now(),
        };
        let moved = self.deps.sweeps.complete(self.sweep(), &watermark).await;
        moved.map_err(|error| self.waiting_for_table(&error))?;
        self.reached = Some(place.until);
        Ok(SweepOutcome::Done)
    }

    fn watermark_age(&self, outcome: SweepOutcome) -> Option<Duration> {
        let is_of_use = matches!(outcome, SweepOutcome::Done | SweepOutcome::Later(_))
            || outcome == SweepOutcome::OVERDUE;
        let age = self.now().duration_since(self.reached.filter(|_| is_of_use)?);
        Some(Duration::try_from(age).unwrap_or_default())
    }

    fn waiting_for_table(&self, error: &StoreError) -> SweepOutcome {
        self.waiting(Verdict::from(error))
    }

    fn waiting(&self, verdict: Verdict) -> SweepOutcome {
        let waiting = self.now().duration_since(self.step.forward_at);
        let waiting = Duration::try_from(waiting).unwrap_or_default();
        SweepOutcome::of(verdict, waiting, WAITING_MAX)
    }
}
