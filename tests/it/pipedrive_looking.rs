//! Which record is meant, at a Pipedrive whose search lags and that keeps nothing unique.

use std::time::Duration;

use serde_json::{Value, json};
use sync_domain::model::{ExternalId, ObjectType};
use sync_domain::ports::{CrmGateway, ProviderError, RemoteEffect};

use crate::support::hubspot::draft;
use crate::support::pipedrive::{
    DEAL_KEY, PERSON_KEY, Pipedrive, ada, big_one, connection, in_query, not_found, person, query,
    steps, wanted, without_fields, works,
};

const EMAIL: &str = "ada@example.com";

fn hits(ids: &[u64]) -> Value {
    let item = |id: &u64| json!({"item": {"id": id}});
    json!({"items": ids.iter().map(item).collect::<Vec<_>>()})
}

fn duplicate(ids: &[&str]) -> ProviderError {
    ProviderError::Duplicate {
        vendor_code: "MULTIPLE_MATCHES".to_owned(),
        rule: None,
        matches: ids.iter().map(|id| ExternalId::new(*id)).collect(),
    }
}

/// A page with another behind it.
fn page(records: Value) -> Value {
    json!({"success": true, "data": records, "additional_data": {"next_cursor": "next"}})
}

#[tokio::test]
async fn creation_whose_answer_got_lost_is_found_although_the_search_does_not_know_it() {
    let pipedrive = Pipedrive::start().await;
    let account = connection();
    pipedrive.will_give(&[json!([]), hits(&[])]);
    pipedrive.server.will_answer(502, "<html>");
    let error = pipedrive.gateway.upsert(&account, &wanted(&ada(), None)).await.unwrap_err();
    assert_eq!(error.effect(), RemoteEffect::Unknown);
    pipedrive.server.asked();

    let ours = person(17, EMAIL, Some(EMAIL));
    pipedrive.will_give(&[json!([person(18, "x@example.com", None), ours])]);
    let found = pipedrive.gateway.find(&account, &wanted(&ada(), None)).await.unwrap();
    let remote = found.value.unwrap();
    assert_eq!((remote.external_id.as_str(), found.calls), ("17", 1));
    assert!(remote.attributes.contains_all(&ada().attributes));
    assert_eq!(remote.created_at, Some("2026-11-22T10:00:01Z".parse().unwrap()));
    let asked = pipedrive.server.asked().remove(0);
    assert_eq!(steps(std::slice::from_ref(&asked)), ["GET persons"]);
    let (since, order) = (in_query(&asked, "updated_since"), in_query(&asked, "sort_by"));
    assert_eq!((since.as_str(), order.as_str()), ("2026-11-22T09:58:00Z", "add_time"));
    assert_eq!(in_query(&asked, "sort_direction"), "desc");
}

#[tokio::test]
async fn creation_that_timed_out_has_an_unknown_outcome_and_a_look_that_did_has_none() {
    let pipedrive = Pipedrive::start_with(Duration::from_secs(1)).await;
    pipedrive.will_give(&[json!([])]);
    pipedrive.server.will_hang();
    let error = pipedrive.gateway.upsert(&connection(), &wanted(&works(), None)).await.unwrap_err();
    let retry_after = Some(Duration::from_secs(30));
    let effect = RemoteEffect::Unknown;
    assert_eq!(error, ProviderError::Unavailable { status: None, retry_after, effect });
    pipedrive.server.will_hang();
    let error = pipedrive.gateway.upsert(&connection(), &wanted(&works(), None)).await.unwrap_err();
    assert_eq!(error.effect(), RemoteEffect::None, "a search writes nothing");
}

#[tokio::test]
async fn find_asks_the_search_for_what_is_not_new() {
    let pipedrive = Pipedrive::start().await;
    let (old, other) = (person(17, EMAIL, Some(EMAIL)), person(18, "x@example.com", None));
    pipedrive.will_give(&[json!([other]), json!([{"id": 17}]), old]);
    let found = pipedrive.gateway.find(&connection(), &wanted(&ada(), None)).await.unwrap();
    assert_eq!(found.value.unwrap().external_id.as_str(), "17");
    // One that people have made lacks the key, so nothing is written yet.
    let theirs = person(17, EMAIL, None);
    pipedrive.will_give(&[json!([theirs]), json!([]), hits(&[17]), theirs]);
    let found = pipedrive.gateway.find(&connection(), &wanted(&ada(), None)).await.unwrap();
    assert!(found.value.is_none());
    // The stamp got there, and only the search for it lags.
    let adopted = person(17, EMAIL, Some(EMAIL));
    pipedrive.will_give(&[json!([]), json!([]), hits(&[17]), adopted]);
    let found = pipedrive.gateway.find(&connection(), &wanted(&ada(), None)).await.unwrap();
    assert_eq!(found.value.unwrap().external_id.as_str(), "17");
}

#[tokio::test]
async fn find_reads_the_known_record_and_nothing_else() {
    let pipedrive = Pipedrive::start().await;
    let known = ExternalId::new("17");
    pipedrive.will_give(&[person(17, EMAIL, Some(EMAIL))]);
    let found = pipedrive.gateway.find(&connection(), &wanted(&ada(), Some(&known))).await.unwrap();
    assert!(found.value.is_some() && found.calls == 1);
    // A record of people's, known by its email, is not done before it has the key.
    pipedrive.will_give(&[person(17, EMAIL, None)]);
    let found = pipedrive.gateway.find(&connection(), &wanted(&ada(), Some(&known))).await.unwrap();
    assert!(found.value.is_none() && found.calls == 1);
    pipedrive.server.asked();
    // What took its place after it was gone is new.
    pipedrive.server.will_answer(404, not_found());
    pipedrive.will_give(&[json!([person(19, EMAIL, Some(EMAIL))])]);
    let found = pipedrive.gateway.find(&connection(), &wanted(&ada(), Some(&known))).await.unwrap();
    assert_eq!(found.value.unwrap().external_id.as_str(), "19");
    assert_eq!(steps(&pipedrive.server.asked()), ["GET persons/17", "GET persons"]);
}

#[tokio::test]
async fn list_of_what_is_new_is_read_until_it_is_older_than_the_first_attempt() {
    let pipedrive = Pipedrive::start().await;
    let deal = |id: u64, added: &str, key: &str| json!({"id": id, "add_time": added, "custom_fields": {DEAL_KEY: key}});
    let first = page(json!([deal(9, "2026-11-22T10:05:00Z", "x")]));
    let second =
        page(json!([deal(8, "2026-11-22T10:00:00Z", "d-1"), deal(7, "2026-11-22T09:57:00Z", "x")]));
    pipedrive.server.will_answer(200, first).will_answer(200, second);
    let found = pipedrive.gateway.find(&connection(), &wanted(&big_one(), None)).await.unwrap();
    assert_eq!(found.value.unwrap().external_id.as_str(), "8");
    let asked = pipedrive.server.asked();
    assert_eq!(steps(&asked), ["GET deals", "GET deals"]);
    assert_eq!(in_query(&asked[1], "cursor"), "next");
    assert!(!query(&asked[0]).iter().any(|(name, _value)| name == "cursor"));
}

#[tokio::test]
async fn list_that_has_no_end_is_read_until_the_search_can_be_believed_of_the_rest() {
    let pipedrive = Pipedrive::start().await;
    let deal = |added: &str| json!([{"id": 9, "add_time": added, "custom_fields": null}]);
    let date = [("date", "Sun, 22 Nov 2026 12:00:00 GMT")];
    let newest = page(deal("2026-11-22T12:00:00Z"));
    let older = page(deal("2026-11-22T11:49:00Z"));
    pipedrive.server.will_answer_with(200, &date, &newest).will_answer_with(200, &date, older);
    pipedrive.will_give(&[json!([])]);
    let found = pipedrive.gateway.find(&connection(), &wanted(&big_one(), None)).await.unwrap();
    assert!(found.value.is_none());
    let expected = ["GET deals", "GET deals", "GET itemSearch/field"];
    assert_eq!(steps(&pipedrive.server.asked()), expected);

    for _page in 0..10 {
        pipedrive.server.will_answer_with(200, &date, &newest);
    }
    let error = pipedrive.gateway.find(&connection(), &wanted(&big_one(), None)).await.unwrap_err();
    assert!(matches!(error, ProviderError::Unavailable { .. }), "{error:?}");
    assert_eq!(pipedrive.server.asked().len(), 10, "nothing is said of what was not seen");
}

#[tokio::test]
async fn record_that_is_dated_later_than_the_answer_is_not_the_newest() {
    let deal = |added: &str, key: &str| json!({"id": 9, "add_time": added, "custom_fields": {DEAL_KEY: key}});
    for (date, now, imported) in [
        ("Sun, 22 Nov 2026 12:00:00 GMT", "2026-11-22T12:00:00Z", "2026-11-22T12:10:01Z"),
        // Without a date that can be read a day after the first attempt is the latest.
        ("-", "2026-11-23T10:00:00Z", "2026-11-23T10:10:01Z"),
    ] {
        let pipedrive = Pipedrive::start().await;
        let first = page(json!([deal(imported, "x"), deal(now, "x")]));
        let answers = [first, page(json!([deal("2026-11-22T10:00:01Z", "d-1")]))];
        for body in answers {
            pipedrive.server.will_answer_with(200, &[("date", date)], body);
        }
        pipedrive.will_give(&[json!([])]);
        let found = pipedrive.gateway.find(&connection(), &wanted(&big_one(), None)).await.unwrap();
        assert_eq!(found.value.unwrap().external_id.as_str(), "9", "{date}");
        assert_eq!(steps(&pipedrive.server.asked()), ["GET deals", "GET deals"], "{date}");
    }
}

#[tokio::test]
async fn record_on_two_pages_of_the_list_is_one_record() {
    let pipedrive = Pipedrive::start().await;
    let ours = json!([person(17, EMAIL, Some(EMAIL))]);
    pipedrive.server.will_answer(200, page(ours.clone()));
    pipedrive.will_give(&[ours]);
    let found = pipedrive.gateway.find(&connection(), &wanted(&ada(), None)).await.unwrap();
    assert_eq!(found.value.unwrap().external_id.as_str(), "17");
    assert_eq!(steps(&pipedrive.server.asked()), ["GET persons", "GET persons"]);
}

#[tokio::test]
async fn several_records_with_our_key_are_a_conflict_and_none_of_them_is_written() {
    let pipedrive = Pipedrive::start().await;
    let deal = |id: u64, key: &str| json!({"id": id, "add_time": "2026-11-22T10:00:00Z", "custom_fields": {DEAL_KEY: key}});
    pipedrive.will_give(&[json!([{"id": 1}, {"id": 2}]), json!([deal(1, "d-1"), deal(2, "d-1")])]);
    let error = pipedrive.gateway.upsert(&connection(), &wanted(&big_one(), None)).await;
    assert_eq!(error.unwrap_err(), duplicate(&["1", "2"]));
    let asked = pipedrive.server.asked();
    assert_eq!(steps(&asked), ["GET itemSearch/field", "GET deals"]);
    assert_eq!(in_query(&asked[1], "ids"), "1,2");
    // Of the two the search has one that is in the bin by now.
    pipedrive.will_give(&[
        json!([{"id": 1}, {"id": 2}]),
        json!([deal(2, "d-1")]),
        json!({"id": 2}),
    ]);
    let called = pipedrive.gateway.upsert(&connection(), &wanted(&big_one(), None)).await.unwrap();
    assert_eq!(called.value.external_id.as_str(), "2");
    pipedrive.will_give(&[json!([deal(1, "d-1"), deal(2, "d-1")])]);
    let error = pipedrive.gateway.find(&connection(), &wanted(&big_one(), None)).await;
    assert_eq!(error.unwrap_err(), duplicate(&["1", "2"]));
}

#[tokio::test]
async fn several_persons_with_the_email_are_a_conflict_unless_one_has_the_key() {
    let pipedrive = Pipedrive::start().await;
    let (theirs, ours) = (person(1, EMAIL, None), person(2, EMAIL, Some(EMAIL)));
    pipedrive.will_give(&[json!([]), hits(&[1, 2]), json!([theirs, person(2, EMAIL, None)])]);
    let error = pipedrive.gateway.upsert(&connection(), &wanted(&ada(), None)).await;
    assert_eq!(error.unwrap_err(), duplicate(&["1", "2"]));
    assert!(steps(&pipedrive.server.asked()).iter().all(|step| step.starts_with("GET")));

    pipedrive.will_give(&[json!([]), hits(&[1, 2]), json!([theirs, ours]), ours]);
    let called = pipedrive.gateway.upsert(&connection(), &wanted(&ada(), None)).await.unwrap();
    assert_eq!(called.value.external_id.as_str(), "2");
    // A hit that has lost the email since is none.
    let moved = person(1, "x@example.com", None);
    pipedrive.will_give(&[json!([]), hits(&[1]), moved, person(3, EMAIL, Some(EMAIL))]);
    let called = pipedrive.gateway.upsert(&connection(), &wanted(&ada(), None)).await.unwrap();
    assert_eq!(called.value.external_id.as_str(), "3");
}

#[tokio::test]
async fn person_of_another_contact_of_ours_is_not_adopted_unless_its_key_is_outdated() {
    let pipedrive = Pipedrive::start().await;
    let mut anothers = person(1, EMAIL, Some("b@example.com"));
    let second = json!({"value": "b@example.com", "primary": false});
    anothers["emails"].as_array_mut().unwrap().push(second);
    pipedrive.will_give(&[json!([]), hits(&[1]), anothers]);
    let error = pipedrive.gateway.upsert(&connection(), &wanted(&ada(), None)).await;
    assert_eq!(error.unwrap_err(), duplicate(&["1"]));
    // People have replaced the email that it was made with.
    let renamed = person(1, EMAIL, Some("former@example.com"));
    pipedrive.will_give(&[json!([]), hits(&[1]), renamed, person(1, EMAIL, Some(EMAIL))]);
    pipedrive.server.asked();
    pipedrive.gateway.upsert(&connection(), &wanted(&ada(), None)).await.unwrap();
    let asked = pipedrive.server.asked();
    assert_eq!(asked[3].body["custom_fields"], json!({PERSON_KEY: EMAIL}));
}

#[tokio::test]
async fn known_person_with_the_key_of_another_contact_of_ours_is_a_conflict() {
    let pipedrive = Pipedrive::start().await;
    let known = ExternalId::new("1");
    let (other, entry) = ("former@example.com", |email: &str| json!({"value": email}));
    let mut merged = person(1, EMAIL, Some(other));
    merged["emails"] = json!([entry(EMAIL), entry(other)]);
    pipedrive.will_give(&[merged]);
    let error = pipedrive.gateway.upsert(&connection(), &wanted(&ada(), Some(&known))).await;
    assert_eq!(error.unwrap_err(), duplicate(&["1"]));
    assert_eq!(steps(&pipedrive.server.asked()), ["GET persons/1"]);
    for present in [person(1, EMAIL, Some(other)), person(1, EMAIL, Some(EMAIL))] {
        pipedrive.will_give(&[present, person(1, EMAIL, Some(EMAIL))]);
        let upsert = pipedrive.gateway.upsert(&connection(), &wanted(&ada(), Some(&known))).await;
        assert_eq!(upsert.unwrap().value.external_id.as_str(), "1");
    }
}

#[tokio::test]
async fn answer_of_the_search_that_can_not_be_read_creates_nothing() {
    let pipedrive = Pipedrive::start().await;
    for (status, body) in [
        (200, "<html>"),
        (200, "{\"success\":true}"),
        (200, "{\"success\":true,\"data\":null}"),
        (200, "{\"success\":false,\"data\":[]}"),
        (500, "{}"),
    ] {
        pipedrive.server.will_answer(status, body);
        let error =
            pipedrive.gateway.upsert(&connection(), &wanted(&works(), None)).await.unwrap_err();
        assert_eq!(error.effect(), RemoteEffect::None, "{body}");
        assert_eq!(steps(&pipedrive.server.asked()), ["GET itemSearch/field"], "{body}");
    }
}

#[tokio::test]
async fn lost_creation_without_our_field_is_known_by_its_values_and_its_age() {
    let pipedrive = Pipedrive::start().await;
    let account = without_fields();
    let company = draft(ObjectType::Company, json!({"reference": "c-1", "name": "Works"}));
    let named =
        |id: u64, name: &str, added: &str| json!({"id": id, "name": name, "add_time": added});
    let new = "2026-11-22T10:00:03Z";
    pipedrive.will_give(&[json!([named(3, "Works", new), named(2, "Others", new)])]);
    let found = pipedrive.gateway.find(&account, &wanted(&company, None)).await.unwrap();
    let remote = found.value.unwrap();
    assert_eq!(remote.external_id.as_str(), "3");
    assert!(remote.attributes.contains_all(&company.attributes));
    for (records, is_conflict) in [
        (json!([named(1, "Works", "2026-11-20T10:00:00Z")]), false),
        (json!([named(3, "Works", new), named(4, "Works", new)]), true),
    ] {
        pipedrive.will_give(&[records]);
        match pipedrive.gateway.find(&account, &wanted(&company, None)).await {
            Ok(found) => assert!(found.value.is_none() && !is_conflict),
            Err(error) => assert!(is_conflict && error == duplicate(&["3", "4"])),
        }
    }
}
