//! Persons, organizations and deals at Pipedrive: what is sent, and what its answers are taken for.

use std::time::Duration;

use serde_json::{Value, json};
use sync_domain::gate::{RateLimit, RateReading};
use sync_domain::model::{AttributeName, ExternalId, ObjectType, RecordChange};
use sync_domain::ports::{
    AuthMode, Connection, CrmGateway, ProviderError, Quota, RateLimits, RemoteEffect,
};

use crate::support::hubspot::draft;
use crate::support::pipedrive::{
    ORGANIZATION_KEY, PERSON_KEY, Pipedrive, ada, big_one, connection, in_query, not_found, person,
    steps, success, wanted, without_fields, works,
};

fn hit(id: u64) -> Value {
    json!({"items": [{"result_score": 0.5, "item": {"id": id, "type": "person",
        "emails": ["ada@example.com"], "custom_fields": []}}]})
}

fn no_hit() -> Value {
    json!({"items": []})
}

#[tokio::test]
async fn first_upsert_of_a_contact_looks_by_key_and_by_email_and_creates_it_with_the_key() {
    let pipedrive = Pipedrive::start().await;
    let made = person(17, "ada@example.com", Some("ada@example.com"));
    pipedrive.will_give(&[json!([]), no_hit(), made]);
    let called = pipedrive.gateway.upsert(&connection(), &wanted(&ada(), None)).await.unwrap();
    assert_eq!(called.calls, 3);
    let written = called.value;
    assert_eq!((written.external_id.as_str(), written.change), ("17", RecordChange::Created));
    assert_eq!(written.provider_version, Some("2026-11-22T10:00:02Z".parse().unwrap()));
    assert_eq!(written.attributes.get(AttributeName::Email), Some("ada@example.com"));
    let asked = pipedrive.server.asked();
    assert_eq!(steps(&asked), ["GET itemSearch/field", "GET persons/search", "POST persons"]);
    for (name, value) in
        [("entity_type", "person"), ("field", PERSON_KEY), ("term", "ada@example.com")]
    {
        assert_eq!(in_query(&asked[0], name), value);
    }
    assert_eq!(in_query(&asked[0], "match"), "exact");
    assert_eq!(in_query(&asked[1], "fields"), "email");
    assert_eq!(in_query(&asked[1], "exact_match"), "true");
    assert_eq!(
        asked[2].body,
        json!({
            "name": "Ada",
            "emails": [{"value": "ada@example.com", "primary": true, "label": "work"}],
            "custom_fields": {PERSON_KEY: "ada@example.com"},
        })
    );
}

#[tokio::test]
async fn token_of_a_user_and_of_an_app_go_into_different_headers() {
    let pipedrive = Pipedrive::start().await;
    let known = ExternalId::new("17");
    for auth in [AuthMode::ApiToken, AuthMode::Oauth] {
        let account = Connection { auth, ..connection() };
        pipedrive.will_give(&[json!({"id": 17})]);
        pipedrive.gateway.upsert(&account, &wanted(&works(), Some(&known))).await.unwrap();
        let asked = pipedrive.server.asked().remove(0);
        let headers = (asked.header("x-api-token"), asked.header("authorization"));
        let is_oauth = auth == AuthMode::Oauth;
        let expected = if is_oauth { ("", "Bearer token") } else { ("token", "") };
        assert_eq!(headers, expected);
        let max = pipedrive.gateway.default_limit(&account).max;
        assert_eq!(max, if is_oauth { 80 } else { 20 });
    }
}

#[tokio::test]
async fn known_contact_is_read_and_only_what_differs_is_written() {
    let pipedrive = Pipedrive::start().await;
    let known = ExternalId::new("17");
    let mut present = person(17, "people@example.com", None);
    present["last_name"] = "King".into();
    present["name"] = "Augusta King".into();
    pipedrive.will_give(&[present, person(17, "ada@example.com", Some("ada@example.com"))]);
    let called = pipedrive.gateway.upsert(&connection(), &wanted(&ada(), Some(&known))).await;
    let called = called.unwrap();
    assert_eq!((called.value.change, called.calls), (RecordChange::Updated, 2));
    let asked = pipedrive.server.asked();
    assert_eq!(steps(&asked), ["GET persons/17", "PATCH persons/17"]);
    assert_eq!(in_query(&asked[0], "custom_fields"), PERSON_KEY);
    assert_eq!(
        asked[1].body,
        json!({
            "name": "Ada King",
            "emails": [
                {"value": "ada@example.com", "primary": true, "label": "work"},
                {"value": "people@example.com", "primary": false, "label": "work"},
            ],
            "custom_fields": {PERSON_KEY: "ada@example.com"},
        })
    );
}

#[tokio::test]
async fn known_company_and_deal_are_written_in_one_call_with_the_key() {
    let pipedrive = Pipedrive::start().await;
    let known = ExternalId::new("41");
    pipedrive.will_give(&[json!({"id": "41", "name": "Works"}), json!({"id": 41})]);
    let called = pipedrive.gateway.upsert(&connection(), &wanted(&works(), Some(&known))).await;
    assert_eq!(called.unwrap().calls, 1);
    let deal = draft(
        ObjectType::Deal,
        json!({"reference": "d-1", "amount": "1200.50", "stage": "7", "closedate": "2026-12-24"}),
    );
    pipedrive.gateway.upsert(&connection(), &wanted(&deal, Some(&known))).await.unwrap();
    let asked = pipedrive.server.asked();
    assert_eq!(steps(&asked), ["PATCH organizations/41", "PATCH deals/41"]);
    let company = json!({"name": "Works", "custom_fields": {ORGANIZATION_KEY: "c-1"}});
    assert_eq!(asked[0].body, company);
    for number in [r#""value":1200.5"#, r#""stage_id":7"#] {
        assert!(asked[1].text.contains(number), "{}", asked[1].text);
    }
    assert_eq!(asked[1].body["expected_close_date"], "2026-12-24");
}

#[tokio::test]
async fn known_record_that_is_gone_is_looked_for_and_made_anew() {
    let deleted = json!({"id": 41, "is_deleted": true});
    for (status, body) in
        [(404, not_found()), (410, success(json!({"id": 41}))), (200, success(deleted))]
    {
        let pipedrive = Pipedrive::start().await;
        let known = ExternalId::new("41");
        pipedrive.server.will_answer(status, &body);
        pipedrive.will_give(&[json!([]), json!({"id": 42})]);
        let called =
            pipedrive.gateway.upsert(&connection(), &wanted(&works(), Some(&known))).await.unwrap();
        assert_eq!(called.value.external_id.as_str(), "42", "{status}");
        let expected = ["PATCH organizations/41", "GET itemSearch/field", "POST organizations"];
        assert_eq!(steps(&pipedrive.server.asked()), expected, "{status}");

        pipedrive.server.will_answer(status, &body);
        pipedrive.will_give(&[json!([]), no_hit(), person(43, "ada@example.com", None)]);
        pipedrive.gateway.upsert(&connection(), &wanted(&ada(), Some(&known))).await.unwrap();
        let steps = steps(&pipedrive.server.asked());
        assert_eq!(steps.first().unwrap(), "GET persons/41", "{status}");
        assert_eq!(steps.last().unwrap(), "POST persons", "{status}");
    }
}

#[tokio::test]
async fn record_that_was_read_and_can_not_be_written_is_not_created_anew() {
    let pipedrive = Pipedrive::start().await;
    let known = ExternalId::new("17");
    let keyed = json!({"id": 41, "name": "Works", "custom_fields": {ORGANIZATION_KEY: "c-1"}});
    for status in [404, 410] {
        let (effect, retry_after) = (RemoteEffect::None, None);
        let expected = ProviderError::Unavailable { status: Some(status), retry_after, effect };
        pipedrive.will_give(&[json!([{"id": 41}]), keyed.clone()]);
        pipedrive.server.will_answer(status, not_found());
        let error = pipedrive.gateway.upsert(&connection(), &wanted(&works(), None)).await;
        assert_eq!(error.unwrap_err(), expected);
        assert_eq!(steps(&pipedrive.server.asked()).last().unwrap(), "PATCH organizations/41");

        pipedrive.will_give(&[person(17, "ada@example.com", None)]);
        pipedrive.server.will_answer(status, not_found());
        let error = pipedrive.gateway.upsert(&connection(), &wanted(&ada(), Some(&known))).await;
        assert_eq!(error.unwrap_err(), expected);
        assert_eq!(steps(&pipedrive.server.asked()).last().unwrap(), "PATCH persons/17");
    }
}

#[tokio::test]
async fn page_of_an_edge_is_not_taken_for_a_record_that_is_gone() {
    let pipedrive = Pipedrive::start().await;
    let known = ExternalId::new("41");
    pipedrive.server.will_answer(404, "<html>");
    let error =
        pipedrive.gateway.upsert(&connection(), &wanted(&works(), Some(&known))).await.unwrap_err();
    assert!(matches!(error, ProviderError::Unavailable { .. }), "{error:?}");
    assert_eq!(steps(&pipedrive.server.asked()), ["PATCH organizations/41"]);
}

#[tokio::test]
async fn contact_that_people_made_is_adopted_and_gets_the_key() {
    let pipedrive = Pipedrive::start().await;
    let theirs = person(17, "Ada@Example.com", None);
    let adopted = person(17, "Ada@Example.com", Some("ada@example.com"));
    pipedrive.will_give(&[json!([]), hit(17), theirs, adopted]);
    let called = pipedrive.gateway.upsert(&connection(), &wanted(&ada(), None)).await.unwrap();
    assert_eq!((called.value.external_id.as_str(), called.calls), ("17", 4));
    assert_eq!(called.value.change, RecordChange::Updated);
    let asked = pipedrive.server.asked();
    assert_eq!(steps(&asked)[2..], ["GET persons/17", "PATCH persons/17"]);
    let body = &asked[3].body;
    assert_eq!(body["custom_fields"], json!({PERSON_KEY: "ada@example.com"}));
    assert_eq!(body.get("emails"), None, "the spelling of people stays");
}

#[tokio::test]
async fn record_that_the_search_finds_by_key_is_read_before_it_is_written() {
    let pipedrive = Pipedrive::start().await;
    let keyed = json!({"id": 41, "name": "Works", "custom_fields": {ORGANIZATION_KEY: "c-1"}});
    pipedrive.will_give(&[json!([{"id": 41, "name": "Works"}]), keyed, json!({"id": 41})]);
    pipedrive.gateway.upsert(&connection(), &wanted(&works(), None)).await.unwrap();
    let found = steps(&pipedrive.server.asked());
    let expected = ["GET itemSearch/field", "GET organizations/41", "PATCH organizations/41"];
    assert_eq!(found, expected);
    // The search still has a key that people have taken away since.
    let renamed = json!({"id": 41, "custom_fields": {ORGANIZATION_KEY: "c-2"}});
    pipedrive.will_give(&[json!([{"id": 41}]), renamed, json!({"id": 42})]);
    pipedrive.gateway.upsert(&connection(), &wanted(&works(), None)).await.unwrap();
    assert_eq!(steps(&pipedrive.server.asked())[2..], ["POST organizations"]);
}

#[tokio::test]
async fn account_without_our_fields_is_looked_through_by_email_and_by_nothing_else() {
    let pipedrive = Pipedrive::start().await;
    let account = without_fields();
    pipedrive.will_give(&[no_hit(), person(17, "ada@example.com", None)]);
    pipedrive.gateway.upsert(&account, &wanted(&ada(), None)).await.unwrap();
    let asked = pipedrive.server.asked();
    assert_eq!(steps(&asked), ["GET persons/search", "POST persons"]);
    assert_eq!(asked[1].body.get("custom_fields"), None);
    pipedrive.will_give(&[json!({"id": 41, "title": "Big one"})]);
    let written = pipedrive.gateway.upsert(&account, &wanted(&big_one(), None)).await.unwrap();
    assert_eq!(written.value.attributes.get(AttributeName::Reference), Some("d-1"));
    assert_eq!(steps(&pipedrive.server.asked()), ["POST deals"]);
}

#[tokio::test]
async fn answers_tell_the_limit_and_what_is_left_of_the_day() {
    let pipedrive = Pipedrive::start().await;
    let headers = [
        ("x-ratelimit-limit", "40"),
        ("x-ratelimit-remaining", "39"),
        ("x-daily-ratelimit-token-limit", "30000"),
        ("x-daily-ratelimit-token-remaining", "0"),
    ];
    let search = [("x-ratelimit-limit", "10"), ("x-ratelimit-remaining", "9")];
    pipedrive.server.will_answer_with(200, &search, success(json!([])));
    pipedrive.server.will_answer_with(200, &headers, success(json!({"id": 41})));
    let called = pipedrive.gateway.upsert(&connection(), &wanted(&works(), None)).await.unwrap();
    let limit = RateLimit { max: 40, window: Duration::from_secs(2) };
    assert_eq!(called.rate, Some(RateReading { limit, remaining: Some(39) }));
    assert_eq!(called.quota, Some(Quota { max: 30_000, remaining: 0 }));
    pipedrive.server.will_answer_with(200, &search, success(json!([])));
    pipedrive.will_give(&[json!({"id": 41})]);
    let called = pipedrive.gateway.upsert(&connection(), &wanted(&works(), None)).await.unwrap();
    assert_eq!(called.rate, None, "the search's limit is its own");
}

/// Half a minute is more than an upsert waits, so the look for the record comes later.
fn to_settle(status: Option<u16>) -> ProviderError {
    let (retry_after, effect) = (Some(Duration::from_secs(30)), RemoteEffect::Unknown);
    ProviderError::Unavailable { status, retry_after, effect }
}

#[tokio::test]
async fn creation_whose_outcome_is_unknown_is_left_alone_for_half_a_minute() {
    let pipedrive = Pipedrive::start().await;
    let none: &[(&'static str, &str)] = &[];
    for (status, headers, expected) in [
        (500, none, to_settle(Some(500))),
        (302, none, to_settle(Some(302))),
        (503, &[("retry-after", "7")], to_settle(Some(503))),
        (408, none, to_settle(None)),
        (400, none, ProviderError::Rejected { vendor_code: None, field: None }),
    ] {
        pipedrive.will_give(&[json!([])]);
        pipedrive.server.will_answer_with(status, headers, json!({"success": false}));
        let error = pipedrive.gateway.upsert(&connection(), &wanted(&works(), None)).await;
        assert_eq!(error.unwrap_err(), expected, "{status}");
    }
    // A change of a record that is there makes no second one, whenever it is tried again.
    let known = ExternalId::new("41");
    pipedrive.server.will_answer(500, "{}");
    let error = pipedrive.gateway.upsert(&connection(), &wanted(&works(), Some(&known))).await;
    assert_eq!(error.unwrap_err().asked_wait(), None);
}

#[tokio::test]
async fn written_answer_without_an_id_leaves_the_outcome_open() {
    let pipedrive = Pipedrive::start().await;
    for body in [
        "{\"success\":true,\"data\":{}}",
        "{\"success\":true}",
        "<html>",
        "[]",
        "{\"success\":false,\"data\":{\"id\":1}}",
    ] {
        pipedrive.will_give(&[json!([])]);
        pipedrive.server.will_answer(200, body);
        let error =
            pipedrive.gateway.upsert(&connection(), &wanted(&works(), None)).await.unwrap_err();
        assert_eq!(error, to_settle(Some(200)), "{body}");
    }
}

#[tokio::test]
async fn connection_without_a_company_domain_is_not_called_anywhere() {
    let pipedrive = Pipedrive::start().await;
    for domain in [None, Some("evil.com/"), Some("a@evil.com"), Some("../x"), Some("ACME")] {
        let account = Connection { domain: domain.map(str::to_owned), ..connection() };
        let error = pipedrive.gateway.upsert(&account, &wanted(&works(), None)).await.unwrap_err();
        assert_eq!(error, ProviderError::Unauthorized, "{domain:?}");
    }
    assert!(pipedrive.server.asked().is_empty());
}
