//! Organizations of persons, persons and organizations of deals.

use serde_json::{Value, json};
use sync_domain::model::{ExternalId, ObjectType};
use sync_domain::ports::{CrmGateway, ProviderError};

use crate::support::hubspot::draft_with;
use crate::support::pipedrive::{Pipedrive, connection, not_found, steps};

async fn associate(
    pipedrive: &Pipedrive,
    object_type: ObjectType,
    others: &[&str],
) -> Result<u32, ProviderError> {
    let attributes = match object_type {
        ObjectType::Contact => json!({"email": "ada@example.com"}),
        ObjectType::Company | ObjectType::Deal => json!({"reference": "d-1"}),
    };
    let draft = draft_with(object_type, attributes, others);
    let id = ExternalId::new("17");
    let called = pipedrive.gateway.associate(&connection(), &draft, &id).await?;
    Ok(called.calls)
}

fn field_of(result: Result<u32, ProviderError>) -> Option<String> {
    let Err(ProviderError::Rejected { field, .. }) = result else { panic!("{result:?}") };
    field
}

#[tokio::test]
async fn both_ends_of_a_deal_are_set_in_one_write() {
    let pipedrive = Pipedrive::start().await;
    let both = json!({"id": 17, "person_id": 5, "org_id": 6});
    pipedrive.will_give(&[json!({"id": 17, "person_id": null, "org_id": 9}), both]);
    let others = ["contact:5", "company:6"];
    assert_eq!(associate(&pipedrive, ObjectType::Deal, &others).await, Ok(2));
    let asked = pipedrive.server.asked();
    assert_eq!(steps(&asked), ["GET deals/17", "PATCH deals/17"]);
    assert_eq!(asked[1].body, json!({"person_id": 5, "org_id": 6}));
}

#[tokio::test]
async fn association_that_is_there_is_not_written_again() {
    let pipedrive = Pipedrive::start().await;
    pipedrive.will_give(&[json!({"id": 17, "org_id": {"value": 6, "name": "Works"}})]);
    assert_eq!(associate(&pipedrive, ObjectType::Contact, &["company:6"]).await, Ok(1));
    assert_eq!(steps(&pipedrive.server.asked()), ["GET persons/17"]);
}

#[tokio::test]
async fn refused_association_is_named_if_anything_tells_which() {
    let refusal = |error: &str| json!({"success": false, "error": error});
    let none = json!({"id": 17});
    for (object_type, others, error, expected) in [
        (ObjectType::Contact, &["company:6"][..], "not found", Some(0)),
        (ObjectType::Deal, &["contact:5", "company:6"][..], "org_id is invalid", Some(1)),
        (ObjectType::Deal, &["contact:5", "company:6"][..], "person_id: no access", Some(0)),
        (ObjectType::Deal, &["contact:5", "company:6"][..], "bad request", None),
    ] {
        let pipedrive = Pipedrive::start().await;
        pipedrive.will_give(std::slice::from_ref(&none));
        pipedrive.server.will_answer(400, refusal(error));
        let field = field_of(associate(&pipedrive, object_type, others).await);
        let expected = expected.map(|at| format!("associations[{at}].external_id"));
        assert_eq!(field, expected, "{error}");
    }
}

#[tokio::test]
async fn association_of_a_record_that_is_gone_is_refused_and_one_that_was_dropped_is_not_done() {
    let pipedrive = Pipedrive::start().await;
    pipedrive.server.will_answer(404, not_found());
    assert_eq!(field_of(associate(&pipedrive, ObjectType::Contact, &["company:6"]).await), None);
    pipedrive.will_give(&[json!({"id": 17}), json!({"id": 17, "org_id": Value::Null})]);
    let result = associate(&pipedrive, ObjectType::Contact, &["company:6"]).await;
    assert!(matches!(result, Err(ProviderError::Unavailable { .. })), "{result:?}");
}
