//! HubSpot CRM. Facts and their evidence: `docs/integrations/hubspot_mapping.md`.
//!
//! `client` knows URLs and calls, `wire` the shapes, `mapping` our attributes and theirs, `error`
//! what an answer that is no success means.

mod client;
mod error;
mod mapping;
mod wire;

pub use client::{HubspotGateway, HubspotSettings};
