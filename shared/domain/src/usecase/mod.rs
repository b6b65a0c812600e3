//! What the product does, one verb per file.

pub mod accept_webhook;
mod api_key;
pub mod apply_bookings;
pub mod backfill_bookings;
pub mod connect_account;
pub mod connection_health;
pub mod disconnect_account;
pub mod fresh_connection;
pub mod import_bookings;
pub mod locked_connection;
mod provider_reads;
pub mod publish_changes;
pub mod read_bookings;
pub mod registered_hook;
mod renewed_token;
pub mod rotate_connection;
pub mod settle_work;
mod signing_rotation;
pub mod sweep_bookings;
pub mod sweep_crm;
pub mod sweeping;
pub mod sync_bookings;
pub mod sync_changes;
mod time_limit;
pub mod upsert_record;
mod walk_bookings;
