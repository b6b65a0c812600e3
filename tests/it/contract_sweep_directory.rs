//! A suite for the directory of connections that are swept, run against the table of the local cloud
//! in `e2e_table_contract`: it is the list of connections that keeps the directory. The fake is a mere
//! list that tests fill.

use std::time::Duration;

use jiff::Timestamp;
use sync_domain::model::{OwnerId, System, TenantId};
use sync_domain::ports::{
    AuthMode, ConnectionEntry, ConnectionLock, ConnectionRegistry, ConnectionStatus, Finish,
    LockOutcome, SweepDirectory, sweep_slot,
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
async fn connections_in(directory: &dyn SweepDirectory, slot: u32) -> Vec<(TenantId, System)> {
    let (mut all, mut after) = (Vec::new(), None::<String>);
    loop {
        let page = directory.slot(slot, after.as_deref()).await.unwrap();
        all.extend(page.connections);
        match page.next {
            Some(next) => after = Some(next),
            None => return all,
        }
    }
}

/// Waits for the index, which may lag.
async fn assert_listed(directory: &dyn SweepDirectory, tenant: &TenantId, expected: usize) {
    let slot = sweep_slot(tenant, System::Acuity);
    let mut listed = 0;
    for _try in 0..40 {
        let all = connections_in(directory, slot).await;
        listed = all.iter().filter(|it| **it == (tenant.clone(), System::Acuity)).count();
        if listed == expected {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(listed, expected);
}

async fn connection_is_listed_in_its_slot_while_it_works(
    registry: &dyn ConnectionRegistry,
    directory: &dyn SweepDirectory,
) {
    let tenant = tenant();
    let (works, broken) = (entry(ConnectionStatus::Connected), entry(ConnectionStatus::Broken));
    let acuity = System::Acuity;
    end(registry, &tenant, acuity, Finish::Unchanged).await;
    assert_listed(directory, &tenant, 0).await;
    end(registry, &tenant, acuity, Finish::Connected(&works)).await;
    assert_listed(directory, &tenant, 1).await;
    end(registry, &tenant, acuity, Finish::Unchanged).await;
    assert_listed(directory, &tenant, 1).await;
    end(registry, &tenant, acuity, Finish::Updated(&broken)).await;
    assert_listed(directory, &tenant, 0).await;
    end(registry, &tenant, acuity, Finish::Updated(&works)).await;
    assert_listed(directory, &tenant, 1).await;
    let slot = sweep_slot(&tenant, acuity);
    let elsewhere = connections_in(directory, (slot + 1) % 12).await;
    assert!(elsewhere.iter().all(|(listed, _)| *listed != tenant));
    end(registry, &tenant, acuity, Finish::Removed).await;
    assert_listed(directory, &tenant, 0).await;
}

async fn connection_of_a_crm_is_not_listed(
    registry: &dyn ConnectionRegistry,
    directory: &dyn SweepDirectory,
) {
    let tenant = tenant();
    let works = entry(ConnectionStatus::Connected);
    end(registry, &tenant, System::Hubspot, Finish::Connected(&works)).await;
    for slot in 0..12 {
        let listed = connections_in(directory, slot).await;
        assert!(listed.iter().all(|(listed, _)| *listed != tenant), "slot {slot}");
    }
}

pub async fn whole_suite(registry: &dyn ConnectionRegistry, directory: &dyn SweepDirectory) {
    connection_is_listed_in_its_slot_while_it_works(registry, directory).await;
    connection_of_a_crm_is_not_listed(registry, directory).await;
}
