//! A vendor that answers what the test has written down, in that order, and keeps what it was asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use serde_json::Value;

/// A request: method, path with query, and the body, null where it is no JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    pub line: String,
    pub body: Value,
}

#[derive(Default)]
struct Script {
    answers: VecDeque<(u16, String)>,
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
        lock(&self.script).answers.push_back((status, body.to_string()));
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
    let body = to_bytes(request.into_body(), 1_000_000).await.unwrap();
    let body = serde_json::from_slice(&body).unwrap_or_default();
    let next = {
        let mut script = lock(&script);
        script.asked.push(Asked { line, body });
        script.answers.pop_front()
    };
    let (status, body) = next.unwrap_or((599, "nothing is written down".to_owned()));
    Response::builder()
        .status(status)
        .header("x-hubspot-ratelimit-max", "190")
        .header("x-hubspot-ratelimit-remaining", "188")
        .header("x-hubspot-ratelimit-interval-milliseconds", "10000")
        .body(Body::from(body))
        .unwrap()
}
