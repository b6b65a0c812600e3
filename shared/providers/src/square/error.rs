//! What an answer that is no success means for us: the one status match of this vendor.
//!
//! Categories and codes: Square's published description of 2025-08-20 (`Error`, `ErrorCategory`,
//! `ErrorCode`). `Retry-After` is not documented and honoured if it comes.

use std::time::Duration;

use serde::de::DeserializeOwned;
use sync_domain::ports::{ProviderError, RateScope, RemoteEffect};

use super::json::from_body;
use super::wire::{ErrorBody, VendorError};
use crate::http::{RawAnswer, unavailable};

/// No limit is published; this long is waited where no answer tells.
const RATE_WINDOW: Duration = Duration::from_secs(1);
/// The code of an unknown id.
const NOT_FOUND: &str = "NOT_FOUND";
/// The code of a cursor that is none, or is of another list.
const INVALID_CURSOR: &str = "INVALID_CURSOR";
/// The seller has not subscribed to what a call needs.
const NO_SUBSCRIPTION: &str = "MERCHANT_SUBSCRIPTION_NOT_FOUND";
/// The category of that and its like.
const SUBSCRIPTION_CATEGORY: &str = "MERCHANT_SUBSCRIPTION_ERROR";
/// The longest vendor text that is passed on.
const CODE_MAX_BYTES: usize = 64;

impl VendorError {
    /// The code, if it is one and not prose.
    pub fn code(&self) -> Option<&str> {
        name_of(self.code.text()?)
    }

    fn category(&self) -> Option<&str> {
        name_of(self.category.text()?)
    }
}

fn name_of(text: &str) -> Option<&str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (text.len() <= CODE_MAX_BYTES && text.bytes().all(is_plain)).then_some(text)
}

/// The errors that Square itself tells of, none where somebody else answered: an edge's page, an empty
/// body.
pub fn errors_of(answer: &RawAnswer) -> Vec<VendorError> {
    let body: ErrorBody = from_body(&answer.body).unwrap_or_default();
    body.errors.into_value().unwrap_or_default()
}

/// Whether Square refuses the cursor of a list.
pub fn refuses_cursor(answer: &RawAnswer) -> bool {
    let is_refusal = |error: &VendorError| error.code() == Some(INVALID_CURSOR);
    answer.status == 400 && errors_of(answer).iter().any(is_refusal)
}

/// Whether the seller's plan is what a call was refused for.
pub fn is_subscription_missing(error: &VendorError) -> bool {
    error.code() == Some(NO_SUBSCRIPTION) || error.category() == Some(SUBSCRIPTION_CATEGORY)
}

/// Why one entry of an answer about many is not there.
#[derive(Debug, PartialEq, Eq)]
pub enum EntryFault {
    /// Square has nothing of that id.
    NotFound,
    /// Square does not take the id; asking again would not mend it.
    Refused,
    /// Something of the whole call, which takes the other entries with it.
    Failed(ProviderError),
}

/// What an error means by its code and category, whatever the status.
fn meaning_of(error: &VendorError, answer: &RawAnswer) -> ProviderError {
    match (error.category(), error.code()) {
        // Our app was switched off, which no tenant can mend by connecting again.
        (_, Some("CLIENT_DISABLED" | "APPLICATION_DISABLED")) => failure(answer),
        (_, Some("INSUFFICIENT_SCOPES" | "FORBIDDEN" | NO_SUBSCRIPTION))
        | (Some(SUBSCRIPTION_CATEGORY), _) => ProviderError::MissingScope,
        (_, Some("RATE_LIMITED")) | (Some("RATE_LIMIT_ERROR"), _) => limited(answer),
        (_, Some("REQUEST_TIMEOUT")) => ProviderError::TimedOut,
        (Some("AUTHENTICATION_ERROR"), _) if answer.status == 403 => ProviderError::MissingScope,
        (Some("AUTHENTICATION_ERROR"), _) => ProviderError::Unauthorized,
        (Some("API_ERROR"), _) => failure(answer),
        (_, code) => {
            let vendor_code = code.map(str::to_owned);
            ProviderError::Rejected { vendor_code, field: None }
        }
    }
}

fn limited(answer: &RawAnswer) -> ProviderError {
    let retry_after = Some(answer.retry_after.unwrap_or(RATE_WINDOW));
    ProviderError::RateLimited { retry_after, scope: RateScope::Window }
}

const fn failure(answer: &RawAnswer) -> ProviderError {
    ProviderError::Unavailable {
        status: Some(answer.status),
        retry_after: answer.retry_after,
        effect: RemoteEffect::Unknown,
    }
}

/// The error that an answer stands for.
pub fn error_of(answer: &RawAnswer) -> ProviderError {
    let errors = errors_of(answer);
    let first = errors.first();
    tracing::warn!(
        system = "square",
        status = answer.status,
        vendor_code = first.and_then(VendorError::code),
        "Square answered with an error."
    );
    match (answer.status, first) {
        (429, _) => limited(answer),
        (500.., _) => failure(answer),
        (_, Some(error)) => meaning_of(error, answer),
        (401, None) => ProviderError::Unauthorized,
        (408, None) => ProviderError::TimedOut,
        // A redirect, or the page of an edge.
        (_, None) => failure(answer),
    }
}

/// What the errors of one entry mean; the answer itself says success. An entry without any can't be true.
pub fn fault_of(errors: &[VendorError], answer: &RawAnswer) -> EntryFault {
    let Some(first) = errors.first() else { return EntryFault::Failed(bad_answer(answer)) };
    match meaning_of(first, answer) {
        ProviderError::Rejected { vendor_code, .. }
            if vendor_code.as_deref() == Some(NOT_FOUND) =>
        {
            EntryFault::NotFound
        }
        ProviderError::Rejected { .. } => EntryFault::Refused,
        error @ (ProviderError::Duplicate { .. }
        | ProviderError::Unauthorized
        | ProviderError::MissingScope
        | ProviderError::Contended { .. }
        | ProviderError::RateLimited { .. }
        | ProviderError::Unavailable { .. }
        | ProviderError::TimedOut
        | ProviderError::Closed { .. }) => EntryFault::Failed(error),
    }
}

/// Whether an answer says success.
///
/// # Errors
/// See [`error_of`]. An answer of 200 may tell of errors, too.
pub fn check(answer: &RawAnswer) -> Result<(), ProviderError> {
    let is_success = (200..300).contains(&answer.status) && errors_of(answer).is_empty();
    if is_success { Ok(()) } else { Err(error_of(answer)) }
}

/// The decoded body of a 2xx answer.
///
/// # Errors
/// See [`error_of`]; a body that is not what was asked for (an edge's HTML page, half an answer)
/// counts as a failure of the provider.
pub fn success_of<T: DeserializeOwned>(answer: &RawAnswer) -> Result<T, ProviderError> {
    check(answer)?;
    from_body(&answer.body).map_err(|_other_shape| bad_answer(answer))
}

/// An answer that says success and can't be true or can't be read.
pub const fn bad_answer(answer: &RawAnswer) -> ProviderError {
    unavailable(Some(answer.status), RemoteEffect::Unknown)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use reqwest::header::HeaderMap;
    use sync_domain::ports::{ProviderError, RateScope};

    use super::{EntryFault, error_of, errors_of, fault_of, refuses_cursor, success_of};
    use crate::http::RawAnswer;

    fn answer(status: u16, body: &str) -> RawAnswer {
        let body = body.as_bytes().to_vec().into();
        RawAnswer { status, retry_after: None, headers: HeaderMap::new(), body }
    }

    fn vendors(status: u16, category: &str, code: &str) -> RawAnswer {
        let error = serde_json::json!({"category": category, "code": code, "detail": "ada@x.com"});
        answer(status, &serde_json::json!({"errors": [error]}).to_string())
    }

    fn rejected(code: &str) -> ProviderError {
        ProviderError::Rejected { vendor_code: Some(code.to_owned()), field: None }
    }

    const LIMITED: ProviderError = ProviderError::RateLimited {
        retry_after: Some(Duration::from_secs(1)),
        scope: RateScope::Window,
    };

    #[test]
    fn error_of_each_documented_code_is_what_is_done_about_it() {
        let (auth, bad) = ("AUTHENTICATION_ERROR", "INVALID_REQUEST_ERROR");
        for (status, category, code, expected) in [
            (401, auth, "ACCESS_TOKEN_EXPIRED", ProviderError::Unauthorized),
            (401, auth, "ACCESS_TOKEN_REVOKED", ProviderError::Unauthorized),
            (401, auth, "UNAUTHORIZED", ProviderError::Unauthorized),
            (401, auth, "NEW_CODE", ProviderError::Unauthorized),
            (403, auth, "INSUFFICIENT_SCOPES", ProviderError::MissingScope),
            (401, auth, "INSUFFICIENT_SCOPES", ProviderError::MissingScope),
            (403, auth, "FORBIDDEN", ProviderError::MissingScope),
            (403, auth, "NEW_CODE", ProviderError::MissingScope),
            (403, "X", "MERCHANT_SUBSCRIPTION_NOT_FOUND", ProviderError::MissingScope),
            (402, "MERCHANT_SUBSCRIPTION_ERROR", "NEW_CODE", ProviderError::MissingScope),
            (429, "RATE_LIMIT_ERROR", "RATE_LIMITED", LIMITED),
            (429, "X", "NEW_CODE", LIMITED),
            (400, bad, "INVALID_TIME_RANGE", rejected("INVALID_TIME_RANGE")),
            (400, bad, "VALUE_TOO_HIGH", rejected("VALUE_TOO_HIGH")),
            (404, bad, "NOT_FOUND", rejected("NOT_FOUND")),
            (400, bad, "API_VERSION_INCOMPATIBLE", rejected("API_VERSION_INCOMPATIBLE")),
            (408, bad, "REQUEST_TIMEOUT", ProviderError::TimedOut),
        ] {
            assert_eq!(error_of(&vendors(status, category, code)), expected, "{status} {code}");
        }
    }

    #[test]
    fn error_of_our_app_or_of_square_itself_is_no_fault_of_the_tenant() {
        for (status, category, code) in [
            (401, "AUTHENTICATION_ERROR", "CLIENT_DISABLED"),
            (403, "AUTHENTICATION_ERROR", "APPLICATION_DISABLED"),
            (400, "INVALID_REQUEST_ERROR", "APPLICATION_DISABLED"),
            (500, "API_ERROR", "INTERNAL_SERVER_ERROR"),
            (503, "API_ERROR", "SERVICE_UNAVAILABLE"),
            (504, "API_ERROR", "GATEWAY_TIMEOUT"),
            (500, "AUTHENTICATION_ERROR", "UNAUTHORIZED"),
        ] {
            let error = error_of(&vendors(status, category, code));
            assert!(matches!(error, ProviderError::Unavailable { .. }), "{code}: {error:?}");
        }
    }

    #[test]
    fn error_that_is_not_the_vendors_is_no_refusal() {
        for status in [302, 400, 403, 404, 500, 503] {
            for body in ["<html>blocked", "", "[]", "{\"errors\":[]}", "{\"errors\":\"x\"}"] {
                let error = error_of(&answer(status, body));
                assert!(matches!(error, ProviderError::Unavailable { .. }), "{status}: {error:?}");
            }
        }
        assert_eq!(error_of(&answer(401, "<html>")), ProviderError::Unauthorized);
        assert_eq!(error_of(&answer(429, "<html>")), LIMITED);
        assert_eq!(error_of(&answer(408, "")), ProviderError::TimedOut);
    }

    #[test]
    fn error_passes_no_prose_on_as_a_code() {
        let error = error_of(&vendors(400, "INVALID_REQUEST_ERROR", "ada@example.com is bad"));
        assert_eq!(error, ProviderError::Rejected { vendor_code: None, field: None });
    }

    #[test]
    fn only_a_refused_cursor_is_a_cursor_that_is_refused() {
        let bad = "INVALID_REQUEST_ERROR";
        assert!(refuses_cursor(&vendors(400, bad, "INVALID_CURSOR")));
        for other in [
            vendors(500, bad, "INVALID_CURSOR"),
            vendors(400, bad, "INVALID_TIME_RANGE"),
            answer(400, "INVALID_CURSOR"),
        ] {
            assert!(!refuses_cursor(&other));
        }
    }

    #[test]
    fn fault_of_an_entry_is_its_own_only_if_it_is_about_the_id() {
        let fault = |category: &str, code: &str| {
            let answer = vendors(200, category, code);
            fault_of(&errors_of(&answer), &answer)
        };
        assert_eq!(fault("INVALID_REQUEST_ERROR", "NOT_FOUND"), EntryFault::NotFound);
        assert_eq!(fault("INVALID_REQUEST_ERROR", "VALUE_TOO_LONG"), EntryFault::Refused);
        assert_eq!(fault("RATE_LIMIT_ERROR", "RATE_LIMITED"), EntryFault::Failed(LIMITED));
        let scope = EntryFault::Failed(ProviderError::MissingScope);
        assert_eq!(fault("AUTHENTICATION_ERROR", "INSUFFICIENT_SCOPES"), scope);
        for fault in [fault("API_ERROR", "NOT_FOUND"), fault_of(&[], &answer(200, "{}"))] {
            let EntryFault::Failed(ProviderError::Unavailable { .. }) = fault else {
                panic!("{fault:?}");
            };
        }
    }

    #[test]
    fn success_that_can_not_be_read_or_tells_of_errors_is_none() {
        for body in ["", "<html>", "[{\"id\":1}", "{}"] {
            let error = success_of::<Vec<u64>>(&answer(200, body)).unwrap_err();
            assert!(matches!(error, ProviderError::Unavailable { .. }), "{body}");
        }
        assert_eq!(success_of::<Vec<u64>>(&answer(200, "[1]")), Ok(vec![1]));
        let error = success_of::<serde_json::Value>(&vendors(200, "X", "CONFLICT")).unwrap_err();
        assert_eq!(error, rejected("CONFLICT"));
    }
}
