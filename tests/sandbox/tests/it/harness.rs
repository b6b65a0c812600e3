//! A sandbox on free ports and short ways to talk to it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use http::{HeaderMap, StatusCode};
use provider_sandbox::{Sandbox, SandboxConfig, TapConfig};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};

pub const TOKEN: &str = "pat-na1-test";
pub const ACCOUNT: &str = "62515009";
pub const CONTACTS: &str = "/hubspot/crm/objects/2026-03/contacts";

/// A running sandbox and a client for it.
pub struct TestSandbox {
    sandbox: Sandbox,
    client: Client,
}

fn client() -> Client {
    Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap()
}

pub async fn sleep_ms(delay_ms: u64) {
    tokio::time::sleep(Duration::from_millis(delay_ms)).await;
}

impl TestSandbox {
    /// With one account that may do everything.
    pub async fn start() -> Self {
        Self::start_with(None, json!({})).await
    }

    /// With a tap and with more settings of the account.
    pub async fn start_with(upstream: Option<String>, settings: Value) -> Self {
        let tap = upstream.map(|upstream| TapConfig { port: 0, upstream });
        let config = SandboxConfig { port: 0, tap, accounts: Vec::new() };
        let this = Self { sandbox: Sandbox::start(config).await.unwrap(), client: client() };
        let mut account = json!({ "system": "hubspot", "account": ACCOUNT, "access_token": TOKEN });
        for (name, value) in settings.as_object().unwrap() {
            account[name] = value.clone();
        }
        let put = this.post("/_control/accounts", &account).await;
        assert_eq!(put.status(), StatusCode::OK);
        this
    }

    pub fn url(&self) -> String {
        self.sandbox.url()
    }

    pub fn tap(&self, method: Method) -> RequestBuilder {
        let url = self.sandbox.tap_url().unwrap();
        self.client.request(method, format!("{url}/some/path?x=%2F1"))
    }

    /// Without credentials.
    pub fn bare(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url()))
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.bare(method, path).bearer_auth(TOKEN)
    }

    pub async fn post(&self, path: &str, body: &Value) -> Response {
        self.request(Method::POST, path).json(body).send().await.unwrap()
    }

    pub async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    pub async fn get_json(&self, path: &str) -> Value {
        self.get(path).await.json().await.unwrap()
    }

    /// Sends a HubSpot write and gives status and body.
    pub async fn hubspot(&self, method: Method, below: &str, body: &Value) -> (u16, Value) {
        let request = self.request(method, &format!("{CONTACTS}{below}"));
        let response = request.json(body).send().await.unwrap();
        let status = response.status().as_u16();
        (status, response.json().await.unwrap_or_default())
    }

    /// Sends JSON to any path and gives status and body.
    pub async fn call(&self, method: Method, path: &str, body: &Value) -> (u16, Value) {
        let response = self.request(method, path).json(body).send().await.unwrap();
        let status = response.status().as_u16();
        (status, response.json().await.unwrap_or_default())
    }

    /// Acts as a user of the portal; the act must be taken.
    pub async fn act(&self, act: &Value) -> Value {
        let mut act = act.clone();
        act["system"] = json!("hubspot");
        act["account"] = json!(ACCOUNT);
        let (status, told) = self.call(Method::POST, "/_control/portal", &act).await;
        assert_eq!(status, 200, "{told}");
        told
    }

    /// Creates a record through the API and gives its id.
    pub async fn create(&self, plural: &str, properties: &Value) -> String {
        let path = format!("/hubspot/crm/objects/2026-03/{plural}");
        let body = json!({ "properties": properties });
        let (status, made) = self.call(Method::POST, &path, &body).await;
        assert_eq!(status, 201, "{made}");
        made["id"].as_str().unwrap().to_owned()
    }

    pub async fn calls(&self) -> Value {
        self.get_json(&format!("/_control/calls?system=hubspot&account={ACCOUNT}")).await
    }

    pub async fn contacts(&self) -> Vec<Value> {
        let path = format!("/_control/objects?system=hubspot&account={ACCOUNT}");
        self.get_json(&path).await["objects"].as_array().unwrap().clone()
    }

    pub async fn fault(&self, fault: &Value) {
        let mut fault = fault.clone();
        fault["system"] = json!("hubspot");
        assert_eq!(self.post("/_control/faults", &fault).await.status(), StatusCode::OK);
    }
}

/// What a [`Receiver`] got.
#[derive(Clone)]
pub struct Received {
    pub headers: HeaderMap,
    pub target: String,
    pub body: Bytes,
}

/// A server that keeps every request and answers with the next planned status, or 200.
#[derive(Clone, Default)]
pub struct Receiver {
    received: Arc<Mutex<Vec<Received>>>,
    planned: Arc<Mutex<VecDeque<u16>>>,
}

impl Receiver {
    /// Starts it and gives its URL.
    pub async fn start(planned: &[u16]) -> (Self, String) {
        let receiver = Self::default();
        receiver.planned.lock().unwrap().extend(planned);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new()
            .fallback(Self::take)
            .layer(DefaultBodyLimit::disable())
            .with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (receiver, url)
    }

    /// From now on every delivery is taken.
    pub fn answer_well(&self) {
        self.planned.lock().unwrap().clear();
    }

    async fn take(
        State(receiver): State<Self>,
        uri: http::Uri,
        headers: HeaderMap,
        body: Bytes,
    ) -> (StatusCode, [(&'static str, &'static str); 1], Bytes) {
        let received = Received { headers, target: uri.to_string(), body: body.clone() };
        receiver.received.lock().unwrap().push(received);
        let status = receiver.planned.lock().unwrap().pop_front().unwrap_or(200);
        (StatusCode::from_u16(status).unwrap(), [("x-amzn-requestid", "r1")], body)
    }

    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}
