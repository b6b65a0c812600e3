//! What can't be done is put aside with its cause, seen, mended and replayed by an operator, and
//! never in the way of what can.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::operator::{dlq, dlq_done};
use crate::support::queues::attribute;
use crate::support::tenant::Tenant;
use crate::support::waiting::until;

const SOON: Duration = Duration::from_secs(40);
const MALFORMED: &str = "not json, and canary@example.com in it";

/// The dead letters of a queue whose body has that text in it.
async fn letters(tenant: &Tenant, queue: &str, text: &str) -> Vec<Value> {
    let all = tenant.cloud.dead_letters(queue).await;
    all.into_iter().filter(|letter| letter["Body"].as_str().unwrap().contains(text)).collect()
}

async fn until_dead(tenant: &Tenant, queue: &str, text: &str, count: usize) -> Vec<Value> {
    until(&format!("{count} dead letters with {text}"), SOON, async || {
        letters(tenant, queue, text).await.len() == count
    })
    .await;
    letters(tenant, queue, text).await
}

/// Checks what a worker writes for the operator; the letter's id.
fn assert_described(letter: &Value, cause: &str, queue: &str, tenant: Option<&Tenant>) -> String {
    assert_eq!(attribute(letter, "cause"), cause, "{letter}");
    assert_eq!(attribute(letter, "source_queue"), queue, "{letter}");
    assert_eq!(attribute(letter, "tenant_id"), tenant.map_or("", |it| &it.id), "{letter}");
    assert_eq!(attribute(letter, "system"), tenant.map_or("", |_| "hubspot"), "{letter}");
    assert!(attribute(letter, "failed_at_ms").parse::<u64>().is_ok(), "{letter}");
    let attributes = letter["MessageAttributes"].to_string();
    assert!(!attributes.contains("canary"), "personal data in attributes: {attributes}");
    attribute(letter, "dead_letter_id").to_owned()
}

async fn dead_in_health(tenant: &Tenant) -> u64 {
    tenant.health().await["dead_letters"].as_u64().unwrap()
}

/// How often an act is in the trail for a letter, in the partition of its owner.
async fn audited(tenant: &Tenant, partition: &str, action: &str, letter: &str) -> usize {
    let query = json!({
        "TableName": tenant.cloud.text("table"),
        "KeyConditionExpression": "pk = :pk",
        "FilterExpression": "dead_letter_id = :id AND #action = :action",
        "ExpressionAttributeNames": {"#action": "action"},
        "ExpressionAttributeValues": {
            ":pk": {"S": partition}, ":id": {"S": letter}, ":action": {"S": action},
        },
        "ConsistentRead": true,
    });
    let answer = tenant.cloud.aws("dynamodb/DynamoDB_20120810.Query", query).await;
    let entries = answer["Items"].as_array().unwrap();
    for entry in entries {
        assert_eq!(entry["operator"]["S"], "test-operator", "{entry}");
        let has_reason = entry.get("reason").is_some();
        assert_eq!(has_reason, action == "dead_letter_discarded", "{entry}");
    }
    entries.len()
}

/// A tenant that had a connection, and a contact of its account.
async fn disconnected() -> (Tenant, String) {
    let tenant = Tenant::with(json!({"webhook_url": null})).await;
    let properties = json!({"email": tenant.email("left")});
    let act = json!({"act": "create", "type": "contact", "properties": properties});
    let id = tenant.portal_held(act).await.remove(0);
    tenant.disconnect().await;
    (tenant, id)
}

struct Batch {
    contacts: Vec<String>,
    deal: String,
}

/// Good messages with four bad ones among them, in one batch.
async fn send_batch(tenant: &Tenant, left: (&Tenant, &str)) -> Batch {
    let contact = |name: &str| json!({"properties": {"email": tenant.email(name)}});
    let act = json!({"act": "create", "type": "contact", "objects": [contact("a"), contact("b"), contact("c")]});
    let contacts = tenant.portal_held(act).await;
    let properties = json!({"dealname": "Canary Deal", "pipeline": "default", "dealstage": "appointmentscheduled"});
    let act = json!({"act": "create", "type": "deal", "properties": properties});
    let deal = tenant.portal_held(act).await.remove(0);
    let mut unknown = tenant.change("contact", &contacts[0], &["properties"]);
    unknown["version"] = json!(99);
    unknown["of_test"] = json!(format!("unknown-{}", tenant.id));
    let bodies = [
        tenant.change("contact", &contacts[0], &["created"]).to_string(),
        format!("{MALFORMED}: {}", tenant.id),
        tenant.change("deal", &deal, &["created"]).to_string(),
        tenant.change("contact", &contacts[1], &["created"]).to_string(),
        unknown.to_string(),
        left.0.change("contact", left.1, &["created"]).to_string(),
        tenant.change("contact", &contacts[2], &["created"]).to_string(),
    ];
    tenant.cloud.send_bodies(tenant.cloud.queue("crm-changes"), &bodies).await;
    Batch { contacts, deal }
}

async fn is_stored(tenant: &Tenant, id: &str, object_type: &str) -> bool {
    tenant
        .records()
        .await
        .iter()
        .any(|record| record["external_id"]["S"] == id && record["type"]["S"] == object_type)
}

#[tokio::test]
async fn bad_messages_in_a_batch_are_put_aside_and_cleared_by_a_replay_after_the_fix() {
    const QUEUE: &str = "crm-changes";
    let tenant = Tenant::with(json!({"webhook_url": null})).await;
    let (left, left_id) = disconnected().await;
    // HubSpot refuses to let this one be read.
    let reads = json!({"method": "POST", "path_prefix": "/crm/objects/2026-03/deals/batch/read"});
    let by_id = json!({"method": "POST", "path_prefix": "/crm/objects/2026-03/0-3/batch/read"});
    for path in [reads, by_id] {
        tenant
            .fault(json!({"fault": "status", "status": 400, "times": 1_000, "match": path}))
            .await;
    }
    let batch = send_batch(&tenant, (&left, &left_id)).await;

    for id in &batch.contacts {
        until("the good ones are stored", SOON, async || is_stored(&tenant, id, "contact").await)
            .await;
    }
    let malformed_text = format!("{MALFORMED}: {}", tenant.id);
    let unknown_text = format!("unknown-{}", tenant.id);
    let deal_text = format!("\"object_id\":\"{}\"", batch.deal);
    let of_deal = async || {
        let found = until_dead(&tenant, QUEUE, &tenant.id, 3).await;
        let is_it = |letter: &&Value| letter["Body"].as_str().unwrap().contains("\"deal\"");
        found.iter().find(is_it).unwrap_or_else(|| panic!("{deal_text}: {found:?}")).clone()
    };
    let poison = assert_described(&of_deal().await, "provider_rejected", QUEUE, Some(&tenant));
    let malformed = until_dead(&tenant, QUEUE, &malformed_text, 1).await.remove(0);
    let malformed = assert_described(&malformed, "malformed", QUEUE, None);
    let unknown = until_dead(&tenant, QUEUE, &unknown_text, 1).await.remove(0);
    let unknown = assert_described(&unknown, "unknown_version", QUEUE, None);
    let stranger = until_dead(&tenant, QUEUE, &left.id, 1).await.remove(0);
    let stranger = assert_described(&stranger, "connection_not_found", QUEUE, Some(&left));
    assert_eq!(dead_in_health(&tenant).await, 1);
    println!("7 messages in one batch: 3 stored, 4 dead letters with their causes");

    let listed = dlq(&["list", "--ids"]).await.text;
    for id in [&poison, &malformed, &unknown, &stranger] {
        assert!(listed.contains(id.as_str()), "{id} in {listed}");
        assert_eq!(dlq(&["show", id]).await.code, 0);
    }

    // Nothing is mended yet: it dies again, under its old id.
    dlq_done(&["replay", &poison]).await;
    until("the replayed one is dead again", SOON, async || {
        letters(&tenant, QUEUE, &tenant.id)
            .await
            .iter()
            .any(|it| attribute(it, "dead_letter_id") == poison)
    })
    .await;
    assert_eq!(
        assert_described(&of_deal().await, "provider_rejected", QUEUE, Some(&tenant)),
        poison
    );
    assert_eq!(dead_in_health(&tenant).await, 1);

    tenant.end_faults().await;
    left.connect().await;
    dlq_done(&["replay", &poison, &stranger, "--rate", "50"]).await;
    dlq_done(&["discard", &malformed, &unknown, "--reason", "made by a test"]).await;
    until("the poisoned one is stored", SOON, async || {
        is_stored(&tenant, &batch.deal, "deal").await
    })
    .await;
    until("the stranger's is stored", SOON, async || is_stored(&left, &left_id, "contact").await)
        .await;
    until("no dead letter is counted", SOON, async || {
        dead_in_health(&tenant).await + dead_in_health(&left).await == 0
    })
    .await;
    for text in [&tenant.id, &left.id] {
        assert_eq!(letters(&tenant, QUEUE, text).await, Vec::<Value>::new());
    }
    let (of_tenant, of_left) = (format!("T#{}", tenant.id), format!("T#{}", left.id));
    let (replayed, discarded) = ("dead_letter_replayed", "dead_letter_discarded");
    assert_eq!(audited(&tenant, &of_tenant, replayed, &poison).await, 2);
    assert_eq!(audited(&left, &of_left, replayed, &stranger).await, 1);
    assert_eq!(audited(&tenant, "OPERATOR", discarded, &malformed).await, 1);
    assert_eq!(audited(&tenant, &of_tenant, discarded, &unknown).await, 1);
    println!("3 replays and 2 discards: nothing is left among the dead letters");
}

/// An upsert that waited and is then refused for good.
async fn refused_push(tenant: &Tenant, key: &str, name: &str) -> Value {
    tenant.fault(json!({"fault": "status", "status": 503, "times": 3})).await;
    tenant.upsert(key, &tenant.contact(name)).await.queued();
    tenant.fault(json!({"fault": "status", "status": 400, "times": 1_000})).await;
    until("the upsert has failed", SOON, async || {
        tenant.upsert_status(key).await.body["status"] == "failed"
    })
    .await;
    let status = tenant.upsert_status(key).await;
    assert_eq!(status.body["error_code"], "provider_rejected", "{status:?}");
    until_dead(tenant, "crm-pushes", &tenant.id, 1).await.remove(0)
}

#[tokio::test]
async fn upsert_that_was_refused_for_good_is_replayed_or_discarded() {
    const QUEUE: &str = "crm-pushes";
    let tenant = Tenant::new().await;
    let letter = refused_push(&tenant, "k1", "ada").await;
    let id = assert_described(&letter, "provider_rejected", QUEUE, Some(&tenant));
    assert!(!letter["Body"].as_str().unwrap().contains("canary"), "{letter}");
    let health = tenant.health().await;
    assert_eq!((&health["queued"], &health["dead_letters"]), (&json!(0), &json!(1)), "{health}");

    // Replayed too early, then after the fix.
    dlq_done(&["replay", &id]).await;
    let again = until_dead(&tenant, QUEUE, &tenant.id, 1).await.remove(0);
    assert_eq!(assert_described(&again, "provider_rejected", QUEUE, Some(&tenant)), id);
    until("it has failed again", SOON, async || {
        tenant.upsert_status("k1").await.body["status"] == "failed"
    })
    .await;
    tenant.end_faults().await;
    dlq_done(&["replay", "--tenant", &tenant.id, "--queue", QUEUE]).await;
    until("the upsert is finished", SOON, async || {
        tenant.upsert_status("k1").await.body["external_id"].is_string()
    })
    .await;
    tenant.upsert_status("k1").await.done("created");
    assert_eq!(tenant.provider_writes().await, 1);
    until("no dead letter is counted", SOON, async || dead_in_health(&tenant).await == 0).await;
    assert_eq!(letters(&tenant, QUEUE, &tenant.id).await, Vec::<Value>::new());

    let letter = refused_push(&tenant, "k2", "eve").await;
    let id = assert_described(&letter, "provider_rejected", QUEUE, Some(&tenant));
    dlq_done(&["discard", &id, "--reason", "made by a test"]).await;
    tenant.end_faults().await;
    assert_eq!(dead_in_health(&tenant).await, 0);
    let items = Value::from(tenant.items().await).to_string();
    assert!(!items.contains("canary-eve"), "what was wanted is still there: {items}");
    assert_eq!(letters(&tenant, QUEUE, &tenant.id).await, Vec::<Value>::new());
    assert_eq!(tenant.provider_writes().await, 1);
    let partition = format!("T#{}", tenant.id);
    assert_eq!(audited(&tenant, &partition, "dead_letter_discarded", &id).await, 1);
    println!("1 refused upsert replayed twice, 1 discarded: 1 write, nothing is left");
}

#[tokio::test]
async fn command_refuses_what_is_no_order() {
    for arguments in [
        &["replay"] as &[&str],
        &["discard", "--all"],
        &["replay", "--all", "--rate", "0"],
        &["replay", "--queue", "nonsense"],
    ] {
        assert_eq!(dlq(arguments).await.code, 2, "{arguments:?}");
    }
    for arguments in [["replay", "no-such-letter"], ["show", "no-such-letter"]] {
        assert_eq!(dlq(&arguments).await.code, 1, "{arguments:?}");
    }
}
