//! AT-003, the CRM: a tenant connects, records go out, changes come in. Everything is the real thing
//! on the local cloud; only the vendors are the sandbox. Each test is one function over [`CrmSystem`],
//! run once for each of them.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::account::assert_delivered;
use crate::support::crm_system::CrmSystem;
use crate::support::portal_state::associations_in;
use crate::support::table::number_in;
use crate::support::tenant::{PHONE, Tenant};
use crate::support::waiting::until;

/// A change may have to wait for its turn behind what we have just written.
const SOON: Duration = Duration::from_secs(90);

struct Three {
    company: String,
    contact: String,
    deal: String,
}

/// The members of both.
fn with(mut members: Value, more: Value) -> Value {
    members.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    members
}

/// A company, a contact of it, and a deal with both.
async fn upsert_three(tenant: &Tenant) -> Three {
    let attributes =
        json!({"reference": "canary-cmp", "name": "Canary Works", "domain": "works.example.com"});
    let company = tenant.upsert_of("company", "k-company", &attributes, &json!([])).await;
    let company = tenant.ended("k-company", company, "created").await;
    let with_company = json!([{"type": "company", "external_id": company}]);
    let ada = tenant.contact("ada");
    let contact = tenant.upsert_of("contact", "k-contact", &ada, &with_company).await;
    let contact = tenant.ended("k-contact", contact, "created").await;
    let with_both = json!([
        {"type": "contact", "external_id": contact},
        {"type": "company", "external_id": company},
    ]);
    let attributes = json!({
        "reference": "canary-deal", "name": "Canary Deal", "amount": "1200",
    });
    let attributes = with(attributes, tenant.crm().deal_stage());
    let deal = tenant.upsert_of("deal", "k-deal", &attributes, &with_both).await;
    let deal = tenant.ended("k-deal", deal, "created").await;
    Three { company, contact, deal }
}

fn names(value: &Value) -> BTreeSet<&str> {
    value.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect()
}

pub async fn until_version(tenant: &Tenant, object_type: &str, id: &str, version: u64) -> Value {
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
        .filter(|(route, _)| route.contains(tenant.crm().batch_read_route()))
        .map(|(_, calls)| calls.as_u64().unwrap())
        .sum()
}

async fn change_in_the_portal_becomes_one_version_and_one_event(system: CrmSystem) {
    let tenant = Tenant::unconnected_to(system, json!({})).await;
    tenant.upsert("k0", &tenant.contact("ada")).await.problem(404, "connection_not_found");
    let connected = tenant.connect().await;
    assert_eq!(names(&connected["key_properties"]), system.keyed_types());
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
        "properties": system.renamed("Canarynew")});
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
        "{system:?}: 3 upserts: 3 versions, 3 events; 1 change in the portal: 1 version, 1 event, {reads} read"
    );
    assert_eq!(reads, 1);
    assert_eq!(tenant.health().await["dead_letters"], 0);
}

async fn records_deleted_in_the_portal_become_tombstones_and_come_back(system: CrmSystem) {
    let tenant = Tenant::of(system, json!({})).await;
    let three = upsert_three(&tenant).await;
    tenant.events(3).await;
    for (object_type, id) in [("contact", &three.contact), ("deal", &three.deal)] {
        tenant.portal_told(json!({"act": "archive", "type": object_type, "id": id})).await;
        let record = until_version(&tenant, object_type, id, 2).await;
        assert!(record["deleted_at"]["S"].is_string(), "{record}");
        let event = tenant.events(1).await.remove(0);
        assert_eq!(event["detail"]["change"], "deleted", "{event}");

        if !system.restores() {
            continue;
        }
        tenant.portal_told(json!({"act": "restore", "type": object_type, "id": id})).await;
        let record = until_version(&tenant, object_type, id, 3).await;
        assert!(record.get("deleted_at").is_none(), "{record}");
        let event = tenant.events(1).await.remove(0);
        assert_eq!(event["detail"]["change"], "restored", "{event}");
        assert_eq!(tenant.out_of_step().await, Vec::<String>::new());
    }
    println!("{system:?}: 2 records deleted, restored: {}", system.restores());
}

async fn association_changed_in_the_portal_is_one_version_and_one_event(system: CrmSystem) {
    let tenant = Tenant::of(system, json!({})).await;
    let three = upsert_three(&tenant).await;
    let other = json!({"reference": "canary-other", "name": "Canary Other"});
    let other = tenant.upsert_of("company", "k-other", &other, &json!([])).await;
    let other = tenant.ended("k-other", other, "created").await;
    tenant.events(4).await;
    let link = |act: &str, from: (&str, &str), to: &str| json!({"act": act, "type": from.0, "id": from.1, "to_type": "company", "to_id": to});
    let steps = [
        link("associate", ("contact", &three.contact), &other),
        // Where a contact has one company, the other one has taken its place.
        link(
            "dissociate",
            ("contact", &three.contact),
            if system.links_one_company() { &other } else { &three.company },
        ),
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
    println!("{system:?}: {total} changed associations: {total} versions, {total} events");
}

async fn own_writes_that_come_back_as_webhooks_change_nothing(system: CrmSystem) {
    let tenant = Tenant::of(system, json!({"webhooks_on_api_writes": true})).await;
    upsert_three(&tenant).await;
    let changed = json!({"email": tenant.email("ada"), "lastname": "Canaryother"});
    let answer = tenant.upsert("k-changed", &changed).await;
    tenant.ended("k-changed", answer, "updated").await;
    until("the echoes were read", SOON, async || batch_reads(&tenant).await >= 3).await;
    tenant.settle("bob").await;
    let events = tenant.events(5).await;
    let of_provider = events.iter().filter(|it| it["detail"]["origin"] == "provider").count();
    let deliveries = tenant.cloud.sandbox_get(&format!("webhooks?{}", tenant.selected())).await;
    println!(
        "{system:?}: 4 writes of ours, {} deliveries, {} reads: 4 versions and 4 events of ours, {of_provider} of the portal's",
        deliveries["deliveries"].as_array().map_or(0, Vec::len),
        batch_reads(&tenant).await,
    );
    assert_eq!((of_provider, tenant.versions().await), (1, 5), "the portal's own new contact");
}

async fn webhooks_with_a_bad_signature_store_nothing(system: CrmSystem) {
    let tenant = Tenant::of(system, json!({})).await;
    let answer = tenant.upsert("k1", &tenant.contact("ada")).await;
    let id = tenant.ended("k1", answer, "created").await;
    tenant.events(1).await;
    let act = json!({"act": "update", "type": "contact", "id": id, "properties": system.renamed("Canarynew")});
    tenant.portal_held(act).await;
    let reads = batch_reads(&tenant).await;
    let forged = json!({"system": tenant.provider.system, "account": tenant.account, "object_ids": [id],
        "event": system.change_event(), "secret": "canary-wrong"});
    let answer = tenant.cloud.sandbox_post("webhooks", forged).await;
    assert_eq!(answer["deliveries"][0]["first_status"], 401, "{answer}");
    assert_eq!(batch_reads(&tenant).await, reads);
    until_version(&tenant, "contact", &id, 1).await;
    let released = tenant.release(json!({})).await;
    assert_delivered(&released);
    until_version(&tenant, "contact", &id, 2).await;
    tenant.events(1).await;
    println!(
        "{system:?}: 1 forged notification: 401, 0 reads, 0 versions; the true one: 1 version"
    );
}

/// Changes of one contact, told late, again and in any order, by a user and by us.
async fn deliveries_in_any_order_end_in_the_same_state(system: CrmSystem) {
    let tenant = Tenant::of(system, json!({})).await;
    let three = upsert_three(&tenant).await;
    tenant.events(3).await;
    for number in 0..4 {
        let properties = system.renamed(&format!("Canary{number}"));
        let act = json!({"act": "update", "type": "contact", "id": three.contact, "properties": properties});
        tenant.portal_held(act).await;
    }
    let ours = json!({"email": tenant.email("ada"), "lastname": "Canaryours"});
    let answer = tenant.upsert("k-between", &ours).await;
    tenant.ended("k-between", answer, "updated").await;
    tenant.portal_held(json!({"act": "archive", "type": "deal", "id": three.deal})).await;
    for seed in 0..2 {
        let deliver = json!({"repeat": 2, "shuffle": true, "seed": seed});
        if seed == 0 {
            tenant.release(deliver).await;
        } else {
            let hint = json!({"system": tenant.provider.system, "account": tenant.account,
                "object_ids": [three.contact], "event": system.change_event(), "repeat": 3});
            tenant.cloud.sandbox_post("webhooks", hint).await;
        }
    }
    tenant.until_told().await;
    tenant.until_in_step(SOON).await;
    tenant.settle("last").await;
    let versions = tenant.versions().await;
    // Three of the beginning have been taken.
    tenant.events(usize::try_from(versions).unwrap() - 3).await;
    assert_eq!(tenant.versions().await, versions, "a version after the last event");
    assert_eq!(tenant.out_of_step().await, Vec::<String>::new());
    assert_eq!(tenant.health().await["dead_letters"], 0);
    println!(
        "{system:?}: 6 changes told 15 times in any order: {versions} versions, as many events"
    );
}

/// Each test once for each CRM.
macro_rules! for_every_crm {
    ($($name:ident => $test:ident($system:expr);)*) => {
        $(
            #[tokio::test]
            async fn $name() {
                $test($system).await;
            }
        )*

        /// No CRM is left out.
        #[test]
        fn at_003_runs_every_test_for_every_crm() {
            let ran: Vec<(&str, CrmSystem)> = vec![$((stringify!($test), $system)),*];
            for system in CrmSystem::ALL {
                for (test, _) in &ran {
                    assert!(ran.contains(&(*test, system)), "{test} does not run for {system:?}");
                }
            }
        }
    };
}

for_every_crm! {
    at_003_hubspot_change => change_in_the_portal_becomes_one_version_and_one_event(CrmSystem::Hubspot);
    at_003_salesforce_change => change_in_the_portal_becomes_one_version_and_one_event(CrmSystem::Salesforce);
    at_003_pipedrive_change => change_in_the_portal_becomes_one_version_and_one_event(CrmSystem::Pipedrive);
    at_003_hubspot_deletion => records_deleted_in_the_portal_become_tombstones_and_come_back(CrmSystem::Hubspot);
    at_003_salesforce_deletion => records_deleted_in_the_portal_become_tombstones_and_come_back(CrmSystem::Salesforce);
    at_003_pipedrive_deletion => records_deleted_in_the_portal_become_tombstones_and_come_back(CrmSystem::Pipedrive);
    at_003_hubspot_association => association_changed_in_the_portal_is_one_version_and_one_event(CrmSystem::Hubspot);
    at_003_salesforce_association => association_changed_in_the_portal_is_one_version_and_one_event(CrmSystem::Salesforce);
    at_003_pipedrive_association => association_changed_in_the_portal_is_one_version_and_one_event(CrmSystem::Pipedrive);
    at_003_hubspot_echo => own_writes_that_come_back_as_webhooks_change_nothing(CrmSystem::Hubspot);
    at_003_salesforce_echo => own_writes_that_come_back_as_webhooks_change_nothing(CrmSystem::Salesforce);
    at_003_pipedrive_echo => own_writes_that_come_back_as_webhooks_change_nothing(CrmSystem::Pipedrive);
    at_003_hubspot_forgery => webhooks_with_a_bad_signature_store_nothing(CrmSystem::Hubspot);
    at_003_salesforce_forgery => webhooks_with_a_bad_signature_store_nothing(CrmSystem::Salesforce);
    at_003_pipedrive_forgery => webhooks_with_a_bad_signature_store_nothing(CrmSystem::Pipedrive);
    at_003_hubspot_any_order => deliveries_in_any_order_end_in_the_same_state(CrmSystem::Hubspot);
    at_003_salesforce_any_order => deliveries_in_any_order_end_in_the_same_state(CrmSystem::Salesforce);
    at_003_pipedrive_any_order => deliveries_in_any_order_end_in_the_same_state(CrmSystem::Pipedrive);
}
