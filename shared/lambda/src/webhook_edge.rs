//! Functions that providers call: the gateway's envelope, free of what would hide the sender's bytes.
//!
//! A signature covers what was sent, so the event is read here and not by a library that builds a
//! request of it: repeated headers stay repeated, the query stays as it came, and the body is the
//! bytes that were sent, after undoing the gateway's base64. API Gateway itself joins repeated
//! headers with a comma; no signature has one, so such a value is refused later on.

use std::fmt;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::FutureExt;
use jiff::Timestamp;
use lambda_runtime::{LambdaEvent, service_fn};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Value, json};
use sync_domain::model::CorrelationId;
use sync_domain::ports::Clock;

use crate::api::ApiResponse;
use crate::clock::SystemClock;
use crate::config::Settings;
use crate::problem::{ErrorCode, Problem};
use crate::serve::{BoxFuture, InitError, deadline_of, run};

/// The header that carries the correlation id both ways.
const CORRELATION_HEADER: &str = "x-correlation-id";

/// A body that the gateway says is base64, and is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotBase64;

/// A request as a provider sent it.
pub struct WebhookRequest {
    /// The HTTP method.
    pub method: String,
    /// The path as the gateway has it, with the stage's prefix if there is one.
    pub raw_path: String,
    /// The query as it came, without its question mark.
    pub raw_query: String,
    /// The host that was called.
    pub domain_name: String,
    /// Every header, names in lower case, repeated ones as often as they came.
    pub headers: Vec<(String, String)>,
    /// The bytes that were sent.
    pub body: Result<Vec<u8>, NotBase64>,
    /// Who called the gateway, if it says so.
    pub source: Option<IpAddr>,
    /// When the gateway got it, if it says so.
    pub received_at: Option<Timestamp>,
    /// Ties log lines, answer and messages together.
    pub correlation_id: CorrelationId,
    /// When the invocation ends.
    pub deadline: Timestamp,
}

/// Handles requests; shared by all of them.
pub type WebhookHandler =
    Arc<dyn Fn(WebhookRequest) -> BoxFuture<'static, ApiResponse> + Send + Sync>;

/// Serves a function that providers call until the runtime stops it.
pub fn serve_webhook(
    function: &'static str,
    wire: impl FnOnce(Settings) -> BoxFuture<'static, Result<WebhookHandler, InitError>>
    + Send
    + 'static,
) -> ExitCode {
    run(function, move |settings| {
        Box::pin(async move {
            let handler = wire(settings).await?;
            lambda_runtime::run(service_fn(move |event: LambdaEvent<GatewayEvent>| {
                let deadline = deadline_of(event.context.deadline);
                let handler = Arc::clone(&handler);
                async move { Ok::<_, InitError>(answer(handler, event.payload, deadline).await) }
            }))
            .await
        })
    })
}

/// What API Gateway gets for one event. A panic becomes a 500 like any other fault of ours.
pub async fn answer(handler: WebhookHandler, event: GatewayEvent, deadline: Timestamp) -> Value {
    let request = event.into_request(deadline);
    let correlation_id = request.correlation_id.clone();
    let response = AssertUnwindSafe(async move { handler(request).await })
        .catch_unwind()
        .await
        .unwrap_or_else(|_panic| {
            ApiResponse::problem(&Problem::new(ErrorCode::InternalError), correlation_id)
        });
    let mut headers = json!({
        "content-type": response.content_type,
        CORRELATION_HEADER: response.correlation_id.as_str(),
    });
    if let Some(seconds) = response.retry_after_s {
        headers["retry-after"] = seconds.to_string().into();
    }
    json!({
        "statusCode": response.status.as_u16(),
        "headers": headers,
        "body": String::from_utf8_lossy(&response.body),
        "isBase64Encoded": false,
    })
}

/// An event of an HTTP API (payload format 2.0), the parts that we read.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GatewayEvent {
    raw_path: String,
    #[serde(default)]
    raw_query_string: String,
    #[serde(default)]
    headers: Headers,
    request_context: Context,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Context {
    #[serde(default)]
    domain_name: String,
    http: Http,
    time_epoch: Option<i64>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Http {
    method: String,
    #[serde(default)]
    source_ip: Option<String>,
}

impl GatewayEvent {
    fn into_request(self, deadline: Timestamp) -> WebhookRequest {
        let text = self.body.unwrap_or_default();
        let body = if self.is_base64_encoded {
            STANDARD.decode(text).map_err(|_undecodable| NotBase64)
        } else {
            Ok(text.into_bytes())
        };
        let context = self.request_context;
        WebhookRequest {
            method: context.http.method,
            raw_path: self.raw_path,
            raw_query: self.raw_query_string,
            domain_name: context.domain_name,
            correlation_id: correlation_id_of(&self.headers),
            headers: self.headers.0,
            body,
            source: context.http.source_ip.and_then(|text| text.parse().ok()),
            received_at: context.time_epoch.and_then(|it| Timestamp::from_millisecond(it).ok()),
            deadline,
        }
    }
}

/// The sender's, if there is exactly one that may stand in a log; else a new one.
fn correlation_id_of(headers: &Headers) -> CorrelationId {
    let mut given = headers.0.iter().filter(|(name, _)| name == CORRELATION_HEADER);
    let sole = given.next().filter(|_| given.next().is_none());
    let new = || CorrelationId::parse(&SystemClock.unique_id());
    sole.and_then(|(_, value)| CorrelationId::parse(value))
        .or_else(new)
        .unwrap_or_else(CorrelationId::unknown)
}

/// Headers in the order of the event. A map would keep only the last of two that differ in nothing
/// but the case of their names.
#[derive(Default)]
struct Headers(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeadersVisitor)
    }
}

struct HeadersVisitor;

impl<'de> Visitor<'de> for HeadersVisitor {
    type Value = Headers;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object of texts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Headers, A::Error> {
        let mut headers = Vec::with_capacity(map.size_hint().unwrap_or_default().min(64));
        while let Some((name, value)) = map.next_entry::<String, String>()? {
            headers.push((name.to_ascii_lowercase(), value));
        }
        Ok(Headers(headers))
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::{GatewayEvent, NotBase64, WebhookRequest};

    fn request(headers: &str, body: &str, is_base64: bool) -> WebhookRequest {
        let event = format!(
            r#"{{"rawPath": "/webhooks/crm/hubspot", "rawQueryString": "a=%3A&b",
                "headers": {headers}, "body": {}, "isBase64Encoded": {is_base64},
                "requestContext": {{"domainName": "api.example.com", "http": {{"method": "POST"}}}}}}"#,
            json!(body)
        );
        let event: GatewayEvent = serde_json::from_str(&event).unwrap();
        event.into_request(Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn request_keeps_bytes_that_are_no_text() {
        assert_eq!(request("{}", "/wD+", true).body.unwrap(), [0xff, 0x00, 0xfe]);
        assert_eq!(request("{}", "/wD+", false).body.unwrap(), b"/wD+");
        assert_eq!(request("{}", "José ☃", false).body.unwrap(), "José ☃".as_bytes());
        assert_eq!(request("{}", "no base64!", true).body, Err(NotBase64));
    }

    #[test]
    fn request_keeps_headers_that_came_twice_and_the_query_as_it_came() {
        let request = request(r#"{"X-Sig": "1", "x-sig": "2", "x-sig": "2"}"#, "", false);
        let name = "x-sig".to_owned();
        let expected = ["1", "2", "2"].map(|value| (name.clone(), value.to_owned()));
        assert_eq!(request.headers, expected);
        assert_eq!(request.raw_query, "a=%3A&b");
    }

    #[test]
    fn request_tells_who_called_the_gateway_where_that_is_an_address() {
        let source = |member: &str| {
            let event = format!(
                r#"{{"rawPath": "/", "requestContext": {{"http": {{"method": "POST"{member}}}}}}}"#
            );
            let event: GatewayEvent = serde_json::from_str(&event).unwrap();
            event.into_request(Timestamp::UNIX_EPOCH).source.map(|it| it.to_string())
        };
        let told = |text: &str| source(&format!(r#", "sourceIp": "{text}""#));
        assert_eq!(told("20.220.12.83").as_deref(), Some("20.220.12.83"));
        assert_eq!(told("2001:db8::1").as_deref(), Some("2001:db8::1"));
        for text in ["", "20.220.12", "20.220.12.83:443", "20.220.12.83, 1.2.3.4"] {
            assert_eq!(told(text), None, "{text}");
        }
        assert_eq!(source(""), None);
        assert_eq!(source(r#", "sourceIp": null"#), None);
    }

    #[test]
    fn request_takes_a_correlation_id_only_if_there_is_one_that_may_be_logged() {
        let id = |headers: &str| request(headers, "", false).correlation_id.as_str().to_owned();
        assert_eq!(id(r#"{"X-Correlation-Id": "c-1"}"#), "c-1");
        for headers in [
            r#"{"X-Correlation-Id": "ada@example.com"}"#,
            r#"{"X-Correlation-Id": "c-1", "x-correlation-id": "c-1"}"#,
        ] {
            assert!(!["c-1", "ada@example.com"].contains(&id(headers).as_str()), "{headers}");
        }
    }
}
