//! Connections on the local cloud: connect, health, rotate, disconnect, and who may.

use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::tenant::{MANAGE, Tenant};

async fn rotate(tenant: &Tenant, mut body: Value) -> crate::support::api::Answer {
    body["tenant_id"] = json!(tenant.id);
    tenant.manage("POST", "/rotate", Some(body)).await
}

#[tokio::test]
async fn connection_is_made_shown_rotated_and_removed() {
    let tenant = Tenant::unconnected(json!({})).await;
    tenant.manage("GET", "", None).await.problem(404, "connection_not_found");
    let connected = tenant.connect().await;
    assert_eq!(connected["key_properties"], json!(["company", "deal"]));
    let webhook_url = connected["webhook_url"].as_str().unwrap().to_owned();
    assert!(webhook_url.ends_with("/webhooks/crm/hubspot"), "{webhook_url}");

    let health = tenant.health().await;
    assert_eq!((&health["status"], &health["auth"]), (&json!("connected"), &json!("private_app")));
    assert_eq!(health["account_id"], tenant.account.as_str());
    assert_eq!(health["webhook"], json!({"url": webhook_url}));
    assert_eq!(health["breaker"]["state"], "closed");
    assert_eq!((&health["queued"], &health["dead_letters"]), (&json!(0), &json!(0)));

    let next = json!({"webhook_secret": "canary-webhook-next"});
    let rotated = rotate(&tenant, next.clone()).await;
    assert_eq!((rotated.status, &rotated.body["status"]), (200, &json!("rotated")));
    let until = rotated.body["previous_secret_until"].clone();
    assert!(until.is_string(), "{rotated:?}");
    let again = rotate(&tenant, next).await;
    assert_eq!(again.body["status"], "unchanged");
    assert_eq!(again.body["previous_secret_until"], until);
    assert_eq!(tenant.health().await["webhook"]["previous_secret_until"], until);

    tenant.disconnect().await;
    tenant.manage("DELETE", "", None).await.problem(404, "connection_not_found");
    assert_eq!(tenant.items_of("Connection").await, Vec::<Value>::new());
    let contact = tenant.contact("gone");
    // Another instance may have the connection in its memory for some minutes; here there is none.
    tenant.upsert("k1", &contact).await.problem(404, "connection_not_found");
    tenant.connect().await;
    tenant.upsert("k1", &contact).await.done("created");

    let mut audited = tenant.audited().await;
    audited.sort();
    let expected =
        ["connection_created", "connection_created", "connection_removed", "connection_rotated"];
    assert_eq!(audited, expected);
}

#[tokio::test]
async fn connection_of_another_tenants_account_is_refused_and_audited() {
    let owner = Tenant::new().await;
    let thief = Tenant::unconnected(json!({})).await;
    let mut body = thief.private_app();
    body["access_token"] = json!(owner.access_token);
    thief.put_connection(body).await.problem(409, "account_taken");
    assert_eq!(thief.audited().await, ["account_claim_refused"]);
    assert_eq!(thief.items_of("Connection").await, Vec::<Value>::new());
    assert_eq!(owner.health().await["status"], "connected");
    // The account is free once its owner gives it up.
    owner.disconnect().await;
    let mut body = thief.private_app();
    body["access_token"] = json!(owner.access_token);
    assert_eq!(thief.put_connection(body).await.body["account_id"], owner.account.as_str());
}

#[tokio::test]
async fn connects_of_one_account_at_once_have_one_winner() {
    let tenants = [Tenant::unconnected(json!({})).await, Tenant::unconnected(json!({})).await];
    let token = tenants[0].access_token.clone();
    let calls = (0..8).map(|call| {
        let tenant = &tenants[call % 2];
        let mut body = tenant.private_app();
        body["access_token"] = json!(token);
        async move { (call % 2, tenant.put_connection(body).await) }
    });
    let answers = join_all(calls).await;
    let winners: Vec<_> = answers.iter().filter(|(_, it)| it.status == 200).collect();
    assert!(!winners.is_empty(), "{answers:#?}");
    assert!(winners.iter().all(|(tenant, _)| *tenant == winners[0].0), "{answers:#?}");
    for (tenant, answer) in &answers {
        if *tenant == winners[0].0 {
            assert!(answer.status == 200 || answer.body["error_code"] == "in_progress");
        } else {
            let code = answer.body["error_code"].as_str().unwrap();
            assert!(code == "account_taken" || code == "in_progress", "{answer:?}");
        }
    }
}

#[tokio::test]
async fn refused_credentials_leave_nothing_behind() {
    let tenant = Tenant::unconnected(json!({})).await;
    let mut body = tenant.private_app();
    body["access_token"] = json!("pat-na1-canary-nobody");
    tenant.put_connection(body).await.problem(422, "provider_unauthorized");
    let fault = json!({"match": {"path_prefix": "/account-info"}, "fault": "status", "status": 503, "times": 3});
    tenant.fault(fault).await;
    tenant.put_connection(tenant.private_app()).await.problem(503, "provider_unavailable");
    assert_eq!(tenant.items().await, Vec::<Value>::new());
    tenant.connect().await;
}

#[tokio::test]
async fn connection_without_the_right_to_make_properties_falls_back() {
    let tenant = Tenant::without_key_properties().await;
    assert_eq!(tenant.health().await["key_properties"], json!([]));
}

#[tokio::test]
async fn requests_of_other_forms_are_refused_by_their_fault() {
    let tenant = Tenant::unconnected(json!({})).await;
    let with = |change: Value| {
        let mut body = tenant.private_app();
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        body
    };
    for (body, field) in [
        (with(json!({"auth": "basic"})), "auth"),
        (with(json!({"auth": null})), "auth"),
        (with(json!({"access_token": ""})), "access_token"),
        (with(json!({"access_token": "a b"})), "access_token"),
        (with(json!({"access_token": "a\r\nx: y"})), "access_token"),
        (with(json!({"access_token": "x".repeat(5_000)})), "access_token"),
        (with(json!({"access_token": 5})), "access_token"),
        (with(json!({"webhook_secret": "é"})), "webhook_secret"),
        (with(json!({"default_region": "USA"})), "default_region"),
        (with(json!({"code": "c"})), "code"),
        (with(json!({"client_id": "x"})), "client_id"),
        (json!({"auth": "oauth", "code": "c"}), "state"),
        (json!({"auth": "oauth", "state": "s"}), "code"),
        (json!({"auth": "oauth", "access_token": "t"}), "access_token"),
    ] {
        let answer = tenant.put_connection(body.clone()).await;
        assert_eq!(answer.problem(422, "validation_failed"), Some(field), "{field}");
    }
    let nothing = rotate(&tenant, json!({})).await;
    assert_eq!(nothing.problem(422, "validation_failed"), Some("webhook_secret"));
    let unconnected = rotate(&tenant, json!({"webhook_secret": "s"})).await;
    unconnected.problem(404, "connection_not_found");
    assert_eq!(tenant.items().await, Vec::<Value>::new());
}

#[tokio::test]
async fn requests_for_other_tenants_systems_and_scopes_are_refused() {
    let tenant = Tenant::unconnected(json!({})).await;
    let token = tenant.cloud.token(&tenant.id, MANAGE, json!({})).await;
    let call = async |method, path: &str, body| {
        tenant.cloud.call(method, &format!("integrations/{path}"), Some(&token), body).await
    };
    let mut foreign = tenant.private_app();
    foreign["tenant_id"] = json!("globex");
    let connection = "crm/hubspot/connection";
    call("PUT", connection, Some(foreign.clone())).await.problem(403, "tenant_mismatch");
    let rotation = Some(json!({"tenant_id": "globex", "webhook_secret": "s"}));
    call("POST", "crm/hubspot/connection/rotate", rotation).await.problem(403, "tenant_mismatch");
    for method in ["GET", "DELETE"] {
        let path = "crm/hubspot/connection?tenant_id=globex";
        call(method, path, None).await.problem(403, "tenant_mismatch");
    }
    assert_eq!(tenant.audited().await, ["tenant_mismatch"; 4]);
    for path in ["booking/hubspot", "crm/acuity", "crm/HubSpot", "erp/hubspot"] {
        let path = format!("{path}/connection");
        call("GET", &path, None).await.problem(404, "unknown_system");
    }
    let other = tenant.cloud.token(&tenant.id, "crm:write", json!({})).await;
    let path = format!("integrations/{connection}");
    assert_eq!(tenant.cloud.call("GET", &path, Some(&other), None).await.status, 403);
    assert_eq!(tenant.cloud.call("GET", &path, None, None).await.status, 401);
}
