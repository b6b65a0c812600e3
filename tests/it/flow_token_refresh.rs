//! One refresh per token, whoever asks, crashes or comes late.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::join_all;
use jiff::SignedDuration;
use secrecy::ExposeSecret;
use sync_domain::model::{AuditAction, System};
use sync_domain::ports::{
    Connection, ConnectionError, ConnectionStore, GrantError, ProviderError, RemoteEffect,
};
use sync_domain::usecase::fresh_connection::{FreshConnections, after_refusal};
use sync_testkit::{Schedule, Scheduled, Timeline};

use crate::support::connection_world::{ConnectionWorld, acme, tenant};

const SEEDS: u64 = 500;
const SOON: Duration = Duration::from_secs(120);
const PAST: Duration = Duration::ZERO;
const LEASES: Duration = Duration::from_secs(40);

fn token(connection: &Connection) -> &str {
    connection.access_token.expose_secret()
}

fn down() -> GrantError {
    GrantError::Provider(ProviderError::Unavailable {
        status: Some(503),
        retry_after: None,
        effect: RemoteEffect::Unknown,
    })
}

type Outcome = Scheduled<Result<Arc<Connection>, ConnectionError>>;

/// Each instance asks `each` times, all at once, in the interleaving of a seed.
fn ask(instances: &[FreshConnections], each: usize, seed: u64, kill_percent: u8) -> Vec<Outcome> {
    let callers = instances.iter().flat_map(|it| (0..each).map(move |_| acme(it).boxed_local()));
    Schedule::new(seed, kill_percent).run(callers.collect())
}

/// The same without crashes, in simulated time: it moves only when all of them wait.
fn ask_in_time(
    seed: u64,
    left: Duration,
    instances: usize,
    each: usize,
    prepare: impl Fn(&ConnectionWorld),
) -> (ConnectionWorld, Vec<Outcome>) {
    let timeline = Timeline::new(seed);
    let world = ConnectionWorld::on(Arc::new(timeline.clock(SignedDuration::ZERO)));
    world.store_oauth(left);
    prepare(&world);
    let instances: Vec<_> = (0..instances).map(|_| world.instance()).collect();
    let callers = instances.iter().flat_map(|it| (0..each).map(move |_| acme(it).boxed_local()));
    let outcomes = timeline.run(callers.collect(), 0);
    (world, outcomes)
}

#[tokio::test]
async fn token_that_is_good_for_long_is_handed_out_as_it_is() {
    let world = ConnectionWorld::new();
    world.store_oauth(Duration::from_secs(1_000));
    let instance = world.instance();
    for _ in 0..3 {
        assert_eq!(token(&acme(&instance).await.unwrap()), "first");
    }
    assert_eq!((world.provider.refreshes(), world.secrets.reads()), (0, 1));
}

#[tokio::test]
async fn token_of_a_private_app_is_never_refreshed() {
    let world = ConnectionWorld::new();
    world.secrets.set("tenants/acme/hubspot", r#"{"access_token": "pat"}"#);
    let instance = world.instance();
    assert_eq!(token(&acme(&instance).await.unwrap()), "pat");
    instance.forget(&tenant("acme"), System::Hubspot);
    assert_eq!(token(&acme(&instance).await.unwrap()), "pat");
    assert_eq!(world.provider.refreshes(), 0);
}

#[tokio::test]
async fn token_that_ends_soon_is_replaced_and_everything_else_is_kept() {
    let world = ConnectionWorld::new();
    world.store_oauth(SOON);
    world.provider.omit_refresh_tokens();
    let connection = acme(&world.instance()).await.unwrap();
    assert_eq!((token(&connection), connection.token_version), ("oauth-access-1", 2));
    let secret = world.secret("tenants/acme/hubspot");
    assert_eq!(secret["refresh_token"], "na1-first", "an answer without one erases nothing");
    assert_eq!(secret["kept"], "by an operator");
    assert_eq!(secret["key_properties"], serde_json::json!(["company"]));
    assert_eq!((&secret["token_version"], &secret["default_region"]), (&2.into(), &"US".into()));
    assert_eq!(token(&acme(&world.instance()).await.unwrap()), "oauth-access-1");
    assert_eq!(world.provider.refreshes(), 1);
    assert!(!world.registry.is_locked());
}

#[test]
fn callers_at_once_refresh_once_in_any_interleaving() {
    for (left, instances, each) in [(SOON, 2, 1), (SOON, 4, 5), (PAST, 2, 1), (PAST, 4, 5)] {
        for seed in 0..SEEDS {
            let (world, outcomes) = ask_in_time(seed, left, instances, each, |_| {});
            for outcome in outcomes {
                match outcome {
                    Scheduled::Finished(Ok(connection)) => {
                        let is_new = token(&connection) == "oauth-access-1";
                        let is_still_good = left == SOON && token(&connection) == "first";
                        assert!(is_new || is_still_good, "seed {seed}: {connection:?}");
                    }
                    other @ (Scheduled::Finished(Err(_)) | Scheduled::Killed) => {
                        panic!("seed {seed}, left {left:?}: {other:?}")
                    }
                }
            }
            assert_eq!(world.provider.refreshes(), 1, "seed {seed}, left {left:?}");
        }
    }
}

#[test]
fn winners_that_crash_anywhere_lose_no_refresh_token() {
    for seed in 0..SEEDS * 2 {
        let world = ConnectionWorld::new();
        world.store_oauth(PAST);
        for round in 0..3 {
            let instances = [world.instance(), world.instance()];
            drop(ask(&instances, 2, seed * 3 + round, 10));
            assert!(!world.secret("tenants/acme/hubspot")["refresh_token"].is_null());
            world.advance(LEASES);
        }
        let last = ask(&[world.instance()], 1, seed, 0);
        let [Scheduled::Finished(Ok(connection))] = &last[..] else {
            panic!("seed {seed}: {last:?}")
        };
        assert!(token(connection).starts_with("oauth-access-"), "seed {seed}");
        let stored = world.secret("tenants/acme/hubspot");
        assert_eq!(stored["access_token"], token(connection), "seed {seed}");
        assert_eq!(stored["refresh_token"], "na1-first", "seed {seed}");
        assert_eq!(world.registry.audited(&tenant("acme")), [], "seed {seed}");
    }
}

#[tokio::test]
async fn winner_that_died_holding_the_lock_is_waited_for_and_taken_over() {
    let world = ConnectionWorld::new();
    world.store_oauth(PAST);
    let dying = world.instance();
    let mut crashing = Box::pin(acme(&dying));
    while world.provider.refreshes() == 0 {
        assert!(futures::poll!(&mut crashing).is_pending());
    }
    drop(crashing);
    assert!(world.registry.is_locked());
    // Longer than anyone waits: the others say "not now" instead of hanging.
    let early = acme(&world.instance()).await;
    assert!(matches!(early, Err(ConnectionError::NoToken { .. })), "{early:?}");
    let late = acme(&world.instance()).await.unwrap();
    assert_eq!(token(&late), "oauth-access-2");
}

#[tokio::test]
async fn stale_winner_writes_nothing_over_the_newer_token() {
    let world = ConnectionWorld::new();
    world.store_oauth(PAST);
    let (slow, quick) = (world.instance(), world.instance());
    let mut stalled = Box::pin(acme(&slow));
    while world.provider.refreshes() == 0 {
        assert!(futures::poll!(&mut stalled).is_pending());
    }
    world.advance(LEASES);
    let newer = acme(&quick).await.unwrap();
    assert_eq!(newer.token_version, 2);
    drop(stalled.await);
    assert_eq!(world.secret("tenants/acme/hubspot")["access_token"], token(&newer));
}

#[tokio::test]
async fn token_endpoint_that_is_down_costs_one_call_and_no_good_token() {
    let world = ConnectionWorld::new();
    world.store_oauth(SOON);
    let instance = world.instance();
    world.provider.fail_next_grant(down());
    for _ in 0..5 {
        assert_eq!(token(&acme(&instance).await.unwrap()), "first");
    }
    assert_eq!(world.provider.refreshes(), 1, "a pause follows a failure");
    world.advance(Duration::from_secs(16));
    assert_eq!(token(&acme(&instance).await.unwrap()), "oauth-access-1");
}

#[tokio::test]
async fn token_endpoint_that_is_down_leaves_nothing_usable_after_the_end() {
    for error in [down(), GrantError::AppRefused] {
        let world = ConnectionWorld::new();
        world.store_oauth(PAST);
        world.provider.fail_next_grant(error);
        let instance = world.instance();
        let failed = acme(&instance).await;
        let Err(ConnectionError::NoToken { last, .. }) = failed else { panic!("{failed:?}") };
        assert_eq!(last.account_id, "77", "whose it is can still be told");
        assert!(!world.is_broken().await, "no tenant is at fault");
        world.advance(Duration::from_secs(61));
        assert_eq!(token(&acme(&instance).await.unwrap()), "oauth-access-1");
    }
}

#[test]
fn dead_refresh_token_breaks_the_connection_and_is_audited_once() {
    for seed in 0..SEEDS {
        let kill = |world: &ConnectionWorld| world.provider.revoke("na1-first");
        let (world, outcomes) = ask_in_time(seed, PAST, 3, 2, kill);
        for outcome in outcomes {
            let is_broken = matches!(outcome, Scheduled::Finished(Err(ConnectionError::Broken)));
            assert!(is_broken, "seed {seed}: {outcome:?}");
        }
        assert_eq!(world.registry.item_count(), 1);
        let audited = world.registry.audited(&tenant("acme"));
        assert_eq!(audited, [AuditAction::ConnectionBroken], "seed {seed}");
        assert_eq!(world.provider.refreshes(), 1, "seed {seed}");
    }
}

#[tokio::test]
async fn dead_refresh_token_is_forgiven_when_another_one_is_stored_by_then() {
    let world = ConnectionWorld::new();
    world.store_oauth(PAST);
    world.provider.revoke("na1-first");
    let instance = world.instance();
    let mut asking = Box::pin(acme(&instance));
    while world.provider.refreshes() == 0 {
        assert!(futures::poll!(&mut asking).is_pending());
    }
    // An operator, or a writer that had lost its lock, stores another one.
    world.provider.add_refresh_token("na1-second", "77");
    let other = world.secret("tenants/acme/hubspot").to_string().replace("na1-first", "na1-second");
    world.secrets.set("tenants/acme/hubspot", &other);
    assert_eq!(token(&asking.await.unwrap()), "oauth-access-1");
    assert_eq!(world.registry.audited(&tenant("acme")), []);
}

#[tokio::test]
async fn broken_connection_is_answered_without_a_call_until_it_is_connected_anew() {
    let world = ConnectionWorld::new();
    world.store_oauth(PAST);
    world.provider.revoke("na1-first");
    assert!(matches!(acme(&world.instance()).await, Err(ConnectionError::Broken)));
    let other = world.instance();
    for _ in 0..3 {
        assert!(matches!(acme(&other).await, Err(ConnectionError::Broken)));
    }
    assert_eq!(world.provider.refreshes(), 1);
    world.provider.add_token("pat", "77");
    world.connect("acme", "pat", None).await.unwrap();
    assert_eq!(token(&acme(&other).await.unwrap()), "pat");
}

#[tokio::test]
async fn refused_token_is_refreshed_once_and_not_again_and_again() {
    let world = ConnectionWorld::new();
    world.store_oauth(Duration::from_secs(1_500));
    let instance = world.instance();
    let refused = acme(&instance).await.unwrap();
    let other = after_refusal(&instance, &refused).await.unwrap().unwrap();
    assert_eq!(token(&other), "oauth-access-1");
    assert!(after_refusal(&instance, &other).await.unwrap().is_none(), "it is not the token");
    assert_eq!(world.provider.refreshes(), 1);
}

#[tokio::test]
async fn store_that_fails_while_writing_keeps_the_old_refresh_token_and_serves_the_new_token() {
    let world = ConnectionWorld::new();
    world.store_oauth(PAST);
    world.secrets.fail_writes(3);
    let instance = world.instance();
    assert_eq!(token(&acme(&instance).await.unwrap()), "oauth-access-1");
    assert_eq!(world.secret("tenants/acme/hubspot")["access_token"], "first");
    assert_eq!(token(&acme(&instance).await.unwrap()), "oauth-access-1");
    assert_eq!(world.secret("tenants/acme/hubspot")["access_token"], "oauth-access-1");
    assert_eq!((world.provider.refreshes(), world.registry.is_locked()), (1, false));
}

#[tokio::test]
async fn refresh_token_that_rotates_is_stored_each_time() {
    let world = ConnectionWorld::new();
    world.store_oauth(PAST);
    world.provider.rotate_refresh_tokens();
    for round in 1..4 {
        let instances = [world.instance(), world.instance()];
        let connections = join_all(instances.iter().map(acme)).await;
        assert!(connections.iter().all(Result::is_ok), "{connections:?}");
        assert_eq!(world.provider.refreshes(), round);
        world.advance(Duration::from_secs(1_900));
    }
}
