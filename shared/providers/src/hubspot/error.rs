//! What an answer that is no success means for us: the one status match of this vendor.
//!
//! Statuses: developers.hubspot.com, "Error handling" (modified 2026-03-30). `Retry-After` is
//! documented for 477 only and honoured wherever it comes.

use std::time::Duration;

use serde_json::Value;
use sync_domain::model::ExternalId;
use sync_domain::ports::{ProviderError, RateScope, RemoteEffect};

use super::mapping::{KEY_PROPERTY, attribute_name};
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
/// The code for a value of a unique property that another record has (seen by integrators, as 400).
const UNIQUE_VALUE_TAKEN: &str = "CONFLICTING_UNIQUE_VALUE";
/// The code for a property that the portal does not have.
const NO_SUCH_PROPERTY: &str = "PROPERTY_DOESNT_EXIST";
/// Where errors name properties; `properties` is the one of missing required values (unverified).
const PROPERTY_KEYS: [&str; 2] = ["propertyName", "properties"];
/// The longest vendor text that is passed on.
const CODE_MAX_BYTES: usize = 64;

/// The error that an answer tells. An edge may answer in HTML or with nothing: then there is just
/// the status.
pub fn body_of(answer: &RawAnswer) -> ErrorBody {
    serde_json::from_slice(&answer.body).unwrap_or_default()
}

/// Whether an answer says that there is no such record.
pub const fn is_not_found(answer: &RawAnswer) -> bool {
    answer.status == 404
}

/// The record that was there already, where the answer is a conflict that names it.
pub fn existing_id_of(answer: &RawAnswer) -> Option<ExternalId> {
    if answer.status != 409 {
        return None;
    }
    body_of(answer).hints.existing_id.map(ExternalId::new)
}

/// The error that an answer stands for.
pub fn error_of(answer: &RawAnswer) -> ProviderError {
    let body = body_of(answer);
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
            scope: body.limit_scope(),
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
        let embedded = self.hints.invalid_property.as_ref();
        let embedded_code = embedded.and_then(|(_name, code)| code.as_deref());
        let vendor_code = detail_code.or(embedded_code).or(self.category.as_deref());
        let property = self.property();
        if vendor_code == Some(UNIQUE_VALUE_TAKEN) && property == Some(KEY_PROPERTY) {
            // Two writes created the record at the same moment, and the next one finds it. It comes as
            // a 400, but a conflict is what it is.
            return ProviderError::Contended { retry_after: CONFLICT_WAIT, status: 409 };
        }
        // Of all properties that we write only this one can be missing: the others are HubSpot's.
        let property =
            property.or_else(|| (vendor_code == Some(NO_SUCH_PROPERTY)).then_some(KEY_PROPERTY));
        ProviderError::Rejected {
            vendor_code: vendor_code.filter(|code| is_code(code)).map(str::to_owned),
            field: property
                .and_then(attribute_name)
                .map(|name| format!("attributes.{}", name.as_str())),
        }
    }

    /// The first of our properties that the error names.
    fn property(&self) -> Option<&str> {
        let contexts = self.errors.iter().map(|detail| &detail.context).chain([&self.context]);
        let in_context = contexts
            .flat_map(|context| PROPERTY_KEYS.iter().filter_map(|key| context.get(*key)))
            .flat_map(|names| {
                names.as_array().map_or_else(|| vec![names], |it| it.iter().collect())
            })
            .filter_map(Value::as_str);
        let in_message = [
            self.hints.invalid_property.as_ref().map(|(name, _code)| name.as_str()),
            self.hints.non_unique_property.as_deref(),
        ];
        in_context
            .chain(in_message.into_iter().flatten())
            .find(|property| attribute_name(property).is_some())
    }

    fn limit_scope(&self) -> RateScope {
        if self.policy_name.as_deref() == Some("DAILY") {
            RateScope::Daily
        } else {
            RateScope::Window
        }
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

    use reqwest::header::HeaderMap;
    use sync_domain::ports::{ProviderError, RateScope, RemoteEffect};

    use super::error_of;
    use crate::http::RawAnswer;

    fn error(status: u16, retry_after_s: Option<u64>, body: &str) -> ProviderError {
        let body = body.as_bytes().to_vec().into();
        let retry_after = retry_after_s.map(Duration::from_secs);
        error_of(&RawAnswer { status, retry_after, headers: HeaderMap::new(), body })
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
    fn error_that_names_its_property_in_the_message_alone_is_read_too() {
        let body = r#"{"category":"VALIDATION_ERROR","message":"Property values were not valid: [{\"isValid\":false,\"message\":\"ada@x is bad\",\"error\":\"INVALID_EMAIL\",\"name\":\"email\"}]"}"#;
        let expected = ProviderError::Rejected {
            vendor_code: Some("INVALID_EMAIL".into()),
            field: Some("attributes.email".into()),
        };
        assert_eq!(error(400, None, body), expected);
    }

    #[test]
    fn error_of_a_key_property_that_is_gone_or_not_unique_names_the_reference() {
        for body in [
            r#"{"category":"VALIDATION_ERROR","errors":[{"code":"PROPERTY_DOESNT_EXIST",
                "context":{"propertyName":["integration_reference"]}}]}"#,
            r#"{"category":"VALIDATION_ERROR","errors":[{"code":"PROPERTY_DOESNT_EXIST"}]}"#,
            r#"{"category":"VALIDATION_ERROR","message":
                "Unable to perform update/upsert by non-unique 0-2 property integration_reference"}"#,
        ] {
            let ProviderError::Rejected { field, .. } = error(400, None, body) else { panic!() };
            assert_eq!(field.as_deref(), Some("attributes.reference"), "{body}");
        }
    }

    #[test]
    fn error_of_a_taken_key_is_contention_and_of_any_other_unique_value_a_refusal() {
        let taken = |property: &str| {
            let body = serde_json::json!({"errors": [{"code": "CONFLICTING_UNIQUE_VALUE",
                "context": {"propertyName": [property]}}]});
            error(400, None, &body.to_string())
        };
        assert!(matches!(taken("integration_reference"), ProviderError::Contended { .. }));
        assert!(matches!(taken("email"), ProviderError::Rejected { .. }));
    }

    #[test]
    fn error_of_a_rate_limit_waits_for_the_header_else_for_the_window() {
        let limited = |retry_after_s: u64, scope| ProviderError::RateLimited {
            retry_after: Some(Duration::from_secs(retry_after_s)),
            scope,
        };
        let (window, daily) = (RateScope::Window, RateScope::Daily);
        assert_eq!(error(429, Some(3), ""), limited(3, window));
        let rolling = r#"{"policyName":"TEN_SECONDLY_ROLLING"}"#;
        assert_eq!(error(429, None, rolling), limited(10, window));
        assert_eq!(error(429, None, r#"{"policyName":"DAILY"}"#), limited(3_600, daily));
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
