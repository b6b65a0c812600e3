//! The health of a connection: what is known of it, of the way to the provider and of what waits.

use sync_domain::gate::{GateState, LastError};
use sync_domain::model::System;
use sync_domain::ports::{BoundedCount, COUNT_MAX, ConnectionStatus, GateStore};
use sync_domain::usecase::connection_health::{ConnectionHealth, HealthDeps, connection_health};
use sync_domain::usecase::locked_connection::ManageError;
use sync_testkit::{FixedWorkCounts, MemoryGateStore};

use crate::support::connection_world::{ConnectionWorld, GRACE, tenant};

async fn health(
    world: &ConnectionWorld,
    gate: &MemoryGateStore,
    counts: &FixedWorkCounts,
) -> Result<ConnectionHealth, ManageError> {
    let deps = HealthDeps {
        registry: world.registry.as_ref(),
        credentials: world.credentials.as_ref(),
        connector: world.provider.as_ref(),
        gate,
        counts,
        clock: world.clock.as_ref(),
    };
    connection_health(&deps, &tenant("acme"), System::Hubspot).await
}

#[tokio::test]
async fn health_shows_the_connection_the_gate_and_what_waits() {
    let world = ConnectionWorld::with_token();
    let gate = MemoryGateStore::default();
    let counts = FixedWorkCounts { queued: 3, dead_letters: COUNT_MAX as usize + 1 };
    let missing = health(&world, &gate, &counts).await;
    assert!(matches!(missing, Err(ManageError::NotFound)), "{missing:?}");
    world.connect("acme", "pat", Some("a")).await.unwrap();
    let failed = LastError { code: "http_503".to_owned(), at: world.clock.now() };
    let state = GateState { last_error: Some(failed), ..GateState::default() };
    gate.save(&tenant("acme"), System::Hubspot, &state).await.unwrap();

    let shown = health(&world, &gate, &counts).await.unwrap();
    assert_eq!(shown.entry.status, ConnectionStatus::Connected);
    assert_eq!(shown.gate.last_error.unwrap().code, "http_503");
    assert_eq!(shown.queued, BoundedCount { count: 3, is_capped: false });
    assert_eq!(shown.dead_letters, BoundedCount { count: COUNT_MAX, is_capped: true });
    assert_eq!(shown.previous_secret_until, None);
}

#[tokio::test]
async fn health_shows_the_end_of_the_secret_before_until_it_has_ended() {
    let world = ConnectionWorld::with_token();
    let (gate, counts) = (MemoryGateStore::default(), FixedWorkCounts::default());
    world.connect("acme", "pat", Some("a")).await.unwrap();
    world.rotate(Some("b"), None).await.unwrap();
    let until = world.clock.now() + GRACE;
    let shown = health(&world, &gate, &counts).await.unwrap();
    assert_eq!(shown.previous_secret_until, Some(until));
    world.advance(GRACE);
    assert_eq!(health(&world, &gate, &counts).await.unwrap().previous_secret_until, None);
}
