//! Vagaro on the local cloud beyond what holds for every booking system: deliveries in any order and
//! twice, deliveries that can't be believed yet, and an outage after which an export brings what nothing
//! else tells.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::account::assert_delivered;
use crate::support::backfill_tool::{Export, backfill};
use crate::support::booking_state::text_in;
use crate::support::booking_system::{Appointment, BookingSystem, noon};
use crate::support::booking_tenant::BookingTenant;
use crate::support::waiting::until;

const SYSTEM: BookingSystem = BookingSystem::Vagaro;
const SOON: Duration = Duration::from_secs(90);

async fn until_in_step(salon: &BookingTenant) {
    until("the table holds what Vagaro holds", SOON, async || salon.out_of_step().await.is_empty())
        .await;
}

#[tokio::test]
async fn deliveries_twice_and_in_any_order_end_in_the_last_state_of_each() {
    let salon = BookingTenant::new(SYSTEM).await;
    let ids: Vec<u64> = (1..=12).collect();
    let made: Vec<_> =
        ids.iter().map(|id| Appointment::at(*id, noon(2 + *id as i64 % 5))).collect();
    salon.seed(&made).await;
    let hold = json!({"hold": true});
    salon.act("reschedule", &ids, &SYSTEM.moved_to(noon(8)), hold.clone()).await;
    salon.act("edit", &ids[..8], &SYSTEM.edited().0, hold.clone()).await;
    salon.act("cancel", &ids[..4], &Value::Null, hold.clone()).await;
    salon.act("no_show", &ids[4..6], &Value::Null, hold).await;
    let told = salon.tenant.release(json!({"repeat": 2, "shuffle": true, "seed": 5})).await;
    assert_delivered(&told);
    until_in_step(&salon).await;
    let versions = salon.versions().await;
    salon.tenant.events(usize::try_from(versions).unwrap()).await;
    assert_eq!(salon.bookings().await.len(), 12);
    println!("26 changes told 52 times in any order: {versions} versions, as many events");
}

/// The webhook is made at Vagaro before its token is entered here: what is told meanwhile comes again.
#[tokio::test]
async fn delivery_before_the_token_is_entered_here_comes_again_and_counts() {
    let salon = BookingTenant::unconnected(SYSTEM, json!({})).await;
    let answer = salon.tenant.put_connection(salon.connection()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    salon.enter_at_provider(&answer.body["webhook_url"]).await;
    let made = SYSTEM.shaped(&Appointment::at(7, noon(3)));
    let done = salon.tenant.portal(json!({"act": "create", "properties": made})).await;
    assert_eq!(done["deliveries"][0]["first_status"], 503, "{done}");
    salon.enter_token().await;
    salon.until_version(7, 1).await;
    salon.assert_in_step().await;
}

/// Nobody takes Vagaro's calls for longer than it tries, and it has no list of what happened.
#[tokio::test]
async fn outage_that_outlasts_the_tries_ends_complete_by_the_export() {
    let salon = BookingTenant::new(SYSTEM).await;
    let before: Vec<_> = (1..=16).map(|id| Appointment::at(id, noon(3))).collect();
    salon.seed(&before).await;
    let ids: Vec<u64> = (1..=16).collect();
    assert_eq!(salon.import_first(&ids).await.imported, 16);
    // Every try of what happens now is lost, as it is in twenty minutes without us.
    salon.act("cancel", &ids[..5], &Value::Null, json!({"drop_percent": 100})).await;
    salon
        .act("reschedule", &ids[5..8], &SYSTEM.moved_to(noon(9)), json!({"drop_percent": 100}))
        .await;
    salon.act_untold("delete", 16, &Value::Null).await;
    let booked: Vec<_> = (101..=110)
        .map(|id| Appointment::at(id, noon(6)).of("Canaryada", "Canarylove", &salon.email("ada")))
        .collect();
    salon.seed(&booked).await;
    assert!(salon.out_of_step().await.len() >= 19, "fewer than what nobody was told of");

    let export = Export::of(&salon.export().await);
    let said = backfill(&salon.tenant, &export.0, &[]).await;
    assert_eq!(
        (said.code, &said.summary["imported"], &said.summary["updated"]),
        (0, &json!(10), &json!(8)),
        "{}",
        said.summary
    );
    // What was deleted is in no export; the sweep asks for it.
    assert_eq!(salon.sweep((5, 20)).await.drift, 1);
    salon.assert_in_step().await;
    let again = backfill(&salon.tenant, &export.0, &[]).await;
    assert_eq!(
        (&again.summary["imported"], &again.summary["updated"]),
        (&json!(0), &json!(0)),
        "{}",
        again.summary
    );
    // A change that comes behind it is news as ever.
    salon.act_told("cancel", 101, &Value::Null).await;
    let booking = salon.until_version(101, 2).await;
    assert_eq!(text_in(&booking, "status"), "cancelled");
}
