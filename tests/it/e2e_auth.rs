//! Who may do what: every refusal leaves nothing behind at the provider or in the table.

use serde_json::{Value, json};

use crate::support::tenant::Tenant;

const SCOPE: &str = "crm:write";

async fn status_with(tenant: &Tenant, token: Option<&str>) -> u16 {
    let body = tenant.body("k1", &tenant.contact("ada")).to_string();
    tenant.send_to("hubspot", token, "application/json", body.into_bytes()).await.status
}

async fn assert_untouched(tenant: &Tenant) {
    assert_eq!(tenant.items_of_work().await, Vec::<Value>::new());
    assert_eq!(tenant.provider_calls().await["totals"]["total"], 0);
}

#[tokio::test]
async fn upsert_is_refused_without_a_valid_token_and_stores_nothing() {
    let tenant = Tenant::new().await;
    let token = |scope: &'static str, extra| tenant.cloud.token(&tenant.id, scope, extra);
    let expired = token(SCOPE, json!({"expires_in_s": -60})).await;
    let other_audience = token(SCOPE, json!({"audience": "someone-else"})).await;
    let other_issuer = token(SCOPE, json!({"issuer": "http://evil.example.com"})).await;
    let valid = token(SCOPE, json!({})).await;
    let (head, signature) = valid.rsplit_once('.').unwrap();
    let forged = format!("{head}.{}", signature.chars().rev().collect::<String>());
    let bad = [&expired, &other_audience, &other_issuer, &forged].map(|token| Some(token.as_str()));
    for token in bad.into_iter().chain([None, Some("nonsense")]) {
        assert_eq!(status_with(&tenant, token).await, 401, "{token:?}");
    }
    assert_untouched(&tenant).await;
}

#[tokio::test]
async fn upsert_is_refused_without_the_scope_or_a_tenant_and_stores_nothing() {
    let tenant = Tenant::new().await;
    let other_scope = tenant.cloud.token(&tenant.id, "booking:import", json!({})).await;
    assert_eq!(status_with(&tenant, Some(&other_scope)).await, 403);
    for tenant_claim in [json!(null), json!("*"), json!("a b")] {
        let claims = json!({"claims": {"tenant_id": tenant_claim}});
        let token = tenant.cloud.token(&tenant.id, SCOPE, claims).await;
        let status = status_with(&tenant, Some(&token)).await;
        assert_eq!(status, 401, "{tenant_claim}");
    }
    assert_untouched(&tenant).await;
}

#[tokio::test]
async fn upsert_for_another_tenant_is_refused_audited_and_stores_nothing_there() {
    let (tenant, victim) = (Tenant::new().await, Tenant::new().await);
    let token = tenant.cloud.token(&tenant.id, SCOPE, json!({})).await;
    let body = victim.body("k1", &victim.contact("ada")).to_string().into_bytes();
    let answer = tenant.send_to("hubspot", Some(&token), "application/json", body).await;
    answer.problem(403, "tenant_mismatch");
    assert_untouched(&victim).await;
    assert_eq!(tenant.provider_calls().await["totals"]["total"], 0);
    let audits = tenant.items_of("Audit").await;
    let actions: Vec<_> = audits.iter().map(|entry| entry["action"]["S"].as_str()).collect();
    assert_eq!(actions, [Some("connection_created"), Some("tenant_mismatch")]);
    let event = tenant.events(1).await.remove(0);
    assert_eq!(event["detail-type"], "audit.logged");
    assert_eq!(event["detail"]["correlation_id"].as_str(), answer.correlation_id.as_deref());
}

#[tokio::test]
async fn tenants_with_one_key_and_one_contact_do_not_meet() {
    let (first, second) = (Tenant::new().await, Tenant::new().await);
    let shared = json!({"email": "canary-shared@example.com"});
    first.upsert("k1", &shared).await.done("created");
    second.upsert("k1", &shared).await.done("created");
    for tenant in [&first, &second] {
        assert_eq!(tenant.remote_contacts().await.len(), 1);
        assert_eq!(tenant.items_of("CrmRecord").await.len(), 1);
    }
    let (of_first, of_second) = (first.events(1).await.remove(0), second.events(1).await.remove(0));
    assert_ne!(of_first["detail"]["tokens"]["email"], of_second["detail"]["tokens"]["email"]);
    assert_ne!(of_first["detail"]["event_id"], of_second["detail"]["event_id"]);
}

#[tokio::test]
async fn upsert_without_a_connection_says_so() {
    let tenant = Tenant::new().await;
    let stranger = format!("{}-x", tenant.id);
    let token = tenant.cloud.token(&stranger, SCOPE, json!({})).await;
    let mut body = tenant.body("k1", &tenant.contact("ada"));
    body["tenant_id"] = json!(stranger);
    let body = body.to_string().into_bytes();
    let answer = tenant.send_to("hubspot", Some(&token), "application/json", body).await;
    answer.problem(404, "connection_not_found");
}
