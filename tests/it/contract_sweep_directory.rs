//! A suite for the directory of connections that are swept, run against the table of the local cloud
//! in `e2e_table_contract`: it is the list of connections that keeps the directory. The fake is a mere
//! list that tests fill.

use std::time::Duration;

use jiff::Timestamp;
use sync_domain::model::{OwnerId, System, SystemKind, TenantId};
use sync_domain::ports::{
    AuthMode, ConnectionEntry, ConnectionLock, ConnectionRegistry, ConnectionStatus, Finish,
    LockOutcome, SWEEP_SLOTS, SweepDirectory, sweep_slot,
};
use uuid::Uuid;

const NOW: Timestamp = Timestamp::constant(1_790_000_000, 0);
const LEASE: Duration = Duration::from_secs(15);

fn tenant() -> TenantId {
    TenantId::parse(&format!("contract-{}", Uuid::new_v4().simple())).unwrap()
}

fn entry(status: ConnectionStatus) -> ConnectionEntry {
    ConnectionEntry {
        status,
        auth: AuthMode::ApiKey,
        account_id: "77".to_owned(),
        connected_at: NOW,
        token_version: 1,
        token_expires_at: None,
        key_properties: Vec::new(),
        webhook: None,
        gaps: Vec::new(),
    }
}

async fn end(
    registry: &dyn ConnectionRegistry,
    tenant: &TenantId,
    system: System,
    end: Finish<'_>,
) {
    let owner = OwnerId::new(Uuid::new_v4().to_string());
    let lock = ConnectionLock { tenant: tenant.clone(), system, owner, until: NOW + LEASE };
    let locked = registry.lock(&lock, NOW).await.unwrap();
    assert!(matches!(locked, LockOutcome::Locked(_)), "{locked:?}");
    registry.finish(&lock, &end, None).await.unwrap();
}

/// All connections of the slot.
async fn connections_in(
    directory: &dyn SweepDirectory,
    kind: SystemKind,
    slot: u32,
) -> Vec<(TenantId, System)> {
    let (mut all, mut after) = (Vec::new(), None::<String>);
    loop {
        let page = directory.slot(kind, slot, after.as_deref()).await.unwrap();
        all.extend(page.connections);
        match page.next {
            Some(next) => after = Some(next),
            None => return all,
        }
    }
}

/// Waits for the index, which may lag.
async fn assert_listed(
    directory: &dyn SweepDirectory,
    (tenant, system): (&TenantId, System),
    expected: usize,
) {
    let slot = sweep_slot(tenant, system);
    let mut listed = 0;
    for _try in 0..40 {
        let all = connections_in(directory, system.kind(), slot).await;
        listed = all.iter().filter(|it| **it == (tenant.clone(), system)).count();
        if listed == expected {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(listed, expected);
}

/// Whether a slot lists the tenant.
async fn lists(
    directory: &dyn SweepDirectory,
    (kind, slot): (SystemKind, u32),
    tenant: &TenantId,
) -> bool {
    connections_in(directory, kind, slot).await.iter().any(|(listed, _)| listed == tenant)
}

async fn connection_is_listed_in_its_slot_while_it_works(
    registry: &dyn ConnectionRegistry,
    directory: &dyn SweepDirectory,
    system: System,
) {
    let tenant = tenant();
    let (works, broken) = (entry(ConnectionStatus::Connected), entry(ConnectionStatus::Broken));
    let of = (&tenant, system);
    end(registry, &tenant, system, Finish::Unchanged).await;
    assert_listed(directory, of, 0).await;
    end(registry, &tenant, system, Finish::Connected(&works)).await;
    assert_listed(directory, of, 1).await;
    end(registry, &tenant, system, Finish::Unchanged).await;
    assert_listed(directory, of, 1).await;
    end(registry, &tenant, system, Finish::Updated(&broken)).await;
    assert_listed(directory, of, 0).await;
    end(registry, &tenant, system, Finish::Updated(&works)).await;
    assert_listed(directory, of, 1).await;
    let slot = sweep_slot(&tenant, system);
    assert!(!lists(directory, (system.kind(), (slot + 1) % SWEEP_SLOTS), &tenant).await);
    end(registry, &tenant, system, Finish::Removed).await;
    assert_listed(directory, of, 0).await;
}

async fn connection_is_listed_for_its_own_kind_alone(
    registry: &dyn ConnectionRegistry,
    directory: &dyn SweepDirectory,
) {
    let tenant = tenant();
    let works = entry(ConnectionStatus::Connected);
    end(registry, &tenant, System::Hubspot, Finish::Connected(&works)).await;
    end(registry, &tenant, System::Pipedrive, Finish::Connected(&works)).await;
    assert_listed(directory, (&tenant, System::Hubspot), 1).await;
    assert_listed(directory, (&tenant, System::Pipedrive), 1).await;
    for slot in 0..SWEEP_SLOTS {
        assert!(!lists(directory, (SystemKind::Booking, slot), &tenant).await, "slot {slot}");
    }
}

pub async fn whole_suite(registry: &dyn ConnectionRegistry, directory: &dyn SweepDirectory) {
    for system in [System::Acuity, System::Salesforce] {
        connection_is_listed_in_its_slot_while_it_works(registry, directory, system).await;
    }
    connection_is_listed_for_its_own_kind_alone(registry, directory).await;
}
