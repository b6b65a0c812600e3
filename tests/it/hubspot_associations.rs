//! Associations at HubSpot: success only when each one is accounted for.

use serde_json::{Value, json};
use sync_domain::model::{CrmDraft, ExternalId, ObjectType};
use sync_domain::ports::{Connection, CrmGateway, ProviderError, RemoteEffect};

use crate::support::hubspot::{Hubspot, connection, draft_with};

fn portal() -> Connection {
    connection("acme", &ObjectType::ALL)
}

fn deal(associations: &[&str]) -> CrmDraft {
    draft_with(ObjectType::Deal, json!({"reference": "d-1"}), associations)
}

fn made(pairs: &[(&str, &str)]) -> Value {
    let pair = |(from, to): &(&str, &str)| json!({"from": {"id": from}, "to": {"id": to}});
    json!({"status": "COMPLETE", "results": pairs.iter().map(pair).collect::<Value>()})
}

async fn associate(hubspot: &Hubspot, draft: &CrmDraft) -> Result<u32, ProviderError> {
    let called = hubspot.gateway.associate(&portal(), draft, &ExternalId::new("41")).await;
    called.map(|called| called.calls)
}

#[tokio::test]
async fn associate_sends_one_batch_per_kind_of_record() {
    let hubspot = Hubspot::start().await;
    let all = made(&[("41", "7"), ("41", "8"), ("41", "9")]);
    hubspot.server.will_answer(200, &all).will_answer(200, &all);
    let draft = deal(&["company:9", "contact:7", "contact:8"]);
    assert_eq!(associate(&hubspot, &draft).await, Ok(2));
    let mut asked = hubspot.server.asked();
    asked.sort_by(|a, b| a.line.cmp(&b.line));
    let path = "POST /crm/associations/2026-03/deals";
    assert_eq!(asked[0].line, format!("{path}/companies/batch/associate/default"));
    assert_eq!(asked[0].body, json!({"inputs": [{"from": {"id": "41"}, "to": {"id": "9"}}]}));
    assert_eq!(asked[1].line, format!("{path}/contacts/batch/associate/default"));
    let both = json!([{"from": {"id": "41"}, "to": {"id": "7"}},
                      {"from": {"id": "41"}, "to": {"id": "8"}}]);
    assert_eq!(asked[1].body["inputs"], both);
}

#[tokio::test]
async fn associate_reads_every_published_form_of_a_pair() {
    let hubspot = Hubspot::start().await;
    for results in [
        json!([{"from": {"id": "41"}, "to": {"id": "9"}}]),
        json!([{"from": {"id": 41}, "to": {"id": 9}}]),
        json!([{"from": {"id": "9"}, "to": {"id": "41"}}]),
        json!([{"fromObjectId": 41, "toObjectId": "9"}]),
    ] {
        hubspot.server.will_answer(200, json!({ "results": results }));
        assert_eq!(associate(&hubspot, &deal(&["company:9"])).await, Ok(1), "{results}");
    }
}

#[tokio::test]
async fn associate_that_leaves_one_out_without_a_word_claims_no_success() {
    let hubspot = Hubspot::start().await;
    let status = Some(200);
    let unknown =
        ProviderError::Unavailable { status, retry_after: None, effect: RemoteEffect::Unknown };
    let others = made(&[("40", "9")]);
    for body in [made(&[]), made(&[("41", "7")]), others, json!({}), json!("<html>")] {
        hubspot.server.will_answer(200, &body);
        let draft = deal(&["contact:7", "contact:9"]);
        assert_eq!(associate(&hubspot, &draft).await, Err(unknown.clone()), "{body}");
    }
}

#[tokio::test]
async fn associate_names_the_association_that_was_refused() {
    let hubspot = Hubspot::start().await;
    let error = |context: Value| json!({"category": "OBJECT_NOT_FOUND", "context": context});
    let two = ["contact:7", "contact:9"];
    for (status, body, associations, expected) in [
        (200, json!({"errors": [error(json!({"toObjectId": ["9"]}))]}), &two[..], Some(1)),
        (207, json!({"errors": [error(json!({"ids": [9]}))]}), &two[..], Some(1)),
        (404, error(json!({"toObjectId": "7"})), &two[..], Some(0)),
        (400, error(json!({})), &two[..], None),
        (400, error(json!({})), &two[..1], Some(0)),
        // It is our own record that is gone.
        (400, error(json!({"fromObjectId": ["41"]})), &two[..1], None),
    ] {
        hubspot.server.will_answer(status, &body);
        let refused = associate(&hubspot, &deal(associations)).await.unwrap_err();
        let field = expected.map(|index: u32| format!("associations[{index}].external_id"));
        let vendor_code = Some("OBJECT_NOT_FOUND".to_owned());
        assert_eq!(refused, ProviderError::Rejected { vendor_code, field }, "{body}");
    }
}

#[tokio::test]
async fn associate_counts_places_over_all_kinds_of_record() {
    let hubspot = Hubspot::start().await;
    let missing = json!({"errors": [{"category": "OBJECT_NOT_FOUND"}]});
    // The batch of contacts and the one of companies; which comes first is open.
    hubspot.server.will_answer(200, &missing).will_answer(200, &missing);
    let refused = associate(&hubspot, &deal(&["company:9", "contact:7"])).await.unwrap_err();
    let ProviderError::Rejected { field, .. } = refused else { panic!("{refused:?}") };
    assert_eq!(field.as_deref(), Some("associations[1].external_id"), "contacts are judged first");
}

#[tokio::test]
async fn associate_passes_on_what_may_pass() {
    let hubspot = Hubspot::start().await;
    for (status, kind) in
        [(401, "unauthorized"), (403, "missing_scope"), (429, "rate_limited"), (502, "unavailable")]
    {
        hubspot.server.will_answer(status, "<html>");
        let error = associate(&hubspot, &deal(&["company:9"])).await.unwrap_err();
        assert_eq!(error.kind(), kind);
    }
}
