//! Acts of portal users and the webhooks that follow.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{ACCOUNT, CONTACTS, Receiver, TestSandbox, sleep_ms};

async fn start(settings: &Value) -> (TestSandbox, Receiver) {
    let (receiver, url) = Receiver::start(&[]).await;
    let mut all = json!({ "webhook_url": format!("{url}/hook"), "webhook_secret": "s" });
    for (name, value) in settings.as_object().unwrap() {
        all[name] = value.clone();
    }
    (TestSandbox::start_with(None, all).await, receiver)
}

fn events(receiver: &Receiver) -> Vec<Value> {
    let received = receiver.received();
    let bodies =
        received.iter().map(|one| serde_json::from_slice::<Vec<Value>>(&one.body).unwrap());
    bodies.flatten().collect()
}

fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["subscriptionType"].as_str().unwrap()).collect()
}

async fn make(sandbox: &TestSandbox, count: usize) -> Vec<Value> {
    let objects: Vec<Value> = (0..count)
        .map(|number| json!({ "properties": { "email": format!("c{number}@example.com") } }))
        .collect();
    let act = json!({ "act": "create", "type": "contact", "objects": objects,
        "deliver": { "drop_percent": 100 } });
    sandbox.act(&act).await["ids"].as_array().unwrap().clone()
}

#[tokio::test]
async fn creation_is_told_with_one_change_per_property() {
    let (sandbox, receiver) = start(&json!({})).await;
    let told = sandbox
        .act(&json!({ "act": "create", "type": "contact",
            "properties": { "email": "A@example.com", "firstname": "Ada" } }))
        .await;
    let got = events(&receiver);
    assert_eq!(
        types(&got),
        ["contact.creation", "contact.propertyChange", "contact.propertyChange"]
    );
    assert_eq!(told["events"].as_array().unwrap(), &got);
    assert_eq!(got[1]["propertyValue"], "a@example.com");
    assert_eq!(got[0]["objectId"].to_string(), told["ids"][0].as_str().unwrap());
    assert_eq!(told["deliveries"][0]["first_status"], 200);
    assert_eq!(sandbox.contacts().await.len(), 1);
    assert_eq!(sandbox.calls().await["totals"]["total"], 0);
}

#[tokio::test]
async fn update_raises_the_time_of_change_and_tells_only_what_changed() {
    let (sandbox, receiver) = start(&json!({})).await;
    let id = make(&sandbox, 1).await.remove(0);
    let mut last = sandbox.contacts().await[0]["updatedAt"].clone();
    for phone in ["1", "2", "3"] {
        let act = json!({ "act": "update", "type": "contact", "id": id,
            "properties": { "phone": phone, "email": "c0@example.com" } });
        let told = sandbox.act(&act).await;
        assert_eq!(types(told["events"].as_array().unwrap()), ["contact.propertyChange"]);
        let now = sandbox.contacts().await[0]["updatedAt"].clone();
        assert!(now.as_str() > last.as_str());
        last = now;
    }
    let values: Vec<Value> =
        events(&receiver).iter().map(|event| event["propertyValue"].clone()).collect();
    assert_eq!(values, ["1", "2", "3"]);
}

#[tokio::test]
async fn every_act_is_told_as_the_vendor_does() {
    let (sandbox, _) = start(&json!({})).await;
    let ids = make(&sandbox, 3).await;
    let company = sandbox
        .act(&json!({ "act": "create", "type": "company", "properties": { "name": "Acme" } }))
        .await["ids"][0]
        .clone();
    let told = |act: Value| {
        let sandbox = &sandbox;
        async move {
            let told = sandbox.act(&act).await;
            let all = told["events"].as_array().unwrap().clone();
            let mut names: Vec<String> = types(&all).into_iter().map(str::to_owned).collect();
            names.sort();
            (names, all, told["ids"].clone())
        }
    };
    let link = |act: &str| {
        json!({ "act": act, "type": "contact", "id": ids[0],
        "to_type": "company", "to_id": company, "primary": act == "associate" })
    };
    let both = ["company.associationChange", "contact.associationChange"];
    let (names, all, _) = told(link("associate")).await;
    assert_eq!(names, [both[0], both[0], both[1], both[1]]);
    assert_eq!(all.iter().filter(|event| event["isPrimaryAssociation"] == true).count(), 2);
    let (names, all, _) = told(link("dissociate")).await;
    assert_eq!(names, both);
    assert!(all.iter().all(|event| event["associationRemoved"] == true));
    let (names, ..) = told(json!({ "act": "archive", "type": "contact", "id": ids[0] })).await;
    assert_eq!(names, ["contact.deletion"]);
    let (names, ..) = told(json!({ "act": "restore", "type": "contact", "id": ids[0] })).await;
    assert_eq!(names, ["contact.restore"]);
    let merge = json!({ "act": "merge", "type": "contact", "id": ids[0], "merge_id": ids[1] });
    let (names, all, new) = told(merge).await;
    assert_eq!(names, ["contact.merge"]);
    assert_eq!(all[0]["primaryObjectId"].to_string(), ids[0].as_str().unwrap());
    assert_eq!(all[0]["mergedObjectIds"][0].to_string(), ids[1].as_str().unwrap());
    assert_eq!(all[0]["newObjectId"].to_string(), new[0].as_str().unwrap());
    let (names, ..) = told(json!({ "act": "gdpr_delete", "type": "contact", "id": ids[2] })).await;
    assert_eq!(names, ["contact.deletion", "contact.privacyDeletion"]);
}

#[tokio::test]
async fn held_events_go_when_released_shuffled_and_partly_twice() {
    let (sandbox, receiver) = start(&json!({})).await;
    let ids = make(&sandbox, 1_000).await;
    let act = json!({ "act": "update", "type": "contact", "ids": ids,
        "properties": { "phone": "1", "firstname": "Ada" }, "deliver": { "hold": true } });
    let told = sandbox.act(&act).await;
    assert_eq!(told["held"], 2_000);
    assert!(receiver.received().is_empty());
    let held = sandbox.get_json("/_control/portal/held").await;
    assert_eq!(held, json!({ "total": 2_000, "by_account": { ACCOUNT: 2_000 } }));
    let release = json!({ "deliver": { "shuffle": true, "repeat_percent": 5, "seed": 7 } });
    let (status, released) = sandbox.call(Method::POST, "/_control/portal/release", &release).await;
    assert_eq!((status, released["events"].as_u64()), (200, Some(2_000)));
    let repeated = usize::try_from(released["repeated_events"].as_u64().unwrap()).unwrap();
    assert!(repeated > 0);
    assert_eq!(events(&receiver).len(), 2_000 + repeated);
    assert!(
        receiver
            .received()
            .iter()
            .all(|one| { serde_json::from_slice::<Vec<Value>>(&one.body).unwrap().len() <= 100 })
    );
    let (_, again) = sandbox.call(Method::POST, "/_control/portal/release", &release).await;
    assert_eq!(again["events"], 0);
}

#[tokio::test]
async fn refused_act_changes_nothing_and_tells_nobody() {
    let (sandbox, receiver) = start(&json!({})).await;
    let base = |act: &str| json!({ "system": "hubspot", "account": ACCOUNT, "act": act, "type": "contact" });
    let mut two = base("create");
    two["objects"] = json!([{ "properties": { "email": "a@example.com" } },
        { "properties": { "email": "a@example.com" } }]);
    let mut no_id = base("update");
    no_id["properties"] = json!({ "phone": "1" });
    let mut unknown = base("archive");
    unknown["id"] = json!("999");
    let mut misspelt = base("create");
    misspelt["propertys"] = json!({});
    let mut wrong = base("create");
    wrong["properties"] = json!({ "shoe_size": "9" });
    let mut far = base("create");
    far["deliver"] = json!({ "batch_size": 101 });
    for (order, text) in [
        (two, "object 1: 409"),
        (no_id, "needs `id`"),
        (unknown, "no contact 999"),
        (misspelt, "unknown field"),
        (wrong, "PROPERTY_DOESNT_EXIST"),
        (far, "batch_size"),
    ] {
        let (status, error) = sandbox.call(Method::POST, "/_control/portal", &order).await;
        assert_eq!(status, 400, "{order}");
        assert!(error["error"].as_str().unwrap().contains(text), "{error}");
    }
    assert!(sandbox.contacts().await.is_empty());
    assert!(receiver.received().is_empty());
}

#[tokio::test]
async fn api_writes_are_told_only_if_the_account_asks_for_it() {
    let (sandbox, receiver) = start(&json!({})).await;
    sandbox.create("contacts", &json!({ "email": "a@example.com" })).await;
    sleep_ms(200).await;
    assert!(receiver.received().is_empty());
    let (sandbox, receiver) = start(&json!({ "webhooks_on_api_writes": true })).await;
    let id = sandbox.create("contacts", &json!({ "email": "a@example.com" })).await;
    let same = json!({ "properties": { "email": "a@example.com" } });
    sandbox.hubspot(Method::PATCH, &format!("/{id}"), &same).await;
    sandbox.get(&format!("{CONTACTS}/{id}")).await;
    for _ in 0..100 {
        if !receiver.received().is_empty() {
            break;
        }
        sleep_ms(20).await;
    }
    sleep_ms(100).await;
    let got = events(&receiver);
    assert_eq!(types(&got), ["contact.creation", "contact.propertyChange"]);
    assert_eq!(got[0]["changeSource"], "INTEGRATION");
}

#[tokio::test]
async fn delayed_events_come_after_the_answer_and_only_as_subscribed() {
    let subscriptions = json!({ "webhook_subscriptions": ["object.creation"] });
    let (sandbox, receiver) = start(&subscriptions).await;
    let told = sandbox
        .act(&json!({ "act": "create", "type": "company", "properties": { "name": "Acme" },
            "deliver": { "delay_ms": 300 } }))
        .await;
    assert_eq!(told["deliveries"], json!([]));
    assert!(receiver.received().is_empty());
    sleep_ms(800).await;
    let got = events(&receiver);
    assert_eq!(types(&got), ["object.creation"]);
    assert_eq!(got[0]["objectTypeId"], "0-2");
}

#[tokio::test]
async fn burst_of_five_thousand_events_over_three_accounts_is_sent_whole() {
    let (receiver, url) = Receiver::start(&[]).await;
    let settings = json!({ "webhook_url": url, "webhook_secret": "s" });
    let sandbox = TestSandbox::start_with(None, settings).await;
    for account in ["71", "72"] {
        let entry = json!({ "system": "hubspot", "account": account, "access_token": account,
            "webhook_url": url, "webhook_secret": "s" });
        sandbox.post("/_control/accounts", &entry).await;
    }
    for (account, count) in [(ACCOUNT, 1_700), ("71", 1_700), ("72", 1_600)] {
        let objects: Vec<Value> = (0..count)
            .map(|number| {
                json!({ "id": (1_000 + number).to_string(),
                "properties": { "email": format!("c{number}@example.com") } })
            })
            .collect();
        let ids: Vec<Value> = objects.iter().map(|object| object["id"].clone()).collect();
        let seed = json!({ "system": "hubspot", "account": account, "objects": objects });
        assert_eq!(sandbox.post("/_control/seed", &seed).await.status(), 200);
        let act = json!({ "system": "hubspot", "account": account, "act": "update",
            "type": "contact", "ids": ids, "properties": { "phone": "1" },
            "deliver": { "hold": true } });
        assert_eq!(sandbox.post("/_control/portal", &act).await.status(), 200);
    }
    let release = json!({ "deliver": { "shuffle": true, "batch_size": 100 } });
    let (_, told) = sandbox.call(Method::POST, "/_control/portal/release", &release).await;
    assert_eq!(told["events"], 5_000);
    let mut seen: Vec<(u64, u64)> = events(&receiver)
        .iter()
        .map(|event| (event["portalId"].as_u64().unwrap(), event["objectId"].as_u64().unwrap()))
        .collect();
    assert_eq!(seen.len(), 5_000);
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 5_000);
    for one in receiver.received() {
        let batch: Vec<Value> = serde_json::from_slice(&one.body).unwrap();
        assert!(batch.iter().all(|event| event["portalId"] == batch[0]["portalId"]));
    }
}

#[tokio::test]
async fn acts_and_api_writes_at_once_tell_of_their_own_changes_only() {
    let (sandbox, receiver) = start(&json!({})).await;
    let ids = make(&sandbox, 2).await;
    let api = async {
        for number in 0..50 {
            let path = format!("/{}", ids[0].as_str().unwrap());
            let body = json!({ "properties": { "phone": number.to_string() } });
            assert_eq!(sandbox.hubspot(Method::PATCH, &path, &body).await.0, 200);
        }
    };
    let user = async {
        for number in 0..50 {
            let act = json!({ "act": "update", "type": "contact", "id": ids[1],
                "properties": { "phone": number.to_string() } });
            assert_eq!(sandbox.act(&act).await["events"].as_array().unwrap().len(), 1);
        }
    };
    tokio::join!(api, user);
    let got = events(&receiver);
    assert_eq!(got.len(), 50);
    let of_user: u64 = ids[1].as_str().unwrap().parse().unwrap();
    assert!(got.iter().all(|event| event["objectId"] == of_user));
}
