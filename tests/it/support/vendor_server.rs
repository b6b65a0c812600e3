//! A vendor that answers what the test has written down, in that order, and keeps what it was asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::Value;

/// A request: method, path with query, headers, and the body, null where it is no JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    pub line: String,
    pub headers: HeaderMap,
    pub body: Value,
    /// The body as it came.
    pub text: String,
}

impl Asked {
    /// A header's text, empty without one.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }
}

/// Longer than any client of a test waits.
const NEVER: Duration = Duration::from_secs(60);

/// An answer that is written down.
struct Written {
    is_late: bool,
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

#[derive(Default)]
struct Script {
    answers: VecDeque<Written>,
    asked: Vec<Asked>,
}

#[derive(Clone)]
pub struct VendorServer {
    pub base_url: String,
    script: Arc<Mutex<Script>>,
}

impl VendorServer {
    pub async fn start() -> Self {
        let script = Arc::new(Mutex::new(Script::default()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(Arc::clone(&script));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { base_url, script }
    }

    /// The next answer that is not taken yet. Every answer tells a limit of 190 calls in 10 s.
    pub fn will_answer(&self, status: u16, body: impl ToString) -> &Self {
        self.will_answer_with(status, &[], body)
    }

    /// The same with headers of its own besides.
    pub fn will_answer_with(
        &self,
        status: u16,
        headers: &[(&'static str, &str)],
        body: impl ToString,
    ) -> &Self {
        let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let answer = Written { is_late: false, status, headers, body: body.to_string() };
        lock(&self.script).answers.push_back(answer);
        self
    }

    /// The next request gets no answer.
    pub fn will_hang(&self) -> &Self {
        let (headers, body) = (Vec::new(), String::new());
        let answer = Written { is_late: true, status: 200, headers, body };
        lock(&self.script).answers.push_back(answer);
        self
    }

    /// What was asked since the last look.
    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut lock(&self.script).asked)
    }

    /// The request lines since the last look.
    pub fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.line).collect()
    }
}

fn lock(script: &Mutex<Script>) -> MutexGuard<'_, Script> {
    script.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn answer(State(script): State<Arc<Mutex<Script>>>, request: Request) -> Response {
    let line = format!("{} {}", request.method(), request.uri());
    let headers = request.headers().clone();
    let body = to_bytes(request.into_body(), 1_000_000).await.unwrap();
    let text = String::from_utf8_lossy(&body).into_owned();
    let body = serde_json::from_slice(&body).unwrap_or_default();
    let next = {
        let mut script = lock(&script);
        script.asked.push(Asked { line, headers, body, text });
        script.answers.pop_front()
    };
    let nothing = || Written {
        is_late: false,
        status: 599,
        headers: Vec::new(),
        body: "nothing is written down".to_owned(),
    };
    let Written { is_late, status, headers, body } = next.unwrap_or_else(nothing);
    if is_late {
        tokio::time::sleep(NEVER).await;
    }
    let mut response = Response::builder()
        .status(status)
        .header("x-hubspot-ratelimit-max", "190")
        .header("x-hubspot-ratelimit-remaining", "188")
        .header("x-hubspot-ratelimit-interval-milliseconds", "10000");
    for (name, value) in headers {
        response = response.header(name, value);
    }
    response.body(Body::from(body)).unwrap()
}
