//! Single contacts, search, limits and authentication.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{ACCOUNT, CONTACTS, TOKEN, TestSandbox};

async fn create(sandbox: &TestSandbox, email: &str) -> (u16, Value) {
    let body = json!({ "properties": { "email": email, "firstname": "Ada" } });
    sandbox.hubspot(Method::POST, "", &body).await
}

#[tokio::test]
async fn create_answers_201_and_conflict_for_the_same_email() {
    let sandbox = TestSandbox::start().await;
    let (status, contact) = create(&sandbox, "Ada@Example.com").await;
    assert_eq!(status, 201);
    assert_eq!(contact["properties"]["email"], "ada@example.com");
    assert_eq!(contact["properties"]["hs_object_id"], contact["id"]);
    assert!(contact["createdAt"].as_str().unwrap().ends_with('Z'));
    let (status, error) = create(&sandbox, "ADA@example.com").await;
    assert_eq!(status, 409);
    let id = contact["id"].as_str().unwrap();
    assert_eq!(error["message"], format!("Contact already exists. Existing ID: {id}"));
    assert_eq!(error["category"], "CONFLICT");
    assert!(error["correlationId"].is_string());
}

#[tokio::test]
async fn read_finds_by_id_and_by_encoded_email_on_both_paths() {
    let sandbox = TestSandbox::start().await;
    let (_, contact) = create(&sandbox, "a+b@example.com").await;
    let id = contact["id"].as_str().unwrap();
    for path in [
        format!("{CONTACTS}/{id}"),
        format!("{CONTACTS}/a%2Bb%40example.com?idProperty=email"),
        format!("/hubspot/crm/v3/objects/0-1/{id}?properties=phone,nonsense"),
    ] {
        let found = sandbox.get_json(&path).await;
        assert_eq!(found["id"], contact["id"], "{path}");
        if path.contains("phone") {
            assert!(found["properties"]["phone"].is_null());
            assert!(found["properties"].get("nonsense").is_none());
        }
    }
    let missing = sandbox.get(&format!("{CONTACTS}/no%40example.com?idProperty=email")).await;
    assert_eq!(missing.status(), 404);
    let not_unique = sandbox.get(&format!("{CONTACTS}/x?idProperty=company")).await;
    assert_eq!(not_unique.status(), 400);
}

#[tokio::test]
async fn update_that_changes_nothing_answers_200_and_is_not_applied() {
    let sandbox = TestSandbox::start().await;
    let (_, contact) = create(&sandbox, "a@example.com").await;
    let below = format!("/{}", contact["id"].as_str().unwrap());
    let same = json!({ "properties": { "firstname": "Ada" } });
    let (status, unchanged) = sandbox.hubspot(Method::PATCH, &below, &same).await;
    assert_eq!((status, &unchanged["updatedAt"]), (200, &contact["updatedAt"]));
    let other = json!({ "properties": { "firstname": "Eve", "lifecyclestage": "customer" } });
    let (_, changed) = sandbox.hubspot(Method::PATCH, &below, &other).await;
    assert!(changed["updatedAt"].as_str() > contact["updatedAt"].as_str());
    let back = json!({ "properties": { "lifecyclestage": "lead" } });
    let (status, kept) = sandbox.hubspot(Method::PATCH, &below, &back).await;
    assert_eq!((status, kept["properties"]["lifecyclestage"].as_str()), (200, Some("customer")));
    assert_eq!(sandbox.calls().await["totals"]["applied"], 2);
    assert_eq!(sandbox.calls().await["totals"]["writes"], 4);
}

#[tokio::test]
async fn archive_hides_the_contact_and_frees_its_email() {
    let sandbox = TestSandbox::start().await;
    let (_, contact) = create(&sandbox, "a@example.com").await;
    let path = format!("{CONTACTS}/{}", contact["id"].as_str().unwrap());
    let deleted = sandbox.request(Method::DELETE, &path).send().await.unwrap();
    assert_eq!(deleted.status(), 204);
    assert_eq!(sandbox.get(&path).await.status(), 404);
    assert_eq!(sandbox.get(&format!("{path}?archived=true")).await.status(), 200);
    assert_eq!(create(&sandbox, "a@example.com").await.0, 201);
}

#[tokio::test]
async fn list_pages_through_all_contacts() {
    let sandbox = TestSandbox::start().await;
    for number in 0..5 {
        create(&sandbox, &format!("c{number}@example.com")).await;
    }
    let first = sandbox.get_json(&format!("{CONTACTS}?limit=3")).await;
    let after = first["paging"]["next"]["after"].as_str().unwrap();
    let second = sandbox.get_json(&format!("{CONTACTS}?limit=3&after={after}")).await;
    assert_eq!(first["results"].as_array().unwrap().len(), 3);
    assert_eq!(second["results"].as_array().unwrap().len(), 2);
    assert!(second.get("paging").is_none());
    assert_eq!(sandbox.get(&format!("{CONTACTS}?limit=101")).await.status(), 400);
}

#[tokio::test]
async fn bad_values_are_named_and_nothing_is_stored() {
    let sandbox = TestSandbox::start().await;
    let body = json!({ "properties": { "email": "no-at", "shoe": "9" } });
    let (status, error) = sandbox.hubspot(Method::POST, "", &body).await;
    assert_eq!((status, error["category"].as_str()), (400, Some("VALIDATION_ERROR")));
    let codes: Vec<&str> =
        error["errors"].as_array().unwrap().iter().map(|e| e["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["INVALID_EMAIL", "PROPERTY_DOESNT_EXIST"]);
    assert_eq!(error["errors"][0]["context"]["propertyName"][0], "email");
    assert!(error["message"].as_str().unwrap().starts_with("Property values were not valid: ["));
    let broken = sandbox.request(Method::POST, CONTACTS).header("content-type", "application/json");
    assert_eq!(broken.body("{").send().await.unwrap().status(), 400);
    let no_type = sandbox.request(Method::POST, CONTACTS).body("{}").send().await.unwrap();
    assert_eq!(no_type.status(), 415);
    assert!(sandbox.contacts().await.is_empty());
}

#[tokio::test]
async fn tokens_are_refused_by_what_is_wrong_with_them() {
    let sandbox = TestSandbox::start_with(
        None,
        json!({ "expired_access_tokens": ["old"], "scopes": ["crm.objects.contacts.read"] }),
    )
    .await;
    let ask = |token: &str| {
        let request = reqwest::Client::default().get(format!("{}{CONTACTS}", sandbox.url()));
        request.bearer_auth(token).send()
    };
    for (token, category) in [("who", "INVALID_AUTHENTICATION"), ("old", "EXPIRED_AUTHENTICATION")]
    {
        let response = ask(token).await.unwrap();
        assert_eq!(response.status(), 401);
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["category"], category);
    }
    assert_eq!(ask(TOKEN).await.unwrap().status(), 200);
    let (status, error) = create(&sandbox, "a@example.com").await;
    assert_eq!((status, error["category"].as_str()), (403, Some("MISSING_SCOPES")));
    let needed = &error["errors"][0]["context"]["requiredGranularScopes"];
    assert_eq!(needed[0], "crm.objects.contacts.write");
}

#[tokio::test]
async fn burst_limit_shows_in_headers_and_refuses_the_next_call() {
    let sandbox = TestSandbox::start_with(None, json!({ "rate_limit_per_10s": 2 })).await;
    let path = "/hubspot/account-info/2026-03/details";
    let first = sandbox.get(path).await;
    assert_eq!(first.headers()["x-hubspot-ratelimit-max"], "2");
    assert_eq!(first.headers()["x-hubspot-ratelimit-remaining"], "1");
    assert_eq!(first.headers()["x-hubspot-ratelimit-interval-milliseconds"], "10000");
    assert_eq!(first.headers()["x-hubspot-ratelimit-daily"], "625000");
    let details: Value = first.json().await.unwrap();
    assert_eq!(details["portalId"].to_string(), ACCOUNT);
    assert_eq!(sandbox.get(path).await.status(), 200);
    let over = sandbox.get(path).await;
    assert_eq!(over.status(), 429);
    let body: Value = over.json().await.unwrap();
    assert_eq!(body["errorType"], "RATE_LIMIT");
    assert_eq!(body["policyName"], "TEN_SECONDLY_ROLLING");
    assert_eq!(body["message"], "You have reached your ten_secondly_rolling limit.");
    assert!(body.get("category").is_none());
}

#[tokio::test]
async fn search_filters_sorts_and_pages() {
    let sandbox = TestSandbox::start().await;
    for name in ["ada", "bob", "cyd"] {
        create(&sandbox, &format!("{name}@example.com")).await;
    }
    let query = json!({
        "filterGroups": [{ "filters": [
            { "propertyName": "email", "operator": "CONTAINS_TOKEN", "value": "*@example.com" },
        ]}],
        "sorts": ["-email"], "limit": 2, "properties": ["email"],
    });
    let (status, page) = sandbox.hubspot(Method::POST, "/search", &query).await;
    assert_eq!((status, page["total"].as_u64()), (200, Some(3)));
    assert_eq!(page["results"][0]["properties"]["email"], "cyd@example.com");
    assert_eq!(page["paging"]["next"]["after"], "2");
}

#[tokio::test]
async fn search_has_its_own_limits() {
    let sandbox = TestSandbox::start().await;
    let group = json!({ "filters": [] });
    for body in [
        json!({ "limit": 201 }),
        json!({ "filterGroups": vec![group; 6] }),
        json!({ "query": "x".repeat(3_000) }),
        json!({ "limit": 200, "after": "9900" }),
        json!({ "sorts": ["email", "phone"] }),
    ] {
        let (status, error) = sandbox.hubspot(Method::POST, "/search", &body).await;
        assert_eq!((status, error["category"].as_str()), (400, Some("VALIDATION_ERROR")));
    }
    let over = sandbox.post(&format!("{CONTACTS}/search"), &json!({})).await;
    assert_eq!(over.status(), 429);
    assert!(!over.headers().contains_key("x-hubspot-ratelimit-max"));
    let body: Value = over.json().await.unwrap();
    assert_eq!(body["message"], "You have reached your secondly limit.");
    assert_eq!(sandbox.get(CONTACTS).await.status(), 200);
}

#[tokio::test]
async fn search_finds_new_contacts_only_after_the_lag() {
    let sandbox = TestSandbox::start_with(None, json!({ "search_lag_ms": 60_000 })).await;
    create(&sandbox, "a@example.com").await;
    let seed = json!({ "system": "hubspot", "account": ACCOUNT,
        "objects": [{ "properties": { "email": "old@example.com" } }] });
    sandbox.post("/_control/seed", &seed).await;
    let (_, page) = sandbox.hubspot(Method::POST, "/search", &json!({})).await;
    assert_eq!(page["total"], 1);
}

#[tokio::test]
async fn unknown_paths_and_methods_answer_like_the_vendor() {
    let sandbox = TestSandbox::start().await;
    for (method, path, status) in [
        (Method::GET, "/hubspot/crm/objects/2026-03/shoes", 404),
        (Method::GET, "/hubspot/nothing", 404),
        (Method::PUT, CONTACTS, 405),
    ] {
        let response = sandbox.request(method, path).send().await.unwrap();
        assert_eq!(response.status().as_u16(), status);
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["status"], "error");
    }
}
