//! Acuity Scheduling. What is known of it and how sure: `docs/integrations/booking_acuity_mapping.md`.

mod connector;
mod reader;
mod webhook;

pub use connector::AcuityConnector;
pub use reader::AcuityReader;
pub use webhook::AcuityWebhooks;

/// Where Acuity is and how it is read.
#[derive(Debug, Clone)]
pub struct AcuitySettings {
    /// Base URL, by default `https://acuityscheduling.com`; the API's paths begin with `/api/v1`.
    pub base_url: String,
    /// The most rows of one answer (`max`). The vendor's own default is 100; its upper bound is not
    /// documented.
    pub rows_max: u32,
}
