//! What an answer that is no success means for us: the one status match of this vendor.
//!
//! Statuses: developers.hubspot.com, "Error handling" (modified 2026-03-30). `Retry-After` is
//! documented for 477 only and honoured wherever it comes.

use std::time::Duration;

use sync_domain::ports::{ProviderError, RemoteEffect};

use super::mapping::attribute_name;
use super::wire::ErrorBody;
use crate::http::RawAnswer;

/// A write lock lasts two seconds (documented for 423).
const LOCK_WAIT: Duration = Duration::from_secs(2);
/// What helps against a concurrent create: a moment.
const CONFLICT_WAIT: Duration = Duration::from_secs(1);
/// The window of the burst limit; the official client waits this long too.
const BURST_WINDOW: Duration = Duration::from_secs(10);
/// The window of the per-second limit of the search.
const SECOND_WINDOW: Duration = Duration::from_secs(1);
/// The daily limit ends at midnight of the portal's time zone, which the answer does not tell.
const DAILY_WAIT: Duration = Duration::from_secs(3_600);
/// The longest vendor text that is passed on.
const CODE_MAX_BYTES: usize = 64;

/// The error that an answer stands for.
pub fn error_of(answer: &RawAnswer) -> ProviderError {
    // An edge may answer in HTML or with nothing: then there is just the status.
    let body: ErrorBody = serde_json::from_slice(&answer.body).unwrap_or_default();
    tracing::warn!(
        system = "hubspot",
        status = answer.status,
        vendor_category = body.category.as_deref().filter(|text| is_code(text)),
        vendor_correlation_id = body.correlation_id.as_deref().filter(|text| is_uuid_like(text)),
        "HubSpot answered with an error."
    );
    match answer.status {
        401 => ProviderError::Unauthorized,
        403 => ProviderError::MissingScope,
        409 => ProviderError::Contended {
            retry_after: answer.retry_after.unwrap_or(CONFLICT_WAIT),
            status: answer.status,
        },
        423 => ProviderError::Contended {
            retry_after: answer.retry_after.unwrap_or_default().max(LOCK_WAIT),
            status: answer.status,
        },
        429 => ProviderError::RateLimited {
            retry_after: Some(answer.retry_after.unwrap_or_else(|| body.limit_window())),
        },
        477 => ProviderError::Unavailable {
            status: Some(answer.status),
            retry_after: answer.retry_after,
            effect: RemoteEffect::None,
        },
        // The request came too slowly; how much of it was acted on is not said.
        408 => ProviderError::TimedOut,
        400..=499 => body.rejection(),
        // A 5xx leaves open how far the request came; for 502 and 504 the vendor says so.
        _ => ProviderError::Unavailable {
            status: Some(answer.status),
            retry_after: answer.retry_after,
            effect: RemoteEffect::Unknown,
        },
    }
}

impl ErrorBody {
    /// A refusal with what the body says of its reason.
    pub fn rejection(&self) -> ProviderError {
        let detail_code = self.errors.iter().find_map(|detail| detail.code.as_deref());
        let vendor_code = detail_code.or(self.category.as_deref());
        ProviderError::Rejected {
            vendor_code: vendor_code.filter(|code| is_code(code)).map(str::to_owned),
            field: self.property().and_then(|property| {
                attribute_name(property).map(|name| format!("attributes.{}", name.as_str()))
            }),
        }
    }

    fn property(&self) -> Option<&str> {
        let contexts = self.errors.iter().map(|detail| &detail.context).chain([&self.context]);
        contexts
            .filter_map(|context| context.get("propertyName"))
            .find_map(|names| names.as_str().or_else(|| names.as_array()?.first()?.as_str()))
    }

    /// How long to wait for the exceeded limit.
    fn limit_window(&self) -> Duration {
        match self.policy_name.as_deref() {
            Some("DAILY") => DAILY_WAIT,
            Some("SECONDLY") => SECOND_WINDOW,
            Some(_) | None => BURST_WINDOW,
        }
    }
}

/// Whether a vendor's text is a code and not prose, which could hold personal data.
pub fn is_code(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= CODE_MAX_BYTES
        && text
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

fn is_uuid_like(text: &str) -> bool {
    text.len() == 36 && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sync_domain::ports::{ProviderError, RemoteEffect};

    use super::error_of;
    use crate::http::RawAnswer;

    fn error(status: u16, retry_after_s: Option<u64>, body: &str) -> ProviderError {
        let body = body.as_bytes().to_vec().into();
        error_of(&RawAnswer { status, retry_after: retry_after_s.map(Duration::from_secs), body })
    }

    #[test]
    fn error_names_the_attribute_and_the_code_of_a_refused_property() {
        let body = r#"{"category":"VALIDATION_ERROR","message":"ada@example.com is bad","errors":[
            {"code":"INVALID_EMAIL","context":{"propertyName":["email"]}}]}"#;
        let expected = ProviderError::Rejected {
            vendor_code: Some("INVALID_EMAIL".into()),
            field: Some("attributes.email".into()),
        };
        assert_eq!(error(400, None, body), expected);
    }

    #[test]
    fn error_passes_no_prose_and_no_foreign_property_on() {
        let body = r#"{"category":"Ada is bad","context":{"propertyName":["ada@example.com"]}}"#;
        let expected = ProviderError::Rejected { vendor_code: None, field: None };
        assert_eq!(error(400, None, body), expected);
    }

    #[test]
    fn error_of_a_rate_limit_waits_for_the_header_else_for_the_window() {
        let limited = |retry_after_s: Option<u64>| ProviderError::RateLimited {
            retry_after: retry_after_s.map(Duration::from_secs),
        };
        assert_eq!(error(429, Some(3), ""), limited(Some(3)));
        assert_eq!(error(429, None, r#"{"policyName":"TEN_SECONDLY_ROLLING"}"#), limited(Some(10)));
        assert_eq!(error(429, None, r#"{"policyName":"DAILY"}"#), limited(Some(3_600)));
    }

    #[test]
    fn error_says_whether_something_may_have_been_written() {
        for (status, effect) in [
            (400, RemoteEffect::None),
            (401, RemoteEffect::None),
            (403, RemoteEffect::None),
            (404, RemoteEffect::None),
            (409, RemoteEffect::None),
            (423, RemoteEffect::None),
            (429, RemoteEffect::None),
            (477, RemoteEffect::None),
            (302, RemoteEffect::Unknown),
            (408, RemoteEffect::Unknown),
            (500, RemoteEffect::Unknown),
            (502, RemoteEffect::Unknown),
            (504, RemoteEffect::Unknown),
            (524, RemoteEffect::Unknown),
        ] {
            assert_eq!(error(status, None, "<html>").effect(), effect, "{status}");
        }
    }
}
