//! What an upsert ends in for each answer of Salesforce's that is no success.

use std::time::Duration;

use serde_json::{Value, json};
use sync_domain::model::ObjectType;
use sync_domain::ports::{CrmGateway, ProviderError, RateScope, RemoteEffect};

use crate::support::salesforce::{Salesforce, connection, contact, error, id, page, wanted};

/// A creation that is answered so.
async fn created(status: u16, body: impl ToString) -> ProviderError {
    let org = Salesforce::start().await;
    let (account, draft) = (connection(&ObjectType::ALL), contact());
    org.server.will_answer(200, page(&[])).will_answer(status, body);
    org.gateway.upsert(&account, &wanted(&draft, None)).await.unwrap_err()
}

/// An update of a known record that is answered so.
async fn updated(status: u16, body: impl ToString) -> ProviderError {
    let org = Salesforce::start().await;
    let (account, draft, known) = (connection(&ObjectType::ALL), contact(), id("003", 7));
    org.server.will_answer(status, body);
    org.gateway.upsert(&account, &wanted(&draft, Some(&known))).await.unwrap_err()
}

fn rejected(code: &str, field: Option<&str>) -> ProviderError {
    let field = field.map(str::to_owned);
    ProviderError::Rejected { vendor_code: Some(code.to_owned()), field }
}

fn unavailable(status: u16) -> ProviderError {
    let effect = RemoteEffect::Unknown;
    ProviderError::Unavailable { status: Some(status), retry_after: None, effect }
}

#[tokio::test]
async fn upsert_ends_as_the_mapping_page_says() {
    let contended = |retry_after_s: u64, status| {
        let retry_after = Duration::from_secs(retry_after_s);
        ProviderError::Contended { retry_after, status }
    };
    let limited = |retry_after_s: u64, scope| {
        let retry_after = Some(Duration::from_secs(retry_after_s));
        ProviderError::RateLimited { retry_after, scope }
    };
    let taken = |field: &str| {
        let message =
            format!("duplicate value found: {field} duplicates value on record with id: 003");
        error("DUPLICATE_VALUE", &message)
    };
    let concurrent = "ConcurrentRequests (Concurrent API Requests) Limit exceeded.";
    let required = json!([{"errorCode": "REQUIRED_FIELD_MISSING", "fields": ["LastName"]}]);
    for (status, body, expected) in [
        (400, error("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access"), contended(2, 423)),
        (400, taken("Integration_Reference__c"), contended(1, 409)),
        (400, taken("<unknown>"), contended(1, 409)),
        (400, taken("Customer_Number__c"), rejected("DUPLICATE_VALUE", None)),
        (
            403,
            error("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."),
            limited(3_600, RateScope::Daily),
        ),
        (403, error("REQUEST_LIMIT_EXCEEDED", concurrent), limited(5, RateScope::Window)),
        (429, Value::Null, limited(5, RateScope::Window)),
        (401, error("INVALID_SESSION_ID", "Session expired"), ProviderError::Unauthorized),
        (403, error("API_DISABLED_FOR_ORG", ""), ProviderError::MissingScope),
        (400, error("INSUFFICIENT_ACCESS_OR_READONLY", ""), ProviderError::MissingScope),
        (400, required, rejected("REQUIRED_FIELD_MISSING", Some("attributes.lastname"))),
        (400, error("STORAGE_LIMIT_EXCEEDED", ""), rejected("STORAGE_LIMIT_EXCEEDED", None)),
        (405, error("METHOD_NOT_ALLOWED", ""), rejected("METHOD_NOT_ALLOWED", None)),
        (408, Value::Null, ProviderError::TimedOut),
        (500, error("UNKNOWN_EXCEPTION", ""), unavailable(500)),
        (503, error("SERVER_UNAVAILABLE", ""), unavailable(503)),
    ] {
        assert_eq!(created(status, &body).await, expected, "creation: {status} {body}");
        assert_eq!(updated(status, &body).await, expected, "update: {status} {body}");
    }
}

#[tokio::test]
async fn maintenance_page_is_an_outage_whatever_its_status() {
    let html = "<html><head><title>Down for maintenance</title></head></html>";
    for status in [200, 201, 302, 403, 404, 503] {
        assert_eq!(created(status, html).await, unavailable(status));
        assert_eq!(updated(status, html).await, unavailable(status));
    }
}

#[tokio::test]
async fn creation_believes_only_an_answer_with_an_id() {
    for body in ["{}", "{\"id\": \"7\"}", "[]", "{\"id\": null, \"success\": true}"] {
        assert_eq!(created(201, body).await, unavailable(201), "{body}");
    }
}

#[tokio::test]
async fn creation_that_is_answered_without_a_body_is_looked_up() {
    let org = Salesforce::start().await;
    let (account, draft) = (connection(&ObjectType::ALL), contact());
    let ours = json!({"Id": "003000000000007AAA", "Integration_Reference__c": "ada@example.com"});
    org.server.will_answer(200, page(&[])).will_answer(204, "").will_answer(200, page(&[ours]));
    let called = org.gateway.upsert(&account, &wanted(&draft, None)).await.unwrap();
    assert_eq!((called.value.external_id, called.calls), (id("003", 7), 3));
    org.server.will_answer(200, page(&[])).will_answer(204, "").will_answer(200, page(&[]));
    let lost = org.gateway.upsert(&account, &wanted(&draft, None)).await.unwrap_err();
    assert_eq!(lost, unavailable(204));
}

#[tokio::test]
async fn key_field_that_is_gone_names_the_reference() {
    let message = "Provided external ID field does not exist or is not accessible: \
        Integration_Reference__c";
    let expected = rejected("NOT_FOUND", Some("attributes.reference"));
    assert_eq!(created(404, error("NOT_FOUND", message)).await, expected);
    let org = Salesforce::start().await;
    let (account, draft) = (connection(&ObjectType::ALL), contact());
    let message = "No such column 'Integration_Reference__c' on sobject of type Contact";
    org.server.will_answer(400, error("INVALID_FIELD", message));
    let refused = org.gateway.upsert(&account, &wanted(&draft, None)).await.unwrap_err();
    assert_eq!(refused, rejected("INVALID_FIELD", Some("attributes.reference")));
}
