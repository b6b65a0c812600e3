//! Vagaro over the wire.

mod access;
mod export;
mod limits;
mod portal;
mod reads;
mod seeds;
mod webhooks;

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::TestSandbox;

/// The first location, and so the account.
pub const ACCOUNT: &str = "AbC+d/9~1Q==";
pub const SECOND: &str = "zz9/Kk+~22==";
pub const REGION: &str = "us02";
pub const SCOPES: &str = "appointments:read,customers:read,locations:read";

/// A sandbox with one Vagaro account of two locations.
pub struct Vagaro {
    pub sandbox: TestSandbox,
}

impl Vagaro {
    pub async fn start(settings: &Value) -> Self {
        let this = Self { sandbox: TestSandbox::start().await };
        // Most tests ask more often than a second allows.
        let mut account = json!({ "region": REGION, "client_id": "id", "client_secret": "secret",
            "rate_limit_per_s": 1000,
            "businesses": [{ "id": SECOND, "name": "Uptown" }, { "id": ACCOUNT, "name": "Main" }] });
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
        let mut order = json!({ "system": "vagaro", "account": ACCOUNT });
        for (name, value) in body.as_object().unwrap() {
            order[name] = value.clone();
        }
        self.sandbox.call(Method::POST, &format!("/_control/{path}"), &order).await
    }

    pub async fn seed(&self, objects: Value) -> Value {
        self.control("seed", &json!({ "objects": objects })).await
    }

    pub async fn shown(&self, control: &str) -> Value {
        let account = "AbC%2Bd/9~1Q%3D%3D";
        let path = format!("/_control/{control}?system=vagaro&account={account}");
        self.sandbox.get_json(&path).await
    }

    /// A call for a token; status and body.
    pub async fn ask_token(&self, region: &str, body: &Value) -> (u16, Value) {
        let path = format!("/vagaro/{region}/api/v2/merchants/generate-access-token");
        let response = self.sandbox.bare(Method::POST, &path).json(body).send().await.unwrap();
        let status = response.status().as_u16();
        (status, response.json().await.unwrap_or_default())
    }

    pub async fn token(&self) -> String {
        let body = json!({ "clientId": "id", "clientSecretKey": "secret", "scope": SCOPES });
        let (status, told) = self.ask_token(REGION, &body).await;
        assert_eq!(status, 200, "{told}");
        told["data"]["access_token"].as_str().unwrap().to_owned()
    }

    /// A call with a token; status and body.
    pub async fn call_as(&self, token: &str, below: &str, body: &Value) -> (u16, Value) {
        let path = format!("/vagaro/{REGION}/api/v2/{below}");
        let request = self.sandbox.bare(Method::POST, &path).header("accessToken", token);
        let response = request.json(body).send().await.unwrap();
        let status = response.status().as_u16();
        (status, response.json().await.unwrap_or_default())
    }

    pub async fn call(&self, below: &str, body: &Value) -> (u16, Value) {
        self.call_as(&self.token().await, below, body).await
    }

    /// The rows of a read that must succeed.
    pub async fn rows(&self, below: &str, body: &Value) -> Vec<Value> {
        let (status, told) = self.call(below, body).await;
        assert_eq!((status, &told["responseCode"]), (200, &json!(1000)), "{below} {body} {told}");
        told["data"].as_array().unwrap().clone()
    }

    /// The one appointment with an id at the account's first location.
    pub async fn appointment(&self, id: &str) -> Value {
        let body = json!({ "businessId": ACCOUNT, "appointmentId": id });
        let mut rows = self.rows("appointments", &body).await;
        assert_eq!(rows.len(), 1, "{id}");
        rows.remove(0)
    }
}
