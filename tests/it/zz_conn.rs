//! Temporary.
#![expect(clippy::unwrap_used, clippy::panic, reason = "temporary")]
mod contract_connection_registry;
mod flow_connections;
mod flow_connections_crash;
mod flow_connections_oauth;
mod flow_connections_rotate;
mod flow_token_refresh;
mod support {
    #[path = "../support/connection_world.rs"]
    pub mod connection_world;
}
