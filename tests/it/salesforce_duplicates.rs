//! What Salesforce's duplicate rules have found, and values that several records have.

use serde_json::{Value, json};
use sync_domain::model::{ExternalId, ObjectType};
use sync_domain::ports::{CrmGateway, ProviderError};

use crate::support::cloud::root;
use crate::support::hubspot::draft;
use crate::support::salesforce::{
    KEY, Salesforce, company, connection, contact, error, id, page, wanted,
};

fn fixture(name: &str) -> String {
    std::fs::read_to_string(root().join("tests/fixtures/crm").join(name)).unwrap()
}

/// A refusal by a rule that found these records.
fn found(ids: &[ExternalId]) -> Value {
    let mut detected: Value =
        serde_json::from_str(&fixture("salesforce_duplicates_detected.json")).unwrap();
    let record =
        |id: &ExternalId| json!({"record": {"attributes": {"type": "X"}, "Id": id.as_str()}});
    let matches: Value = ids.iter().map(record).collect();
    detected[0]["duplicateResult"]["matchResults"][0]["matchRecords"] = matches;
    detected
}

fn duplicate(matches: &[ExternalId]) -> ProviderError {
    ProviderError::Duplicate {
        vendor_code: "DUPLICATES_DETECTED".to_owned(),
        rule: Some("Standard_Rule_for_Contacts_with_Duplicate_Leads".to_owned()),
        matches: matches.to_vec(),
    }
}

async fn upsert(org: &Salesforce) -> Result<ExternalId, ProviderError> {
    let account = connection(&ObjectType::ALL);
    let draft = contact();
    let called = org.gateway.upsert(&account, &wanted(&draft, None)).await;
    called.map(|called| called.value.external_id)
}

#[tokio::test]
async fn the_only_match_of_a_rule_becomes_ours_if_it_has_no_key() {
    for (held, fields) in [
        (
            json!({"Id": "003000000000009AAA", KEY: null, "Email": "Ada@Example.com"}),
            json!({"FirstName": "Ada", KEY: "ada@example.com"}),
        ),
        (
            json!({"Id": "003000000000009AAA", KEY: null, "Email": null}),
            json!({"FirstName": "Ada", KEY: "ada@example.com", "Email": "ada@example.com"}),
        ),
        (
            json!({"Id": "003000000000009AAA", KEY: "ADA@example.com", "Email": "ada@example.com"}),
            json!({"FirstName": "Ada", KEY: "ada@example.com"}),
        ),
    ] {
        let org = Salesforce::start().await;
        org.server.will_answer(200, page(&[]));
        org.server.will_answer(400, fixture("salesforce_duplicates_detected.json"));
        org.server.will_answer(200, held).will_answer(204, "");
        assert_eq!(upsert(&org).await, Ok(id("003", 9)));
        let asked = org.asked();
        let look = (
            "GET /sobjects/Contact/003000000000009AAA".to_owned(),
            json!(format!("Id,{KEY},Email")),
        );
        assert_eq!(asked[2], look);
        assert_eq!(asked[3], ("PATCH /sobjects/Contact/003000000000009AAA".to_owned(), fields));
    }
}

#[tokio::test]
async fn match_that_has_another_key_is_for_somebody_to_decide() {
    let org = Salesforce::start().await;
    let matches = [id("003", 9)];
    org.server.will_answer(200, page(&[])).will_answer(400, found(&matches));
    org.server.will_answer(200, json!({"Id": "003000000000009AAA", KEY: "b@example.com"}));
    assert_eq!(upsert(&org).await, Err(duplicate(&matches)));
    assert_eq!(org.asked().len(), 3, "nothing is written");
}

#[tokio::test]
async fn several_matches_or_one_of_another_object_are_for_somebody_to_decide() {
    for matches in [vec![id("003", 9), id("003", 8)], vec![id("00Q", 9)], vec![]] {
        let org = Salesforce::start().await;
        org.server.will_answer(200, page(&[])).will_answer(400, found(&matches));
        assert_eq!(upsert(&org).await, Err(duplicate(&matches)));
        assert_eq!(org.asked().len(), 2, "no look and no other write");
    }
}

#[tokio::test]
async fn match_that_is_gone_meanwhile_leaves_the_refusal() {
    let org = Salesforce::start().await;
    let matches = [id("003", 9)];
    org.server.will_answer(200, page(&[])).will_answer(400, found(&matches));
    org.server.will_answer(404, error("NOT_FOUND", ""));
    assert_eq!(upsert(&org).await, Err(duplicate(&matches)));
}

#[tokio::test]
async fn rule_that_an_update_runs_into_adopts_nothing() {
    let org = Salesforce::start().await;
    let matches = [id("003", 9)];
    org.server.will_answer(400, found(&matches));
    let (account, draft, known) = (connection(&ObjectType::ALL), contact(), id("003", 7));
    let refused = org.gateway.upsert(&account, &wanted(&draft, Some(&known))).await.unwrap_err();
    assert_eq!(refused, duplicate(&matches));
    assert_eq!(org.asked().len(), 1);
}

#[tokio::test]
async fn key_that_several_records_have_names_them() {
    let org = Salesforce::start().await;
    let paths = json!([
        "/services/data/v67.0/sobjects/Contact/003000000000008AAA",
        "/services/data/v67.0/sobjects/Contact/003000000000009",
    ]);
    org.server.will_answer(200, page(&[])).will_answer(300, paths);
    let expected = ProviderError::Duplicate {
        vendor_code: "MULTIPLE_CHOICES".to_owned(),
        rule: None,
        matches: vec![id("003", 8), id("003", 9)],
    };
    assert_eq!(upsert(&org).await, Err(expected));
    assert_eq!(org.asked().len(), 2);
}

#[tokio::test]
async fn contact_of_the_name_with_another_email_is_another_person() {
    let org = Salesforce::start().await;
    let matches = [id("003", 9)];
    org.server.will_answer(200, page(&[])).will_answer(400, found(&matches));
    let held = json!({"Id": "003000000000009AAA", KEY: null, "Email": "lady@example.com"});
    org.server.will_answer(200, held);
    assert_eq!(upsert(&org).await, Err(duplicate(&matches)));
    assert_eq!(org.asked().len(), 3, "nothing is written");
}

#[tokio::test]
async fn account_of_the_name_becomes_ours_unless_it_has_another_website() {
    let domainless = draft(ObjectType::Company, json!({"reference": "c-1", "name": "X"}));
    for (draft, website, is_adopted) in [
        (company(), json!("https://www.Example.com/"), true),
        (company(), Value::Null, true),
        (company(), json!("example.org"), false),
        (company(), json!("shop.example.com"), false),
        (domainless.clone(), Value::Null, true),
        (domainless, json!("example.org"), false),
    ] {
        let org = Salesforce::start().await;
        org.server.will_answer(200, page(&[])).will_answer(400, found(&[id("001", 9)]));
        let held = json!({"Id": "001000000000009AAA", KEY: null, "Website": website});
        org.server.will_answer(200, held).will_answer(204, "");
        let tenant = connection(&ObjectType::ALL);
        let called = org.gateway.upsert(&tenant, &wanted(&draft, None)).await;
        let ended = called.map(|called| called.value.external_id);
        let expected = if is_adopted { Ok(id("001", 9)) } else { Err(duplicate(&[id("001", 9)])) };
        assert_eq!(ended, expected, "{website}");
        let asked = org.asked();
        assert_eq!(asked.len(), if is_adopted { 4 } else { 3 }, "{website}");
        assert_eq!(asked[2].1, json!(format!("Id,{KEY},Website")));
    }
}
