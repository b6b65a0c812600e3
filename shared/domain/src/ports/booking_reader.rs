//! A booking system, as the use cases read it.

use async_trait::async_trait;
use jiff::Timestamp;

use super::{Called, Connection, ProviderError, RateLimits};
use crate::model::{BookingSnapshot, ExternalId, RemoteBooking};

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

/// An appointment that was asked for by its id: `None` when the provider has none of that id. One that
/// can't be read is a value too, as asking again would not mend it.
pub type AskedBooking = Option<Result<RemoteBooking, UnreadableBooking>>;

/// An appointment that a delivery has told in full, but for who booked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldBooking {
    /// The provider's id.
    pub external_id: ExternalId,
    /// What the delivery said.
    pub snapshot: BookingSnapshot,
}

/// What is to be read where not a window is, but what is named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BookingSelection {
    /// These appointments.
    pub booking_ids: Vec<ExternalId>,
    /// Every appointment of these customers, by the provider's ids of them.
    pub customer_ids: Vec<ExternalId>,
}

/// Reads appointments of one booking system. Nothing of one tenant stays in it, but for lists of its
/// account, and for a minute what was read of its customers, under a key that contains the tenant.
#[async_trait]
pub trait BookingReader: RateLimits {
    /// The most requests of one step; asked for at the gate.
    fn requests_per_page(&self) -> u32;

    /// The most requests of the step at this position, where it is known that they are fewer: none at
    /// all where there is nothing to ask for.
    fn requests_of(&self, _position: Option<&str>) -> u32 {
        self.requests_per_page()
    }

    /// Whether the provider can list what begins in a span of time. Where it can't, the pages of a
    /// window hold nothing and say of part after part that it is complete, so that whoever sweeps
    /// asks for what is known to begin there; an import then needs a [`BookingSelection`].
    fn lists_by_date(&self) -> bool {
        true
    }

    /// The position at which [`BookingReader::page`] begins to read a selection, whatever the window;
    /// `None` where selections are not read, or this one can't be: an id is none of the provider's.
    fn selected(&self, _selection: &BookingSelection) -> Option<String> {
        None
    }

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

    /// How many appointments [`BookingReader::bookings`] takes at once.
    fn bookings_max(&self) -> usize {
        1
    }

    /// The most requests of [`BookingReader::bookings`].
    fn requests_per_read(&self) -> u32 {
        1
    }

    /// The most requests of [`BookingReader::told`] for these: one for who booked, none where nobody is
    /// to be asked for.
    fn requests_of_told(&self, told: &[ToldBooking]) -> u32 {
        u32::from(told.iter().any(|it| it.snapshot.customer_id.is_some()))
    }

    /// Reads appointments by their ids, [`BookingReader::bookings_max`] at most, and gives one answer
    /// for each in the order of the ids.
    ///
    /// # Errors
    /// See [`ProviderError`]. Then nothing is known of any of them; [`ProviderError::Rejected`] for a
    /// single one is an answer about that one.
    async fn bookings(
        &self,
        connection: &Connection,
        external_ids: &[ExternalId],
    ) -> Result<Called<Vec<AskedBooking>>, ProviderError>;

    /// Finds out who booked what deliveries have told, [`BookingReader::bookings_max`] at most, in the
    /// order given. Needed where deliveries come with snapshots.
    ///
    /// # Errors
    /// See [`ProviderError`].
    async fn told(
        &self,
        _connection: &Connection,
        told: Vec<ToldBooking>,
    ) -> Result<Called<Vec<RemoteBooking>>, ProviderError> {
        let without = |it: ToldBooking| it.snapshot.with_person(it.external_id, None);
        let value = told.into_iter().map(without).collect();
        Ok(Called { value, calls: 0, rate: None, quota: None })
    }
}
