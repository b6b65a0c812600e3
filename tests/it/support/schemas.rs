//! The published schemas of the events.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use jsonschema::Validator;
use serde_json::Value;

use super::cloud::root;

/// Each schema is read once: some tests look at tens of thousands of events.
static READ: Mutex<Option<HashMap<String, Arc<Validator>>>> = Mutex::new(None);

/// Panics unless the event is one of ours and its detail fits the schema of its type.
pub fn assert_valid(event: &Value) {
    assert_eq!(event["source"], "integrations", "{event}");
    let detail_type = event["detail-type"].as_str().unwrap();
    let validator = validator(detail_type);
    let faults: Vec<_> =
        validator.iter_errors(&event["detail"]).map(|error| error.to_string()).collect();
    assert!(faults.is_empty(), "{detail_type}: {faults:?} in {event}");
}

fn validator(detail_type: &str) -> Arc<Validator> {
    let mut read = READ.lock().unwrap();
    let of_type = read.get_or_insert_default().entry(detail_type.to_owned());
    Arc::clone(of_type.or_insert_with(|| {
        let path = root().join("infra/schemas").join(format!("{detail_type}.json"));
        let schema: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        Arc::new(jsonschema::validator_for(&schema).unwrap())
    }))
}
