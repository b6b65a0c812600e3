//! Salesforce. Facts and their evidence: `docs/integrations/salesforce_mapping.md`.
//!
//! `settings` makes addresses, `calls` sends and counts, `wire` has the shapes, `ids` and `soql` what
//! ids and values become, `mapping` our attributes and their fields; `client` is the gateway, with
//! `upsert`, `look`, `associations` and `stages`; `read` reads by id, `changes` lists what has
//! changed; `quota` reads what is left of the day and `error` what an answer that is no success
//! means; `connector`, `token` and `key_field` connect orgs. `webhook`,
//! `webhook_json`, `soap`, `soap_reader` and `signature` read what orgs send by themselves
//! (`docs/integrations/salesforce_webhooks.md`).

mod associations;
mod calls;
mod changes;
mod client;
mod connector;
mod error;
mod ids;
mod key_field;
mod look;
mod mapping;
mod quota;
mod read;
mod settings;
mod signature;
mod soap;
mod soap_reader;
mod soql;
mod stages;
mod token;
mod upsert;
mod webhook;
mod webhook_json;
mod wire;

pub use client::SalesforceGateway;
pub use connector::SalesforceConnector;
pub use settings::SalesforceSettings;
pub use webhook::SalesforceWebhooks;
