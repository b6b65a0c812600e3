//! What each operation spends of an account's daily tokens. The table of the mapping doc has these
//! figures; the prices are those of Pipedrive's specification.

use serde_json::{Value, json};
use sync_domain::model::{ExternalId, ObjectType};
use sync_domain::ports::{AccountConnector, AuthMode, CrmGateway, CrmReader, Hook};

use crate::support::cloud::root;
use crate::support::hubspot::draft_with;
use crate::support::pipedrive::{
    ORGANIZATION_KEY, PERSON_KEY, Pipedrive, access, ada, connection, connector, person, tokens,
    wanted, works,
};

const EMAIL: &str = "ada@example.com";

/// Tells what was spent since the last look, as the doc must.
fn spent(pipedrive: &Pipedrive, operation: &str, expected: u32) {
    let spent = tokens(&pipedrive.server.asked());
    println!("{operation}: {spent} tokens");
    assert_eq!(spent, expected, "{operation}");
    let doc = std::fs::read_to_string(root().join("docs/integrations/pipedrive_mapping.md"));
    let row = format!("| {operation} | {spent} |");
    assert!(doc.unwrap().contains(&row), "docs/integrations/pipedrive_mapping.md: {row}");
}

fn ours() -> Value {
    person(17, EMAIL, Some(EMAIL))
}

#[tokio::test]
async fn upserts_spend_what_the_doc_says() {
    let pipedrive = Pipedrive::start().await;
    let (account, known) = (connection(), ExternalId::new("17"));
    let (none, hit) = (json!({"items": []}), json!({"items": [{"item": {"id": 17}}]}));
    let theirs = person(17, EMAIL, None);
    let company = json!({"id": 17, "custom_fields": {ORGANIZATION_KEY: "c-1"}});
    let (ada, works) = (ada(), works());
    let runs = [
        ("contact, mapped", &ada, Some(&known), vec![ours(), ours()], 6),
        ("contact, first", &ada, None, vec![json!([]), none, ours()], 45),
        ("contact, first, adopted", &ada, None, vec![json!([]), hit, theirs, ours()], 46),
        ("contact, first, found by key", &ada, None, vec![json!([{"id": 17}]), ours(), ours()], 26),
        ("company or deal, mapped", &works, Some(&known), vec![company.clone()], 5),
        ("company or deal, first", &works, None, vec![json!([]), company.clone()], 25),
    ];
    for (operation, draft, known, answers, expected) in runs {
        pipedrive.will_give(&answers);
        let called = pipedrive.gateway.upsert(&account, &wanted(draft, known)).await.unwrap();
        let promised = pipedrive.gateway.requests(&account, &wanted(draft, known));
        assert!(promised <= called.calls && called.calls <= promised + 1, "{operation}");
        spent(&pipedrive, operation, expected);
    }
    let linked = draft_with(ObjectType::Contact, json!({"email": EMAIL}), &["company:6"]);
    let with = json!({"id": 17, "org_id": 6});
    pipedrive.will_give(&[json!({"id": 17}), with.clone(), with]);
    pipedrive.gateway.associate(&account, &linked, &known).await.unwrap();
    spent(&pipedrive, "associations, new", 6);
    pipedrive.gateway.associate(&account, &linked, &known).await.unwrap();
    spent(&pipedrive, "associations, there already", 1);
}

#[tokio::test]
async fn looks_and_reads_spend_what_the_doc_says() {
    let pipedrive = Pipedrive::start().await;
    let (account, known) = (connection(), ExternalId::new("17"));
    pipedrive.will_give(&[ours(), json!([ours()])]);
    pipedrive.gateway.find(&account, &wanted(&ada(), Some(&known))).await.unwrap();
    spent(&pipedrive, "look after an unknown outcome, mapped", 1);
    pipedrive.gateway.find(&account, &wanted(&ada(), None)).await.unwrap();
    spent(&pipedrive, "look after an unknown outcome, a lost creation", 10);
    pipedrive.will_give(&[json!([]), json!([]), json!({"items": []})]);
    let called = pipedrive.gateway.find(&account, &wanted(&ada(), None)).await.unwrap();
    assert_eq!(called.calls, pipedrive.gateway.find_requests(&account, &wanted(&ada(), None)));
    spent(&pipedrive, "look after an unknown outcome, contact that is not there", 50);
    pipedrive.will_give(&[json!([]), json!([ours()])]);
    pipedrive.gateway.refresh(&account, pipedrive.now).await.unwrap();
    spent(&pipedrive, "stages", 5);
    pipedrive.gateway.read(&account, ObjectType::Contact, &[known]).await.unwrap();
    spent(&pipedrive, "read of up to 100 records", 10);
}

#[tokio::test]
async fn connecting_spends_what_the_doc_says() {
    let pipedrive = Pipedrive::start().await;
    let connector = connector(&pipedrive.server);
    let access = access(AuthMode::ApiToken);
    pipedrive.will_give(&[json!({"company_id": 7, "company_domain": "acme"})]);
    connector.account(&access).await.unwrap();
    for (object_type, fields) in
        [(ObjectType::Contact, 1), (ObjectType::Company, 2), (ObjectType::Deal, 1)]
    {
        pipedrive.will_give(&[json!([])]);
        for _field in 0..fields {
            pipedrive.will_give(&[json!({"field_code": PERSON_KEY})]);
        }
        connector.ensure_key_property(&access, object_type).await.unwrap();
    }
    let made = json!({"id": 1});
    pipedrive.will_give(&[json!([]), made.clone(), made.clone(), made]);
    let hook = Hook { url: "https://x.example.com/?token=1".into(), secret: "drawn".into() };
    connector.ensure_webhook(&access, &hook).await.unwrap();
    spent(&pipedrive, "connecting, first", 92);
}
