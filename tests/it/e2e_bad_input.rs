//! Whatever comes in, the answer is a clear problem and nothing is stored.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use crate::support::api::Answer;
use crate::support::function_process::{FunctionProcess, body_of, upsert_event};
use crate::support::tenant::Tenant;

async fn assert_nothing_stored(tenant: &Tenant) {
    assert_eq!(tenant.items_of_work().await, Vec::<Value>::new());
    assert_eq!(tenant.provider_calls().await["totals"]["total"], 0);
}

#[tokio::test]
async fn body_that_is_no_json_object_is_refused() {
    let tenant = Tenant::new().await;
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    let bodies: [&[u8]; 7] =
        [b"", b"not json", b"[1,2]", b"\"text\"", b"null", b"{\"tenant_id\":", deep.as_bytes()];
    for body in bodies {
        tenant.send(body.to_vec()).await.problem(400, "invalid_json");
    }
    assert_nothing_stored(&tenant).await;
}

/// As the gateway hands a body over that it takes for binary. A gateway may also replace bytes that
/// are no UTF-8 before the function sees them, so this goes to the function itself.
#[tokio::test]
async fn body_in_base64_is_read_and_refused_when_its_bytes_are_no_utf8() {
    let tenant = Tenant::new().await;
    let body = tenant.body("k1", &tenant.contact("ada"));
    let bytes = body.to_string().into_bytes();
    let mut broken = bytes.clone();
    broken[20] = 0xff;
    let function = FunctionProcess::start(&tenant.cloud, "crm-upsert", "CrmUpsertFunction").await;
    let call = async |bytes: &[u8]| {
        let mut event = upsert_event(&tenant, &body);
        event["body"] = json!(BASE64.encode(bytes));
        event["isBase64Encoded"] = json!(true);
        let answer = function.invoke(&event, Duration::from_secs(10)).await.unwrap();
        (answer["statusCode"].as_u64().unwrap(), body_of(&answer))
    };
    let (status, problem) = call(&broken).await;
    assert_eq!((status, problem["error_code"].as_str()), (400, Some("invalid_json")));
    assert_nothing_stored(&tenant).await;
    let (status, answer) = call(&bytes).await;
    assert_eq!((status, answer["status"].as_str()), (200, Some("created")));
}

#[tokio::test]
async fn body_that_is_too_large_or_of_another_type_is_refused() {
    let tenant = Tenant::new().await;
    let large = json!({"email": tenant.email("ada"), "company": "x".repeat(300_000)});
    tenant.upsert("k1", &large).await.problem(413, "body_too_large");
    let token = tenant.cloud.token(&tenant.id, "crm:write", json!({})).await;
    let body = || tenant.body("k1", &tenant.contact("ada")).to_string().into_bytes();
    for content_type in ["text/plain", "application/xml", "application/jsonx", "garbage"] {
        let answer = tenant.send_to("hubspot", Some(&token), content_type, body()).await;
        answer.problem(415, "unsupported_media_type");
    }
    let with_charset = "application/json; charset=utf-8";
    tenant.send_to("hubspot", Some(&token), with_charset, body()).await.done("created");
}

#[tokio::test]
async fn field_at_fault_is_named() {
    let tenant = Tenant::new().await;
    let email = tenant.email("ada");
    let nested = json!({"email": email, "company": {"a": [{"b": [[["c"]]]}]}});
    let whole = |member: &str, value: Value| {
        let mut body = tenant.body("k1", &tenant.contact("ada"));
        body[member] = value;
        body
    };
    let attributes = |attributes: Value| tenant.body("k1", &attributes);
    let without = |member: &str| {
        let mut body = tenant.body("k1", &tenant.contact("ada"));
        body.as_object_mut().unwrap().remove(member);
        body
    };
    let cases = [
        (without("tenant_id"), Some("tenant_id")),
        (without("type"), Some("type")),
        (without("attributes"), Some("attributes")),
        (without("idempotency_key"), Some("idempotency_key")),
        (whole("tenant_id", json!(7)), Some("tenant_id")),
        (whole("type", json!("ticket")), Some("type")),
        (whole("type", json!(["contact"])), Some("type")),
        (whole("attributes", json!([])), Some("attributes")),
        (whole("attributes", json!("email")), Some("attributes")),
        (whole("idempotency_key", json!("")), Some("idempotency_key")),
        (whole("idempotency_key", json!(1)), Some("idempotency_key")),
        (whole("idempotency_key", json!("k".repeat(300))), Some("idempotency_key")),
        (whole("correlation_id", json!("canary@example.com")), Some("correlation_id")),
        (whole("surprise", json!(1)), Some("surprise")),
        (whole("canary@example.com", json!(1)), Some("")),
        (attributes(json!({})), Some("attributes.email")),
        (attributes(json!({"email": ""})), Some("attributes.email")),
        (attributes(json!({"email": null})), Some("attributes.email")),
        (attributes(json!({"email": "canary.example.com"})), Some("attributes.email")),
        (attributes(json!({"email": email, "phone": "canary"})), Some("attributes.phone")),
        (attributes(json!({"email": email, "phone": 4_155_552_671_u64})), Some("attributes.phone")),
        (attributes(json!({"email": email, "firstname": "a\u{0}b"})), Some("attributes.firstname")),
        (attributes(json!({"email": email, "lastname": "a\u{1f}b"})), Some("attributes.lastname")),
        (
            attributes(json!({"email": email, "company": "x".repeat(70_000)})),
            Some("attributes.company"),
        ),
        (attributes(nested), Some("attributes.company")),
        (attributes(json!({"email": email, "shoe_size": "43"})), Some("attributes.shoe_size")),
        (attributes(json!({"email": email, "canary@x.co": "43"})), Some("attributes")),
        (
            attributes(json!({"email": email, "lifecyclestage": "vip"})),
            Some("attributes.lifecyclestage"),
        ),
    ];
    for (body, field) in cases {
        let answer = tenant.send(body.to_string().into_bytes()).await;
        assert_eq!(answer.problem(422, "validation_failed"), field, "{answer:?}");
    }
    assert_nothing_stored(&tenant).await;
}

#[tokio::test]
async fn unknown_system_is_refused() {
    let tenant = Tenant::new().await;
    let token = tenant.cloud.token(&tenant.id, "crm:write", json!({})).await;
    for system in ["acuity", "HubSpot", "hubspot%00", "%2e%2e"] {
        let body = tenant.body("k1", &tenant.contact("ada")).to_string().into_bytes();
        let answer: Answer = tenant.send_to(system, Some(&token), "application/json", body).await;
        assert_eq!(answer.status, 404, "{system}: {answer:?}");
    }
    assert_nothing_stored(&tenant).await;
}
