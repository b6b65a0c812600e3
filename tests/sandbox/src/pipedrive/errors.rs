//! Pipedrive's error bodies: one envelope for most of the API, another one for webhooks, and the
//! page of the gateway in front of it.

use http::StatusCode;
use serde_json::{Value, json};

use super::limits;
use crate::vendor::{Answer, FaultDetails};

const ERROR_INFO: &str = "Please check developers.pipedrive.com for more information about \
    Pipedrive API.";
const BLOCK_PAGE: &str = "<!DOCTYPE html>\n<html><head><title>Access denied</title></head>\n\
    <body><h1>You have been blocked</h1><p>This address sent too many requests.</p></body></html>\n";

/// A request that Pipedrive refuses. Boxed inside, because it travels through every `Result`.
#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    body: Box<Value>,
    by_gateway: bool,
}

impl Refusal {
    fn new(status: StatusCode, error: &str) -> Self {
        let body = json!({ "success": false, "error": error, "error_info": ERROR_INFO,
            "data": null, "additional_data": null });
        Self { status, body: Box::new(body), by_gateway: false }
    }

    fn with(mut self, name: &str, value: Value) -> Self {
        self.body[name] = value;
        self
    }

    /// 400 about one member of a body or of a query. Custom fields are named by their code.
    pub fn invalid(member: &str, why: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, &format!("Validation failed: {member}: {why}"))
    }

    /// 400 without a member to blame.
    pub fn bad_request(error: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error)
    }

    /// 401; the gateway says it, before the API has seen the call.
    pub fn unauthorized() -> Self {
        let body = json!({ "success": false, "error": "unauthorized access", "errorCode": 401,
            "error_info": ERROR_INFO });
        Self { status: StatusCode::UNAUTHORIZED, body: Box::new(body), by_gateway: true }
    }

    /// 402 for a company that doesn't pay.
    pub fn payment_required() -> Self {
        Self::new(StatusCode::PAYMENT_REQUIRED, "Payment Required")
    }

    /// 403 for a token without the scope.
    pub fn scope_mismatch() -> Self {
        Self::new(StatusCode::FORBIDDEN, "Scope and URL mismatch")
    }

    /// 403 for what the user or the company may not do.
    pub fn forbidden(error: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, error)
    }

    /// 403 for one open deal more than the plan has room for.
    pub fn too_many_deals() -> Self {
        Self::new(StatusCode::FORBIDDEN, "The limit of open deals is reached")
            .with("code", json!("feature_capping_deals_limit"))
    }

    /// 404 for an id or a path.
    pub fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, &format!("{what} not found"))
    }

    /// 405.
    pub fn method_not_allowed() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed")
    }

    /// 429. The API says nothing of which limit it was; the headers do.
    pub fn too_many_requests(policy: &str) -> Self {
        let error = if policy == limits::DAILY_TOKENS {
            "daily request limit reached"
        } else {
            "request over limit"
        };
        Self::new(StatusCode::TOO_MANY_REQUESTS, error).with("errorCode", json!(429))
    }

    /// What is wrong with a webhook, by member.
    pub fn of_hook(status: StatusCode, errors: &Value) -> Self {
        let body = json!({ "status": "error", "success": false, "errors": errors });
        Self { status, body: Box::new(body), by_gateway: false }
    }

    /// 403 for somebody else's webhook.
    pub fn foreign_hook() -> Self {
        let body = json!({ "success": false, "message": "Forbidden" });
        Self { status: StatusCode::FORBIDDEN, body: Box::new(body), by_gateway: false }
    }

    /// What a user of the control API is told.
    pub fn message(&self) -> String {
        self.body["error"].as_str().map_or_else(|| self.body.to_string(), str::to_owned)
    }

    /// The HTTP answer.
    pub fn answer(&self) -> Answer {
        let mut answer = Answer::json(self.status, &self.body);
        if self.by_gateway {
            answer.set_header("x-401-by-gw", "true");
        }
        answer
    }
}

/// What the network in front of the API says to an API token that goes on over its limits.
pub fn block_page() -> Answer {
    Answer::text(StatusCode::FORBIDDEN, "text/html; charset=UTF-8", BLOCK_PAGE)
}

/// The error that Pipedrive would give with that status, for injected faults.
pub fn for_status(status: StatusCode, details: &FaultDetails) -> Answer {
    let member = details.property_name.as_deref().unwrap_or("name");
    let mut refusal = match status.as_u16() {
        400 => Refusal::invalid(member, "Invalid input"),
        401 => Refusal::unauthorized(),
        402 => Refusal::payment_required(),
        403 => Refusal::forbidden("Forbidden"),
        404 => Refusal::not_found("Resource"),
        405 => Refusal::method_not_allowed(),
        429 => Refusal::too_many_requests(limits::BURST),
        503 => Refusal::new(status, "Service is temporarily unavailable"),
        500.. => Refusal::new(status, "Internal Server Error").with("code", json!("ERR_UNKNOWN")),
        _ => Refusal::new(status, "Request failed"),
    };
    if let Some(code) = &details.category {
        refusal.body["code"] = json!(code);
    }
    refusal.answer()
}
