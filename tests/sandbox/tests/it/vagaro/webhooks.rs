//! Webhooks as they are entered, ordered deliveries, retries and their end.

use serde_json::{Value, json};

use super::{ACCOUNT, SECOND, Vagaro};
use crate::harness::{Receiver, sleep_ms};

fn bodies(receiver: &Receiver) -> Vec<Value> {
    let received = receiver.received();
    received.iter().map(|one| serde_json::from_slice(&one.body).unwrap()).collect()
}

async fn with_url(url: &str) -> Vagaro {
    let vagaro = Vagaro::start(&json!({ "webhook_url": url, "webhook_token": "tok" })).await;
    vagaro.seed(json!([{ "appointmentId": 101, "startTime": "2026-05-12T14:00:00Z" }])).await;
    vagaro
}

#[tokio::test]
async fn ordered_events_repeat_drop_and_take_fields() {
    let (receiver, url) = Receiver::start(&[]).await;
    let vagaro = with_url(&url).await;
    let order = |extra: Value| {
        let mut order = json!({ "object_ids": [101] });
        order.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        order
    };
    vagaro.control("webhooks", &order(json!({ "repeat": 3 }))).await;
    let first = bodies(&receiver);
    assert_eq!(first.len(), 3);
    assert_eq!((&first[0], &first[0]["action"]), (&first[1], &json!("updated")));
    assert_eq!(first[0]["payload"], vagaro.appointment("101").await);
    let told = vagaro.control("webhooks", &order(json!({ "drop_percent": 100 }))).await;
    assert_eq!((&told["dropped_events"], receiver.received().len()), (&json!(1), 3));
    let fields = json!({ "createdDate": null, "createdAt": "2026-05-01T00:00:00Z",
        "bookingStatus": "PersonalOff", "customerId": null });
    let more = json!({ "event": "created", "fields": fields, "secret": "wrong" });
    vagaro.control("webhooks", &order(more)).await;
    let last = bodies(&receiver).remove(3);
    assert_eq!(receiver.received()[3].headers["x-vagaro-signature"], "wrong");
    assert_eq!(
        (&last["action"], &last["createdAt"]),
        (&json!("created"), &json!("2026-05-01T00:00:00Z"))
    );
    assert!(last.get("createdDate").is_none() && last["payload"].get("customerId").is_none());
    assert_eq!(last["payload"]["bookingStatus"], "PersonalOff");
    vagaro
        .control("webhooks", &order(json!({ "secret": "", "event": "transaction.created" })))
        .await;
    assert!(receiver.received()[4].headers.get("x-vagaro-signature").is_none());
    assert_eq!(bodies(&receiver)[4]["payload"], json!({ "id": "101", "businessId": ACCOUNT }));
    for refused in [
        json!({ "event": "appointment.exploded" }),
        json!({ "type": "contact" }),
        json!({ "property_name": "amount" }),
    ] {
        assert_eq!(
            vagaro.try_control("webhooks", &order(refused.clone())).await.0,
            400,
            "{refused}"
        );
    }
}

#[tokio::test]
async fn delivery_is_final_after_the_answers_that_say_so_and_is_remembered_as_lost() {
    let finals = [400, 401, 403, 404, 406];
    let (receiver, url) = Receiver::start(&finals).await;
    let vagaro = with_url(&url).await;
    for status in finals {
        let told = vagaro.control("webhooks", &json!({ "object_ids": [101] })).await;
        assert_eq!(told["deliveries"][0]["first_status"], status);
    }
    sleep_ms(1_500).await;
    assert_eq!(receiver.received().len(), 5);
    let deliveries = vagaro.shown("webhooks").await["deliveries"].clone();
    for delivery in deliveries.as_array().unwrap() {
        assert_eq!((&delivery["given_up"], &delivery["delivered"]), (&json!(true), &json!(false)));
    }
    let lost = vagaro.shown("hooks").await["dropped_for_good"].clone();
    let statuses: Vec<&Value> = lost.as_array().unwrap().iter().map(|it| &it["status"]).collect();
    assert_eq!(statuses, finals.map(Value::from).iter().collect::<Vec<_>>());
    let first = &lost[0];
    assert_eq!((&first["appointmentId"], &first["attempts"]), (&json!("101"), &json!(1)));
    assert_eq!(first["id"], bodies(&receiver)[0]["id"]);
}

#[tokio::test]
async fn delivery_is_tried_five_times_and_then_never_again() {
    let (receiver, url) = Receiver::start(&[503, 429, 500, 302, 503, 200]).await;
    let vagaro = with_url(&url).await;
    vagaro.control("webhooks", &json!({ "object_ids": [101] })).await;
    sleep_ms(17_000).await;
    let received = bodies(&receiver);
    assert_eq!(received.len(), 5, "the receiver would take the sixth");
    assert!(received.iter().all(|one| one == &received[0]));
    let delivery = vagaro.shown("webhooks").await["deliveries"][0].clone();
    assert_eq!((&delivery["given_up"], &delivery["delivered"]), (&json!(true), &json!(false)));
    let at: Vec<i64> = delivery["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|attempt| attempt["at_ms"].as_i64().unwrap())
        .collect();
    let waits: Vec<i64> = at.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for (wait, least) in waits.iter().zip([1_000, 2_000, 4_000, 8_000]) {
        assert!(*wait >= least, "{waits:?}");
    }
    let lost = vagaro.shown("hooks").await["dropped_for_good"].clone();
    assert_eq!((lost.as_array().unwrap().len(), &lost[0]["attempts"]), (1, &json!(5)));
}

#[tokio::test]
async fn delivery_that_is_taken_at_a_later_try_is_not_lost() {
    let (receiver, url) = Receiver::start(&[503]).await;
    let vagaro = with_url(&url).await;
    vagaro.control("webhooks", &json!({ "object_ids": [101] })).await;
    sleep_ms(1_600).await;
    assert_eq!(receiver.received().len(), 2);
    assert_eq!(vagaro.shown("webhooks").await["deliveries"][0]["delivered"], true);
    assert_eq!(vagaro.shown("hooks").await["dropped_for_good"], json!([]));
}

#[tokio::test]
async fn people_enter_up_to_ten_webhooks_and_switch_them_off() {
    let (receiver, url) = Receiver::start(&[]).await;
    let vagaro = with_url(&url).await;
    let add = json!({ "act": "add", "target": url, "token": "other", "businesses": [SECOND] });
    for _ in 0..9 {
        vagaro.control("hooks", &add).await;
    }
    assert_eq!(vagaro.try_control("hooks", &add).await.0, 400);
    let shown = vagaro.shown("hooks").await;
    assert_eq!(shown["hooks"].as_array().unwrap().len(), 10);
    assert_eq!(shown["hooks"][0]["target"], url.as_str());
    assert!(!shown.to_string().contains("tok"), "{shown}");
    vagaro.control("hooks", &json!({ "act": "disable", "id": 0 })).await;
    let act = json!({ "act": "cancel", "id": 101 });
    assert_eq!(vagaro.control("portal", &act).await["events"], json!([]));
    vagaro.control("hooks", &json!({ "act": "remove", "id": 9 })).await;
    vagaro.control("webhooks", &json!({ "object_ids": [101] })).await;
    assert_eq!(receiver.received().len(), 8);
    vagaro.control("hooks", &json!({ "act": "remove" })).await;
    assert_eq!(vagaro.try_control("webhooks", &json!({ "object_ids": [101] })).await.0, 400);
    for refused in [
        json!({ "act": "add", "target": url }),
        json!({ "act": "add", "target": url, "token": "t", "id": 3 }),
        json!({ "act": "add", "target": url, "token": "t", "event_types": ["bookings"] }),
        json!({ "act": "disable", "token": "t" }),
        json!({ "act": "remove", "id": 99 }),
    ] {
        assert_eq!(vagaro.try_control("hooks", &refused).await.0, 400, "{refused}");
    }
    vagaro.control("hooks", &add).await;
    vagaro.control("reset", &json!({})).await;
    assert_eq!(vagaro.shown("hooks").await["hooks"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn webhook_of_the_entry_keeps_its_state_until_its_address_changes() {
    let (_receiver, url) = Receiver::start(&[]).await;
    let vagaro = with_url(&url).await;
    vagaro.control("hooks", &json!({ "act": "disable" })).await;
    vagaro.control("limits", &json!({ "rate_limit_per_s": 9 })).await;
    assert_eq!(vagaro.shown("hooks").await["hooks"][0]["status"], "disabled");
    let account = json!({ "region": "us02", "client_id": "id", "client_secret": "secret",
        "webhook_url": format!("{url}/new"), "webhook_token": "tok" });
    vagaro.control("accounts", &account).await;
    let hook = vagaro.shown("hooks").await["hooks"][0].clone();
    assert_eq!((&hook["id"], &hook["status"]), (&json!(0), &json!("active")));
    assert_eq!(hook["event_types"], json!(["appointment"]));
}
