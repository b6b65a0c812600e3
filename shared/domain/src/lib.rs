//! What the product *is*: its model, its rules and the ports it needs from outside.
//!
//! This room decides and does nothing else. It has no AWS, no HTTP, no environment, no clock and no
//! vendor's words; time comes in through [`ports::Clock`] and everything else through the narrow
//! traits of [`ports`]. Use cases are one verb per file in [`usecase`].

pub mod cursor;
pub mod event;
pub mod gate;
pub mod hook_address;
pub mod keys;
pub mod linking;
pub mod model;
pub mod oauth_state;
pub mod ports;
pub mod pseudonym;
pub mod retry;
pub mod usecase;
