//! What is named for an import: read step by step, from positions that can be told from others.

use serde_json::{Value, json};
use sync_domain::model::ExternalId;
use sync_domain::ports::{BookingPage, BookingReader, Called, PageError};
use sync_providers::vagaro::VagaroReader;

use crate::support::vagaro::{
    APPOINTMENT, CUSTOMER, OTHER_SHOP, SHOP, appointment, connection, customer, listed, nothing,
    reader, selection, shops, window,
};
use crate::support::vendor_server::VendorServer;

async fn page_at(
    reader: &VagaroReader,
    position: Option<&str>,
) -> Result<Called<BookingPage>, PageError> {
    reader.page(&connection(), window(), position).await
}

#[tokio::test]
async fn selection_is_read_step_by_step_and_each_step_can_be_read_again() {
    let server = VendorServer::start().await;
    let reader = reader(&server);
    let first = reader.selected(&selection(&[APPOINTMENT, "unknown"], &[CUSTOMER])).unwrap();
    assert_eq!(reader.requests_of(Some(&first)), reader.requests_per_page());
    server
        .will_answer(200, shops(&[SHOP]))
        .will_answer(200, listed(vec![appointment(APPOINTMENT)]));
    server.will_answer(200, listed(vec![customer(CUSTOMER)]));
    let page = page_at(&reader, Some(&first)).await.unwrap();
    assert_eq!((page.calls, page.value.bookings.len(), page.value.completed.len()), (3, 1, 0));
    let second = page.value.next.unwrap();
    for _ in 0..2 {
        // It may be at a location that was opened since.
        server.will_answer(200, nothing()).will_answer(200, shops(&[SHOP]));
        let page = page_at(&reader, Some(&second)).await.unwrap().value;
        assert_eq!((page.bookings.len(), page.unreadable.len()), (0, 1));
        let unknown = &page.unreadable[0];
        assert_eq!(unknown.external_id.as_ref().map(ExternalId::as_str), Some("unknown"));
        server.asked();
        let third = page.next.unwrap();
        server.will_answer(200, listed(vec![appointment("a"), appointment("b"), appointment("a")]));
        server.will_answer(200, listed(vec![customer(CUSTOMER)]));
        let page = page_at(&reader, Some(&third)).await.unwrap().value;
        let ids: Vec<_> = page.bookings.iter().map(|it| it.external_id.as_str()).collect();
        assert_eq!(ids, ["b", "a"], "each once, the later one");
        let asked_for = server.asked();
        assert_eq!(asked_for[0].body, json!({"businessId": SHOP, "customerId": CUSTOMER}));
        assert!(page.bookings.iter().all(|it| it.person.is_some()));
        server.will_answer(200, nothing());
        let page = page_at(&reader, page.next.as_deref()).await.unwrap();
        assert_eq!((page.calls, page.value), (1, BookingPage::default()), "that was all");
        server.asked();
    }
}

fn rows(from: usize, count: usize) -> Value {
    listed((from..from + count).map(|id| appointment(&format!("a{id}"))).collect::<Vec<_>>())
}

/// What was asked for since the last look: whose appointments, where, and which page.
fn pages_asked_for(server: &VendorServer) -> Vec<(String, String, u32)> {
    let asked_for = server.asked().into_iter().filter(|it| it.line.contains("appointments"));
    let page = |line: &str| {
        let page = line.split("pageNumber=").nth(1).unwrap();
        page.split('&').next().unwrap().parse().unwrap()
    };
    let parts = asked_for.map(|it| {
        let id = |name: &str| it.body[name].as_str().unwrap().to_owned();
        (id("customerId"), id("businessId"), page(&it.line))
    });
    parts.collect()
}

fn expected(pages: &[(&str, &str, u32)]) -> Vec<(String, String, u32)> {
    pages.iter().map(|(who, at, page)| ((*who).to_owned(), (*at).to_owned(), *page)).collect()
}

#[tokio::test]
async fn customers_pages_are_read_until_an_empty_or_repeated_one_at_each_location() {
    let server = VendorServer::start().await;
    let reader = reader(&server);
    let mut position = reader.selected(&selection(&[], &[CUSTOMER, "other"]));
    server.will_answer(200, shops(&[SHOP, OTHER_SHOP]));
    let mut turned = rows(300, 2);
    turned["data"].as_array_mut().unwrap().reverse();
    let mut read = Vec::new();
    // A short page is not the last; one with the same appointments is, and costs no customer.
    for (answer, is_new) in [
        (rows(0, 100), true),
        (rows(100, 50), true),
        (rows(150, 3), true),
        (rows(0, 0), false),
        (rows(0, 0), false),
        (rows(300, 2), true),
        (turned, false),
        (rows(300, 2), true),
        (rows(301, 2), true),
        (rows(0, 0), false),
    ] {
        server.will_answer(200, answer);
        if is_new {
            server.will_answer(200, listed(vec![customer(CUSTOMER)]));
        }
        let page = page_at(&reader, position.as_deref()).await.unwrap().value;
        position = page.next;
        read.push(page.bookings.len());
    }
    assert_eq!((position, read), (None, vec![100, 50, 3, 0, 0, 2, 0, 2, 2, 0]));
    let pages = expected(&[
        (CUSTOMER, SHOP, 1),
        (CUSTOMER, SHOP, 2),
        (CUSTOMER, SHOP, 3),
        (CUSTOMER, SHOP, 4),
        (CUSTOMER, OTHER_SHOP, 1),
        ("other", SHOP, 1),
        ("other", SHOP, 2),
        ("other", OTHER_SHOP, 1),
        ("other", OTHER_SHOP, 2),
        ("other", OTHER_SHOP, 3),
    ]);
    assert_eq!(pages_asked_for(&server), pages);
}

#[tokio::test]
async fn location_that_is_gone_between_two_pages_leaves_the_next_one_to_its_first_page() {
    let server = VendorServer::start().await;
    let first = reader(&server);
    let position = first.selected(&selection(&[], &[CUSTOMER]));
    server.will_answer(200, shops(&[SHOP, OTHER_SHOP])).will_answer(200, rows(0, 100));
    server.will_answer(200, listed(vec![customer(CUSTOMER)]));
    let position = page_at(&first, position.as_deref()).await.unwrap().value.next;
    // Another instance, which knows no list yet, and appointments that moved with the location.
    let second = reader(&server);
    server.will_answer(200, shops(&[OTHER_SHOP])).will_answer(200, rows(0, 100));
    server.will_answer(200, listed(vec![customer(CUSTOMER)]));
    let page = page_at(&second, position.as_deref()).await.unwrap().value;
    assert_eq!(page.bookings.len(), 100);
    server.will_answer(200, rows(0, 0));
    assert_eq!(page_at(&second, page.next.as_deref()).await.unwrap().value.next, None);
    let pages = [(CUSTOMER, SHOP, 1), (CUSTOMER, OTHER_SHOP, 1), (CUSTOMER, OTHER_SHOP, 2)];
    assert_eq!(pages_asked_for(&server), expected(&pages));
}

#[tokio::test]
async fn selection_of_ids_that_are_none_or_of_too_many_is_none() {
    let server = VendorServer::start().await;
    let reader = reader(&server);
    let many: Vec<_> = (0..101).map(|it| format!("a{it}")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    let long = "a".repeat(129);
    for (bookings, customers) in [
        (&[][..], &[][..]),
        (&many[..], &[]),
        (&many[..60], &many[..41]),
        (&["a b"], &[]),
        (&[""], &["ok"]),
        (&["ok"], &[long.as_str()]),
        (&["a/b?c"], &[]),
    ] {
        assert_eq!(reader.selected(&selection(bookings, customers)), None, "{bookings:?}");
    }
    let longest: Vec<_> = (0..100).map(|it| format!("{it:0>128}")).collect();
    let longest: Vec<_> = longest.iter().map(String::as_str).collect();
    let position = reader.selected(&selection(&longest[..50], &longest[50..])).unwrap();
    assert!(position.len() < 16 * 1024, "{} bytes", position.len());
    assert_ne!(reader.requests_of(Some(&position)), 0);
}

#[tokio::test]
async fn position_that_is_none_is_refused_unasked() {
    let server = VendorServer::start().await;
    let reader = reader(&server);
    let good = reader.selected(&selection(&[], &[CUSTOMER])).unwrap();
    let with = |change: &dyn Fn(&mut Value)| {
        let mut position: Value = serde_json::from_str(&good).unwrap();
        change(&mut position["selection"]);
        position.to_string()
    };
    let first = page_at(&reader, None).await.unwrap().value.next.unwrap();
    let mut later: Value = serde_json::from_str(&first).unwrap();
    later["window"]["at_ms"] = json!(window().until.as_millisecond());
    for text in [
        String::new(),
        "{}".to_owned(),
        "null".to_owned(),
        "[".repeat(30_000),
        later.to_string(),
        first.replace("\"v\":1", "\"v\":2"),
        with(&|it| it["v"] = json!(2)),
        with(&|it| it["page"] = json!(0)),
        with(&|it| it["page"] = json!(1_001)),
        with(&|it| it["customers"] = json!([])),
        with(&|it| it["customers"] = json!(["a b"])),
        with(&|it| it["location"] = json!("a#b")),
        with(&|it| it["before"] = json!("ab")),
        with(&|it| {
            it["page"] = json!(2);
            it["before"] = json!("a".repeat(65));
        }),
        with(&|it| it["bookings"] = json!(vec!["a"; 100])),
        with(&|it| it["email"] = json!("a@b.co")),
        with(&|it| {
            it["page"] = json!(2);
            it["bookings"] = json!(["a"]);
        }),
    ] {
        let refused = page_at(&reader, Some(&text)).await;
        assert_eq!(refused.unwrap_err(), PageError::BadPosition, "{text:.100}");
    }
    assert_eq!(server.lines(), [""; 0]);
}
