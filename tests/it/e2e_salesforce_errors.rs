//! What Salesforce refuses in its own ways, and how each ends; the mapping page says the same in
//! words.

use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::crm_system::CrmSystem;
use crate::support::tenant::Tenant;
use crate::support::waiting::until;

const FINISHED_WITHIN: Duration = Duration::from_secs(60);
const RULE: &str = "Standard_Contact_Duplicate_Rule";

/// Duplicate rules look at more than our key: here at a contact's full name.
fn rules() -> Value {
    json!({"duplicate_rules": [{
        "name": RULE, "object": "Contact", "match_on": ["FirstName", "LastName"], "action": "block",
    }]})
}

async fn tenant_with(settings: Value) -> Tenant {
    Tenant::of(CrmSystem::Salesforce, settings).await
}

/// A contact that a user of the org makes; its id.
async fn made_there(tenant: &Tenant, values: Value) -> String {
    let act = json!({"act": "create", "type": "contact", "properties": values});
    tenant.portal_held(act).await.remove(0)
}

fn status(status: u16, code: &str, method: &str) -> Value {
    json!({
        "fault": "status", "status": status, "details": {"category": code}, "match": {"method": method},
    })
}

async fn assert_one(tenant: &Tenant, id: &str) {
    let contacts = tenant.remote_contacts().await;
    assert_eq!(contacts.len(), 1, "{contacts:#?}");
    assert_eq!(contacts[0]["Id"], id);
    assert_eq!(contacts[0]["Integration_Reference__c"], tenant.email("ada"));
    assert_eq!(tenant.record("contact", id).await["version"]["N"], "1");
    tenant.events(1).await;
}

#[tokio::test]
async fn contact_of_that_email_that_was_there_before_is_taken_over_and_keeps_what_people_wrote() {
    let tenant = tenant_with(json!({})).await;
    let email = tenant.email("ada");
    let there = json!({"Email": email, "LastName": "Canarytheirs", "Title": "Countess"});
    let id = made_there(&tenant, there).await;
    let ours = json!({"email": email, "firstname": "Canaryours"});
    assert_eq!(tenant.upsert("k1", &ours).await.done("updated"), id);
    assert_one(&tenant, &id).await;
    let contact = tenant.remote_contacts().await.remove(0);
    let kept = (&contact["FirstName"], &contact["LastName"], &contact["Title"]);
    assert_eq!(kept, (&json!("Canaryours"), &json!("Canarytheirs"), &json!("Countess")));
}

#[tokio::test]
async fn several_contacts_of_one_email_are_for_a_person_to_sort_out() {
    let tenant = tenant_with(json!({})).await;
    let email = tenant.email("ada");
    let mut there = Vec::new();
    for last_name in ["Canaryone", "Canarytwo"] {
        there.push(made_there(&tenant, json!({"Email": email, "LastName": last_name})).await);
    }
    let answer = tenant.upsert("k1", &tenant.contact("ada")).await;
    answer.problem(422, "provider_rejected");
    assert_eq!(answer.body["provider_code"], "MULTIPLE_MATCHES", "{answer:?}");
    let mut told: Vec<String> =
        serde_json::from_value(answer.body["duplicates"]["external_ids"].clone()).unwrap();
    told.sort();
    there.sort();
    assert_eq!(told, there);
    assert_eq!(tenant.provider_writes().await, 0);
    assert_eq!(tenant.items_of_work().await, Vec::<Value>::new());
}

#[tokio::test]
async fn duplicate_rule_with_one_match_that_is_nobodys_is_answered_with_that_record() {
    let tenant = tenant_with(rules()).await;
    let there = json!({"FirstName": "Canaryfirst", "LastName": "Canarylast"});
    let id = made_there(&tenant, there).await;
    assert_eq!(tenant.upsert("k1", &tenant.contact("ada")).await.done("updated"), id);
    assert_one(&tenant, &id).await;
}

#[tokio::test]
async fn duplicate_rule_with_several_matches_is_refused_with_its_name_and_their_ids() {
    let tenant = tenant_with(rules()).await;
    for _two in 0..2 {
        let there = json!({"FirstName": "Canaryfirst", "LastName": "Canarylast"});
        made_there(&tenant, there).await;
    }
    let answer = tenant.upsert("k1", &tenant.contact("ada")).await;
    answer.problem(422, "provider_rejected");
    assert_eq!(answer.body["provider_code"], "DUPLICATES_DETECTED", "{answer:?}");
    let duplicates = &answer.body["duplicates"];
    assert_eq!(duplicates["rule"], RULE, "{answer:?}");
    assert_eq!(duplicates["external_ids"].as_array().unwrap().len(), 2, "{answer:?}");
    assert_eq!(tenant.items_of_work().await, Vec::<Value>::new());
}

/// Somebody else was at the record, or at its parent: the next try does it.
#[tokio::test]
async fn lock_and_lost_race_are_tried_again_at_once() {
    let cases = [(400, "UNABLE_TO_LOCK_ROW"), (401, "INVALID_SESSION_ID")];
    let runs = cases.into_iter().map(|(code_status, code)| async move {
        let tenant = tenant_with(json!({})).await;
        tenant.fault(status(code_status, code, "PATCH")).await;
        let id = tenant.upsert("k1", &tenant.contact("ada")).await.done("created");
        assert_one(&tenant, &id).await;
        assert_eq!(tenant.provider_writes().await, 1, "{code}");
        println!("{code}: created at the second try");
    });
    join_all(runs).await;
}

#[tokio::test]
async fn value_that_another_record_has_and_several_records_of_one_key_are_refused() {
    for (code_status, code, field, told) in [
        (400, "DUPLICATE_VALUE", "Email", "DUPLICATE_VALUE"),
        // Somebody else is always faster.
        (400, "DUPLICATE_VALUE", "Integration_Reference__c", "CONFLICT"),
        (300, "", "", "MULTIPLE_CHOICES"),
    ] {
        let tenant = tenant_with(json!({})).await;
        let mut fault = status(code_status, code, "PATCH");
        fault["details"]["property_name"] = json!(field);
        fault["times"] = json!(20);
        if code_status == 300 {
            fault["body"] = json!([
                "/services/data/v67.0/sobjects/Contact/003000000000001AAA",
                "/services/data/v67.0/sobjects/Contact/003000000000002AAA"
            ]);
        }
        tenant.fault(fault).await;
        let answer = tenant.upsert("k1", &tenant.contact("ada")).await;
        answer.problem(422, "provider_rejected");
        assert_eq!(answer.body["provider_code"], told, "{answer:?}");
        tenant.end_faults().await;
        tenant.upsert("k1", &tenant.contact("ada")).await.done("created");
        println!("{code_status} {code} {field}: 422 {told}; afterwards created");
    }
}

#[tokio::test]
async fn used_up_day_of_the_org_parks_the_tenant() {
    let tenant = tenant_with(json!({})).await;
    tenant.upsert("k0", &tenant.contact("bob")).await.done("created");
    let used = tenant.limits().await["used_today"].as_u64().unwrap();
    // The refusal says so by its header too; with calls left it would be a passing one.
    let limit =
        json!({"system": "salesforce", "account": tenant.account, "rate_limit_daily": used});
    tenant.cloud.sandbox_post("limits", limit).await;
    tenant.upsert("k1", &tenant.contact("ada")).await.queued();
    let calls = tenant.provider_calls_total().await;
    tenant.upsert("k2", &tenant.contact("eve")).await.queued();
    let health = tenant.health().await;
    assert_eq!(health["pause_reason"], "daily_limit", "{health}");
    assert_eq!(tenant.provider_calls_total().await, calls, "nobody asks while the day is over");
    println!("REQUEST_LIMIT_EXCEEDED: 2 queued, paused until {}", health["paused_until"]);
}

#[tokio::test]
async fn last_call_of_the_day_parks_the_tenant_before_it_is_refused() {
    let tenant = tenant_with(json!({})).await;
    let used = tenant.limits().await["used_today"].as_u64().unwrap();
    // A first upsert looks and writes.
    let limit =
        json!({"system": "salesforce", "account": tenant.account, "rate_limit_daily": used + 2});
    tenant.cloud.sandbox_post("limits", limit).await;
    tenant.upsert("k1", &tenant.contact("ada")).await.done("created");
    tenant.upsert("k2", &tenant.contact("eve")).await.queued();
    let over = tenant.provider_calls().await["totals"]["by_status"]["403"].clone();
    assert_eq!(over, Value::Null, "no call was refused");
    assert_eq!(tenant.health().await["pause_reason"], "daily_limit");
}

#[tokio::test]
async fn record_that_was_deleted_there_is_made_anew() {
    let tenant = tenant_with(json!({})).await;
    let first = tenant.upsert("k1", &tenant.contact("ada")).await.done("created");
    tenant.portal_held(json!({"act": "archive", "type": "contact", "id": first})).await;
    let changed = json!({"email": tenant.email("ada"), "firstname": "Canaryagain"});
    let second = tenant.upsert("k2", &changed).await.done("created");
    assert_ne!(first, second);
    assert_eq!(tenant.remote_contacts().await.len(), 1);
    tenant.events(2).await;
}

#[tokio::test]
async fn maintenance_page_is_no_answer_and_the_upsert_is_finished_later() {
    let tenant = tenant_with(json!({})).await;
    tenant.fault(json!({"fault": "html", "status": 503, "times": 1_000})).await;
    tenant.upsert("k1", &tenant.contact("ada")).await.queued();
    tenant.end_faults().await;
    until("the upsert is finished", FINISHED_WITHIN, async || {
        tenant.upsert_status("k1").await.body["external_id"].is_string()
    })
    .await;
    let id = tenant.upsert_status("k1").await.done("created");
    assert_one(&tenant, &id).await;
}
