//! Salesforce's error bodies: an array of message, code and fields for REST, `statusCode` in place
//! of `errorCode` inside of collections, an object for OAuth.

use std::borrow::Cow;

use http::StatusCode;
use serde_json::{Value, json};

use crate::vendor::{Answer, FaultDetails};

/// What is wrong. Fields are there for errors of saving, possibly none.
#[derive(Debug)]
struct ApiError {
    status: StatusCode,
    code: Cow<'static, str>,
    message: String,
    fields: Option<Vec<String>>,
    duplicate_result: Option<Value>,
}

/// A refused call or record.
#[derive(Debug)]
pub struct Refusal(Box<ApiError>);

impl Refusal {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self(Box::new(ApiError {
            status,
            code: Cow::Borrowed(code),
            message: message.into(),
            fields: None,
            duplicate_result: None,
        }))
    }

    /// 400 for the call as such.
    pub fn bad_request(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// 400 for what was to be saved.
    pub fn unsaved(code: &'static str, message: impl Into<String>, fields: &[&str]) -> Self {
        let mut refusal = Self::bad_request(code, message);
        refusal.0.fields = Some(fields.iter().map(|name| (*name).to_owned()).collect());
        refusal
    }

    /// 400 by a duplicate rule.
    pub fn duplicates(message: &str, duplicate_result: Value) -> Self {
        let mut refusal = Self::bad_request("DUPLICATES_DETECTED", message);
        refusal.0.duplicate_result = Some(duplicate_result);
        refusal
    }

    /// 404 for a path, an object type or a record.
    pub fn not_found() -> Self {
        let message = "The requested resource does not exist";
        Self::new(StatusCode::NOT_FOUND, "NOT_FOUND", message)
    }

    /// 404 for a key field that isn't one, or can't be seen.
    pub fn no_key_field(name: &str) -> Self {
        let message =
            format!("Provided external ID field does not exist or is not accessible: {name}");
        Self::new(StatusCode::NOT_FOUND, "NOT_FOUND", message)
    }

    /// 404 for a record in the recycle bin.
    pub fn entity_is_deleted() -> Self {
        let mut refusal =
            Self::new(StatusCode::NOT_FOUND, "ENTITY_IS_DELETED", "entity is deleted");
        refusal.0.fields = Some(Vec::new());
        refusal
    }

    /// 401 for a session that is over or never was.
    pub fn invalid_session() -> Self {
        let message = "Session expired or invalid";
        Self::new(StatusCode::UNAUTHORIZED, "INVALID_SESSION_ID", message)
    }

    /// 401 for a token without the scope `api`; another token of its kind won't help.
    pub fn not_for_rest() -> Self {
        let message = "This session is not valid for use with the REST API";
        Self::new(StatusCode::UNAUTHORIZED, "INVALID_SESSION_ID", message)
    }

    /// 403 over a limit; the message names which.
    pub fn request_limit(name: &str) -> Self {
        let message = format!("{name} Limit exceeded.");
        Self::new(StatusCode::FORBIDDEN, "REQUEST_LIMIT_EXCEEDED", message)
    }

    /// 405.
    pub fn method_not_allowed(allowed: &str) -> Self {
        let message = format!("HTTP Method not allowed. Allowed are {allowed}");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", message)
    }

    /// 415 for a body that doesn't say that it is JSON.
    pub fn unsupported_media_type() -> Self {
        let message = "Content-Type header specified in HTTP request is not supported";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", message)
    }

    /// 414 for more than 16,384 bytes.
    pub fn uri_too_long() -> Self {
        let message = "The request URI is longer than 16384 bytes";
        Self::new(StatusCode::URI_TOO_LONG, "URI_TOO_LONG", message)
    }

    /// 400 for a name that the object type doesn't have, or hides.
    pub fn no_column(name: &str, sobject: &str) -> Self {
        let message = format!("No such column '{name}' on sobject of type {sobject}");
        Self::bad_request("INVALID_FIELD", message)
    }

    /// 400 for a JSON value of another kind.
    pub fn json_kind(kind: &str, value: &Value) -> Self {
        let given = match value {
            Value::Null => "VALUE_NULL",
            Value::Bool(true) => "VALUE_TRUE",
            Value::Bool(false) => "VALUE_FALSE",
            Value::Number(number) if number.is_f64() => "VALUE_NUMBER_FLOAT",
            Value::Number(_) => "VALUE_NUMBER_INT",
            Value::String(_) => "VALUE_STRING",
            Value::Array(_) => "START_ARRAY",
            Value::Object(_) => "START_OBJECT",
        };
        let message = format!("Cannot deserialize instance of {kind} from {given}");
        Self::bad_request("JSON_PARSER_ERROR", message)
    }

    /// The code.
    #[cfg(test)]
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// Code and message, for the control API.
    pub fn told(&self) -> String {
        format!("{}: {}", self.0.code, self.0.message)
    }

    /// One item of `errors` in a collection.
    pub fn save_error(&self) -> Value {
        let fields = self.0.fields.clone().unwrap_or_default();
        json!({ "statusCode": self.0.code, "message": self.0.message, "fields": fields })
    }

    /// The body of a REST answer.
    pub fn body(&self) -> Value {
        let error = &self.0;
        let mut item = json!({ "message": error.message, "errorCode": error.code });
        if let Some(fields) = &error.fields {
            item["fields"] = json!(fields);
        }
        if let Some(result) = &error.duplicate_result {
            item["duplicateResult"] = result.clone();
        }
        Value::Array(vec![item])
    }

    /// The REST answer.
    pub fn answer(&self) -> Answer {
        Answer::json(self.0.status, &self.body())
    }
}

/// An answer of the OAuth endpoints.
pub fn oauth_error(error: &str, description: &str) -> Answer {
    let body = json!({ "error": error, "error_description": description });
    Answer::json(StatusCode::BAD_REQUEST, &body)
}

/// Code and message that go with a status by themselves.
fn usual(status: StatusCode) -> Refusal {
    match status.as_u16() {
        401 => Refusal::invalid_session(),
        403 => Refusal::request_limit("TotalRequests"),
        404 => Refusal::not_found(),
        405 => Refusal::method_not_allowed("GET"),
        414 => Refusal::uri_too_long(),
        415 => Refusal::unsupported_media_type(),
        400 => Refusal::unsaved("INVALID_FIELD", "The request is not valid", &[]),
        503 => Refusal::new(status, "SERVER_UNAVAILABLE", "Server unavailable"),
        _ => Refusal::new(status, "UNKNOWN_EXCEPTION", "An unexpected error occurred"),
    }
}

/// What comes with a code that a fault asks for.
fn message_of(code: &str) -> &'static str {
    match code {
        "UNABLE_TO_LOCK_ROW" => "unable to obtain exclusive access to this record",
        "DUPLICATE_VALUE" => "duplicate value found",
        "DUPLICATES_DETECTED" => "Use one of these records?",
        "ENTITY_IS_DELETED" => "entity is deleted",
        "FIELD_CUSTOM_VALIDATION_EXCEPTION" => "A validation rule of the org refuses this",
        "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY" => "A trigger of the org failed",
        "INSUFFICIENT_ACCESS_OR_READONLY" => "insufficient access rights on object id",
        "API_DISABLED_FOR_ORG" => "API is not enabled for this Organization or Partner",
        "STORAGE_LIMIT_EXCEEDED" => "storage limit exceeded",
        "invalid_grant" => "user hasn't approved this consumer",
        "invalid_client" => "invalid client credentials",
        "invalid_client_id" => "client identifier invalid",
        _ => "The request was refused",
    }
}

/// The error that Salesforce would give with that status, for injected faults. A category in lower
/// case is one of OAuth, whose errors are an object.
pub fn for_status(status: StatusCode, details: &FaultDetails) -> Answer {
    let mut refusal = usual(status);
    if let Some(code) = &details.category {
        let message = message_of(code);
        if code.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_') {
            return Answer { status, ..oauth_error(code, message) };
        }
        if *code != *refusal.0.code {
            message.clone_into(&mut refusal.0.message);
        }
        refusal.0.code = Cow::Owned(code.clone());
    }
    if let Some(name) = &details.property_name {
        refusal.0.fields = Some(vec![name.clone()]);
    }
    if refusal.0.code == "DUPLICATES_DETECTED" {
        let result = super::duplicates::result("Fault_Rule", "Contact", false, &[]);
        refusal.0.duplicate_result = Some(result);
    }
    refusal.answer()
}
