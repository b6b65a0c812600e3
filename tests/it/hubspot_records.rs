//! Companies and deals at HubSpot: what is sent, and what its answers are taken for.

use std::time::Duration;

use serde_json::{Value, json};
use sync_domain::gate::{RateLimit, RateReading};
use sync_domain::model::{AttributeName, CrmDraft, ExternalId, ObjectType, RecordChange};
use sync_domain::ports::{Checked, CrmGateway, ProviderError, RemoteEffect};

use crate::support::hubspot::{Hubspot, connection, draft, draft_with, wanted};

const COMPANIES: &str = "/crm/objects/2026-03/companies";
const DEALS: &str = "/crm/objects/2026-03/deals";

fn company() -> CrmDraft {
    let attributes = json!({"reference": "c-1", "name": "Example Works", "domain": "Example.com"});
    draft(ObjectType::Company, attributes)
}

fn deal() -> CrmDraft {
    let attributes = json!({"reference": "d-1", "name": "Big one", "pipeline": "default"});
    draft(ObjectType::Deal, attributes)
}

fn unknown_outcome(status: u16) -> ProviderError {
    let effect = RemoteEffect::Unknown;
    ProviderError::Unavailable { status: Some(status), retry_after: None, effect }
}

fn field_of(error: &ProviderError) -> Option<&str> {
    let ProviderError::Rejected { field, .. } = error else { panic!("{error:?}") };
    field.as_deref()
}

#[tokio::test]
async fn upsert_by_key_is_one_call_and_reads_the_answer() {
    let hubspot = Hubspot::start().await;
    let portal = connection("acme", &ObjectType::ALL);
    hubspot.server.will_answer(
        200,
        json!({"status": "COMPLETE", "results": [{
            "id": "41", "new": true, "updatedAt": "2026-11-22T10:00:00.250Z",
            "properties": {"integration_reference": "c-1", "phone": "415 555 2671", "name": null,
                           "domain": "www.example.com", "hs_object_id": "41"},
        }]}),
    );
    let called = hubspot.gateway.upsert(&portal, &wanted(&company(), None)).await.unwrap();
    let written = called.value;
    assert_eq!((written.external_id.as_str(), written.change), ("41", RecordChange::Created));
    assert_eq!(written.provider_version, Some("2026-11-22T10:00:00.250Z".parse().unwrap()));
    assert_eq!(written.attributes.get(AttributeName::Phone), Some("+14155552671"));
    assert_eq!(written.attributes.get(AttributeName::Domain), Some("example.com"));
    assert_eq!(written.attributes.get(AttributeName::Name), None);
    let limit = RateLimit { max: 190, window: Duration::from_secs(10) };
    assert_eq!(called.calls, 1);
    assert_eq!(called.rate, Some(RateReading { limit, remaining: Some(188) }));
    let asked = hubspot.server.asked().remove(0);
    assert_eq!(asked.line, format!("POST {COMPANIES}/batch/upsert"));
    let input = json!({
        "id": "c-1", "idProperty": "integration_reference",
        "properties": {"name": "Example Works", "domain": "example.com"},
    });
    assert_eq!(asked.body, json!({"inputs": [input]}));
}

#[tokio::test]
async fn upsert_by_key_believes_only_an_answer_about_its_record() {
    let hubspot = Hubspot::start().await;
    let portal = connection("acme", &ObjectType::ALL);
    let of = |key: &str| json!({"id": "41", "properties": {"integration_reference": key}});
    for (results, is_ours) in [
        (json!([of("c-1")]), true),
        (json!([of("c-2"), of("C-1")]), true),
        (json!([{"id": "41"}]), true),
        (json!([of("c-2")]), false),
        (json!([{"properties": {}}]), false),
        (json!([]), false),
    ] {
        hubspot.server.will_answer(200, json!({ "results": results }));
        let result = hubspot.gateway.upsert(&portal, &wanted(&company(), None)).await;
        match result {
            Ok(called) => assert!(is_ours && called.value.change == RecordChange::Updated),
            Err(error) => assert_eq!((error, is_ours), (unknown_outcome(200), false)),
        }
    }
}

#[tokio::test]
async fn upsert_of_a_contact_that_someone_created_meanwhile_updates_the_one_that_is_named() {
    let hubspot = Hubspot::start().await;
    let portal = connection("acme", &[]);
    let ada = draft(ObjectType::Contact, json!({"email": "a@b.co", "firstname": "Ada"}));
    let conflict = json!({"category": "CONFLICT",
        "message": "Contact already exists. Existing ID: 77"});
    hubspot.server.will_answer(409, &conflict).will_answer(200, json!({"id": "77"}));
    let called = hubspot.gateway.upsert(&portal, &wanted(&ada, None)).await.unwrap();
    assert_eq!((called.value.external_id.as_str(), called.calls), ("77", 2));
    let patch = hubspot.server.asked().remove(1);
    assert_eq!(patch.line, "PATCH /crm/objects/2026-03/contacts/77");
    assert_eq!(patch.body, json!({"properties": {"firstname": "Ada"}}), "the email stays out");

    hubspot.server.will_answer(409, &conflict).will_answer(404, "");
    let gone = hubspot.gateway.upsert(&portal, &wanted(&ada, None)).await.unwrap_err();
    assert!(matches!(gone, ProviderError::Contended { status: 409, .. }), "{gone:?}");
}

#[tokio::test]
async fn upsert_whose_key_property_is_gone_names_the_reference() {
    let hubspot = Hubspot::start().await;
    let portal = connection("acme", &ObjectType::ALL);
    let error = json!({"category": "VALIDATION_ERROR", "errors": [
        {"code": "PROPERTY_DOESNT_EXIST", "context": {"propertyName": ["integration_reference"]}},
    ]});
    hubspot.server.will_answer(400, &error);
    hubspot.server.will_answer(207, json!({"results": [], "errors": [error]}));
    for _answer in 0..2 {
        let refused = hubspot.gateway.upsert(&portal, &wanted(&deal(), None)).await.unwrap_err();
        assert_eq!(field_of(&refused), Some("attributes.reference"));
    }
}

#[tokio::test]
async fn check_refuses_ids_that_no_record_has() {
    let hubspot = Hubspot::start().await;
    let portal = connection("acme", &ObjectType::ALL);
    let longest = format!("company:{}", "9".repeat(20));
    for (association, is_refused) in [
        ("contact:7", false),
        (longest.as_str(), false),
        ("company:123456789012345678901", true),
        ("company:12a", true),
    ] {
        let attributes = json!({"reference": "d-1"});
        let draft = draft_with(ObjectType::Deal, attributes, &["contact:1", association]);
        let checked = hubspot.gateway.check(&portal, &draft, hubspot.now);
        match checked {
            Ok(checked) => assert_eq!((checked, is_refused), (Checked::Passed, false)),
            Err(error) => {
                assert!(is_refused);
                assert_eq!(error.field, "associations[1].external_id");
            }
        }
    }
    assert!(hubspot.server.asked().is_empty());
}

fn filters(body: &Value) -> Vec<(&str, &str)> {
    let filters = body["filterGroups"][0]["filters"].as_array().unwrap();
    filters
        .iter()
        .map(|filter| {
            assert_eq!(filter["operator"], "EQ");
            (filter["propertyName"].as_str().unwrap(), filter["value"].as_str().unwrap())
        })
        .collect()
}

#[tokio::test]
async fn upsert_without_key_updates_the_known_record() {
    let hubspot = Hubspot::start().await;
    let portal = connection("acme", &[]);
    let known = ExternalId::new("41");
    // The id of the record that it was merged into may come back.
    hubspot.server.will_answer(200, json!({"id": "42", "updatedAt": "2026-11-22T10:00:00Z"}));
    let called = hubspot.gateway.upsert(&portal, &wanted(&deal(), Some(&known))).await.unwrap();
    assert_eq!((called.value.external_id.as_str(), called.calls), ("42", 1));
    let asked = hubspot.server.asked().remove(0);
    assert_eq!(asked.line, format!("PATCH {DEALS}/41"));
    let expected = json!({"properties": {"dealname": "Big one", "pipeline": "default"}});
    assert_eq!(asked.body, expected, "there is no key property to write");
}

#[tokio::test]
async fn upsert_without_key_updates_the_oldest_hit_else_creates() {
    let hubspot = Hubspot::start().await;
    let portal = connection("acme", &[ObjectType::Company]);
    let known = ExternalId::new("41");
    hubspot
        .server
        .will_answer(404, "")
        .will_answer(200, json!({"total": 2, "results": [{"id": "17"}]}))
        .will_answer(200, json!({"id": "17"}));
    let called = hubspot.gateway.upsert(&portal, &wanted(&deal(), Some(&known))).await.unwrap();
    assert_eq!((called.value.external_id.as_str(), called.calls), ("17", 3));
    assert_eq!(called.value.change, RecordChange::Updated);
    let search = hubspot.server.asked().remove(1);
    assert_eq!(search.line, format!("POST {DEALS}/search"));
    assert_eq!(filters(&search.body), [("dealname", "Big one"), ("pipeline", "default")]);
    assert_eq!(search.body["limit"], 1);
    let oldest = json!([{"propertyName": "createdate", "direction": "ASCENDING"}]);
    assert_eq!(search.body["sorts"], oldest);

    hubspot.server.will_answer(200, json!({"results": []})).will_answer(201, json!({"id": "18"}));
    let called = hubspot.gateway.upsert(&portal, &wanted(&deal(), None)).await.unwrap();
    assert_eq!((called.value.change, called.calls), (RecordChange::Created, 2));
    let create = hubspot.server.asked().remove(1);
    assert_eq!(create.line, format!("POST {DEALS}"));
    let expected = json!({"properties": {"dealname": "Big one", "pipeline": "default"}});
    assert_eq!(create.body, expected);
}

#[tokio::test]
async fn upsert_without_key_searches_a_company_by_domain_else_by_name_else_not_at_all() {
    let hubspot = Hubspot::start().await;
    let portal = connection("acme", &[]);
    let named = |attributes| draft(ObjectType::Company, attributes);
    let too_long = "x".repeat(301);
    for (draft, expected) in [
        (company(), Some(("domain", "example.com"))),
        (named(json!({"reference": "c", "name": "Ex", "domain": null})), Some(("name", "Ex"))),
        (named(json!({"reference": "c", "phone": "1"})), None),
        (named(json!({"reference": "c", "name": too_long})), None),
    ] {
        if expected.is_some() {
            hubspot.server.will_answer(200, json!({"results": []}));
        }
        hubspot.server.will_answer(201, json!({"id": "18"}));
        hubspot.gateway.upsert(&portal, &wanted(&draft, None)).await.unwrap();
        let asked = hubspot.server.asked();
        let found = (asked.len() == 2).then(|| filters(&asked[0].body).remove(0));
        assert_eq!(found, expected);
    }
}

#[tokio::test]
async fn find_without_key_reads_the_known_record_else_searches() {
    let hubspot = Hubspot::start().await;
    let portal = connection("acme", &[]);
    let known = ExternalId::new("41");
    let properties = json!({"dealname": "Big one", "pipeline": "default"});
    let record = json!({"id": "41", "archived": false, "properties": properties});
    hubspot.server.will_answer(200, &record);
    let found = hubspot.gateway.find(&portal, &wanted(&deal(), Some(&known))).await.unwrap();
    let remote = found.value.unwrap();
    assert!(remote.attributes.contains_all(&deal().attributes), "its key counts as there");
    let line = hubspot.server.lines().remove(0);
    assert!(line.starts_with(&format!("GET {DEALS}/41?properties=")), "{line}");
    assert!(line.contains("dealname") && line.contains("closedate"), "{line}");

    let archived = json!({"id": "41", "archived": true});
    for gone in [(404, Value::Null), (200, archived)] {
        hubspot.server.will_answer(gone.0, gone.1).will_answer(200, json!({"results": []}));
        let found = hubspot.gateway.find(&portal, &wanted(&deal(), Some(&known))).await.unwrap();
        assert!(found.value.is_none() && found.calls == 2);
    }
}

#[tokio::test]
async fn find_by_key_reads_by_the_key_property() {
    let hubspot = Hubspot::start().await;
    let portal = connection("acme", &ObjectType::ALL);
    let of = |key: &str| json!({"id": "41", "properties": {"integration_reference": key}});
    for (results, is_found) in [
        (json!([of("d-1")]), true),
        (json!([of("d-2")]), false),
        (json!([{"id": "41", "archived": true}]), false),
        (json!([]), false),
    ] {
        hubspot.server.will_answer(207, json!({"results": results, "errors": [{}]}));
        let found = hubspot.gateway.find(&portal, &wanted(&deal(), None)).await.unwrap();
        assert_eq!(found.value.is_some(), is_found);
        let asked = hubspot.server.asked().remove(0);
        assert_eq!(asked.line, format!("POST {DEALS}/batch/read"));
        assert_eq!(asked.body["idProperty"], "integration_reference");
        assert_eq!(asked.body["inputs"], json!([{"id": "d-1"}]));
    }
}
