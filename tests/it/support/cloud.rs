//! The local cloud, found through `.local/stack.json` as any outside client finds it.

use std::path::{Path, PathBuf};

use reqwest::Client;
use serde_json::{Value, json};

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

#[derive(Clone)]
pub struct Cloud {
    pub stack: Value,
    pub http: Client,
}

impl Cloud {
    /// The running local cloud.
    pub fn open() -> Self {
        let path = root().join(".local/stack.json");
        let text = std::fs::read_to_string(&path).unwrap_or_else(|_| {
            panic!("the local cloud is not up (no {}): run `make up`", path.display())
        });
        Self { stack: serde_json::from_str(&text).unwrap(), http: Client::new() }
    }

    pub fn text(&self, name: &str) -> &str {
        self.stack[name].as_str().unwrap_or_else(|| panic!("stack.json has no {name}"))
    }

    /// One call of an AWS service that speaks JSON. `target` is `{service}/{X-Amz-Target}`.
    pub async fn aws(&self, target: &str, body: Value) -> Value {
        self.try_aws(target, body).await.unwrap_or_else(|error| panic!("{target}: {error}"))
    }

    /// The same where a refusal is one of the things that may happen; the error is the whole answer.
    pub async fn try_aws(&self, target: &str, body: Value) -> Result<Value, String> {
        let (service, operation) = target.split_once('/').unwrap();
        let version = if service == "sqs" || service == "dynamodb" { "1.0" } else { "1.1" };
        let response = self
            .http
            .post(self.text("aws_endpoint_url"))
            .header("x-amz-target", operation)
            .header("content-type", format!("application/x-amz-json-{version}"))
            .header("authorization", self.authorization(service))
            .body(body.to_string())
            .send()
            .await
            .unwrap();
        let status = response.status();
        let text = response.text().await.unwrap();
        if !status.is_success() {
            return Err(format!("{status} {text}"));
        }
        Ok(if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() })
    }

    /// The values of the secrets whose names have this in them.
    pub async fn secrets_like(&self, part: &str) -> Vec<Value> {
        let (mut names, mut next) = (Vec::new(), Value::Null);
        loop {
            let mut request = json!({"MaxResults": 100});
            if !next.is_null() {
                request["NextToken"] = next;
            }
            let answer = self.aws("secretsmanager/secretsmanager.ListSecrets", request).await;
            let listed = answer["SecretList"].as_array().unwrap().iter();
            names.extend(listed.map(|it| it["Name"].as_str().unwrap().to_owned()));
            next = answer["NextToken"].clone();
            if next.is_null() {
                break;
            }
        }
        let mut values = Vec::new();
        for name in names.iter().filter(|name| name.contains(part)) {
            let request = json!({ "SecretId": name });
            let answer = self.aws("secretsmanager/secretsmanager.GetSecretValue", request).await;
            values.extend(serde_json::from_str(answer["SecretString"].as_str().unwrap()).ok());
        }
        values
    }

    /// The one secret whose name has this in it.
    pub async fn secret_like(&self, part: &str) -> Value {
        let mut found: Vec<Value> = self.secrets_like(part).await;
        assert_eq!(found.len(), 1, "secrets with {part} in their names");
        found.remove(0)
    }

    /// The emulator routes by the credential scope and does not check the signature.
    fn authorization(&self, service: &str) -> String {
        let region = self.text("region");
        format!(
            "AWS4-HMAC-SHA256 Credential=test/20260101/{region}/{service}/aws4_request, \
             SignedHeaders=host, Signature=0"
        )
    }

    /// The environment that a deployed function has.
    pub async fn function_environment(&self, function: &str) -> Value {
        let name = self.stack["functions"][function].as_str().unwrap();
        let url =
            format!("{}/2015-03-31/functions/{name}/configuration", self.text("aws_endpoint_url"));
        let request = self.http.get(url).header("authorization", self.authorization("lambda"));
        let configuration: Value = request.send().await.unwrap().json().await.unwrap();
        configuration["Environment"]["Variables"].clone()
    }

    pub async fn sandbox_post(&self, path: &str, body: Value) -> Value {
        let url = format!("{}/_control/{path}", self.text("sandbox_url"));
        let response = self.http.post(url).json(&body).send().await.unwrap();
        let status = response.status();
        let text = response.text().await.unwrap();
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    pub async fn sandbox_get(&self, path: &str) -> Value {
        let url = format!("{}/_control/{path}", self.text("sandbox_url"));
        self.http.get(url).send().await.unwrap().json().await.unwrap()
    }

    /// What the sandbox gives as a file.
    pub async fn sandbox_text(&self, path: &str) -> String {
        let url = format!("{}/_control/{path}", self.text("sandbox_url"));
        self.http.get(url).send().await.unwrap().text().await.unwrap()
    }

    pub async fn sandbox_delete(&self, path: &str) {
        let url = format!("{}/_control/{path}", self.text("sandbox_url"));
        let response = self.http.delete(url).send().await.unwrap();
        assert!(response.status().is_success(), "{path}: {}", response.status());
    }

    /// A token of the development issuer; `extra` is merged into the request.
    pub async fn token(&self, tenant_id: &str, scope: &str, extra: Value) -> String {
        let mut body = json!({"tenant_id": tenant_id, "scope": scope});
        body.as_object_mut().unwrap().extend(extra.as_object().cloned().unwrap_or_default());
        let response = self.http.post(self.text("token_url")).json(&body).send().await.unwrap();
        let token: Value = response.json().await.unwrap();
        token["access_token"].as_str().unwrap().to_owned()
    }
}
