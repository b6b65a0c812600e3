//! The one way from use cases that read to a provider: through the gate, with fresh credentials where
//! they are refused, every request counted, and nothing begun that would end too late.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;

use crate::gate::{Caller, Class, ClosedReason, Gate, GateNotice};
use crate::model::{System, TenantId};
use crate::ports::{
    Called, Clock, Connection, ConnectionError, ConnectionStore, ProviderError, Quota, RateLimits,
};
use crate::retry::RetryPolicy;
use crate::usecase::fresh_connection::after_refusal;
use crate::usecase::settle_work::Verdict;
use crate::usecase::time_limit::within;

/// Fewer requests than this are not worth the write of handing a share back and those of getting it again.
const HAND_BACK_MIN: u32 = 3;
/// What was done is to be told of in time, whatever the table does.
const HAND_BACK_MAX: Duration = Duration::from_millis(500);

/// The ports of whoever reads at a provider.
#[derive(Clone, Copy)]
pub(crate) struct ProviderPorts<'a> {
    /// Where credentials come from.
    pub connections: &'a dyn ConnectionStore,
    /// Who knows the provider's limits.
    pub limits: &'a dyn RateLimits,
    /// In front of every call.
    pub gate: &'a Gate,
    /// Is told when the gate opens or closes.
    pub notice: GateNotice,
    /// Time and dice.
    pub clock: &'a dyn Clock,
}

/// What was asked of the provider so far, for metrics.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct ReadCosts {
    /// Requests.
    pub provider_calls: u32,
    /// Calls that repeated a failed one.
    pub provider_retries: u32,
    /// The time spent in calls, summed up; they may overlap.
    pub provider_time: Duration,
}

/// Why a read came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadFailure {
    /// The tenant has no usable connection.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// The call failed, or was not made.
    #[error(transparent)]
    Provider(#[from] ProviderError),
}

impl From<&ReadFailure> for Verdict {
    fn from(failure: &ReadFailure) -> Self {
        match failure {
            ReadFailure::Connection(error) => Self::from(error),
            ReadFailure::Provider(error) => Self::from(error),
        }
    }
}

/// A value with the moment at which the call began that gave it: how recent it surely is.
#[derive(Debug)]
pub(crate) struct Read<T> {
    pub value: T,
    pub read_at: Timestamp,
    /// What the answer said of the day's quota.
    pub quota: Option<Quota>,
}

/// What a read may cost: tries and time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PageLimits {
    pub retry: RetryPolicy,
    /// No call is begun after it.
    pub until: Timestamp,
}

/// One tenant's account at a provider.
pub(crate) struct ProviderReads<'a> {
    ports: ProviderPorts<'a>,
    tenant: &'a TenantId,
    system: System,
    class: Class,
    calls: AtomicU32,
    retries: AtomicU32,
    time_us: AtomicU64,
}

impl<'a> ProviderReads<'a> {
    pub fn new(
        ports: ProviderPorts<'a>,
        tenant: &'a TenantId,
        system: System,
        class: Class,
    ) -> Self {
        Self {
            ports,
            tenant,
            system,
            class,
            calls: AtomicU32::new(0),
            retries: AtomicU32::new(0),
            time_us: AtomicU64::new(0),
        }
    }

    pub fn clock(&self) -> &'a dyn Clock {
        self.ports.clock
    }

    pub fn costs(&self) -> ReadCosts {
        ReadCosts {
            provider_calls: self.calls.load(Ordering::Relaxed),
            provider_retries: self.retries.load(Ordering::Relaxed),
            provider_time: Duration::from_micros(self.time_us.load(Ordering::Relaxed)),
        }
    }

    /// Makes a call of so many requests, again and again where that may help.
    pub async fn repeated<T, F: Future<Output = Result<Called<T>, ProviderError>>>(
        &self,
        requests: u32,
        limits: PageLimits,
        call: impl Fn(Arc<Connection>) -> F,
    ) -> Result<Read<T>, ReadFailure> {
        let (mut attempt, mut has_other_token) = (1, false);
        loop {
            let connection = self.connection().await?;
            let left = self.left_until(limits.until);
            if left.is_zero() {
                let reason = ClosedReason::NoTimeLeft;
                return Err(ProviderError::Closed { retry_after: left, reason }.into());
            }
            let wait_max = left.min(limits.retry.wait_max);
            let call = call(Arc::clone(&connection));
            let error = match self.called(&connection, (requests, wait_max), call).await {
                Ok(read) => return Ok(read),
                Err(error) => error,
            };
            if !has_other_token && self.has_other_token(&error, &connection).await {
                has_other_token = true;
                continue;
            }
            let wait = error.retry().and_then(|asked_for| {
                let (random, left) = (self.ports.clock.random(), self.left_until(limits.until));
                limits.retry.wait_after(attempt, asked_for, random, left)
            });
            let Some(wait) = wait else { return Err(error.into()) };
            self.ports.clock.sleep(wait).await;
            attempt += 1;
            self.retries.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Makes a call of so many requests. What fails is not repeated but for refused credentials: there are
    /// cheaper places to wait.
    pub async fn once<T, F: Future<Output = Result<Called<T>, ProviderError>>>(
        &self,
        requests: u32,
        wait_max: Duration,
        call: impl Fn(Arc<Connection>) -> F,
    ) -> Result<Read<T>, ReadFailure> {
        let mut has_other_token = false;
        loop {
            let connection = self.connection().await?;
            let call = call(Arc::clone(&connection));
            match self.called(&connection, (requests, wait_max), call).await {
                Ok(read) => return Ok(read),
                Err(error)
                    if !has_other_token && self.has_other_token(&error, &connection).await =>
                {
                    has_other_token = true;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// There is no more to read for now: others need not wait for what is held of the budget. Nothing
    /// depends on it, so it takes no longer than a moment.
    pub async fn hand_back(&self) {
        if self.costs().provider_calls < HAND_BACK_MIN {
            return;
        }
        let Self { ports: ProviderPorts { gate, clock, .. }, tenant, system, class, .. } = *self;
        within(clock, HAND_BACK_MAX, gate.hand_back(tenant, system, class)).await;
    }

    /// The connection, with a token that is good.
    pub async fn connection(&self) -> Result<Arc<Connection>, ConnectionError> {
        self.ports.connections.connection(self.tenant, self.system).await
    }

    /// Whether there are other credentials by now than those that the provider refused.
    async fn has_other_token(&self, error: &ProviderError, refused: &Connection) -> bool {
        *error == ProviderError::Unauthorized
            && matches!(after_refusal(self.ports.connections, refused).await, Ok(Some(_)))
    }

    async fn called<T>(
        &self,
        connection: &Connection,
        (requests, wait_max): (u32, Duration),
        call: impl Future<Output = Result<Called<T>, ProviderError>>,
    ) -> Result<Read<T>, ProviderError> {
        let caller = Caller {
            gate: self.ports.gate,
            clock: self.ports.clock,
            limits: self.ports.limits,
            connection,
            class: self.class,
            wait_max,
            notice: self.ports.notice,
        };
        let mut read_at = self.ports.clock.now();
        let call = async {
            // Behind the gate: no state counts as more recent than it is, nor as older.
            read_at = self.ports.clock.now();
            let began = self.ports.clock.monotonic();
            let result = call.await;
            let took = self.ports.clock.monotonic().saturating_sub(began);
            let calls = result.as_ref().map_or(requests, |called| called.calls);
            self.calls.fetch_add(calls, Ordering::Relaxed);
            let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
            self.time_us.fetch_add(took_us, Ordering::Relaxed);
            result
        };
        let Called { value, quota, .. } = caller.call(requests, call).await?;
        Ok(Read { value, read_at, quota })
    }

    fn left_until(&self, until: Timestamp) -> Duration {
        Duration::try_from(until.duration_since(self.ports.clock.now())).unwrap_or_default()
    }
}
