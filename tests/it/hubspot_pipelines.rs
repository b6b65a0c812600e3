//! Pipelines and stages are checked against the portal's own list, which is read when it is needed.

use std::time::Duration;

use serde_json::{Value, json};
use sync_domain::model::{InvalidField, ObjectType};
use sync_domain::ports::{Checked, Connection, CrmGateway};

use crate::support::hubspot::{Hubspot, connection, draft};

fn portal() -> Connection {
    connection("acme", &ObjectType::ALL)
}

fn list() -> Value {
    json!({"results": [
        {"id": "default", "label": "Sales", "stages": [
            {"id": "closedwon", "label": "Won"},
            {"id": "retired", "archived": true},
        ]},
        {"id": "4711", "stages": [{"id": "99"}], "archived": false},
        {"id": "old", "stages": [{"id": "oldstage"}], "archived": true},
    ]})
}

impl Hubspot {
    fn check(&self, portal: &Connection, place: Value, age: Duration) -> Outcome {
        let mut attributes = json!({"reference": "d-1"});
        attributes.as_object_mut().unwrap().extend(place.as_object().unwrap().clone());
        let draft = draft(ObjectType::Deal, attributes);
        match self.gateway.check(portal, &draft, self.now + age) {
            Ok(Checked::Passed) => Outcome::Passed,
            Ok(Checked::Unsure) => Outcome::Unsure,
            Err(InvalidField { field, .. }) => Outcome::Refused(field),
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Passed,
    Unsure,
    Refused(String),
}

const NOW: Duration = Duration::ZERO;

#[tokio::test]
async fn check_knows_pipelines_and_their_stages() {
    let hubspot = Hubspot::start().await;
    let portal = portal();
    hubspot.server.will_answer(200, list());
    assert_eq!(hubspot.gateway.refresh(&portal, hubspot.now).await.unwrap().calls, 1);
    assert_eq!(hubspot.server.lines(), ["GET /crm/pipelines/2026-03/deals"]);
    let refused = |field: &str| Outcome::Refused(format!("attributes.{field}"));
    for (place, expected) in [
        (json!({}), Outcome::Passed),
        (json!({"pipeline": "default"}), Outcome::Passed),
        (json!({"pipeline": "default", "stage": "closedwon"}), Outcome::Passed),
        (json!({"pipeline": null, "stage": null}), Outcome::Passed),
        (json!({"stage": "closedwon"}), Outcome::Passed),
        (json!({"stage": "99"}), Outcome::Passed),
        (json!({"pipeline": "Default"}), refused("pipeline")),
        (json!({"pipeline": "old", "stage": "oldstage"}), refused("pipeline")),
        (json!({"pipeline": "default", "stage": "99"}), refused("stage")),
        (json!({"stage": "retired"}), refused("stage")),
        (json!({"stage": "oldstage"}), refused("stage")),
    ] {
        assert_eq!(hubspot.check(&portal, place.clone(), NOW), expected, "{place}");
    }
}

#[tokio::test]
async fn check_asks_for_the_list_when_it_has_none_and_when_it_may_be_outdated() {
    let hubspot = Hubspot::start().await;
    let (portal, known, new) = (portal(), json!({"stage": "99"}), json!({"stage": "new"}));
    assert_eq!(hubspot.check(&portal, json!({"name": "x"}), NOW), Outcome::Passed);
    assert_eq!(hubspot.check(&portal, known.clone(), NOW), Outcome::Unsure);
    hubspot.server.will_answer(200, list());
    hubspot.gateway.refresh(&portal, hubspot.now).await.unwrap();
    let refused = Outcome::Refused("attributes.stage".to_owned());
    for (age_s, of_known, of_new) in [
        (0, Outcome::Passed, refused),
        (30, Outcome::Passed, Outcome::Unsure),
        (599, Outcome::Passed, Outcome::Unsure),
        (600, Outcome::Unsure, Outcome::Unsure),
    ] {
        let age = Duration::from_secs(age_s);
        assert_eq!(hubspot.check(&portal, known.clone(), age), of_known, "{age_s} s");
        assert_eq!(hubspot.check(&portal, new.clone(), age), of_new, "{age_s} s");
    }
    // A list of one tenant says nothing of another's portal, nor of another portal of the same.
    assert_eq!(
        hubspot.check(&connection("other", &ObjectType::ALL), known.clone(), NOW),
        Outcome::Unsure
    );
    let mut moved = portal;
    moved.account_id = "62516".to_owned();
    assert_eq!(hubspot.check(&moved, known, NOW), Outcome::Unsure);
}

#[tokio::test]
async fn check_leaves_it_to_hubspot_where_the_list_can_not_be_had() {
    let stage = json!({"stage": "99"});
    for (status, body, trusted_for_s) in [
        (403, "{}", 600),
        (404, "", 600),
        (503, "<html>", 30),
        (429, "{}", 30),
        (200, "<html>", 30),
        (200, "{}", 30),
    ] {
        let hubspot = Hubspot::start().await;
        let portal = portal();
        hubspot.server.will_answer(status, body);
        hubspot.gateway.refresh(&portal, hubspot.now).await.unwrap_err();
        let at = |seconds| hubspot.check(&portal, stage.clone(), Duration::from_secs(seconds));
        assert_eq!(at(trusted_for_s - 1), Outcome::Passed, "{status}");
        assert_eq!(at(trusted_for_s), Outcome::Unsure, "{status}");
    }
}
