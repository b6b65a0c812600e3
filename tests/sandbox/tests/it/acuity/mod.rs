//! Acuity over the wire.

mod access;
mod hooks;
mod limits;
mod listing;
mod portal;
mod saturation;

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::TestSandbox;

pub const ACCOUNT: &str = "4242";
pub const USER: &str = "777";
pub const KEY: &str = "abc123";

/// A sandbox with one Acuity account in Denver: two calendars, one of them in Kolkata, and two types.
pub struct Acuity {
    pub sandbox: TestSandbox,
}

impl Acuity {
    pub async fn start(settings: &Value) -> Self {
        let this = Self { sandbox: TestSandbox::start().await };
        // Most tests ask more often than a second allows.
        let mut account = json!({ "system": "acuity", "account": ACCOUNT, "user_id": USER,
            "api_key": KEY, "time_zone": "America/Denver", "rate_limit_per_s": 1000,
            "calendars": [{ "id": 1, "name": "Anna" },
                          { "id": 2, "name": "Ben", "timezone": "Asia/Kolkata" },
                          { "id": 3, "name": "Gone", "deleted": true }],
            "appointment_types": [{ "id": 7, "name": "Cut", "duration": 30, "price": "25.00" },
                                  { "id": 8, "name": "Yoga", "type": "class" }] });
        for (name, value) in settings.as_object().unwrap() {
            account[name] = value.clone();
        }
        this.control("accounts", &account).await;
        this
    }

    /// A control call that must be taken.
    pub async fn control(&self, path: &str, body: &Value) -> Value {
        let (status, told) = self.try_control(path, body).await;
        assert_eq!(status, 200, "{path} {body} {told}");
        told
    }

    /// A control call for the account.
    pub async fn try_control(&self, path: &str, body: &Value) -> (u16, Value) {
        let mut order = json!({ "system": "acuity", "account": ACCOUNT });
        for (name, value) in body.as_object().unwrap() {
            order[name] = value.clone();
        }
        self.sandbox.call(Method::POST, &format!("/_control/{path}"), &order).await
    }

    pub async fn seed(&self, objects: Value) -> Value {
        self.control("seed", &json!({ "objects": objects })).await
    }

    pub async fn generate(&self, order: Value) -> Value {
        self.control("seed", &json!({ "generate": order })).await
    }

    /// An API call of the main administrator; status and body.
    pub async fn call(&self, method: Method, below: &str, body: &Value) -> (u16, Value) {
        self.call_as((USER, KEY), method, below, body).await
    }

    pub async fn call_as(
        &self,
        (user, key): (&str, &str),
        method: Method,
        below: &str,
        body: &Value,
    ) -> (u16, Value) {
        let request = self.sandbox.bare(method, &format!("/acuity/api/v1/{below}"));
        let request = request.basic_auth(user, Some(key));
        let request = if body.is_null() { request } else { request.json(body) };
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        (status, response.json().await.unwrap_or_default())
    }

    /// A read that must succeed.
    pub async fn get(&self, below: &str) -> Value {
        let (status, body) = self.call(Method::GET, below, &Value::Null).await;
        assert_eq!(status, 200, "{below} {body}");
        body
    }

    /// The ids that a list gives, in its order.
    pub async fn ids(&self, query: &str) -> Vec<u64> {
        let rows = self.get(&format!("appointments{query}")).await;
        rows.as_array().unwrap().iter().map(|row| row["id"].as_u64().unwrap()).collect()
    }

    pub async fn shown(&self, control: &str) -> Value {
        let path = format!("/_control/{control}?system=acuity&account={ACCOUNT}");
        self.sandbox.get_json(&path).await
    }
}
