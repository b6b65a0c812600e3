//! HubSpot CRM. Facts and their evidence: `docs/integrations/hubspot_mapping.md`.
//!
//! `client` knows URLs and calls, `wire` the shapes, `mapping` our attributes and theirs, `error`
//! what an answer that is no success means; `signature`, `webhook` and `webhook_wire` read what
//! HubSpot sends by itself.

mod client;
mod error;
mod mapping;
mod signature;
mod webhook;
mod webhook_wire;
mod wire;

pub use client::{HubspotGateway, HubspotSettings};
pub use webhook::HubspotWebhooks;
