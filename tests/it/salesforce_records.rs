//! Records at Salesforce: which one is written, with what, and at which cost.

use serde_json::{Value, json};
use sync_domain::model::{AttributeName, ObjectType, RecordChange};
use sync_domain::ports::{AuthMode, CrmGateway, ProviderError, Quota};

use crate::support::hubspot::draft;
use crate::support::salesforce::{
    KEY, Salesforce, company, connection, contact, deal, error, id, page, wanted,
};

const BY_EMAIL: &str = "SELECT Id, Integration_Reference__c FROM Contact WHERE \
    Integration_Reference__c = 'ada@example.com' OR Email = 'ada@example.com' LIMIT 200";

fn created(external_id: &str) -> Value {
    json!({"id": external_id, "success": true, "errors": [], "created": true})
}

#[tokio::test]
async fn known_record_is_updated_in_one_call_with_nothing_that_only_a_creation_needs() {
    let org = Salesforce::start().await;
    let account = connection(&ObjectType::ALL);
    for (draft, prefix, object, fields) in [
        (contact(), "003", "Contact", json!({"FirstName": "Ada"})),
        (company(), "001", "Account", json!({"Name": "Example Works", "Website": "example.com"})),
        (
            deal(json!({"reference": "d-1", "amount": 1200.5})),
            "006",
            "Opportunity",
            json!({"Amount": 1200.5}),
        ),
    ] {
        let known = id(prefix, 7);
        org.server.will_answer_with(204, &[("sforce-limit-info", "api-usage=73/15000")], "");
        let called = org.gateway.upsert(&account, &wanted(&draft, Some(&known))).await.unwrap();
        assert_eq!((called.value.external_id, called.calls), (known, 1));
        assert_eq!(called.value.change, RecordChange::Updated);
        assert_eq!(called.quota, Some(Quota { max: 15_000, remaining: 14_927 }));
        let path = format!("PATCH /sobjects/{object}/{}", id(prefix, 7));
        assert_eq!(org.asked(), [(path, fields)], "neither key nor defaults");
    }
}

#[tokio::test]
async fn new_record_is_made_by_its_key_with_what_salesforce_requires() {
    let org = Salesforce::start().await;
    let account = connection(&ObjectType::ALL);
    org.server.will_answer(200, page(&[])).will_answer(201, created("003000000000007"));
    let called = org.gateway.upsert(&account, &wanted(&contact(), None)).await.unwrap();
    assert_eq!((called.value.external_id, called.calls), (id("003", 7), 2));
    assert_eq!(called.value.change, RecordChange::Created);
    let fields = json!({"Email": "ada@example.com", "FirstName": "Ada", "LastName": "-"});
    let path = format!("PATCH /sobjects/Contact/{KEY}/ada@example.com");
    assert_eq!(org.asked(), [("GET /query".to_owned(), json!(BY_EMAIL)), (path, fields)]);

    let nameless = draft(ObjectType::Company, json!({"domain": "example.com", "phone": null}));
    org.server.will_answer(200, page(&[])).will_answer(200, json!({"id": id("001", 7).as_str()}));
    let called = org.gateway.upsert(&account, &wanted(&nameless, None)).await.unwrap();
    assert_eq!(called.value.change, RecordChange::Updated, "nothing says that it is new");
    let (_, fields) = org.asked().remove(1);
    assert_eq!(fields, json!({"Name": "example.com", "Website": "example.com"}));
}

#[tokio::test]
async fn new_deal_gets_the_first_open_stage_of_the_org_and_a_day_to_close() {
    let org = Salesforce::start().await;
    let account = connection(&ObjectType::ALL);
    let stage = |name: &str, is_active: bool, is_closed: bool| json!({"ApiName": name, "IsActive": is_active, "IsClosed": is_closed});
    let stages =
        [stage("Old", false, false), stage("Lost", true, true), stage("Talking", true, false)];
    let bare = deal(json!({"reference": "d-1"}));
    org.server
        .will_answer(200, page(&[]))
        .will_answer(200, page(&stages))
        .will_answer(201, created(id("006", 7).as_str()));
    let called = org.gateway.upsert(&account, &wanted(&bare, None)).await.unwrap();
    assert_eq!(called.calls, 3);
    let (_, fields) = org.asked().remove(2);
    let expected = json!({"Name": "d-1", "StageName": "Talking", "CloseDate": "2026-05-31"});
    assert_eq!(fields, expected);
    // The list is known now, and what the caller gives counts.
    let given =
        deal(json!({"reference": "d-2", "name": "Big", "closedate": "2026-12-24T22:00:00Z"}));
    org.server.will_answer(200, page(&[])).will_answer(201, created(id("006", 8).as_str()));
    org.gateway.upsert(&account, &wanted(&given, None)).await.unwrap();
    let (_, fields) = org.asked().remove(1);
    let expected = json!({"Name": "Big", "StageName": "Talking", "CloseDate": "2026-12-24"});
    assert_eq!(fields, expected);
}

#[tokio::test]
async fn record_that_is_found_is_updated_by_its_id_and_gets_our_key() {
    let org = Salesforce::start().await;
    let account = connection(&ObjectType::ALL);
    let found = |key: Value| json!({"Id": "003000000000007AAA", KEY: key});
    let other = json!({"Id": "003000000000008AAA", KEY: null});
    for (records, fields) in [
        (vec![found(json!("ADA@example.com"))], json!({"FirstName": "Ada"})),
        (vec![other.clone(), found(json!("ada@example.com"))], json!({"FirstName": "Ada"})),
        (vec![found(Value::Null)], json!({"FirstName": "Ada", KEY: "ada@example.com"})),
    ] {
        org.server.will_answer(200, page(&records)).will_answer(204, "");
        let called = org.gateway.upsert(&account, &wanted(&contact(), None)).await.unwrap();
        assert_eq!((called.value.external_id, called.calls), (id("003", 7), 2));
        assert_eq!(
            org.asked().remove(1),
            ("PATCH /sobjects/Contact/003000000000007AAA".to_owned(), fields)
        );
    }
}

#[tokio::test]
async fn contacts_that_can_not_be_told_apart_are_for_somebody_to_decide() {
    let org = Salesforce::start().await;
    let account = connection(&ObjectType::ALL);
    let row = |number: u32, key: Value| json!({"Id": id("003", number).as_str(), KEY: key});
    for (records, code) in [
        (vec![row(7, Value::Null), row(8, Value::Null)], "MULTIPLE_MATCHES"),
        (vec![row(7, json!("a@b.co")), row(8, Value::Null)], "MULTIPLE_MATCHES"),
        (vec![row(7, json!("a@b.co"))], "MATCH_HAS_OTHER_KEY"),
    ] {
        org.server.will_answer(200, page(&records));
        let refused = org.gateway.upsert(&account, &wanted(&contact(), None)).await.unwrap_err();
        let matches = (7..7 + records.len()).map(|it| id("003", u32::try_from(it).unwrap()));
        let expected = ProviderError::Duplicate {
            vendor_code: code.to_owned(),
            rule: None,
            matches: matches.collect(),
        };
        assert_eq!(refused, expected);
        assert_eq!(org.asked().len(), 1, "nothing is written");
    }
}

#[tokio::test]
async fn known_record_that_is_gone_is_looked_for_and_made_anew() {
    let org = Salesforce::start().await;
    let account = connection(&ObjectType::ALL);
    let known = id("003", 6);
    for (status, gone) in [
        (404, error("NOT_FOUND", "The requested resource does not exist")),
        (404, error("ENTITY_IS_DELETED", "entity is deleted")),
        (400, error("ENTITY_IS_DELETED", "entity is deleted")),
    ] {
        org.server.will_answer(status, gone).will_answer(200, page(&[]));
        org.server.will_answer(201, created("003000000000007AAA"));
        let called = org.gateway.upsert(&account, &wanted(&contact(), Some(&known))).await.unwrap();
        assert_eq!((called.value.external_id, called.calls), (id("003", 7), 3));
        org.asked();
    }
}

#[tokio::test]
async fn org_without_the_key_field_is_searched_before_a_record_is_made() {
    let org = Salesforce::start().await;
    let account = connection(&[]);
    org.server.will_answer(200, page(&[])).will_answer(201, created("003000000000007AAA"));
    org.gateway.upsert(&account, &wanted(&contact(), None)).await.unwrap();
    let fields = json!({"Email": "ada@example.com", "FirstName": "Ada", "LastName": "-"});
    let query = "SELECT Id FROM Contact WHERE Email = 'ada@example.com' LIMIT 200";
    let lines =
        [("GET /query".to_owned(), json!(query)), ("POST /sobjects/Contact".to_owned(), fields)];
    assert_eq!(org.asked(), lines);

    org.server.will_answer(200, page(&[json!({"Id": id("001", 7).as_str()})])).will_answer(204, "");
    let called = org.gateway.upsert(&account, &wanted(&company(), None)).await.unwrap();
    assert_eq!(called.value.external_id, id("001", 7));
    let asked = org.asked();
    let query = asked[0].1.as_str().unwrap();
    assert!(query.contains("WHERE Website IN ('example.com/', 'example.com', 'www.example.com/'"));
    assert!(query.contains("'https://www.example.com'"), "{query}");
    assert_eq!(asked[1].1.get(KEY), None, "there is no field for it");
}

#[tokio::test]
async fn values_with_apostrophes_and_slashes_stay_values() {
    let org = Salesforce::start().await;
    let account = connection(&ObjectType::ALL);
    let reference = r"x\' OR Name != '/../%2e?#";
    let hostile = draft(ObjectType::Company, json!({"reference": reference, "name": "X"}));
    org.server.will_answer(200, page(&[])).will_answer(201, created(id("001", 7).as_str()));
    org.gateway.upsert(&account, &wanted(&hostile, None)).await.unwrap();
    let lines = org.server.asked();
    let path = lines[1].line.split_once(' ').unwrap().1;
    assert!(
        path.starts_with(&format!("/sf/acme/services/data/v67.0/sobjects/Account/{KEY}/x%5C")),
        "{path}"
    );
    let key = path.rsplit('/').next().unwrap();
    assert!(key.contains("%2F..%2F%252e%3F%23"), "{key}");

    org.server.will_answer(200, page(&[])).will_answer(201, created(id("001", 7).as_str()));
    org.gateway.upsert(&account, &wanted(&hostile, None)).await.unwrap();
    let query = org.asked().remove(0).1;
    let expected = r"SELECT Id, Integration_Reference__c FROM Account WHERE Integration_Reference__c = 'x\\\' OR Name != \'/../%2e?#' LIMIT 200";
    assert_eq!(query, expected);
}

#[tokio::test]
async fn connection_without_a_domain_or_with_a_host_for_one_calls_nobody() {
    let org = Salesforce::start().await;
    for domain in [None, Some("evil.example.com"), Some("acme/../globex"), Some("acme#")] {
        let mut account = connection(&ObjectType::ALL);
        account.domain = domain.map(str::to_owned);
        let refused = org.gateway.upsert(&account, &wanted(&contact(), None)).await.unwrap_err();
        assert_eq!(refused, ProviderError::Unauthorized, "{domain:?}");
    }
    assert!(org.asked().is_empty());
}

#[tokio::test]
async fn writes_say_who_writes_and_with_whose_token() {
    let org = Salesforce::start().await;
    let mut account = connection(&ObjectType::ALL);
    account.auth = AuthMode::JwtBearer;
    org.server.will_answer(204, "");
    let known = id("003", 7);
    org.gateway.upsert(&account, &wanted(&contact(), Some(&known))).await.unwrap();
    let asked = org.server.asked().remove(0);
    assert_eq!(asked.headers["sforce-call-options"], "client=crm-booking-integrations");
    assert_eq!(asked.headers["authorization"], "Bearer token");
}

#[tokio::test]
async fn look_after_an_unknown_outcome_reads_the_record_with_its_times() {
    let org = Salesforce::start().await;
    let account = connection(&ObjectType::ALL);
    let wanted_deal = deal(json!({"reference": "d-1", "closedate": "2026-12-24T22:00:00Z"}));
    let record = json!({"Id": "006000000000007", KEY: "d-1", "Name": "Big", "Amount": 120_000.0,
        "CloseDate": "2026-12-24", "StageName": null,
        "CreatedDate": "2026-05-01T07:25:37.000+0000",
        "SystemModstamp": "2026-05-01T07:25:38.000+0000"});
    org.server.will_answer(200, page(&[record]));
    let called = org.gateway.find(&account, &wanted(&wanted_deal, None)).await.unwrap();
    let found = called.value.unwrap();
    assert_eq!((found.external_id, called.calls), (id("006", 7), 1));
    assert_eq!(found.created_at, Some("2026-05-01T07:25:37Z".parse().unwrap()));
    assert_eq!(found.provider_version, Some("2026-05-01T07:25:38Z".parse().unwrap()));
    assert_eq!(found.attributes.get(AttributeName::Amount), Some("120000"));
    assert!(found.attributes.contains_all(&wanted_deal.attributes), "the day is all there is");
    let query = "SELECT Id, CreatedDate, SystemModstamp, Integration_Reference__c, Name, Amount, \
        StageName, CloseDate FROM Opportunity WHERE Integration_Reference__c = 'd-1' LIMIT 200";
    assert_eq!(org.asked(), [("GET /query".to_owned(), json!(query))]);

    let known = id("006", 7);
    org.server.will_answer(404, error("NOT_FOUND", "")).will_answer(200, page(&[]));
    let called = org.gateway.find(&account, &wanted(&wanted_deal, Some(&known))).await.unwrap();
    assert!(called.value.is_none() && called.calls == 2);
}
