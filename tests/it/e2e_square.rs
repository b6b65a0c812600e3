//! Square on the local cloud beyond what holds for every booking system: lists that change while they
//! are read, the edges of what one list may span, many bookings, a token that ends meanwhile, versions
//! that go backwards, and accounts that let us see too little.

use serde_json::{Value, json};

use jiff::{SignedDuration, Timestamp};

use crate::support::booking_state::text_in;
use crate::support::booking_system::{Appointment, BookingSystem, noon};
use crate::support::booking_tenant::BookingTenant;

const SYSTEM: BookingSystem = BookingSystem::Square;
/// The longest span of one list.
const SPAN: SignedDuration = SignedDuration::from_hours(31 * 24);
const ALL_SCOPES: [&str; 5] = [
    "APPOINTMENTS_READ",
    "APPOINTMENTS_ALL_READ",
    "APPOINTMENTS_BUSINESS_SETTINGS_READ",
    "CUSTOMERS_READ",
    "MERCHANT_PROFILE_READ",
];

fn window(from: Timestamp, until: Timestamp) -> Value {
    json!({"since": from.to_string(), "until": until.to_string()})
}

fn date(days: i64) -> String {
    noon(days).to_string().split('T').next().unwrap().to_owned()
}

/// A hundred days of a hundred bookings. While they are imported the seller moves two, each over the
/// edge of a span, and the token ends.
#[tokio::test]
async fn import_of_10_000_bookings_finds_each_once_while_they_move_and_the_token_ends() {
    let salon = BookingTenant::new(SYSTEM).await;
    let order = json!({"from_date": date(-60), "days": 100, "per_day": 100, "clients": 400,
        "first_id": 1, "canceled_percent": 8, "no_show_percent": 2});
    assert_eq!(salon.generate(order).await, 10_000);
    let mut asked = window(noon(-61), noon(45));
    let (mut imported, mut calls) = (0, 0);
    let token_calls = salon.tenant.limits().await["oauth_token_calls"].as_u64().unwrap();
    loop {
        let answer = salon.import(&asked).await;
        if matches!(answer.status, 429 | 503) {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            continue;
        }
        assert_eq!(answer.status, 200, "after {imported}: {answer:?}");
        calls += 1;
        imported += answer.body["imported"].as_u64().unwrap();
        if calls == 1 {
            assert!(!answer.body["next_cursor"].is_null(), "it is done in one call");
            // One that was read goes where nothing was read yet, another one the other way.
            salon.act_told("reschedule", 17, &SYSTEM.moved_to(noon(41))).await;
            salon.act_told("reschedule", 9_917, &SYSTEM.moved_to(noon(-59))).await;
            let end = json!({"system": "square", "account": salon.tenant.account,
                "act": "expire_access_tokens"});
            salon.tenant.cloud.sandbox_post("oauth", end).await;
        }
        asked["cursor"] = answer.body["next_cursor"].clone();
        if asked["cursor"].is_null() {
            break;
        }
    }
    salon.until_version(9_917, 1).await;
    salon.assert_in_step().await;
    assert_eq!(salon.bookings().await.len(), 10_000);
    let refreshed = salon.tenant.limits().await["oauth_token_calls"].as_u64().unwrap();
    assert_eq!(refreshed, token_calls + 1, "one refresh for the token that ended");
    assert_eq!(salon.tenant.limits().await["over_limit"], 0, "the provider's limit");
    let provider_calls = salon.tenant.provider_calls_total().await;
    println!(
        "10,000 bookings: {calls} calls, {imported} imported, {provider_calls} provider calls"
    );
    assert!(provider_calls < 260, "{provider_calls} calls for 100 pages and their customers");
}

#[tokio::test]
async fn booking_that_moves_between_two_pages_is_found_by_the_import_or_by_the_sweep() {
    // The worse kind of cursor: what comes or goes shifts all behind it.
    let settings = json!({"square": {"cursor_kind": "row_count"}});
    let salon = BookingTenant::with(SYSTEM, settings).await;
    let order = json!({"from_date": date(2), "days": 5, "per_day": 50, "first_id": 1});
    assert_eq!(salon.generate(order).await, 250);
    // Behind the first page: from the list's end to its beginning.
    let mut moved = SYSTEM.moved_to(noon(1));
    moved["after_pages"] = json!(1);
    salon.act_untold("reschedule", 249, &moved).await;
    let done = salon.import_all(&window(noon(0), noon(20))).await;
    assert!((248..=250).contains(&done.imported), "{done:?}");
    let swept = salon.sweep((5, 20)).await;
    assert_eq!(done.imported + swept.drift, 250, "{done:?} {swept:?}");
    salon.assert_in_step().await;
    println!("moved between two pages: {done:?}, then {swept:?}");
}

#[tokio::test]
async fn booking_on_the_edge_of_a_span_is_found_once() {
    let salon = BookingTenant::new(SYSTEM).await;
    let from = noon(-40);
    let second = SignedDuration::from_secs(1);
    let edges = [from, from + SPAN - second, from + SPAN, from + SPAN + second, from + SPAN * 2];
    let at = |(id, starts_at): (u64, Timestamp)| Appointment::at(id, starts_at);
    let outside = [at((8, from - second)), at((9, from + SPAN * 2 + second))];
    let inside: Vec<_> = (1..).zip(edges).map(at).collect();
    salon.seed(&inside).await;
    salon.seed(&outside).await;
    let asked = window(from, from + SPAN * 2 + second);
    let done = salon.import_all(&asked).await;
    assert_eq!(done.counts(), (5, 0, 0), "{done:?}");
    assert_eq!(salon.import_all(&asked).await.counts(), (0, 0, 5));
}

#[tokio::test]
async fn older_version_in_a_list_changes_nothing() {
    let salon = BookingTenant::new(SYSTEM).await;
    salon.seed(&[Appointment::at(1, noon(2)), Appointment::at(2, noon(3))]).await;
    let asked = window(noon(0), noon(20));
    assert_eq!(salon.import_all(&asked).await.imported, 2);
    salon.tenant.events(2).await;
    salon.act_told("cancel", 1, &json!({"stale_reads": 2})).await;
    salon.until_version(1, 2).await;
    salon.tenant.events(1).await;
    for _stale in 0..3 {
        let done = salon.import_all(&asked).await;
        assert_eq!((done.imported, done.updated), (0, 0), "{done:?}");
    }
    let booking = salon.until_version(1, 2).await;
    assert_eq!(text_in(&booking, "status"), "cancelled", "{booking}");
    salon.assert_in_step().await;
}

#[tokio::test]
async fn gaps_of_scopes_and_plan_are_told_and_nothing_is_made_up_for_them() {
    for (scopes, square, gaps) in [
        (&ALL_SCOPES[..], json!({}), json!(null)),
        (
            &["APPOINTMENTS_READ", "MERCHANT_PROFILE_READ"],
            json!({}),
            json!(["scope:APPOINTMENTS_ALL_READ", "scope:CUSTOMERS_READ"]),
        ),
        (&ALL_SCOPES, json!({"seller_level": false}), json!(["plan:support_seller_level_writes"])),
    ] {
        let settings = json!({"scopes": scopes, "square": square});
        let salon = BookingTenant::with(SYSTEM, settings).await;
        assert_eq!(salon.tenant.health().await["gaps"], gaps, "{scopes:?} {square}");
    }
    let refused = json!({"square": {"seller_level": false, "without_plan": "refused"}});
    let salon = BookingTenant::with(SYSTEM, refused).await;
    let answer = salon.import(&json!({})).await;
    answer.problem(422, "provider_missing_scope");
}

/// A seller whose plan ends shows us next to nothing. That is no reason to take bookings for deleted.
#[tokio::test]
async fn bookings_stay_as_they_are_when_the_plan_that_shows_them_ends() {
    let salon = BookingTenant::new(SYSTEM).await;
    let seeded: Vec<_> = (1..=30).map(|id| Appointment::at(id, noon(2))).collect();
    salon.seed(&seeded).await;
    assert_eq!(salon.import_all(&window(noon(0), noon(20))).await.imported, 30);
    salon.register(json!({"square": {"seller_level": false}})).await;
    assert_eq!(salon.sweep_outcome((5, 20)).await, "refused");
    assert_eq!(salon.versions().await, 30, "no booking has a second version");
    salon.register(json!({})).await;
    assert_eq!(salon.sweep((5, 20)).await.drift, 0);
    salon.assert_in_step().await;
}
