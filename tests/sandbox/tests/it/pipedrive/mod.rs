//! Pipedrive over the wire.

mod access;
mod fields;
mod limits;
mod listing;
mod records;
mod search;
mod shape;
mod webhooks;

use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use crate::harness::TestSandbox;

pub const ACCOUNT: &str = "13515001";
pub const TOKEN: &str = "0f1e2d3c";
/// The code of the custom field that each type of the test company has.
pub const KEY_FIELD: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// A sandbox with one Pipedrive company.
pub struct Pipedrive {
    pub sandbox: TestSandbox,
}

pub struct Answered {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
    pub body: Value,
}

impl Pipedrive {
    pub async fn start(settings: &Value) -> Self {
        let this = Self { sandbox: TestSandbox::start().await };
        let key = json!([{ "field_name": "Integration reference", "field_code": KEY_FIELD }]);
        let mut account = json!({ "system": "pipedrive", "account": ACCOUNT, "domain": "acme",
            "api_token": TOKEN, "user_id": 7, "rate_limit_per_2s": 1000,
            "fields": { "person": key, "organization": key, "deal": key } });
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

    pub async fn try_control(&self, path: &str, body: &Value) -> (u16, Value) {
        let mut order = json!({ "system": "pipedrive", "account": ACCOUNT });
        for (name, value) in body.as_object().unwrap() {
            order[name] = value.clone();
        }
        self.sandbox.call(Method::POST, &format!("/_control/{path}"), &order).await
    }

    pub async fn shown(&self, control: &str) -> Value {
        let path = format!("/_control/{control}?system=pipedrive&account={ACCOUNT}");
        self.sandbox.get_json(&path).await
    }

    pub async fn limits(&self) -> Value {
        self.shown("limits").await["accounts"][0].clone()
    }

    /// A call with any credentials to any path below `/pipedrive`.
    pub async fn call_with(
        &self,
        header: (&str, &str),
        method: Method,
        path: &str,
        body: &Value,
    ) -> Answered {
        let request = self.sandbox.bare(method, &format!("/pipedrive/{path}"));
        let request = request.header(header.0, header.1);
        let request = if body.is_null() { request } else { request.json(body) };
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or_default();
        Answered { status, headers, text, body }
    }

    /// A call of the company's API with the API token.
    pub async fn call(&self, method: Method, below: &str, body: &Value) -> Answered {
        let path = format!("acme/api/{below}");
        self.call_with(("x-api-token", TOKEN), method, &path, body).await
    }

    /// A read that must succeed.
    pub async fn get(&self, below: &str) -> Value {
        let answered = self.call(Method::GET, below, &Value::Null).await;
        assert_eq!(answered.status, 200, "{below} {}", answered.text);
        answered.body
    }

    /// Makes a record through the API and gives it.
    pub async fn create(&self, plural: &str, body: &Value) -> Value {
        let answered = self.call(Method::POST, &format!("v2/{plural}"), body).await;
        assert_eq!(answered.status, 200, "{body} {}", answered.text);
        answered.body["data"].clone()
    }

    pub async fn patch(&self, path: &str, body: &Value) -> (u16, Value) {
        let answered = self.call(Method::PATCH, &format!("v2/{path}"), body).await;
        (answered.status, answered.body)
    }

    /// Acts as a user of the vendor's interface; the act must be taken.
    pub async fn act(&self, act: &Value) -> Value {
        self.control("portal", act).await
    }

    pub async fn seed(&self, objects: Value) -> Value {
        self.control("seed", &json!({ "objects": objects })).await
    }
}

/// The ids of a list's rows, in its order.
pub fn ids(body: &Value) -> Vec<u64> {
    body["data"].as_array().unwrap().iter().map(|row| row["id"].as_u64().unwrap()).collect()
}
