//! Square Appointments. Facts and their evidence: `docs/integrations/booking_square_mapping.md`.
//!
//! `calls` sends and counts, `wire` has the shapes, `mapping` makes a snapshot of a booking and a person
//! of a customer, `error` says what an answer that is no success means. `reader` reads: a window span by
//! span (`span`), each with a cursor (`list`), which is what `position` remembers between two pages;
//! bookings by their ids (`by_id`); and who booked (`customers`).

mod by_id;
mod calls;
mod customers;
mod error;
mod list;
mod mapping;
mod position;
mod reader;
mod span;
mod wire;

pub use reader::SquareReader;

/// Where Square is and which version of it is spoken.
#[derive(Debug, Clone)]
pub struct SquareSettings {
    /// Base URL, by default `https://connect.squareup.com`.
    pub base_url: String,
    /// The version of the API that every call asks for (`Square-Version`), a date.
    pub version: String,
}
