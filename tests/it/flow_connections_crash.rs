//! Connects and disconnects that die, fail or stall half way, and what the next one makes of it.

use std::time::Duration;

use sync_domain::model::AuditAction;
use sync_domain::ports::{ProviderError, RemoteEffect};
use sync_domain::usecase::locked_connection::ManageError;

use crate::support::connection_world::{CREDENTIALS, ConnectionWorld, INVOCATION, WEBHOOK, tenant};

#[tokio::test]
async fn connect_whose_provider_fails_half_way_undoes_its_claim() {
    let world = ConnectionWorld::with_token();
    // The test of the token succeeds; then both properties fail for good.
    let connecting = world.connect("acme", "pat", None);
    let mut connecting = Box::pin(connecting);
    while world.registry.accounts_of(&tenant("acme")).is_empty() {
        assert!(futures::poll!(&mut connecting).is_pending());
    }
    for _ in 0..6 {
        world.provider.fail_next(ProviderError::Unavailable {
            status: Some(500),
            retry_after: None,
            effect: RemoteEffect::Unknown,
        });
    }
    assert!(matches!(connecting.await, Err(ManageError::Provider(_))));
    assert_eq!(world.registry.accounts_of(&tenant("acme")), Vec::<String>::new());
    assert_eq!((world.registry.item_count(), world.secrets.writes()), (0, 0));
}

/// A connect killed at each of its steps; then the same again, or a disconnect.
#[tokio::test]
async fn connect_that_dies_at_any_step_is_mended_by_the_next_or_cleared_by_a_disconnect() {
    for steps in 0..200 {
        for is_mended in [true, false] {
            let world = ConnectionWorld::with_token();
            world.provider.add_token("pat-old", "11");
            world.connect("acme", "pat-old", Some("old")).await.unwrap();
            let mut dying = Box::pin(world.connect("acme", "pat", Some("whs")));
            let mut is_over = false;
            for _ in 0..steps {
                is_over = is_over || futures::poll!(&mut dying).is_ready();
            }
            drop(dying);
            world.advance(INVOCATION + Duration::from_secs(1));
            if is_mended {
                world.connect("acme", "pat", Some("whs")).await.unwrap();
                assert_eq!(world.registry.accounts_of(&tenant("acme")), ["77"], "step {steps}");
                assert_eq!(world.secret(CREDENTIALS)["access_token"], "pat");
                assert_eq!(world.secret(WEBHOOK)["current"], "whs");
                assert_eq!(world.entry("acme").await.unwrap().account_id, "77");
            } else {
                world.disconnect("acme").await.unwrap();
                let left = world.registry.accounts_of(&tenant("acme"));
                assert_eq!(left, Vec::<String>::new(), "step {steps}");
                assert_eq!(world.secrets.names(), ["apps/hubspot"], "step {steps}");
                assert_eq!(world.registry.item_count(), 0, "step {steps}");
            }
            if is_over {
                return;
            }
        }
    }
    panic!("a connect has more steps than that");
}

/// A connect to another account that died must not leave its pointer behind when the tenant goes
/// back to the old one, or on to a third.
#[tokio::test]
async fn connect_that_dies_leaves_no_pointer_when_another_account_is_connected_then() {
    for steps in 0..60 {
        for (token, account) in [("pat-old", "11"), ("pat-third", "33")] {
            let world = ConnectionWorld::with_token();
            world.provider.add_token("pat-old", "11");
            world.provider.add_token("pat-third", "33");
            world.connect("acme", "pat-old", None).await.unwrap();
            let mut dying = Box::pin(world.connect("acme", "pat", None));
            for _ in 0..steps {
                if futures::poll!(&mut dying).is_ready() {
                    return;
                }
            }
            drop(dying);
            world.advance(INVOCATION + Duration::from_secs(1));
            world.connect("acme", token, None).await.unwrap();
            assert_eq!(world.registry.accounts_of(&tenant("acme")), [account], "step {steps}");
        }
    }
    panic!("a connect has more steps than that");
}

#[tokio::test]
async fn disconnect_that_dies_at_any_step_is_completed_by_the_next() {
    for steps in 0..100 {
        let world = ConnectionWorld::with_token();
        world.connect("acme", "pat", Some("whs")).await.unwrap();
        let mut dying = Box::pin(world.disconnect("acme"));
        let mut is_over = false;
        for _ in 0..steps {
            is_over = is_over || futures::poll!(&mut dying).is_ready();
        }
        drop(dying);
        world.advance(INVOCATION + Duration::from_secs(1));
        let again = world.disconnect("acme").await;
        // It may have died after its last write, which told nobody.
        assert!(matches!(again, Ok(_) | Err(ManageError::NotFound)), "step {steps}: {again:?}");
        assert_eq!(world.registry.accounts_of(&tenant("acme")), Vec::<String>::new());
        assert_eq!(world.secrets.names(), ["apps/hubspot"], "step {steps}");
        let removed = AuditAction::ConnectionRemoved;
        let audited = world.registry.audited(&tenant("acme"));
        assert_eq!(audited.iter().filter(|it| **it == removed).count(), 1, "step {steps}");
        if is_over {
            return;
        }
    }
    panic!("a disconnect has more steps than that");
}

#[tokio::test]
async fn lock_of_another_request_is_waited_for_and_then_reported() {
    let world = ConnectionWorld::with_token();
    let mut stalled = Box::pin(world.connect("acme", "pat", None));
    while !world.registry.is_locked() {
        assert!(futures::poll!(&mut stalled).is_pending());
    }
    let refused = world.connect("acme", "pat", None).await;
    assert!(matches!(refused, Err(ManageError::InProgress { .. })), "{refused:?}");
    stalled.await.unwrap();
    world.connect("acme", "pat", None).await.unwrap();
}

#[tokio::test]
async fn stalled_connect_that_lost_its_lock_writes_nothing() {
    let world = ConnectionWorld::with_token();
    world.provider.add_token("pat-2", "77");
    let mut stalled = Box::pin(world.connect("acme", "pat", None));
    while world.provider.property_count("77") < 2 {
        assert!(futures::poll!(&mut stalled).is_pending());
    }
    world.advance(INVOCATION + Duration::from_secs(1));
    world.connect("acme", "pat-2", None).await.unwrap();
    let late = stalled.await;
    assert!(matches!(late, Err(ManageError::InProgress { .. })), "{late:?}");
    assert_eq!(world.secret(CREDENTIALS)["access_token"], "pat-2");
}
