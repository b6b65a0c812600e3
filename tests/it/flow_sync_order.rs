//! Sync on fakes: our own writes that come back, upserts that are at a record, and states that come
//! after newer ones.

use std::time::Duration;

use sync_domain::model::{
    Association, AttributeName, ChangeKind, ObjectChange, ObjectType, Origin, Recency,
};
use sync_domain::ports::{Clock, CommitOutcome, PointerWrite, RecordCommit, RecordStore};
use sync_domain::usecase::settle_work::Verdict;
use sync_domain::usecase::sync_changes::SyncOutcome::{Superseded, Synced, Unapplied, Unchanged};
use sync_testkit::{MemoryConnections, PlatformWrite};

use crate::support::sync_world::{LEASE, SyncWorld, person, values};

const CONTACT: ObjectType = ObjectType::Contact;

/// Stores what an upsert of ours would, and returns what the portal tells of it.
fn upserted(world: &SyncWorld, email: &str, firstname: &str) -> Vec<ObjectChange> {
    let scope = world.scope(CONTACT);
    let (key, lock) = (world.key(CONTACT, email), world.lock("upsert"));
    assert!(world.store.lock(&scope, &key, lock.clone(), world.clock.now()));
    let read_at_ms = world.clock.now().as_millisecond();
    let written =
        world.portal.upsert(CONTACT, AttributeName::Email, &person(email, firstname)).unwrap();
    let provider_version = written.provider_version;
    let write = PlatformWrite {
        key,
        lock,
        external_id: written.external_id,
        attributes: written.attributes,
        associations: Vec::new(),
        recency: Recency { provider_version, read_at_ms },
        synced_at: world.clock.now(),
    };
    assert!(world.store.complete_upsert(&scope, write));
    written.changes
}

#[tokio::test]
async fn echo_of_our_own_write_is_no_change() {
    let world = SyncWorld::new();
    for firstname in ["Ada", "Augusta"] {
        let echo = upserted(&world, "ada@example.com", firstname);
        let told = world.told().len();
        assert_eq!(world.outcome(echo).await, Unchanged);
        assert_eq!(world.told().len(), told);
        assert_eq!(world.store.calls().1, Vec::<usize>::new(), "nothing is written");
    }
    assert_eq!(world.contact("ada@example.com").unwrap().origin, Origin::Platform);
}

#[tokio::test]
async fn upsert_that_is_at_the_record_is_waited_for() {
    let world = SyncWorld::new();
    let id = world.known_contact("ada@example.com", "Ada").await;
    let (scope, key) = (world.scope(CONTACT), world.key(CONTACT, "ada@example.com"));
    world.store.lock(&scope, &key, world.lock("alive"), world.clock.now());
    let changes = world.portal.update(CONTACT, &id, &values(&[(AttributeName::Lastname, "L")]));
    let outcome = world.outcome(changes.clone()).await;
    let is_short = |after: Duration| (1..=5).contains(&after.as_secs());
    assert!(
        matches!(outcome, Unapplied(Verdict::Wait { after }) if is_short(after)),
        "{outcome:?}"
    );
    assert_eq!(world.contact("ada@example.com").unwrap().version, 1);
}

#[tokio::test]
async fn lock_of_a_dead_upsert_goes_and_the_dead_can_not_finish() {
    let world = SyncWorld::new();
    let id = world.known_contact("ada@example.com", "Ada").await;
    let (scope, key) = (world.scope(CONTACT), world.key(CONTACT, "ada@example.com"));
    let lock = world.lock("dead");
    world.store.lock(&scope, &key, lock.clone(), world.clock.now());
    let changes = world.portal.update(CONTACT, &id, &values(&[(AttributeName::Lastname, "L")]));
    world.clock.advance(LEASE);
    assert_eq!(world.outcome(changes).await, Synced);
    assert_eq!(world.contact("ada@example.com").unwrap().lock, None);
    let late = PlatformWrite {
        key,
        lock,
        external_id: id,
        attributes: person("ada@example.com", "Late"),
        associations: Vec::new(),
        recency: Recency { provider_version: i64::MAX, read_at_ms: i64::MAX },
        synced_at: world.clock.now(),
    };
    assert!(!world.store.complete_upsert(&scope, late));
}

#[tokio::test]
async fn state_from_before_a_stored_one_changes_nothing() {
    let world = SyncWorld::new();
    let contact = world.known_contact("ada@example.com", "Ada").await;
    // What a slow worker has read, stored after what a quick one read later: here the other way
    // round, by a provider that answers from a copy of yesterday.
    let (scope, key) = (world.scope(CONTACT), world.key(CONTACT, "ada@example.com"));
    let lock = world.lock("upsert");
    world.store.lock(&scope, &key, lock.clone(), world.clock.now());
    let future_ms = world.clock.now().as_millisecond() + 60_000;
    let write = PlatformWrite {
        key,
        lock,
        external_id: contact.clone(),
        attributes: person("ada@example.com", "Newer"),
        associations: Vec::new(),
        recency: Recency { provider_version: future_ms, read_at_ms: 0 },
        synced_at: world.clock.now(),
    };
    assert!(world.store.complete_upsert(&scope, write));
    let change = world.portal.change(CONTACT, &contact, ChangeKind::Properties, world.clock.now());
    let outcome = world.outcome(vec![change]).await;
    assert!(matches!(outcome, Unapplied(Verdict::Wait { .. })), "ours: read again: {outcome:?}");
    let stored = world.contact("ada@example.com").unwrap();
    assert_eq!(stored.attributes.get(AttributeName::Firstname), Some("Newer"));
}

#[tokio::test]
async fn older_state_of_the_provider_is_superseded() {
    let world = SyncWorld::with_quirks(60_000, true);
    let contact = world.known_contact("ada@example.com", "Ada").await;
    let older = SyncWorld::new();
    let (same, _) = older.portal.create(CONTACT, person("ada@example.com", "Older")).unwrap();
    assert_eq!(same, contact);
    let change = older.portal.change(CONTACT, &contact, ChangeKind::Properties, older.clock.now());
    let report = older
        .sync_with(&MemoryConnections::with_tenants(&[&world.tenant]), &world.store, vec![change])
        .await;
    assert_eq!(report.outcomes, [Superseded]);
    let stored = world.contact("ada@example.com").unwrap();
    assert_eq!(stored.attributes.get(AttributeName::Firstname), Some("Ada"));
}

#[tokio::test]
async fn associations_outlive_upserts_that_part_the_object_from_its_record() {
    let world = SyncWorld::new();
    let ada = world.known_contact("ada@example.com", "Ada").await;
    let company = Association::from_stored("company:1").unwrap();
    let associated = world.portal.associate(CONTACT, &ada, &company, true);
    assert_eq!(world.outcome(associated).await, Synced);
    let other = values(&[(AttributeName::Email, "countess@example.com")]);
    let moved = world.portal.update(CONTACT, &ada, &other);
    // Another object takes her place, and she gets a record elsewhere, before we hear of the move.
    let taken = upserted(&world, "ada@example.com", "Eve");
    upserted(&world, "countess@example.com", "Augusta");
    world.outcomes([moved, taken].concat()).await;
    let record = world.contact("countess@example.com").unwrap();
    assert_eq!(record.external_id, Some(ada));
    assert_eq!(record.associations, [company].into());
    assert!(world.contact("ada@example.com").unwrap().associations.is_empty());
}

#[tokio::test]
async fn way_to_another_place_and_back_is_noticed() {
    let world = SyncWorld::new();
    let ada = world.known_contact("ada@example.com", "Ada").await;
    let seen = world.pointer(&ada).unwrap();
    for email in ["countess@example.com", "ada@example.com"] {
        let moved = world.portal.update(CONTACT, &ada, &values(&[(AttributeName::Email, email)]));
        assert_eq!(world.outcome(moved).await, Synced);
    }
    assert_eq!(world.pointer(&ada).unwrap().record, seen.record);
    let write = PointerWrite { external_id: ada, seen: Some(seen.clone()), pointer: seen };
    let commit = RecordCommit { records: Vec::new(), pointers: vec![write] };
    let outcome = world.store.commit(&world.scope(CONTACT), &commit).await.unwrap();
    assert_eq!(outcome, CommitOutcome::Overtaken);
}
