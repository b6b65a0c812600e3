//! AT-004, bookings: a tenant connects, its appointments are imported once, changes come in by webhook,
//! and what no webhook told is found by the sweep. Everything is the real thing on the local cloud;
//! only the booking system is the sandbox. Each test goes over all booking systems.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use sync_domain::model::{System, TenantId};
use sync_domain::ports::sweep_slot;
use sync_domain::usecase::sweeping::slot_at;

use crate::support::account::now_ms;
use crate::support::booking_state::text_in;
use crate::support::booking_system::{Appointment, BookingSystem, Fate, noon};
use crate::support::booking_tenant::BookingTenant;
use crate::support::function_process::{FunctionProcess, schedule_event};
use crate::support::table::number_in;
use crate::support::tenant::{PHONE, new_id};
use crate::support::waiting::until;

/// A missing appointment is looked for twice, half a minute apart.
const GONE_WITHIN: Duration = Duration::from_secs(120);
/// What a sweep reads here: all that these tests put into an account.
const SWEPT_DAYS: (i64, i64) = (10, 20);

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

/// The window that the six are in, so that a repeat reads all of them again.
fn window() -> Value {
    json!({"since": noon(-10).to_string(), "until": noon(20).to_string()})
}

async fn imported_six(system: BookingSystem) -> BookingTenant {
    let salon = BookingTenant::new(system).await;
    seed_six(&salon).await;
    let done = salon.import_all(&json!({})).await;
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

#[tokio::test]
async fn at_004_first_import_stores_each_appointment_once_with_its_client_and_one_event() {
    for system in BookingSystem::ALL {
        let salon = BookingTenant::unconnected(system, json!({})).await;
        salon.import(&json!({})).await.problem(404, "connection_not_found");
        seed_six(&salon).await;
        salon.connect().await;
        assert_eq!(salon.hooks().await.len(), 1, "one webhook is registered");
        salon.connect().await;
        assert_eq!(salon.hooks().await.len(), 1, "and one it stays");
        salon.tenant.connection_event().await;
        salon.tenant.count_anew();

        let done = salon.import_all(&json!({})).await;
        assert_eq!(done.counts(), (6, 0, 0), "{done:?}");
        salon.assert_in_step().await;
        assert_imported(&salon, &salon.tenant.events(6).await);
        assert_eq!(salon.clients().await.len(), 5, "two of them are one person's");
        let (first, second) = (salon.booking(101).await, salon.booking(102).await);
        assert_eq!(text_in(&first, "client_id"), text_in(&second, "client_id"));
        let rules = [&first, &second].map(|it| text_in(it, "client_rule"));
        assert_eq!(BTreeSet::from(rules), BTreeSet::from(["created", "email"]));
        assert_eq!(text_in(&salon.booking(106).await, "client_phone"), PHONE.1);
        assert!(salon.watermark().await["began_at"]["S"].is_string());
        println!("{system:?}: first import, {done:?}: 6 bookings, 5 clients, 6 events");
    }
}

#[tokio::test]
async fn at_004_import_again_finds_duplicates_only_and_writes_nothing() {
    for system in BookingSystem::ALL {
        let salon = imported_six(system).await;
        let done = salon.import_all(&window()).await;
        assert_eq!(done.counts(), (0, 0, 6), "{done:?}");
        assert_eq!(
            salon.booking_writes().await,
            0,
            "{:?}",
            salon.tenant.aws_calls("dynamodb").await
        );
        assert_eq!(salon.versions().await, 6);
        // A change behind it shows that the stream was read past whatever the import has done.
        salon.act_told("cancel", 102, &Value::Null).await;
        let event = salon.tenant.events(1).await.remove(0);
        assert_eq!(detail_of(&event)["external_id"], "102", "{event}");
        println!("{system:?}: import again, {done:?}: no write, no event");
    }
}

#[tokio::test]
async fn at_004_change_at_the_provider_becomes_one_version_and_one_event() {
    for system in BookingSystem::ALL {
        let salon = imported_six(system).await;
        let moved = system.moved_to(noon(9));
        for (act, id, properties, status, changed) in [
            ("reschedule", 102, &moved, ("scheduled", ""), &["end_time", "start_time"][..]),
            ("cancel", 103, &Value::Null, ("cancelled", "cancelled"), &["reason", "status"]),
            ("no_show", 101, &Value::Null, ("cancelled", "no_show"), &["reason", "status"]),
            ("edit", 106, &system.renamed("Canarynew"), ("scheduled", ""), &["first_name"]),
        ] {
            salon.act_told(act, id, properties).await;
            let booking = salon.until_version(id, 2).await;
            assert_eq!((text_in(&booking, "status"), text_in(&booking, "reason")), status, "{act}");
            let event = salon.tenant.events(1).await.remove(0);
            assert_eq!(event["detail-type"], "booking.updated", "{act}: {event}");
            let detail = detail_of(&event);
            let told = (&detail["external_id"], &detail["version"], &detail["changed"]);
            assert_eq!(
                told,
                (&json!(id.to_string()), &json!(2), &json!(changed)),
                "{act}: {event}"
            );
            assert_eq!(detail["status"], status.0, "{act}: {event}");
        }
        salon.assert_in_step().await;
        println!("{system:?}: moved, cancelled, not come, renamed: 4 versions, 4 events");
    }
}

#[tokio::test]
async fn at_004_webhook_that_comes_again_changes_nothing() {
    for system in BookingSystem::ALL {
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
}

#[tokio::test]
async fn at_004_sweep_finds_what_a_dropped_webhook_missed_and_reports_it() {
    for system in BookingSystem::ALL {
        let salon = imported_six(system).await;
        salon.act_untold("reschedule", 102, &system.moved_to(noon(12))).await;
        salon.act_untold("cancel", 103, &Value::Null).await;
        salon.act_untold("delete", 106, &Value::Null).await;
        let swept = salon.sweep(SWEPT_DAYS).await;
        assert_eq!((swept.drift, swept.metric), (3, 3), "{swept:?}");
        salon.assert_in_step().await;
        let gone = salon.until_version(106, 2).await;
        assert_eq!((text_in(&gone, "status"), text_in(&gone, "reason")), ("cancelled", "deleted"));
        for event in salon.tenant.events(3).await {
            assert_eq!(event["detail-type"], "booking.updated", "{event}");
        }
        salon.tenant.count_anew();
        let again = salon.sweep(SWEPT_DAYS).await;
        assert_eq!((again.drift, again.metric), (0, 0), "{again:?}");
        assert_eq!(salon.booking_writes().await, 0);
        println!("{system:?}: 3 changes untold: drift 3, then 0, 3 events");
    }
}

/// The schedule's own event leads to the connections of its slot, whoever they are.
#[tokio::test]
async fn at_004_schedule_sweeps_the_connections_of_the_present_slot() {
    for system in BookingSystem::ALL {
        let known = System::parse(system.provider().system).unwrap();
        let now = Timestamp::now();
        let is_swept_now = |id: &String| {
            let tenant = TenantId::parse(id).unwrap();
            sweep_slot(&tenant, known) == slot_at(now)
        };
        let id = std::iter::repeat_with(new_id).find(is_swept_now).unwrap();
        let salon = BookingTenant::named(id, system, json!({})).await;
        salon.connect().await;
        seed_six(&salon).await;
        let since_ms = now_ms();
        let function =
            FunctionProcess::start(&salon.tenant.cloud, "booking-sweep", "BookingSweepFunction")
                .await;
        let event = schedule_event(now);
        function.invoke(&event, Duration::from_secs(30)).await.unwrap();
        let swept = salon.swept(since_ms, |_| true).await;
        assert_eq!((swept.drift, salon.bookings().await.len()), (6, 6), "{swept:?}");
    }
}

#[tokio::test]
async fn at_004_deleted_appointment_is_confirmed_before_it_is_marked() {
    for system in BookingSystem::ALL {
        let salon = imported_six(system).await;
        salon.act_told("delete", 102, &Value::Null).await;
        let began = std::time::Instant::now();
        let booking = async || salon.booking(102).await;
        let took = until("the booking is marked", GONE_WITHIN, async || {
            number_in(&booking().await, "version") == 2
        })
        .await;
        assert!(began.elapsed() > Duration::from_secs(15), "one look is not enough: {took:?}");
        let told = booking().await;
        assert_eq!((text_in(&told, "status"), text_in(&told, "reason")), ("cancelled", "deleted"));
        let event = salon.tenant.events(1).await.remove(0);
        assert_eq!(detail_of(&event)["reason"], "deleted", "{event}");
        assert_eq!(salon.bookings().await.len(), 6, "nothing is removed");
        println!("{system:?}: a deleted appointment is marked after {took:.0?}");
    }
}
