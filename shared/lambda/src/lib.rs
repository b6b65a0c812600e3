//! Trigger edges: what a function is called with, what it answers, what it logs.
//!
//! This room knows API Gateway's and the stream's envelopes, statuses and problem+json, settings and
//! telemetry. It knows no SDK client and no vendor. `serve_*` own what must not differ between the
//! functions and are not generic, so nothing of the runtime is compiled again per function.

pub mod api;
pub mod auth;
pub mod clock;
pub mod config;
mod http_edge;
pub mod metrics;
pub mod problem;
pub mod provider_problem;
mod queue_edge;
mod schedule_edge;
mod serve;
mod stream_edge;
pub mod telemetry;
pub mod tenancy;
pub mod webhook;
pub mod webhook_edge;

pub use http_edge::{HttpHandler, serve_http};
pub use queue_edge::{QueueBatch, QueueHandler, serve_queue};
pub use schedule_edge::{ScheduleHandler, ScheduledTick, ScheduledWorker, serve_scheduled_worker};
pub use serve::{BoxFuture, InitError};
pub use stream_edge::{StreamHandler, StreamRecord, serve_stream};
pub use webhook_edge::{WebhookHandler, serve_webhook};
