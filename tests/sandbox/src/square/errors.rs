//! Square's error bodies: a list of errors, each with a category and a code. Which code has which
//! category is the vendor's published list (specification of 2025-08-20); the statuses that it leaves
//! open are in README.md.

use http::StatusCode;
use serde_json::{Value, json};

use crate::vendor::{Answer, FaultDetails};

/// A refused call, or the part of a bulk call that has no result.
#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    code: String,
    detail: String,
    field: Option<String>,
}

/// Codes with a category of their own; all others are errors of the request.
fn category(status: StatusCode, code: &str) -> &'static str {
    match code {
        "UNAUTHORIZED"
        | "ACCESS_TOKEN_EXPIRED"
        | "ACCESS_TOKEN_REVOKED"
        | "CLIENT_DISABLED"
        | "FORBIDDEN"
        | "INSUFFICIENT_SCOPES"
        | "APPLICATION_DISABLED" => "AUTHENTICATION_ERROR",
        "MERCHANT_SUBSCRIPTION_NOT_FOUND" => "MERCHANT_SUBSCRIPTION_ERROR",
        "RATE_LIMITED" => "RATE_LIMIT_ERROR",
        _ if status.is_server_error() => "API_ERROR",
        _ => "INVALID_REQUEST_ERROR",
    }
}

impl Refusal {
    fn new(status: StatusCode, code: &str, detail: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), detail: detail.into(), field: None }
    }

    /// 400 with a code, blaming a parameter or member of the body.
    pub fn bad_request(code: &str, field: &str, detail: impl Into<String>) -> Self {
        let refusal = Self::new(StatusCode::BAD_REQUEST, code, detail);
        Self { field: Some(field.to_owned()), ..refusal }
    }

    /// 400 for a body that isn't a JSON object.
    pub fn not_json() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "EXPECTED_JSON_BODY", "Expected a JSON object as body.")
    }

    /// 400 for a version that can't be honoured, or for none.
    pub fn version(code: &str, detail: &str) -> Self {
        Self::bad_request(code, "Square-Version", detail)
    }

    /// 401 for a token, code or client that nobody knows.
    pub fn unauthorized() -> Self {
        let detail = "This request could not be authorized.";
        Self::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", detail)
    }

    /// 401 for a token that is over.
    pub fn token_expired() -> Self {
        let detail = "The access token in this request is expired.";
        Self::new(StatusCode::UNAUTHORIZED, "ACCESS_TOKEN_EXPIRED", detail)
    }

    /// 401 for a token whose app the seller has thrown out.
    pub fn token_revoked() -> Self {
        let detail = "The access token in this request is revoked.";
        Self::new(StatusCode::UNAUTHORIZED, "ACCESS_TOKEN_REVOKED", detail)
    }

    /// 403 for a permission that the seller has not given.
    pub fn missing_scope(scope: &str) -> Self {
        let detail = format!("The seller has not given the permission {scope}.");
        Self::new(StatusCode::FORBIDDEN, "INSUFFICIENT_SCOPES", detail)
    }

    /// 403 for a seller without a plan that has the feature.
    pub fn no_subscription() -> Self {
        let detail = "The seller has no subscription with this feature.";
        Self::new(StatusCode::FORBIDDEN, "MERCHANT_SUBSCRIPTION_NOT_FOUND", detail)
    }

    /// 404 for an id or a path.
    pub fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NOT_FOUND", format!("No such {what}."))
    }

    /// 405.
    pub fn method_not_allowed() -> Self {
        let detail = "The path does not take this method.";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", detail)
    }

    /// 429.
    pub fn rate_limited() -> Self {
        let detail = "Too many requests in too short a time.";
        Self::new(StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED", detail)
    }

    /// The list of this one error, as bulk answers have it for each id.
    pub fn errors(&self) -> Value {
        let mut error = json!({
            "category": category(self.status, &self.code),
            "code": self.code,
            "detail": self.detail,
        });
        if let Some(field) = &self.field {
            error["field"] = json!(field);
        }
        json!([error])
    }

    /// The HTTP answer.
    pub fn answer(&self) -> Answer {
        Answer::json(self.status, &json!({ "errors": self.errors() }))
    }
}

/// The error that Square would give with that status, for injected faults; `category` of the fault
/// is the code.
pub fn for_status(status: StatusCode, details: &FaultDetails) -> Answer {
    let usual = match status.as_u16() {
        401 => "UNAUTHORIZED",
        403 => "FORBIDDEN",
        404 => "NOT_FOUND",
        405 => "METHOD_NOT_ALLOWED",
        408 => "REQUEST_TIMEOUT",
        409 => "CONFLICT",
        429 => "RATE_LIMITED",
        502 => "BAD_GATEWAY",
        503 => "SERVICE_UNAVAILABLE",
        504 => "GATEWAY_TIMEOUT",
        _ if status.is_server_error() => "INTERNAL_SERVER_ERROR",
        _ => "BAD_REQUEST",
    };
    let code = details.category.as_deref().unwrap_or(usual);
    let refusal = Refusal::new(status, code, "An injected fault.");
    Refusal { field: details.property_name.clone(), ..refusal }.answer()
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use serde_json::Value;

    use super::for_status;
    use crate::vendor::FaultDetails;

    #[test]
    fn category_follows_the_code_and_else_the_status() {
        for (status, code, category) in [
            (401, None, "AUTHENTICATION_ERROR"),
            (403, Some("MERCHANT_SUBSCRIPTION_NOT_FOUND"), "MERCHANT_SUBSCRIPTION_ERROR"),
            (401, Some("CLIENT_DISABLED"), "AUTHENTICATION_ERROR"),
            (429, None, "RATE_LIMIT_ERROR"),
            (400, Some("INVALID_CURSOR"), "INVALID_REQUEST_ERROR"),
            (503, None, "API_ERROR"),
        ] {
            let details = FaultDetails { category: code.map(str::to_owned), property_name: None };
            let answer = for_status(StatusCode::from_u16(status).unwrap(), &details);
            let body: Value = serde_json::from_slice(&answer.body).unwrap();
            assert_eq!(body["errors"][0]["category"], category, "{status} {code:?}");
            assert!(code.is_none_or(|code| body["errors"][0]["code"] == code));
        }
    }
}
