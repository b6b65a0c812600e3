//! Companies, deals and associations on fakes: one unit of work, whatever happens in between.

use serde_json::{Value, json};
use sync_domain::model::UpsertStatus::{Created, Noop, Updated};
use sync_domain::model::{Association, AttributeName, ExternalId, ObjectType, UpsertStatus};
use sync_domain::ports::{ProviderError, RemoteEffect};
use sync_domain::usecase::upsert_record::{UpsertError, UpsertOutcome, UpsertStats};
use sync_testkit::GatewayFault::{Fail, FailAfterEffect};

use crate::support::upsert_world::{LEASE, World, done};

fn deal() -> Value {
    json!({"reference": "d-1", "name": "Big one", "amount": "100"})
}

fn ends() -> Value {
    json!([
        {"type": "company", "external_id": "9"},
        {"type": "contact", "external_id": "7"},
    ])
}

fn company(external_id: &str) -> Association {
    Association { object_type: ObjectType::Company, external_id: ExternalId::new(external_id) }
}

async fn status(world: &World, key: &str, attributes: Value, associations: Value) -> UpsertStatus {
    let upserted = world.upsert_of(ObjectType::Deal, key, attributes, associations).await;
    done(upserted).answer.status
}

fn assert_whole(world: &World) {
    assert_eq!(world.gateway.writes(), ["d-1"], "one write of the record");
    assert_eq!(world.gateway.associations_made(), 2, "each association once");
    let records = world.store.records();
    let stored: Vec<_> = records[0].associations.iter().map(Association::to_stored).collect();
    assert_eq!((records[0].version, stored), (1, vec!["contact:7".into(), "company:9".into()]));
}

#[tokio::test]
async fn upsert_writes_associates_and_repeats_nothing() {
    let world = World::new();
    let mut stats = UpsertStats::default();
    let first = world.upsert_counted(ObjectType::Deal, "k1", deal(), ends(), &mut stats).await;
    assert_eq!(done(first).answer.status, Created);
    assert_eq!(stats.provider_calls, 3, "the record, and one call per kind of record");
    assert_whole(&world);
    let mut stats = UpsertStats::default();
    let again = world.upsert_counted(ObjectType::Deal, "k2", deal(), ends(), &mut stats).await;
    assert_eq!((done(again).answer.status, stats.provider_calls), (Noop, 0));
    assert_eq!(status(&world, "k3", deal(), json!([])).await, Noop);
    let replay = world.upsert_of(ObjectType::Deal, "k1", deal(), ends()).await;
    assert!(done(replay).is_replay);
    assert_whole(&world);
}

#[tokio::test]
async fn upsert_adds_an_association_to_those_that_are_there() {
    let world = World::new();
    status(&world, "k1", deal(), ends()).await;
    let one_more = json!([{"type": "company", "external_id": "10"}]);
    assert_eq!(status(&world, "k2", deal(), one_more).await, Updated);
    assert_eq!(world.store.records()[0].associations.len(), 3);
    assert_eq!(world.gateway.associations()["d-1"].len(), 3);
}

#[tokio::test]
async fn upsert_knows_a_key_with_other_associations_as_used_but_not_by_their_order() {
    let world = World::new();
    status(&world, "k1", deal(), ends()).await;
    let mut turned = ends();
    turned.as_array_mut().unwrap().reverse();
    assert!(done(world.upsert_of(ObjectType::Deal, "k1", deal(), turned).await).is_replay);
    let reused = world.upsert_of(ObjectType::Deal, "k1", deal(), json!([])).await;
    assert!(matches!(reused, Err(UpsertError::KeyReused)), "{reused:?}");
}

#[tokio::test]
async fn upsert_with_a_refused_association_claims_no_success_and_ends_well_once_mended() {
    let world = World::new();
    world.gateway.set_missing(company("9"), true);
    for _try in 0..2 {
        let refused = world.upsert_of(ObjectType::Deal, "k1", deal(), ends()).await;
        let Err(UpsertError::Provider(ProviderError::Rejected { field, .. })) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(field.as_deref(), Some("associations[0].external_id"));
        assert!(world.store.records().is_empty(), "no version without its associations");
    }
    world.gateway.set_missing(company("9"), false);
    assert_eq!(status(&world, "k1", deal(), ends()).await, Created);
    assert_whole(&world);
}

#[tokio::test]
async fn upsert_under_another_key_goes_on_after_a_refused_association() {
    let world = World::new();
    world.gateway.set_missing(company("9"), true);
    let refused = world.upsert_of(ObjectType::Deal, "k1", deal(), ends()).await;
    assert!(refused.is_err());
    let corrected = json!([{"type": "contact", "external_id": "7"}]);
    assert_eq!(status(&world, "k2", deal(), corrected).await, Created);
    assert_eq!(world.gateway.writes().len(), 1, "the record was there already");
}

#[tokio::test]
async fn upsert_repeats_only_the_associations_after_their_failure() {
    let unavailable =
        |effect| ProviderError::Unavailable { status: Some(502), retry_after: None, effect };
    for error in [
        ProviderError::TimedOut,
        unavailable(RemoteEffect::Unknown),
        unavailable(RemoteEffect::None),
    ] {
        let world = World::new();
        world.gateway.fail_next_association(FailAfterEffect(error.clone()));
        world.gateway.fail_next_association(Fail(error));
        assert_eq!(status(&world, "k1", deal(), ends()).await, Created);
        assert_whole(&world);
        assert_eq!(world.gateway.reads(), 0);
    }
}

#[tokio::test]
async fn upsert_that_was_refused_its_associations_is_finished_by_the_next_call() {
    let world = World::new();
    world.gateway.fail_next_association(Fail(ProviderError::MissingScope));
    let failed = world.upsert_of(ObjectType::Deal, "k1", deal(), ends()).await;
    assert!(matches!(failed, Err(UpsertError::Provider(ProviderError::MissingScope))));
    assert_eq!(status(&world, "k1", deal(), ends()).await, Created);
    assert_whole(&world);
}

#[tokio::test]
async fn upsert_whose_associations_can_not_be_made_now_waits_and_only_they_are_made_later() {
    let world = World::new();
    for _try in 0..3 {
        world.gateway.fail_next_association(Fail(ProviderError::TimedOut));
    }
    let parked = world.upsert_of(ObjectType::Deal, "k1", deal(), ends()).await;
    assert!(matches!(parked, Ok(UpsertOutcome::Queued)), "{parked:?}");
    assert!(world.store.records().is_empty(), "no version without its associations");
    world.drain().await;
    assert_whole(&world);
}

/// The steps of an undisturbed call are its awaits; one call is dropped after each number of them.
#[tokio::test]
async fn upsert_that_crashes_at_any_await_is_finished_by_the_next_caller() {
    for steps in 0.. {
        let world = World::new();
        let mut crashing = Box::pin(world.upsert_of(ObjectType::Deal, "k1", deal(), ends()));
        let mut is_over = false;
        for _step in 0..steps {
            is_over = is_over || futures::poll!(&mut crashing).is_ready();
        }
        drop(crashing);
        world.clock.advance(LEASE);
        for key in ["k1", "k2"] {
            let upserted = done(world.upsert_of(ObjectType::Deal, key, deal(), ends()).await);
            let is_first = key == "k1";
            assert_eq!(upserted.answer.status == Created, is_first, "after {steps} steps");
        }
        assert_whole(&world);
        if is_over {
            assert!(
                steps > 6,
                "claim, upsert, associate and complete give way at least twice each"
            );
            return;
        }
    }
}

#[tokio::test]
async fn upsert_stores_what_the_provider_answers_besides() {
    let world = World::new();
    let company = json!({"reference": "c-1", "name": "Example Works"});
    let upsert = |key: &'static str, attributes: &Value| {
        world.upsert_of(ObjectType::Company, key, attributes.clone(), json!([]))
    };
    upsert("k1", &company).await.unwrap();
    world.gateway.edit("c-1", |attributes| attributes.set(AttributeName::Phone, "+1"));
    upsert("k2", &json!({"reference": "c-1", "name": "Example"})).await.unwrap();
    let record = world.store.records().remove(0);
    assert_eq!(record.attributes.get(AttributeName::Phone), Some("+1"));
    assert_eq!(record.attributes.get(AttributeName::Name), Some("Example"));
    let id = record.external_id.unwrap();
    assert!(world.store.pointer(&world.tenant, ObjectType::Company, &id).is_some());
}

#[tokio::test]
async fn upsert_without_a_key_property_names_the_record_that_we_know() {
    let world = World::with_key_properties(&[ObjectType::Company]);
    let renamed = json!({"reference": "d-1", "name": "Bigger one"});
    assert_eq!(status(&world, "k1", deal(), json!([])).await, Created);
    assert_eq!(status(&world, "k2", renamed, json!([])).await, Updated);
    let company = json!({"reference": "c-1", "name": "Example Works"});
    for (key, name) in [("k3", "A"), ("k4", "B")] {
        let mut company = company.clone();
        company["name"] = json!(name);
        world.upsert_of(ObjectType::Company, key, company, json!([])).await.unwrap();
    }
    let known = Some(ExternalId::new("1"));
    assert_eq!(world.gateway.knowns(), [None, known, None, None], "a company has its key");
}

#[tokio::test]
async fn upsert_checks_a_stage_against_the_accounts_list_before_it_claims() {
    let world = World::new();
    world.gateway.set_stages(&["closedwon"]);
    let at = |stage: &str| json!({"reference": "d-1", "name": "Big one", "stage": stage});
    for _call in 0..2 {
        let refused = world.upsert_of(ObjectType::Deal, "k1", at("lost"), json!([])).await;
        assert!(matches!(refused, Err(UpsertError::Invalid(it)) if it.field == "attributes.stage"));
    }
    assert_eq!((world.store.item_count(), world.gateway.refreshes()), (0, 1));
    assert_eq!(status(&world, "k1", at("closedwon"), json!([])).await, Created);
    assert_eq!(world.gateway.refreshes(), 1);
}

#[tokio::test]
async fn upsert_leaves_a_stage_to_the_provider_where_the_list_can_not_be_had() {
    let world = World::new();
    world.gateway.set_stages(&["closedwon"]);
    world.gateway.fail_next(Fail(ProviderError::MissingScope));
    let attributes = json!({"reference": "d-1", "name": "Big one", "stage": "lost"});
    assert_eq!(status(&world, "k1", attributes, json!([])).await, Created);
}
