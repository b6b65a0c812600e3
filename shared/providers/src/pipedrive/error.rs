//! What an answer that is no success means for us: the one status match of this vendor.
//!
//! Statuses: pipedrive.readme.io, "HTTP status codes" and "Rate limiting" (copies of October 2025).
//! v2's specification describes successes only, so the members of an error are read where they come.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use sync_domain::ports::{ProviderError, RateScope, RemoteEffect};

use super::rate::{WINDOW, reset_of, tokens_left};
use crate::http::{RawAnswer, unavailable};

/// How long to stay away where asking on makes it worse: behind a block of the edge, and at a company
/// that does not pay.
const LONG_WAIT: Duration = Duration::from_secs(3_600);
/// The day's tokens come back at midnight of the server's time zone, which no answer tells.
const DAILY_WAIT: Duration = Duration::from_secs(3_600);
/// The least wait after a search was refused: the gate shares a wait of more than 3 s.
const SEARCH_WAIT: Duration = Duration::from_secs(5);
/// How the codes begin that say that the plan has no room for another record.
const CAPPED: &str = "feature_capping";
/// The longest vendor text that is passed on.
const CODE_MAX_BYTES: usize = 64;
/// The length of a custom field's name.
const FIELD_CODE_BYTES: usize = 40;
/// Members of a request that a refusal may name, and the path of what we wrote there. Words that are
/// also plain English (`name`, `value`) are no sign of anything.
const MEMBERS: [(&str, &str); 7] = [
    ("stage_id", "attributes.stage"),
    ("pipeline_id", "attributes.pipeline"),
    ("expected_close_date", "attributes.closedate"),
    ("emails", "attributes.email"),
    ("phones", "attributes.phone"),
    ("website", "attributes.domain"),
    ("title", "attributes.name"),
];

/// The envelope of an error; `success` is there in all of them. The texts are looked through for
/// names of ours and dropped: they may quote what was sent.
#[derive(Deserialize, Default)]
#[serde(default)]
struct ErrorBody {
    success: Option<bool>,
    code: Option<Value>,
    error: Option<Value>,
    error_info: Option<Value>,
}

impl ErrorBody {
    /// The vendor's own body, `None` where somebody else answered: an edge's page, nothing at all.
    fn of(answer: &RawAnswer) -> Option<Self> {
        let body: Self = serde_json::from_slice(&answer.body).ok()?;
        body.success.is_some().then_some(body)
    }

    fn code(&self) -> Option<&str> {
        self.code.as_ref().and_then(Value::as_str).filter(|text| is_code(text))
    }

    fn words(&self) -> impl Iterator<Item = &str> {
        let is_word = |character: char| character.is_ascii_alphanumeric() || character == '_';
        [&self.error, &self.error_info]
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .flat_map(move |text| text.split(move |character| !is_word(character)))
    }

    /// The path of what is at fault, if the error names it.
    fn field(&self) -> Option<String> {
        let path = self.words().find_map(|word| {
            let member = MEMBERS.iter().find(|(member, _path)| *member == word);
            let is_field_code =
                word.len() == FIELD_CODE_BYTES && word.bytes().all(|byte| byte.is_ascii_hexdigit());
            // Of custom fields we write our own, and the reference is in all of them.
            member.map(|(_member, path)| *path).or(is_field_code.then_some("attributes.reference"))
        });
        path.map(str::to_owned)
    }

    fn rejection(&self) -> ProviderError {
        ProviderError::Rejected { vendor_code: self.code().map(str::to_owned), field: self.field() }
    }
}

/// Whether the error names a member of the request; the text itself stays here.
pub fn names(answer: &RawAnswer, member: &str) -> bool {
    ErrorBody::of(answer).is_some_and(|body| body.words().any(|word| word == member))
}

/// Whether Pipedrive itself says that there is no such record, or none any more. A 404 of somebody
/// else, such as a wrong base address, must not be taken for a deletion.
pub fn is_gone(answer: &RawAnswer) -> bool {
    matches!(answer.status, 404 | 410) && ErrorBody::of(answer).is_some()
}

/// The error that an answer stands for.
pub fn error_of(answer: &RawAnswer) -> ProviderError {
    match (answer.status, logged(answer)) {
        (401, _) => ProviderError::Unauthorized,
        // Nothing is answered to a company that does not pay, and tomorrow it may.
        (402, _) => limited(LONG_WAIT, RateScope::Window),
        (403, Some(body)) if body.code().is_some_and(|code| code.starts_with(CAPPED)) => {
            body.rejection()
        }
        (403, Some(_)) => ProviderError::MissingScope,
        // An HTML page: the edge blocks this token because it went on after refusals.
        (403, None) => limited(LONG_WAIT, RateScope::Window),
        (408, _) => ProviderError::TimedOut,
        // Whatever was asked for, it cost a token at least.
        (429, _) => too_many(answer, 1),
        (400..=499, Some(body)) => body.rejection(),
        (400..=499, None) if answer.body.is_empty() => {
            ProviderError::Rejected { vendor_code: None, field: None }
        }
        // A 5xx, a redirect, or the page of an edge: how far the request came is open.
        _ => ProviderError::Unavailable {
            status: Some(answer.status),
            retry_after: answer.retry_after,
            effect: RemoteEffect::Unknown,
        },
    }
}

/// The error of a 429 to a call with this price in tokens. One of the search's own limit is waited
/// for long enough that all instances do: no budget of ours keeps them below it.
pub fn limit_error_of(answer: &RawAnswer, price: u32, is_search: bool) -> ProviderError {
    drop(logged(answer));
    let error = too_many(answer, price.max(1));
    if let ProviderError::RateLimited { retry_after, scope: RateScope::Window } = &error
        && is_search
    {
        return limited(retry_after.unwrap_or_default().max(SEARCH_WAIT), RateScope::Window);
    }
    error
}

/// Tokens that don't pay for the call are as good as none: asking again soon ends in a block of the
/// edge. `Retry-After` is not documented and honoured if it comes.
fn too_many(answer: &RawAnswer, price: u32) -> ProviderError {
    if tokens_left(&answer.headers).is_some_and(|left| left < u64::from(price)) {
        return limited(answer.retry_after.unwrap_or(DAILY_WAIT), RateScope::Daily);
    }
    let asked = answer.retry_after.or_else(|| reset_of(&answer.headers));
    limited(asked.unwrap_or(WINDOW).max(WINDOW), RateScope::Window)
}

fn logged(answer: &RawAnswer) -> Option<ErrorBody> {
    let body = ErrorBody::of(answer);
    tracing::warn!(
        system = "pipedrive",
        status = answer.status,
        vendor_code = body.as_ref().and_then(ErrorBody::code),
        vendor_correlation_id = correlation_id_of(answer),
        "Pipedrive answered with an error."
    );
    body
}

const fn limited(retry_after: Duration, scope: RateScope) -> ProviderError {
    ProviderError::RateLimited { retry_after: Some(retry_after), scope }
}

/// The failure of a call that only reads: whatever became of it, nothing was written.
pub fn without_effect(error: ProviderError) -> ProviderError {
    match error {
        ProviderError::TimedOut => unavailable(None, RemoteEffect::None),
        ProviderError::Unavailable { status, retry_after, .. } => {
            ProviderError::Unavailable { status, retry_after, effect: RemoteEffect::None }
        }
        ProviderError::Rejected { .. }
        | ProviderError::Duplicate { .. }
        | ProviderError::Unauthorized
        | ProviderError::MissingScope
        | ProviderError::Contended { .. }
        | ProviderError::RateLimited { .. }
        | ProviderError::Closed { .. } => error,
    }
}

/// Whether a vendor's text is a code and not prose, which could hold personal data.
fn is_code(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (1..=CODE_MAX_BYTES).contains(&text.len()) && text.bytes().all(is_plain)
}

/// What to give Pipedrive's support.
fn correlation_id_of(answer: &RawAnswer) -> Option<&str> {
    let text = answer.headers.get("x-correlation-id")?.to_str().ok()?;
    let is_plain = |byte: u8| byte.is_ascii_hexdigit() || byte == b'-';
    (text.len() == 36 && text.bytes().all(is_plain)).then_some(text)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use reqwest::header::{HeaderMap, HeaderValue};
    use sync_domain::ports::{ProviderError, RateScope, RemoteEffect};

    use super::{error_of, is_gone, names};
    use crate::http::RawAnswer;

    fn answer(status: u16, body: &str) -> RawAnswer {
        let body = body.as_bytes().to_vec().into();
        RawAnswer { status, retry_after: None, headers: HeaderMap::new(), body }
    }

    fn rejected(vendor_code: Option<&str>, field: Option<&str>) -> ProviderError {
        let text = |text: &str| text.to_owned();
        ProviderError::Rejected { vendor_code: vendor_code.map(text), field: field.map(text) }
    }

    const fn limited(seconds: u64, scope: RateScope) -> ProviderError {
        ProviderError::RateLimited { retry_after: Some(Duration::from_secs(seconds)), scope }
    }

    const ENVELOPE: &str = r#"{"success":false,"error":"Ada is bad","data":null}"#;

    #[test]
    fn error_of_each_documented_status_is_what_is_done_about_it() {
        let capped = r#"{"success":false,"code":"feature_capping_deals_limit"}"#;
        for (status, body, expected) in [
            (400, ENVELOPE, rejected(None, None)),
            (401, ENVELOPE, ProviderError::Unauthorized),
            (401, "", ProviderError::Unauthorized),
            (402, ENVELOPE, limited(3_600, RateScope::Window)),
            (403, ENVELOPE, ProviderError::MissingScope),
            (403, capped, rejected(Some("feature_capping_deals_limit"), None)),
            (403, "<html>blocked", limited(3_600, RateScope::Window)),
            (404, ENVELOPE, rejected(None, None)),
            (408, "", ProviderError::TimedOut),
            (410, ENVELOPE, rejected(None, None)),
            (415, ENVELOPE, rejected(None, None)),
            (422, ENVELOPE, rejected(None, None)),
            (429, "<html>", limited(2, RateScope::Window)),
        ] {
            assert_eq!(error_of(&answer(status, body)), expected, "{status} {body}");
        }
        for (status, body) in
            [(302, ""), (400, "<html>"), (404, "<html>"), (500, ENVELOPE), (503, "")]
        {
            let error = error_of(&answer(status, body));
            assert!(matches!(error, ProviderError::Unavailable { .. }), "{status}: {error:?}");
            assert_eq!(error.effect(), RemoteEffect::Unknown, "{status}");
        }
    }

    #[test]
    fn error_of_a_limit_is_told_by_the_headers_alone() {
        let with = |pairs: &[(&'static str, &'static str)]| {
            let mut answer = answer(429, ENVELOPE);
            for (name, value) in pairs {
                answer.headers.insert(*name, HeaderValue::from_static(value));
            }
            error_of(&answer)
        };
        let daily = "x-daily-ratelimit-token-remaining";
        assert_eq!(with(&[(daily, "0")]), limited(3_600, RateScope::Daily));
        assert_eq!(
            with(&[(daily, "7"), ("x-ratelimit-reset", "5")]),
            limited(5, RateScope::Window)
        );
        assert_eq!(with(&[("x-ratelimit-reset", "0")]), limited(2, RateScope::Window));
    }

    #[test]
    fn error_names_what_we_wrote_and_passes_no_prose_on() {
        let of = |text: &str| {
            let body = serde_json::json!({"success": false, "error": text, "code": "Ada is bad"});
            error_of(&answer(400, &body.to_string()))
        };
        let code = "d4de1c1518b4531717c676029a45911c340390a6";
        for (text, field) in [
            ("body.stage_id: must be a number", Some("attributes.stage")),
            ("expected_close_date is invalid", Some("attributes.closedate")),
            (&format!("custom_fields.{code} does not exist"), Some("attributes.reference")),
            ("the value of this name is wrong for ada@example.com", None),
            ("phones_x", None),
        ] {
            assert_eq!(of(text), rejected(None, field), "{text}");
        }
        assert!(names(&answer(400, r#"{"success":false,"error":"org_id bad"}"#), "org_id"));
    }

    #[test]
    fn record_is_gone_only_if_pipedrive_says_so() {
        assert!(is_gone(&answer(404, ENVELOPE)));
        assert!(is_gone(&answer(410, r#"{"success":true,"data":{"id":7}}"#)));
        for (status, body) in [(404, "<html>"), (404, ""), (404, "{}"), (410, ""), (400, ENVELOPE)]
        {
            assert!(!is_gone(&answer(status, body)), "{status} {body}");
        }
    }
}
