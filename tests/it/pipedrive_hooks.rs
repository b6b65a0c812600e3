//! Our three webhooks among an account's webhooks.

use serde_json::{Value, json};
use sync_domain::ports::{AccountConnector, AuthMode, Hook, HookRegistration, ProviderError};

use crate::support::pipedrive::{access, connector, steps, success};
use crate::support::vendor_server::VendorServer;

const LIST: &str = include_str!("../fixtures/crm/pipedrive_webhook_list.json");
const URL: &str =
    "https://hooks.example.com/webhooks/crm/pipedrive?token=0123456789abcdef0123456789abcdef";
const GET: &str = "GET v1/webhooks";
const POST: &str = "POST v1/webhooks";

async fn ensure(server: &VendorServer) -> Result<HookRegistration, ProviderError> {
    let hook = Hook { url: URL.into(), secret: "drawn".into() };
    connector(server).ensure_webhook(&access(AuthMode::ApiToken), &hook).await
}

fn registered(ids: [&str; 3]) -> HookRegistration {
    HookRegistration::Registered { hook_ids: ids.map(str::to_owned).to_vec() }
}

fn hook(id: u64, object: &str) -> Value {
    json!({"id": id, "event_action": "*", "event_object": object, "subscription_url": URL,
        "version": "2.0", "is_active": 1, "http_auth_user": "integration",
        "http_auth_password": "drawn"})
}

fn all() -> Vec<Value> {
    vec![hook(1, "person"), hook(2, "organization"), hook(3, "deal")]
}

fn made(server: &VendorServer, id: u64) {
    server.will_answer(201, success(json!({"id": id})));
}

const FULL: &str = r#"{"status":"error","success":false,"errors":{"limit":["reached"]}}"#;

#[tokio::test]
async fn webhooks_are_made_for_each_kind_with_our_secret() {
    let server = VendorServer::start().await;
    server.will_answer(200, success(json!([])));
    (11..14).for_each(|id| made(&server, id));
    assert_eq!(ensure(&server).await, Ok(registered(["11", "12", "13"])));
    let asked = server.asked();
    assert_eq!(steps(&asked), [GET, POST, POST, POST]);
    for (asked, object) in asked[1..].iter().zip(["person", "organization", "deal"]) {
        let expected = json!({"subscription_url": URL, "event_action": "*", "event_object": object,
            "name": "CRM integration", "http_auth_user": "integration",
            "http_auth_password": "drawn", "version": "2.0"});
        assert_eq!(asked.body, expected);
    }
    server.will_answer(200, success(Value::from(all())));
    assert_eq!(ensure(&server).await, Ok(registered(["1", "2", "3"])));
    assert_eq!(steps(&server.asked()), [GET], "those that are there are used");
}

#[tokio::test]
async fn webhooks_with_another_secret_or_token_are_replaced_and_others_stay() {
    let server = VendorServer::start().await;
    server.will_answer(200, LIST);
    made(&server, 12);
    made(&server, 13);
    server.will_answer(200, success(Value::Null)).will_answer(404, FULL);
    assert_eq!(ensure(&server).await, Ok(registered(["1", "12", "13"])));
    let mut steps = steps(&server.asked());
    steps[3..].sort();
    assert_eq!(steps, [GET, POST, POST, "DELETE v1/webhooks/2", "DELETE v1/webhooks/3"]);
}

#[tokio::test]
async fn webhook_that_does_not_do_what_it_must_is_made_anew() {
    for (member, value) in [
        ("is_active", json!(0)),
        ("is_active", json!(false)),
        ("version", json!("1.0")),
        ("event_action", json!("create")),
        ("http_auth_user", Value::Null),
        ("http_auth_password", Value::Null),
    ] {
        let server = VendorServer::start().await;
        let mut hooks = all();
        hooks[1][member] = value;
        server.will_answer(200, success(Value::from(hooks)));
        made(&server, 12);
        server.will_answer(200, success(Value::Null));
        assert_eq!(ensure(&server).await, Ok(registered(["1", "12", "3"])), "{member}");
        assert_eq!(steps(&server.asked()), [GET, POST, "DELETE v1/webhooks/2"], "{member}");
    }
}

#[tokio::test]
async fn stale_webhooks_make_room_where_there_is_none() {
    let server = VendorServer::start().await;
    let mut hooks = all();
    hooks[2]["is_active"] = json!(0);
    server.will_answer(200, success(Value::from(hooks))).will_answer(422, FULL);
    server.will_answer(200, success(Value::Null));
    made(&server, 13);
    assert_eq!(ensure(&server).await, Ok(registered(["1", "2", "13"])));
    assert_eq!(steps(&server.asked()), [GET, POST, "DELETE v1/webhooks/3", POST]);

    server.will_answer(200, success(json!([]))).will_answer(422, FULL);
    assert_eq!(ensure(&server).await, Ok(HookRegistration::NoRoom));
}

#[tokio::test]
async fn stale_webhook_that_may_not_be_deleted_does_not_cost_the_new_ones() {
    let forbidden = r#"{"success":false,"message":"Forbidden"}"#;
    for (status, body, tried) in [(403, forbidden, 2), (400, forbidden, 2), (500, "", 1)] {
        let server = VendorServer::start().await;
        let mut hooks = all();
        hooks.extend([hook(4, "person"), hook(5, "deal")]);
        hooks[3]["is_active"] = json!(0);
        hooks[4]["is_active"] = json!(0);
        server.will_answer(200, success(Value::from(hooks)));
        server.will_answer(status, body).will_answer(200, success(Value::Null));
        assert_eq!(ensure(&server).await, Ok(registered(["1", "2", "3"])), "{status}");
        assert_eq!(steps(&server.asked()).len(), 1 + tried, "{status}");
    }
}

#[tokio::test]
async fn list_that_is_null_has_no_webhooks() {
    let server = VendorServer::start().await;
    server.will_answer(200, success(Value::Null));
    (11..14).for_each(|id| made(&server, id));
    assert_eq!(ensure(&server).await, Ok(registered(["11", "12", "13"])));
    server.will_answer(200, json!({"data": null}));
    assert!(ensure(&server).await.is_err(), "nobody says that this is a success");
}

#[tokio::test]
async fn webhooks_of_ours_are_all_removed_and_no_others() {
    let server = VendorServer::start().await;
    server.will_answer(200, LIST);
    for _hook in 0..3 {
        server.will_answer(200, json!({"status": "ok", "success": true}));
    }
    let access = access(AuthMode::ApiToken);
    connector(&server).remove_webhooks(&access, URL).await.unwrap();
    let deleted = [1, 2, 3].map(|id| format!("DELETE v1/webhooks/{id}"));
    assert_eq!(steps(&server.asked())[1..], deleted);
    server.will_answer(200, LIST).will_answer(403, r#"{"success":false,"message":"Forbidden"}"#);
    let error = connector(&server).remove_webhooks(&access, URL).await.unwrap_err();
    assert_eq!(error, ProviderError::MissingScope);
}

#[tokio::test]
async fn webhooks_are_not_touched_where_the_list_can_not_be_read() {
    for (status, body) in [(200, "{}"), (200, "<html>"), (500, "[]"), (403, "<html>")] {
        let server = VendorServer::start().await;
        server.will_answer(status, body);
        assert!(ensure(&server).await.is_err(), "{body}");
        assert_eq!(steps(&server.asked()), [GET]);
    }
    let server = VendorServer::start().await;
    server.will_answer(200, success(json!([])));
    server
        .will_answer(400, r#"{"status":"error","success":false,"errors":{"subscription_url":[]}}"#);
    assert!(matches!(ensure(&server).await, Err(ProviderError::Rejected { .. })));
}
