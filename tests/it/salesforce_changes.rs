//! What has changed in an org since a moment, page by page.

use serde_json::json;
use sync_domain::model::{ChangeKind, ObjectType};
use sync_domain::ports::{ChangeSpan, ChangedObject, CrmChangeFeed, ProviderError};

use crate::support::salesforce::{Salesforce, connection, id, page};

fn span() -> ChangeSpan {
    ChangeSpan {
        since: "2026-05-01T07:00:00Z".parse().unwrap(),
        until: "2026-05-01T08:00:00Z".parse().unwrap(),
    }
}

#[tokio::test]
async fn changes_of_a_span_come_with_what_is_known_of_them() {
    let org = Salesforce::start().await;
    let account = connection(&ObjectType::ALL);
    let row = |prefix: &str, number: u32, is_deleted: bool| {
        json!({"attributes": {"type": "X"}, "Id": id(prefix, number).as_str(),
            "IsDeleted": is_deleted, "SystemModstamp": "2026-05-01T07:25:37.000+0000"})
    };
    let changed = |prefix: &str, number: u32, kind| ChangedObject {
        external_id: id(prefix, number),
        kind,
        changed_at: Some("2026-05-01T07:25:37Z".parse().unwrap()),
    };
    // The account of a contact is a field of it: which one has changed is not told.
    for (object_type, prefix, object, kind) in [
        (ObjectType::Contact, "003", "Contact", ChangeKind::Associations),
        (ObjectType::Company, "001", "Account", ChangeKind::Properties),
        (ObjectType::Deal, "006", "Opportunity", ChangeKind::Associations),
    ] {
        org.server.will_answer_with(
            200,
            &[("sforce-limit-info", "api-usage=10/100")],
            page(&[row(prefix, 1, false), row(prefix, 2, true)]),
        );
        let called = org.gateway.changed(&account, object_type, span(), None).await.unwrap();
        assert_eq!((called.calls, called.quota.unwrap().remaining), (1, 90));
        let expected = [changed(prefix, 1, kind), changed(prefix, 2, ChangeKind::Deleted)];
        assert_eq!((called.value.changed.as_slice(), called.value.next), (&expected[..], None));
        let query = format!(
            "SELECT Id, IsDeleted, SystemModstamp FROM {object} WHERE SystemModstamp >= \
             2026-05-01T07:00:00Z AND SystemModstamp < 2026-05-01T08:00:00Z"
        );
        assert_eq!(org.asked(), [("GET /queryAll".to_owned(), json!(query))]);
    }
}

#[tokio::test]
async fn next_page_is_asked_of_the_org_itself_whatever_address_the_last_one_told() {
    let org = Salesforce::start().await;
    let account = connection(&ObjectType::ALL);
    let next = "https://evil.example.com/services/data/v67.0/queryAll/01g000000000001AAA-2000";
    org.server.will_answer(200, json!({"done": false, "records": [], "nextRecordsUrl": next}));
    let contact = ObjectType::Contact;
    let first = org.gateway.changed(&account, contact, span(), None).await.unwrap().value;
    assert_eq!(first.next.as_deref(), Some("01g000000000001AAA-2000"));
    org.server.will_answer(200, page(&[]));
    let position = first.next.as_deref();
    let last = org.gateway.changed(&account, contact, span(), position).await.unwrap().value;
    assert_eq!(last.next, None);
    assert_eq!(org.asked()[1].0, "GET /queryAll/01g000000000001AAA-2000");
}

#[tokio::test]
async fn position_that_is_none_of_the_feeds_is_refused_without_a_call() {
    let org = Salesforce::start().await;
    let account = connection(&ObjectType::ALL);
    let long = "x".repeat(101);
    for position in ["", "..", "a/b", "a?b", "https://evil.example.com", "a%2f", long.as_str()] {
        let asked = org.gateway.changed(&account, ObjectType::Deal, span(), Some(position)).await;
        assert!(matches!(asked, Err(ProviderError::Rejected { .. })), "{position}");
    }
    assert!(org.asked().is_empty());
}

#[tokio::test]
async fn page_that_says_more_and_not_where_or_has_a_row_without_an_id_is_an_error() {
    let org = Salesforce::start().await;
    let account = connection(&ObjectType::ALL);
    for body in [
        json!({"done": false, "records": []}),
        json!({"done": false, "records": [], "nextRecordsUrl": "/query/.."}),
        json!({"done": true, "records": [{"IsDeleted": false}]}),
        json!({"done": true}),
    ] {
        org.server.will_answer(200, &body);
        let read = org.gateway.changed(&account, ObjectType::Deal, span(), None).await;
        assert!(matches!(read, Err(ProviderError::Unavailable { .. })), "{body}");
    }
}
