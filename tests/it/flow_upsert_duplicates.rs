//! Upserts of which the provider can't tell which record they mean: refused with what it holds, and
//! with nothing half done; and upserts that write to the record that a look has found.

use std::time::Duration;

use serde_json::{Value, json};
use sync_domain::model::{AttributeName, CorrelationId, ExternalId, ObjectType, UpsertStatus};
use sync_domain::ports::{DeadCause, KeyStatus, ProviderError, RemoteEffect};
use sync_domain::usecase::upsert_record::{UpsertError, UpsertOutcome};
use sync_lambda::provider_problem::provider_problem;
use sync_testkit::GatewayFault::{Fail, FailAfterEffect};

use crate::support::upsert_world::{World, done};

fn ada(firstname: &str) -> Value {
    json!({"email": "a@b.co", "firstname": firstname})
}

fn duplicate() -> ProviderError {
    ProviderError::Duplicate {
        vendor_code: "DUPLICATES_DETECTED".to_owned(),
        rule: Some("Standard_Contact_Duplicate_Rule".to_owned()),
        matches: vec![ExternalId::new("003A"), ExternalId::new("003B")],
    }
}

fn unavailable() -> ProviderError {
    let effect = RemoteEffect::None;
    ProviderError::Unavailable { status: Some(503), retry_after: None, effect }
}

#[tokio::test]
async fn upsert_that_may_be_one_of_several_is_refused_with_them_and_nothing_is_half_done() {
    let world = World::new();
    world.gateway.fail_next(Fail(duplicate()));
    let refused = world.upsert("k1", ada("Ada")).await;
    let Err(UpsertError::Provider(error)) = refused else { panic!("{refused:?}") };
    let problem = provider_problem(&error);
    let body = problem.to_json(&CorrelationId::parse("test").unwrap());
    let expected = json!({
        "type": "about:blank", "title": "The provider refused the record", "status": 422,
        "error_code": "provider_rejected", "provider_code": "DUPLICATES_DETECTED",
        "duplicates": {"rule": "Standard_Contact_Duplicate_Rule", "external_ids": ["003A", "003B"]},
        "correlation_id": "test",
    });
    assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), expected);
    assert_eq!((problem.status().as_u16(), problem.retry_after), (422, None));

    assert_eq!(world.gateway.faults_left(), 0, "one call: another would end the same");
    assert_eq!(world.gateway.writes(), Vec::<String>::new());
    assert!(world.store.records().is_empty());
    assert_eq!(world.key_status("k1").await, KeyStatus::Unknown);
    world.assert_no_line("refused at once");
    // Neither key nor record is held by it.
    assert_eq!(world.status("k1", ada("Ada B")).await, UpsertStatus::Created);
}

#[test]
fn duplicates_that_no_rule_found_name_none() {
    let error = ProviderError::Duplicate {
        vendor_code: "MULTIPLE_MATCHES".to_owned(),
        rule: None,
        matches: Vec::new(),
    };
    let body = provider_problem(&error).to_json(&CorrelationId::parse("test").unwrap());
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["duplicates"], json!({"external_ids": []}));
}

#[tokio::test]
async fn push_that_may_be_one_of_several_is_put_aside_and_the_next_one_goes_on() {
    let world = World::new();
    for _try in 0..3 {
        world.gateway.fail_next(Fail(unavailable()));
    }
    for name in ["1", "2"] {
        let outcome = world.upsert(&format!("k-{name}"), ada(name)).await;
        assert!(matches!(outcome, Ok(UpsertOutcome::Queued)), "{outcome:?}");
    }
    world.gateway.fail_next(Fail(duplicate()));
    world.drain().await;
    let letters = world.dead_letters.letters();
    let causes: Vec<_> = letters.iter().map(|letter| letter.cause).collect();
    assert_eq!(causes, [DeadCause::ProviderRejected]);
    let code = DeadCause::ProviderRejected.as_str().to_owned();
    assert_eq!(world.key_status("k-1").await, KeyStatus::Failed { code });
    assert!(matches!(world.key_status("k-2").await, KeyStatus::Completed(_)));
    assert_eq!(world.gateway.writes().len(), 1);
    world.assert_no_line("put aside");
}

/// A write whose answer was lost made the record, and somebody has changed it since: the next write is
/// for the one that the look found.
#[tokio::test]
async fn upsert_after_a_lost_answer_writes_to_the_record_that_the_look_found() {
    let world = World::with_key_properties(&[]);
    let deal = |name: &str| json!({"reference": "d-1", "name": name});
    world.gateway.fail_next(FailAfterEffect(ProviderError::TimedOut));
    for _look in 0..2 {
        world.gateway.fail_next(Fail(unavailable()));
    }
    let outcome = world.upsert_of(ObjectType::Deal, "k1", deal("Big one"), json!([])).await;
    assert!(matches!(outcome, Ok(UpsertOutcome::Queued)), "{outcome:?}");
    world.gateway.edit("d-1", |attributes| attributes.set(AttributeName::Name, "Renamed"));
    world.clock.advance(Duration::from_secs(60));
    world.drain().await;
    let knowns = world.gateway.knowns();
    let [before @ .., last] = &knowns[..] else { panic!("no calls") };
    assert_eq!(last, &Some(ExternalId::new("1")));
    assert!(before.len() >= 4 && before.iter().all(Option::is_none), "{knowns:?}");
    let written = world.gateway.written().into_iter();
    let names = written.map(|(_, it)| it.get(AttributeName::Name).unwrap().to_owned());
    assert_eq!(names.collect::<Vec<_>>(), ["Big one", "Big one"]);
    let again = done(world.upsert_of(ObjectType::Deal, "k1", deal("Big one"), json!([])).await);
    assert_eq!(again.answer.external_id, ExternalId::new("1"));
}
