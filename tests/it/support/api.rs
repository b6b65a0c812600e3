//! Calls of the HTTP API through the gateway.

use std::time::Duration;

use futures::future::join_all;
use reqwest::Response;
use serde_json::{Value, json};

use super::cloud::Cloud;
use super::tenant::Tenant;
use super::waiting::until;

/// Marks of personal data and secrets that no answer may carry.
pub const CANARIES: [&str; 5] = ["canary", "Canary", "4155552671", "555-2671", "pat-na1"];
/// The scope that upserts need.
pub const WRITE: &str = "crm:write";

/// What waits for a share of the rate budget waits for a lease at most.
const FINISHED_WITHIN: Duration = Duration::from_secs(120);

/// How many callers a crowd has.
pub const CALLERS: usize = 64;

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub content_type: String,
    pub correlation_id: Option<String>,
    pub retry_after_s: Option<u64>,
    pub body: Value,
}

impl Answer {
    /// Panics unless this is the problem with that code; returns its `field`.
    pub fn problem(&self, status: u16, error_code: &str) -> Option<&str> {
        assert_eq!(
            (self.status, self.body["error_code"].as_str()),
            (status, Some(error_code)),
            "{self:?}"
        );
        assert_eq!(self.content_type, "application/problem+json");
        assert_eq!(self.body["status"], status);
        assert_eq!(self.body["correlation_id"].as_str(), self.correlation_id.as_deref());
        self.body["field"].as_str()
    }

    /// Panics unless this is a 200 with that status; returns the provider's id.
    pub fn done(&self, status: &str) -> String {
        assert_eq!((self.status, self.body["status"].as_str()), (200, Some(status)), "{self:?}");
        self.body["external_id"].as_str().unwrap().to_owned()
    }

    /// Panics unless the upsert was accepted and waits.
    pub fn queued(&self) {
        let expected = json!({"external_id": null, "status": "queued"});
        assert_eq!((self.status, &self.body), (202, &expected), "{self:?}");
    }

    async fn of(response: Response) -> Self {
        let status = response.status().as_u16();
        let header = |name: &str| Some(response.headers().get(name)?.to_str().unwrap().to_owned());
        let content_type = header("content-type").unwrap_or_default();
        let correlation_id = header("x-correlation-id");
        let retry_after_s = header("retry-after").map(|text| text.parse().unwrap());
        let text = response.text().await.unwrap();
        for canary in CANARIES {
            assert!(!text.contains(canary), "an answer carries personal data: {text}");
        }
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Self { status, content_type, correlation_id, retry_after_s, body }
    }
}

impl Cloud {
    /// One call of our API with a JSON body, if any.
    pub async fn call(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: Option<Value>,
    ) -> Answer {
        let url = format!("{}/{path}", self.text("api_base_url"));
        let mut request = self.http.request(method.parse().unwrap(), url);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        Answer::of(request.send().await.unwrap()).await
    }
}

impl Tenant {
    /// The body of an upsert.
    pub fn body(&self, key: &str, attributes: &Value) -> Value {
        json!({
            "tenant_id": self.id,
            "type": "contact",
            "attributes": attributes,
            "idempotency_key": key,
        })
    }

    /// One upsert of any kind of record with a valid token.
    pub async fn upsert_of(
        &self,
        object_type: &str,
        key: &str,
        attributes: &Value,
        associations: &Value,
    ) -> Answer {
        let body = self.body_of(object_type, key, attributes, associations);
        self.send(body.to_string().into_bytes()).await
    }

    /// The body of an upsert of any kind of record.
    pub fn body_of(
        &self,
        object_type: &str,
        key: &str,
        attributes: &Value,
        associations: &Value,
    ) -> Value {
        let mut body = self.body(key, attributes);
        body["type"] = json!(object_type);
        body["associations"] = associations.clone();
        body
    }

    /// One upsert with a valid token.
    pub async fn upsert(&self, key: &str, attributes: &Value) -> Answer {
        self.send(self.body(key, attributes).to_string().into_bytes()).await
    }

    /// Any body with a valid token.
    pub async fn send(&self, body: Vec<u8>) -> Answer {
        let token = self.cloud.token(&self.id, WRITE, json!({})).await;
        self.send_to(self.provider.system, Some(&token), "application/json", body).await
    }

    /// Any body to any system, with any token.
    pub async fn send_to(
        &self,
        system: &str,
        token: Option<&str>,
        content_type: &str,
        body: Vec<u8>,
    ) -> Answer {
        let base = self.cloud.text("api_base_url");
        let url = format!("{base}/integrations/crm/{system}/upsert");
        let mut request = self.cloud.http.post(url).header("content-type", content_type).body(body);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        Answer::of(request.send().await.unwrap()).await
    }

    /// What is known of an earlier upsert.
    pub async fn upsert_status(&self, key: &str) -> Answer {
        let token = self.cloud.token(&self.id, WRITE, json!({})).await;
        let path =
            format!("integrations/crm/{}/upsert?idempotency_key={key}", self.provider.system);
        self.cloud.call("GET", &path, Some(&token), None).await
    }

    /// The id of the provider's that an upsert came to, with that status: at once, or a moment later where
    /// other instances hold what there is of a small rate budget.
    pub async fn ended(&self, key: &str, answer: Answer, status: &str) -> String {
        if answer.status == 200 {
            return answer.done(status);
        }
        answer.queued();
        let mut ended = answer;
        until(&format!("the upsert {key} is finished"), FINISHED_WITHIN, async || {
            ended = self.upsert_status(key).await;
            ended.body["external_id"].is_string()
        })
        .await;
        ended.done(status)
    }

    /// All bodies at the same time, with one token.
    pub async fn call_at_once(&self, bodies: Vec<Value>) -> Vec<Answer> {
        let token = self.cloud.token(&self.id, WRITE, json!({})).await;
        let calls = bodies.into_iter().map(|body| {
            let token = token.as_str();
            let body = body.to_string().into_bytes();
            async move {
                self.send_to(self.provider.system, Some(token), "application/json", body).await
            }
        });
        join_all(calls).await
    }
}
