//! Scratch target.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]
#[path = "../it/flow_sync.rs"]
mod flow_sync;
#[path = "../it/flow_sync_schedules.rs"]
mod flow_sync_schedules;
mod support {
    #[path = "../../it/support/sync_world.rs"]
    pub mod sync_world;
}
