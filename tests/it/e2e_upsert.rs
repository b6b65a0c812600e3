//! The main job on the local cloud: HTTP call to event on the bus. What it costs: `e2e_costs`.

use serde_json::{Value, json};

use crate::support::tenant::{PHONE, Tenant};

#[tokio::test]
async fn upsert_goes_from_call_to_event_through_created_updated_noop_and_replayed() {
    let tenant = Tenant::new().await;
    let ada = tenant.contact("ada");
    let id = tenant.upsert("k1", &ada).await.done("created");
    let changed = json!({"email": tenant.email("ada"), "lifecyclestage": "customer"});
    assert_eq!(tenant.upsert("k2", &changed).await.done("updated"), id);
    assert_eq!(tenant.upsert("k3", &changed).await.done("noop"), id);
    assert_eq!(tenant.upsert("k1", &ada).await.done("created"), id, "the stored answer");

    let contacts = tenant.remote_contacts().await;
    assert_eq!(contacts.len(), 1);
    let properties = &contacts[0]["properties"];
    assert_eq!(properties["email"], tenant.email("ada"));
    assert_eq!(properties["phone"], PHONE.1);
    assert_eq!(properties["lifecyclestage"], "customer");

    let records = tenant.items_of("CrmRecord").await;
    assert_eq!(records.len(), 1);
    assert_eq!(records[0]["version"]["N"], "2");
    assert_eq!(records[0]["external_id"]["S"], id.as_str());
    assert!(records[0].get("lock_owner").is_none());

    let events = tenant.events(2).await;
    let of_version = |version: u64| {
        let found = events.iter().find(|event| event["detail"]["version"] == version);
        found.unwrap_or_else(|| panic!("no version {version} in {events:#?}"))["detail"].clone()
    };
    let (first, second) = (of_version(1), of_version(2));
    assert_eq!((&first["change"], &second["change"]), (&json!("created"), &json!("updated")));
    assert_eq!(second["changed_attributes"], json!(["lifecyclestage"]));
    assert_eq!(first["tokens"], second["tokens"], "same values, same tokens");
    assert_eq!(first["external_id"], id.as_str());
    let text = Value::from(events).to_string();
    for canary in crate::support::api::CANARIES {
        assert!(!text.contains(canary), "an event carries personal data: {text}");
    }
}

#[tokio::test]
async fn upsert_clears_a_value_with_null_and_keeps_what_is_left_out() {
    let tenant = Tenant::new().await;
    tenant.upsert("k1", &tenant.contact("ada")).await.done("created");
    let cleared = json!({"email": tenant.email("ada"), "company": null});
    tenant.upsert("k2", &cleared).await.done("updated");
    let properties = tenant.remote_contacts().await[0]["properties"].clone();
    assert_eq!(properties["company"].as_str().unwrap_or_default(), "");
    assert_eq!(properties["firstname"], "Canaryfirst");
}

#[tokio::test]
async fn upsert_updates_a_contact_that_the_portal_had_before() {
    let tenant = Tenant::new().await;
    let seed = json!({
        "system": "hubspot", "account": tenant.account,
        "objects": [{"id": "501", "properties": {"email": tenant.email("ada"), "firstname": "Old"}}],
    });
    tenant.cloud.sandbox_post("seed", seed).await;
    let id = tenant.upsert("k1", &tenant.contact("ada")).await.done("updated");
    assert_eq!(id, "501");
    assert_eq!(tenant.events(1).await[0]["detail"]["change"], "updated");
}

#[tokio::test]
async fn upsert_refuses_a_reused_key_and_takes_the_correlation_id_of_the_body() {
    let tenant = Tenant::new().await;
    tenant.upsert("k1", &tenant.contact("ada")).await.done("created");
    let reused = tenant.upsert("k1", &tenant.contact("eve")).await;
    reused.problem(422, "idempotency_key_reused");
    let mut body = tenant.body("k2", &tenant.contact("bob"));
    body["correlation_id"] = json!("order-17");
    let answer = tenant.send(body.to_string().into_bytes()).await;
    answer.done("created");
    assert_eq!(answer.correlation_id.as_deref(), Some("order-17"));
    let events = tenant.events(2).await;
    assert!(events.iter().any(|event| event["detail"]["correlation_id"] == "order-17"));
    assert_eq!(tenant.provider_writes().await, 2);
}
