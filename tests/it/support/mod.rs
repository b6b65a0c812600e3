//! What several test modules share.

pub mod api;
pub mod cloud;
pub mod connection_world;
pub mod function_process;
pub mod gate_world;
pub mod schemas;
pub mod template;
pub mod tenant;
pub mod upsert_world;
