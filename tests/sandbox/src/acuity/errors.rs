//! Acuity's error bodies: status, text and a slug, the same three members for every status.

use http::StatusCode;
use serde_json::json;

use crate::vendor::{Answer, FaultDetails};

/// A refused call.
#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    slug: String,
    message: String,
}

impl Refusal {
    fn new(status: StatusCode, slug: &str, message: impl Into<String>) -> Self {
        Self { status, slug: slug.to_owned(), message: message.into() }
    }

    /// 400.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }

    /// 401 for credentials that are missing, unknown or wrong.
    pub fn unauthorized() -> Self {
        let message = "The user id and API key were not accepted";
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", message)
    }

    /// 403 for something that belongs to another user or calendar.
    pub fn forbidden() -> Self {
        let message = "This user has no access to the requested resource";
        Self::new(StatusCode::FORBIDDEN, "forbidden", message)
    }

    /// 404 for an id or a path.
    pub fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("No such {what}"))
    }

    /// 405.
    pub fn method_not_allowed() -> Self {
        let message = "The path does not take this method";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
    }

    /// 429; the text tells both limits.
    pub fn too_many_requests() -> Self {
        let message = "Too many requests: the limits are 10 requests per second and 20 concurrent \
            connections";
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", message)
    }

    /// The HTTP answer.
    pub fn answer(&self) -> Answer {
        let body = json!({
            "status_code": self.status.as_u16(),
            "message": self.message,
            "error": self.slug,
        });
        Answer::json(self.status, &body)
    }
}

/// The error that Acuity would give with that status, for injected faults.
pub fn for_status(status: StatusCode, details: &FaultDetails) -> Answer {
    let mut refusal = match status.as_u16() {
        400 => Refusal::bad_request("The request is not valid"),
        401 => Refusal::unauthorized(),
        403 => Refusal::forbidden(),
        404 => Refusal::not_found("resource"),
        405 => Refusal::method_not_allowed(),
        429 => Refusal::too_many_requests(),
        _ => Refusal::new(status, "internal_server_error", "The server met an error"),
    };
    if let Some(slug) = &details.category {
        refusal.slug.clone_from(slug);
    }
    refusal.answer()
}
