//! The provider sandbox: the vendors' HTTP APIs, a token issuer and a tap in front of the local AWS,
//! for tests and for the local cloud. What it plays and what it doesn't is in README.md.

mod accounts;
mod acuity;
mod aws_tap;
mod calls;
mod clock;
mod connection;
mod control;
mod faults;
mod grants;
mod held;
mod http_client;
mod hubspot;
mod lock;
mod oidc;
mod pause;
mod people;
mod percent;
mod pipedrive;
mod rates;
mod ring;
mod salesforce;
mod server;
mod spread;
mod square;
mod state;
mod traffic;
mod vagaro;
mod vendor;
mod webhooks;

pub use accounts::{Account, accounts_from_json};
pub use server::{Sandbox, SandboxConfig, StartError, TapConfig};
pub use vendor::System;
