//! What an answer that is no success means for us: the one match of this vendor over statuses and
//! codes.
//!
//! Errors are a list of `{message, errorCode, fields}` ("Status codes and error responses", REST API
//! guide, read 2026-11-22); edges and maintenance pages answer in HTML. There is no `Retry-After`.

use std::time::Duration;

use serde_json::Value;
use sync_domain::model::{AttributeName, ExternalId};
use sync_domain::ports::{ProviderError, RateScope, RemoteEffect};

use super::ids;
use super::mapping::{KEY_FIELD, attribute_name};
use super::quota::quota_of;
use super::wire::{DuplicateResult, ErrorItem, MatchRecord};
use crate::http::RawAnswer;

/// A row lock ends with its transaction; Salesforce itself waits for up to 10 s before it refuses.
const LOCK_WAIT: Duration = Duration::from_secs(2);
/// The status of a lock, as other vendors have it: Salesforce says 400.
const LOCKED: u16 = 423;
/// What helps against a concurrent create: a moment.
const CONFLICT_WAIT: Duration = Duration::from_secs(1);
/// The status of a conflict: Salesforce says 400.
const CONFLICT: u16 = 409;
/// Calls of more than 20 s fill the limit of concurrent ones, so it passes in seconds.
const CONCURRENCY_WAIT: Duration = Duration::from_secs(5);
/// The daily limit counts the last 24 hours, so some of it comes back every hour.
const DAILY_WAIT: Duration = Duration::from_secs(3_600);
/// What stands in `duplicate value found: <unknown> duplicates value on record with id: <unknown>`
/// while the other record is being created.
const UNKNOWN: &str = "<unknown>";
/// The longest vendor text that is passed on.
const NAME_MAX_BYTES: usize = 80;
/// The most ids of records that may be the same that are passed on.
const MATCHES_MAX: usize = 20;

/// Whether an answer says that there is no such record, or no longer.
pub fn is_gone(answer: &RawAnswer) -> bool {
    match answer.status {
        404 => !is_html(answer),
        400..=499 => code_of(&items_of(answer)) == Some("ENTITY_IS_DELETED"),
        _ => false,
    }
}

/// The errors of an answer; none where it is no list of them.
pub fn items_of(answer: &RawAnswer) -> Vec<ErrorItem> {
    serde_json::from_slice(&answer.body).unwrap_or_default()
}

fn code_of(items: &[ErrorItem]) -> Option<&str> {
    items.first()?.error_code.as_deref().filter(|code| is_code(code))
}

/// Maintenance pages and edges.
fn is_html(answer: &RawAnswer) -> bool {
    answer.body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'<')
}

/// The error that an answer stands for.
pub fn error_of(answer: &RawAnswer) -> ProviderError {
    let items = items_of(answer);
    let header = |name: &str| answer.headers.get(name)?.to_str().ok().filter(|id| is_plain(id));
    tracing::warn!(
        system = "salesforce",
        status = answer.status,
        vendor_code = code_of(&items),
        vendor_request_id = header("x-request-id").or_else(|| header("x-sfdc-request-id")),
        "Salesforce answered with an error."
    );
    let unavailable = || ProviderError::Unavailable {
        status: Some(answer.status),
        retry_after: answer.retry_after,
        effect: RemoteEffect::Unknown,
    };
    if is_html(answer) {
        return unavailable();
    }
    match answer.status {
        300 => several_of(answer),
        // The request came too slowly; how much of it was acted on is not said.
        408 => ProviderError::TimedOut,
        420 | 429 => ProviderError::RateLimited {
            retry_after: Some(answer.retry_after.unwrap_or(CONCURRENCY_WAIT)),
            scope: RateScope::Window,
        },
        401 => match items.first() {
            Some(item) if item.hints.is_not_for_rest => ProviderError::MissingScope,
            Some(_) | None => ProviderError::Unauthorized,
        },
        400..=499 => match items.first() {
            Some(item) => unless_calls_are_left(item.error(), answer),
            None if answer.status == 403 => ProviderError::MissingScope,
            None => ProviderError::Rejected { vendor_code: None, field: None },
        },
        _ => unavailable(),
    }
}

/// A limit that is reached while the same answer tells of calls that are left is not the day's.
fn unless_calls_are_left(error: ProviderError, answer: &RawAnswer) -> ProviderError {
    let is_daily = matches!(error, ProviderError::RateLimited { scope: RateScope::Daily, .. });
    let are_left = || quota_of(&answer.headers).is_some_and(|quota| quota.remaining > 0);
    if is_daily && are_left() { passing_limit() } else { error }
}

const fn passing_limit() -> ProviderError {
    ProviderError::RateLimited { retry_after: Some(CONCURRENCY_WAIT), scope: RateScope::Window }
}

impl ErrorItem {
    /// The error that an item of an answer, or of one record in it, stands for.
    pub fn error(&self) -> ProviderError {
        let code = self.error_code.as_deref().unwrap_or_default();
        let locked = || ProviderError::Contended { retry_after: LOCK_WAIT, status: LOCKED };
        match code {
            "UNABLE_TO_LOCK_ROW" => locked(),
            // The org's own trigger or flow ran into the lock. Messages of other codes may quote values.
            "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY" | "CANNOT_EXECUTE_FLOW_TRIGGER"
                if self.hints.is_lock =>
            {
                locked()
            }
            "DUPLICATE_VALUE" if self.is_about_our_key() => {
                ProviderError::Contended { retry_after: CONFLICT_WAIT, status: CONFLICT }
            }
            "DUPLICATES_DETECTED" => self.duplicate(),
            "REQUEST_LIMIT_EXCEEDED" if self.hints.is_concurrency => passing_limit(),
            "REQUEST_LIMIT_EXCEEDED" => ProviderError::RateLimited {
                retry_after: Some(DAILY_WAIT),
                scope: RateScope::Daily,
            },
            "INVALID_SESSION_ID" => ProviderError::Unauthorized,
            "API_DISABLED_FOR_ORG"
            | "API_CURRENTLY_DISABLED"
            | "CLIENT_NOT_ACCESSIBLE_FOR_USER"
            | "FUNCTIONALITY_NOT_ENABLED"
            | "INVALID_TYPE" => ProviderError::MissingScope,
            code if code.starts_with("INSUFFICIENT_ACCESS") => ProviderError::MissingScope,
            "QUERY_TIMEOUT" | "REQUEST_RUNNING_TOO_LONG" => ProviderError::TimedOut,
            "SERVER_UNAVAILABLE" | "UNKNOWN_EXCEPTION" => ProviderError::Unavailable {
                status: None,
                retry_after: None,
                effect: RemoteEffect::Unknown,
            },
            code => ProviderError::Rejected {
                vendor_code: Some(code).filter(|code| is_code(code)).map(str::to_owned),
                field: self.attribute().map(|name| format!("attributes.{}", name.as_str())),
            },
        }
    }

    /// Whether what is there twice is the value of our key field: two writes created the record at
    /// the same moment, and the next one finds it. While the other one is on its way, Salesforce names
    /// no field.
    fn is_about_our_key(&self) -> bool {
        let named = self.fields.iter().map(String::as_str).chain(self.hints.field.as_deref());
        let mut named = named.filter(|field| *field != UNKNOWN).peekable();
        named.peek().is_none() || named.any(|field| field == KEY_FIELD)
    }

    /// The first of our fields that the error names.
    fn attribute(&self) -> Option<AttributeName> {
        let mut fields = self.fields.iter().map(String::as_str).chain(self.hints.field.as_deref());
        fields.find_map(attribute_name)
    }

    fn duplicate(&self) -> ProviderError {
        let result = self.duplicate_result.as_ref();
        ProviderError::Duplicate {
            vendor_code: "DUPLICATES_DETECTED".to_owned(),
            rule: result
                .and_then(|result| result.duplicate_rule.clone())
                .filter(|rule| is_plain(rule)),
            matches: result.map(matches_of).unwrap_or_default(),
        }
    }
}

/// The ids of the records that may be the same, each once.
fn matches_of(result: &DuplicateResult) -> Vec<ExternalId> {
    let records = result.match_results.iter().flat_map(|matched| &matched.match_records);
    let id = |found: &MatchRecord| ids::read(found.record.as_ref()?.text("Id")?);
    distinct(records.filter_map(id))
}

/// Some of the ids, each once.
pub fn distinct(found: impl Iterator<Item = ExternalId>) -> Vec<ExternalId> {
    let mut ids = Vec::new();
    for id in found {
        if !ids.contains(&id) && ids.len() < MATCHES_MAX {
            ids.push(id);
        }
    }
    ids
}

/// A 300: a list of the paths of the records that have the value.
fn several_of(answer: &RawAnswer) -> ProviderError {
    let paths: Vec<Value> = serde_json::from_slice(&answer.body).unwrap_or_default();
    let last = |path: &Value| ids::read(path.as_str()?.rsplit('/').next()?);
    ProviderError::Duplicate {
        vendor_code: "MULTIPLE_CHOICES".to_owned(),
        rule: None,
        matches: distinct(paths.iter().filter_map(last)),
    }
}

/// Whether a vendor's text is a code and not prose, which could hold personal data.
fn is_code(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    !text.is_empty() && text.len() <= NAME_MAX_BYTES && text.bytes().all(is_part)
}

/// Whether a vendor's text is an API name or an id of a request.
fn is_plain(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    !text.is_empty() && text.len() <= NAME_MAX_BYTES && text.bytes().all(is_part)
}

#[cfg(test)]
mod tests;
