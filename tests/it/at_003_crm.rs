//! AT-003, the CRM: a tenant connects, records go out, changes come in. Everything is the real thing
//! on the local cloud; only HubSpot is the sandbox.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::account::assert_delivered;
use crate::support::portal_state::associations_in;
use crate::support::table::number_in;
use crate::support::tenant::{PHONE, Tenant};
use crate::support::waiting::until;

const SOON: Duration = Duration::from_secs(30);
const BATCH_READ: &str = "batch/read";

struct Three {
    company: String,
    contact: String,
    deal: String,
}

/// A company, a contact of it, and a deal with both.
async fn upsert_three(tenant: &Tenant) -> Three {
    let attributes =
        json!({"reference": "canary-cmp", "name": "Canary Works", "domain": "works.example.com"});
    let company = tenant.upsert_of("company", "k-company", &attributes, &json!([])).await;
    let company = company.done("created");
    let with_company = json!([{"type": "company", "external_id": company}]);
    let ada = tenant.contact("ada");
    let contact = tenant.upsert_of("contact", "k-contact", &ada, &with_company).await;
    let contact = contact.done("created");
    let with_both = json!([
        {"type": "contact", "external_id": contact},
        {"type": "company", "external_id": company},
    ]);
    let attributes = json!({
        "reference": "canary-deal", "name": "Canary Deal", "amount": "1200",
        "pipeline": "default", "stage": "appointmentscheduled",
    });
    let deal = tenant.upsert_of("deal", "k-deal", &attributes, &with_both).await.done("created");
    Three { company, contact, deal }
}

fn names(value: &Value) -> BTreeSet<&str> {
    value.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect()
}

async fn until_version(tenant: &Tenant, object_type: &str, id: &str, version: u64) -> Value {
    until(&format!("version {version} of {object_type} {id}"), SOON, async || {
        let records = tenant.records().await;
        records.iter().any(|record| {
            record["external_id"]["S"] == id
                && record["type"]["S"] == object_type
                && number_in(record, "version") >= version
        })
    })
    .await;
    let record = tenant.record(object_type, id).await;
    assert_eq!(number_in(&record, "version"), version, "{record}");
    record
}

/// How often objects were read in batches, which is what a change costs at the provider.
async fn batch_reads(tenant: &Tenant) -> u64 {
    let totals = tenant.provider_calls().await["totals"]["by_route"].clone();
    let routes = totals.as_object().unwrap().iter();
    routes
        .filter(|(route, _)| route.contains(BATCH_READ))
        .map(|(_, calls)| calls.as_u64().unwrap())
        .sum()
}

#[tokio::test]
async fn at_003_change_in_the_portal_becomes_one_version_and_one_event() {
    let tenant = Tenant::unconnected(json!({})).await;
    tenant.upsert("k0", &tenant.contact("ada")).await.problem(404, "connection_not_found");
    let connected = tenant.connect().await;
    assert_eq!(names(&connected["key_properties"]), BTreeSet::from(["company", "deal"]));
    tenant.connection_event().await;
    tenant.count_anew();

    let three = upsert_three(&tenant).await;
    let created = tenant.events(3).await;
    for event in &created {
        let detail = &event["detail"];
        let told = (&detail["change"], &detail["version"], &detail["origin"]);
        assert_eq!(told, (&json!("created"), &json!(1), &json!("platform")), "{event}");
    }
    let types: BTreeSet<_> =
        created.iter().map(|it| it["detail"]["type"].as_str().unwrap()).collect();
    assert_eq!(types, BTreeSet::from(["company", "contact", "deal"]));
    tenant.assert_associations_in_step().await;
    let contact = tenant.record("contact", &three.contact).await;
    assert_eq!(associations_in(&contact), BTreeSet::from([format!("company:{}", three.company)]));
    assert_eq!(tenant.out_of_step().await, Vec::<String>::new());

    let reads = batch_reads(&tenant).await;
    let act = json!({"act": "update", "type": "contact", "id": three.contact,
        "properties": {"firstname": "Canarynew"}});
    tenant.portal_told(act).await;
    let record = until_version(&tenant, "contact", &three.contact, 2).await;
    assert_eq!(record["payload"]["M"]["firstname"]["S"], "Canarynew");
    assert_eq!(record["payload"]["M"]["phone"]["S"], PHONE.1, "what did not change stays");
    assert_eq!(record["origin"]["S"], "provider");
    let events = tenant.events(1).await;
    let detail = &events[0]["detail"];
    assert_eq!((&detail["change"], &detail["origin"]), (&json!("updated"), &json!("provider")));
    assert_eq!(
        (&detail["version"], &detail["changed_attributes"]),
        (&json!(2), &json!(["firstname"]))
    );
    assert_eq!(detail["external_id"], three.contact.as_str());
    until_version(&tenant, "contact", &three.contact, 2).await;
    let reads = batch_reads(&tenant).await - reads;
    println!(
        "3 upserts: 3 versions, 3 events; 1 change in the portal: 1 version, 1 event, {reads} read"
    );
    assert_eq!(reads, 1);
    assert_eq!(tenant.health().await["dead_letters"], 0);
}

#[tokio::test]
async fn at_003_records_deleted_in_the_portal_become_tombstones_and_come_back() {
    let tenant = Tenant::new().await;
    let three = upsert_three(&tenant).await;
    tenant.events(3).await;
    for (object_type, id) in [("contact", &three.contact), ("deal", &three.deal)] {
        tenant.portal_told(json!({"act": "archive", "type": object_type, "id": id})).await;
        let record = until_version(&tenant, object_type, id, 2).await;
        assert!(record["deleted_at"]["S"].is_string(), "{record}");
        let event = tenant.events(1).await.remove(0);
        assert_eq!(event["detail"]["change"], "deleted", "{event}");

        tenant.portal_told(json!({"act": "restore", "type": object_type, "id": id})).await;
        let record = until_version(&tenant, object_type, id, 3).await;
        assert!(record.get("deleted_at").is_none(), "{record}");
        let event = tenant.events(1).await.remove(0);
        assert_eq!(event["detail"]["change"], "restored", "{event}");
        assert_eq!(tenant.out_of_step().await, Vec::<String>::new());
    }
    println!("2 records deleted and restored: 4 versions, 4 events");
}

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

#[tokio::test]
async fn at_003_association_changed_in_the_portal_is_one_version_and_one_event() {
    let tenant = Tenant::new().await;
    let three = upsert_three(&tenant).await;
    let other = json!({"reference": "canary-other", "name": "Canary Other"});
    let other = tenant.upsert_of("company", "k-other", &other, &json!([])).await.done("created");
    tenant.events(4).await;
    let link = |act: &str, from: (&str, &str), to: &str| json!({"act": act, "type": from.0, "id": from.1, "to_type": "company", "to_id": to});
    let steps = [
        link("associate", ("contact", &three.contact), &other),
        link("dissociate", ("contact", &three.contact), &three.company),
        link("dissociate", ("deal", &three.deal), &three.company),
    ];
    let (mut versions, total) = (tenant.versions().await, steps.len());
    for act in steps {
        tenant.portal_told(act.clone()).await;
        versions += 1;
        until("a version of the new associations", SOON, async || {
            tenant.versions().await >= versions
        })
        .await;
        let event = tenant.events(1).await.remove(0);
        assert_eq!(event["detail"]["change"], "updated", "{act}: {event}");
        assert_eq!(event["detail"]["origin"], "provider");
        tenant.assert_associations_in_step().await;
        assert_eq!(tenant.versions().await, versions, "{act}");
    }
    println!("{total} changed associations: {total} versions, {total} events");
}

#[tokio::test]
async fn at_003_own_writes_that_come_back_as_webhooks_change_nothing() {
    let tenant = Tenant::with(json!({"webhooks_on_api_writes": true})).await;
    upsert_three(&tenant).await;
    let changed = json!({"email": tenant.email("ada"), "lifecyclestage": "customer"});
    tenant.upsert("k-changed", &changed).await.done("updated");
    until("the echoes were read", SOON, async || batch_reads(&tenant).await >= 3).await;
    tenant.settle("bob").await;
    let events = tenant.events(5).await;
    let of_provider = events.iter().filter(|it| it["detail"]["origin"] == "provider").count();
    let deliveries = tenant
        .cloud
        .sandbox_get(&format!("webhooks?system=hubspot&account={}", tenant.account))
        .await;
    println!(
        "4 writes of ours, {} deliveries, {} reads: 4 versions and 4 events of ours, {of_provider} of the portal's",
        deliveries["deliveries"].as_array().map_or(0, Vec::len),
        batch_reads(&tenant).await,
    );
    assert_eq!((of_provider, tenant.versions().await), (1, 5), "the portal's own new contact");
}

#[tokio::test]
async fn at_003_webhooks_with_a_bad_signature_or_of_a_stranger_store_nothing() {
    let tenant = Tenant::new().await;
    let id = tenant.upsert("k1", &tenant.contact("ada")).await.done("created");
    tenant.events(1).await;
    let act = json!({"act": "update", "type": "contact", "id": id, "properties": {"firstname": "Canarynew"}});
    tenant.portal_held(act).await;
    let reads = batch_reads(&tenant).await;
    let forged = json!({"system": "hubspot", "account": tenant.account, "object_ids": [id],
        "event": "contact.propertyChange", "secret": "canary-wrong"});
    let answer = tenant.cloud.sandbox_post("webhooks", forged).await;
    assert_eq!(answer["deliveries"][0]["first_status"], 401, "{answer}");
    assert_eq!(batch_reads(&tenant).await, reads);
    until_version(&tenant, "contact", &id, 1).await;
    let released = tenant.release(json!({})).await;
    assert_delivered(&released);
    until_version(&tenant, "contact", &id, 2).await;
    tenant.events(1).await;
    println!("1 forged notification: 401, 0 reads, 0 versions; the true one: 1 version");
}
