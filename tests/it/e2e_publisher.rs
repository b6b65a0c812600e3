//! The way from the table to the bus when the bus is in trouble.

use serde_json::json;

use crate::support::tenant::Tenant;

#[tokio::test]
async fn event_is_not_lost_when_the_bus_refuses_or_breaks() {
    let tenant = Tenant::new().await;
    tenant.connection_event().await;
    tenant.count_anew();
    let refused = json!({
        "FailedEntryCount": 1,
        "Entries": [{"ErrorCode": "ThrottlingException", "ErrorMessage": "slow down"}],
    });
    let entry_fails = json!({"fault": "status", "status": 200, "body": refused.to_string()});
    let call_fails = json!({"fault": "status", "status": 500, "body": "{}"});
    for fault in [entry_fails, call_fails] {
        let mut body = json!({"service": "events", "contains": tenant.id, "times": 1});
        body.as_object_mut().unwrap().extend(fault.as_object().unwrap().clone());
        tenant.cloud.sandbox_post("aws/faults", body).await;
    }
    tenant.upsert("k1", &tenant.contact("ada")).await.done("created");
    let event = tenant.events(1).await.remove(0);
    assert_eq!(event["detail"]["change"], "created");
    let calls = tenant.aws_calls("events").await["total"].as_u64().unwrap();
    assert!(calls >= 3, "two failed calls and a good one, not {calls}");
}
