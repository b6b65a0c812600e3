//! Adapters of the ports on AWS: the only room with SDK crates, table keys and secret names.

pub mod connections;
pub mod dead_letters;
pub mod dynamo;
pub mod event_bus;
pub mod sdk;
pub mod secrets;
pub mod work_queue;
