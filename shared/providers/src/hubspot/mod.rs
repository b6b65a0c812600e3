//! HubSpot CRM. Facts and their evidence: `docs/integrations/hubspot_mapping.md`.
//!
//! `client` knows URLs and operations, `calls` sends and counts, `wire` has the shapes, `mapping` our
//! attributes and theirs, `associations` and `pipelines` what deals and companies need besides,
//! `fallback` what is done without a key property, `read` reads by id, `rate` the headers of the limits, `error` what an
//! answer that is no success means; `account`, `oauth` and `properties` connect accounts;
//! `signature` and the `webhook` modules read what HubSpot sends by itself.

mod account;
mod associations;
mod calls;
mod client;
mod error;
mod fallback;
mod mapping;
mod oauth;
mod pipelines;
mod properties;
mod rate;
mod read;
mod signature;
mod webhook;
mod webhook_elements;
mod webhook_wire;
mod wire;

pub use account::HubspotConnector;
pub use client::{HubspotGateway, HubspotSettings};
pub use webhook::HubspotWebhooks;
