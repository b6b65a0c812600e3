//! What HubSpot's events come to, read from `tests/fixtures/crm/hubspot_webhook_*.json`, and that
//! the values in them go nowhere.

use serde_json::{Map, Value, json};
use sync_domain::model::System;
use sync_domain::ports::{DeliveredChange, UnreadableDelivery};
use sync_providers::webhook_protocol;

use crate::support::cloud::root;
use crate::support::log_capture::logged;
use crate::support::webhook_signing::{Sent, body_of, unsigned};
use crate::support::webhook_world::{ACME_SECRET, WebhookWorld};

const FIXTURES: [&str; 5] = ["records", "generic_objects", "associations", "merges", "odd_shapes"];

fn fixture(name: &str) -> Value {
    let path = root().join(format!("tests/fixtures/crm/hubspot_webhook_{name}.json"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// A change as the fixtures write it.
fn written(change: &DeliveredChange) -> Value {
    let mut members = Map::new();
    members.insert("type".to_owned(), change.object_type.as_str().into());
    members.insert("object_id".to_owned(), change.external_id.as_str().into());
    members.insert("change".to_owned(), serde_json::to_value(change.kind).unwrap());
    if let Some(property) = &change.property {
        members.insert("property".to_owned(), property.as_str().into());
    }
    if !change.merged_ids.is_empty() {
        let ids: Vec<_> = change.merged_ids.iter().map(|id| id.as_str()).collect();
        members.insert("merged_ids".to_owned(), ids.into());
    }
    members.into()
}

#[test]
fn webhook_fixtures_come_to_what_they_say() {
    let protocol = webhook_protocol(System::Hubspot);
    for name in FIXTURES {
        let fixture = fixture(name);
        let events =
            protocol.events(&unsigned(fixture["delivery"].to_string().as_bytes())).unwrap();
        let changes: Vec<_> = events.changes.iter().map(written).collect();
        let seen = json!({
            "changes": changes, "ignored": events.ignored, "unreadable": events.unreadable,
        });
        assert_eq!(seen, fixture["expected"], "{name}");
        assert!(events.changes.iter().all(|change| change.account_id == "62515"), "{name}");
    }
}

#[test]
fn event_without_a_readable_time_counts_from_its_arrival() {
    let world = WebhookWorld::new();
    for occurred_at in [json!(null), json!("soon"), json!(-5), json!(9_223_372_036_854_775_807_i64)]
    {
        let mut event = fixture("records")["delivery"][0].clone();
        event["occurredAt"] = occurred_at;
        world.deliver(&Sent::v3(body_of(&[event]), ACME_SECRET, world.now_ms()));
        assert_eq!(world.changes()[0].occurred_at.as_millisecond(), world.now_ms());
    }
}

#[test]
fn claimed_account_is_that_of_the_first_event_that_has_one() {
    let protocol = webhook_protocol(System::Hubspot);
    for (body, expected) in [
        (r#"[{"portalId":7},{"portalId":8}]"#, Some("7")),
        (r#"[{},{"portalId":"x"},5,{"portalId":"08"},"#, Some("8")),
        (r#"[{"portalId":7} and then something else"#, Some("7")),
        (r#"{"portalId":7}"#, None),
        (r#"[[{"portalId":7}]]"#, None),
        ("[", None),
        ("", None),
    ] {
        assert_eq!(
            protocol.claimed_account(&unsigned(body.as_bytes())).as_deref(),
            expected,
            "{body}"
        );
    }
    let late = format!("[{}{{\"portalId\":7}}]", "{},".repeat(100));
    assert_eq!(
        protocol.claimed_account(&unsigned(late.as_bytes())),
        None,
        "only a hundred are looked at"
    );
}

#[test]
fn deeply_nested_body_is_refused_or_skipped_without_harm() {
    let protocol = webhook_protocol(System::Hubspot);
    let deep = "[".repeat(500_000);
    assert_eq!(protocol.events(&unsigned(deep.as_bytes())), Err(UnreadableDelivery::NotAList));
    assert_eq!(protocol.claimed_account(&unsigned(deep.as_bytes())), None);
    let member = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for (name, expected) in
        [("propertyValue", (2, 0)), ("mergedObjectIds", (1, 1)), ("portalId", (1, 1))]
    {
        let body = format!(
            r#"[{{"portalId":1,"subscriptionType":"contact.creation","objectId":2}},
                {{"portalId":1,"subscriptionType":"contact.creation","objectId":3,"{name}":{member}}}]"#
        );
        let events = protocol.events(&unsigned(body.as_bytes())).unwrap();
        assert_eq!((events.changes.len(), events.unreadable), expected, "{name}");
    }
}

#[test]
fn webhook_leaves_no_value_no_secret_and_no_signature_in_messages_answers_or_logs() {
    let mut texts = Vec::new();
    let mut signatures = Vec::new();
    let log = logged(|| {
        for name in FIXTURES {
            let world = WebhookWorld::new();
            let body = fixture(name)["delivery"].to_string();
            let good = Sent::v3(body.clone(), ACME_SECRET, world.now_ms());
            let bad = Sent::v3(body.clone(), "canary secret", world.now_ms());
            let broken = Sent::v3(format!("{body} canary"), ACME_SECRET, world.now_ms());
            for sent in [good, bad, broken] {
                signatures.push(sent.value("X-HubSpot-Signature-v3"));
                texts.push(world.deliver(&sent).body.to_string());
            }
            texts.extend(world.queue.queue.take().into_iter().map(|message| message.body));
        }
    });
    assert_eq!(log.lines().count(), FIXTURES.len() * 3, "one line per delivery: {log}");
    texts.push(log);
    for text in texts {
        let lower = text.to_lowercase();
        for hidden in ["canary", ACME_SECRET, "REDACTED", "example.com"] {
            assert!(!lower.contains(&hidden.to_lowercase()), "{hidden} in {text}");
        }
        assert!(!signatures.iter().any(|signature| text.contains(signature)), "{text}");
    }
}

#[test]
fn webhook_log_line_tells_what_came_of_a_delivery() {
    let log = logged(|| {
        let world = WebhookWorld::new();
        let body = fixture("merges")["delivery"].to_string();
        let sent = Sent::v3(body, ACME_SECRET, world.now_ms()).header("x-correlation-id", "c-1");
        world.deliver(&sent);
        world.deliver(&sent.without("X-HubSpot-Signature-v3"));
    });
    let seen: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let expected = [
        json!({
            "outcome": "accepted", "status": 200, "events": 6, "events_unreadable": 1,
            "events_ignored": 0, "events_foreign": 0, "events_unconnected": 0, "messages": 4,
            "messages_not_enqueued": 0, "tenant_ids": "acme", "system": "hubspot",
            "route": "webhook-hubspot", "correlation_id": "c-1",
        }),
        json!({
            "outcome": "invalid_signature", "cause": "signature_missing", "status": 401,
            "tenant_ids": "", "messages": 0, "correlation_id": "c-1",
        }),
    ];
    assert_eq!(seen.len(), expected.len(), "{log}");
    for (line, expected) in seen.iter().zip(&expected) {
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(&line[name], value, "{name} of {line}");
        }
    }
}
