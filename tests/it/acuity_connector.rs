//! Connecting an Acuity account, and our webhook among its webhooks.

use serde_json::{Value, json};
use sync_domain::ports::{
    AccountAccess, AccountConnector, AccountDetails, AuthMode, GrantError, Hook, HookAddress,
    HookRegistration, OauthApp, ProviderError,
};

use crate::support::acuity::{connector, fixture};
use crate::support::vendor_server::VendorServer;

const URL: &str =
    "https://hooks.example.com/webhooks/booking/acuity?token=0123456789abcdef0123456789abcdef";

fn access() -> AccountAccess {
    let token = "12345:key".to_owned().into();
    AccountAccess { auth: AuthMode::ApiKey, token, domain: None }
}

fn registered() -> HookRegistration {
    HookRegistration::Registered { hook_ids: Vec::new() }
}

fn hook(id: u64, event: &str, target: &str, status: &str) -> Value {
    json!({"id": id, "event": event, "target": target, "status": status})
}

fn created() -> Value {
    hook(99, "appointment.changed", URL, "active")
}

async fn ensure(server: &VendorServer) -> Result<HookRegistration, ProviderError> {
    let hook = Hook { url: URL.into(), secret: "key".into() };
    connector(server).ensure_webhook(&access(), &hook).await
}

/// So many webhooks of others.
fn others(count: u64) -> Vec<Value> {
    (0..count)
        .map(|id| hook(1_000 + id, "appointment.changed", "https://x.example.com/", "active"))
        .collect()
}

const LIST: &str = "GET /api/v1/webhooks";
const CREATE: &str = "POST /api/v1/webhooks";

fn delete(id: u64) -> String {
    format!("DELETE /api/v1/webhooks/{id}")
}

#[tokio::test]
async fn account_is_read_from_whatever_me_says_of_it() {
    for (body, expected) in [
        (
            json!({"id": 12345, "timezone": "America/New_York", "email": "a@b.co"}),
            Some("America/New_York"),
        ),
        (json!({"id": "12345", "timezone": "Etc/GMT+5"}), Some("Etc/GMT+5")),
        (json!({"id": 12345, "timezone": "my zone <b>"}), None),
        (json!({"id": 12345, "timezone": {"name": "x"}}), None),
        (json!({"id": 12345}), None),
    ] {
        let server = VendorServer::start().await;
        server.will_answer(200, &body);
        let details = connector(&server).account(&access()).await.unwrap();
        let time_zone = expected.map(str::to_owned);
        assert_eq!(
            details,
            AccountDetails {
                account_id: "12345".to_owned(),
                also: vec![],
                time_zone,
                gaps: vec![]
            },
            "{body}"
        );
        assert_eq!(server.lines(), ["GET /api/v1/me"]);
    }
}

#[tokio::test]
async fn account_without_an_id_or_with_wrong_credentials_is_none() {
    for (status, body) in
        [(200, "{}"), (200, "[]"), (200, "{\"id\":\"a#b\"}"), (200, "<html>"), (500, "")]
    {
        let server = VendorServer::start().await;
        server.will_answer(status, body);
        let error = connector(&server).account(&access()).await.unwrap_err();
        assert!(matches!(error, ProviderError::Unavailable { .. }), "{body}: {error:?}");
    }
    let server = VendorServer::start().await;
    server.will_answer(401, json!({"status_code": 401, "error": "unauthorized"}));
    let error = connector(&server).account(&access()).await.unwrap_err();
    assert_eq!(error, ProviderError::Unauthorized);
}

#[tokio::test]
async fn webhook_is_made_once_on_the_one_event_that_tells_all() {
    let server = VendorServer::start().await;
    server.will_answer(200, "[]").will_answer(200, created());
    assert_eq!(ensure(&server).await, Ok(registered()));
    let asked = server.asked();
    assert_eq!(asked[1].line, CREATE);
    assert_eq!(asked[1].body, json!({"event": "appointment.changed", "target": URL}));
    server.will_answer(200, json!([created()]));
    assert_eq!(ensure(&server).await, Ok(registered()));
    assert_eq!(server.lines(), [LIST], "the one that is there is used");
}

#[tokio::test]
async fn webhooks_of_ours_that_are_superfluous_are_removed_and_others_are_not() {
    let server = VendorServer::start().await;
    server.will_answer(200, fixture("acuity_webhooks.json"));
    server.will_answer(204, "").will_answer(404, json!({"status_code": 404, "error": "not_found"}));
    assert_eq!(ensure(&server).await, Ok(registered()));
    // Another token, and another event that would tell everything twice.
    assert_eq!(server.lines(), [LIST.to_owned(), delete(2), delete(3)]);
}

#[tokio::test]
async fn disabled_webhook_is_made_anew_before_the_old_one_goes() {
    let server = VendorServer::start().await;
    server.will_answer(200, json!([hook(7, "appointment.changed", URL, "disabled")]));
    server.will_answer(200, created()).will_answer(204, "");
    assert_eq!(ensure(&server).await, Ok(registered()));
    assert_eq!(server.lines(), [LIST.to_owned(), CREATE.to_owned(), delete(7)]);
}

#[tokio::test]
async fn stale_webhook_makes_room_where_there_is_none() {
    let server = VendorServer::start().await;
    let mut hooks = others(24);
    hooks.push(hook(7, "appointment.changed", URL, "disabled"));
    server.will_answer(200, Value::from(hooks)).will_answer(204, "").will_answer(200, created());
    assert_eq!(ensure(&server).await, Ok(registered()));
    assert_eq!(server.lines(), [LIST.to_owned(), delete(7), CREATE.to_owned()]);
}

#[tokio::test]
async fn account_that_is_full_of_others_webhooks_has_no_room() {
    let refused = json!({"status_code": 400, "error": "bad_request", "message": "limit"});
    let server = VendorServer::start().await;
    server.will_answer(200, Value::from(others(25))).will_answer(400, &refused);
    assert_eq!(ensure(&server).await, Ok(HookRegistration::NoRoom));
    assert_eq!(server.lines(), [LIST, CREATE]);
    // A refusal with room left has another reason.
    server.will_answer(200, Value::from(others(3))).will_answer(400, &refused);
    assert!(matches!(ensure(&server).await, Err(ProviderError::Rejected { .. })));
}

#[tokio::test]
async fn webhooks_of_ours_are_all_removed_and_no_others() {
    let server = VendorServer::start().await;
    server.will_answer(200, fixture("acuity_webhooks.json"));
    server.will_answer(204, "").will_answer(204, "").will_answer(204, "");
    connector(&server).remove_webhooks(&access(), URL).await.unwrap();
    assert_eq!(server.lines(), [LIST.to_owned(), delete(1), delete(2), delete(3)]);
}

#[tokio::test]
async fn webhooks_are_not_touched_where_the_list_can_not_be_read() {
    for (status, body) in [(200, "{}"), (200, "<html>"), (500, "[]")] {
        let server = VendorServer::start().await;
        server.will_answer(status, body).will_answer(status, body);
        assert!(ensure(&server).await.is_err());
        assert!(connector(&server).remove_webhooks(&access(), URL).await.is_err());
        assert_eq!(server.lines(), [LIST, LIST]);
    }
}

#[tokio::test]
async fn oauth_is_not_offered() {
    let server = VendorServer::start().await;
    let connector = connector(&server);
    let app = OauthApp {
        client_id: "id".to_owned(),
        client_secret: "secret".to_owned().into(),
        previous_client_secret: None,
        redirect_uri: "https://example.com".to_owned(),
        scopes: vec![],
        is_public: false,
        code_verifier: None,
    };
    assert_eq!(connector.exchange(&app, &"key".into()).await.unwrap_err(), GrantError::AppRefused);
    assert_eq!(connector.refresh(&app, &"key".into()).await.unwrap_err(), GrantError::AppRefused);
    assert!(
        connector.hook_address() == HookAddress::Registered && connector.keyed_types().is_empty()
    );
    assert!(server.lines().is_empty());
}
