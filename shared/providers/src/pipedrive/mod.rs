//! Pipedrive. Facts and their evidence: `docs/integrations/pipedrive_mapping.md`.
//!
//! `host` makes host names, `calls` sends, counts and prices with `prices`, `wire` has the shapes,
//! `mapping`, `values` and `entries` our attributes on the way out, `reading` on the way in, `check` what has no
//! place there, `stages` the account's stages; `records` reads and searches, `looking` decides which
//! record is meant, `gateway` writes, `associating` links; `reader` and `changes` are what sync asks;
//! `rate` and `error` what answers mean; `connector`, `oauth`, `field_definitions` and `hooks` connect
//! accounts. `webhook`, `webhook_wire`, `webhook_members` and
//! `signature` read what Pipedrive sends by itself (`docs/integrations/pipedrive_webhooks.md`).

mod associating;
mod calls;
mod changes;
mod check;
mod connector;
mod entries;
mod error;
mod field_definitions;
mod gateway;
mod hooks;
mod host;
mod looking;
mod mapping;
mod oauth;
mod prices;
mod rate;
mod reader;
mod reading;
mod records;
mod signature;
mod stages;
mod values;
mod webhook;
mod webhook_members;
mod webhook_wire;
mod wire;

pub use connector::PipedriveConnector;
pub use gateway::PipedriveGateway;
pub use host::PipedriveSettings;
pub use prices::token_price;
pub use webhook::PipedriveWebhooks;
