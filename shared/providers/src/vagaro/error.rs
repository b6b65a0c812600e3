//! What an answer that is no success means for us: the one status match of this vendor.
//!
//! The vendor's codes are known from one third-party adapter (2026-07): 1000 is a success, 1003 and
//! 1051 refuse a value, 1034 is an ended token, 1038 the limit of the rate. An answer with HTTP 200 and
//! another code is a failure; of one id it is a refusal, see [`found_of`]. `Retry-After` is not documented and honoured if it comes.

use std::time::Duration;

use sync_domain::ports::{ProviderError, RateScope, RemoteEffect};

use super::row::Row;
use super::wire::{Listed, Rows, Verdict};
use crate::http::{RawAnswer, unavailable};

/// How long to wait where the vendor does not say: no window of its limit is published.
const RATE_WAIT: Duration = Duration::from_secs(2);
/// Codes that are acted on.
const NOT_VALID: u32 = 1003;
const TOKEN_ENDED: u32 = 1034;
const RATE_LIMITED: u32 = 1038;
const BAD_PARAMETER: u32 = 1051;

/// The vendor's own word, `None` where somebody else answered: an edge's page, nothing at all.
pub fn verdict_of(answer: &RawAnswer) -> Option<Verdict> {
    serde_json::from_slice(&answer.body).ok()
}

/// Whether an answer says success.
///
/// # Errors
/// See [`error_of`].
pub fn check(answer: &RawAnswer) -> Result<(), ProviderError> {
    let is_success = (200..300).contains(&answer.status);
    let is_ok = verdict_of(answer).is_none_or(|verdict| verdict.is_ok());
    if is_success && is_ok { Ok(()) } else { Err(error_of(answer)) }
}

/// The rows of an answer.
///
/// # Errors
/// See [`error_of`]; an answer that is no list (an edge's HTML page, half an answer) counts as a failure
/// of the provider.
pub fn rows_of(answer: &RawAnswer) -> Result<Vec<Row>, ProviderError> {
    check(answer)?;
    let listed = serde_json::from_slice::<Listed>(&answer.body);
    listed.map(|it| it.data.into_vec()).map_err(|_other_shape| bad_answer(answer))
}

/// The rows of an answer about one id. That there is none of it must be the vendor's own word, because
/// it may be taken for a deletion: an empty list, or `null` under the code of a success. A 404 is not:
/// it may be about the location, the region or the path.
///
/// # Errors
/// See [`rows_of`]; but a code that nobody has told us of refuses this id, because asking again would
/// not mend it and whoever reads one id after the other must come past it (unverified).
pub fn found_of(answer: &RawAnswer) -> Result<Vec<Row>, ProviderError> {
    check(answer).map_err(|error| about_one(answer, error))?;
    let is_coded = verdict_of(answer).is_some_and(|verdict| verdict.code().is_some());
    match serde_json::from_slice::<Listed>(&answer.body) {
        Ok(Listed { data: Rows::None(()) }) if !is_coded => Err(bad_answer(answer)),
        Ok(listed) => Ok(listed.data.into_vec()),
        Err(_other_shape) => Err(bad_answer(answer)),
    }
}

/// What a failure says of the one id that was asked for.
fn about_one(answer: &RawAnswer, error: ProviderError) -> ProviderError {
    let code = verdict_of(answer).filter(|verdict| !verdict.is_ok()).and_then(|it| it.code());
    match (error, answer.status, code) {
        (ProviderError::Unavailable { .. }, 200..=299, Some(code)) => {
            ProviderError::Rejected { vendor_code: Some(code.to_string()), field: None }
        }
        (error, _, _) => error,
    }
}

/// The error that an answer stands for.
pub fn error_of(answer: &RawAnswer) -> ProviderError {
    let verdict = verdict_of(answer);
    let is_vendors = verdict.is_some() || answer.body.is_empty();
    let code = verdict.and_then(|verdict| verdict.code());
    tracing::warn!(
        system = "vagaro",
        status = answer.status,
        vendor_code = code,
        "Vagaro answered with an error."
    );
    let limited = || ProviderError::RateLimited {
        retry_after: Some(answer.retry_after.unwrap_or(RATE_WAIT)),
        scope: RateScope::Window,
    };
    let rejected =
        || ProviderError::Rejected { vendor_code: code.map(|code| code.to_string()), field: None };
    match (answer.status, code) {
        (401, _) | (_, Some(TOKEN_ENDED)) => ProviderError::Unauthorized,
        (429, _) | (_, Some(RATE_LIMITED)) => limited(),
        (200..=299, Some(NOT_VALID | BAD_PARAMETER)) => rejected(),
        (403, _) if is_vendors => ProviderError::MissingScope,
        (408, _) => ProviderError::TimedOut,
        (400..=499, _) if is_vendors => rejected(),
        // A 5xx, a redirect, the page of an edge, or a code that nobody has told us of.
        _ => ProviderError::Unavailable {
            status: Some(answer.status),
            retry_after: answer.retry_after,
            effect: RemoteEffect::Unknown,
        },
    }
}

/// An answer that says success and can't be true or can't be read.
pub const fn bad_answer(answer: &RawAnswer) -> ProviderError {
    unavailable(Some(answer.status), RemoteEffect::Unknown)
}
