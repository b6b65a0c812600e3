//! Binding the two ports and putting the parts behind them.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::Response;
use http::StatusCode;
use serde_json::json;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::task::{JoinError, JoinHandle};

use crate::accounts::{Account, AccountBook};
use crate::aws_tap::Tap;
use crate::connection::{Connection, CuttableListener};
use crate::oidc::Issuer;
use crate::percent::decode_query;
use crate::state::SandboxState;
use crate::vendor::{Answer, MAX_BODY_BYTES, System, VendorRequest, Vendors, serve};
use crate::webhooks::Deliveries;
use crate::{aws_tap, control, oidc};

/// The AWS tap.
pub struct TapConfig {
    /// Its port; 0 takes a free one.
    pub port: u16,
    /// Base URL of the AWS endpoint behind it.
    pub upstream: String,
}

/// What a sandbox is started with.
pub struct SandboxConfig {
    /// Port; 0 takes a free one.
    pub port: u16,
    /// The tap, if there is to be one.
    pub tap: Option<TapConfig>,
    /// The first accounts.
    pub accounts: Vec<Account>,
}

/// Why a sandbox could not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// Somebody else listens there.
    #[error("port {0} on 127.0.0.1 is in use; stop what listens there or choose another port")]
    PortBusy(u16),
    /// The port can't be had for another reason.
    #[error("port {0} on 127.0.0.1 can't be opened: {1}")]
    Listen(u16, #[source] io::Error),
    /// An account is refused.
    #[error("account {0}: {1}")]
    Account(String, String),
    /// The tap's upstream is not a URL.
    #[error("tap upstream must be an http URL such as http://127.0.0.1:4566")]
    Upstream,
    /// The signing key of the issuer could not be made.
    #[error("the issuer's signing key could not be made")]
    Key,
    /// The HTTP client could not be made.
    #[error("the HTTP client could not be made: {0}")]
    Client(#[source] reqwest::Error),
}

/// A running sandbox; it stops when this is dropped.
pub struct Sandbox {
    port: u16,
    tap_port: Option<u16>,
    listeners: Vec<JoinHandle<()>>,
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        for listener in &self.listeners {
            listener.abort();
        }
    }
}

async fn listen(port: u16) -> Result<(TcpListener, u16), StartError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|error| {
        if error.kind() == io::ErrorKind::AddrInUse {
            StartError::PortBusy(port)
        } else {
            StartError::Listen(port, error)
        }
    })?;
    let port = listener.local_addr().map_or(port, |address: SocketAddr| address.port());
    Ok((listener, port))
}

fn spawn(listener: TcpListener, router: Router) -> JoinHandle<()> {
    let service = router.into_make_service_with_connect_info::<Connection>();
    tokio::spawn(async move {
        if let Err(error) = axum::serve(CuttableListener(listener), service).await {
            tracing::error!(%error, "Listener ended.");
        }
    })
}

impl Sandbox {
    /// Binds the ports and serves.
    pub async fn start(config: SandboxConfig) -> Result<Self, StartError> {
        let (listener, port) = listen(config.port).await?;
        let tap_listener = match &config.tap {
            Some(tap) => Some(listen(tap.port).await?),
            None => None,
        };
        let upstream = config.tap.map(|tap| tap.upstream);
        let tap = Arc::new(Tap::new(upstream.as_deref())?);
        let state = Arc::new(SandboxState {
            accounts: AccountBook::default(),
            vendors: Vendors::default(),
            calls: Default::default(),
            faults: Default::default(),
            rates: Default::default(),
            traffic: Default::default(),
            pauses: Default::default(),
            deliveries: Deliveries::new().map_err(StartError::Client)?,
            held: Default::default(),
            issuer: Issuer::new(port).map_err(|_| StartError::Key)?,
            tap: Arc::clone(&tap),
        });
        for account in config.accounts {
            let id = account.account.clone();
            state.put_account(account).map_err(|reason| StartError::Account(id, reason))?;
        }
        let mut listeners = vec![spawn(listener, router(state))];
        let tap_port = tap_listener.map(|(tap_listener, tap_port)| {
            listeners.push(spawn(tap_listener, aws_tap::router(tap)));
            tap_port
        });
        Ok(Self { port, tap_port, listeners })
    }

    /// Base URL of the vendors, the issuer and the control API.
    pub fn url(&self) -> String {
        format!("http://localhost:{}", self.port)
    }

    /// Base URL of the tap.
    pub fn tap_url(&self) -> Option<String> {
        self.tap_port.map(|port| format!("http://localhost:{port}"))
    }

    /// Waits until a listener ends, which it doesn't by itself.
    pub async fn ended(mut self) -> Result<(), JoinError> {
        match self.listeners.pop() {
            Some(listener) => listener.await,
            None => Ok(()),
        }
    }
}

fn router(state: Arc<SandboxState>) -> Router {
    Router::new()
        .nest("/_control", control::router())
        .nest("/oidc", oidc::router())
        .fallback(vendor_call)
        .with_state(state)
}

async fn vendor_call(
    State(state): State<Arc<SandboxState>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let prefix = parts.uri.path().trim_start_matches('/');
    let (name, path) = prefix.split_once('/').unwrap_or((prefix, ""));
    let Some(system) = System::from_name(name) else {
        return error(
            StatusCode::NOT_FOUND,
            "no vendor under this path; see /hubspot, /acuity, /salesforce, /pipedrive, \
             /square, /vagaro, /oidc",
        );
    };
    let raw_query = parts.uri.query().unwrap_or_default().to_owned();
    let path = format!("/{path}");
    let Ok(body) = axum::body::to_bytes(body, MAX_BODY_BYTES).await else {
        return error(
            StatusCode::PAYLOAD_TOO_LARGE,
            "the body could not be read or is over 10 MiB",
        );
    };
    let request = VendorRequest {
        method: parts.method,
        path,
        query: decode_query(&raw_query),
        raw_query,
        headers: parts.headers,
        body,
    };
    serve(&state, system, &connection, request).await
}

fn error(status: StatusCode, message: &str) -> Response {
    Answer::json(status, &json!({ "error": message })).into_response()
}
