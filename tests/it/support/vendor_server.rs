//! A vendor that answers what the test has written down, in that order, and keeps what it was asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::Value;

/// A request: method, path with query, headers, and the body, as JSON null where it is none.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    pub line: String,
    pub headers: HeaderMap,
    pub text: String,
    pub body: Value,
}

struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

#[derive(Default)]
struct Script {
    answers: VecDeque<Answer>,
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

    /// The same, with headers.
    pub fn will_answer_with(
        &self,
        status: u16,
        headers: &[(&'static str, &str)],
        body: impl ToString,
    ) -> &Self {
        let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let answer = Answer { status, headers, body: body.to_string() };
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
        script.asked.push(Asked { line, headers, text, body });
        script.answers.pop_front()
    };
    let nothing =
        || Answer { status: 599, headers: vec![], body: "nothing is written down".into() };
    let Answer { status, headers, body } = next.unwrap_or_else(nothing);
    let response = Response::builder()
        .status(status)
        .header("x-hubspot-ratelimit-max", "190")
        .header("x-hubspot-ratelimit-remaining", "188")
        .header("x-hubspot-ratelimit-interval-milliseconds", "10000");
    let response =
        headers.into_iter().fold(response, |response, (name, value)| response.header(name, value));
    response.body(Body::from(body)).unwrap()
}
