//! Square Appointments. Facts and their evidence: `docs/integrations/booking_square_mapping.md`.
//!
//! `calls` sends and counts, `json` reads and `wire` has the shapes, `mapping` makes a snapshot of a
//! booking and a person of a customer, `error` says what an answer that is no success means. `reader`
//! reads: a window span by span (`span`), each with a cursor (`list`), which is what `position` remembers
//! between two pages; bookings by their ids (`by_id`), of which one is gone only if we would see it
//! (`seller_level`); and who booked (`customers`). `connector` connects an account, with the token
//! endpoint in `oauth` and what an account lets us have in `account`; `webhook` reads what `signature` has
//! verified.

mod account;
mod by_id;
mod calls;
mod connector;
mod customers;
mod error;
mod json;
mod list;
mod mapping;
mod oauth;
mod position;
mod reader;
mod seller_level;
mod signature;
mod span;
mod webhook;
mod wire;

pub use connector::SquareConnector;
pub use reader::SquareReader;
pub use webhook::SquareWebhooks;

/// Where Square is and which version of it is spoken.
#[derive(Debug, Clone)]
pub struct SquareSettings {
    /// Base URL, by default `https://connect.squareup.com`.
    pub base_url: String,
    /// The version of the API that every call asks for (`Square-Version`), a date.
    pub version: String,
}
