//! Sync on fakes: what becomes of each kind of change, one at a time.

use std::time::Duration;

use sync_domain::model::{
    Association, AttributeName, ChangeKind, ObjectType, Origin, Recency, VersionChange,
};
use sync_domain::ports::Clock;
use sync_domain::usecase::settle_work::Verdict;
use sync_domain::usecase::sync_changes::SyncOutcome::{Superseded, Synced, Unapplied, Unchanged};
use sync_testkit::PlatformWrite;

use crate::support::sync_world::{LEASE, SyncWorld, id, person, values};

const CONTACT: ObjectType = ObjectType::Contact;

#[tokio::test]
async fn created_object_is_stored_under_its_natural_key_with_a_pointer() {
    let world = SyncWorld::new();
    let id = world.known_contact("ada@example.com", "Ada").await;
    let record = world.contact("ada@example.com").unwrap();
    assert_eq!((record.version, record.origin), (1, Origin::Provider));
    assert_eq!(record.external_id.as_ref(), Some(&id));
    assert_eq!(world.pointer(&id).unwrap().record, Some(record.key));
    assert_eq!(world.told(), [VersionChange::Created]);
}

#[tokio::test]
async fn change_stores_a_version_once_however_often_it_is_delivered() {
    let world = SyncWorld::new();
    let id = world.known_contact("ada@example.com", "Ada").await;
    let changes = world.portal.update(CONTACT, &id, &values(&[(AttributeName::Lastname, "L")]));
    assert_eq!(world.outcome(changes.clone()).await, Synced);
    assert_eq!(world.outcome(changes.clone()).await, Unchanged);
    assert_eq!(world.outcome([changes.clone(), changes].concat()).await, Unchanged);
    assert_eq!(world.contact("ada@example.com").unwrap().version, 2);
    let versions = world.store.versions();
    assert_eq!(versions[1].change, VersionChange::Updated);
    assert_eq!(versions[1].differences.names(), ["lastname"]);
}

#[tokio::test]
async fn object_without_a_natural_key_is_stored_under_its_id_and_moves_when_it_gets_one() {
    let world = SyncWorld::new();
    let (id, changes) =
        world.portal.create(CONTACT, values(&[(AttributeName::Firstname, "Ada")])).unwrap();
    assert_eq!(world.outcome(changes).await, Synced);
    assert_eq!(world.contact_of_id(&id).unwrap().version, 1);
    let email = values(&[(AttributeName::Email, "ada@example.com")]);
    assert_eq!(world.outcome(world.portal.update(CONTACT, &id, &email)).await, Synced);
    assert_eq!(world.contact_of_id(&id), None);
    let record = world.contact("ada@example.com").unwrap();
    assert_eq!(record.version, 2, "the version goes on at the new place");
    assert_eq!(world.pointer(&id).unwrap().record, Some(record.key));
    assert_eq!(world.store.versions()[1].differences.names(), ["email"]);
}

#[tokio::test]
async fn contact_whose_email_changes_moves_and_one_that_loses_it_goes_to_its_id() {
    let world = SyncWorld::new();
    let id = world.known_contact("ada@example.com", "Ada").await;
    let other = values(&[(AttributeName::Email, "countess@example.com")]);
    assert_eq!(world.outcome(world.portal.update(CONTACT, &id, &other)).await, Synced);
    assert_eq!(world.contact("ada@example.com"), None);
    assert_eq!(world.contact("countess@example.com").unwrap().version, 2);
    let none = values(&[(AttributeName::Email, "")]);
    assert_eq!(world.outcome(world.portal.update(CONTACT, &id, &none)).await, Synced);
    assert_eq!(world.contact("countess@example.com"), None);
    assert_eq!(world.contact_of_id(&id).unwrap().version, 3);
}

#[tokio::test]
async fn place_that_is_given_up_stays_for_those_who_wait_for_it() {
    let world = SyncWorld::new();
    let id = world.known_contact("ada@example.com", "Ada").await;
    let key = world.key(CONTACT, "ada@example.com");
    world.store.queue_push(&world.scope(CONTACT), &key, "wanted");
    let other = values(&[(AttributeName::Email, "countess@example.com")]);
    assert_eq!(world.outcome(world.portal.update(CONTACT, &id, &other)).await, Synced);
    let left = world.contact("ada@example.com").unwrap();
    assert_eq!((left.version, left.queued, left.external_id), (0, 1, None));
}

#[tokio::test]
async fn company_without_a_reference_stays_where_the_platform_put_it() {
    let world = SyncWorld::new();
    let scope = world.scope(ObjectType::Company);
    let attributes =
        values(&[(AttributeName::Reference, "cmp-1"), (AttributeName::Name, "Engines")]);
    let (id, changes) = world.portal.create(ObjectType::Company, attributes).unwrap();
    assert_eq!(world.outcome(changes).await, Synced);
    // A portal without our key property tells no reference.
    let lost = values(&[(AttributeName::Reference, ""), (AttributeName::Name, "Engines Ltd")]);
    let changes = world.portal.update(ObjectType::Company, &id, &lost);
    assert_eq!(world.outcome(changes).await, Synced);
    let key = world.key(ObjectType::Company, "cmp-1");
    let record = world.store.record(&scope, &key).unwrap();
    assert_eq!(record.attributes.get(AttributeName::Name), Some("Engines Ltd"));
    assert_eq!(record.attributes.get(AttributeName::Reference), Some("cmp-1"));
}

#[tokio::test]
async fn two_contacts_that_swap_their_emails_keep_their_ids() {
    let world = SyncWorld::new();
    let ada = world.known_contact("a@example.com", "Ada").await;
    let eve = world.known_contact("b@example.com", "Eve").await;
    let email = |email| values(&[(AttributeName::Email, email)]);
    let mut changes = world.portal.update(CONTACT, &ada, &email("tmp@example.com"));
    changes.extend(world.portal.update(CONTACT, &eve, &email("a@example.com")));
    changes.extend(world.portal.update(CONTACT, &ada, &email("b@example.com")));
    assert_eq!(world.outcome(changes).await, Synced);
    for (email, id) in [("a@example.com", &eve), ("b@example.com", &ada)] {
        let record = world.contact(email).unwrap();
        assert_eq!(record.external_id.as_ref(), Some(id), "{email}");
        assert_eq!(world.pointer(id).unwrap().record, Some(record.key));
    }
    assert_eq!(world.store.records(&world.scope(CONTACT)).len(), 2);
}

#[tokio::test]
async fn contact_whose_email_another_one_took_waits_at_its_id_for_its_own_change() {
    let world = SyncWorld::new();
    let ada = world.known_contact("a@example.com", "Ada").await;
    let left =
        world.portal.update(CONTACT, &ada, &values(&[(AttributeName::Email, "n@example.com")]));
    let (eve, created) = world.portal.create(CONTACT, person("a@example.com", "Eve")).unwrap();
    assert_eq!(world.outcome(created).await, Synced);
    assert_eq!(world.contact("a@example.com").unwrap().external_id, Some(eve));
    let waiting = world.contact_of_id(&ada).unwrap();
    assert_eq!(waiting.attributes.get(AttributeName::Email), None);
    assert_eq!(waiting.attributes.get(AttributeName::Firstname), Some("Ada"));
    assert_eq!(world.pointer(&ada).unwrap().record, Some(waiting.key));
    assert_eq!(world.outcome(left).await, Synced);
    assert_eq!(world.contact("n@example.com").unwrap().external_id, Some(ada.clone()));
    assert_eq!(world.contact_of_id(&ada), None);
}

#[tokio::test]
async fn deleted_object_becomes_a_tombstone_that_comes_back_when_restored() {
    let world = SyncWorld::new();
    let id = world.known_contact("ada@example.com", "Ada").await;
    let deleted = world.portal.archive(CONTACT, &id);
    assert_eq!(world.outcome(deleted.clone()).await, Synced);
    let record = world.contact("ada@example.com").unwrap();
    assert!(record.tombstone.is_some() && record.version == 2);
    assert_eq!(record.attributes.get(AttributeName::Firstname), Some("Ada"), "kept until erased");
    assert_eq!(world.outcome(deleted.clone()).await, Unchanged);
    let restored = world.portal.restore(CONTACT, &id);
    assert_eq!(world.outcome(restored).await, Synced);
    assert_eq!(world.outcome(deleted).await, Unchanged, "a late repeat reads a living object");
    assert!(world.contact("ada@example.com").unwrap().is_live());
    let told = [VersionChange::Created, VersionChange::Deleted, VersionChange::Restored];
    assert_eq!(world.told(), told);
}

#[tokio::test]
async fn deletion_of_an_unknown_object_is_no_event_and_keeps_older_states_out() {
    let world = SyncWorld::new();
    let (id, created) = world.portal.create(CONTACT, person("ada@example.com", "Ada")).unwrap();
    let deleted = world.portal.archive(CONTACT, &id);
    assert_eq!(world.outcome(deleted).await, Unchanged);
    assert_eq!(world.outcome(created).await, Unchanged);
    assert!(world.store.records(&world.scope(CONTACT)).is_empty());
    assert!(world.pointer(&id).unwrap().gone.is_some());
    assert!(world.told().is_empty());
    assert_eq!(world.outcome(world.portal.restore(CONTACT, &id)).await, Synced);
}

#[tokio::test]
async fn erased_person_leaves_nothing_but_a_tombstone_at_the_id() {
    let world = SyncWorld::new();
    let scope = world.scope(CONTACT);
    let id = world.known_contact("ada@example.com", "Ada").await;
    let key = world.key(CONTACT, "ada@example.com");
    world.store.queue_push(&scope, &key, "ada's wanted values");
    let erased = world.portal.erase(CONTACT, &id);
    assert_eq!(world.outcome(erased.clone()).await, Synced);
    assert_eq!(world.contact("ada@example.com"), None);
    assert!(world.store.queued_pushes(&scope, &key).is_empty());
    let tombstone = world.contact_of_id(&id).unwrap();
    assert!(tombstone.tombstone.is_some());
    assert_eq!(tombstone.version, 2);
    assert_eq!(tombstone.attributes, Default::default());
    let pointer = world.pointer(&id).unwrap();
    assert!(pointer.is_erased && pointer.record == Some(tombstone.key));
    assert_eq!(world.outcome(erased).await, Unchanged);
    assert_eq!(world.told(), [VersionChange::Created, VersionChange::Erased]);
    assert_eq!(world.store.versions()[1].attributes, Default::default(), "no tokens");
}

#[tokio::test]
async fn erasure_of_an_unknown_person_is_remembered_and_told_to_nobody() {
    let world = SyncWorld::new();
    let (id, created) = world.portal.create(CONTACT, person("ada@example.com", "Ada")).unwrap();
    let erased = world.portal.erase(CONTACT, &id);
    assert_eq!(world.outcome(erased).await, Unchanged);
    assert!(world.pointer(&id).unwrap().is_erased);
    assert_eq!(world.outcome(created).await, Unchanged);
    assert!(world.told().is_empty());
}

#[tokio::test]
async fn erasure_reaches_the_records_that_went_into_the_erased_one() {
    let world = SyncWorld::new();
    let ada = world.known_contact("a@example.com", "Ada").await;
    let eve = world.known_contact("b@example.com", "Eve").await;
    let merged = world.portal.merge(CONTACT, (&ada, &eve), false);
    let survivor = merged[0].external_id.clone();
    assert_eq!(world.outcome(merged.clone()).await, Synced);
    assert!(world.contact("b@example.com").unwrap().tombstone.is_some());
    assert_eq!(world.outcome(world.portal.erase(CONTACT, &survivor)).await, Synced);
    for record in world.store.records(&world.scope(CONTACT)) {
        assert_eq!(record.attributes, Default::default());
        let of_id = world.id_key(CONTACT, record.external_id.as_ref().unwrap());
        assert_eq!(record.key, of_id, "a key made of an email names the person");
    }
    for id in [&ada, &eve, &survivor] {
        let pointer = world.pointer(id).unwrap();
        assert!(pointer.is_erased, "{id}");
        let of_id = world.id_key(CONTACT, id);
        assert!(pointer.record.is_none_or(|key| key == of_id), "{id}");
    }
    assert_eq!(world.outcome(merged).await, Unchanged, "a late repeat");
}

#[tokio::test]
async fn merge_that_is_told_after_the_erasure_erases_what_went_in() {
    let world = SyncWorld::new();
    let ada = world.known_contact("a@example.com", "Ada").await;
    let eve = world.known_contact("b@example.com", "Eve").await;
    let merged = world.portal.merge(CONTACT, (&ada, &eve), false);
    let survivor = merged[0].external_id.clone();
    assert_eq!(world.outcome(world.portal.erase(CONTACT, &survivor)).await, Unchanged);
    assert_eq!(world.outcome(merged).await, Synced);
    for record in world.store.records(&world.scope(CONTACT)) {
        assert_eq!(record.attributes, Default::default());
    }
}

#[tokio::test]
async fn merged_objects_lead_to_the_one_that_is_left() {
    for keeps_id in [false, true] {
        let world = SyncWorld::new();
        let ada = world.known_contact("a@example.com", "Ada").await;
        let eve = world.known_contact("b@example.com", "Eve").await;
        let merged = world.portal.merge(CONTACT, (&ada, &eve), keeps_id);
        let survivor = merged[0].external_id.clone();
        assert_eq!(world.outcome(merged.clone()).await, Synced);
        let record = world.contact("a@example.com").unwrap();
        assert_eq!(record.external_id.as_ref(), Some(&survivor));
        let lost = world.contact("b@example.com").unwrap().tombstone.unwrap();
        assert_eq!(lost.merged_into.as_ref(), Some(&survivor));
        for id in &merged[0].merged_ids {
            let pointer = world.pointer(id).unwrap();
            assert_eq!(pointer.merged_into.as_ref(), Some(&survivor));
            assert_eq!(pointer.record.as_ref(), Some(&record.key));
        }
        assert_eq!(world.outcome(merged).await, Unchanged);
        let told = world.store.versions();
        let of_lost = told.iter().find(|it| it.change == VersionChange::Merged).unwrap();
        assert_eq!(of_lost.merged_into.as_ref(), Some(&survivor));
        assert_eq!(of_lost.external_id, eve);
    }
}

#[tokio::test]
async fn merge_is_recognised_without_its_event_and_in_any_order_with_deletions() {
    for resolves_merged in [true, false] {
        for order in [["lost", "merged"], ["merged", "lost"], ["lost", "kept"], ["kept", "lost"]] {
            let world = SyncWorld::with_quirks(0, resolves_merged);
            let ada = world.known_contact("a@example.com", "Ada").await;
            let eve = world.known_contact("b@example.com", "Eve").await;
            let merged = world.portal.merge(CONTACT, (&ada, &eve), false);
            let survivor = merged[0].external_id.clone();
            let lost = world.portal.change(CONTACT, &eve, ChangeKind::Deleted, world.clock.now());
            let kept = values(&[(AttributeName::Lastname, "Lovelace")]);
            let kept = world.portal.update(CONTACT, &survivor, &kept);
            for step in order {
                let changes = match step {
                    "lost" => vec![lost.clone()],
                    "merged" => merged.clone(),
                    _ => kept.clone(),
                };
                let outcome = world.outcome(changes).await;
                assert!(matches!(outcome, Synced | Unchanged), "{order:?}: {outcome:?}");
            }
            let record = world.contact("a@example.com").unwrap();
            assert_eq!(record.external_id.as_ref(), Some(&survivor), "{order:?}");
            assert!(record.is_live());
            let lost = world.contact("b@example.com").unwrap().tombstone.unwrap();
            assert_eq!(lost.merged_into.as_ref(), Some(&survivor), "{order:?}");
            for id in [&ada, &eve] {
                let pointer = world.pointer(id).unwrap();
                assert_eq!(pointer.merged_into.as_ref(), Some(&survivor), "{order:?}");
            }
        }
    }
}

#[tokio::test]
async fn association_change_is_stored_though_the_version_stays() {
    let world = SyncWorld::new();
    let id = world.known_contact("ada@example.com", "Ada").await;
    world.portal.page_associations(1);
    let company = |id: &str| Association::from_stored(&format!("company:{id}")).unwrap();
    for company in [company("1"), company("2"), company("3")] {
        let changes = world.portal.associate(CONTACT, &id, &company, true);
        assert_eq!(world.outcome(changes).await, Synced);
    }
    let changes = world.portal.associate(CONTACT, &id, &company("2"), false);
    assert_eq!(world.outcome(changes.clone()).await, Synced);
    assert_eq!(world.outcome(changes).await, Unchanged);
    let stored = world.contact("ada@example.com").unwrap().associations;
    assert_eq!(stored.into_iter().collect::<Vec<_>>(), [company("1"), company("3")]);
    assert_eq!(world.store.versions().last().unwrap().differences.names(), ["associations"]);
}

#[tokio::test]
async fn change_of_a_property_leaves_the_associations_alone() {
    let world = SyncWorld::new();
    let id = world.known_contact("ada@example.com", "Ada").await;
    let company = Association::from_stored("company:1").unwrap();
    world.outcome(world.portal.associate(CONTACT, &id, &company, true)).await;
    let changes = world.portal.update(CONTACT, &id, &values(&[(AttributeName::Lastname, "L")]));
    assert_eq!(world.outcome(changes).await, Synced);
    assert_eq!(world.contact("ada@example.com").unwrap().associations, [company].into());
}

/// Stores what an upsert of ours would, and returns what the portal tells of it.
fn upserted(
    world: &SyncWorld,
    email: &str,
    firstname: &str,
) -> Vec<sync_domain::model::ObjectChange> {
    let scope = world.scope(CONTACT);
    let (key, lock) = (world.key(CONTACT, email), world.lock("upsert"));
    assert!(world.store.lock(&scope, &key, lock.clone(), world.clock.now()));
    let read_at_ms = world.clock.now().as_millisecond();
    let written =
        world.portal.upsert(CONTACT, AttributeName::Email, &person(email, firstname)).unwrap();
    let provider_version_ms = written.provider_version_ms;
    let write = PlatformWrite {
        key,
        lock,
        external_id: written.external_id,
        attributes: written.attributes,
        associations: Vec::new(),
        recency: Recency { provider_version_ms, read_at_ms },
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
        recency: Recency { provider_version_ms: i64::MAX, read_at_ms: i64::MAX },
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
        recency: Recency { provider_version_ms: future_ms, read_at_ms: 0 },
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
        .sync_with(
            &sync_testkit::MemoryConnections::with_tenants(&[&world.tenant]),
            &world.store,
            vec![change],
        )
        .await;
    assert_eq!(report.outcomes, [Superseded]);
    let stored = world.contact("ada@example.com").unwrap();
    assert_eq!(stored.attributes.get(AttributeName::Firstname), Some("Ada"));
}

#[tokio::test]
async fn item_that_can_not_be_read_takes_nobody_with_it() {
    let world = SyncWorld::new();
    let ada = world.known_contact("a@example.com", "Ada").await;
    let eve = world.known_contact("b@example.com", "Eve").await;
    world.store.spoil(&world.key(CONTACT, "a@example.com"));
    let name = values(&[(AttributeName::Lastname, "L")]);
    let mut changes = world.portal.update(CONTACT, &ada, &name);
    changes.extend(world.portal.update(CONTACT, &eve, &name));
    let outcomes = world.outcomes(changes).await;
    assert!(matches!(outcomes[0], Unapplied(Verdict::Dead(_))), "{outcomes:?}");
    assert_eq!(outcomes[1], Synced);
    assert_eq!(world.pointer(&id("none")), None);
}
