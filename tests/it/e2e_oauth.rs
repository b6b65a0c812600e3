//! OAuth on the local cloud: consent, exchange, one refresh for many callers, withdrawal.
//!
//! The functions run as processes of the test: the deployed ones may remember for some minutes that
//! there is no OAuth app.

use std::time::Duration;

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::cloud::Cloud;
use crate::support::function_process::{FunctionProcess, body_of, upsert_event};
use crate::support::tenant::{MANAGE, Tenant};

const TIME: Duration = Duration::from_secs(20);
const CLIENT_ID: &str = "local-oauth-app";
const CLIENT_SECRET: &str = "canary-oauth-client-secret";
const REDIRECT_URI: &str = "https://platform.example.com/oauth/callback";

async fn put_secret(cloud: &Cloud, name: &str, value: &Value) {
    let put = json!({
        "SecretId": name,
        "SecretString": value.to_string(),
        "ClientRequestToken": Uuid::new_v4().to_string(),
    });
    cloud.aws("secretsmanager/secretsmanager.PutSecretValue", put).await;
}

/// Our OAuth app: the same of every run, so whoever finds it there has nothing to do.
async fn ensure_app(cloud: &Cloud) {
    let prefix = cloud.function_environment("connections").await;
    let name = format!("{}/hubspot", prefix["APP_SECRET_PREFIX"].as_str().unwrap());
    let listed = cloud.aws("secretsmanager/secretsmanager.ListSecrets", json!({})).await;
    let is_there =
        listed["SecretList"].as_array().unwrap().iter().any(|it| it["Name"] == name.as_str());
    let app = json!({
        "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "redirect_uri": REDIRECT_URI,
    });
    if is_there {
        return put_secret(cloud, &name, &app).await;
    }
    let create = json!({
        "Name": name,
        "SecretString": app.to_string(),
        "ClientRequestToken": Uuid::new_v4().to_string(),
    });
    // Another test may be faster, and creates the same.
    cloud.try_aws("secretsmanager/secretsmanager.CreateSecret", create).await.ok();
}

fn connection_event(method: &str, tenant: &Tenant, body: &Value) -> Value {
    let mut event = upsert_event(tenant, body);
    let path = "/integrations/crm/hubspot/connection";
    let route = format!("{method} /integrations/{{kind}}/{{system}}/connection");
    event["routeKey"] = json!(route);
    event["rawPath"] = json!(path);
    event["pathParameters"] = json!({"kind": "crm", "system": "hubspot"});
    let context = &mut event["requestContext"];
    context["routeKey"] = json!(route);
    context["http"]["method"] = json!(method);
    context["http"]["path"] = json!(path);
    context["authorizer"]["jwt"] =
        json!({"claims": {"tenant_id": tenant.id, "scope": MANAGE}, "scopes": [MANAGE]});
    event
}

async fn invoke(process: &FunctionProcess, event: &Value) -> (Value, Value) {
    let answer = process.invoke(event, TIME).await.unwrap();
    (answer["statusCode"].clone(), body_of(&answer))
}

/// A tenant whose account has let our app in, connected by its code.
async fn connected(connections: &FunctionProcess) -> Tenant {
    let code = format!("code-{}", Uuid::new_v4().simple());
    let oauth = json!({
        "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "redirect_uri": REDIRECT_URI,
        "codes": [code], "refresh_token": format!("na1-canary-{}", Uuid::new_v4()),
    });
    let tenant = Tenant::unconnected(json!({"oauth": oauth, "access_token": ""})).await;
    let begin = json!({"tenant_id": tenant.id, "auth": "oauth"});
    let (status, consent) = invoke(connections, &connection_event("PUT", &tenant, &begin)).await;
    assert_eq!((status, &consent["status"]), (json!(200), &json!("authorization_required")));
    let url = reqwest::Url::parse(consent["authorize_url"].as_str().unwrap()).unwrap();
    assert_eq!(url.host_str(), Some("app.hubspot.com"));
    let state = url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let mut back = json!({
        "tenant_id": tenant.id, "auth": "oauth", "code": code, "state": "1.x.00",
        "default_region": "US",
    });
    let (status, refused) = invoke(connections, &connection_event("PUT", &tenant, &back)).await;
    assert_eq!((status, &refused["field"]), (json!(422), &json!("state")), "{refused}");
    back["state"] = json!(state);
    let (status, connected) = invoke(connections, &connection_event("PUT", &tenant, &back)).await;
    assert_eq!((status, &connected["auth"]), (json!(200), &json!("oauth")), "{connected}");
    assert_eq!(connected["account_id"], tenant.account.as_str());
    tenant
}

/// Moves the end of the stored token.
async fn let_token_end_in(tenant: &Tenant, left: SignedDuration) {
    let environment = tenant.cloud.function_environment("connections").await;
    let prefix = environment["SECRET_PREFIX"].as_str().unwrap();
    let name = format!("{prefix}/{}/hubspot", tenant.id);
    let read = json!({"SecretId": name});
    let stored = tenant.cloud.aws("secretsmanager/secretsmanager.GetSecretValue", read).await;
    let mut secret: Value = serde_json::from_str(stored["SecretString"].as_str().unwrap()).unwrap();
    let now = Timestamp::from_millisecond(crate::support::account::now_ms()).unwrap();
    secret["expires_at"] = json!((now + left).to_string());
    // Without a moment of its own for that, it is replaced some minutes before its end.
    secret.as_object_mut().unwrap().remove("refresh_at");
    put_secret(&tenant.cloud, &name, &secret).await;
}

async fn token_calls(tenant: &Tenant) -> u64 {
    let path = format!("limits?system=hubspot&account={}", tenant.account);
    tenant.cloud.sandbox_get(&path).await["accounts"][0]["oauth_token_calls"].as_u64().unwrap()
}

#[tokio::test]
async fn token_about_to_end_is_refreshed_once_by_two_instances() {
    let cloud = Cloud::open();
    ensure_app(&cloud).await;
    let connections = FunctionProcess::start(&cloud, "connections", "ConnectionsFunction").await;
    for left in [SignedDuration::from_secs(60), SignedDuration::ZERO] {
        let tenant = connected(&connections).await;
        let before = token_calls(&tenant).await;
        let_token_end_in(&tenant, left).await;
        let workers = [
            FunctionProcess::start(&cloud, "crm-upsert", "CrmUpsertFunction").await,
            FunctionProcess::start(&cloud, "crm-upsert", "CrmUpsertFunction").await,
        ];
        let calls = (0..2).map(|call| {
            let body = tenant.body(&format!("k{call}"), &tenant.contact(&format!("c{call}")));
            let (event, worker) = (upsert_event(&tenant, &body), &workers[call]);
            async move { invoke(worker, &event).await }
        });
        for (status, body) in join_all(calls).await {
            assert_eq!((status, &body["status"]), (json!(200), &json!("created")), "{body}");
        }
        assert_eq!(token_calls(&tenant).await, before + 1, "{left}");
    }
}

#[tokio::test]
async fn withdrawn_consent_breaks_the_connection_and_is_audited_once() {
    let cloud = Cloud::open();
    ensure_app(&cloud).await;
    let connections = FunctionProcess::start(&cloud, "connections", "ConnectionsFunction").await;
    let tenant = connected(&connections).await;
    let revoke = json!({"system": "hubspot", "account": tenant.account, "act": "revoke"});
    cloud.sandbox_post("oauth", revoke).await;
    let_token_end_in(&tenant, SignedDuration::ZERO).await;
    let worker = FunctionProcess::start(&cloud, "crm-upsert", "CrmUpsertFunction").await;
    for call in 0..2 {
        let body = tenant.body(&format!("k{call}"), &tenant.contact("broken"));
        let (status, body) = invoke(&worker, &upsert_event(&tenant, &body)).await;
        assert_eq!((status, &body["error_code"]), (json!(422), &json!("provider_unauthorized")));
    }
    let (_, health) = invoke(&connections, &connection_event("GET", &tenant, &json!({}))).await;
    assert_eq!(health["status"], "broken", "{health}");
    let broken = tenant.audited().await.into_iter().filter(|it| it == "connection_broken");
    assert_eq!(broken.count(), 1);
}
