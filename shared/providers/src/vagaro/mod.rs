//! Vagaro. Facts and their evidence: `docs/integrations/booking_vagaro_mapping.md`.
//!
//! `calls` sends and counts, `wire` has the shapes of answers and deliveries and `row` the members that
//! are read of an appointment or a customer; `mapping` makes a booking of them, and `error` says what
//! an answer that is no success means. `reader` reads: what is named by `selection`, with who booked by
//! `joined`, at the account's `locations`; of a `window` nothing can be listed; `position` is what it
//! remembers between two pages. `connector`, `token` and `region` connect accounts; `webhook` and
//! `signature` read what Vagaro sends by itself, `csv` the rows of files.

mod calls;
mod connector;
mod csv;
mod error;
mod joined;
mod locations;
mod mapping;
mod position;
mod reader;
mod region;
mod row;
mod selection;
mod signature;
mod token;
mod webhook;
mod window;
mod wire;

pub use connector::VagaroConnector;
pub use csv::VagaroExport;
pub use reader::VagaroReader;
pub use webhook::VagaroWebhooks;

/// Where Vagaro is.
#[derive(Debug, Clone)]
pub struct VagaroSettings {
    /// Base URL, by default `https://api.vagaro.com`; paths begin with the account's region.
    pub base_url: String,
}
