//! The custom fields of an account that hold our keys: found again, or made once.

use serde_json::{Value, json};
use sync_domain::model::{AttributeName, ObjectType};
use sync_domain::ports::{AccountConnector, AuthMode, KeyProperty, ProviderError};

use crate::support::pipedrive::{access, connector, steps, success};
use crate::support::vendor_server::VendorServer;

const CODE: &str = "d4de1c1518b4531717c676029a45911c340390a6";
const DOMAIN_CODE: &str = "e4de1c1518b4531717c676029a45911c340390a6";

async fn ensure(
    server: &VendorServer,
    object_type: ObjectType,
) -> Result<KeyProperty, ProviderError> {
    connector(server).ensure_key_property(&access(AuthMode::ApiToken), object_type).await
}

fn field(name: &str, field_type: &str, is_custom: bool) -> Value {
    json!({"field_name": name, "field_code": CODE, "field_type": field_type,
        "is_custom_field": is_custom})
}

fn named(fields: &[(AttributeName, &str)]) -> KeyProperty {
    KeyProperty::Named(fields.iter().map(|(name, code)| (*name, (*code).to_owned())).collect())
}

#[tokio::test]
async fn field_is_made_once_and_found_again_by_its_name() {
    for (object_type, path) in
        [(ObjectType::Contact, "personFields"), (ObjectType::Deal, "dealFields")]
    {
        let server = VendorServer::start().await;
        server.will_answer(200, success(json!([field("Integration reference", "enum", true)])));
        server.will_answer(200, success(field("Integration reference", "varchar", true)));
        let expected = named(&[(AttributeName::Reference, CODE)]);
        assert_eq!(ensure(&server, object_type).await, Ok(expected.clone()));
        let asked = server.asked();
        assert_eq!(steps(&asked), [format!("GET {path}"), format!("POST {path}")]);
        let definition = json!({"field_name": "Integration reference", "field_type": "varchar"});
        assert_eq!(asked[1].body, definition);

        let there = field("Integration reference", "varchar", true);
        server.will_answer(200, success(json!([there])));
        assert_eq!(ensure(&server, object_type).await, Ok(expected));
        assert_eq!(server.asked().len(), 1);
    }
}

#[tokio::test]
async fn field_is_looked_for_on_every_page() {
    let server = VendorServer::start().await;
    let first = json!({"success": true, "data": [field("Other", "varchar", true)],
        "additional_data": {"next_cursor": "next"}});
    server.will_answer(200, first);
    server.will_answer(200, success(json!([field("Integration reference", "varchar", true)])));
    ensure(&server, ObjectType::Deal).await.unwrap();
    let lines = server.lines();
    assert!(lines.len() == 2 && lines[1].contains("cursor=next"), "{lines:?}");
}

#[tokio::test]
async fn organization_gets_a_field_for_its_domain_only_where_it_has_no_website() {
    let reference = field("Integration reference", "varchar", true);
    let website = json!({"field_name": "Website", "field_code": "website",
        "field_type": "varchar", "is_custom_field": false});
    let server = VendorServer::start().await;
    server.will_answer(200, success(json!([website, reference])));
    let expected = named(&[(AttributeName::Reference, CODE)]);
    assert_eq!(ensure(&server, ObjectType::Company).await, Ok(expected));
    server.will_answer(200, success(json!([reference])));
    server.will_answer(200, success(json!({"field_code": DOMAIN_CODE})));
    let expected = named(&[(AttributeName::Reference, CODE), (AttributeName::Domain, DOMAIN_CODE)]);
    assert_eq!(ensure(&server, ObjectType::Company).await, Ok(expected));
    let made = server.asked().pop().unwrap();
    assert_eq!(made.body["field_name"], "Integration domain");
}

#[tokio::test]
async fn field_that_may_not_be_made_is_not_available_and_a_fault_is_a_fault() {
    let refusal = json!({"success": false, "error": "no"});
    for (status, body, is_decided) in [
        (403, refusal.to_string(), true),
        (400, refusal.to_string(), true),
        (401, refusal.to_string(), false),
        (429, String::new(), false),
        (500, String::new(), false),
        (403, "<html>".to_owned(), false),
        (200, "{\"success\":true,\"data\":{}}".to_owned(), false),
    ] {
        let server = VendorServer::start().await;
        server.will_answer(200, success(json!([]))).will_answer(status, &body);
        let ensured = ensure(&server, ObjectType::Contact).await;
        assert_eq!(ensured.is_ok(), is_decided, "{status} {body}");
        assert!(!is_decided || ensured == Ok(KeyProperty::NotAvailable));
    }
    let server = VendorServer::start().await;
    server.will_answer(200, success(Value::Null));
    ensure(&server, ObjectType::Contact).await.unwrap_err();
    assert_eq!(server.asked().len(), 1, "without the list nothing is made twice");
}
