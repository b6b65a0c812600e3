//! The AWS tap: a transparent HTTP proxy between the functions and the local AWS, that counts,
//! delays, holds, breaks and records calls. Signatures aren't checked behind it, so it may pass
//! requests on as they are.

mod faults;
mod identify;
mod log;
mod proxy;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;

use crate::http_client::{ClientSettings, client};
use crate::pause::Pauses;
use crate::server::StartError;
pub use faults::{TapFault, TapFaults};
pub use identify::CallIdentity;
pub use log::{TapLog, TapQuery};

/// Long enough for any call that a test holds back.
const UPSTREAM_TIMEOUT: Duration = Duration::from_secs(120);

/// Well below the time after which local AWS servers close idle connections: a request that meets
/// a closing connection would look like a fault of the cloud.
const UPSTREAM_IDLE: Duration = Duration::from_secs(1);

/// State of the tap.
pub struct Tap {
    /// Calls seen.
    pub log: TapLog,
    /// Faults to come.
    pub faults: TapFaults,
    pauses: Pauses,
    client: reqwest::Client,
    upstream: String,
}

impl Tap {
    /// A tap in front of `upstream`; without one it only answers that there is none.
    pub fn new(upstream: Option<&str>) -> Result<Self, StartError> {
        let upstream = upstream.unwrap_or_default().trim_end_matches('/').to_owned();
        if !upstream.is_empty() && !upstream.starts_with("http://") {
            return Err(StartError::Upstream);
        }
        let settings = ClientSettings { timeout: UPSTREAM_TIMEOUT, idle_timeout: UPSTREAM_IDLE };
        Ok(Self {
            log: TapLog::default(),
            faults: TapFaults::default(),
            pauses: Pauses::default(),
            client: client(&settings).map_err(StartError::Client)?,
            upstream,
        })
    }

    /// Drops the faults and lets held calls go on.
    pub fn clear_faults(&self) {
        self.faults.clear();
        self.pauses.release();
    }
}

/// Every path of the tap's port.
pub fn router(tap: Arc<Tap>) -> Router {
    Router::new().fallback(proxy::pass).with_state(tap)
}
