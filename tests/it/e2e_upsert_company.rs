//! Companies, and contacts associated with them, on the local cloud.

use serde_json::{Value, json};

use crate::support::tenant::Tenant;

fn company() -> Value {
    json!({"reference": "cmp-7", "name": "Canary Works", "domain": "https://www.Example.com/about"})
}

fn with_company(id: &str) -> Value {
    json!([{"type": "company", "external_id": id}])
}

async fn upsert_company(tenant: &Tenant, key: &str, attributes: &Value, status: &str) -> String {
    tenant.upsert_of("company", key, attributes, &json!([])).await.done(status)
}

#[tokio::test]
async fn company_goes_through_created_updated_noop_and_replayed() {
    let tenant = Tenant::new().await;
    let id = upsert_company(&tenant, "k1", &company(), "created").await;
    let renamed = json!({"reference": "cmp-7", "name": "Canary Works Ltd", "phone": null});
    assert_eq!(upsert_company(&tenant, "k2", &renamed, "updated").await, id);
    assert_eq!(upsert_company(&tenant, "k3", &renamed, "noop").await, id);
    assert_eq!(upsert_company(&tenant, "k1", &company(), "created").await, id);
    assert_eq!(tenant.provider_calls().await["totals"]["total"], 2);

    let companies = tenant.remote("company").await;
    assert_eq!(companies.len(), 1);
    let properties = &companies[0]["properties"];
    assert_eq!(properties["integration_reference"], "cmp-7");
    assert_eq!(properties["name"], "Canary Works Ltd");
    assert_eq!(properties["domain"], "example.com");
    let record = tenant.items_of("CrmRecord").await.remove(0);
    assert_eq!(
        (&record["version"]["N"], &record["origin"]["S"]),
        (&json!("2"), &json!("platform"))
    );
    assert!(
        record["provider_version_ms"]["N"].is_string() && record["read_at_ms"]["N"].is_string()
    );
    let pointer = tenant.items_of("CrmPointer").await.remove(0);
    assert_eq!(pointer["sk"]["S"], format!("CRMID#hubspot#company#{id}"));
    assert_eq!(pointer["record_key"], record["record_key"]);
    let events = tenant.events(2).await;
    assert!(events.iter().all(|event| event["detail"]["type"] == "company"), "{events:?}");
}

#[tokio::test]
async fn company_without_a_reference_is_known_by_its_domain() {
    let tenant = Tenant::new().await;
    let named = |name: &str| json!({"domain": "example.com", "name": name});
    let id = upsert_company(&tenant, "k1", &named("Canary One"), "created").await;
    assert_eq!(upsert_company(&tenant, "k2", &named("Canary Two"), "updated").await, id);
    let companies = tenant.remote("company").await;
    assert_eq!(companies.len(), 1);
    assert_eq!(companies[0]["properties"]["integration_reference"], "example.com");
}

#[tokio::test]
async fn contact_and_its_company_are_one_unit_of_work() {
    let tenant = Tenant::new().await;
    let company_id = upsert_company(&tenant, "k1", &company(), "created").await;
    let ada = tenant.contact("ada");
    let table_calls = async || tenant.aws_calls("dynamodb").await["total"].as_u64().unwrap();
    let provider_calls =
        async || tenant.provider_calls().await["totals"]["total"].as_u64().unwrap();
    let before = (table_calls().await, provider_calls().await);
    let upsert = async |key: &str, status: &str| {
        tenant.upsert_of("contact", key, &ada, &with_company(&company_id)).await.done(status)
    };
    let id = upsert("k2", "created").await;
    assert_eq!((table_calls().await, provider_calls().await), (before.0 + 2, before.1 + 2));
    assert_eq!(upsert("k3", "noop").await, id);
    assert_eq!(upsert("k2", "created").await, id, "the stored answer");
    assert_eq!((table_calls().await, provider_calls().await), (before.0 + 4, before.1 + 2));
    let records = tenant.items_of("CrmRecord").await;
    let contact = records.iter().find(|record| record["type"]["S"] == "contact").unwrap();
    assert_eq!(contact["associations"]["SS"], json!([format!("company:{company_id}")]));
    tenant.events(2).await;
}

#[tokio::test]
async fn contact_with_a_company_that_is_not_there_is_no_success_until_it_is() {
    let tenant = Tenant::new().await;
    let ada = tenant.contact("ada");
    let upsert = async || tenant.upsert_of("contact", "k1", &ada, &with_company("4711")).await;
    for _try in 0..2 {
        let field = upsert().await;
        assert_eq!(field.problem(422, "provider_rejected"), Some("associations[0].external_id"));
    }
    let contacts = tenant.remote_contacts().await;
    assert_eq!((contacts.len(), tenant.provider_writes().await), (1, 1), "written once");
    assert!(tenant.items_of("CrmRecord").await[0].get("version").is_none());
    let seed = json!({
        "system": "hubspot", "account": tenant.account,
        "objects": [{"type": "company", "id": "4711", "properties": {"name": "Canary Works"}}],
    });
    tenant.cloud.sandbox_post("seed", seed).await;
    upsert().await.done("created");
    assert_eq!(tenant.remote_contacts().await.len(), 1);
    assert_eq!(tenant.items_of("CrmRecord").await[0]["version"]["N"], "1");
    tenant.events(1).await;
}

#[tokio::test]
async fn associations_at_fault_are_named() {
    let tenant = Tenant::new().await;
    let ada = tenant.contact("ada");
    for (object_type, attributes, associations, field) in [
        ("contact", &ada, json!({}), "associations"),
        ("contact", &ada, json!(["canary"]), "associations[0]"),
        ("contact", &ada, json!([{"type": "deal", "external_id": "1"}]), "associations[0].type"),
        ("company", &company(), with_company("1"), "associations[0].type"),
        ("contact", &ada, with_company("canary@example.com"), "associations[0].external_id"),
        ("contact", &ada, with_company("17x"), "associations[0].external_id"),
        ("contact", &ada, json!([with_company("1")[0], with_company("1")[0]]), "associations[1]"),
    ] {
        let answer = tenant.upsert_of(object_type, "k1", attributes, &associations).await;
        assert_eq!(answer.problem(422, "validation_failed"), Some(field), "{associations}");
    }
    assert!(tenant.items_of_work().await.is_empty());
    assert_eq!(tenant.provider_calls().await["totals"]["total"], 0);
}

#[tokio::test]
async fn company_of_an_account_without_our_key_is_found_by_its_domain() {
    let tenant = Tenant::without_key_properties().await;
    let seed = json!({
        "system": "hubspot", "account": tenant.account,
        "objects": [{"type": "company", "id": "501", "properties": {"domain": "example.com"}}],
    });
    tenant.cloud.sandbox_post("seed", seed).await;
    assert_eq!(upsert_company(&tenant, "k1", &company(), "updated").await, "501");
    // From now on it is known, whatever its domain.
    let moved = json!({"reference": "cmp-7", "domain": "example.org"});
    assert_eq!(upsert_company(&tenant, "k2", &moved, "updated").await, "501");
    let other = json!({"reference": "cmp-8", "name": "Canary Other"});
    upsert_company(&tenant, "k3", &other, "created").await;
    assert_eq!(tenant.remote("company").await.len(), 2);
    let totals = tenant.provider_calls().await["totals"].clone();
    assert_eq!(totals["total"], 5, "search and write, write, search and write: {totals}");
}

#[tokio::test]
async fn company_whose_key_property_was_deleted_is_refused_with_its_reference() {
    let tenant = Tenant::new().await;
    tenant.reset_account().await;
    let answer = tenant.upsert_of("company", "k1", &company(), &json!([])).await;
    assert_eq!(answer.problem(422, "provider_rejected"), Some("attributes.reference"));
    assert!(tenant.items_of_work().await.is_empty());
}
