//! What Pipedrive's deliveries come to, read from `tests/fixtures/crm/pipedrive_webhook_*.json`, and
//! that whatever comes is read, counted or refused.

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use sync_domain::hook_address;
use sync_domain::model::System;
use sync_domain::ports::{
    AuthMode, DeliveredChange, DeliveredEvents, SignedBy, UnreadableDelivery, WebhookDelivery,
};
use sync_providers::webhook_protocol;

use crate::support::cloud::root;

const TOKEN: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f0";

fn fixture(name: &str) -> Vec<Value> {
    let path = root().join(format!("tests/fixtures/crm/pipedrive_webhook_{name}.json"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn delivery(query: &str, body: &[u8]) -> WebhookDelivery {
    WebhookDelivery {
        source: None,
        method: "POST".to_owned(),
        url: format!("https://hooks.example.com/webhooks/crm/pipedrive{query}"),
        headers: vec![],
        body: body.to_vec(),
    }
}

fn events(body: &[u8]) -> Result<DeliveredEvents, UnreadableDelivery> {
    webhook_protocol(System::Pipedrive).events(&delivery("", body))
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
fn pipedrive_fixtures_come_to_what_they_say() {
    for case in ["records", "merges", "odd_shapes"].into_iter().flat_map(fixture) {
        let name = case["name"].as_str().unwrap();
        let read = events(case["body"].to_string().as_bytes());
        let read = read.unwrap_or_else(|error| panic!("{name}: {error}"));
        let expected = &case["expected"];
        let changes: Vec<_> = read.changes.iter().map(written).collect();
        assert_eq!(Value::from(changes), expected["changes"], "{name}");
        let counts = [("ignored", read.ignored), ("unreadable", read.unreadable)];
        for (count, seen) in counts {
            assert_eq!(
                seen as u64,
                expected[count].as_u64().unwrap_or_default(),
                "{name}: {count}"
            );
        }
        assert_eq!(json!(read.hook_ids), expected["hook_ids"], "{name}");
        assert!(read.bookings.is_empty(), "{name}");
        for change in &read.changes {
            assert_eq!(change.account_id, "13940021", "{name}");
            let occurred_at = expected.get("occurred_at").map(|at| at.as_str());
            let at = occurred_at.unwrap_or(Some("2026-11-20T08:15:30.125Z"));
            assert_eq!(change.occurred_at, at.map(|at| at.parse().unwrap()), "{name}");
        }
    }
}

#[test]
fn version_one_and_what_is_no_event_are_refused_as_a_whole() {
    for case in fixture("refused") {
        let expected = match case["refused"].as_str().unwrap() {
            "unknown_version" => UnreadableDelivery::UnknownVersion,
            "not_a_list" => UnreadableDelivery::NotAList,
            other => panic!("{other}"),
        };
        assert_eq!(events(case["body"].to_string().as_bytes()), Err(expected), "{}", case["name"]);
    }
    let whole = fixture("records").remove(0)["body"].to_string();
    for cut in [0, 1, whole.len() / 2, whole.len() - 1] {
        let body = &whole.as_bytes()[..cut];
        assert_eq!(events(body), Err(UnreadableDelivery::NotAList), "{cut} bytes");
    }
    let twice = format!("{whole}{whole}");
    assert_eq!(events(twice.as_bytes()), Err(UnreadableDelivery::NotAList));
    let doubled = whole.replacen("\"meta\"", "\"meta\":{},\"meta\"", 1);
    assert_eq!(events(doubled.as_bytes()), Err(UnreadableDelivery::NotAList), "two say what it is");
}

#[test]
fn values_are_skipped_however_broken_or_deep_they_are() {
    let body = |value: &str| {
        format!(
            r#"{{"meta":{{"version":"2.0","action":"change","entity":"deal","entity_id":"4",
                "company_id":"7","webhook_id":"1","new":{value}}},
                "data":{{"title":{value}}},"previous":{{"title":{value}}},
                "more":{value}}}"#
        )
    };
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for value in [r#""\ud800""#, deep.as_str(), r#"{"a":{"b":[]}}"#] {
        let read = events(body(value).as_bytes()).unwrap();
        let names: Vec<_> = read.changes.iter().map(|it| it.property.as_deref()).collect();
        assert_eq!(names, [Some("title")], "{}", value.get(..9).unwrap_or(value));
    }
    let linked = format!(r#"{{"person_id":{deep},"org_id":{deep},"is_deleted":{deep}}}"#);
    let read = events(body(&linked).replacen("\"new\":", "\"merged_from_id\":", 1).as_bytes());
    assert_eq!(read.unwrap().changes.len(), 1, "deep where something is read");
    let mut bytes = b"\xef\xbb\xbf".to_vec();
    bytes.extend(body("\"?\"").bytes().map(|byte| if byte == b'?' { 0xff } else { byte }));
    assert_eq!(events(&bytes).unwrap().changes.len(), 1, "a byte order mark, and no UTF-8");
}

#[test]
fn record_with_thousands_of_changed_fields_gives_a_bounded_number_of_changes() {
    let names: Map<String, Value> = (0..5_000).map(|at| (format!("f{at}"), json!(1))).collect();
    let mut case = fixture("records").remove(5)["body"].clone();
    case["previous"] = json!({"custom_fields": names, "name": "x"});
    let read = events(case.to_string().as_bytes()).unwrap();
    assert_eq!(read.changes.len(), 200);
}

#[test]
fn account_is_claimed_by_the_one_token_of_the_address() {
    let protocol = webhook_protocol(System::Pipedrive);
    let claimed = |query: &str| protocol.claimed_account(&delivery(query, b""));
    let account_id = Some(hook_address::account_id(TOKEN));
    assert_eq!(claimed(&format!("?token={TOKEN}")), account_id);
    assert_eq!(claimed(&format!("?a=1&token={TOKEN}&b")), account_id);
    for query in [
        String::new(),
        "?token=".to_owned(),
        format!("/{TOKEN}"),
        format!("?token={TOKEN}&token={TOKEN}"),
        format!("?token={}", TOKEN.to_uppercase()),
        format!("?token={TOKEN}0"),
        format!("#token={TOKEN}"),
    ] {
        assert_eq!(claimed(&query), None, "{query}");
    }
}

#[test]
fn deliveries_are_signed_by_the_tenant_whichever_way_it_is_connected() {
    let protocol = webhook_protocol(System::Pipedrive);
    for auth in AuthMode::ALL {
        assert_eq!(protocol.signed_by(auth), SignedBy::Tenant, "{auth:?}");
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[\\PC]{0,12}".prop_map(Value::from),
        "[0-9]{1,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z_]{1,8}|org_id|custom_fields", inner, 0..4)
                .prop_map(Value::from_iter),
        ]
    })
}

proptest! {
    /// Whatever stands in the members that are read, a delivery is one event with plain ids.
    #[test]
    fn delivery_of_any_values_is_one_event(
        values in prop::collection::vec(any_json(), 8),
        entity in "person|organization|deal|note",
        action in "create|change|delete|merge",
    ) {
        let names =
            ["entity_id", "company_id", "webhook_id", "timestamp", "merged_to_id", "merged_from_id"];
        let mut meta: Map<_, _> =
            names.into_iter().map(str::to_owned).zip(values[2..].iter().cloned()).collect();
        meta.insert("version".to_owned(), "2.0".into());
        meta.insert("entity".to_owned(), entity.into());
        meta.insert("action".to_owned(), action.into());
        let body = json!({"meta": meta, "data": values[0], "previous": values[1]});
        let read = events(body.to_string().as_bytes()).unwrap();
        prop_assert!(read.ignored + read.unreadable + usize::from(!read.changes.is_empty()) == 1);
        for change in &read.changes {
            let ids = change.merged_ids.iter().chain([&change.external_id]).map(|id| id.as_str());
            for id in ids.chain([change.account_id.as_str()]) {
                prop_assert!(id.parse::<i64>().is_ok_and(|it| it > 0 && it.to_string() == id));
            }
        }
    }

    #[test]
    fn any_bytes_of_pipedrive_are_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(read) = events(&body) {
            prop_assert!(read.count() >= 1);
        }
    }
}
