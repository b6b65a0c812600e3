//! What several test modules share.

pub mod api;
pub mod cloud;
pub mod function_process;
pub mod gate_world;
pub mod hubspot;
pub mod schemas;
pub mod template;
pub mod tenant;
pub mod upsert_world;
pub mod vendor_server;
pub mod webhook_signing;
pub mod webhook_world;
