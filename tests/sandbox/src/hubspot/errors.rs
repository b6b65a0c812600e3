//! HubSpot's error bodies: one envelope, and the older shape of rate-limit errors.

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::limits;
use super::object_types::ObjectType;
use crate::clock::{iso_from_ms, new_uuid};
use crate::vendor::{Answer, FaultDetails};

/// A request that HubSpot refuses. Boxed inside, because it travels through every `Result`.
#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    members: Box<Map<String, Value>>,
}

/// One entry of `errors[]`, about one property.
pub fn property_error(property: &str, code: &str, message: &str) -> Value {
    json!({
        "message": message,
        "code": code,
        "context": { "propertyName": [property] },
    })
}

impl Refusal {
    fn new(status: StatusCode, category: &str, message: &str) -> Self {
        let body = json!({ "status": "error", "message": message, "category": category });
        Self { status, members: Box::new(body.as_object().cloned().unwrap_or_default()) }
    }

    fn with(mut self, name: &str, value: Value) -> Self {
        self.members.insert(name.to_owned(), value);
        self
    }

    /// 400 without a property to blame.
    pub fn validation(message: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "VALIDATION_ERROR", message)
    }

    /// 400 for values; `errors` come from [`property_error`]. The message repeats them as JSON,
    /// as HubSpot does.
    pub fn invalid_properties(errors: Vec<Value>, portal_id: &str) -> Self {
        let portal_id: u64 = portal_id.parse().unwrap_or_default();
        let embedded: Vec<Value> = errors
            .iter()
            .map(|error| {
                json!({
                    "isValid": false,
                    "message": error["message"],
                    "error": error["code"],
                    "name": error["context"]["propertyName"][0],
                    "portalId": portal_id,
                })
            })
            .collect();
        let message = format!("Property values were not valid: {}", Value::Array(embedded));
        Self::validation(&message).with("errors", Value::Array(errors))
    }

    /// 400 for a body that isn't what the path takes.
    pub fn invalid_json(reason: &str) -> Self {
        Self::validation(&format!("Invalid input JSON: {reason}"))
    }

    /// 400 for a key that doesn't identify one record.
    pub fn not_unique(object_type: &ObjectType, property: &str) -> Self {
        let type_id = object_type.type_id;
        Self::validation(&format!(
            "Unable to perform update/upsert by non-unique {type_id} property {property}"
        ))
    }

    /// 400 for a property that the type doesn't have.
    pub fn no_such_property(property: &str, portal_id: &str) -> Self {
        let message = format!("Property \"{property}\" does not exist");
        let error = property_error(property, "PROPERTY_DOESNT_EXIST", &message);
        Self::invalid_properties(vec![error], portal_id)
    }

    /// 414 for a record that was merged too often.
    pub fn too_many_merges() -> Self {
        let message = "Cannot have more than 250 identities on a profile";
        Self::new(StatusCode::URI_TOO_LONG, "VALIDATION_ERROR", message)
    }

    /// 409 for the name of a property that is there.
    pub fn property_exists(object_type: &ObjectType, name: &str) -> Self {
        let type_id = object_type.type_id;
        let message =
            format!("A property named '{name}' already exists for object type {type_id}.");
        Self::new(StatusCode::CONFLICT, "OBJECT_ALREADY_EXISTS", &message)
            .with("subCategory", json!("Properties.PROPERTY_WITH_NAME_EXISTS"))
    }

    /// What a control call is told.
    pub fn message(&self) -> String {
        let message = self.members.get("message").and_then(Value::as_str);
        format!("{}: {}", self.status.as_u16(), message.unwrap_or_default())
    }

    /// 409 for a value that another record has.
    pub fn conflict(object_type: &ObjectType, existing_id: u64) -> Self {
        let message = format!("{} already exists. Existing ID: {existing_id}", object_type.title);
        Self::new(StatusCode::CONFLICT, "CONFLICT", &message)
    }

    /// 404 for a record.
    pub fn object_not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "OBJECT_NOT_FOUND", "resource not found")
    }

    /// 404 for a path.
    pub fn unknown_path() -> Self {
        Self::new(StatusCode::NOT_FOUND, "OBJECT_NOT_FOUND", "Unable to find the requested path")
    }

    /// 405.
    pub fn method_not_allowed() -> Self {
        let message = "HTTP 405 Method Not Allowed";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "VALIDATION_ERROR", message)
    }

    /// 415.
    pub fn unsupported_media_type() -> Self {
        let message = "HTTP 415 Unsupported Media Type";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "VALIDATION_ERROR", message)
    }

    /// 401 for a missing or unknown token.
    pub fn invalid_token() -> Self {
        let message = "Authentication credentials not found. This API supports OAuth 2.0 \
            authentication";
        Self::new(StatusCode::UNAUTHORIZED, "INVALID_AUTHENTICATION", message)
    }

    /// 401 for a token that was valid until `expiry_ms`.
    pub fn expired_token(expiry_ms: i64) -> Self {
        let expiry = iso_from_ms(expiry_ms);
        let message = format!("The OAuth token used to make this call expired at {expiry}.");
        Self::new(StatusCode::UNAUTHORIZED, "EXPIRED_AUTHENTICATION", &message)
            .with("context", json!({ "expire time": [expiry] }))
    }

    /// 403 for a token without any of the scopes.
    pub fn missing_scopes(any_of: &[&str]) -> Self {
        let message = "This app hasn't been granted all required scopes to make this call.";
        let detail = json!({
            "message": "One or more of the following scopes are required.",
            "context": { "requiredGranularScopes": any_of },
        });
        Self::new(StatusCode::FORBIDDEN, "MISSING_SCOPES", message)
            .with("errors", json!([detail]))
            .with("links", json!({ "scopes": "https://developers.hubspot.com/scopes" }))
    }

    /// 429. This body has no category.
    pub fn rate_limited(policy: &str) -> Self {
        let policy = if policy == limits::ASSOCIATIONS { limits::TEN_SECONDLY } else { policy };
        let message = format!("You have reached your {} limit.", policy_in_words(policy));
        let mut refusal = Self::new(StatusCode::TOO_MANY_REQUESTS, "", &message);
        refusal.members.remove("category");
        refusal
            .with("errorType", json!("RATE_LIMIT"))
            .with("policyName", json!(policy))
            .with("requestId", json!(new_uuid()))
    }

    /// As one item of the `errors` of a 207.
    pub fn batch_item(&self, trace_id: &str) -> Value {
        let mut item = (*self.members).clone();
        item.insert("context".to_owned(), json!({ "objectWriteTraceId": [trace_id] }));
        Value::Object(item)
    }

    /// The HTTP answer, with a new correlation id.
    pub fn answer(self) -> Answer {
        let refusal = self.with("correlationId", json!(new_uuid()));
        Answer::json(refusal.status, &Value::Object(*refusal.members))
    }
}

fn policy_in_words(policy: &str) -> &'static str {
    match policy {
        limits::SECONDLY => "secondly",
        limits::DAILY => "daily",
        _ => "ten_secondly_rolling",
    }
}

/// The error that HubSpot would give with that status, for injected faults.
pub fn for_status(status: StatusCode, details: &FaultDetails) -> Answer {
    let property = details.property_name.as_deref().unwrap_or("email");
    let refusal = match status.as_u16() {
        400 => {
            let code = details.category.as_deref().unwrap_or("INVALID_EMAIL");
            let message = format!("The value of {property} is not valid");
            Refusal::invalid_properties(vec![property_error(property, code, &message)], "0")
        }
        401 if details.category.as_deref() == Some("EXPIRED_AUTHENTICATION") => {
            Refusal::expired_token(0)
        }
        401 => Refusal::invalid_token(),
        403 => Refusal::missing_scopes(&["crm.objects.contacts.write"]),
        404 => Refusal::object_not_found(),
        409 => Refusal::new(status, "CONFLICT", "Contact already exists. Existing ID: 1"),
        429 => Refusal::rate_limited(details.category.as_deref().unwrap_or(limits::TEN_SECONDLY)),
        code => {
            let (category, message) = match code {
                423 => ("LOCKED", "The resource is locked. Try again after 2 seconds."),
                477 => ("MIGRATION_IN_PROGRESS", "The account is being migrated."),
                502 | 504 => ("TIMEOUT", "The request could not be processed in time."),
                503 => ("SERVICE_UNAVAILABLE", "The service is not available."),
                _ => ("INTERNAL_ERROR", "internal error"),
            };
            Refusal::new(status, details.category.as_deref().unwrap_or(category), message)
        }
    };
    refusal.answer()
}
