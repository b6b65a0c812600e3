//! Reading a booking system: a page of a window, or one appointment, with what can be wrong with either.

use std::sync::Arc;
use std::time::Duration;

use crate::gate::{Class, Gate, GateNotice};
use crate::model::{ExternalId, RemoteBooking, System, TenantId};
use crate::ports::{
    BookingPage, BookingReader, BookingWindow, Called, Clock, Connection, ConnectionError,
    ConnectionStore, DeadCause, PageError, ProviderError, UnreadableBooking,
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

/// An appointment, `None` where the provider has none of that id.
pub(crate) type Asked = Option<Result<RemoteBooking, UnreadableBooking>>;

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

    /// Reads the next part of a window, again and again where that may help.
    pub async fn page(
        &self,
        window: BookingWindow,
        position: Option<&str>,
        limits: PageLimits,
    ) -> Result<Read<BookingPage>, ReadError> {
        let requests = self.reader.requests_per_page().max(1);
        let call = |connection: Arc<Connection>| async move {
            page_of(self.reader, &connection, window, position).await
        };
        let Read { value, read_at, quota } = self.reads.repeated(requests, limits, call).await?;
        Ok(Read { value: value?, read_at, quota })
    }

    /// Reads one appointment, see [`ProviderReads::once`].
    pub async fn booking(
        &self,
        external_id: &ExternalId,
        wait_max: Duration,
    ) -> Result<Read<Asked>, ReadError> {
        let call = |connection: Arc<Connection>| async move {
            self.reader.booking(&connection, external_id).await
        };
        Ok(self.reads.once(wait_max, call).await?)
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
