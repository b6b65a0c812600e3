//! Requests and answers between the shared layer and the vendor modules: whole bodies, decoded
//! query, no framework types beyond `http`.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;

/// A request as the vendor sees it: without the sandbox's path prefix.
pub struct VendorRequest {
    /// Method.
    pub method: Method,
    /// Path, still percent-encoded.
    pub path: String,
    /// Query as it came, without the question mark.
    pub raw_query: String,
    /// Decoded query pairs, in order.
    pub query: Vec<(String, String)>,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

impl VendorRequest {
    /// The first query value with that name.
    pub fn query_value(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// All values of a list parameter, given as repeats, comma-separated, or both.
    pub fn query_list(&self, name: &str) -> Vec<String> {
        self.query
            .iter()
            .filter(|(given, _)| given == name)
            .flat_map(|(_, value)| value.split(','))
            .map(str::trim)
            .filter(|value| !value.is_empty())
            .map(str::to_owned)
            .collect()
    }

    /// A header as text, if it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// An HTTP answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

impl Answer {
    /// An answer without a body.
    pub fn empty(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: Bytes::new() }
    }

    /// A body that is sent exactly as given.
    pub fn text(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let mut answer = Self::empty(status);
        answer.headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        answer.body = body.into();
        answer
    }

    /// A JSON body.
    pub fn json(status: StatusCode, body: &Value) -> Self {
        Self::text(status, "application/json;charset=utf-8", body.to_string())
    }

    /// Sets a header; one that can't be sent is left out.
    pub fn set_header(&mut self, name: &str, value: &str) {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) {
            self.headers.insert(name, value);
        }
    }

    /// Turns it into the framework's response, with another body where a fault needs one.
    pub fn into_response_with(self, body: Body) -> Response {
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }

    /// Turns it into the framework's response.
    pub fn into_response(mut self) -> Response {
        let body = Body::from(std::mem::take(&mut self.body));
        self.into_response_with(body)
    }
}

/// What a vendor did with a request.
pub struct Outcome {
    /// The answer.
    pub answer: Answer,
    /// Whether any stored object is different now.
    pub applied: bool,
    /// The webhook events that it causes.
    pub events: Vec<Value>,
}

impl Outcome {
    /// An answer that changed nothing.
    pub fn unchanged(answer: Answer) -> Self {
        Self { answer, applied: false, events: Vec::new() }
    }
}
