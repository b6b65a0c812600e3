//! Adapters of the ports on AWS: the only room with SDK crates, table keys and secret names.

pub mod accounts;
pub mod connections;
pub mod credentials;
pub mod dead_letters;
pub mod dynamo;
pub mod event_bus;
pub mod oauth_apps;
pub mod sdk;
pub mod secrets;
pub mod webhook_secrets;
pub mod work_queue;
