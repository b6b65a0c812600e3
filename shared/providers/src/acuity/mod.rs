//! Acuity Scheduling. Facts and their evidence: `docs/integrations/booking_acuity_mapping.md`.
//!
//! `calls` sends and counts, `wire` and `scalar` have the shapes, `mapping` makes a booking of an
//! appointment, `error` says what an answer that is no success means. `reader` reads; a window is read
//! by `walk`, day by day (`window`) in slices (`slice`), one busy day in parts (`split_day`), and
//! `position` is what it remembers between two pages. `connector` and `hooks` connect accounts;
//! `webhook`, `form` and `signature` read what Acuity sends by itself.

mod calls;
mod connector;
mod error;
mod form;
mod hooks;
mod mapping;
mod position;
mod reader;
mod scalar;
mod signature;
mod slice;
mod split_day;
mod walk;
mod webhook;
mod window;
mod wire;

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
