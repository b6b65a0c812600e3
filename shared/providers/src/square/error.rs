//! What an answer that is no success means for us: the one status match of this vendor.
//!
//! Categories and codes: Square's OpenAPI description of 2025-08-20 (`Error`, `ErrorCategory`,
//! `ErrorCode`). `Retry-After` is not documented and honoured if it comes.

use std::time::Duration;

use serde::de::DeserializeOwned;
use sync_domain::ports::{ProviderError, RateScope, RemoteEffect};

use super::wire::{ErrorBody, VendorError};
use crate::http::{RawAnswer, unavailable};

/// No limit is published; this long is waited where no answer tells.
const RATE_WINDOW: Duration = Duration::from_secs(1);
/// The code of an unknown id.
const NOT_FOUND: &str = "NOT_FOUND";
/// The code of a cursor that is none, or is of another list.
const INVALID_CURSOR: &str = "INVALID_CURSOR";
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

/// The errors that Square itself tells of, none where somebody else answered: an edge's page, nothing
/// at all.
pub fn errors_of(answer: &RawAnswer) -> Vec<VendorError> {
    let body: Option<ErrorBody> = serde_json::from_slice(&answer.body).ok();
    body.unwrap_or_default().errors
}

/// Whether Square says that it has nothing of that id.
pub fn is_not_found(errors: &[VendorError]) -> bool {
    errors.iter().any(|error| error.code() == Some(NOT_FOUND))
}

/// Whether Square refuses the cursor of a list.
pub fn refuses_cursor(answer: &RawAnswer) -> bool {
    answer.status == 400
        && errors_of(answer).iter().any(|error| error.code() == Some(INVALID_CURSOR))
}

/// What an error means by its code and category, whatever the status.
fn meaning_of(error: &VendorError, answer: &RawAnswer) -> ProviderError {
    match (error.category(), error.code()) {
        // Our app was switched off, which no tenant can mend by connecting again.
        (_, Some("CLIENT_DISABLED" | "APPLICATION_DISABLED")) => failure(answer),
        (_, Some("INSUFFICIENT_SCOPES" | "FORBIDDEN" | "MERCHANT_SUBSCRIPTION_NOT_FOUND"))
        | (Some("MERCHANT_SUBSCRIPTION_ERROR"), _) => ProviderError::MissingScope,
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

/// The error of one entry of an answer about many; the answer itself says success.
pub fn entry_error(errors: &[VendorError], answer: &RawAnswer) -> ProviderError {
    errors.first().map_or_else(|| bad_answer(answer), |error| meaning_of(error, answer))
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
    serde_json::from_slice(&answer.body).map_err(|_other_shape| bad_answer(answer))
}

/// An answer that says success and can't be true or can't be read.
pub const fn bad_answer(answer: &RawAnswer) -> ProviderError {
    unavailable(Some(answer.status), RemoteEffect::Unknown)
}
