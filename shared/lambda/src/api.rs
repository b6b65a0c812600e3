//! Requests and answers of the HTTP API, free of the gateway's envelope.

use std::collections::HashMap;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, StatusCode};
use jiff::Timestamp;
use serde_json::{Map, Value};
use sync_domain::model::{CorrelationId, InvalidField};
use sync_domain::ports::Acknowledgement;

use crate::auth::Claims;
use crate::problem::{ErrorCode, Problem};

/// The largest body that is taken. The gateway's own limit is 10 MB; a contact is a few hundred
/// bytes, and a stored item can't be larger than 400 KB.
pub const BODY_MAX_BYTES: usize = 256 * 1024;

/// A request as a handler sees it.
pub struct ApiRequest {
    /// The method.
    pub method: Method,
    /// The host that was called.
    pub domain_name: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, decoded if the gateway had encoded it.
    pub body: Bytes,
    /// Parameters of the query, decoded; of a repeated one the first.
    pub query: HashMap<String, String>,
    /// Variables of the path.
    pub path_parameters: HashMap<String, String>,
    /// Verified claims.
    pub claims: Claims,
    /// Ties log lines, answer and event together; replaced by the body's, if it has one.
    pub correlation_id: CorrelationId,
    /// When the invocation ends.
    pub deadline: Timestamp,
}

/// An answer: a JSON body, a problem, or a webhook's acknowledgement.
#[derive(Debug)]
pub struct ApiResponse {
    /// The status.
    pub status: StatusCode,
    /// The body.
    pub body: Vec<u8>,
    /// `application/json`, `application/problem+json`, or what a webhook's sender wants to hear.
    pub content_type: &'static str,
    /// The request.
    pub correlation_id: CorrelationId,
    /// `Retry-After`, whole seconds.
    pub retry_after_s: Option<u64>,
}

impl ApiResponse {
    /// A 200 with a JSON body.
    pub fn ok(body: &Value, correlation_id: CorrelationId) -> Self {
        Self::json(StatusCode::OK, body, correlation_id)
    }

    /// A 202 with a JSON body: it is taken on and not done yet.
    pub fn accepted(body: &Value, correlation_id: CorrelationId) -> Self {
        Self::json(StatusCode::ACCEPTED, body, correlation_id)
    }

    /// A 200 with the body that a provider takes for an acknowledgement.
    pub fn acknowledged(body: Acknowledgement, correlation_id: CorrelationId) -> Self {
        Self {
            status: StatusCode::OK,
            body: body.body.into_bytes(),
            content_type: body.content_type,
            correlation_id,
            retry_after_s: None,
        }
    }

    fn json(status: StatusCode, body: &Value, correlation_id: CorrelationId) -> Self {
        Self {
            status,
            body: body.to_string().into_bytes(),
            content_type: "application/json",
            correlation_id,
            retry_after_s: None,
        }
    }

    /// A problem.
    pub fn problem(problem: &Problem, correlation_id: CorrelationId) -> Self {
        Self {
            status: problem.status(),
            body: problem.to_json(&correlation_id),
            content_type: "application/problem+json",
            correlation_id,
            // Rounded up: a client that comes early comes for nothing.
            retry_after_s: problem
                .retry_after
                .map(|wait| wait.as_secs() + u64::from(wait.subsec_nanos() > 0)),
        }
    }
}

/// The members of a JSON object body, read one by one.
pub struct JsonBody(Map<String, Value>);

impl JsonBody {
    /// Reads the body of a request.
    ///
    /// # Errors
    /// 413, 415 or 400.
    pub fn of(request: &ApiRequest) -> Result<Self, Problem> {
        if request.body.len() > BODY_MAX_BYTES {
            return Err(ErrorCode::BodyTooLarge.into());
        }
        if !is_json(&request.headers) {
            return Err(ErrorCode::UnsupportedMediaType.into());
        }
        // Also refuses invalid UTF-8 and anything nested deeper than 128 levels.
        match serde_json::from_slice(&request.body) {
            Ok(Value::Object(members)) => Ok(Self(members)),
            Ok(_) => Err(Problem::new(ErrorCode::InvalidJson).detail("must be a JSON object")),
            Err(_) => Err(ErrorCode::InvalidJson.into()),
        }
    }

    /// Refuses members that the contract does not have: a misspelt optional one would be lost
    /// without a word.
    ///
    /// # Errors
    /// The first such member, by name if it looks like one.
    pub fn only(&self, known: &[&str]) -> Result<(), InvalidField> {
        let Some(unknown) = self.0.keys().find(|name| !known.contains(&name.as_str())) else {
            return Ok(());
        };
        Err(InvalidField::unknown_member("", unknown, "is not a member of the request"))
    }

    /// A text that must be there.
    ///
    /// # Errors
    /// When it is missing or no string.
    pub fn text(&self, name: &str) -> Result<&str, InvalidField> {
        self.optional_text(name)?.ok_or_else(|| InvalidField::new(name, "is required"))
    }

    /// A text that may be missing or null.
    ///
    /// # Errors
    /// When it is something else.
    pub fn optional_text(&self, name: &str) -> Result<Option<&str>, InvalidField> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(InvalidField::new(name, "must be a string")),
        }
    }

    /// The caller's correlation id, if the body has one.
    ///
    /// # Errors
    /// When it may not stand in a log.
    pub fn correlation_id(&self) -> Result<Option<CorrelationId>, InvalidField> {
        let Some(given) = self.optional_text("correlation_id")? else { return Ok(None) };
        let reason = "must be 1 to 128 of the characters A-Za-z0-9._:-";
        let parsed = CorrelationId::parse(given);
        parsed.map(Some).ok_or_else(|| InvalidField::new("correlation_id", reason))
    }

    /// Any value that may be missing; null counts as missing.
    pub fn optional(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// An object that must be there.
    ///
    /// # Errors
    /// When it is missing or no object.
    pub fn object(&self, name: &str) -> Result<&Map<String, Value>, InvalidField> {
        match self.0.get(name) {
            None => Err(InvalidField::new(name, "is required")),
            Some(Value::Object(members)) => Ok(members),
            Some(_) => Err(InvalidField::new(name, "must be an object")),
        }
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let essence = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .map(|value| value.trim().to_ascii_lowercase());
    essence.is_some_and(|essence| {
        essence == "application/json"
            || (essence.starts_with("application/") && essence.ends_with("+json"))
    })
}
