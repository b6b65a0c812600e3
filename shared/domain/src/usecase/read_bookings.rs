//! Reading a booking system: a page of a window, or one appointment, with what can be wrong with either.

use std::sync::Arc;
use std::time::Duration;

use crate::gate::{Class, Gate, GateNotice};
use crate::model::{ExternalId, RemoteBooking, System, TenantId};
use crate::ports::{
    AskedBooking, BookingPage, BookingReader, BookingWindow, Called, Clock, Connection,
    ConnectionError, ConnectionStore, DeadCause, PageError, ProviderError, RemoteEffect,
    ToldBooking,
};
pub use crate::usecase::provider_reads::ReadCosts;
pub(crate) use crate::usecase::provider_reads::{PageLimits, Read};
use crate::usecase::provider_reads::{ProviderPorts, ProviderReads, ReadFailure};
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

impl From<ReadFailure> for ReadError {
    fn from(failure: ReadFailure) -> Self {
        match failure {
            ReadFailure::Connection(error) => Self::Connection(error),
            ReadFailure::Provider(error) => Self::Provider(error),
        }
    }
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

/// One tenant's account at a booking system.
pub(crate) struct Account<'a> {
    reader: &'a dyn BookingReader,
    reads: ProviderReads<'a>,
}

impl<'a> Account<'a> {
    pub fn new(ports: ReadPorts<'a>, tenant: &'a TenantId, system: System, class: Class) -> Self {
        let ReadPorts { connections, reader, gate, notice, clock } = ports;
        let provider = ProviderPorts { connections, limits: reader, gate, notice, clock };
        Self { reader, reads: ProviderReads::new(provider, tenant, system, class) }
    }

    pub fn clock(&self) -> &'a dyn Clock {
        self.reads.clock()
    }

    pub fn costs(&self) -> ReadCosts {
        self.reads.costs()
    }

    /// See [`ProviderReads::hand_back`].
    pub async fn hand_back(&self) {
        self.reads.hand_back().await;
    }

    /// Reads the next part of a window, again and again where that may help.
    pub async fn page(
        &self,
        window: BookingWindow,
        position: Option<&str>,
        limits: PageLimits,
    ) -> Result<Read<BookingPage>, ReadError> {
        let call = |connection: Arc<Connection>| async move {
            page_of(self.reader, &connection, window, position).await
        };
        let requests = self.reader.requests_of(position);
        if requests == 0 {
            let read_at = self.clock().now();
            let connection = self.reads.connection().await.map_err(ReadFailure::from)?;
            let Called { value, quota, .. } = call(connection).await?;
            return Ok(Read { value: value?, read_at, quota });
        }
        let Read { value, read_at, quota } = self.reads.repeated(requests, limits, call).await?;
        Ok(Read { value: value?, read_at, quota })
    }

    /// Whether the provider can list what begins in a span of time.
    pub fn lists_by_date(&self) -> bool {
        self.reader.lists_by_date()
    }

    /// How many appointments are read by their ids at once.
    pub fn bookings_max(&self) -> usize {
        self.reader.bookings_max().max(1)
    }

    /// Finds out who booked what deliveries have told, see [`BookingReader::told`].
    pub async fn told(
        &self,
        told: &[ToldBooking],
        wait_max: Duration,
    ) -> Result<Read<Vec<RemoteBooking>>, ReadError> {
        let call = |connection: Arc<Connection>| async move {
            self.reader.told(&connection, told.to_vec()).await
        };
        let requests = self.reader.requests_of_told(told);
        let read = if requests == 0 {
            let read_at = self.clock().now();
            let connection = self.reads.connection().await.map_err(ReadFailure::from)?;
            let Called { value, quota, .. } = call(connection).await?;
            Read { value, read_at, quota }
        } else {
            self.reads.once(requests, wait_max, call).await?
        };
        one_for_each(told.len(), read)
    }

    /// Reads appointments by their ids, [`BookingReader::bookings_max`] at most, see
    /// [`ProviderReads::once`].
    pub async fn bookings(
        &self,
        external_ids: &[ExternalId],
        wait_max: Duration,
    ) -> Result<Read<Vec<AskedBooking>>, ReadError> {
        let call = |connection: Arc<Connection>| async move {
            self.reader.bookings(&connection, external_ids).await
        };
        let read = self.reads.once(self.reader.requests_per_read(), wait_max, call).await?;
        one_for_each(external_ids.len(), read)
    }
}

/// An answer for fewer or more than were asked for can't be told apart: it is none.
fn one_for_each<T>(asked: usize, read: Read<Vec<T>>) -> Result<Read<Vec<T>>, ReadError> {
    let (status, retry_after, effect) = (None, None, RemoteEffect::None);
    let unclear = ProviderError::Unavailable { status, retry_after, effect };
    if read.value.len() == asked { Ok(read) } else { Err(unclear.into()) }
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
