//! Vagaro's answers: one envelope for results and refusals, whose `responseCode` says more than the
//! HTTP status. Only the token endpoint's statuses are documented (docs.vagaro.com,
//! `generate-access-token`: 200, 400, 401, 429); the codes are a third party's.

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::{Value, json};

use crate::accounts::Account;
use crate::vendor::{Answer, FaultDetails};

const FINE: u16 = 1000;
const VALIDATION: u16 = 1003;
const EXPIRED_TOKEN: u16 = 1034;
const RATE_LIMIT: u16 = 1038;
const INVALID_PARAMETER: u16 = 1051;

/// The HTTP statuses of refusals by their codes, as far as an account doesn't say otherwise.
pub type Statuses = BTreeMap<u16, u16>;

/// A refused call.
#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    code: u16,
    message: &'static str,
    /// Whether the account may choose another status for it.
    is_settable: bool,
}

impl Refusal {
    const fn settable(status: StatusCode, code: u16, message: &'static str) -> Self {
        Self { status, code, message, is_settable: true }
    }

    const fn fixed(status: StatusCode, code: u16, message: &'static str) -> Self {
        Self { status, code, message, is_settable: false }
    }

    /// A member of the body is missing or has the wrong type.
    pub const fn validation(message: &'static str) -> Self {
        Self::settable(StatusCode::BAD_REQUEST, VALIDATION, message)
    }

    /// A parameter has a value that it can't have.
    pub const fn invalid_parameter(message: &'static str) -> Self {
        Self::settable(StatusCode::BAD_REQUEST, INVALID_PARAMETER, message)
    }

    /// A token that was good once. What forgives a client least is that only the code tells it.
    pub const fn expired_token() -> Self {
        Self::settable(StatusCode::OK, EXPIRED_TOKEN, "Access token has expired")
    }

    /// Over the limit.
    pub const fn rate_limit() -> Self {
        Self::settable(StatusCode::TOO_MANY_REQUESTS, RATE_LIMIT, "Rate limit exceeded")
    }

    /// A token that never was one, is another region's, or may not do this.
    pub const fn unauthorized() -> Self {
        Self::fixed(StatusCode::UNAUTHORIZED, EXPIRED_TOKEN, "Access token is not valid")
    }

    /// The token endpoint's 400.
    pub const fn bad_token_request(message: &'static str) -> Self {
        Self::fixed(StatusCode::BAD_REQUEST, VALIDATION, message)
    }

    /// The token endpoint's 401.
    pub const fn bad_credentials() -> Self {
        let message = "clientId or clientSecretKey is not valid";
        Self::fixed(StatusCode::UNAUTHORIZED, INVALID_PARAMETER, message)
    }

    /// No such path.
    pub const fn not_found() -> Self {
        Self::fixed(StatusCode::NOT_FOUND, INVALID_PARAMETER, "No such resource")
    }

    /// No such method.
    pub const fn method_not_allowed() -> Self {
        let message = "The resource does not take this method";
        Self::fixed(StatusCode::METHOD_NOT_ALLOWED, INVALID_PARAMETER, message)
    }

    /// The HTTP answer, with the account's own status if it is to have one.
    pub fn answer(&self, account: &Account) -> Answer {
        let own = account.response_statuses.get(&self.code).filter(|_| self.is_settable);
        let own = own.and_then(|status| StatusCode::from_u16(*status).ok());
        enveloped(own.unwrap_or(self.status), self.code, self.message)
    }

    /// The HTTP answer where nobody's account is known.
    pub fn plain(&self) -> Answer {
        enveloped(self.status, self.code, self.message)
    }
}

fn enveloped(status: StatusCode, code: u16, message: &str) -> Answer {
    let body = json!({ "status": status.as_u16(), "responseCode": code, "message": message });
    Answer::json(status, &body)
}

/// A result.
pub fn found(data: &Value) -> Answer {
    let body = json!({ "status": 200, "responseCode": FINE, "message": "Success", "data": data });
    Answer::json(StatusCode::OK, &body)
}

/// Refuses statuses that are none, and codes that mean no refusal.
pub fn check_statuses(statuses: &Statuses) -> Result<(), String> {
    let settable = [VALIDATION, EXPIRED_TOKEN, RATE_LIMIT, INVALID_PARAMETER];
    let is_wrong =
        |(code, status): &(&u16, &u16)| !settable.contains(code) || !(200..600).contains(*status);
    if statuses.iter().any(|pair| is_wrong(&pair)) {
        return Err(
            "`response_statuses` gives an HTTP status to 1003, 1034, 1038 or 1051, such as \
             {\"1034\": 401}"
                .to_owned(),
        );
    }
    Ok(())
}

/// The error that Vagaro would give with that status, for injected faults; `category` is another
/// `responseCode`.
pub fn for_status(status: StatusCode, details: &FaultDetails) -> Answer {
    let (code, message) = match status.as_u16() {
        400 => (VALIDATION, "The request is not valid"),
        401 | 403 => (EXPIRED_TOKEN, "Access token is not valid"),
        429 => (RATE_LIMIT, "Rate limit exceeded"),
        _ => (INVALID_PARAMETER, "The request could not be carried out"),
    };
    let own = details.category.as_deref().and_then(|code| code.parse().ok());
    enveloped(status, own.unwrap_or(code), message)
}
