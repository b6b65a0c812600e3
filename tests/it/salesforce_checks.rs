//! What is refused before Salesforce is called, and fields that not every org has.

use serde_json::{Value, json};
use sync_domain::model::{AttributeName, ObjectType};
use sync_domain::ports::{AccountConnector, Checked, CrmGateway, KeyProperty};

use crate::support::hubspot::{draft, draft_with};
use crate::support::salesforce::{Salesforce, access, connection, deal, error, id, page, wanted};

#[tokio::test]
async fn check_refuses_what_no_org_or_not_this_one_can_take() {
    let org = Salesforce::start().await;
    let account = connection(&ObjectType::ALL);
    let mail = |rest: Value| {
        let mut attributes = json!({"email": "a@b.co"});
        attributes.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        draft(ObjectType::Contact, attributes)
    };
    let record_type = |pipeline: &str| deal(json!({"reference": "d", "pipeline": pipeline}));
    for (draft, field) in [
        (mail(json!({"company": "Analytical Engines"})), Some("attributes.company")),
        (mail(json!({"company": null, "lifecyclestage": null})), None),
        (mail(json!({"lifecyclestage": "lead"})), Some("attributes.lifecyclestage")),
        (mail(json!({"lastname": null})), Some("attributes.lastname")),
        (deal(json!({"reference": "d", "closedate": null})), Some("attributes.closedate")),
        (deal(json!({"reference": "d", "amount": "1234567890123.45"})), None),
        (
            deal(json!({"reference": "d", "amount": "123456789012345.123456"})),
            Some("attributes.amount"),
        ),
        (record_type("default"), Some("attributes.pipeline")),
        (record_type("012000000000007AAA"), None),
        (deal(json!({"reference": ".."})), Some("attributes.reference")),
        (
            draft_with(
                ObjectType::Deal,
                json!({"reference": "d"}),
                &["company:003000000000001AAA"],
            ),
            Some("associations[0].external_id"),
        ),
        (
            draft_with(ObjectType::Deal, json!({"reference": "d"}), &["contact:003000000000001"]),
            Some("associations[0].external_id"),
        ),
        (
            draft_with(
                ObjectType::Contact,
                json!({"email": "a@b.co"}),
                &["company:001000000000001AAA", "company:001000000000002AAA"],
            ),
            Some("associations[1].external_id"),
        ),
    ] {
        let checked = org.gateway.check(&account, &draft, org.now);
        match (checked, field) {
            (Ok(checked), None) => assert_eq!(checked, Checked::Passed),
            (Err(fault), Some(field)) => assert_eq!(fault.field, field),
            (checked, field) => panic!("{checked:?} and not {field:?}"),
        }
    }
    assert!(org.asked().is_empty());
}

#[tokio::test]
async fn fields_that_an_org_has_made_for_it_hold_what_salesforce_has_no_field_for() {
    let org = Salesforce::start().await;
    let mut account = connection(&ObjectType::ALL);
    let field = (ObjectType::Contact, AttributeName::Company);
    account.custom_fields.insert(field, "Integration_Company__c".to_owned());
    let draft = draft(ObjectType::Contact, json!({"email": "a@b.co", "company": "Engines"}));
    assert_eq!(org.gateway.check(&account, &draft, org.now), Ok(Checked::Passed));
    org.server.will_answer(204, "");
    let known = id("003", 7);
    org.gateway.upsert(&account, &wanted(&draft, Some(&known))).await.unwrap();
    assert_eq!(org.asked().remove(0).1, json!({"Integration_Company__c": "Engines"}));
}

#[tokio::test]
async fn stage_is_checked_against_the_orgs_own() {
    let org = Salesforce::start().await;
    let account = connection(&ObjectType::ALL);
    let at = |stage: &str| deal(json!({"reference": "d", "stage": stage}));
    let check = |stage: &str, now| org.gateway.check(&account, &at(stage), now);
    assert_eq!(check("Talking", org.now), Ok(Checked::Unsure));
    org.server.will_answer(200, page(&[json!({"ApiName": "Talking", "IsActive": true})]));
    org.gateway.refresh(&account, org.now).await.unwrap();
    let query = "SELECT ApiName, IsActive, IsClosed FROM OpportunityStage ORDER BY SortOrder";
    assert_eq!(org.asked(), [("GET /query".to_owned(), json!(query))]);
    assert_eq!(check("Talking", org.now), Ok(Checked::Passed));
    assert_eq!(check("talking", org.now).unwrap_err().field, "attributes.stage");
    let later = org.now + std::time::Duration::from_secs(60);
    assert_eq!(check("talking", later), Ok(Checked::Unsure), "someone may have added it");
    let mut other = connection(&ObjectType::ALL);
    other.account_id = "00D000000000002EAA".to_owned();
    assert_eq!(org.gateway.check(&other, &at("Talking"), org.now), Ok(Checked::Unsure));

    org.server.will_answer(403, error("INSUFFICIENT_ACCESS", ""));
    assert!(org.gateway.refresh(&account, later).await.is_err());
    assert_eq!(check("talking", later), Ok(Checked::Passed), "Salesforce judges");
}

#[tokio::test]
async fn description_of_an_org_with_many_fields_is_read_and_one_without_end_is_not() {
    const MIB: usize = 1024 * 1024;
    let org = Salesforce::start().await;
    for (size, is_read) in [(6 * MIB, true), (16 * MIB, false)] {
        let field = json!({"name": "Iban__c", "inlineHelpText": "x".repeat(size)});
        org.server.will_answer(200, json!({"name": "Account", "fields": [field]}));
        let found = org.connector.ensure_key_property(&access(), ObjectType::Company).await;
        assert_eq!(found == Ok(KeyProperty::NotAvailable), is_read, "{size}: {found:?}");
    }
}
