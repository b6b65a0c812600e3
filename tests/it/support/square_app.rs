//! Our app at Square on the local cloud: the same for every test of a run, and what the demo has made
//! of it where that came first.

use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use super::cloud::Cloud;
use super::waiting::until;

/// Whoever writes the secret is done within this time.
const SOON: Duration = Duration::from_secs(20);

/// The secret of our app; it is made where there is none.
pub async fn ensured(cloud: &Cloud) -> Value {
    let environment = cloud.function_environment("connections").await;
    let name = format!("{}/square", environment["APP_SECRET_PREFIX"].as_str().unwrap());
    if let Some(app) = cloud.secrets_like(&name).await.pop() {
        return app;
    }
    let unique = Uuid::new_v4().simple();
    let app = json!({
        "client_id": format!("sq0idp-{unique}"),
        "client_secret": format!("sq0csp-canary-{unique}"),
        "redirect_uri": "https://platform.example.com/square/callback",
        "webhook_signature_key": format!("canary-signature-key-{unique}"),
    });
    let create = json!({
        "Name": name, "SecretString": app.to_string(), "ClientRequestToken": Uuid::new_v4().to_string(),
    });
    // Another test may be faster; whose secret it is does not matter.
    cloud.try_aws("secretsmanager/secretsmanager.CreateSecret", create).await.ok();
    let mut found = Value::Null;
    until("our app at Square is there", SOON, async || {
        found = cloud.secrets_like(&name).await.pop().unwrap_or_default();
        !found.is_null()
    })
    .await;
    found
}
