//! The published schemas of the events.

use serde_json::Value;

use super::cloud::root;

/// Panics unless the event is one of ours and its detail fits the schema of its type.
pub fn assert_valid(event: &Value) {
    assert_eq!(event["source"], "integrations", "{event}");
    let detail_type = event["detail-type"].as_str().unwrap();
    let path = root().join("infra/schemas").join(format!("{detail_type}.json"));
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let faults: Vec<_> =
        validator.iter_errors(&event["detail"]).map(|error| error.to_string()).collect();
    assert!(faults.is_empty(), "{detail_type}: {faults:?} in {event}");
}
