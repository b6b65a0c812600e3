//! What several test modules share.

pub mod account;
pub mod api;
pub mod bus;
pub mod changes;
pub mod cloud;
pub mod connection_world;
pub mod function_process;
pub mod gate_world;
pub mod hubspot;
pub mod operator;
pub mod portal_state;
pub mod push_world;
pub mod queues;
pub mod schemas;
pub mod sync_play;
pub mod sync_world;
pub mod table;
pub mod template;
pub mod tenant;
pub mod upsert_world;
pub mod vendor_server;
pub mod waiting;
pub mod webhook_signing;
pub mod webhook_world;
pub mod worker_log;
