//! Reading what a caller wants of a webhook; every member that is wrong is named at once.

use http::StatusCode;
use reqwest::Url;
use serde_json::{Map, Value, json};

use super::drafts;
use super::errors::Refusal;
use super::hooks::Wish;
use crate::accounts::Account;

const MAX_NAME_CHARS: usize = 255;
const ACTIONS: [&str; 4] = ["create", "change", "delete", "*"];
const OBJECTS: [&str; 11] = [
    "activity",
    "deal",
    "lead",
    "note",
    "organization",
    "person",
    "pipeline",
    "product",
    "stage",
    "user",
    "*",
];
const VERSIONS: [&str; 2] = ["1.0", "2.0"];

/// Hosts on this machine may go without TLS.
fn is_reachable(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    let host = url.host_str().unwrap_or_default();
    let is_local =
        ["localhost", "127.0.0.1", "[::1]"].contains(&host) || host.ends_with(".localhost");
    let is_own = host == "pipedrive.com" || host.ends_with(".pipedrive.com");
    let is_safe = url.scheme() == "https" || (is_local && url.scheme() == "http");
    is_safe && !is_own
}

/// Collects what is wrong with a body, by member.
#[derive(Default)]
struct Errors(Map<String, Value>);

impl Errors {
    fn add(&mut self, member: &str, why: &str) {
        self.0.insert(member.to_owned(), json!([why]));
    }

    fn text(&mut self, body: &Map<String, Value>, member: &str, known: &[&str]) -> String {
        let given = body.get(member).and_then(Value::as_str).unwrap_or_default();
        if given.is_empty() {
            self.add(member, "is required");
        } else if !known.is_empty() && !known.contains(&given) {
            self.add(member, "is not valid");
        }
        given.to_owned()
    }

    fn optional(&mut self, body: &Map<String, Value>, member: &str) -> Option<String> {
        match body.get(member) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text.clone()).filter(|text| !text.is_empty()),
            Some(_) => {
                self.add(member, "must be a string");
                None
            }
        }
    }
}

/// Reads the body of `POST /webhooks`, and names all that is wrong with it.
pub fn read(account: &Account, body: &Map<String, Value>) -> Result<Wish, Refusal> {
    let mut errors = Errors::default();
    let url = errors.text(body, "subscription_url", &[]);
    if !url.is_empty() && !is_reachable(&url) {
        errors.add("subscription_url", "invalid or non-reachable URL");
    }
    let user_id = match body.get("user_id") {
        None | Some(Value::Null) => drafts::user_id(account),
        Some(given) => given.as_u64().unwrap_or_default(),
    };
    if !drafts::users(account).contains(&user_id) {
        errors.add("user_id", "not found");
    }
    let version = errors.optional(body, "version").unwrap_or_else(|| "2.0".to_owned());
    if !VERSIONS.contains(&version.as_str()) {
        errors.add("version", "is not valid");
    }
    let name = errors.text(body, "name", &[]);
    if name.chars().count() > MAX_NAME_CHARS {
        errors.add("name", "is too long");
    }
    let wish = Wish {
        url,
        action: errors.text(body, "event_action", &ACTIONS),
        object: errors.text(body, "event_object", &OBJECTS),
        name,
        user_id,
        auth_user: errors.optional(body, "http_auth_user"),
        auth_password: errors.optional(body, "http_auth_password"),
        version,
    };
    if errors.0.is_empty() {
        Ok(wish)
    } else {
        Err(Refusal::of_hook(StatusCode::BAD_REQUEST, &Value::Object(errors.0)))
    }
}
