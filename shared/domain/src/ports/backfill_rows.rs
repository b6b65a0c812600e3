//! The rows of a file that was exported from a booking system, one after the other.

use crate::model::{ExternalId, RemoteBooking, Untold};

/// A row that can't be read. It does not take its neighbours with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowFault {
    /// The line on which the row begins; the first of the file is 1.
    pub line: u64,
    /// The line on which it ends: a text in quotes may go over several.
    pub last_line: u64,
    /// The provider's id of the appointment, if at least that can be read.
    pub external_id: Option<ExternalId>,
    /// What is at fault, by its name; never a value.
    pub field: &'static str,
}

/// A row that is an appointment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackfillRow {
    /// The line on which the row begins.
    pub line: u64,
    /// The line on which it ends.
    pub last_line: u64,
    /// The appointment as it was when the export was made. No row says itself since when it is so: a
    /// vendor's time of a last change may miss some changes, and be by any clock.
    pub booking: RemoteBooking,
}

/// What one row is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadRow {
    /// Somebody's appointment.
    Booking(Box<BackfillRow>),
    /// An entry of the calendar that nobody has booked.
    NoAppointment {
        /// The line on which the row ends.
        last_line: u64,
    },
    /// It can't be read.
    Fault(RowFault),
}

/// The file itself can't be read on.
#[derive(Debug, thiserror::Error)]
#[error("the file can't be read: {0}")]
pub struct RowsBroken(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Rows in the order of the file. No more than one of them is in memory at a time, and that one has
/// a bounded size, whatever the file holds.
pub trait BackfillRows: Send {
    /// What no row can tell, because the file has no column for it.
    fn untold(&self) -> Untold;

    /// The next row; `None` behind the last one. `default_region` is the tenant's two-letter country
    /// code for phone numbers without a prefix.
    ///
    /// # Errors
    /// See [`RowsBroken`].
    fn next_row(&mut self, default_region: Option<&str>) -> Result<Option<ReadRow>, RowsBroken>;
}
