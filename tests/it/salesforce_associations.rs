//! Associations at Salesforce: the account of a record, and the contacts of an opportunity.

use std::time::Duration;

use serde_json::{Value, json};
use sync_domain::model::{CrmDraft, ObjectType};
use sync_domain::ports::{CrmGateway, ProviderError, RemoteEffect};

use crate::support::hubspot::draft_with;
use crate::support::salesforce::{Salesforce, connection, error, id, page};

const ACCOUNT: &str = "company:001000000000005AAA";

fn deal(associations: &[&str]) -> CrmDraft {
    draft_with(ObjectType::Deal, json!({"reference": "d-1"}), associations)
}

fn saved(number: u32) -> Value {
    json!({"id": id("00K", number).as_str(), "success": true, "errors": []})
}

fn failed(code: &str) -> Value {
    json!({"success": false, "errors": [{"statusCode": code, "message": "x", "fields": []}]})
}

fn field_of(error: &ProviderError) -> Option<&str> {
    let ProviderError::Rejected { field, .. } = error else { panic!("{error:?}") };
    field.as_deref()
}

#[tokio::test]
async fn account_of_a_record_is_one_field_of_it() {
    let org = Salesforce::start().await;
    let account = connection(&ObjectType::ALL);
    let contact = draft_with(ObjectType::Contact, json!({"email": "a@b.co"}), &[ACCOUNT]);
    org.server.will_answer_with(204, &[("sforce-limit-info", "api-usage=5/5")], "");
    let called = org.gateway.associate(&account, &contact, &id("003", 7)).await.unwrap();
    assert_eq!((called.calls, called.quota.unwrap().remaining), (1, 0));
    let path = "PATCH /sobjects/Contact/003000000000007AAA".to_owned();
    assert_eq!(org.asked(), [(path, json!({"AccountId": "001000000000005AAA"}))]);
}

#[tokio::test]
async fn account_that_is_refused_is_named_and_a_record_that_is_gone_is_not_it() {
    let org = Salesforce::start().await;
    let account = connection(&ObjectType::ALL);
    let draft = deal(&[ACCOUNT]);
    org.server.will_answer(400, error("INVALID_CROSS_REFERENCE_KEY", ""));
    let refused = org.gateway.associate(&account, &draft, &id("006", 7)).await.unwrap_err();
    assert_eq!(field_of(&refused), Some("associations[0].external_id"));
    org.server.will_answer(404, error("ENTITY_IS_DELETED", ""));
    let gone = org.gateway.associate(&account, &draft, &id("006", 7)).await.unwrap_err();
    assert_eq!(field_of(&gone), None);
}

#[tokio::test]
async fn contacts_of_a_deal_get_the_roles_that_are_not_there_yet() {
    let org = Salesforce::start().await;
    let account = connection(&ObjectType::ALL);
    let draft = deal(&["contact:003000000000001AAA", "contact:003000000000002AAA"]);
    org.server.will_answer(200, page(&[json!({"ContactId": "003000000000001"})]));
    org.server.will_answer(200, json!([saved(1)]));
    let called = org.gateway.associate(&account, &draft, &id("006", 7)).await.unwrap();
    assert_eq!(called.calls, 2);
    let asked = org.asked();
    let query = "SELECT ContactId FROM OpportunityContactRole WHERE OpportunityId IN \
        ('006000000000007AAA') AND ContactId IN ('003000000000001AAA','003000000000002AAA')";
    assert_eq!(asked[0].1, query);
    let role = json!({"attributes": {"type": "OpportunityContactRole"},
        "OpportunityId": "006000000000007AAA", "ContactId": "003000000000002AAA"});
    let body = json!({"allOrNone": false, "records": [role]});
    assert_eq!(asked[1], ("POST /composite/sobjects".to_owned(), body));

    let there = ["003000000000001AAA", "003000000000002AAA"].map(|id| json!({"ContactId": id}));
    org.server.will_answer(200, page(&there));
    let called = org.gateway.associate(&account, &draft, &id("006", 7)).await.unwrap();
    assert_eq!(called.calls, 1, "again without harm");
}

#[tokio::test]
async fn role_names_its_type_before_its_fields() {
    let org = Salesforce::start().await;
    let account = connection(&ObjectType::ALL);
    org.server.will_answer(200, page(&[])).will_answer(200, json!([saved(1)]));
    let draft = deal(&["contact:003000000000001AAA"]);
    org.gateway.associate(&account, &draft, &id("006", 7)).await.unwrap();
    let text = org.server.asked().remove(1).text;
    assert!(text.contains(r#"[{"attributes":{"#), "else it is no JSON to Salesforce: {text}");
}

#[tokio::test]
async fn role_that_fails_inside_a_success_is_named_by_its_place() {
    let account = connection(&ObjectType::ALL);
    let draft = deal(&["contact:003000000000001AAA", "contact:003000000000002AAA"]);
    for (results, expected) in [
        (
            json!([saved(1), failed("INVALID_CROSS_REFERENCE_KEY")]),
            ProviderError::Rejected {
                vendor_code: Some("INVALID_CROSS_REFERENCE_KEY".to_owned()),
                field: Some("associations[1].external_id".to_owned()),
            },
        ),
        (
            json!([saved(1)]),
            ProviderError::Unavailable {
                status: Some(200),
                retry_after: Some(Duration::from_secs(30)),
                effect: RemoteEffect::Unknown,
            },
        ),
    ] {
        let org = Salesforce::start().await;
        org.server.will_answer(200, page(&[])).will_answer(200, &results);
        let error = org.gateway.associate(&account, &draft, &id("006", 7)).await.unwrap_err();
        assert_eq!(error, expected);
    }
}

#[tokio::test]
async fn roles_are_not_begun_before_the_account_is_set() {
    let org = Salesforce::start().await;
    let account = connection(&ObjectType::ALL);
    let draft = deal(&["contact:003000000000001AAA", ACCOUNT]);
    org.server.will_answer(400, error("INVALID_CROSS_REFERENCE_KEY", ""));
    org.server.will_answer(200, page(&[])).will_answer(200, json!([saved(1)]));
    let refused = org.gateway.associate(&account, &draft, &id("006", 7)).await.unwrap_err();
    assert_eq!(field_of(&refused), Some("associations[1].external_id"));
    let lines: Vec<_> = org.asked().into_iter().map(|(line, _)| line).collect();
    assert_eq!(lines, ["PATCH /sobjects/Opportunity/006000000000007AAA"]);
}

#[tokio::test]
async fn roles_whose_creation_nobody_saw_end_are_left_alone_for_longer_than_a_lock_lasts() {
    let account = connection(&ObjectType::ALL);
    let draft = deal(&["contact:003000000000001AAA"]);
    for (status, answer) in [
        (503, error("SERVER_UNAVAILABLE", "")),
        (201, json!("<html>")),
        (408, Value::Null),
        (200, json!([failed("UNKNOWN_EXCEPTION")])),
    ] {
        let org = Salesforce::start().await;
        org.server.will_answer(200, page(&[])).will_answer(status, &answer);
        let ended = org.gateway.associate(&account, &draft, &id("006", 7)).await.unwrap_err();
        let ProviderError::Unavailable { retry_after, effect, .. } = ended else {
            panic!("{ended:?}")
        };
        let expected = (Some(Duration::from_secs(30)), RemoteEffect::Unknown);
        assert_eq!((retry_after, effect), expected, "{answer}");
    }
    let org = Salesforce::start().await;
    org.server.will_answer(503, error("SERVER_UNAVAILABLE", ""));
    let ended = org.gateway.associate(&account, &draft, &id("006", 7)).await.unwrap_err();
    let ProviderError::Unavailable { retry_after: None, .. } = ended else {
        panic!("a look makes nothing: {ended:?}")
    };
}
