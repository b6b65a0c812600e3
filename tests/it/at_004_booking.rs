//! AT-004, bookings: a tenant connects, its appointments are imported once, changes come in by webhook,
//! and what no webhook told is found by the sweep. Everything is the real thing on the local cloud;
//! only the booking system is the sandbox. Each test is one function over [`BookingSystem`], run once for
//! each of them.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::account::now_ms;
use crate::support::booking_state::text_in;
use crate::support::booking_system::{
    Appointment, BookingSystem, Fate, for_every_booking_system, noon,
};
use crate::support::booking_tenant::BookingTenant;
use crate::support::function_process::{FunctionProcess, schedule_event};
use crate::support::sweep_slots::planned_id;
use crate::support::table::number_in;
use crate::support::tenant::PHONE;
use crate::support::waiting::until;

/// A missing appointment is looked for twice, half a minute apart.
const GONE_WITHIN: Duration = Duration::from_secs(120);
/// What a sweep reads here: all that these tests put into an account.
const SWEPT_DAYS: (i64, i64) = (10, 20);
const SIX: [u64; 6] = [101, 102, 103, 104, 105, 106];

/// Six appointments of five people: over, to come, called off, and not come to.
async fn seed_six(salon: &BookingTenant) {
    let (ada, eve) = (salon.email("ada"), salon.email("eve"));
    let by_phone = |it: Appointment| Appointment { phone: PHONE.0.to_owned(), ..it };
    let seeded = [
        Appointment::at(101, noon(-3)).of("Canaryada", "Canarylove", &ada),
        Appointment::at(102, noon(3)).of("Canaryada", "Canarylove", &ada.to_uppercase()),
        Appointment::at(103, noon(4)).of("Canaryeve", "Canaryhill", &eve),
        Appointment::at(104, noon(5)).of("Canarybob", "Canarywood", "").fated(Fate::Cancelled),
        Appointment::at(105, noon(-5)).of("Canarydan", "Canaryfield", "").fated(Fate::NoShow),
        by_phone(Appointment::at(106, noon(6)).of("Canaryflo", "Canarybrook", "")),
    ];
    salon.seed(&seeded).await;
}

/// What reads the six again, however often they were read.
fn reading_six(salon: &BookingTenant) -> Value {
    salon.reading(&SIX, (noon(-10), noon(20)))
}

async fn imported_six(system: BookingSystem) -> BookingTenant {
    let salon = BookingTenant::new(system).await;
    seed_six(&salon).await;
    let done = salon.import_first(&SIX).await;
    assert_eq!(done.counts(), (6, 0, 0), "{done:?}");
    salon.tenant.events(6).await;
    salon.tenant.count_anew();
    salon
}

fn detail_of(event: &Value) -> &Value {
    &event["detail"]
}

fn assert_imported(salon: &BookingTenant, events: &[Value]) {
    let ids: BTreeSet<_> = events.iter().map(|it| detail_of(it)["external_id"].as_str()).collect();
    assert_eq!(ids.len(), 6, "{events:#?}");
    for event in events {
        let detail = detail_of(event);
        assert_eq!(event["detail-type"], "booking.imported", "{event}");
        assert_eq!(detail["system"], salon.tenant.provider.system, "{event}");
        assert_eq!((&detail["version"], &detail["changed"]), (&json!(1), &json!([])), "{event}");
        assert!(detail["client_id"].is_string(), "{event}");
        let status = match detail["external_id"].as_str().unwrap() {
            "101" => ("completed", Value::Null),
            "104" => ("cancelled", json!("cancelled")),
            "105" => ("cancelled", json!("no_show")),
            _ => ("scheduled", Value::Null),
        };
        assert_eq!((detail["status"].as_str(), &detail["reason"]), (Some(status.0), &status.1));
    }
    let text = Value::from(events).to_string();
    for mark in ["canary", "Canary", "5552671"] {
        assert!(!text.contains(mark), "an event carries personal data: {text}");
    }
}

async fn first_import_stores_each_appointment_once_with_its_client_and_one_event(
    system: BookingSystem,
) {
    let salon = BookingTenant::unconnected(system, json!({})).await;
    salon.import(&reading_six(&salon)).await.problem(404, "connection_not_found");
    seed_six(&salon).await;
    salon.connect().await;
    salon.connect().await;
    salon.assert_told_once().await;
    salon.tenant.connection_event().await;
    salon.tenant.count_anew();

    let done = salon.import_first(&SIX).await;
    assert_eq!(done.counts(), (6, 0, 0), "{done:?}");
    salon.assert_in_step().await;
    assert_imported(&salon, &salon.tenant.events(6).await);
    assert_eq!(salon.clients().await.len(), 5, "two of them are one person's");
    let (first, second) = (salon.booking(101).await, salon.booking(102).await);
    assert_eq!(text_in(&first, "client_id"), text_in(&second, "client_id"));
    let rules = [&first, &second].map(|it| text_in(it, "client_rule"));
    assert_eq!(BTreeSet::from(rules), BTreeSet::from(["created", "email"]));
    assert_eq!(text_in(&salon.booking(106).await, "client_phone"), PHONE.1);
    let began_at = salon.watermark().await["began_at"]["S"].is_string();
    assert_eq!(began_at, system.lists_by_date(), "what reads named appointments proves no window");
    println!("{system:?}: first import, {done:?}: 6 bookings, 5 clients, 6 events");
}

async fn import_again_finds_duplicates_only_and_writes_nothing(system: BookingSystem) {
    let salon = imported_six(system).await;
    let done = salon.import_all(&reading_six(&salon)).await;
    assert_eq!(done.counts(), (0, 0, 6), "{done:?}");
    let calls = salon.tenant.aws_calls("dynamodb").await;
    assert_eq!(salon.booking_writes().await, 0, "{calls:?}");
    assert_eq!(salon.versions().await, 6);
    // A change behind it shows that the stream was read past whatever the import has done.
    salon.act_told("cancel", 102, &Value::Null).await;
    let event = salon.tenant.events(1).await.remove(0);
    assert_eq!(detail_of(&event)["external_id"], "102", "{event}");
    println!("{system:?}: import again, {done:?}: no write, no event");
}

async fn change_at_the_provider_becomes_one_version_and_one_event(system: BookingSystem) {
    let salon = imported_six(system).await;
    let moved = system.moved_to(noon(9));
    let (edited, changed_by_edit) = system.edited();
    for (act, id, properties, status, changed) in [
        ("reschedule", 102, &moved, ("scheduled", ""), &["end_time", "start_time"][..]),
        ("cancel", 103, &Value::Null, ("cancelled", "cancelled"), system.changed_by_cancel()),
        ("no_show", 101, &Value::Null, ("cancelled", "no_show"), &["reason", "status"]),
        ("edit", 106, &edited, ("scheduled", ""), changed_by_edit),
    ] {
        salon.act_told(act, id, properties).await;
        let booking = salon.until_version(id, 2).await;
        assert_eq!((text_in(&booking, "status"), text_in(&booking, "reason")), status, "{act}");
        let event = salon.tenant.events(1).await.remove(0);
        assert_eq!(event["detail-type"], "booking.updated", "{act}: {event}");
        let detail = detail_of(&event);
        let told = (&detail["external_id"], &detail["version"], &detail["changed"]);
        let expected = (&json!(id.to_string()), &json!(2), &json!(changed));
        assert_eq!(told, expected, "{act}: {event}");
        assert_eq!(detail["status"], status.0, "{act}: {event}");
    }
    salon.assert_in_step().await;
    println!("{system:?}: moved, cancelled, not come, edited: 4 versions, 4 events");
}

async fn webhook_that_comes_again_changes_nothing(system: BookingSystem) {
    let salon = imported_six(system).await;
    salon.act_told("cancel", 103, &Value::Null).await;
    salon.until_version(103, 2).await;
    salon.tenant.events(1).await;
    let again = json!({"system": salon.tenant.provider.system, "account": salon.tenant.account,
        "object_ids": ["103"], "repeat": 5});
    salon.tenant.cloud.sandbox_post("webhooks", again).await;
    // An appointment that was made since is a change, too, and its event comes behind.
    let made = system.shaped(&Appointment::at(107, noon(7)));
    let done = salon.tenant.portal(json!({"act": "create", "properties": made})).await;
    assert_eq!(done["ids"], json!(["107"]), "{done}");
    salon.until_version(107, 1).await;
    let event = salon.tenant.events(1).await.remove(0);
    assert_eq!(event["detail-type"], "booking.imported", "{event}");
    salon.until_version(103, 2).await;
}

async fn sweep_finds_what_a_dropped_webhook_missed_and_reports_it(system: BookingSystem) {
    let salon = imported_six(system).await;
    salon.act_untold("reschedule", 102, &system.moved_to(noon(12))).await;
    salon.act_untold("cancel", 103, &Value::Null).await;
    let (last, reason) = system.withdrawn();
    salon.act_untold(last, 106, &Value::Null).await;
    let swept = salon.sweep(SWEPT_DAYS).await;
    assert_eq!((swept.drift, swept.metric), (3, 3), "{swept:?}");
    salon.assert_in_step().await;
    let gone = salon.until_version(106, 2).await;
    assert_eq!((text_in(&gone, "status"), text_in(&gone, "reason")), ("cancelled", reason));
    for event in salon.tenant.events(3).await {
        assert_eq!(event["detail-type"], "booking.updated", "{event}");
    }
    salon.tenant.count_anew();
    let again = salon.sweep(SWEPT_DAYS).await;
    assert_eq!((again.drift, again.metric), (0, 0), "{again:?}");
    assert_eq!(salon.booking_writes().await, 0);
    println!("{system:?}: 3 changes untold: drift 3, then 0, 3 events");
}

/// The schedule's own event leads to the connections of its slot, whoever they are. Where nothing can be
/// listed, what is known is looked at.
async fn schedule_sweeps_the_connections_of_its_slot(system: BookingSystem) {
    let (id, planned_at) = planned_id(system);
    let salon = BookingTenant::named(id, system, json!({})).await;
    salon.connect().await;
    seed_six(&salon).await;
    let drift = if system.lists_by_date() {
        6
    } else {
        salon.import_first(&SIX).await;
        salon.act_untold("cancel", 103, &Value::Null).await;
        1
    };
    let since_ms = now_ms();
    let cloud = &salon.tenant.cloud;
    let function = FunctionProcess::start(cloud, "booking-sweep", "BookingSweepFunction").await;
    function.invoke(&schedule_event(planned_at), Duration::from_secs(30)).await.unwrap();
    let swept = salon.swept(since_ms, |_| true).await;
    assert_eq!((swept.drift, salon.bookings().await.len()), (drift, 6), "{swept:?}");
    salon.assert_in_step().await;
}

/// Deleted where that can be done, else declined. A provider that only gives a hint is looked at twice.
async fn appointment_that_is_withdrawn_is_marked_and_kept(system: BookingSystem) {
    let salon = imported_six(system).await;
    let (act, reason) = system.withdrawn();
    salon.act_told(act, 102, &Value::Null).await;
    let began = std::time::Instant::now();
    let booking = async || salon.booking(102).await;
    let took = until("the booking is marked", GONE_WITHIN, async || {
        number_in(&booking().await, "version") == 2
    })
    .await;
    // What is told in full may be looked at, too: so soon behind the import two clocks can't be compared.
    let is_looked_at_twice = began.elapsed() > Duration::from_secs(15);
    assert!(is_looked_at_twice || !system.confirms_deletions(), "one look at a hint: {took:?}");
    let told = booking().await;
    assert_eq!((text_in(&told, "status"), text_in(&told, "reason")), ("cancelled", reason));
    let event = salon.tenant.events(1).await.remove(0);
    assert_eq!(detail_of(&event)["reason"], reason, "{event}");
    assert_eq!(salon.bookings().await.len(), 6, "nothing is removed");
    println!("{system:?}: {act}: marked after {took:.0?}");
}

for_every_booking_system! {
    first_import_stores_each_appointment_once_with_its_client_and_one_event;
    import_again_finds_duplicates_only_and_writes_nothing;
    change_at_the_provider_becomes_one_version_and_one_event;
    webhook_that_comes_again_changes_nothing;
    sweep_finds_what_a_dropped_webhook_missed_and_reports_it;
    schedule_sweeps_the_connections_of_its_slot;
    appointment_that_is_withdrawn_is_marked_and_kept;
}
