//! An import finds every appointment once: full days, classes, many calls, callers at the same time;
//! and what it can't show to be complete fails loudly.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::future::{join, join_all};
use serde_json::{Value, json};

use crate::support::booking_shapes::calendars;
use crate::support::booking_state::text_in;
use crate::support::booking_system::{Appointment, BookingSystem, noon};
use crate::support::booking_tenant::BookingTenant;
use crate::support::function_process::{FunctionProcess, body_of, import_event};
use crate::support::table::number_in;

const SYSTEM: BookingSystem = BookingSystem::Acuity;
/// So little of a call's time is left for reading.
const HURRY: Duration = Duration::from_secs(11);
const EVENTS_WITHIN: Duration = Duration::from_secs(120);
const HAIRCUT: u64 = 11;
const YOGA: u64 = 12;

/// Asserts that every appointment of the account is stored, once and in its first version.
async fn assert_each_once(salon: &BookingTenant, count: usize) {
    let bookings = salon.bookings().await;
    let mut versions: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for booking in &bookings {
        let id = text_in(booking, "external_id");
        versions.entry(id).or_default().push(number_in(booking, "version"));
    }
    assert_eq!(versions.len(), count, "appointments found");
    let odd: Vec<_> = versions.iter().filter(|(_, versions)| **versions != [1]).collect();
    assert!(odd.is_empty(), "stored more than once: {odd:?}");
    salon.assert_in_step().await;
}

/// Seats of classes: one row for each attendee, all at the same moment.
fn class(first_id: u64, seats: u64, calendar: u64, hour: i64) -> Vec<Appointment> {
    let starts_at = noon(5) + jiff::SignedDuration::from_hours(hour);
    let seat = |seat: u64| Appointment {
        calendar: Some(calendar),
        service: Some(YOGA),
        class: Some(first_id),
        ..Appointment::at(first_id + seat, starts_at).of(
            &format!("Canary{}", first_id + seat),
            "Seat",
            &format!("canary-{}@example.com", first_id + seat),
        )
    };
    (0..seats).map(seat).collect()
}

/// Half an hour each, one after the other.
fn row(first_id: u64, count: u64, calendar: u64) -> Vec<Appointment> {
    let one = |place: u64| {
        let minutes = i64::try_from(place).unwrap() * 5;
        let starts_at = noon(5) + jiff::SignedDuration::from_mins(minutes - 240);
        let id = first_id + place;
        let (name, email) = (format!("Canary{id}"), format!("canary-{id}@example.com"));
        Appointment {
            calendar: Some(calendar),
            service: Some(HAIRCUT),
            minutes: 5,
            ..Appointment::at(id, starts_at).of(&name, "Row", &email)
        }
    };
    (0..count).map(one).collect()
}

/// 250 on one day: one calendar has more than a list gives, and only its types tell it apart.
fn full_day() -> Vec<Appointment> {
    let classes =
        (0..3).flat_map(|place: u8| class(2_000 + u64::from(place) * 100, 25, 1, i64::from(place)));
    let rows = [row(1_000, 60, 1), row(3_000, 70, 2), row(4_000, 45, 3)];
    classes.chain(rows.into_iter().flatten()).collect()
}

#[tokio::test]
async fn import_of_250_appointments_of_one_day_finds_each_once() {
    for settings in [json!({"max_rows": 100}), json!({"max_rows": 100, "equal_starts": "shuffled"})]
    {
        let salon = BookingTenant::with(SYSTEM, settings.clone()).await;
        let day = full_day();
        assert_eq!(day.len(), 250);
        let calendars: BTreeSet<_> = day.iter().map(|it| it.calendar).collect();
        assert_eq!(calendars.len(), 3);
        salon.seed(&day).await;
        let done = salon.import_all(&json!({})).await;
        let calls = salon.tenant.provider_calls_total().await;
        println!("{settings}: {done:?}, {calls} calls");
        assert_eq!(done.counts(), (250, 0, 0), "{settings}: {done:?}");
        assert_each_once(&salon, 250).await;
        salon.tenant.events_within(250, EVENTS_WITHIN).await;
    }
}

/// The rows of a calendar and of a type that are listed no more are there all the same.
#[tokio::test]
async fn import_of_a_full_day_with_a_deleted_calendar_finds_all_or_fails_loudly() {
    let mut calendars = calendars();
    calendars[2]["deleted"] = json!(true);
    let settings = json!({"max_rows": 100, "calendars": calendars});
    let salon = BookingTenant::with(SYSTEM, settings).await;
    salon.seed(&full_day()).await;
    match salon.import_to_end(&json!({})).await {
        Ok(done) => {
            println!("a deleted calendar: {done:?}");
            assert_each_once(&salon, 250).await;
        }
        Err(answer) => {
            answer.problem(502, "import_incomplete");
            assert_eq!(salon.watermark().await, Value::Null);
        }
    }
}

/// 130 seats of one class: however it is asked, no list of a hundred shows that there are no more.
#[tokio::test]
async fn import_of_a_day_that_stays_saturated_fails_loudly_and_leaves_the_watermark() {
    let salon = BookingTenant::with(SYSTEM, json!({"max_rows": 100})).await;
    salon.seed(&row(100, 3, 2)).await;
    salon.import_all(&json!({})).await;
    let before = salon.watermark().await;
    assert!(before["began_at"]["S"].is_string(), "{before}");
    salon.seed(&class(5_000, 130, 1, 2)).await;
    let refused = salon.import_to_end(&json!({})).await.unwrap_err();
    refused.problem(502, "import_incomplete");
    let day = noon(5).to_string();
    let detail = refused.body["detail"].as_str().unwrap_or_default();
    assert!(detail.contains(day.split('T').next().unwrap()), "which day? {refused:?}");
    assert_eq!(salon.watermark().await, before, "the watermark moved");
    println!("a class of 130 seats: {}", refused.body);
}

/// A provider that takes its time, and callers who have little.
async fn with_slow_provider(days: i64) -> (BookingTenant, FunctionProcess) {
    let salon = BookingTenant::new(SYSTEM).await;
    let from = noon(1).to_string().split('T').next().unwrap().to_owned();
    salon.generate(json!({"from_date": from, "days": days, "per_day": 4, "clients": 20})).await;
    let late = json!({"fault": "delay", "delay_ms": 1_000, "times": 1_000,
        "match": {"path_prefix": SYSTEM.list_path()}});
    salon.tenant.fault(late).await;
    let cloud = &salon.tenant.cloud;
    let function = FunctionProcess::start(cloud, "booking-import", "BookingImportFunction").await;
    (salon, function)
}

/// One call with time for a page or two.
async fn hurried(salon: &BookingTenant, function: &FunctionProcess, asked: &Value) -> Value {
    let system = salon.tenant.provider.system;
    let event = import_event(&salon.tenant.id, system, &salon.import_body(asked));
    let answer = function.invoke(&event, HURRY).await.unwrap();
    assert_eq!(answer["statusCode"], 200, "{answer}");
    body_of(&answer)
}

#[tokio::test]
async fn import_over_many_calls_goes_on_where_the_cursor_says() {
    let (salon, function) = with_slow_provider(60).await;
    let mut asked = json!({"since": noon(0).to_string(), "until": noon(380).to_string()});
    let (mut imported, mut calls) = (Vec::new(), 0);
    while calls < 50 {
        let body = hurried(&salon, &function, &asked).await;
        calls += 1;
        imported.push(body["imported"].as_u64().unwrap());
        assert_eq!((&body["updated"], &body["skipped_duplicates"]), (&json!(0), &json!(0)));
        asked["cursor"] = body["next_cursor"].clone();
        if asked["cursor"].is_null() {
            break;
        }
    }
    println!("{calls} calls in a hurry: {imported:?}");
    assert!(calls > 2, "{imported:?}");
    assert_eq!(imported.iter().sum::<u64>(), 240, "{imported:?}");
    assert_each_once(&salon, 240).await;
    assert_eq!(salon.clients().await.len(), 20);
    salon.tenant.events_within(240, EVENTS_WITHIN).await;
}

/// Names that nobody could take for one another.
const PEOPLE: [(&str, &str); 8] = [
    ("Canaryada", "Lovelace"),
    ("Bjarne", "Canarystrup"),
    ("Canarychen", "Wu"),
    ("Dolores", "Canaryhuerta"),
    ("Canaryemeka", "Okafor"),
    ("Fatima", "Canaryhaddad"),
    ("Canarygrace", "Hopper"),
    ("Hiroshi", "Canarytanaka"),
];

/// Twelve appointments of each. Every third one is without an email: then the name alone tells.
fn of_few_people() -> Vec<Appointment> {
    let one = |id: u64| {
        let person = usize::try_from(id % 8).unwrap();
        let (first, last) = PEOPLE[person];
        let email =
            if (id / 8).is_multiple_of(3) { "" } else { &format!("canary-{person}@example.com") };
        let day = i64::try_from(id % 20).unwrap();
        Appointment::at(id, noon(day + 1)).of(first, last, email)
    };
    (0..96).map(|id| one(600 + id)).collect()
}

/// Several callers import the same at once: a person has one client, an appointment one version.
#[tokio::test]
async fn imports_at_once_make_one_client_for_each_person_and_store_each_booking_once() {
    let salon = BookingTenant::new(SYSTEM).await;
    salon.seed(&of_few_people()).await;
    let nothing = json!({});
    let done = join_all((0..4).map(|_| salon.import_patiently(&nothing))).await;
    println!("4 imports at once: {done:?}");
    assert_eq!(done.iter().map(|it| it.imported).sum::<u64>(), 96, "{done:?}");
    assert_eq!(done.iter().map(|it| it.updated).sum::<u64>(), 0, "{done:?}");
    assert_each_once(&salon, 96).await;
    let clients = salon.clients().await;
    let names: BTreeSet<_> = clients.iter().map(|it| text_in(it, "last_name")).collect();
    assert_eq!((clients.len(), names.len()), (PEOPLE.len(), PEOPLE.len()), "{clients:#?}");
    salon.tenant.events_within(96, EVENTS_WITHIN).await;
}

#[tokio::test]
async fn import_after_the_first_begins_where_that_left_off() {
    let salon = BookingTenant::new(SYSTEM).await;
    salon.seed(&[Appointment::at(1, noon(-80)), Appointment::at(2, noon(-1))]).await;
    assert_eq!(salon.import_all(&json!({})).await.counts(), (2, 0, 0));
    salon.seed(&[Appointment::at(3, noon(-80)), Appointment::at(4, noon(1))]).await;
    let later = salon.import_all(&json!({})).await;
    assert_eq!(later.counts(), (1, 0, 1), "from two days before the last one's beginning");
    let asked = salon.import_all(&json!({"since": noon(-85).to_string()})).await;
    assert_eq!(asked.counts(), (1, 0, 3));
    assert_each_once(&salon, 4).await;
}

#[tokio::test]
async fn import_with_an_idempotency_key_gives_the_stored_answer_again() {
    let salon = BookingTenant::new(SYSTEM).await;
    salon.seed(&row(100, 5, 1)).await;
    let keyed = json!({"idempotency_key": "k1"});
    let first = salon.import(&keyed).await;
    assert_eq!(first.body["imported"], 5, "{first:?}");
    salon.tenant.count_anew();
    let again = salon.import(&keyed).await;
    assert_eq!((again.status, &again.body), (200, &first.body));
    assert_eq!(salon.tenant.provider_calls_total().await, 0);
    let other = json!({"idempotency_key": "k1", "since": noon(-3).to_string()});
    salon.import(&other).await.problem(422, "idempotency_key_reused");
}

/// A call of another tenant, system or window, and a cursor that is not as it was given out.
#[tokio::test]
async fn cursor_that_is_foreign_or_altered_is_refused() {
    let ((salon, function), other) = join(with_slow_provider(60), BookingTenant::new(SYSTEM)).await;
    let window = json!({"since": noon(0).to_string(), "until": noon(380).to_string()});
    let first = hurried(&salon, &function, &window).await;
    let cursor = first["next_cursor"].as_str().unwrap_or_else(|| panic!("{first}"));
    salon.tenant.end_faults().await;

    let of_cursor = |text: &str| json!({ "cursor": text });
    let refused = other.import(&of_cursor(cursor)).await;
    assert_eq!(refused.problem(422, "invalid_cursor"), Some("cursor"), "another tenant's");
    let altered = |place: usize| {
        let mut text = cursor.to_owned().into_bytes();
        text[place] = if text[place] == b'A' { b'B' } else { b'A' };
        String::from_utf8(text).unwrap()
    };
    let (middle, cut) = (cursor.len() / 2, cursor.len() - 4);
    let forged = [
        altered(0),
        altered(middle),
        altered(cursor.len() - 5),
        cursor.get(..cut).unwrap().to_owned(),
        format!("{cursor}AAAA"),
        format!("{cursor}="),
        String::new(),
        "canary@example.com".to_owned(),
        "A".repeat(200_000),
    ];
    for text in forged {
        let answer = salon.import(&of_cursor(&text)).await;
        let shown = text.get(..text.len().min(40)).unwrap();
        assert_eq!(answer.status, 422, "{shown}: {answer:?}");
        assert_eq!(answer.body["field"], "cursor", "{shown}: {answer:?}");
    }
    let window_of_another = json!({"cursor": cursor, "since": noon(1).to_string()});
    let refused = salon.import(&window_of_another).await;
    assert_eq!(refused.problem(422, "invalid_cursor"), Some("cursor"), "another window's");
    assert_eq!(other.bookings().await, Vec::<Value>::new());

    let mut rest = window;
    rest["cursor"] = json!(cursor);
    let done = salon.import_all(&rest).await;
    assert_eq!(first["imported"].as_u64().unwrap() + done.imported, 240, "{done:?}");
}
