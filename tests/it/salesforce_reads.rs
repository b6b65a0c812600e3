//! Reading Salesforce records by their ids, and what they are associated with.

use serde_json::{Value, json};
use sync_domain::model::{AttributeName, ExternalId, ObjectType};
use sync_domain::ports::{AssociationsOf, AssociationsPage, CrmReader, ProviderError};

use crate::support::cloud::root;
use crate::support::salesforce::{Salesforce, connection, error, id, page};

fn fixture(name: &str) -> String {
    std::fs::read_to_string(root().join("tests/fixtures/crm").join(name)).unwrap()
}

fn of(id: ExternalId, after: Option<&str>) -> AssociationsOf {
    AssociationsOf { external_id: id, after: after.map(str::to_owned) }
}

fn stored(page: &AssociationsPage, id: &ExternalId) -> Vec<String> {
    page.found.get(id).into_iter().flatten().map(|it| it.to_stored()).collect()
}

#[tokio::test]
async fn records_are_read_in_one_call_and_missing_ones_are_left_out() {
    let org = Salesforce::start().await;
    let account = connection(&ObjectType::ALL);
    org.server.will_answer(200, fixture("salesforce_collections_read.json"));
    let ids = [id("003", 1), id("003", 2), id("003", 3), id("003", 4)];
    let called = org.gateway.read(&account, ObjectType::Contact, &ids).await.unwrap();
    assert_eq!(called.calls, 1);
    let read = called.value;
    assert_eq!(read.len(), 2, "one is null, one in the recycle bin");
    let ada = &read[0];
    assert_eq!(ada.external_id, id("003", 1), "15 characters become 18");
    assert_eq!(ada.attributes.get(AttributeName::Email), Some("ada@example.com"));
    assert_eq!(ada.attributes.get(AttributeName::Phone), Some("+14155550134"));
    assert_eq!(ada.attributes.get(AttributeName::Lastname), None, "a hyphen is no name");
    assert_eq!(ada.attributes.get(AttributeName::Firstname), None);
    assert_eq!(ada.updated_at, Some("2026-05-01T07:25:37Z".parse().unwrap()));
    assert_eq!(read[1].attributes.get(AttributeName::Lastname), Some("Hopper"));
    let fields =
        json!(["Id", "CreatedDate", "SystemModstamp", "Email", "Phone", "FirstName", "LastName"]);
    let ids: Vec<_> = ids.iter().map(ExternalId::as_str).collect();
    let body = json!({"ids": ids, "fields": fields});
    assert_eq!(org.asked(), [("POST /composite/sobjects/Contact".to_owned(), body)]);
}

#[tokio::test]
async fn record_type_is_asked_for_only_where_the_org_has_them() {
    let org = Salesforce::start().await;
    let mut account = connection(&ObjectType::ALL);
    let ids = [id("006", 1)];
    let record = json!([{"Id": "006000000000001AAA", "RecordTypeId": "012000000000001AAA"}]);
    for is_there in [false, true] {
        org.server.will_answer(200, &record);
        org.gateway.read(&account, ObjectType::Deal, &ids).await.unwrap();
        let (_, body) = org.asked().remove(0);
        let fields = body["fields"].as_array().unwrap();
        assert_eq!(fields.contains(&json!("RecordTypeId")), is_there);
        let field = (ObjectType::Deal, AttributeName::Pipeline);
        account.custom_fields.insert(field, "RecordTypeId".to_owned());
    }
}

#[tokio::test]
async fn answer_that_is_not_whole_is_not_taken_for_deletions() {
    let org = Salesforce::start().await;
    let account = connection(&ObjectType::ALL);
    let ids = [id("003", 1), id("003", 2)];
    let one = json!({"Id": "003000000000001AAA"});
    for body in [
        json!([one]),
        json!([one, {"Id": "003000000000009AAA"}]),
        json!([one, {"Email": "a@b.co"}]),
        json!({}),
        Value::Null,
        json!([]),
    ] {
        org.server.will_answer(200, &body);
        let error = org.gateway.read(&account, ObjectType::Contact, &ids).await.unwrap_err();
        assert!(matches!(error, ProviderError::Unavailable { .. }), "{body}: {error:?}");
    }
    org.server.will_answer(400, error("MALFORMED_ID", ""));
    let refused = org.gateway.read(&account, ObjectType::Contact, &ids).await.unwrap_err();
    assert!(matches!(refused, ProviderError::Rejected { .. }), "so that the batch is halved");
}

#[tokio::test]
async fn account_is_read_as_a_field_of_each_record() {
    let org = Salesforce::start().await;
    let account = connection(&ObjectType::ALL);
    let records = json!([
        {"Id": "003000000000001AAA", "AccountId": "001000000000005"},
        {"Id": "003000000000002AAA", "AccountId": null},
        null,
    ]);
    org.server.will_answer(200, records);
    let asked = [1, 2, 3].map(|number| of(id("003", number), None));
    let (contact, company) = (ObjectType::Contact, ObjectType::Company);
    let called = org.gateway.associations(&account, contact, company, &asked).await.unwrap();
    let page = called.value;
    assert_eq!(stored(&page, &id("003", 1)), ["company:001000000000005AAA"]);
    assert!(stored(&page, &id("003", 2)).is_empty() && page.more.is_empty());
    let (path, body) = org.asked().remove(0);
    assert_eq!(
        (path.as_str(), &body["fields"]),
        ("POST /composite/sobjects/Contact", &json!(["Id", "AccountId"]))
    );
}

#[tokio::test]
async fn contacts_of_deals_are_read_page_by_page_by_locator_alone() {
    let org = Salesforce::start().await;
    let account = connection(&ObjectType::ALL);
    let role = |deal: u32, contact: u32| json!({"OpportunityId": id("006", deal).as_str(), "ContactId": id("003", contact).as_str()});
    let (deal, contact) = (ObjectType::Deal, ObjectType::Contact);
    org.server.will_answer(200, json!({"done": false, "records": [role(1, 1), role(2, 1)],
        "nextRecordsUrl": "https://evil.example.com/services/data/v67.0/query/01g000000000001AAA-2000"}));
    let asked = [of(id("006", 1), None), of(id("006", 2), None)];
    let first = org.gateway.associations(&account, deal, contact, &asked).await.unwrap().value;
    assert_eq!(stored(&first, &id("006", 2)), ["contact:003000000000001AAA"]);
    let locator = Some("01g000000000001AAA-2000");
    assert_eq!(first.more, [of(id("006", 1), locator), of(id("006", 2), locator)]);

    // Of a page that others read, too, each takes its own; other places wait.
    let later = [first.more[1].clone(), of(id("006", 3), Some("01g000000000002AAA-2000"))];
    org.server.will_answer(200, page(&[role(1, 2), role(2, 3)]));
    let second = org.gateway.associations(&account, deal, contact, &later).await.unwrap().value;
    assert_eq!(second.found.len(), 1);
    assert_eq!(stored(&second, &id("006", 2)), ["contact:003000000000003AAA"]);
    assert_eq!(second.more, [later[1].clone()]);
    let lines: Vec<_> = org.asked().into_iter().map(|(line, _)| line).collect();
    assert_eq!(lines, ["GET /query", "GET /query/01g000000000001AAA-2000"]);
}

#[tokio::test]
async fn half_a_set_of_contacts_is_an_error() {
    let org = Salesforce::start().await;
    let account = connection(&ObjectType::ALL);
    let asked = [of(id("006", 1), None)];
    for body in [
        json!({"done": false, "records": []}),
        json!({"done": true, "records": [{"OpportunityId": "006000000000001AAA"}]}),
        json!({"done": true}),
    ] {
        org.server.will_answer(200, &body);
        let (deal, contact) = (ObjectType::Deal, ObjectType::Contact);
        let error = org.gateway.associations(&account, deal, contact, &asked).await.unwrap_err();
        assert!(matches!(error, ProviderError::Unavailable { .. }), "{body}: {error:?}");
    }
}
