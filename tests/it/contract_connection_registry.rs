//! One suite for the list of connections and the account pointers, run against the fake here and
//! against the table of the local cloud in `e2e_table_contract`.

use std::time::Duration;

use jiff::Timestamp;
use sync_domain::model::{
    AuditAction, AuditEntry, CorrelationId, ObjectType, OwnerId, System, TenantId,
};
use sync_domain::ports::{
    AccountClaim, AccountDirectory, AccountGap, AccountOwner, AccountRegistry, AuthMode,
    ConnectionEntry, ConnectionLock, ConnectionRegistry, ConnectionStatus, Fenced, Finish, Found,
    HookStatus, LockOutcome,
};
use sync_testkit::MemoryRegistry;
use uuid::Uuid;

const SYSTEM: System = System::Hubspot;
const LEASE: Duration = Duration::from_secs(15);
const NOW: Timestamp = Timestamp::constant(1_790_000_000, 0);

/// A tenant of its own at a registry.
struct Bench<'a> {
    registry: &'a dyn ConnectionRegistry,
    tenant: TenantId,
}

impl<'a> Bench<'a> {
    fn new(registry: &'a dyn ConnectionRegistry) -> Self {
        let tenant = format!("contract-{}", Uuid::new_v4().simple());
        Self { registry, tenant: TenantId::parse(&tenant).unwrap() }
    }

    fn lock(&self, owner: &str) -> ConnectionLock {
        let owner = OwnerId::new(owner);
        ConnectionLock { tenant: self.tenant.clone(), system: SYSTEM, owner, until: NOW + LEASE }
    }

    async fn take(&self, owner: &str, now: Timestamp) -> LockOutcome {
        let lock = ConnectionLock { until: now + LEASE, ..self.lock(owner) };
        self.registry.lock(&lock, now).await.unwrap()
    }

    async fn found(&self, owner: &str) -> Found {
        match self.take(owner, NOW).await {
            LockOutcome::Locked(found) => found,
            held @ LockOutcome::Held { .. } => panic!("{held:?}"),
        }
    }

    async fn finish(&self, owner: &str, finish: &Finish<'_>) -> Fenced {
        self.registry.finish(&self.lock(owner), finish, Some(&self.audit())).await.unwrap()
    }

    fn audit(&self) -> AuditEntry {
        AuditEntry {
            id: Uuid::new_v4().to_string(),
            tenant: self.tenant.clone(),
            action: AuditAction::ConnectionCreated,
            route: "contract".to_owned(),
            correlation_id: CorrelationId::parse("contract").unwrap(),
            occurred_at: NOW,
            operator: None,
        }
    }

    async fn entry(&self) -> Option<ConnectionEntry> {
        self.registry.entry(&self.tenant, SYSTEM).await.unwrap()
    }
}

fn entry(account_id: &str, token_version: u64) -> ConnectionEntry {
    ConnectionEntry {
        status: ConnectionStatus::Connected,
        auth: AuthMode::Oauth,
        account_id: account_id.to_owned(),
        connected_at: NOW,
        token_version,
        token_expires_at: Some(NOW + LEASE),
        key_properties: vec![ObjectType::Company],
        webhook: Some(HookStatus::NoRoom),
        gaps: Vec::new(),
    }
}

async fn lock_keeps_others_out_until_it_ends(registry: &dyn ConnectionRegistry) {
    let bench = Bench::new(registry);
    assert_eq!(bench.found("one").await, Found::default());
    assert_eq!(bench.take("two", NOW).await, LockOutcome::Held { until: NOW + LEASE });
    assert_eq!(bench.found("one").await, Found::default(), "one's own lock is no obstacle");
    let LockOutcome::Locked(found) = bench.take("two", NOW + LEASE).await else { panic!("held") };
    assert!(found.took_over);
    assert_eq!(bench.registry.renew(&bench.lock("one")).await.unwrap(), Fenced::Lost);
    assert_eq!(bench.registry.renew(&bench.lock("two")).await.unwrap(), Fenced::Done);
    assert_eq!(bench.entry().await, None, "a lock is no connection");
}

async fn renewed_lock_lasts_longer(registry: &dyn ConnectionRegistry) {
    let bench = Bench::new(registry);
    bench.found("one").await;
    let longer = ConnectionLock { until: NOW + LEASE * 2, ..bench.lock("one") };
    assert_eq!(bench.registry.renew(&longer).await.unwrap(), Fenced::Done);
    let held = LockOutcome::Held { until: NOW + LEASE * 2 };
    assert_eq!(bench.take("two", NOW + LEASE).await, held);
}

async fn ends_write_the_entry_and_give_the_lock_back(registry: &dyn ConnectionRegistry) {
    let bench = Bench::new(registry);
    bench.found("one").await;
    let first = entry("77", 1);
    assert_eq!(bench.finish("one", &Finish::Connected(&first)).await, Fenced::Done);
    assert_eq!(bench.entry().await, Some(first.clone()));
    let found = bench.found("two").await;
    assert_eq!(found, Found { entry: Some(first.clone()), ..Found::default() });
    let second = ConnectionEntry {
        status: ConnectionStatus::Broken,
        token_expires_at: None,
        key_properties: Vec::new(),
        webhook: None,
        ..entry("77", 2)
    };
    assert_eq!(bench.finish("two", &Finish::Updated(&second)).await, Fenced::Done);
    assert_eq!(bench.entry().await, Some(second.clone()));
    bench.found("three").await;
    assert_eq!(bench.finish("three", &Finish::Unchanged).await, Fenced::Done);
    assert_eq!(bench.entry().await, Some(second));
    bench.found("four").await;
    assert_eq!(bench.finish("four", &Finish::Removed).await, Fenced::Done);
    assert_eq!((bench.entry().await, bench.found("five").await), (None, Found::default()));
}

async fn entries_of_every_way_to_connect_come_back_as_they_were(registry: &dyn ConnectionRegistry) {
    for auth in AuthMode::ALL {
        let bench = Bench::new(registry);
        bench.found("one").await;
        let key_properties = ObjectType::ALL.to_vec();
        let written = ConnectionEntry { auth, key_properties, ..entry("77", 1) };
        bench.finish("one", &Finish::Connected(&written)).await;
        assert_eq!(bench.entry().await, Some(written), "{auth:?}");
    }
}

async fn gaps_come_back_as_they_were_and_go_with_the_next_entry(registry: &dyn ConnectionRegistry) {
    let bench = Bench::new(registry);
    bench.found("one").await;
    let gaps = vec![
        AccountGap::Scope("APPOINTMENTS_ALL_READ".to_owned()),
        AccountGap::Plan("support_seller_level_writes".to_owned()),
    ];
    let lacking = ConnectionEntry { gaps, ..entry("77", 1) };
    bench.finish("one", &Finish::Connected(&lacking)).await;
    assert_eq!(bench.entry().await, Some(lacking.clone()));
    assert_eq!(bench.found("two").await.entry, Some(lacking), "who locks it finds them, too");
    bench.finish("two", &Finish::Updated(&entry("77", 2))).await;
    assert_eq!(bench.entry().await, Some(entry("77", 2)));
}

async fn ends_of_a_lost_lock_change_nothing(registry: &dyn ConnectionRegistry) {
    let bench = Bench::new(registry);
    bench.found("one").await;
    bench.finish("one", &Finish::Connected(&entry("77", 1))).await;
    bench.found("old").await;
    assert!(matches!(bench.take("new", NOW + LEASE).await, LockOutcome::Locked(_)));
    let other = entry("78", 9);
    for end in [
        Finish::Connected(&other),
        Finish::Updated(&other),
        Finish::Unchanged,
        Finish::AccountGivenUp,
        Finish::Removed,
    ] {
        assert_eq!(bench.finish("old", &end).await, Fenced::Lost, "{end:?}");
    }
    let noted = bench.registry.note_claim(&bench.lock("old"), "78").await.unwrap();
    assert_eq!((noted, bench.entry().await), (Fenced::Lost, Some(entry("77", 1))));
    assert!(matches!(bench.take("late", NOW + LEASE).await, LockOutcome::Held { .. }));
}

async fn noted_claim_stays_until_it_is_settled(registry: &dyn ConnectionRegistry) {
    let bench = Bench::new(registry);
    bench.found("one").await;
    assert_eq!(bench.registry.note_claim(&bench.lock("one"), "77").await.unwrap(), Fenced::Done);
    assert_eq!(bench.finish("one", &Finish::Unchanged).await, Fenced::Done);
    assert_eq!(bench.found("two").await.claiming.as_deref(), Some("77"));
    bench.finish("two", &Finish::Updated(&entry("11", 1))).await;
    let found = bench.found("three").await;
    assert_eq!((found.claiming.as_deref(), found.entry), (Some("77"), Some(entry("11", 1))));
    bench.finish("three", &Finish::AccountGivenUp).await;
    let found = bench.found("four").await;
    assert_eq!((found.claiming, found.entry), (None, Some(entry("11", 1))));
    bench.registry.note_claim(&bench.lock("four"), "77").await.unwrap();
    bench.finish("four", &Finish::Connected(&entry("77", 2))).await;
    assert_eq!(bench.found("five").await.claiming, None);
}

/// An item that was only made to be locked goes with the lock.
async fn first_lock_leaves_nothing_behind(registry: &dyn ConnectionRegistry) {
    for end in [Finish::Unchanged, Finish::AccountGivenUp] {
        let bench = Bench::new(registry);
        bench.found("one").await;
        if matches!(end, Finish::AccountGivenUp) {
            bench.registry.note_claim(&bench.lock("one"), "77").await.unwrap();
        }
        assert_eq!(bench.finish("one", &end).await, Fenced::Done);
        assert_eq!(bench.found("two").await, Found::default(), "{end:?}");
    }
}

async fn account_belongs_to_the_tenant_that_claims_it_first<T>(table: &T)
where
    T: AccountRegistry + AccountDirectory,
{
    let account_id = Uuid::new_v4().as_u128().to_string();
    let owner = |name: &str, auth| AccountOwner { tenant: TenantId::parse(name).unwrap(), auth };
    let (acme, globex) = (owner("acme", AuthMode::PrivateApp), owner("globex", AuthMode::Oauth));
    let claim = async |by: &AccountOwner| table.claim(SYSTEM, &account_id, by).await.unwrap();
    let owner_now = async || table.owner(SYSTEM, &account_id).await.unwrap();
    assert_eq!(owner_now().await, None);
    assert_eq!(claim(&acme).await, AccountClaim::Owned);
    assert_eq!(claim(&globex).await, AccountClaim::Taken);
    assert_eq!(owner_now().await, Some(acme.clone()));
    let by_oauth = owner("acme", AuthMode::Oauth);
    assert_eq!(claim(&by_oauth).await, AccountClaim::Owned, "claimed again, in another way");
    table.release(SYSTEM, &account_id, &globex.tenant).await.unwrap();
    assert_eq!(owner_now().await, Some(by_oauth), "another's is not released");
    table.release(SYSTEM, &account_id, &acme.tenant).await.unwrap();
    table.release(SYSTEM, &account_id, &acme.tenant).await.unwrap();
    assert_eq!(owner_now().await, None);
    assert_eq!(claim(&globex).await, AccountClaim::Owned);
    for auth in AuthMode::ALL {
        assert_eq!(claim(&owner("globex", auth)).await, AccountClaim::Owned);
        assert_eq!(owner_now().await, Some(owner("globex", auth)), "{auth:?}");
    }
}

pub async fn whole_suite<T>(table: &T)
where
    T: ConnectionRegistry + AccountRegistry + AccountDirectory,
{
    lock_keeps_others_out_until_it_ends(table).await;
    renewed_lock_lasts_longer(table).await;
    ends_write_the_entry_and_give_the_lock_back(table).await;
    entries_of_every_way_to_connect_come_back_as_they_were(table).await;
    gaps_come_back_as_they_were_and_go_with_the_next_entry(table).await;
    ends_of_a_lost_lock_change_nothing(table).await;
    noted_claim_stays_until_it_is_settled(table).await;
    first_lock_leaves_nothing_behind(table).await;
    account_belongs_to_the_tenant_that_claims_it_first(table).await;
}

#[tokio::test]
async fn memory_registry_keeps_the_contract() {
    whole_suite(&MemoryRegistry::default()).await;
}
