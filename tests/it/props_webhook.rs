//! Properties of the webhook's parsers over generated input.

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};
use sync_domain::model::System;
use sync_domain::ports::WebhookDelivery;
use sync_providers::webhook_protocol;

use crate::support::webhook_signing::{Sent, body_of, contact_event, unsigned};
use crate::support::webhook_world::{APP_SECRET, INITECH, UMBRELLA, WebhookWorld};

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
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(member_name(), inner, 0..6).prop_map(Value::from_iter),
        ]
    })
}

fn member_name() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("portalId".to_owned()),
        Just("objectId".to_owned()),
        Just("subscriptionType".to_owned()),
        Just("mergedObjectIds".to_owned()),
        Just("associationType".to_owned()),
        "[a-zA-Z]{1,8}",
    ]
}

proptest! {
    #[test]
    fn every_element_of_a_list_is_counted_once(events in prop::collection::vec(any_json(), 0..100)) {
        let body = Value::from(events.clone()).to_string();
        let read = webhook_protocol(System::Hubspot).events(&unsigned(body.as_bytes())).unwrap();
        prop_assert_eq!(read.count(), events.len());
    }

    #[test]
    fn any_bytes_are_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..400)) {
        let protocol = webhook_protocol(System::Hubspot);
        let is_list = serde_json::from_slice::<Vec<Value>>(&body).is_ok();
        prop_assert!(!is_list || protocol.events(&unsigned(&body)).is_ok());
        let _ = protocol.claimed_account(&unsigned(&body));
    }

    #[test]
    fn any_headers_are_refused_without_the_secret(
        signature in "\\PC{0,60}", timestamp in "[0-9]{0,16}|\\PC{0,16}", version in "v[123]|\\PC{0,4}",
    ) {
        let headers = [
            ("x-hubspot-signature-v3", &signature),
            ("x-hubspot-request-timestamp", &timestamp),
            ("x-hubspot-signature", &signature),
            ("x-hubspot-signature-version", &version),
        ];
        for range in [0..2, 2..4, 0..4] {
            let chosen = headers[range].iter();
            let delivery = WebhookDelivery { source: None,
                method: "POST".to_owned(),
                url: "https://example.com/%3A".to_owned(),
                headers: chosen.map(|(name, value)| ((*name).to_owned(), (*value).clone())).collect(),
                body: b"[]".to_vec(),
            };
            let signature = webhook_protocol(System::Hubspot).signature(&delivery, Timestamp::UNIX_EPOCH);
            prop_assert!(!signature.is_ok_and(|signature| signature.is_made_with(&"s".into())));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However events are ordered and split over deliveries, the same objects get the same changes.
    #[test]
    fn coalescing_loses_nothing(
        events in prop::collection::vec((0..2_usize, 1..4_u64, 0..4_usize), 0..40).prop_shuffle(),
    ) {
        let kinds = ["creation", "propertyChange", "deletion", "restore"];
        let names = ["created", "properties", "deleted", "restored"];
        let world = WebhookWorld::new();
        let wire: Vec<_> = events
            .iter()
            .map(|(portal, id, kind)| contact_event([INITECH, UMBRELLA][*portal], *id, kinds[*kind]))
            .collect();
        let answer = world.deliver(&Sent::v3(body_of(&wire), APP_SECRET, world.now_ms()));
        prop_assert_eq!(answer.status, 200);
        let mut told: Vec<_> = Vec::new();
        for change in world.changes() {
            for kind in &change.kinds {
                told.push((change.account_id.clone(), change.external_id.to_string(), json!(kind)));
            }
        }
        let mut expected: Vec<_> = events
            .iter()
            .map(|(portal, id, kind)| {
                let account = [INITECH, UMBRELLA][*portal].to_string();
                (account, id.to_string(), json!(names[*kind]))
            })
            .collect();
        let sort = |list: &mut Vec<(String, String, Value)>| list.sort_by_key(|it| format!("{it:?}"));
        sort(&mut told);
        sort(&mut expected);
        expected.dedup();
        prop_assert_eq!(told, expected);
    }
}
