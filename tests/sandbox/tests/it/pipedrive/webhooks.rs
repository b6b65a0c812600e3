//! Webhooks: made through the API, told of what users and the API do, tried again, banned.

use reqwest::Method;
use serde_json::{Value, json};

use super::{KEY_FIELD, Pipedrive};
use crate::harness::{Receiver, sleep_ms};

async fn subscribe(pipedrive: &Pipedrive, object: &str, url: &str) -> u64 {
    let wish = json!({ "subscription_url": format!("{url}/h?token=t"), "event_action": "*",
        "event_object": object, "name": "integration", "version": "2.0",
        "http_auth_user": "integration", "http_auth_password": "drawn" });
    let made = pipedrive.call(Method::POST, "v1/webhooks", &wish).await;
    assert_eq!((made.status, &made.body["status"]), (201, &json!("ok")), "{}", made.text);
    made.body["data"]["id"].as_u64().unwrap()
}

async fn start(planned: &[u16], settings: &Value) -> (Pipedrive, Receiver) {
    let (receiver, url) = Receiver::start(planned).await;
    let pipedrive = Pipedrive::start(settings).await;
    for object in ["person", "organization", "deal"] {
        subscribe(&pipedrive, object, &url).await;
    }
    (pipedrive, receiver)
}

fn bodies(receiver: &Receiver) -> Vec<Value> {
    let received = receiver.received();
    received.iter().map(|one| serde_json::from_slice(&one.body).unwrap()).collect()
}

fn told(body: &Value) -> (&str, &str, &str) {
    let of = |name: &str| body["meta"][name].as_str().unwrap();
    (of("action"), of("entity"), of("entity_id"))
}

#[tokio::test]
async fn webhooks_are_made_listed_and_taken_away() {
    let pipedrive = Pipedrive::start(&json!({ "webhook_limit": 2 })).await;
    let id = subscribe(&pipedrive, "person", "http://localhost:1").await;
    let listed = pipedrive.get("v1/webhooks").await["data"][0].clone();
    assert_eq!(listed["http_auth_password"], "drawn");
    assert_eq!((&listed["is_active"], &listed["type"]), (&json!(1), &json!("general")));
    let wish = |name: &str, value: Value| {
        let mut wish = json!({ "subscription_url": "https://example.com/h", "event_action": "*",
            "event_object": "person", "name": "x" });
        wish[name] = value;
        wish
    };
    for (name, value) in [
        ("subscription_url", json!("http://example.com/h")),
        ("subscription_url", json!("https://acme.pipedrive.com/h")),
        ("subscription_url", json!("example.com")),
        ("subscription_url", Value::Null),
        ("event_action", json!("added")),
        ("event_object", json!("persons")),
        ("name", Value::Null),
        ("user_id", json!(99)),
        ("version", json!("3.0")),
    ] {
        let refused = pipedrive.call(Method::POST, "v1/webhooks", &wish(name, value.clone())).await;
        assert_eq!((refused.status, &refused.body["status"]), (400, &json!("error")), "{value}");
        assert!(refused.body["errors"][name].is_array(), "{}", refused.text);
    }
    let made = pipedrive.call(Method::POST, "v1/webhooks", &wish("user_id", json!(8))).await;
    assert_eq!(
        (&made.body["data"]["version"], &made.body["data"]["user_id"]),
        (&json!("2.0"), &json!(8))
    );
    let capped = pipedrive.call(Method::POST, "v1/webhooks", &wish("name", json!("x"))).await;
    assert_eq!(capped.status, 422);
    let below = format!("v1/webhooks/{id}");
    let gone = pipedrive.call(Method::DELETE, &below, &Value::Null).await;
    assert_eq!(gone.body, json!({ "status": "ok", "success": true }));
    let gone = pipedrive.call(Method::DELETE, &below, &Value::Null).await;
    assert_eq!((gone.status, &gone.body["errors"]["id"]), (404, &json!(["not found"])));
    let calls = pipedrive.shown("calls").await.to_string();
    assert!(!calls.contains("token=t") && !calls.contains("drawn"));
    pipedrive.control("reset", &json!({})).await;
    assert_eq!(pipedrive.get("v1/webhooks").await["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn change_tells_old_values_and_typed_custom_fields() {
    let (pipedrive, receiver) = start(&[], &json!({})).await;
    let create = json!({ "act": "create", "type": "person", "properties": { "name": "Ada" } });
    let id = pipedrive.act(&create).await["ids"][0].clone();
    let update = json!({ "act": "update", "type": "person", "id": id,
        "properties": { "name": "Eve", "custom_fields": { KEY_FIELD: "k" } } });
    let answer = pipedrive.act(&update).await;
    assert_eq!(answer["deliveries"][0]["first_status"], 200);
    assert_eq!(pipedrive.act(&update).await["events"], json!([]));
    let archive = json!({ "act": "archive", "type": "person", "id": id });
    pipedrive.act(&archive).await;
    let restore = json!({ "act": "restore", "type": "person", "id": id });
    pipedrive.act(&restore).await;
    let all = bodies(&receiver);
    let actions: Vec<(&str, &str, &str)> = all.iter().map(told).collect();
    let id = id.as_str().unwrap();
    assert_eq!(
        actions,
        ["create", "change", "delete", "change"].map(|action| (action, "person", id))
    );
    assert_eq!(
        (&all[1]["data"]["name"], &all[1]["previous"]["name"]),
        (&json!("Eve"), &json!("Ada"))
    );
    assert_eq!(
        all[1]["data"]["custom_fields"][KEY_FIELD],
        json!({ "type": "varchar", "value": "k" })
    );
    assert_eq!(all[1]["previous"]["custom_fields"], json!({ KEY_FIELD: null }));
    assert!(all[1]["previous"].get("emails").is_none());
    assert!(all[2]["data"].is_null());
    assert_eq!(all[2]["previous"]["name"], "Eve");
    assert_eq!(all[3]["previous"]["is_deleted"], true);
    let meta = &all[1]["meta"];
    assert_eq!((&meta["change_source"], &meta["user_id"]), (&json!("app"), &json!("8")));
    assert_eq!(
        (&meta["company_id"], &meta["host"]),
        (&json!("13515001"), &json!("acme.pipedrive.com"))
    );
    let first = &receiver.received()[0];
    assert_eq!(first.target, "/h?token=t");
    assert_eq!(first.headers["authorization"], "Basic aW50ZWdyYXRpb246ZHJhd24=");
}

#[tokio::test]
async fn merge_is_a_deletion_and_a_change_that_name_each_other() {
    let (pipedrive, receiver) = start(&[], &json!({})).await;
    pipedrive
        .seed(json!([{ "id": 1, "name": "Ada" }, { "id": 2, "name": "Eve",
            "emails": [{ "value": "e@x.io" }] }]))
        .await;
    let merge = json!({ "act": "merge", "type": "person", "id": 1, "merge_id": 2 });
    assert_eq!(pipedrive.act(&merge).await["ids"], json!(["1"]));
    let all = bodies(&receiver);
    assert_eq!(
        (told(&all[0]), told(&all[1])),
        (("delete", "person", "2"), ("change", "person", "1"))
    );
    assert_eq!(
        (&all[0]["meta"]["merged_to_id"], &all[1]["meta"]["merged_from_id"]),
        (&json!("1"), &json!("2"))
    );
    assert_eq!(all[1]["data"]["emails"][0]["value"], "e@x.io");
    assert_eq!(all[1]["previous"]["emails"], json!([]));
}

#[tokio::test]
async fn links_are_members_of_the_record_that_holds_them() {
    let (pipedrive, receiver) = start(&[], &json!({})).await;
    pipedrive
        .seed(
            json!([{ "type": "organization", "id": 1, "name": "Acme" }, { "id": 1, "name": "Ada" },
            { "type": "deal", "id": 1, "title": "x" }]),
        )
        .await;
    let link = |act: &str, from: &str, to: &str| json!({ "act": act, "type": from, "id": 1, "to_type": to, "to_id": 1 });
    for (act, from, to, entity, member, value) in [
        ("associate", "person", "organization", "person", "org_id", json!(1)),
        ("associate", "organization", "deal", "deal", "org_id", json!(1)),
        ("associate", "deal", "person", "deal", "person_id", json!(1)),
        ("dissociate", "organization", "person", "person", "org_id", Value::Null),
    ] {
        pipedrive.act(&link(act, from, to)).await;
        let last = bodies(&receiver).pop().unwrap();
        assert_eq!((told(&last).1, &last["data"][member]), (entity, &value), "{act} {from} {to}");
    }
    let again = pipedrive.act(&link("dissociate", "person", "organization")).await;
    assert_eq!(again["events"], json!([]));
    for refused in [
        link("associate", "person", "person"),
        json!({ "act": "gdpr_delete", "type": "person", "id": 1 }),
        json!({ "act": "restore", "type": "person", "id": 1 }),
        json!({ "act": "update", "type": "person", "objects": [
            { "id": "1", "properties": { "name": "New" } }, { "id": "9", "properties": {} }] }),
    ] {
        assert_eq!(pipedrive.try_control("portal", &refused).await.0, 400, "{refused}");
    }
    assert_eq!(pipedrive.get("v2/persons/1").await["data"]["name"], "Ada");
}

#[tokio::test]
async fn api_writes_are_told_if_the_account_says_so() {
    let (pipedrive, receiver) = start(&[], &json!({ "webhooks_on_api_writes": true })).await;
    let person = pipedrive.create("persons", &json!({ "name": "Ada" })).await;
    pipedrive.patch(&format!("persons/{}", person["id"]), &json!({ "name": "Ada" })).await;
    sleep_ms(300).await;
    let all = bodies(&receiver);
    assert_eq!(all.len(), 1);
    assert_eq!(
        (&all[0]["meta"]["change_source"], &all[0]["meta"]["user_id"]),
        (&json!("api"), &json!("7"))
    );
    let (quiet, silence) = start(&[], &json!({})).await;
    quiet.create("persons", &json!({ "name": "Ada" })).await;
    sleep_ms(200).await;
    assert!(silence.received().is_empty());
}

#[tokio::test]
async fn failed_delivery_is_tried_again_with_its_number_until_it_is_taken() {
    let (pipedrive, receiver) = start(&[500, 401], &json!({})).await;
    let create = json!({ "act": "create", "type": "deal", "properties": { "title": "x" } });
    assert_eq!(pipedrive.act(&create).await["deliveries"][0]["first_status"], 500);
    sleep_ms(3_700).await;
    let all = bodies(&receiver);
    let attempts: Vec<&Value> = all.iter().map(|body| &body["meta"]["attempt"]).collect();
    assert_eq!(attempts, [1, 2, 3]);
    assert!(all.iter().all(|body| body["meta"]["id"] == all[0]["meta"]["id"]));
    let hook = pipedrive.shown("hooks").await["hooks"][2].clone();
    assert_eq!(
        (&hook["last_http_status"], &hook["failed_first_attempts"]),
        (&json!(200), &json!(1))
    );
}

#[tokio::test]
async fn tenth_failed_first_attempt_bans_the_webhook_and_what_happens_meanwhile_is_lost() {
    let (pipedrive, receiver) = start(&[500; 40], &json!({ "webhook_ban_ms": 1_500 })).await;
    let act =
        |name: &str| json!({ "act": "create", "type": "person", "properties": { "name": name } });
    for _ in 0..10 {
        pipedrive.act(&act("x")).await;
    }
    let hooks = pipedrive.shown("hooks").await["hooks"].clone();
    assert!(hooks[0]["banned_ms"].as_i64().unwrap() > 0);
    assert_eq!(hooks[1]["banned_ms"], 0);
    assert_eq!(pipedrive.act(&act("lost")).await["events"], json!([]));
    sleep_ms(1_600).await;
    receiver.answer_well();
    assert_eq!(pipedrive.act(&act("told")).await["deliveries"][0]["first_status"], 200);
    let names: Vec<Value> =
        bodies(&receiver).iter().map(|body| body["data"]["name"].clone()).collect();
    assert!(names.contains(&json!("told")) && !names.contains(&json!("lost")));
}

#[tokio::test]
async fn held_events_of_a_webhook_that_is_gone_go_nowhere() {
    let (pipedrive, receiver) = start(&[], &json!({})).await;
    let act = json!({ "act": "create", "type": "person",
        "objects": [{ "properties": { "name": "a" } }, { "properties": { "name": "b" } }],
        "deliver": { "hold": true } });
    assert_eq!(pipedrive.act(&act).await["held"], 2);
    let release = json!({ "deliver": { "repeat": 2, "shuffle": true } });
    assert_eq!(pipedrive.control("portal/release", &release).await["events"], 2);
    let all = bodies(&receiver);
    assert_eq!(all.len(), 4);
    assert!(all.iter().all(|body| body["meta"]["is_bulk_edit"] == true));
    pipedrive.act(&act).await;
    pipedrive.control("hooks", &json!({ "act": "remove" })).await;
    pipedrive.control("portal/release", &json!({})).await;
    assert_eq!(receiver.received().len(), 4);
    assert_eq!(pipedrive.get("v1/webhooks").await["data"], json!([]));
}

#[tokio::test]
async fn deliveries_can_be_ordered_with_other_members_and_credentials() {
    let (pipedrive, receiver) = start(&[], &json!({})).await;
    let order = |extra: Value| {
        let mut order = json!({ "object_ids": [5], "event": "delete.deal" });
        for (name, value) in extra.as_object().unwrap() {
            order[name] = value.clone();
        }
        order
    };
    let fields = json!({ "meta": { "company_id": "2", "is_bulk_edit": null } });
    let forged = order(json!({ "fields": fields, "secret": "integration:guessed", "repeat": 2 }));
    pipedrive.control("webhooks", &forged).await;
    let all = bodies(&receiver);
    assert_eq!((all.len(), told(&all[0])), (2, ("delete", "deal", "5")));
    assert_eq!(
        (&all[0]["meta"]["company_id"], all[0]["meta"].get("is_bulk_edit")),
        (&json!("2"), None)
    );
    assert_eq!(all[0]["previous"], json!({ "id": 5 }));
    assert_eq!(all[0]["meta"]["id"], all[1]["meta"]["id"]);
    let authorization = receiver.received()[0].headers["authorization"].clone();
    assert_eq!(authorization, "Basic aW50ZWdyYXRpb246Z3Vlc3NlZA==");
    pipedrive.control("hooks", &json!({ "act": "disable", "id": 3 })).await;
    for refused in [
        order(json!({})),
        order(json!({ "event": "merge.person" })),
        order(json!({ "event": "change.person", "type": "deal" })),
    ] {
        assert_eq!(pipedrive.try_control("webhooks", &refused).await.0, 400, "{refused}");
    }
    pipedrive.control("hooks", &json!({ "act": "enable" })).await;
    pipedrive.control("webhooks", &order(json!({}))).await;
    assert_eq!(receiver.received().len(), 3);
}
