//! Sync on fakes: what becomes of each kind of change, one at a time.

use sync_domain::model::{Association, AttributeName, ObjectType, Origin, VersionChange};
use sync_domain::usecase::settle_work::Verdict;
use sync_domain::usecase::sync_changes::SyncOutcome::{Synced, Unapplied, Unchanged};

use crate::support::sync_world::{SyncWorld, id, person, values};

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
