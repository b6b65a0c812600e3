//! Square Appointments. Facts and their evidence: `docs/integrations/booking_square_mapping.md`.
//!
//! `calls` sends and counts, `wire` has the shapes, `mapping` makes a booking of a booking and a person
//! of a customer, `error` says what an answer that is no success means. `reader` reads: a window span by
//! span (`span`, `position`), and who booked through `customers`. `connector` connects an account, with
//! the token endpoint in `oauth` and what an account lets us have in `account`; `webhook` reads what
//! `signature` has verified.

mod account;
mod calls;
mod connector;
mod error;
mod mapping;
mod oauth;
mod signature;
mod webhook;
mod wire;

pub use connector::SquareConnector;
pub use webhook::SquareWebhooks;

/// Where Square is and which version of it is spoken.
#[derive(Debug, Clone)]
pub struct SquareSettings {
    /// Base URL, by default `https://connect.squareup.com`.
    pub base_url: String,
    /// The version of the API that every call asks for (`Square-Version`), a date.
    pub version: String,
}
