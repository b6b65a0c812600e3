//! AT-003, what HubSpot alone does: privacy deletions, and merges that give the record another id.

use std::time::Duration;

use serde_json::{Value, json};

use crate::at_003_crm::until_version;
use crate::support::tenant::Tenant;

/// Longer than a share of the rate budget is leased: a worker may have to wait for one.
const SOON: Duration = Duration::from_secs(90);

#[tokio::test]
async fn at_003_privacy_deletion_erases_the_payload_and_leaves_a_tombstone() {
    let tenant = Tenant::new().await;
    let id = tenant.upsert("k1", &tenant.contact("ada")).await.done("created");
    tenant.events(1).await;
    tenant.portal_told(json!({"act": "gdpr_delete", "type": "contact", "id": id})).await;
    let record = until_version(&tenant, "contact", &id, 2).await;
    assert!(record["deleted_at"]["S"].is_string(), "{record}");
    assert_eq!(record["payload"]["M"], json!({}), "{record}");
    let event = tenant.events(1).await.remove(0);
    assert_eq!(event["detail"]["change"], "erased", "{event}");
    assert_eq!(event["detail"]["tokens"], json!({}), "{event}");
    let items = Value::from(tenant.items().await).to_string();
    for mark in ["canary", "Canary", "5552671", "Example Works"] {
        assert!(!items.contains(mark), "{mark} is still in the table: {items}");
    }
    // HubSpot says "deleted", too, before or after; and says it again.
    let again = json!({"system": "hubspot", "account": tenant.account, "object_ids": [id],
        "event": "contact.deletion", "repeat": 2});
    tenant.cloud.sandbox_post("webhooks", again).await;
    tenant.settle("eve").await;
    tenant.events(1).await;
    until_version(&tenant, "contact", &id, 2).await;
    println!(
        "1 privacy deletion: 1 tombstone without payload, 1 event, nothing left in {} bytes",
        items.len()
    );
}

#[tokio::test]
async fn at_003_merge_leads_the_old_ids_to_the_record_that_is_left() {
    for keeps_primary_id in [false, true] {
        let tenant = Tenant::with(json!({"merge_keeps_primary_id": keeps_primary_id})).await;
        let ada = tenant.upsert("k1", &tenant.contact("ada")).await.done("created");
        let eve = json!({"email": tenant.email("eve"), "firstname": "Canaryeve"});
        let eve = tenant.upsert("k2", &eve).await.done("created");
        tenant.events(2).await;
        let act = json!({"act": "merge", "type": "contact", "id": ada, "merge_id": eve});
        let left = tenant.portal_told(act).await.remove(0);
        assert_eq!(left == ada, keeps_primary_id);
        tenant.until_in_step(SOON).await;
        tenant.settle("bob").await;

        let pointers = tenant.items_below("CRMID#hubspot#contact#").await;
        let pointer = |id: &str| {
            let sk = format!("CRMID#hubspot#contact#{id}");
            pointers.iter().find(|it| it["sk"]["S"] == sk).unwrap_or_else(|| panic!("no {sk}"))
        };
        let record = tenant.record("contact", &left).await;
        let old = if keeps_primary_id { vec![&eve] } else { vec![&ada, &eve] };
        for id in &old {
            assert_eq!(pointer(id)["merged_into"]["S"], left.as_str());
            assert_eq!(pointer(id)["record_key"], record["record_key"]);
        }
        assert_eq!(pointer(&left)["record_key"], record["record_key"]);
        let tombstone = tenant.record("contact", &eve).await;
        assert_eq!(tombstone["merged_into"]["S"], left.as_str());
        let versions = tenant.versions().await;
        let expected = usize::try_from(versions).unwrap() - 2;
        let events = tenant.events(expected).await;
        let merged = events.iter().filter(|event| event["detail"]["change"] == "merged").count();
        println!(
            "merge that keeps the id: {keeps_primary_id}; {versions} versions, {merged} of them a merge"
        );
        assert_eq!(merged, 1);

        // A late hint under an old id is one about the record that is left.
        let hint = json!({"system": "hubspot", "account": tenant.account, "object_ids": [eve],
            "event": "contact.propertyChange"});
        tenant.cloud.sandbox_post("webhooks", hint).await;
        let act = json!({"act": "update", "type": "contact", "id": left, "properties": {"phone": "+14155550100"}});
        tenant.portal_told(act).await;
        tenant.until_in_step(SOON).await;
        tenant.settle("carol").await;
        tenant.events(2).await;
        assert_eq!(tenant.versions().await, versions + 2);
    }
}
