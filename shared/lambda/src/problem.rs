//! RFC 9457 `application/problem+json`, the one shape of every refusal.
//!
//! All texts are ours and fixed: nothing of an inner error, of the input or of a provider's prose
//! gets into a body. The codes are listed in docs/API.md, which a test compares.

use std::borrow::Cow;
use std::time::Duration;

use http::StatusCode;
use serde::Serialize;
use sync_domain::model::{CorrelationId, InvalidField};

/// A stable code that a client may act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorCode {
    /// The body is not a JSON object.
    InvalidJson,
    /// The body of a webhook is not a list of events that we take.
    InvalidEvents,
    /// The body is larger than we take.
    BodyTooLarge,
    /// The content type is not JSON.
    UnsupportedMediaType,
    /// A field is at fault.
    ValidationFailed,
    /// The cursor of an import can't be used.
    InvalidCursor,
    /// The idempotency key was used for another payload.
    IdempotencyKeyReused,
    /// The same key or record is in progress.
    InProgress,
    /// The request has no usable token.
    Unauthorized,
    /// The webhook is not signed by the provider.
    InvalidSignature,
    /// The body names another tenant than the token.
    TenantMismatch,
    /// The token lacks the scope.
    MissingScope,
    /// There is no such system.
    UnknownSystem,
    /// The tenant has no connection to the system.
    ConnectionNotFound,
    /// No upsert under this idempotency key is known.
    UpsertNotFound,
    /// The account is connected by another tenant.
    AccountTaken,
    /// We have no OAuth app at this provider.
    OauthNotConfigured,
    /// The provider refused the content.
    ProviderRejected,
    /// The provider refused the tenant's credentials.
    ProviderUnauthorized,
    /// The tenant's credentials lack a permission at the provider.
    ProviderMissingScope,
    /// The provider limits the rate.
    ProviderRateLimited,
    /// Someone else is writing the record at the provider.
    ProviderBusy,
    /// The provider failed.
    ProviderUnavailable,
    /// The provider's answer can't be read.
    ProviderBadAnswer,
    /// The provider did not answer in time.
    ProviderTimeout,
    /// The provider does not give all of a day's appointments.
    ImportIncomplete,
    /// Our own stores are not available.
    ServiceUnavailable,
    /// A fault of ours.
    InternalError,
}

impl ErrorCode {
    /// Every code, for the test over the docs.
    pub const ALL: [Self; 28] = [
        Self::InvalidJson,
        Self::InvalidEvents,
        Self::BodyTooLarge,
        Self::UnsupportedMediaType,
        Self::ValidationFailed,
        Self::InvalidCursor,
        Self::IdempotencyKeyReused,
        Self::InProgress,
        Self::Unauthorized,
        Self::InvalidSignature,
        Self::TenantMismatch,
        Self::MissingScope,
        Self::UnknownSystem,
        Self::ConnectionNotFound,
        Self::UpsertNotFound,
        Self::AccountTaken,
        Self::OauthNotConfigured,
        Self::ProviderRejected,
        Self::ProviderUnauthorized,
        Self::ProviderMissingScope,
        Self::ProviderRateLimited,
        Self::ProviderBusy,
        Self::ProviderUnavailable,
        Self::ProviderBadAnswer,
        Self::ProviderTimeout,
        Self::ImportIncomplete,
        Self::ServiceUnavailable,
        Self::InternalError,
    ];

    /// The `error_code`, the status and the `title`.
    const fn parts(self) -> (&'static str, u16, &'static str) {
        match self {
            Self::InvalidJson => ("invalid_json", 400, "The body is not a JSON object"),
            Self::InvalidEvents => ("invalid_events", 400, "The body is not a list of events"),
            Self::BodyTooLarge => ("body_too_large", 413, "The body is too large"),
            Self::UnsupportedMediaType => {
                ("unsupported_media_type", 415, "The content type must be application/json")
            }
            Self::ValidationFailed => ("validation_failed", 422, "A field is not valid"),
            Self::InvalidCursor => ("invalid_cursor", 422, "The cursor can't be used"),
            Self::IdempotencyKeyReused => (
                "idempotency_key_reused",
                422,
                "The idempotency key was used before for another payload",
            ),
            Self::InProgress => {
                ("in_progress", 409, "A request for the same key or record is in progress")
            }
            Self::Unauthorized => ("unauthorized", 401, "A valid token is required"),
            Self::InvalidSignature => {
                ("invalid_signature", 401, "The webhook has no valid signature")
            }
            Self::TenantMismatch => {
                ("tenant_mismatch", 403, "The token belongs to another tenant than the body names")
            }
            Self::MissingScope => ("missing_scope", 403, "The token lacks the required scope"),
            Self::UnknownSystem => ("unknown_system", 404, "There is no such system"),
            Self::UpsertNotFound => {
                ("upsert_not_found", 404, "No upsert under this idempotency key is known")
            }
            Self::ConnectionNotFound => {
                ("connection_not_found", 404, "The tenant is not connected to this system")
            }
            Self::AccountTaken => {
                ("account_taken", 409, "The account is connected by another tenant")
            }
            Self::OauthNotConfigured => {
                ("oauth_not_configured", 422, "There is no OAuth app for this system")
            }
            Self::ProviderRejected => ("provider_rejected", 422, "The provider refused the record"),
            Self::ProviderUnauthorized => (
                "provider_unauthorized",
                422,
                "The provider refused the credentials of the tenant's connection",
            ),
            Self::ProviderMissingScope => (
                "provider_missing_scope",
                422,
                "The credentials of the tenant's connection lack a permission at the provider",
            ),
            Self::ProviderRateLimited => {
                ("provider_rate_limited", 503, "The provider limits the rate of this account")
            }
            Self::ProviderBusy => ("provider_busy", 503, "The provider has the record locked"),
            Self::ProviderUnavailable => {
                ("provider_unavailable", 503, "The provider is not available")
            }
            Self::ProviderBadAnswer => {
                ("provider_bad_answer", 502, "The provider failed or gave no readable answer")
            }
            Self::ProviderTimeout => {
                ("provider_timeout", 504, "The provider did not answer in time")
            }
            Self::ImportIncomplete => {
                ("import_incomplete", 502, "The provider does not give all appointments of a day")
            }
            Self::ServiceUnavailable => {
                ("service_unavailable", 503, "The service is not available right now")
            }
            Self::InternalError => ("internal_error", 500, "Something went wrong on our side"),
        }
    }

    /// The text of `error_code`.
    pub const fn as_str(self) -> &'static str {
        self.parts().0
    }

    /// The HTTP status.
    pub const fn status(self) -> u16 {
        self.parts().1
    }
}

/// Records that the provider holds and that the one that was sent may be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Duplicates {
    /// The vendor's name of the rule that found them, if a rule did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The provider's ids of them.
    pub external_ids: Vec<String>,
}

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What kind.
    pub code: ErrorCode,
    /// More about this one, a text of ours.
    pub detail: Option<Cow<'static, str>>,
    /// The path of the field at fault.
    pub field: Option<String>,
    /// The vendor's own code, of a checked form.
    pub provider_code: Option<String>,
    /// Records that the provider holds and that this one may be.
    pub duplicates: Option<Box<Duplicates>>,
    /// When to try again.
    pub retry_after: Option<Duration>,
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    error_code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider_code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duplicates: Option<&'a Duplicates>,
    correlation_id: &'a str,
}

impl Problem {
    /// A problem that needs no more than its code.
    pub const fn new(code: ErrorCode) -> Self {
        Self {
            code,
            detail: None,
            field: None,
            provider_code: None,
            duplicates: None,
            retry_after: None,
        }
    }

    /// With the time after which another try makes sense.
    #[must_use]
    pub fn retry_after(mut self, wait: Option<Duration>) -> Self {
        self.retry_after = wait;
        self
    }

    /// With a text of ours about this one.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// With the path of the field at fault.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The body.
    pub fn to_json(&self, correlation_id: &CorrelationId) -> Vec<u8> {
        let (error_code, status, title) = self.code.parts();
        let body = Body {
            r#type: "about:blank",
            title,
            status,
            detail: self.detail.as_deref(),
            error_code,
            field: self.field.as_deref(),
            provider_code: self.provider_code.as_deref(),
            duplicates: self.duplicates.as_deref(),
            correlation_id: correlation_id.as_str(),
        };
        serde_json::to_vec(&body).unwrap_or_default()
    }
}

impl From<ErrorCode> for Problem {
    fn from(code: ErrorCode) -> Self {
        Self::new(code)
    }
}

impl From<InvalidField> for Problem {
    fn from(invalid: InvalidField) -> Self {
        Self::new(ErrorCode::ValidationFailed).detail(invalid.reason).field(invalid.field)
    }
}
