//! What the product does, one verb per file.

pub mod accept_webhook;
pub mod publish_changes;
pub mod settle_work;
pub mod upsert_record;
