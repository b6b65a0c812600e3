//! How a record is looked for before it is made: which ones are ours, and which are for somebody to
//! decide.

use serde_json::{Value, json};
use sync_domain::model::{ExternalId, ObjectType};
use sync_domain::ports::{CrmGateway, ProviderError};

use crate::support::salesforce::{KEY, Salesforce, company, connection, deal, id, page, wanted};

fn duplicate(vendor_code: &str, matches: &[ExternalId]) -> ProviderError {
    let vendor_code = vendor_code.to_owned();
    ProviderError::Duplicate { vendor_code, rule: None, matches: matches.to_vec() }
}

fn account(number: u32, key: Value) -> Value {
    json!({"Id": id("001", number).as_str(), KEY: key})
}

#[tokio::test]
async fn account_of_the_domain_that_has_no_key_becomes_ours() {
    let org = Salesforce::start().await;
    let tenant = connection(&ObjectType::ALL);
    org.server.will_answer(200, page(&[account(7, Value::Null)])).will_answer(204, "");
    let called = org.gateway.upsert(&tenant, &wanted(&company(), None)).await.unwrap();
    assert_eq!(called.value.external_id, id("001", 7));
    let asked = org.asked();
    let query = asked[0].1.as_str().unwrap();
    let by_key = format!("SELECT Id, {KEY} FROM Account WHERE {KEY} = 'c-1' OR (Website IN ('");
    assert!(query.starts_with(&by_key), "{query}");
    let of_nobody = format!("'http://www.example.com') AND {KEY} = null) LIMIT");
    assert!(query.contains(&of_nobody), "{query}");
    let fields = json!({"Name": "Example Works", "Website": "example.com", KEY: "c-1"});
    assert_eq!(asked[1], ("PATCH /sobjects/Account/001000000000007AAA".to_owned(), fields));
}

#[tokio::test]
async fn account_with_our_key_is_ours_whatever_else_has_its_domain() {
    let org = Salesforce::start().await;
    let tenant = connection(&ObjectType::ALL);
    let there = [account(8, Value::Null), account(7, json!("c-1"))];
    org.server.will_answer(200, page(&there)).will_answer(204, "");
    let called = org.gateway.upsert(&tenant, &wanted(&company(), None)).await.unwrap();
    assert_eq!(called.value.external_id, id("001", 7));
}

#[tokio::test]
async fn several_accounts_of_the_domain_without_a_key_are_for_somebody_to_decide() {
    let org = Salesforce::start().await;
    let tenant = connection(&ObjectType::ALL);
    org.server.will_answer(200, page(&[account(7, Value::Null), account(8, Value::Null)]));
    let refused = org.gateway.upsert(&tenant, &wanted(&company(), None)).await.unwrap_err();
    assert_eq!(refused, duplicate("MULTIPLE_MATCHES", &[id("001", 7), id("001", 8)]));
    assert_eq!(org.asked().len(), 1, "nothing is written");
}

#[tokio::test]
async fn reference_that_differs_in_case_alone_is_another_records() {
    let org = Salesforce::start().await;
    let tenant = connection(&ObjectType::ALL);
    let opportunity = json!({"Id": id("006", 7).as_str(), KEY: "D-1"});
    for (draft, there, other) in [
        (company(), vec![account(7, json!("C-1"))], id("001", 7)),
        (company(), vec![account(8, Value::Null), account(7, json!("C-1"))], id("001", 7)),
        (deal(json!({"reference": "d-1"})), vec![opportunity], id("006", 7)),
    ] {
        org.server.will_answer(200, page(&there));
        let refused = org.gateway.upsert(&tenant, &wanted(&draft, None)).await.unwrap_err();
        assert_eq!(refused, duplicate("MATCH_HAS_OTHER_KEY", &[other]));
        assert_eq!(org.asked().len(), 1, "nothing is written");
        let only: Vec<_> = there.into_iter().filter(|it| !it[KEY].is_null()).collect();
        org.server.will_answer(200, page(&only));
        let found = org.gateway.find(&tenant, &wanted(&draft, None)).await.unwrap();
        assert!(found.value.is_none(), "nor was it what was written");
        org.asked();
    }
}

#[tokio::test]
async fn match_of_a_rule_whose_reference_differs_in_case_alone_is_left() {
    let org = Salesforce::start().await;
    let tenant = connection(&ObjectType::ALL);
    let matched = json!([{"matchRecords": [{"record": {"Id": id("001", 7).as_str()}}]}]);
    let detected = json!([{"errorCode": "DUPLICATES_DETECTED",
        "duplicateResult": {"duplicateRule": "Rule", "matchResults": matched}}]);
    org.server.will_answer(200, page(&[])).will_answer(400, detected);
    org.server.will_answer(200, account(7, json!("C-1")));
    let refused = org.gateway.upsert(&tenant, &wanted(&company(), None)).await.unwrap_err();
    assert!(matches!(refused, ProviderError::Duplicate { .. }), "{refused:?}");
    assert_eq!(org.asked().len(), 3, "nothing more is written");
}

#[tokio::test]
async fn our_record_is_found_behind_many_others_and_of_those_only_some_are_told() {
    let org = Salesforce::start().await;
    let tenant = connection(&ObjectType::ALL);
    let others: Vec<_> = (100..299).map(|number| account(number, Value::Null)).collect();
    let there = [others.clone(), vec![account(7, json!("c-1"))]].concat();
    org.server.will_answer(200, page(&there)).will_answer(204, "");
    let called = org.gateway.upsert(&tenant, &wanted(&company(), None)).await.unwrap();
    assert_eq!(called.value.external_id, id("001", 7));
    let query = org.asked().remove(0).1;
    assert!(query.as_str().unwrap().ends_with(" LIMIT 200"), "{query}");

    org.server.will_answer(200, page(&others));
    let refused = org.gateway.upsert(&tenant, &wanted(&company(), None)).await.unwrap_err();
    let told: Vec<_> = (100..120).map(|number| id("001", number)).collect();
    assert_eq!(refused, duplicate("MULTIPLE_MATCHES", &told));
}
