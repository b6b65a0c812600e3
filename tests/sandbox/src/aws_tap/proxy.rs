//! Passing one call on. The exchange with AWS runs in a task of its own: a request that was sent
//! is carried out even if the caller goes away, as it would be on AWS.

use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::response::Response;
use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, HeaderName, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};

use super::faults::{TapFault, TapFaultKind};
use super::{CallIdentity, Tap};
use crate::clock::now_ms;
use crate::connection::Connection;
use crate::vendor::Answer;

const MAX_BODY_BYTES: usize = 32 * 1024 * 1024;
const AWS_JSON: &str = "application/x-amz-json-1.0";
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");

/// Headers that belong to one connection and not to the message.
fn without_connection_headers(headers: &HeaderMap) -> HeaderMap {
    let mut kept = headers.clone();
    for name in [CONNECTION, TRANSFER_ENCODING, KEEP_ALIVE] {
        kept.remove(name);
    }
    kept
}

struct Call {
    parts: Parts,
    body: Bytes,
    number: u64,
}

async fn exchange(tap: &Tap, call: &Call) -> Result<Answer, reqwest::Error> {
    let target = call.parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let response = tap
        .client
        .request(call.parts.method.clone(), format!("{}{target}", tap.upstream))
        .headers(without_connection_headers(&call.parts.headers))
        .body(call.body.clone())
        .send()
        .await?;
    let status = response.status();
    let mut headers = without_connection_headers(response.headers());
    if call.parts.method != Method::HEAD {
        headers.remove(CONTENT_LENGTH);
    }
    Ok(Answer { status, headers, body: response.bytes().await? })
}

fn tap_error(status: StatusCode, message: &str) -> Answer {
    let body = json!({ "__type": "TapError", "message": message }).to_string();
    Answer::text(status, AWS_JSON, body)
}

/// Sends the call on and waits for the answer; a lost caller doesn't stop it.
async fn forward(tap: &Arc<Tap>, call: &Arc<Call>) -> Answer {
    tap.log.mark_forwarded(call.number);
    let (tap, call) = (Arc::clone(tap), Arc::clone(call));
    let exchanged = tokio::spawn(async move { exchange(&tap, &call).await }).await;
    match exchanged {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) if error.is_builder() => {
            tap_error(StatusCode::BAD_GATEWAY, "the tap has no upstream")
        }
        Ok(Err(error)) => {
            tracing::warn!(error = %error.without_url(), "The tap's upstream did not answer.");
            tap_error(StatusCode::BAD_GATEWAY, "the tap's upstream did not answer")
        }
        Err(_) => tap_error(StatusCode::BAD_GATEWAY, "the tap dropped the call"),
    }
}

fn error_answer(fault: &TapFault) -> Answer {
    let status = fault
        .status
        .and_then(|status| StatusCode::from_u16(status).ok())
        .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = match &fault.body {
        None => {
            let message = "injected by the AWS tap";
            json!({ "__type": "InternalServerError", "message": message }).to_string()
        }
        Some(Value::String(text)) => text.clone(),
        Some(body) => body.to_string(),
    };
    Answer::text(status, AWS_JSON, body)
}

/// What the caller gets under a fault; nothing if the connection was cut.
async fn under_fault(
    tap: &Arc<Tap>,
    call: &Arc<Call>,
    fault: &TapFault,
    connection: &Connection,
) -> Option<Answer> {
    let delay_ms = fault.delay_ms.unwrap_or_default();
    match fault.kind {
        TapFaultKind::HoldBefore => {
            // The framework drops this future when the caller goes away, and the call with it.
            tap.pauses.pause(delay_ms).await;
            Some(forward(tap, call).await)
        }
        TapFaultKind::Delay => {
            let (tap, call) = (Arc::clone(tap), Arc::clone(call));
            let late = tokio::spawn(async move {
                tap.pauses.pause(delay_ms).await;
                forward(&tap, &call).await
            });
            late.await.ok()
        }
        TapFaultKind::HoldAfter => {
            let answer = forward(tap, call).await;
            tap.pauses.pause(delay_ms).await;
            Some(answer)
        }
        TapFaultKind::Status | TapFaultKind::Reset => {
            if fault.apply {
                forward(tap, call).await;
            }
            tap.pauses.pause(delay_ms).await;
            if fault.kind == TapFaultKind::Reset {
                connection.reset();
                return None;
            }
            Some(error_answer(fault))
        }
    }
}

/// Handles every request on the tap's port.
pub async fn pass(
    State(tap): State<Arc<Tap>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    request: Request,
) -> Response {
    let at_ms = now_ms();
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, MAX_BODY_BYTES).await else {
        return tap_error(StatusCode::PAYLOAD_TOO_LARGE, "body over 32 MiB").into_response();
    };
    let identity = CallIdentity::of(&parts.method, parts.uri.path(), &parts.headers, &body);
    let number = tap.log.open(at_ms, &identity, &body);
    let fault = tap.faults.take(&identity, &body);
    let call = Arc::new(Call { parts, body, number });
    let answer = match fault {
        None => Some(forward(&tap, &call).await),
        Some(fault) => under_fault(&tap, &call, &fault, &connection).await,
    };
    match answer {
        None => Answer::empty(StatusCode::BAD_GATEWAY).into_response(),
        Some(answer) => {
            tap.log.close(number, answer.status.as_u16(), now_ms());
            answer.into_response()
        }
    }
}
