//! HubSpot's webhooks from the gateway's event to the queue: who is believed in what.

use std::time::Duration;

use serde_json::json;
use sync_domain::ports::AuthMode;

use crate::support::webhook_signing::{
    BASE_URL, PATH, Sent, body_of, contact_event, creations, v1, v3,
};
use crate::support::webhook_world::{
    ACME, ACME_SECRET, APP_SECRET, GLOBEX, GLOBEX_SECRET, INITECH, NOBODY, UMBRELLA, WebhookWorld,
};

#[test]
fn webhook_becomes_a_message_of_the_tenant_that_signed_it() {
    let world = WebhookWorld::new();
    let mut event = contact_event(ACME, 123, "propertyChange");
    event["propertyName"] = json!("firstname");
    let sent = Sent::v3(body_of(&[event]), ACME_SECRET, world.now_ms())
        .header("X-Correlation-Id", "delivery-1");
    let answer = world.deliver(&sent);
    assert_eq!((answer.status, answer.body), (200, json!({ "accepted": 1, "skipped": 0 })));
    let messages = world.queue.queue.take();
    let body: serde_json::Value = serde_json::from_str(&messages[0].body).unwrap();
    let now_ms = world.now_ms();
    let expected = json!({
        "version": 1, "tenant_id": "acme", "system": "hubspot", "account_id": "62515",
        "type": "contact", "object_id": "123", "changes": ["properties"],
        "properties": ["firstname"], "occurred_at_ms": 1_789_999_990_000_i64,
        "received_at_ms": now_ms, "correlation_id": "delivery-1",
    });
    assert_eq!((messages.len(), body), (1, expected));
    assert_eq!(messages[0].delay, Duration::ZERO);
    assert_eq!(messages[0].history.attempt, 0);
    assert_eq!(messages[0].history.first_enqueued_at.as_millisecond(), now_ms);
}

#[test]
fn webhook_of_our_app_reaches_every_tenant_that_has_let_it_in_and_no_other() {
    let world = WebhookWorld::new();
    let events = [
        contact_event(INITECH, 1, "creation"),
        contact_event(UMBRELLA, 1, "creation"),
        contact_event(NOBODY, 2, "creation"),
        contact_event(ACME, 3, "creation"),
        contact_event(INITECH, 4, "deletion"),
    ];
    let answer = world.deliver(&Sent::v3(body_of(&events), APP_SECRET, world.now_ms()));
    assert_eq!((answer.status, answer.body), (200, json!({ "accepted": 3, "skipped": 2 })));
    let changes = world.changes();
    let whose: Vec<_> = changes
        .iter()
        .map(|change| {
            (change.tenant.as_str(), change.account_id.as_str(), change.external_id.as_str())
        })
        .collect();
    assert_eq!(
        whose,
        [("initech", "70001", "1"), ("initech", "70001", "4"), ("umbrella", "70002", "1")]
    );
}

#[test]
fn webhook_of_a_tenants_own_app_speaks_for_its_portal_alone() {
    let world = WebhookWorld::new();
    let events = [
        contact_event(ACME, 1, "creation"),
        contact_event(GLOBEX, 2, "creation"),
        contact_event(INITECH, 3, "deletion"),
        contact_event(ACME, 4, "creation"),
    ];
    let answer = world.deliver(&Sent::v3(body_of(&events), ACME_SECRET, world.now_ms()));
    assert_eq!((answer.status, answer.body), (200, json!({ "accepted": 2, "skipped": 2 })));
    let changes = world.changes();
    assert!(changes.iter().all(|change| change.tenant.as_str() == "acme"), "{changes:?}");
    assert_eq!(changes.len(), 2);
}

#[test]
fn webhook_that_one_tenant_signs_in_anothers_name_is_refused() {
    let world = WebhookWorld::new();
    let now_ms = world.now_ms();
    for (portal_id, secret) in [
        (ACME, GLOBEX_SECRET),
        (INITECH, GLOBEX_SECRET),
        (NOBODY, GLOBEX_SECRET),
        (ACME, ""),
        (NOBODY, ""),
    ] {
        let sent = Sent::v3(creations(portal_id, 1), secret, now_ms);
        world.assert_unsigned(&sent, &format!("portal {portal_id} signed with {secret:?}"));
    }
}

#[test]
fn webhook_with_a_plain_hash_is_believed_of_private_apps_only() {
    let world = WebhookWorld::new();
    assert_eq!(world.deliver(&Sent::v1(creations(ACME, 1), ACME_SECRET)).status, 200);
    assert_eq!(world.changes().len(), 1);
    world.assert_unsigned(&Sent::v1(creations(INITECH, 1), APP_SECRET), "our app");
    world.assert_unsigned(&Sent::v1(creations(ACME, 1), APP_SECRET), "our app, private portal");
    world.connect("acme", ACME, AuthMode::Oauth);
    world.advance(Duration::from_secs(61));
    world.assert_unsigned(&Sent::v1(creations(ACME, 1), ACME_SECRET), "no private app any more");
}

#[test]
fn webhook_with_a_bad_version_3_is_refused_though_version_1_is_good() {
    let world = WebhookWorld::new();
    let body = creations(ACME, 1);
    let sent = Sent::v3(body.clone(), GLOBEX_SECRET, world.now_ms())
        .header("X-HubSpot-Signature", &v1(ACME_SECRET, &body))
        .header("X-HubSpot-Signature-Version", "v1");
    world.assert_unsigned(&sent, "version 3 of another tenant");
    let both = Sent::v3(body.clone(), ACME_SECRET, world.now_ms())
        .header("X-HubSpot-Signature", "0000")
        .header("X-HubSpot-Signature-Version", "v1");
    assert_eq!(world.deliver(&both).status, 200, "version 3 decides alone");
}

#[test]
fn webhook_with_headers_that_are_missing_doubled_or_joined_is_refused() {
    let world = WebhookWorld::new();
    let good = Sent::v3(creations(ACME, 1), ACME_SECRET, world.now_ms());
    for name in ["X-HubSpot-Signature-v3", "X-HubSpot-Request-Timestamp"] {
        let value = good.value(name);
        world.assert_unsigned(&good.clone().without(name), &format!("without {name}"));
        let twice = good.clone().header(&name.to_ascii_lowercase(), &value);
        world.assert_unsigned(&twice, &format!("{name} twice"));
        let joined = good.clone().without(name).header(name, &format!("{value},{value}"));
        world.assert_unsigned(&joined, &format!("{name} joined"));
        let blank = good.clone().without(name).header(name, &format!(" {value}"));
        world.assert_unsigned(&blank, &format!("{name} with a blank"));
    }
    assert_eq!(world.deliver(&good).status, 200);
}

#[test]
fn webhook_is_verified_against_the_public_address_with_its_query() {
    let world = WebhookWorld::new();
    let body = creations(ACME, 1);
    let timestamp = world.now_ms().to_string();
    let signed = |url: &str| {
        let mut sent = Sent::unsigned(body.clone())
            .header("X-HubSpot-Signature-v3", &v3(ACME_SECRET, "POST", url, &body, &timestamp))
            .header("X-HubSpot-Request-Timestamp", &timestamp);
        sent.raw_query = "a=%2F&b=%20".to_owned();
        sent
    };
    let good = signed(&format!("{BASE_URL}{PATH}?a=/&b=%20"));
    assert_eq!(world.deliver(&good).status, 200);
    assert_eq!(world.changes().len(), 1);
    world.assert_unsigned(&signed(&format!("{BASE_URL}{PATH}")), "without the query");
    world.assert_unsigned(&signed(&format!("{BASE_URL}{PATH}?a=/&b= ")), "decoded too far");

    let world = WebhookWorld::with_base_url("");
    let called = signed(&format!("https://internal.example.com/prod{PATH}?a=/&b=%20"));
    assert_eq!(world.deliver(&called).status, 200, "the host that was called");
    assert_eq!(world.changes().len(), 1);
    world.assert_unsigned(&good, "another host");
}

#[test]
fn webhook_body_is_taken_as_the_bytes_that_were_sent() {
    let world = WebhookWorld::new();
    let text = creations(ACME, 1);
    let mut with_mark = b"\xef\xbb\xbf".to_vec();
    with_mark.extend_from_slice(&text);
    let mut no_text = br#"[{"propertyValue":""#.to_vec();
    no_text.extend_from_slice(b"\xff\xfe\x00");
    no_text.truncate(no_text.len() - 1);
    no_text.extend_from_slice(
        br#"","portalId":62515,"objectId":1,"subscriptionType":"contact.creation"}]"#,
    );
    for (body, is_base64, what) in [
        (text.clone(), true, "base64"),
        (text.clone(), false, "text"),
        (with_mark.clone(), true, "a byte order mark"),
        (with_mark, false, "a byte order mark as text"),
        (no_text, true, "bytes that are no UTF-8"),
        (
            "[{\"propertyValue\":\"José ☃\",\"portalId\":62515,\"objectId\":1,\
           \"eventType\":\"contact.creation\"}]"
                .into(),
            false,
            "UTF-8",
        ),
    ] {
        let sent = Sent { is_base64, ..Sent::v3(body, ACME_SECRET, world.now_ms()) };
        assert_eq!(world.deliver(&sent).status, 200, "{what}");
        assert_eq!(world.changes().len(), 1, "{what}");
        let mut tampered = sent.clone();
        tampered.body.push(b' ');
        world.assert_unsigned(&tampered, what);
    }
}
