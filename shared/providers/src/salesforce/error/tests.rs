//! Errors as Salesforce writes them, and what they are taken for.

use reqwest::header::{HeaderMap, HeaderValue};
use serde_json::{Value, json};
use sync_domain::ports::{ProviderError, RateScope, RemoteEffect};

use super::error_of;
use crate::http::RawAnswer;

fn answered(status: u16, body: &str) -> ProviderError {
    answered_with(status, HeaderMap::new(), body)
}

fn answered_with(status: u16, headers: HeaderMap, body: &str) -> ProviderError {
    let body = body.as_bytes().to_vec().into();
    error_of(&RawAnswer { status, retry_after: None, headers, body })
}

fn error(status: u16, item: Value) -> ProviderError {
    answered(status, &json!([item]).to_string())
}

#[test]
fn error_names_the_attribute_and_the_code_of_a_refused_field() {
    for (item, code, field) in [
        (
            json!({"errorCode": "INVALID_EMAIL_ADDRESS", "fields": ["Email"],
                "message": "Email: invalid email address: ada@x"}),
            "INVALID_EMAIL_ADDRESS",
            Some("attributes.email"),
        ),
        (
            json!({"errorCode": "INVALID_FIELD",
                "message": "No such column 'Website' on sobject of type Account"}),
            "INVALID_FIELD",
            Some("attributes.domain"),
        ),
        (
            json!({"errorCode": "NOT_FOUND", "message": "Provided external ID field does not \
                exist or is not accessible: Integration_Reference__c"}),
            "NOT_FOUND",
            Some("attributes.reference"),
        ),
        (
            json!({"errorCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "fields": ["Iban__c"]}),
            "FIELD_CUSTOM_VALIDATION_EXCEPTION",
            None,
        ),
    ] {
        let expected = ProviderError::Rejected {
            vendor_code: Some(code.to_owned()),
            field: field.map(str::to_owned),
        };
        assert_eq!(error(400, item), expected);
    }
}

#[test]
fn error_passes_no_prose_on() {
    let expected = ProviderError::Rejected { vendor_code: None, field: None };
    let item = json!({"errorCode": "Ada is bad", "fields": ["ada@example.com"]});
    assert_eq!(error(400, item), expected);
    for body in ["", "[]", "{}", "null", "[7]", "not json"] {
        assert_eq!(answered(400, body), expected, "{body}");
    }
    let duplicate = json!({"errorCode": "DUPLICATES_DETECTED", "duplicateResult": {
        "duplicateRule": "Ada's rule: <b>", "matchResults": [{"matchRecords": [
            {"record": {"Id": "ada@example.com"}}, {"record": null}, {}]}]}});
    let expected = ProviderError::Duplicate {
        vendor_code: "DUPLICATES_DETECTED".to_owned(),
        rule: None,
        matches: vec![],
    };
    assert_eq!(error(400, duplicate), expected);
}

#[test]
fn error_of_a_taken_key_is_contention_and_of_any_other_unique_value_a_refusal() {
    let taken = |field: &str| {
        let message =
            format!("duplicate value found: {field} duplicates value on record with id: 003");
        error(400, json!({"errorCode": "DUPLICATE_VALUE", "message": message, "fields": []}))
    };
    for field in ["Integration_Reference__c", "<unknown>"] {
        let ProviderError::Contended { status, .. } = taken(field) else { panic!("{field}") };
        assert_eq!(status, 409);
    }
    assert!(matches!(taken("Customer_Number__c"), ProviderError::Rejected { .. }));
}

#[test]
fn error_of_a_limit_tells_the_day_from_a_moment() {
    let limited = |message: &str| {
        let item = json!({"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": message});
        let ProviderError::RateLimited { scope, retry_after } = error(403, item) else {
            panic!("{message}")
        };
        (scope, retry_after.unwrap().as_secs())
    };
    assert_eq!(limited("TotalRequests Limit exceeded."), (RateScope::Daily, 3_600));
    let concurrent = "ConcurrentRequests (Concurrent API Requests) Limit exceeded.";
    assert_eq!(limited(concurrent), (RateScope::Window, 5));
    assert!(matches!(answered(429, "[]"), ProviderError::RateLimited { .. }));
}

#[test]
fn error_of_credentials_tells_whether_others_would_help() {
    let session =
        |message: &str| error(401, json!({"errorCode": "INVALID_SESSION_ID", "message": message}));
    assert_eq!(session("Session expired or invalid"), ProviderError::Unauthorized);
    let never = "This session is not valid for use with the REST API";
    assert_eq!(session(never), ProviderError::MissingScope);
    assert_eq!(answered(401, ""), ProviderError::Unauthorized);
    for code in ["INSUFFICIENT_ACCESS_OR_READONLY", "API_DISABLED_FOR_ORG"] {
        assert_eq!(error(403, json!({"errorCode": code})), ProviderError::MissingScope);
        assert_eq!(error(400, json!({"errorCode": code})), ProviderError::MissingScope);
    }
}

#[test]
fn page_of_an_edge_is_an_outage_whatever_its_status() {
    for status in [200, 301, 400, 401, 403, 404, 429, 500, 503] {
        let expected = ProviderError::Unavailable {
            status: Some(status),
            retry_after: None,
            effect: RemoteEffect::Unknown,
        };
        assert_eq!(answered(status, " \n<!DOCTYPE html><html>"), expected);
    }
}

#[test]
fn error_of_a_limit_is_a_moment_while_calls_of_the_day_are_left() {
    let body = json!([{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "Limit exceeded."}]);
    for (told, expected) in [
        ("api-usage=73/15000", RateScope::Window),
        ("api-usage=15000/15000", RateScope::Daily),
        ("api-usage=73/15000; per-app-api-usage=250/250(appName=x)", RateScope::Daily),
        ("unreadable", RateScope::Daily),
    ] {
        let told = [("sforce-limit-info", HeaderValue::from_static(told))];
        let headers = told.iter().map(|(name, value)| (name.parse().unwrap(), value.clone()));
        let ended = answered_with(403, headers.collect(), &body.to_string());
        let ProviderError::RateLimited { scope, .. } = ended else { panic!("{ended:?}") };
        assert_eq!(scope, expected, "{told:?}");
    }
}

#[test]
fn error_of_a_lock_is_contention_in_triggers_and_flows_too() {
    let ended = |code: &str, message: &str| {
        error(400, json!({"errorCode": code, "message": message, "fields": []}))
    };
    let inside = "Acme.AccountTrigger: execution of AfterUpdate caused by: System.DmlException: \
        Update failed. First exception on row 0: UNABLE_TO_LOCK_ROW, unable to obtain exclusive \
        access to this record";
    for code in ["CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "CANNOT_EXECUTE_FLOW_TRIGGER"] {
        let ProviderError::Contended { status, .. } = ended(code, inside) else { panic!("{code}") };
        assert_eq!(status, 423);
        let other = ended(code, "Acme.AccountTrigger: execution of AfterUpdate");
        assert!(matches!(other, ProviderError::Rejected { .. }), "{code}");
    }
    let value = ended("STRING_TOO_LONG", "First Name: data value too large: UNABLE_TO_LOCK_ROW");
    assert!(matches!(value, ProviderError::Rejected { .. }), "a value is no lock");
}
