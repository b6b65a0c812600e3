//! When tokens are replaced that are good for weeks or for a day, and refresh tokens that are good for one
//! time only.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde_json::json;
use sync_domain::model::{System, TenantId};
use sync_domain::ports::{AccountGap, ConnectionError, ConnectionStore, GrantError, ProviderError};
use sync_domain::usecase::fresh_connection::{FreshConnections, after_refusal};

use crate::support::connection_world::{CREDENTIALS, ConnectionWorld, acme, tenant};

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);
const WEEK: Duration = Duration::from_secs(7 * 86_400);

/// A connection whose next token is good for so long and is replaced after a week at the latest. The one
/// that is stored ends now.
fn world_of(lifetime: Duration) -> ConnectionWorld {
    let world = ConnectionWorld::new();
    world.store_oauth(Duration::ZERO);
    world.provider.give_tokens_for(lifetime, WEEK);
    world
}

/// Asks every hour and says in which hours there was a refresh.
async fn refreshed_in(world: &ConnectionWorld, hours: u32) -> Vec<u32> {
    let instance = world.instance();
    let mut refreshed = Vec::new();
    for hour in 0..hours {
        let before = world.provider.refreshes();
        for _ in 0..3 {
            acme(&instance).await.unwrap();
        }
        if world.provider.refreshes() > before {
            refreshed.push(hour);
        }
        world.advance(HOUR);
    }
    refreshed
}

#[tokio::test]
async fn token_of_thirty_days_is_replaced_every_week() {
    let world = world_of(30 * DAY);
    assert_eq!(refreshed_in(&world, 24 * 30).await, [0, 168, 336, 504, 672]);
    assert_eq!(world.provider.refreshes(), 5, "once each, however many ask");
}

#[tokio::test]
async fn token_of_a_day_is_replaced_after_half_of_it_and_not_by_every_call() {
    let world = world_of(DAY);
    assert_eq!(refreshed_in(&world, 60).await, [0, 12, 24, 36, 48]);
}

/// The provider may give tokens for another time than before.
#[tokio::test]
async fn moment_of_each_token_goes_by_its_own_life() {
    let world = world_of(DAY);
    acme(&world.instance()).await.unwrap();
    world.provider.give_tokens_for(30 * DAY, WEEK);
    assert_eq!(refreshed_in(&world, 24 * 8).await, [12, 180]);
}

#[tokio::test]
async fn moment_is_stored_beside_the_end_and_another_instance_goes_by_it() {
    let world = world_of(30 * DAY);
    let now = world.clock.now();
    acme(&world.instance()).await.unwrap();
    let secret = world.secret(CREDENTIALS);
    let stored = |name: &str| secret[name].as_str().unwrap().parse::<Timestamp>().unwrap();
    assert_eq!((stored("refresh_at"), stored("expires_at")), (now + WEEK, now + 30 * DAY));
    world.advance(WEEK - HOUR);
    acme(&world.instance()).await.unwrap();
    assert_eq!(world.provider.refreshes(), 1);
    world.advance(HOUR);
    acme(&world.instance()).await.unwrap();
    assert_eq!(world.provider.refreshes(), 2);
}

/// Secrets of versions before this one, and those that operators write, have an end alone.
#[tokio::test]
async fn token_without_a_moment_is_replaced_shortly_before_its_end() {
    let world = ConnectionWorld::new();
    world.provider.give_tokens_for(30 * DAY, WEEK);
    world.store_oauth(30 * DAY);
    let instance = world.instance();
    world.advance(30 * DAY - Duration::from_secs(301));
    acme(&instance).await.unwrap();
    assert_eq!(world.provider.refreshes(), 0);
    world.advance(Duration::from_secs(1));
    acme(&instance).await.unwrap();
    assert_eq!(world.provider.refreshes(), 1);
}

/// A moment behind the end, which only an operator can write, keeps no dead token in use.
#[tokio::test]
async fn moment_behind_the_end_does_not_count() {
    let world = world_of(30 * DAY);
    world.store_oauth(Duration::from_secs(5));
    let mut secret = world.secret(CREDENTIALS);
    secret["refresh_at"] = json!("2099-01-01T00:00:00Z");
    world.secrets.set(CREDENTIALS, &secret.to_string());
    acme(&world.instance()).await.unwrap();
    assert_eq!(world.provider.refreshes(), 1);
}

#[tokio::test]
async fn refresh_that_fails_ahead_of_time_leaves_the_old_token_in_use() {
    let world = world_of(30 * DAY);
    let instance = world.instance();
    let first = acme(&instance).await.unwrap();
    world.advance(WEEK);
    world.provider.fail_next_grant(GrantError::AppRefused);
    for _ in 0..3 {
        let kept = acme(&instance).await.unwrap();
        assert_eq!(kept.token_version, first.token_version);
    }
    assert_eq!(world.provider.refreshes(), 2, "a pause follows a failure");
    world.advance(Duration::from_secs(61));
    assert_eq!(acme(&instance).await.unwrap().token_version, first.token_version + 1);
}

#[tokio::test]
async fn refresh_keeps_the_gaps_of_the_entry() {
    let world = ConnectionWorld::new();
    let gaps = [AccountGap::Scope("CUSTOMERS_READ".to_owned())];
    world.provider.withhold(&gaps);
    world.provider.add_token("pat", "77");
    world.connect("acme", "pat", None).await.unwrap();
    world.store_oauth(Duration::ZERO);
    acme(&world.instance()).await.unwrap();
    let entry = world.entry("acme").await.unwrap();
    assert_eq!((entry.token_version, entry.gaps), (2, gaps.to_vec()));
}

/// Each refresh kills the refresh token that it was asked with.
fn single_use() -> ConnectionWorld {
    let world = world_of(30 * DAY);
    world.provider.rotate_refresh_tokens();
    world
}

#[tokio::test]
async fn refresh_token_of_one_time_outlives_a_store_that_takes_no_write() {
    let world = single_use();
    // Three tries, twice.
    world.secrets.fail_writes(6);
    let instance = world.instance();
    for _ in 0..2 {
        let connection = acme(&instance).await.unwrap();
        assert_eq!(connection.access_token.expose_secret(), "oauth-access-1");
        assert_eq!(world.secret(CREDENTIALS)["refresh_token"], "na1-first", "not written yet");
    }
    acme(&instance).await.unwrap();
    assert_eq!(world.provider.refreshes(), 1);
    assert_eq!(world.secret(CREDENTIALS)["refresh_token"], "oauth-refresh-1");
    let entry = world.entry("acme").await.unwrap();
    assert_eq!((entry.token_version, world.registry.is_locked()), (2, false));
    world.advance(WEEK);
    acme(&world.instance()).await.unwrap();
    assert_eq!(world.provider.refreshes(), 2);
}

#[tokio::test]
async fn token_that_could_not_be_stored_until_it_was_due_gets_the_next_one() {
    let world = single_use();
    world.secrets.fail_writes(3);
    let instance = world.instance();
    acme(&instance).await.unwrap();
    world.advance(WEEK);
    let next = acme(&instance).await.unwrap();
    assert_eq!(next.access_token.expose_secret(), "oauth-access-2");
    let secret = world.secret(CREDENTIALS);
    assert_eq!(
        (&secret["refresh_token"], &secret["token_version"]),
        (&"oauth-refresh-2".into(), &next.token_version.into())
    );
    assert_eq!(world.registry.audited(&tenant("acme")), []);
}

#[tokio::test]
async fn token_that_could_not_be_stored_gives_way_to_what_is_stored_since() {
    let world = single_use();
    world.secrets.fail_writes(3);
    let instance = world.instance();
    acme(&instance).await.unwrap();
    world.provider.add_token("pat", "77");
    world.connect("acme", "pat", None).await.unwrap();
    assert_eq!(acme(&instance).await.unwrap().access_token.expose_secret(), "pat");
    assert_eq!(world.secret(CREDENTIALS)["access_token"], "pat");
}

#[tokio::test]
async fn refresh_token_that_is_dead_by_all_that_is_known_breaks_the_connection() {
    let world = single_use();
    world.secrets.fail_writes(3);
    let instance = world.instance();
    acme(&instance).await.unwrap();
    world.provider.revoke("oauth-refresh-1");
    world.advance(30 * DAY);
    let broken = acme(&instance).await;
    assert!(matches!(broken, Err(ConnectionError::Broken)), "{broken:?}");
    assert_eq!(world.provider.refreshes(), 3, "what was kept, then what is stored");
}

#[tokio::test]
async fn good_token_that_could_not_be_stored_is_stored_although_nothing_replaces_it() {
    let world = single_use();
    world.secrets.fail_writes(3);
    let instance = world.instance();
    acme(&instance).await.unwrap();
    world.provider.revoke("oauth-refresh-1");
    world.advance(WEEK);
    for _ in 0..3 {
        let kept = acme(&instance).await.unwrap();
        assert_eq!(kept.access_token.expose_secret(), "oauth-access-1");
    }
    assert_eq!(world.secret(CREDENTIALS)["access_token"], "oauth-access-1");
    assert_eq!((world.provider.refreshes(), world.is_broken().await), (3, false));
}

/// The tenants that somebody was told of.
fn told(world: &ConnectionWorld) -> (FreshConnections, Arc<Mutex<Vec<TenantId>>>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let witness = Arc::clone(&told);
    let instance = world.instance().with_witness(Arc::new(move |tenant, _system| {
        witness.lock().unwrap().push(tenant.clone());
    }));
    (instance, told)
}

#[tokio::test]
async fn refused_refresh_of_a_good_token_keeps_it_in_use_and_is_told() {
    let world = world_of(30 * DAY);
    let (instance, told) = told(&world);
    let first = acme(&instance).await.unwrap();
    world.provider.revoke("na1-first");
    world.advance(WEEK);
    for _ in 0..4 {
        let kept = acme(&instance).await.unwrap();
        assert_eq!(kept.token_version, first.token_version);
    }
    assert_eq!(world.provider.refreshes(), 2, "a long pause follows a refusal");
    assert_eq!(*told.lock().unwrap(), [tenant("acme")]);
    world.advance(Duration::from_secs(901));
    acme(&instance).await.unwrap();
    assert_eq!((world.provider.refreshes(), told.lock().unwrap().len()), (3, 2));
    assert!(!world.is_broken().await);
    assert_eq!(world.registry.audited(&tenant("acme")), []);
    // A refusal that was a mistake.
    world.provider.add_refresh_token("na1-first", "77");
    world.advance(Duration::from_secs(901));
    assert_eq!(acme(&instance).await.unwrap().token_version, first.token_version + 1);
}

#[tokio::test]
async fn refused_refresh_breaks_the_connection_when_its_token_has_ended() {
    let world = world_of(30 * DAY);
    let instance = world.instance();
    acme(&instance).await.unwrap();
    world.provider.revoke("na1-first");
    world.advance(30 * DAY - Duration::from_secs(60));
    acme(&instance).await.unwrap();
    assert!(!world.is_broken().await);
    // Within the pause.
    world.advance(Duration::from_secs(60));
    let broken = acme(&instance).await;
    assert!(matches!(broken, Err(ConnectionError::Broken)), "{broken:?}");
    assert!(world.is_broken().await);
}

#[tokio::test]
async fn refused_refresh_breaks_the_connection_when_its_token_is_refused_as_well() {
    let world = world_of(30 * DAY);
    let (instance, told) = told(&world);
    acme(&instance).await.unwrap();
    world.provider.revoke("na1-first");
    world.advance(WEEK);
    let kept = acme(&instance).await.unwrap();
    let broken = after_refusal(&instance, &kept).await;
    assert!(matches!(broken, Err(ConnectionError::Broken)), "{broken:?}");
    assert!(world.is_broken().await);
    assert_eq!(told.lock().unwrap().len(), 1, "of what is listed as broken, nobody is told here");
}

/// The provider has taken the refresh token and its answer was lost on the way.
#[tokio::test]
async fn refresh_of_one_time_that_timed_out_and_is_refused_then_leaves_a_good_token_in_use() {
    let world = single_use();
    let instance = world.instance();
    acme(&instance).await.unwrap();
    world.advance(WEEK);
    world.provider.fail_next_grant(GrantError::Provider(ProviderError::TimedOut));
    world.provider.revoke("oauth-refresh-1");
    for seconds in [0, 16, 901, 86_400] {
        world.advance(Duration::from_secs(seconds));
        let kept = acme(&instance).await.unwrap();
        assert_eq!(kept.access_token.expose_secret(), "oauth-access-1", "{seconds}");
    }
    assert_eq!((world.provider.refreshes(), world.is_broken().await), (5, false));
    world.advance(30 * DAY);
    let broken = acme(&instance).await;
    assert!(matches!(broken, Err(ConnectionError::Broken)), "{broken:?}");
}

#[tokio::test]
async fn refresh_that_fails_lets_nobody_read_the_store_while_the_token_is_good() {
    let unavailable = || GrantError::Provider(ProviderError::TimedOut);
    for error in [unavailable(), GrantError::AppRefused, GrantError::Refused] {
        let world = world_of(30 * DAY);
        let instance = world.instance();
        acme(&instance).await.unwrap();
        world.advance(WEEK);
        world.provider.fail_next_grant(error);
        // The first one after a failure reads what the refresher has let go of.
        for _ in 0..2 {
            acme(&instance).await.unwrap();
        }
        let reads = world.secrets.reads();
        for _ in 0..10 {
            acme(&instance).await.unwrap();
        }
        assert_eq!((world.secrets.reads(), world.provider.refreshes()), (reads, 2));
    }
}

#[tokio::test]
async fn token_that_could_not_be_stored_outlives_a_crowd_of_other_tenants() {
    let world = single_use();
    world.secrets.fail_writes(3);
    let instance = world.instance();
    acme(&instance).await.unwrap();
    let mut other = world.secret(CREDENTIALS);
    other["expires_at"] = json!("2099-01-01T00:00:00Z");
    for number in 0..1_001 {
        let name = format!("tenant{number}");
        world.secrets.set(&format!("tenants/{name}/hubspot"), &other.to_string());
        instance.connection(&tenant(&name), System::Hubspot).await.unwrap();
    }
    let kept = acme(&instance).await.unwrap();
    assert_eq!(kept.access_token.expose_secret(), "oauth-access-1");
    assert_eq!(world.secret(CREDENTIALS)["refresh_token"], "oauth-refresh-1");
    assert_eq!(world.provider.refreshes(), 1);
}

/// What nobody has heard of can't be had again: then a person has to consent anew. From when it was heard
/// of, a caller may be given up at any of its steps.
#[tokio::test]
async fn caller_that_is_given_up_after_the_answer_loses_no_refresh_token_of_one_time() {
    for steps in 0..30 {
        let world = single_use();
        let instance = world.instance();
        {
            let mut given_up = Box::pin(acme(&instance));
            while world.provider.refreshes() == 0 {
                assert!(futures::poll!(&mut given_up).is_pending());
            }
            for _ in 0..steps {
                if futures::poll!(&mut given_up).is_ready() {
                    break;
                }
            }
        }
        world.advance(Duration::from_secs(40));
        let next = acme(&instance).await;
        if steps == 0 {
            assert!(matches!(next, Err(ConnectionError::Broken)), "{next:?}");
            continue;
        }
        assert_eq!(next.unwrap().access_token.expose_secret(), "oauth-access-1", "{steps}");
        assert_eq!(world.provider.refreshes(), 1, "{steps}");
        assert_eq!(world.secret(CREDENTIALS)["refresh_token"], "oauth-refresh-1", "{steps}");
    }
}
