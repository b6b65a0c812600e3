//! Giving a fault to the caller: the answer, or what stands in its place on the wire.

use std::io;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures::stream;
use http::StatusCode;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use serde_json::Value;

use super::{Fault, FaultKind};
use crate::clock::sleep_ms;
use crate::connection::Connection;
use crate::pause::Pauses;
use crate::vendor::{Answer, Vendor};

/// Long enough for the first half of a cut body to leave before the connection goes.
const CUT_AFTER_MS: u64 = 50;

fn status_or(fault: &Fault, default: StatusCode) -> StatusCode {
    fault.status.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(default)
}

fn error_answer(fault: &Fault, vendor: &dyn Vendor, default: StatusCode) -> Answer {
    let status = status_or(fault, default);
    match &fault.body {
        None => vendor.error_answer(status, &fault.details),
        Some(Value::String(text)) if text.is_empty() => Answer::empty(status),
        Some(Value::String(text)) => {
            Answer::text(status, "application/json;charset=utf-8", text.clone())
        }
        Some(body) => Answer::json(status, body),
    }
}

fn with_headers(mut answer: Answer, fault: &Fault) -> Answer {
    for (name, value) in &fault.headers {
        answer.set_header(name, value);
    }
    answer
}

/// The answer that a fault shows, complete; `real` is there if the request was carried out.
fn shown_answer(fault: &Fault, vendor: &dyn Vendor, real: Option<Answer>) -> Answer {
    let answer = match fault.kind {
        FaultKind::Status => error_answer(fault, vendor, StatusCode::INTERNAL_SERVER_ERROR),
        FaultKind::Hang => error_answer(fault, vendor, StatusCode::GATEWAY_TIMEOUT),
        FaultKind::Html => {
            let status = status_or(fault, StatusCode::BAD_GATEWAY);
            Answer::text(status, "text/html; charset=utf-8", vendor.html_page())
        }
        FaultKind::Delay | FaultKind::Reset | FaultKind::Truncate => {
            // Only half of a truncated body is seen, so any body of the vendor's will do.
            real.unwrap_or_else(|| {
                let mut answer = vendor.error_answer(StatusCode::BAD_GATEWAY, &fault.details);
                answer.status = status_or(fault, StatusCode::OK);
                answer
            })
        }
    };
    with_headers(answer, fault)
}

/// Sends the first half of the body, then breaks off.
fn truncated(mut answer: Answer) -> Response {
    if answer.body.len() < 2 {
        answer.body = Bytes::from_static(b"{\"status\":\"COMPLETE\",\"results\":[]}");
        answer.set_header(CONTENT_TYPE.as_str(), "application/json;charset=utf-8");
    }
    let whole = std::mem::take(&mut answer.body);
    answer.set_header(CONTENT_LENGTH.as_str(), &whole.len().to_string());
    let half = whole.slice(..whole.len() / 2);
    let chunks = stream::unfold(Some(half), |next| async move {
        match next {
            Some(chunk) if !chunk.is_empty() => Some((Ok(chunk), Some(Bytes::new()))),
            Some(_) => {
                sleep_ms(CUT_AFTER_MS).await;
                let cut = io::Error::new(io::ErrorKind::ConnectionAborted, "cut by a fault");
                Some((Err(cut), None))
            }
            None => None,
        }
    });
    answer.into_response_with(Body::from_stream(chunks))
}

/// Gives the fault. The status is the one that the caller sees, if it sees one.
pub async fn deliver(
    fault: &Fault,
    vendor: &dyn Vendor,
    real: Option<Answer>,
    connection: &Connection,
    pauses: &Pauses,
) -> (Response, Option<u16>) {
    if let Some(delay_ms) = fault.delay_ms {
        pauses.pause(delay_ms).await;
    }
    let answer = shown_answer(fault, vendor, real);
    let status = answer.status.as_u16();
    match fault.kind {
        FaultKind::Reset => {
            connection.reset();
            (answer.into_response(), None)
        }
        FaultKind::Truncate => (truncated(answer), Some(status)),
        FaultKind::Status | FaultKind::Hang | FaultKind::Html | FaultKind::Delay => {
            (answer.into_response(), Some(status))
        }
    }
}
