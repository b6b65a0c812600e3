//! Vagaro. Facts and their evidence: `docs/integrations/booking_vagaro_mapping.md`.
//!
//! `row` has the members that are read, wherever they come from, and `mapping` says what they are in
//! the platform's terms. `csv` reads rows of files.

mod csv;
mod mapping;
mod row;

pub use csv::VagaroExport;

/// Where Vagaro is.
#[derive(Debug, Clone)]
pub struct VagaroSettings {
    /// Base URL, by default `https://api.vagaro.com`; paths begin with the account's region.
    pub base_url: String,
}
