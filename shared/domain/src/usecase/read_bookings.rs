//! The one way from the booking use cases to a provider: through the gate, with fresh credentials
//! where they are refused, every request counted, and nothing begun that would end too late.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;

use crate::gate::{Caller, Class, ClosedReason, Gate, GateNotice};
use crate::model::{ExternalId, RemoteBooking, System, TenantId};
use crate::ports::{
    BookingPage, BookingReader, BookingWindow, Called, Clock, Connection, ConnectionError,
    ConnectionStore, DeadCause, PageError, ProviderError, UnreadableBooking,
};
use crate::retry::RetryPolicy;
use crate::usecase::fresh_connection::after_refusal;
use crate::usecase::settle_work::Verdict;

/// The ports of whoever reads a booking system.
#[derive(Clone, Copy)]
pub struct ReadPorts<'a> {
    /// Where credentials come from.
    pub connections: &'a dyn ConnectionStore,
    /// The booking system.
    pub reader: &'a dyn BookingReader,
    /// In front of every call to it.
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

/// Why a read came to nothing, cut by what is done next.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The tenant has no usable connection.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// The call failed, or was not made.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// It can't be shown that all of this part was given.
    #[error("a part of the window can't be read completely")]
    Incomplete(BookingWindow),
    /// The position is none of the reader's.
    #[error("the position can't be read")]
    BadPosition,
}

impl From<&ReadError> for Verdict {
    fn from(error: &ReadError) -> Self {
        match error {
            ReadError::Connection(error) => Self::from(error),
            ReadError::Provider(error) => Self::from(error),
            ReadError::Incomplete(_) | ReadError::BadPosition => Self::Dead(DeadCause::Internal),
        }
    }
}

/// A value with the moment at which the call began that gave it: how recent it surely is.
#[derive(Debug)]
pub(crate) struct Read<T> {
    pub value: T,
    pub read_at: Timestamp,
}

/// An appointment, `None` where the provider has none of that id.
pub(crate) type Asked = Option<Result<RemoteBooking, UnreadableBooking>>;

/// One tenant's account at a booking system.
pub(crate) struct Account<'a> {
    ports: ReadPorts<'a>,
    tenant: &'a TenantId,
    system: System,
    class: Class,
    calls: AtomicU32,
    retries: AtomicU32,
    time_us: AtomicU64,
}

/// What a page may cost: tries and time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PageLimits {
    pub retry: RetryPolicy,
    /// No call is begun after it.
    pub until: Timestamp,
}

impl<'a> Account<'a> {
    pub fn new(ports: ReadPorts<'a>, tenant: &'a TenantId, system: System, class: Class) -> Self {
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

    /// Reads the next part of a window, again and again where that may help.
    pub async fn page(
        &self,
        window: BookingWindow,
        position: Option<&str>,
        limits: PageLimits,
    ) -> Result<Read<BookingPage>, ReadError> {
        let requests = self.ports.reader.requests_per_page().max(1);
        let (mut attempt, mut has_other_token) = (1, false);
        loop {
            let connection = self.connection().await?;
            let left = self.left_until(limits.until);
            if left.is_zero() {
                let reason = ClosedReason::NoTimeLeft;
                return Err(ProviderError::Closed { retry_after: left, reason }.into());
            }
            let call = page_of(self.ports.reader, &connection, window, position);
            let wait_max = left.min(limits.retry.wait_max);
            let error = match self.called(&connection, (requests, wait_max), call).await {
                Ok(Read { value: Ok(page), read_at }) => return Ok(Read { value: page, read_at }),
                Ok(Read { value: Err(error), .. }) => return Err(error),
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

    /// Reads one appointment. What fails is not repeated but for refused credentials: there are
    /// cheaper places to wait.
    pub async fn booking(
        &self,
        external_id: &ExternalId,
        wait_max: Duration,
    ) -> Result<Read<Asked>, ReadError> {
        let mut has_other_token = false;
        loop {
            let connection = self.connection().await?;
            let call = self.ports.reader.booking(&connection, external_id);
            match self.called(&connection, (1, wait_max), call).await {
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

    async fn connection(&self) -> Result<Arc<Connection>, ConnectionError> {
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
            limits: self.ports.reader,
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
        let value = caller.call(requests, call).await?.value;
        Ok(Read { value, read_at })
    }

    fn left_until(&self, until: Timestamp) -> Duration {
        Duration::try_from(until.duration_since(self.ports.clock.now())).unwrap_or_default()
    }
}

/// A page, or why the reader has none although the provider answered: for the gate that is a success.
async fn page_of(
    reader: &dyn BookingReader,
    connection: &Connection,
    window: BookingWindow,
    position: Option<&str>,
) -> Result<Called<Result<BookingPage, ReadError>>, ProviderError> {
    let calls = reader.requests_per_page();
    let refused = |error| Ok(Called { value: Err(error), calls, rate: None, quota: None });
    match reader.page(connection, window, position).await {
        Ok(called) => {
            let Called { value, calls, rate, quota } = called;
            Ok(Called { value: Ok(value), calls, rate, quota })
        }
        Err(PageError::Provider(error)) => Err(error),
        Err(PageError::Incomplete(part)) => refused(ReadError::Incomplete(part)),
        Err(PageError::BadPosition) => refused(ReadError::BadPosition),
    }
}
