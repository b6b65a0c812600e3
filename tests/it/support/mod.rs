//! What several test modules share.

pub mod upsert_world;
