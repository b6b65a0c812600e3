//! Tokens that an app of the tenant's own mints: one mint per refusal, whoever asks, crashes or comes
//! late, and never a word of when they end.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use jiff::SignedDuration;
use secrecy::ExposeSecret;
use serde_json::json;
use sync_domain::model::{AuditAction, System};
use sync_domain::ports::{Connection, ConnectionError, GrantError, ProviderError, RemoteEffect};
use sync_domain::usecase::fresh_connection::{FreshConnections, after_refusal};
use sync_testkit::{DOMAIN, Schedule, Scheduled, Timeline};

use crate::support::connection_systems::{MINTED, acme_of};
use crate::support::connection_world::{ConnectionWorld, tenant};

const SEEDS: u64 = 300;
const LEASES: Duration = Duration::from_secs(40);

fn token(connection: &Connection) -> &str {
    connection.access_token.expose_secret()
}

/// Stores a connection whose token the provider refuses by now.
fn store(world: &ConnectionWorld) {
    let secret = json!({
        "auth": "client_credentials", "access_token": "first", "account_id": "77",
        "token_version": 1, "domain": DOMAIN, "kept": "by an operator",
        "grant": {"kind": "client_credentials", "client_id": "client", "client_secret": "proof"},
    });
    world.secrets.set(MINTED, &secret.to_string());
}

fn stored() -> ConnectionWorld {
    let world = ConnectionWorld::with_minting();
    store(&world);
    world
}

async fn acme(instance: &FreshConnections) -> Result<Arc<Connection>, ConnectionError> {
    acme_of(instance, System::Salesforce).await
}

/// What a caller goes on with whose call with the first token was refused.
async fn refused(instance: &FreshConnections) -> Result<Arc<Connection>, ConnectionError> {
    let connection = acme(instance).await?;
    if token(&connection) != "first" {
        return Ok(connection);
    }
    Ok(after_refusal(instance, &connection).await?.unwrap_or(connection))
}

#[tokio::test]
async fn token_of_which_nobody_knows_the_end_is_handed_out_until_it_is_refused() {
    let world = stored();
    let instance = world.instance();
    for _ in 0..3 {
        assert_eq!(token(&acme(&instance).await.unwrap()), "first");
        world.advance(Duration::from_secs(100_000));
    }
    assert_eq!(world.provider.mints(), 0);
    let other = refused(&instance).await.unwrap();
    assert_eq!((token(&other), other.token_version), ("minted-access-1", 2));
    let secret = world.secret(MINTED);
    assert_eq!(
        (&secret["access_token"], &secret["kept"]),
        (&token(&other).into(), &"by an operator".into())
    );
    assert_eq!(secret["grant"]["client_secret"], "proof", "what mints is kept");
    assert_eq!((&secret["domain"], &secret["expires_at"]), (&DOMAIN.into(), &json!(null)));
    assert!(after_refusal(&instance, &other).await.unwrap().is_none(), "it is not the token");
    assert_eq!((world.provider.mints(), world.registry.is_locked()), (1, false));
}

#[test]
fn refused_callers_at_once_mint_once_in_any_interleaving() {
    for (instances, each) in [(1, 5), (2, 1), (4, 5)] {
        for seed in 0..SEEDS {
            let timeline = Timeline::new(seed);
            let clock = Arc::new(timeline.clock(SignedDuration::ZERO));
            let world = ConnectionWorld::with_minting_on(clock);
            store(&world);
            let instances: Vec<_> = (0..instances).map(|_| world.instance()).collect();
            let callers =
                instances.iter().flat_map(|it| (0..each).map(move |_| refused(it).boxed_local()));
            for outcome in timeline.run(callers.collect(), 0) {
                let Scheduled::Finished(Ok(connection)) = outcome else {
                    panic!("seed {seed}: {outcome:?}")
                };
                assert_eq!(token(&connection), "minted-access-1", "seed {seed}");
            }
            assert_eq!(world.provider.mints(), 1, "seed {seed}");
        }
    }
}

#[test]
fn winners_that_crash_anywhere_lose_nothing_that_mints() {
    for seed in 0..SEEDS {
        let world = stored();
        for round in 0..3 {
            let instances = [world.instance(), world.instance()];
            let callers = instances.iter().map(|it| refused(it).boxed_local()).collect();
            drop(Schedule::new(seed * 3 + round, 10).run(callers));
            world.advance(LEASES);
        }
        let last = futures::executor::block_on(refused(&world.instance())).unwrap();
        let secret = world.secret(MINTED);
        assert_eq!(secret["access_token"], token(&last), "seed {seed}");
        assert_eq!(secret["grant"]["client_secret"], "proof", "seed {seed}");
        assert_eq!(world.registry.audited(&tenant("acme")), [], "seed {seed}");
    }
}

#[test]
fn refused_app_breaks_the_connection_and_is_audited_once() {
    for seed in 0..SEEDS {
        let timeline = Timeline::new(seed);
        let clock = Arc::new(timeline.clock(SignedDuration::ZERO));
        let world = ConnectionWorld::with_minting_on(clock);
        store(&world);
        world.provider.remove_app("client");
        let instances = [world.instance(), world.instance()];
        let callers = instances.iter().flat_map(|it| (0..2).map(|_| refused(it).boxed_local()));
        for outcome in timeline.run(callers.collect(), 0) {
            let is_broken = matches!(outcome, Scheduled::Finished(Err(ConnectionError::Broken)));
            assert!(is_broken, "seed {seed}: {outcome:?}");
        }
        let audited = world.registry.audited(&tenant("acme"));
        assert_eq!((audited, world.provider.mints()), (vec![AuditAction::ConnectionBroken], 1));
    }
}

#[tokio::test]
async fn refused_app_is_forgiven_when_another_proof_is_stored_by_then() {
    let world = stored();
    world.provider.remove_app("client");
    let instance = world.instance();
    let mut asking = Box::pin(refused(&instance));
    while world.provider.mints() == 0 {
        assert!(futures::poll!(&mut asking).is_pending());
    }
    world.provider.add_app("client", "proof-2", "77");
    let other = world.secret(MINTED).to_string().replace("proof", "proof-2");
    world.secrets.set(MINTED, &other);
    assert_eq!(token(&asking.await.unwrap()), "minted-access-1");
    assert_eq!(world.registry.audited(&tenant("acme")), []);
}

#[tokio::test]
async fn token_endpoint_that_is_down_is_asked_again_after_a_pause_and_breaks_nothing() {
    let world = stored();
    let error = ProviderError::Unavailable {
        status: Some(503),
        retry_after: None,
        effect: RemoteEffect::None,
    };
    world.provider.fail_next_grant(GrantError::Provider(error));
    let instance = world.instance();
    for _ in 0..3 {
        let failed = refused(&instance).await;
        assert!(matches!(failed, Err(ConnectionError::NoToken { .. })), "{failed:?}");
    }
    assert_eq!((world.provider.mints(), world.is_broken().await), (1, false));
    world.advance(Duration::from_secs(16));
    assert_eq!(token(&refused(&instance).await.unwrap()), "minted-access-1");
}

#[tokio::test]
async fn credentials_that_nothing_renews_say_so() {
    let world = stored();
    let mut secret = world.secret(MINTED);
    secret.as_object_mut().unwrap().remove("grant");
    world.secrets.set(MINTED, &secret.to_string());
    let failed = refused(&world.instance()).await;
    assert!(matches!(failed, Err(ConnectionError::Malformed(_))), "{failed:?}");
    assert!(!world.is_broken().await);
}
