//! Answers of the control API: JSON, and for a refusal one `error` that says what to change.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::vendor::Answer;

/// A refused control call.
#[derive(Debug)]
pub struct ControlError {
    status: StatusCode,
    message: String,
}

/// What control handlers give.
pub type JsonAnswer = Result<Response, ControlError>;

impl ControlError {
    /// The request is wrong.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, message: message.into() }
    }

    /// The thing named in the request isn't there.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self { status: StatusCode::NOT_FOUND, message: message.into() }
    }
}

impl IntoResponse for ControlError {
    fn into_response(self) -> Response {
        Answer::json(self.status, &json!({ "error": self.message })).into_response()
    }
}

/// Answers 200.
pub fn answer(body: &Value) -> JsonAnswer {
    Ok(Answer::json(StatusCode::OK, body).into_response())
}

/// Reads a JSON body, whatever its content type says.
pub fn read_body<T: DeserializeOwned>(body: &[u8]) -> Result<T, ControlError> {
    serde_json::from_slice(body)
        .map_err(|error| ControlError::bad_request(format!("body: {error}")))
}

/// For paths that the control API doesn't have.
pub async fn unknown_path() -> ControlError {
    ControlError::not_found("no such control path; see tests/sandbox/README.md")
}

/// For methods that a control path doesn't have.
pub async fn unknown_method() -> ControlError {
    ControlError {
        status: StatusCode::METHOD_NOT_ALLOWED,
        message: "this control path has no such method; see tests/sandbox/README.md".to_owned(),
    }
}

/// Reads query parameters.
pub fn read_query<T: DeserializeOwned>(uri: &http::Uri) -> Result<T, ControlError> {
    axum::extract::Query::try_from_uri(uri)
        .map(|axum::extract::Query(query)| query)
        .map_err(|error| ControlError::bad_request(format!("query: {}", error.body_text())))
}
