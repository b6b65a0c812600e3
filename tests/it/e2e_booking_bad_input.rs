//! Whatever a call to import says, the answer is a clear problem, and nothing is read or stored.

use serde_json::{Value, json};

use crate::support::booking_system::{BookingSystem, noon};
use crate::support::booking_tenant::{BookingTenant, IMPORT};

const SYSTEM: BookingSystem = BookingSystem::Acuity;
const ROUTE: &str = "integrations/booking/acuity/import";
/// What an import leaves behind.
const OF_IMPORTS: [&str; 5] =
    ["Booking", "Client", "ClientIdentifier", "ImportWatermark", "ImportClaim"];

async fn assert_untouched(salon: &BookingTenant) {
    let items = salon.tenant.items().await;
    let left = items
        .iter()
        .find(|it| OF_IMPORTS.contains(&it["entity"]["S"].as_str().unwrap_or_default()));
    assert!(left.is_none(), "something is stored: {left:?}");
    assert_eq!(salon.tenant.provider_calls_total().await, 0, "the provider was asked");
}

#[tokio::test]
async fn import_field_at_fault_is_named() {
    let salon = BookingTenant::new(SYSTEM).await;
    let since = |value: Value| (json!({ "since": value }), "since");
    let until = |value: Value| (json!({ "until": value }), "until");
    let year = |year: &str| format!("{year}-01-01T00:00:00Z");
    let cases = [
        since(json!("yesterday")),
        since(json!("")),
        since(json!("2026-02-30T00:00:00Z")),
        since(json!("2026-01-01T25:00:00Z")),
        since(json!("2026-01-01")),
        since(json!("2026-01-01T00:00:00")),
        since(json!("01/02/2026")),
        since(json!(1_790_000_000)),
        since(json!({"date": "2026-01-01"})),
        since(json!("canary@example.com")),
        since(json!(format!("2026-01-01T00:00:00.{}Z", "0".repeat(10_000)))),
        since(json!("9999-12-31T23:59:59Z")),
        since(json!("-009999-01-01T00:00:00Z")),
        since(json!("1969-12-31T23:59:59Z")),
        until(json!("2026-13-01T00:00:00Z")),
        until(json!(year("2101"))),
        until(json!([])),
        (json!({"since": noon(5).to_string(), "until": noon(4).to_string()}), "since"),
        (json!({"since": noon(4_000).to_string()}), "since"),
        (json!({"since": year("2000"), "until": year("2050")}), "until"),
        (json!({"since": year("2015"), "until": year("2026")}), "until"),
        (json!({"since": year("1990")}), "since"),
        (json!({"cursor": ""}), "cursor"),
        (json!({"cursor": 5}), "cursor"),
        (json!({"idempotency_key": ""}), "idempotency_key"),
        (json!({"idempotency_key": "k".repeat(300)}), "idempotency_key"),
        (json!({"idempotency_key": 5}), "idempotency_key"),
        (json!({"correlation_id": "canary@example.com"}), "correlation_id"),
        (json!({"tenant_id": 7}), "tenant_id"),
        (json!({"surprise": 1}), "surprise"),
        (json!({"Since": noon(1).to_string()}), ""),
        (json!({"canary@example.com": 1}), ""),
    ];
    for (body, field) in cases {
        let answer = salon.import(&body).await;
        let shown: String = body.to_string().chars().take(100).collect();
        assert_eq!(answer.status, 422, "{shown}: {answer:?}");
        assert_eq!(answer.body["field"].as_str(), Some(field), "{shown}: {answer:?}");
        let code = answer.body["error_code"].as_str().unwrap();
        assert!(code == "validation_failed" || code == "invalid_cursor", "{shown}: {answer:?}");
    }
    assert_untouched(&salon).await;
}

#[tokio::test]
async fn import_body_that_is_none_is_refused() {
    let salon = BookingTenant::new(SYSTEM).await;
    let token = salon.tenant.cloud.token(&salon.tenant.id, IMPORT, json!({})).await;
    let send = async |content_type: &str, body: Vec<u8>| {
        let base = salon.tenant.cloud.text("api_base_url");
        let request = salon.tenant.cloud.http.post(format!("{base}/{ROUTE}")).bearer_auth(&token);
        let answer = request.header("content-type", content_type).body(body).send().await.unwrap();
        let status = answer.status().as_u16();
        let body: Value = answer.json().await.unwrap_or_default();
        (status, body["error_code"].as_str().unwrap_or_default().to_owned())
    };
    let code = |status: u16, code: &str| (status, code.to_owned());
    for body in [&b""[..], b"not json", b"[]", b"null", b"\"text\"", b"{\"tenant_id\":"] {
        assert_eq!(send("application/json", body.to_vec()).await, code(400, "invalid_json"));
    }
    let deep = "[".repeat(20_000).into_bytes();
    assert_eq!(send("application/json", deep).await, code(400, "invalid_json"));
    let body = salon.import_body(&json!({})).to_string().into_bytes();
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "garbage"] {
        let answer = send(content_type, body.clone()).await;
        assert_eq!(answer, code(415, "unsupported_media_type"), "{content_type}");
    }
    let large = salon.import_body(&json!({"cursor": "A".repeat(1_000_000)}));
    let answer = send("application/json", large.to_string().into_bytes()).await;
    assert_eq!(answer, code(413, "body_too_large"));
    assert_untouched(&salon).await;
}

#[tokio::test]
async fn import_by_another_tenant_system_or_scope_is_refused() {
    let salon = BookingTenant::new(SYSTEM).await;
    let cloud = &salon.tenant.cloud;
    let body = salon.import_body(&json!({}));
    let token = cloud.token(&salon.tenant.id, IMPORT, json!({})).await;
    let foreign = cloud.token("globex", IMPORT, json!({})).await;
    salon.import_with(&foreign, body.clone()).await.problem(403, "tenant_mismatch");
    let mut named = body.clone();
    named["tenant_id"] = json!("globex");
    salon.import_with(&token, named).await.problem(403, "tenant_mismatch");
    let mut nobody = body.clone();
    nobody.as_object_mut().unwrap().remove("tenant_id");
    let answer = salon.import_with(&token, nobody).await;
    assert_eq!(answer.problem(422, "validation_failed"), Some("tenant_id"));
    assert_eq!(salon.tenant.audited().await.last().map(String::as_str), Some("tenant_mismatch"));

    for scope in ["crm:write", "connections:manage"] {
        let token = cloud.token(&salon.tenant.id, scope, json!({})).await;
        assert_eq!(salon.import_with(&token, body.clone()).await.status, 403, "{scope}");
    }
    let expired = cloud.token(&salon.tenant.id, IMPORT, json!({"expires_in_s": -60})).await;
    for token in [Some(expired.as_str()), Some("garbage"), None] {
        assert_eq!(cloud.call("POST", ROUTE, token, Some(body.clone())).await.status, 401);
    }
    for system in ["hubspot", "Acuity", "acuity%00", "%2e%2e", "square2"] {
        let path = format!("integrations/booking/{system}/import");
        let answer = cloud.call("POST", &path, Some(&token), Some(body.clone())).await;
        assert_eq!(answer.status, 404, "{system}: {answer:?}");
    }
    assert_untouched(&salon).await;
}

#[tokio::test]
async fn connection_by_key_with_bad_values_is_refused_and_leaves_nothing() {
    let salon = BookingTenant::unconnected(SYSTEM, json!({})).await;
    let with = |change: Value| {
        let mut body = salon.connection();
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        body
    };
    for (body, field) in [
        (with(json!({"auth": "private_app"})), "auth"),
        (with(json!({"auth": "oauth"})), "auth"),
        (with(json!({"user_id": ""})), "user_id"),
        (with(json!({"user_id": 12_345})), "user_id"),
        (with(json!({"user_id": "12a"})), "user_id"),
        (with(json!({"user_id": "9".repeat(50)})), "user_id"),
        (with(json!({"api_key": ""})), "api_key"),
        (with(json!({"api_key": "a:b\r\nc"})), "api_key"),
        (with(json!({"api_key": "é"})), "api_key"),
        (with(json!({"api_key": "k".repeat(5_000)})), "api_key"),
        (with(json!({"default_region": "USA"})), "default_region"),
        (with(json!({"import_horizon_days": 0})), "import_horizon_days"),
        (with(json!({"import_horizon_days": 1_461})), "import_horizon_days"),
        (with(json!({"import_horizon_days": "30"})), "import_horizon_days"),
        (with(json!({"import_horizon_days": 1.5})), "import_horizon_days"),
        (with(json!({"access_token": "canary"})), "access_token"),
        (with(json!({"surprise": "canary"})), "surprise"),
    ] {
        let answer = salon.tenant.put_connection(body).await;
        assert_eq!(answer.problem(422, "validation_failed"), Some(field), "{answer:?}");
    }
    let wrong = with(json!({"api_key": "canary-key-wrong"}));
    salon.tenant.put_connection(wrong).await.problem(422, "provider_unauthorized");
    assert_eq!(salon.tenant.items().await, Vec::<Value>::new());
    assert_eq!(salon.hooks().await, Vec::<Value>::new());
    salon.connect().await;
}
