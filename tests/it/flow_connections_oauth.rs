//! The consent of OAuth: its state, its code, and what is stored at its end.

use std::time::Duration;

use sync_domain::usecase::connect_account::{
    ConnectAccount, ConnectMethod, Connected, begin_consent, connect_account,
};
use sync_domain::usecase::locked_connection::ManageError;

use crate::support::connection_world::{CREDENTIALS, ConnectionWorld, GRACE, field_of};

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
