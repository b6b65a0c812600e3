//! Sync on fakes: objects that are deleted, restored, erased and merged.

use sync_domain::model::{AttributeName, ChangeKind, ObjectType, VersionChange};
use sync_domain::ports::Clock;
use sync_domain::usecase::sync_changes::SyncOutcome::{Synced, Unchanged};

use crate::support::sync_world::{SyncWorld, person, values};

const CONTACT: ObjectType = ObjectType::Contact;

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
async fn erasure_in_parts_reaches_what_went_into_the_merged_ones_before() {
    let world = SyncWorld::new();
    let ada = world.known_contact("a@example.com", "Ada").await;
    let eve = world.known_contact("b@example.com", "Eve").await;
    let mut merged_before = Vec::new();
    for number in 0..22 {
        let other = world.known_contact(&format!("{number}@example.com"), "Other").await;
        merged_before.extend(world.portal.merge(CONTACT, (&ada, &other), true));
    }
    let merged = world.portal.merge(CONTACT, (&ada, &eve), false);
    let erased = world.portal.erase(CONTACT, &merged[0].external_id);
    for changes in [merged, merged_before, erased] {
        for _part in 0..3 {
            world.outcomes(changes.clone()).await;
        }
        assert_eq!(world.outcome(changes).await, Unchanged);
    }
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
