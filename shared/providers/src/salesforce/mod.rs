//! Salesforce Sales Cloud.

mod ids;
mod signature;
mod soap;
mod soap_reader;
mod webhook;
mod webhook_json;

pub use webhook::SalesforceWebhooks;
