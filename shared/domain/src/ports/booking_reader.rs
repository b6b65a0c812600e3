//! A booking system, as the use cases read it.

use async_trait::async_trait;
use jiff::Timestamp;

use super::{Called, Connection, ProviderError, RateLimits};
use crate::model::{ExternalId, RemoteBooking};

/// A span of time, from its first moment to the one behind its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BookingWindow {
    /// The first moment.
    pub from: Timestamp,
    /// The moment behind the last.
    pub until: Timestamp,
}

/// An appointment that can't be read. It does not take its neighbours with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableBooking {
    /// The provider's id, if at least that can be read.
    pub external_id: Option<ExternalId>,
    /// The name of the field at fault, never its value.
    pub field: &'static str,
}

/// One step of reading a window.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BookingPage {
    /// Appointments of the window, each at most once per page. One that moves while the window is
    /// read may be on two pages.
    pub bookings: Vec<RemoteBooking>,
    /// Rows that can't be read.
    pub unreadable: Vec<UnreadableBooking>,
    /// Parts of the window that are surely complete with this page and those before. All that was in
    /// a part when it was read has been given.
    pub completed: Vec<BookingWindow>,
    /// Where to go on; `None` when the whole window has been read. Opaque, of some KB at most, and
    /// free of personal data: it goes into cursors and messages.
    pub next: Option<String>,
}

/// Why a step came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// The call failed.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// The provider gives no more rows at once than there are in a part that can't be split any
    /// further: it can't be shown that nothing is missing.
    #[error("a part of the window can't be read completely")]
    Incomplete(BookingWindow),
    /// The position is none of this reader's.
    #[error("the position can't be read")]
    BadPosition,
}

/// Reads appointments of one booking system. Nothing of one tenant stays in it, but for lists of its
/// account under a key that contains the tenant.
#[async_trait]
pub trait BookingReader: RateLimits {
    /// The most requests of one step; asked for at the gate.
    fn requests_per_page(&self) -> u32;

    /// Reads the next part of a window: every appointment that begins in it, called off or not.
    /// The same position can be read again.
    ///
    /// # Errors
    /// See [`PageError`].
    async fn page(
        &self,
        connection: &Connection,
        window: BookingWindow,
        position: Option<&str>,
    ) -> Result<Called<BookingPage>, PageError>;

    /// Reads one appointment, in one request; `None` when the provider has none of that id. One that
    /// can't be read is a value too: asking again would not mend it.
    ///
    /// # Errors
    /// See [`ProviderError`].
    async fn booking(
        &self,
        connection: &Connection,
        external_id: &ExternalId,
    ) -> Result<Called<Option<Result<RemoteBooking, UnreadableBooking>>>, ProviderError>;
}
