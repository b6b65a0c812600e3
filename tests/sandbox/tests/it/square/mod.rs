//! Square over the wire.

mod access;
mod bookings;
mod customers;
mod listing;
mod oauth;
mod portal;
mod schema;
mod shape;
mod webhooks;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::harness::TestSandbox;

pub const ACCOUNT: &str = "MLEFBHHSJGVHD";
pub const TOKEN: &str = "EAAAtest";
pub const VERSION: &str = "2026-05-20";

/// A sandbox with one Square seller in Denver: two locations, two team members and two services.
pub struct Square {
    pub sandbox: TestSandbox,
}

impl Square {
    pub async fn start(settings: &Value) -> Self {
        let this = Self { sandbox: TestSandbox::start().await };
        this.account(settings).await;
        this
    }

    /// Puts the account in, or again with other settings; those in `square` are added to its own.
    pub async fn account(&self, settings: &Value) {
        // Most tests ask more often than a second allows.
        let mut account = json!({ "access_token": TOKEN, "rate_limit_per_s": 1000,
            "square": {
                "locations": [{ "id": "NORTH", "timezone": "America/Denver" },
                              { "id": "SOUTH", "timezone": "Asia/Kolkata", "active": false }],
                "team_members": ["ANNA", "BEN"],
                "services": [{ "id": "CUT", "duration_minutes": 30, "version": 5 },
                             { "id": "DYE" }] } });
        for (name, value) in settings.as_object().unwrap() {
            match value.as_object().filter(|_| name == "square") {
                Some(more) => account["square"].as_object_mut().unwrap().extend(more.clone()),
                None => account[name] = value.clone(),
            }
        }
        self.control("accounts", &account).await;
    }

    /// A control call that must be taken.
    pub async fn control(&self, path: &str, body: &Value) -> Value {
        let (status, told) = self.try_control(path, body).await;
        assert_eq!(status, 200, "{path} {body} {told}");
        told
    }

    /// A control call for the account.
    pub async fn try_control(&self, path: &str, body: &Value) -> (u16, Value) {
        let mut order = json!({ "system": "square", "account": ACCOUNT });
        order.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
        self.sandbox.call(Method::POST, &format!("/_control/{path}"), &order).await
    }

    pub async fn shown(&self, control: &str) -> Value {
        let path = format!("/_control/{control}?system=square&account={ACCOUNT}");
        self.sandbox.get_json(&path).await
    }

    pub async fn seed(&self, objects: Value) -> Value {
        self.control("seed", &json!({ "objects": objects })).await
    }

    /// Bookings with these ids and starts.
    pub async fn seed_at(&self, bookings: &[(&str, &str)]) {
        let shaped =
            bookings.iter().map(|(id, start_at)| json!({ "id": id, "start_at": start_at }));
        self.seed(shaped.collect()).await;
    }

    /// Acts as a user of the vendor's interface; the act must be taken.
    pub async fn act(&self, act: &Value) -> Value {
        self.control("portal", act).await
    }

    /// A call without token and version.
    pub fn bare(&self, method: Method, below: &str) -> RequestBuilder {
        self.sandbox.bare(method, &format!("/square/{below}"))
    }

    /// A call with the account's token.
    pub async fn call(&self, method: Method, below: &str, body: &Value) -> (u16, Value) {
        self.call_as(TOKEN, method, below, body).await
    }

    pub async fn call_as(
        &self,
        token: &str,
        method: Method,
        below: &str,
        body: &Value,
    ) -> (u16, Value) {
        let request = self.bare(method, below).bearer_auth(token);
        let request = request.header("Square-Version", VERSION);
        sent(if body.is_null() { request } else { request.json(body) }).await
    }

    /// A read that must succeed.
    pub async fn get(&self, below: &str) -> Value {
        let (status, body) = self.call(Method::GET, below, &Value::Null).await;
        assert_eq!(status, 200, "{below} {body}");
        body
    }

    /// A read that must be refused: status, category and code.
    pub async fn refused(&self, below: &str) -> (u16, String, String) {
        let (status, body) = self.call(Method::GET, below, &Value::Null).await;
        let (category, code) = error(&body);
        (status, category, code)
    }

    /// One page of a list in 2026: ids and cursor.
    pub async fn page(&self, query: &str) -> (Vec<String>, Option<String>) {
        let body = self.get(&format!("v2/bookings?{query}")).await;
        let ids = body["bookings"].as_array().unwrap().iter();
        let ids = ids.map(|row| row["id"].as_str().unwrap().to_owned()).collect();
        (ids, body["cursor"].as_str().map(str::to_owned))
    }
}

/// Status and body of a request.
pub async fn sent(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    (status, response.json().await.unwrap_or_default())
}

/// Category and code of an error body.
pub fn error(body: &Value) -> (String, String) {
    let text = |name: &str| body["errors"][0][name].as_str().unwrap_or_default().to_owned();
    (text("category"), text("code"))
}
