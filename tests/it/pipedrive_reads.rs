//! Records by id, their associations, and what has changed since a moment.

use serde_json::{Value, json};
use sync_domain::model::{AttributeName, ChangeKind, ExternalId, ObjectType};
use sync_domain::ports::{
    AssociationsOf, ChangeSpan, ChangedPage, CrmChangeFeed, CrmReader, ProviderError,
};

use crate::support::pipedrive::{Pipedrive, connection, in_query, query, steps, success};

const PERSONS: &str = include_str!("../fixtures/crm/pipedrive_persons.json");
const DEALS: &str = include_str!("../fixtures/crm/pipedrive_deals.json");

fn ids(ids: &[&str]) -> Vec<ExternalId> {
    ids.iter().map(|id| ExternalId::new(*id)).collect()
}

fn of(ids: &[&str]) -> Vec<AssociationsOf> {
    let one = |id: &&str| AssociationsOf { external_id: ExternalId::new(*id), after: None };
    ids.iter().map(one).collect()
}

#[tokio::test]
async fn persons_are_read_by_their_ids_in_one_call() {
    let pipedrive = Pipedrive::start().await;
    pipedrive.server.will_answer(200, PERSONS);
    let asked_ids = ids(&["101", "102", "103", "104"]);
    let called = pipedrive.gateway.read(&connection(), ObjectType::Contact, &asked_ids).await;
    let called = called.unwrap();
    let read: Vec<_> = called.value.iter().map(|object| object.external_id.as_str()).collect();
    assert_eq!((read, called.calls), (vec!["101", "102"], 1), "one is in the bin, one is gone");
    let [ada, grace] = &called.value[..] else { panic!() };
    assert_eq!(ada.attributes.get(AttributeName::Email), Some("ada@example.com"));
    assert_eq!(ada.attributes.get(AttributeName::Phone), None, "a placeholder is no number");
    assert_eq!(ada.updated_at, Some("2026-11-22T10:00:00Z".parse().unwrap()));
    assert_eq!(grace.attributes.get(AttributeName::Phone), Some("+14155552671"));
    assert_eq!(grace.attributes.get(AttributeName::Lastname), None);
    assert_eq!(grace.updated_at, Some("2026-11-20T10:00:00Z".parse().unwrap()));
    let asked = pipedrive.server.asked().remove(0);
    assert_eq!(in_query(&asked, "ids"), "101,102,103,104");
}

#[tokio::test]
async fn deal_that_was_put_away_is_not_taken_for_deleted() {
    let pipedrive = Pipedrive::start().await;
    let archived = json!([{"id": 302, "title": "Old one", "is_archived": true}]);
    pipedrive.server.will_answer(200, DEALS).will_answer(200, success(archived));
    let asked_ids = ids(&["301", "302", "303"]);
    let called = pipedrive.gateway.read(&connection(), ObjectType::Deal, &asked_ids).await.unwrap();
    let read: Vec<_> = called.value.iter().map(|object| object.external_id.as_str()).collect();
    assert_eq!((read, called.calls), (vec!["301", "302"], 2));
    let deal = &called.value[0].attributes;
    assert_eq!(deal.get(AttributeName::Amount), Some("1200.5"));
    assert_eq!(deal.get(AttributeName::Stage), Some("7"));
    assert_eq!(deal.get(AttributeName::Closedate), Some("2026-12-24T00:00:00Z"));
    let asked = pipedrive.server.asked();
    assert_eq!(steps(&asked), ["GET deals", "GET deals/archived"]);
    assert_eq!(in_query(&asked[1], "ids"), "302,303");
}

#[tokio::test]
async fn answer_that_is_not_whole_is_not_taken_for_deletions() {
    let pipedrive = Pipedrive::start().await;
    let part = json!({"success": true, "data": [], "additional_data": {"next_cursor": "x"}});
    for body in [
        part.to_string(),
        success(Value::Null).to_string(),
        success(json!([{"name": "nobody"}])).to_string(),
        "{}".to_owned(),
        "<html>".to_owned(),
    ] {
        pipedrive.server.will_answer(200, &body);
        let read = pipedrive.gateway.read(&connection(), ObjectType::Company, &ids(&["1"])).await;
        assert!(matches!(read, Err(ProviderError::Unavailable { .. })), "{body}");
    }
    let read = pipedrive.gateway.read(&connection(), ObjectType::Company, &ids(&["x"])).await;
    assert!(matches!(read, Err(ProviderError::Rejected { .. })));
}

#[tokio::test]
async fn associations_are_read_from_the_records_themselves() {
    let pipedrive = Pipedrive::start().await;
    let account = connection();
    for (from, to, id, body, expected) in [
        (ObjectType::Contact, ObjectType::Company, "101", PERSONS, &["company:201"][..]),
        (ObjectType::Contact, ObjectType::Company, "102", PERSONS, &[][..]),
        (ObjectType::Deal, ObjectType::Contact, "301", DEALS, &["contact:101"][..]),
        (ObjectType::Deal, ObjectType::Company, "301", DEALS, &["company:201"][..]),
    ] {
        pipedrive.server.will_answer(200, body);
        let called = pipedrive.gateway.associations(&account, from, to, &of(&[id])).await.unwrap();
        let found = &called.value.found[&ExternalId::new(id)];
        let stored: Vec<_> = found.iter().map(|it| it.to_stored()).collect();
        assert_eq!(stored, expected, "{from} {to}");
        assert!(called.value.more.is_empty());
    }
}

fn span() -> ChangeSpan {
    ChangeSpan {
        since: "2026-11-22T09:00:00.250Z".parse().unwrap(),
        until: "2026-11-22T10:00:00.250Z".parse().unwrap(),
    }
}

impl Pipedrive {
    async fn page(&self, object_type: ObjectType, position: Option<&str>) -> ChangedPage {
        let called = self.gateway.changed(&connection(), object_type, span(), position).await;
        called.unwrap().value
    }
}

fn changes(page: &ChangedPage) -> Vec<(&str, ChangeKind)> {
    page.changed.iter().map(|it| (it.external_id.as_str(), it.kind)).collect()
}

#[tokio::test]
async fn changes_of_a_span_come_page_by_page_with_their_associations() {
    let pipedrive = Pipedrive::start().await;
    let person = |id: u64, added: &str| json!({"id": id, "add_time": added, "update_time": "2026-11-22T09:30:00Z"});
    let first = json!([person(1, "2026-11-20T09:30:00Z"), person(2, "2026-11-22T09:30:00Z")]);
    let first = json!({"success": true, "data": first,
        "additional_data": {"next_cursor": "eyJmaWVsZCI6Iml+ZCJ9"}});
    pipedrive.server.will_answer(200, first);
    pipedrive.will_give(&[json!([])]);
    let page = pipedrive.page(ObjectType::Contact, None).await;
    let expected = [
        ("1", ChangeKind::Properties),
        ("1", ChangeKind::Associations),
        ("2", ChangeKind::Created),
        ("2", ChangeKind::Associations),
    ];
    assert_eq!(changes(&page), expected);
    assert_eq!(page.changed[0].changed_at, Some("2026-11-22T09:30:00Z".parse().unwrap()));
    let last = pipedrive.page(ObjectType::Contact, page.next.as_deref()).await;
    assert_eq!(last, ChangedPage::default());
    let asked = pipedrive.server.asked();
    assert_eq!(in_query(&asked[0], "updated_since"), "2026-11-22T09:00:00Z");
    assert_eq!(in_query(&asked[0], "updated_until"), "2026-11-22T10:00:01Z", "no second is lost");
    assert_eq!(in_query(&asked[1], "cursor"), "eyJmaWVsZCI6Iml+ZCJ9");
}

#[tokio::test]
async fn deals_in_the_bin_are_the_last_pages_of_their_changes() {
    let pipedrive = Pipedrive::start().await;
    let deal = |id: u64| json!([{"id": id, "update_time": "2026-11-22T09:30:00Z"}]);
    pipedrive.will_give(&[deal(1), deal(2)]);
    let present = pipedrive.page(ObjectType::Deal, None).await;
    assert_eq!(changes(&present)[0], ("1", ChangeKind::Properties));
    let deleted = pipedrive.page(ObjectType::Deal, present.next.as_deref()).await;
    assert_eq!(changes(&deleted), [("2", ChangeKind::Deleted)]);
    assert_eq!(deleted.next, None);
    let asked = pipedrive.server.asked();
    assert!(!query(&asked[0]).iter().any(|(name, _value)| name == "status"));
    assert_eq!(in_query(&asked[1], "status"), "deleted");
    pipedrive.will_give(&[json!([{"id": 5}])]);
    let companies = pipedrive.page(ObjectType::Company, None).await;
    assert_eq!(changes(&companies), [("5", ChangeKind::Properties)]);
    assert_eq!(companies.next, None);
}

#[tokio::test]
async fn position_that_is_none_of_the_feeds_is_refused_without_a_call() {
    let pipedrive = Pipedrive::start().await;
    let long = format!("present:{}", "x".repeat(1_025));
    for (object_type, position) in [
        (ObjectType::Contact, "deleted:x"),
        (ObjectType::Deal, "other:x"),
        (ObjectType::Deal, "x"),
        (ObjectType::Deal, "present:a b"),
        (ObjectType::Deal, long.as_str()),
    ] {
        let page =
            pipedrive.gateway.changed(&connection(), object_type, span(), Some(position)).await;
        assert!(matches!(page, Err(ProviderError::Rejected { .. })), "{position}");
    }
    assert!(pipedrive.server.asked().is_empty());
    pipedrive.server.will_answer(200, success(Value::Null));
    let page = pipedrive.gateway.changed(&connection(), ObjectType::Deal, span(), None).await;
    assert!(matches!(page, Err(ProviderError::Unavailable { .. })), "no list is not an empty one");
}
