//! The consent of OAuth: its state, its code, and what is stored at its end.

use std::time::Duration;

use serde_json::json;
use sync_domain::ports::{AccountGap, ConnectionError};
use sync_domain::usecase::connect_account::{
    ConnectAccount, ConnectMethod, Connected, begin_consent, connect_account,
};
use sync_domain::usecase::locked_connection::ManageError;

use crate::support::connection_world::{
    APP_SECRET, CREDENTIALS, ConnectionWorld, GRACE, acme, field_of,
};

/// As long as our app is remembered.
const REMEMBERED: Duration = Duration::from_secs(300);

async fn come_back(
    world: &ConnectionWorld,
    tenant_id: &str,
    code: &str,
    state: &str,
) -> Result<Connected, ManageError> {
    let method = ConnectMethod::Oauth { code: code.into(), state: state.to_owned() };
    let request = world.request(tenant_id);
    let command = ConnectAccount {
        request,
        method,
        default_region: None,
        import_horizon_days: None,
        grace: GRACE,
    };
    connect_account(&world.deps(), command).await
}

async fn state_of(world: &ConnectionWorld, tenant_id: &str) -> String {
    let consent = begin_consent(&world.deps(), &world.request(tenant_id)).await.unwrap();
    consent.authorize_url.rsplit_once("state=").unwrap().1.to_owned()
}

#[tokio::test]
async fn consent_comes_back_with_its_state_and_connects() {
    let world = ConnectionWorld::with_token();
    world.provider.add_code("code-1", "77");
    let state = state_of(&world, "acme").await;
    let connected = come_back(&world, "acme", "code-1", &state).await.unwrap();
    assert_eq!(connected.account_id, "77");
    let secret = world.secret(CREDENTIALS);
    assert_eq!(
        (&secret["auth"], &secret["refresh_token"]),
        (&"oauth".into(), &"oauth-refresh-1".into())
    );
    let entry = world.entry("acme").await.unwrap();
    assert_eq!(secret["expires_at"], entry.token_expires_at.unwrap().to_string());
    // A code is good once.
    assert_eq!(field_of(come_back(&world, "acme", "code-1", &state).await), "code");
    assert_eq!(world.secret(CREDENTIALS), secret);
}

#[tokio::test]
async fn consent_with_a_foreign_old_or_changed_state_uses_no_code_up() {
    let world = ConnectionWorld::with_token();
    world.provider.add_code("code-1", "77");
    let state = state_of(&world, "acme").await;
    assert_eq!(field_of(come_back(&world, "globex", "code-1", &state).await), "state");
    let longer = format!("1{state}");
    assert_eq!(field_of(come_back(&world, "acme", "code-1", &longer).await), "state");
    assert_eq!(field_of(come_back(&world, "acme", "code-1", "").await), "state");
    come_back(&world, "acme", "code-1", &state).await.unwrap();
    world.provider.add_code("code-2", "77");
    world.advance(Duration::from_secs(600));
    assert_eq!(field_of(come_back(&world, "acme", "code-2", &state).await), "state");
}

#[tokio::test]
async fn consent_without_an_app_is_not_configured() {
    let world = ConnectionWorld::without_app();
    let refused = begin_consent(&world.deps(), &world.request("acme")).await;
    assert!(matches!(refused, Err(ManageError::OauthNotConfigured)));
    let refused = come_back(&world, "acme", "code", "state").await;
    assert!(matches!(refused, Err(ManageError::OauthNotConfigured)));
}

#[tokio::test]
async fn rotation_of_a_connection_by_oauth_is_refused() {
    let world = ConnectionWorld::with_token();
    world.provider.add_code("code-1", "77");
    let state = state_of(&world, "acme").await;
    come_back(&world, "acme", "code-1", &state).await.unwrap();
    assert_eq!(field_of(world.rotate(Some("b"), None).await), "webhook_secret");
    assert_eq!(field_of(world.rotate(None, Some("pat")).await), "access_token");
}

/// Our app with these members besides.
fn store_app(world: &ConnectionWorld, members: &serde_json::Value) {
    let mut app = json!({
        "client_id": "cid", "client_secret": APP_SECRET, "redirect_uri": "https://a/cb",
    });
    app.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    world.secrets.set("apps/hubspot", &app.to_string());
}

/// The scripted provider takes a code with the verifier alone that its consent began with.
#[tokio::test]
async fn consent_to_a_public_app_ends_with_the_verifier_that_it_began_with() {
    let world = ConnectionWorld::with_token();
    store_app(&world, &json!({"pkce": true}));
    for code in ["code-1", "code-2"] {
        world.provider.add_code(code, "77");
    }
    let state = state_of(&world, "acme").await;
    come_back(&world, "acme", "code-1", &state).await.unwrap();
    assert_eq!(world.secret(CREDENTIALS)["auth"], "oauth");
    // Of another consent, with another state.
    let earlier = state_of(&world, "acme").await;
    let _later = state_of(&world, "acme").await;
    assert_eq!(field_of(come_back(&world, "acme", "code-2", &earlier).await), "code");
}

#[tokio::test]
async fn consent_that_began_before_the_secret_was_rotated_has_the_same_verifier() {
    let world = ConnectionWorld::with_token();
    store_app(&world, &json!({"pkce": true}));
    world.provider.add_code("code-1", "77");
    let state = state_of(&world, "acme").await;
    let until = (world.clock.now() + REMEMBERED * 2).to_string();
    let rotated = json!({
        "pkce": true, "client_secret": "new-app-secret", "previous_client_secret": APP_SECRET,
        "previous_until": until,
    });
    store_app(&world, &rotated);
    world.advance(REMEMBERED);
    come_back(&world, "acme", "code-1", &state).await.unwrap();
}

#[tokio::test]
async fn consent_ends_with_the_secret_before() {
    let world = ConnectionWorld::with_token();
    let state = state_of(&world, "acme").await;
    let rotated = json!({
        "client_secret": "new-app-secret", "previous_client_secret": "",
        "previous_until": "2999-01-01T00:00:00Z",
    });
    store_app(&world, &rotated);
    world.advance(REMEMBERED);
    assert_eq!(field_of(come_back(&world, "acme", "code-1", &state).await), "state");
}

/// With an empty secret anybody could make states and verifiers.
#[tokio::test]
async fn app_without_a_secret_begins_no_consent() {
    for members in [json!({"client_secret": ""}), json!({"client_secret": "", "pkce": true})] {
        let world = ConnectionWorld::with_token();
        store_app(&world, &members);
        let refused = begin_consent(&world.deps(), &world.request("acme")).await;
        let is_malformed =
            matches!(refused, Err(ManageError::Connection(ConnectionError::Malformed(_))));
        assert!(is_malformed, "{refused:?}");
    }
}

#[tokio::test]
async fn consent_stores_when_the_token_is_to_be_replaced() {
    let world = ConnectionWorld::with_token();
    let (day, month) = (Duration::from_secs(86_400), Duration::from_secs(30 * 86_400));
    world.provider.give_tokens_for(month, 7 * day);
    world.provider.add_code("code-1", "77");
    let (state, now) = (state_of(&world, "acme").await, world.clock.now());
    come_back(&world, "acme", "code-1", &state).await.unwrap();
    let secret = world.secret(CREDENTIALS);
    assert_eq!(secret["refresh_at"], (now + 7 * day).to_string());
    assert_eq!(secret["expires_at"], (now + month).to_string());
    acme(&world.instance()).await.unwrap();
    assert_eq!(world.provider.refreshes(), 0);
}

#[tokio::test]
async fn gaps_of_an_account_are_told_and_kept_until_it_is_connected_without() {
    let world = ConnectionWorld::with_token();
    let gaps = [
        AccountGap::Scope("CUSTOMERS_READ".to_owned()),
        AccountGap::Plan("support_seller_level_writes".to_owned()),
    ];
    world.provider.withhold(&gaps);
    world.provider.add_code("code-1", "77");
    let state = state_of(&world, "acme").await;
    let connected = come_back(&world, "acme", "code-1", &state).await.unwrap();
    assert_eq!(connected.gaps, gaps);
    assert_eq!(world.entry("acme").await.unwrap().gaps, gaps);
    world.provider.withhold(&[]);
    let connected = world.connect("acme", "pat", None).await.unwrap();
    assert_eq!((connected.gaps, world.entry("acme").await.unwrap().gaps), (vec![], vec![]));
}
