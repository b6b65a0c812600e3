//! Pipelines and stages are checked against the account's own list, which is read when it is needed.

use std::time::Duration;

use serde_json::{Value, json};
use sync_domain::model::{InvalidField, ObjectType};
use sync_domain::ports::{Checked, CrmGateway};

use crate::support::hubspot::draft;
use crate::support::pipedrive::{Pipedrive, connection, steps, success, wanted};

#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Passed,
    Unsure,
    Refused(String),
}

const NOW: Duration = Duration::ZERO;

fn stages() -> Value {
    let stage = |id: u64, pipeline: u64, is_deleted: bool| json!({"id": id, "name": "x", "pipeline_id": pipeline, "is_deleted": is_deleted});
    json!([stage(1, 1, false), stage(2, 1, true), stage(7, 4, false)])
}

fn deal(place: Value) -> sync_domain::model::CrmDraft {
    let mut attributes = json!({"reference": "d-1"});
    attributes.as_object_mut().unwrap().extend(place.as_object().unwrap().clone());
    draft(ObjectType::Deal, attributes)
}

impl Pipedrive {
    fn check(&self, place: Value, age: Duration) -> Outcome {
        match self.gateway.check(&connection(), &deal(place), self.now + age) {
            Ok(Checked::Passed) => Outcome::Passed,
            Ok(Checked::Unsure) => Outcome::Unsure,
            Err(InvalidField { field, .. }) => Outcome::Refused(field),
        }
    }
}

#[tokio::test]
async fn check_knows_the_stages_of_each_pipeline() {
    let pipedrive = Pipedrive::start().await;
    pipedrive.will_give(&[stages()]);
    pipedrive.gateway.refresh(&connection(), pipedrive.now).await.unwrap();
    assert_eq!(steps(&pipedrive.server.asked()), ["GET stages"]);
    let refused = |field: &str| Outcome::Refused(format!("attributes.{field}"));
    for (place, expected) in [
        (json!({}), Outcome::Passed),
        (json!({"pipeline": "1"}), Outcome::Passed),
        (json!({"pipeline": "1", "stage": "1"}), Outcome::Passed),
        (json!({"stage": "7"}), Outcome::Passed),
        (json!({"pipeline": "9"}), refused("pipeline")),
        (json!({"pipeline": "4", "stage": "1"}), refused("stage")),
        (json!({"stage": "2"}), refused("stage")),
        (json!({"stage": "default"}), refused("stage")),
    ] {
        assert_eq!(pipedrive.check(place.clone(), NOW), expected, "{place}");
    }
}

#[tokio::test]
async fn check_asks_for_the_list_when_it_has_none_and_when_it_may_be_outdated() {
    let pipedrive = Pipedrive::start().await;
    let (known, new) = (json!({"stage": "7"}), json!({"stage": "8"}));
    assert_eq!(pipedrive.check(json!({"name": "x"}), NOW), Outcome::Passed);
    assert_eq!(pipedrive.check(known.clone(), NOW), Outcome::Unsure);
    pipedrive.will_give(&[stages()]);
    pipedrive.gateway.refresh(&connection(), pipedrive.now).await.unwrap();
    let refused = Outcome::Refused("attributes.stage".to_owned());
    assert_eq!(pipedrive.check(new.clone(), Duration::from_secs(29)), refused);
    assert_eq!(pipedrive.check(new, Duration::from_secs(31)), Outcome::Unsure);
    assert_eq!(pipedrive.check(known.clone(), Duration::from_secs(599)), Outcome::Passed);
    assert_eq!(pipedrive.check(known, Duration::from_secs(601)), Outcome::Unsure);
}

#[tokio::test]
async fn list_that_can_not_be_had_leaves_the_judgement_to_pipedrive() {
    let half = json!({"success": true, "data": [], "additional_data": {"next_cursor": "x"}});
    let scope = json!({"success": false, "error": "Scope and URL mismatch"});
    for (status, body, wait_s) in
        [(500, json!({}), 30), (200, half, 30), (403, scope, 600), (200, success(Value::Null), 30)]
    {
        let pipedrive = Pipedrive::start().await;
        pipedrive.server.will_answer(status, &body);
        pipedrive.gateway.refresh(&connection(), pipedrive.now).await.unwrap_err();
        let of = |age| pipedrive.check(json!({"stage": "99"}), Duration::from_secs(age));
        assert_eq!(of(wait_s - 1), Outcome::Passed, "{status} {body}");
        assert_eq!(of(wait_s + 1), Outcome::Unsure, "{status} {body}");
    }
}

#[tokio::test]
async fn stage_is_written_with_its_pipeline_where_the_list_tells_it() {
    let pipedrive = Pipedrive::start().await;
    let known = sync_domain::model::ExternalId::new("41");
    pipedrive.will_give(&[stages(), json!({"id": 41})]);
    pipedrive.gateway.refresh(&connection(), pipedrive.now).await.unwrap();
    let moved = deal(json!({"stage": "7"}));
    pipedrive.gateway.upsert(&connection(), &wanted(&moved, Some(&known))).await.unwrap();
    let patch = pipedrive.server.asked().remove(1);
    assert_eq!((&patch.body["stage_id"], &patch.body["pipeline_id"]), (&json!(7), &json!(4)));
}
