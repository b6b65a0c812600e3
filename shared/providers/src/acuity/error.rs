//! What an answer that is no success means for us: the one status match of this vendor.
//!
//! Statuses and the error body: developers.acuityscheduling.com, "API errors" (page of 2025-06-09).
//! `Retry-After` is not documented and honoured if it comes.

use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use sync_domain::ports::{ProviderError, RateScope, RemoteEffect};

use crate::http::{RawAnswer, unavailable};

/// The limit is one of a second: ten requests ("API errors").
const RATE_WINDOW: Duration = Duration::from_secs(1);
/// The code of an unknown id.
const NOT_FOUND: &str = "not_found";
/// The longest vendor text that is passed on.
const CODE_MAX_BYTES: usize = 64;

/// `{"status_code", "message", "error"}`; the message may hold personal data and is not read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ErrorBody {
    error: Option<String>,
}

/// The vendor's own error, `None` where somebody else answered: an edge's page, nothing at all.
fn body_of(answer: &RawAnswer) -> Option<ErrorBody> {
    serde_json::from_slice(&answer.body).ok()
}

/// The vendor's code, if it is a code and not prose.
fn code_of(body: ErrorBody) -> Option<String> {
    let is_code = |text: &String| {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        (1..=CODE_MAX_BYTES).contains(&text.len()) && text.bytes().all(is_plain)
    };
    body.error.filter(is_code)
}

/// Whether Acuity itself says that it has nothing of that id. A 404 of somebody else, such as a wrong
/// base address, must not be taken for a deletion.
pub fn is_not_found(answer: &RawAnswer) -> bool {
    let code = || body_of(answer).and_then(code_of);
    answer.status == 404 && code().as_deref() == Some(NOT_FOUND)
}

/// The error that an answer stands for.
pub fn error_of(answer: &RawAnswer) -> ProviderError {
    let body = body_of(answer);
    let is_vendors = body.is_some();
    let vendor_code = body.and_then(code_of);
    tracing::warn!(
        system = "acuity",
        status = answer.status,
        vendor_code,
        "Acuity answered with an error."
    );
    match answer.status {
        401 => ProviderError::Unauthorized,
        // The user is known, and what is asked for is another user's.
        403 if is_vendors || answer.body.is_empty() => ProviderError::MissingScope,
        408 => ProviderError::TimedOut,
        429 => ProviderError::RateLimited {
            retry_after: Some(answer.retry_after.unwrap_or(RATE_WINDOW)),
            scope: RateScope::Window,
        },
        400..=499 if is_vendors || answer.body.is_empty() => {
            ProviderError::Rejected { vendor_code, field: None }
        }
        // A 5xx, a redirect, or the page of an edge.
        _ => ProviderError::Unavailable {
            status: Some(answer.status),
            retry_after: answer.retry_after,
            effect: RemoteEffect::Unknown,
        },
    }
}

/// The decoded body of a 2xx answer.
///
/// # Errors
/// See [`error_of`]; a body that is not what was asked for (an edge's HTML page, half an answer)
/// counts as a failure of the provider.
pub fn success_of<T: DeserializeOwned>(answer: &RawAnswer) -> Result<T, ProviderError> {
    check(answer)?;
    serde_json::from_slice(&answer.body).map_err(|_other_shape| bad_answer(answer))
}

/// Whether an answer says success.
///
/// # Errors
/// See [`error_of`].
pub fn check(answer: &RawAnswer) -> Result<(), ProviderError> {
    if (200..300).contains(&answer.status) { Ok(()) } else { Err(error_of(answer)) }
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

    use super::{error_of, is_not_found, success_of};
    use crate::http::RawAnswer;

    fn answer(status: u16, body: &str) -> RawAnswer {
        let body = body.as_bytes().to_vec().into();
        RawAnswer { status, retry_after: None, headers: HeaderMap::new(), body }
    }

    fn vendors(status: u16, code: &str) -> RawAnswer {
        let message = "ada@example.com";
        let body = serde_json::json!({"status_code": status, "message": message, "error": code});
        answer(status, &body.to_string())
    }

    #[test]
    fn error_of_each_documented_status_is_what_is_done_about_it() {
        let rejected = |code: &str| ProviderError::Rejected {
            vendor_code: Some(code.to_owned()),
            field: None,
        };
        for (status, code, expected) in [
            (400, "bad_request", rejected("bad_request")),
            (401, "unauthorized", ProviderError::Unauthorized),
            (403, "forbidden", ProviderError::MissingScope),
            (404, "not_found", rejected("not_found")),
            (405, "method_not_allowed", rejected("method_not_allowed")),
            (
                429,
                "too_many_requests",
                ProviderError::RateLimited {
                    retry_after: Some(Duration::from_secs(1)),
                    scope: RateScope::Window,
                },
            ),
        ] {
            assert_eq!(error_of(&vendors(status, code)), expected);
        }
        assert!(matches!(
            error_of(&vendors(500, "x")),
            ProviderError::Unavailable { status: Some(500), .. }
        ));
    }

    #[test]
    fn error_that_is_not_the_vendors_is_no_refusal() {
        for status in [302, 400, 403, 404, 500, 503] {
            let error = error_of(&answer(status, "<html>blocked"));
            assert!(matches!(error, ProviderError::Unavailable { .. }), "{status}: {error:?}");
        }
        assert_eq!(error_of(&answer(401, "<html>")), ProviderError::Unauthorized);
    }

    #[test]
    fn error_passes_no_prose_on_as_a_code() {
        let error = error_of(&vendors(400, "ada@example.com is bad"));
        assert_eq!(error, ProviderError::Rejected { vendor_code: None, field: None });
    }

    #[test]
    fn only_the_vendors_own_word_says_that_an_id_is_unknown() {
        assert!(is_not_found(&vendors(404, "not_found")));
        for other in
            [answer(404, ""), answer(404, "<html>"), vendors(404, "x"), vendors(400, "not_found")]
        {
            assert!(!is_not_found(&other));
        }
    }

    #[test]
    fn success_that_can_not_be_read_is_a_failure() {
        for body in ["", "<html>", "[{\"id\":1}", "{}"] {
            let error = success_of::<Vec<u64>>(&answer(200, body)).unwrap_err();
            assert!(matches!(error, ProviderError::Unavailable { .. }), "{body}");
        }
        assert_eq!(success_of::<Vec<u64>>(&answer(200, "[1]")), Ok(vec![1]));
    }
}
