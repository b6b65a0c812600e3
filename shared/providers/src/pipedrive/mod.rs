//! Pipedrive. What its webhooks say and what of that is believed:
//! `docs/integrations/pipedrive_webhooks.md`.
//!
//! `webhook`, `webhook_wire`, `webhook_members` and `signature` read what Pipedrive sends by itself.

mod signature;
mod webhook;
mod webhook_members;
mod webhook_wire;

pub use signature::HOOK_USER;
pub use webhook::PipedriveWebhooks;
