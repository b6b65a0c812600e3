//! Salesforce over the wire.

mod access;
mod assertions;
mod collections;
mod limits;
mod portal;
mod queries;
mod records;
mod webhooks;

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::TestSandbox;

pub const ORG: &str = "00D5g000004AbCdEAK";
pub const DATA: &str = "/salesforce/acme/services/data/v67.0";
pub const TOKEN_PATH: &str = "/salesforce/acme/services/oauth2/token";
pub const KEY: &str = "Integration_Reference__c";
const TOKEN: &str = "00D5g000004AbCd!entry";

/// A sandbox with one org that has a fixed token besides its app.
pub struct Salesforce {
    pub sandbox: TestSandbox,
}

impl Salesforce {
    pub async fn start(settings: &Value) -> Self {
        let this = Self { sandbox: TestSandbox::start().await };
        this.put(settings).await;
        this
    }

    /// Puts the account, with more settings.
    pub async fn put(&self, settings: &Value) {
        let mut account = json!({ "domain": "acme", "client_id": "3MVG9.key",
            "client_secret": "s3cret", "access_token": TOKEN });
        for (name, value) in settings.as_object().unwrap() {
            account[name] = value.clone();
        }
        self.control("accounts", &account).await;
    }

    /// A control call that must be taken.
    pub async fn control(&self, path: &str, body: &Value) -> Value {
        let (status, told) = self.try_control(path, body).await;
        assert_eq!(status, 200, "{path} {body} {told}");
        told
    }

    pub async fn try_control(&self, path: &str, body: &Value) -> (u16, Value) {
        let mut order = json!({ "system": "salesforce", "account": ORG });
        for (name, value) in body.as_object().unwrap() {
            order[name] = value.clone();
        }
        self.sandbox.call(Method::POST, &format!("/_control/{path}"), &order).await
    }

    pub async fn shown(&self, control: &str) -> Value {
        let path = format!("/_control/{control}?system=salesforce&account={ORG}");
        self.sandbox.get_json(&path).await
    }

    /// A REST call below the version; status and body.
    pub async fn call(&self, method: Method, below: &str, body: &Value) -> (u16, Value) {
        self.call_with(method, below, body, &[]).await
    }

    pub async fn call_with(
        &self,
        method: Method,
        below: &str,
        body: &Value,
        headers: &[(&str, &str)],
    ) -> (u16, Value) {
        let request = self.sandbox.bare(method, &format!("{DATA}{below}")).bearer_auth(TOKEN);
        let request = if body.is_null() { request } else { request.json(body) };
        let request =
            headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        (status, response.json().await.unwrap_or_default())
    }

    /// Makes a record and gives its id.
    pub async fn create(&self, object: &str, body: Value) -> String {
        let (status, made) = self.call(Method::POST, &format!("/sobjects/{object}"), &body).await;
        assert_eq!(status, 201, "{made}");
        assert_eq!((&made["success"], &made["errors"]), (&json!(true), &json!([])));
        made["id"].as_str().unwrap().to_owned()
    }

    /// A read that must succeed.
    pub async fn get(&self, below: &str) -> Value {
        let (status, body) = self.call(Method::GET, below, &Value::Null).await;
        assert_eq!(status, 200, "{below} {body}");
        body
    }

    /// A query; status and body.
    pub async fn query(&self, resource: &str, soql: &str) -> (u16, Value) {
        let request = self.sandbox.bare(Method::GET, &format!("{DATA}/{resource}"));
        let response = request.bearer_auth(TOKEN).query(&[("q", soql)]).send().await.unwrap();
        let status = response.status().as_u16();
        (status, response.json().await.unwrap_or_default())
    }

    /// The values of a column.
    pub async fn column(&self, soql: &str, name: &str) -> Vec<Value> {
        let (status, page) = self.query("query", soql).await;
        assert_eq!(status, 200, "{soql} {page}");
        page["records"].as_array().unwrap().iter().map(|row| row[name].clone()).collect()
    }

    /// Sends a form to an OAuth endpoint; status and body.
    pub async fn form(&self, path: &str, fields: &[(&str, &str)]) -> (u16, Value) {
        let response = self.sandbox.bare(Method::POST, path).form(fields).send().await.unwrap();
        let status = response.status().as_u16();
        (status, response.json().await.unwrap_or_default())
    }

    /// Mints a token by client credentials.
    pub async fn mint(&self) -> (u16, Value) {
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_id", "3MVG9.key"),
            ("client_secret", "s3cret"),
        ];
        self.form(TOKEN_PATH, &fields).await
    }
}

/// The code of a REST error, which is an array of one.
pub fn code((status, body): &(u16, Value)) -> (u16, &str) {
    let errors = body.as_array().unwrap();
    assert_eq!(errors.len(), 1, "{body}");
    assert!(errors[0]["message"].is_string());
    (*status, errors[0]["errorCode"].as_str().unwrap())
}
