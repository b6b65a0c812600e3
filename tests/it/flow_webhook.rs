//! HubSpot's webhooks from the gateway's event to the queue: who is believed in what, limits, faults.

use std::time::Duration;

use serde_json::json;
use sync_domain::model::{ChangeKind, ObjectType};
use sync_domain::ports::{AuthMode, Clock};

use crate::support::cloud::root;
use crate::support::webhook_signing::{BASE_URL, PATH, Sent, body_of, contact_event, v1, v3};
use crate::support::webhook_world::{
    ACME, ACME_SECRET, APP_SECRET, GLOBEX, GLOBEX_SECRET, INITECH, NOBODY, UMBRELLA, WebhookWorld,
};

/// Within this a provider must have its answer.
const IN_TIME: Duration = Duration::from_secs(5);

fn creations(portal_id: u64, count: u64) -> Vec<u8> {
    let events: Vec<_> = (1..=count).map(|id| contact_event(portal_id, id, "creation")).collect();
    body_of(&events)
}

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

#[test]
fn webhook_that_is_too_large_is_refused_before_it_is_verified() {
    let world = WebhookWorld::new();
    let padded = |bytes: usize| {
        let mut body = creations(ACME, 1);
        body.resize(bytes, b' ');
        Sent::v3(body, ACME_SECRET, world.now_ms())
    };
    assert_eq!(world.deliver(&padded(1024 * 1024)).status, 200);
    let answer = world.deliver(&padded(1024 * 1024 + 1));
    assert_eq!((answer.status, answer.error_code.as_deref()), (413, Some("body_too_large")));
    let answer = world.deliver(&Sent::unsigned(vec![b'['; 1024 * 1024 + 1]));
    assert_eq!(answer.status, 413);
}

#[test]
fn webhook_that_is_signed_and_no_list_of_up_to_100_events_is_refused() {
    let world = WebhookWorld::new();
    let signed = |body: Vec<u8>| world.deliver(&Sent::v3(body, APP_SECRET, world.now_ms()));
    for body in ["", " ", "{}", "null", "[", "[{}", "[{}],", "[{},]", "{'a':1}", "\u{0}"] {
        let answer = signed(body.into());
        let seen = (answer.status, answer.error_code.as_deref());
        assert_eq!(seen, (400, Some("invalid_events")), "{body:?}");
        world.assert_unsigned(&Sent::unsigned(body), "the same unsigned");
    }
    let answer = signed(creations(INITECH, 101));
    assert_eq!((answer.status, answer.error_code.as_deref()), (400, Some("invalid_events")));
    assert_eq!(world.changes(), []);
    assert_eq!(signed(creations(INITECH, 100)).status, 200);
    assert_eq!(world.changes().len(), 100);
}

#[test]
fn webhook_with_nothing_for_us_is_accepted_so_that_it_does_not_come_again() {
    let world = WebhookWorld::new();
    let mut ticket = contact_event(INITECH, 1, "creation");
    ticket["subscriptionType"] = json!("ticket.creation");
    for events in [
        vec![],
        vec![ticket],
        vec![contact_event(NOBODY, 1, "creation")],
        vec![json!({}), json!(7), json!("x"), json!(null), json!([])],
    ] {
        let answer = world.deliver(&Sent::v3(body_of(&events), APP_SECRET, world.now_ms()));
        let expected = json!({ "accepted": 0, "skipped": events.len() });
        assert_eq!((answer.status, answer.body), (200, expected));
    }
    assert_eq!(world.changes(), []);
}

#[test]
fn webhook_events_that_cannot_be_read_do_not_take_their_neighbours_with_them() {
    let world = WebhookWorld::new();
    let body = format!(
        r#"[7, {{"portalId":"x"}}, {}, {{"portalId":62515,"objectId":"1#2","subscriptionType":"contact.creation"}},
           {{"portalId":62515,"subscriptionType":"contact.\ud800","objectId":1}}, {}]"#,
        contact_event(ACME, 1, "creation"),
        contact_event(ACME, 2, "creation"),
    );
    let answer = world.deliver(&Sent::v3(body, ACME_SECRET, world.now_ms()));
    assert_eq!((answer.status, answer.body), (200, json!({ "accepted": 2, "skipped": 4 })));
    assert_eq!(world.changes().len(), 2);
}

#[test]
fn webhook_events_of_one_object_become_one_message() {
    let world = WebhookWorld::new();
    let mut events: Vec<_> =
        ["creation", "propertyChange", "propertyChange", "deletion", "restore"]
            .into_iter()
            .map(|kind| contact_event(INITECH, 5, kind))
            .collect();
    events[1]["propertyName"] = json!("firstname");
    events[2]["propertyName"] = json!("email");
    events[2]["occurredAt"] = json!(1_789_999_995_000_i64);
    // Neither another kind of object nor another portal's object of that id is the same.
    let mut company = contact_event(INITECH, 5, "creation");
    company["subscriptionType"] = json!("company.creation");
    events.extend([company, contact_event(UMBRELLA, 5, "creation")]);
    let mut seen = Vec::new();
    for _ in 0..2 {
        events.reverse();
        let sent = Sent::v3(body_of(&events), APP_SECRET, world.now_ms())
            .header("x-correlation-id", "delivery-1");
        assert_eq!(world.deliver(&sent).status, 200);
        seen.push(world.changes());
    }
    assert_eq!(seen[0], seen[1], "the order of the events does not matter");
    assert_eq!(seen[0].len(), 3);
    let contact = &seen[0][0];
    assert_eq!(contact.object_type, ObjectType::Contact);
    let kinds: Vec<_> = contact.kinds.iter().copied().collect();
    let expected =
        [ChangeKind::Created, ChangeKind::Properties, ChangeKind::Deleted, ChangeKind::Restored];
    assert_eq!(kinds, expected);
    assert!(contact.properties.iter().eq(["email", "firstname"]));
    assert_eq!(contact.occurred_at.as_millisecond(), 1_789_999_995_000);
}

#[test]
fn webhook_comes_again_when_the_queue_lacks_even_one_message() {
    let world = WebhookWorld::new();
    for failing in [1, 7, 25] {
        world.queue.queue.fail_next(failing);
        let sent = Sent::v3(creations(ACME, 25), ACME_SECRET, world.now_ms());
        let answer = world.deliver(&sent);
        let seen = (answer.status, answer.error_code.as_deref());
        assert_eq!(seen, (503, Some("service_unavailable")), "{failing} of 25 fail");
        assert_eq!(world.changes().len(), 25 - failing);
        assert_eq!(world.deliver(&sent).status, 200, "the delivery comes again");
        assert_eq!(world.changes().len(), 25);
    }
}

#[test]
fn webhook_is_answered_in_time_however_slow_queue_and_secrets_are() {
    for delay in [5, 10, 3_600].map(Duration::from_secs) {
        let world = WebhookWorld::new();
        *world.queue.delay.lock().unwrap() = delay;
        let answer = world.deliver(&Sent::v3(creations(ACME, 3), ACME_SECRET, world.now_ms()));
        assert_eq!(answer.status, 503, "a queue that takes {delay:?}");
        assert!(answer.took < IN_TIME, "{:?}", answer.took);

        let world = WebhookWorld::new();
        *world.shelf.delay.lock().unwrap() = delay;
        let answer = world.deliver(&Sent::v3(creations(ACME, 3), ACME_SECRET, world.now_ms()));
        assert_eq!(answer.status, 503, "secrets that take {delay:?} each");
        assert!(answer.took < IN_TIME, "{:?}", answer.took);
        assert_eq!(world.changes(), []);
    }
    let world = WebhookWorld::new();
    *world.queue.delay.lock().unwrap() = Duration::from_secs(4);
    let answer = world.deliver(&Sent::v3(creations(ACME, 3), ACME_SECRET, world.now_ms()));
    assert_eq!(answer.status, 200, "slow, and in time");
}

#[test]
fn webhook_that_waited_for_a_cold_start_has_less_time() {
    for (received_before_ms, expected_ms) in [
        (0, 4_400),
        (2_000, 2_400),
        (6_000, 0),
        // Not timed by our clock: as if it had come just now.
        (86_400_000, 4_400),
        (-60_000, 4_400),
    ] {
        let world = WebhookWorld::new();
        *world.queue.delay.lock().unwrap() = Duration::from_secs(60);
        let mut sent = Sent::v3(creations(ACME, 1), ACME_SECRET, world.now_ms());
        sent.received_ms = Some(world.now_ms() - received_before_ms);
        let answer = world.deliver(&sent);
        let expected = Duration::from_millis(expected_ms);
        assert_eq!((answer.status, answer.took), (503, expected), "{received_before_ms} ms before");
    }
}

#[test]
fn webhook_is_answered_before_the_invocation_ends() {
    let world = WebhookWorld::new();
    *world.queue.delay.lock().unwrap() = Duration::from_secs(60);
    let sent = Sent::v3(creations(ACME, 1), ACME_SECRET, world.now_ms());
    for left_ms in [0, 100, 700, 2_000, 20_000] {
        let left = Duration::from_millis(left_ms);
        let answer = world.deliver_until(&sent, world.clock.now() + left);
        assert_eq!(answer.status, 503);
        let limit = left.min(IN_TIME).saturating_sub(Duration::from_millis(500));
        assert!(answer.took <= limit, "{left:?} left, took {:?}", answer.took);
    }
}

#[test]
fn webhook_whose_portal_cannot_be_looked_up_comes_again_and_the_others_go_on() {
    let world = WebhookWorld::new();
    world.accounts.fail_for(&[&UMBRELLA.to_string()]);
    let events = [contact_event(INITECH, 1, "creation"), contact_event(UMBRELLA, 2, "creation")];
    let sent = Sent::v3(body_of(&events), APP_SECRET, world.now_ms());
    assert_eq!(world.deliver(&sent).status, 503);
    assert_eq!(world.changes().len(), 1);
    world.accounts.fail_for(&[]);
    assert_eq!(world.deliver(&sent).status, 200);
    assert_eq!(world.changes().len(), 2);
}

#[test]
fn webhook_delivered_again_and_again_gives_the_same_messages() {
    let world = WebhookWorld::new();
    let sent = Sent::v3(creations(ACME, 12), ACME_SECRET, world.now_ms())
        .header("x-correlation-id", "delivery-1");
    world.deliver(&sent);
    let first = world.changes();
    world.deliver(&sent);
    assert_eq!(world.changes(), first);
}

#[test]
fn webhook_event_files_get_their_answers() {
    let accepted = |accepted: u64, skipped: u64| json!({"accepted": accepted, "skipped": skipped});
    let refused = |code: &str| json!(code);
    let world = WebhookWorld::new();
    let secret = json!({ "current": "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy" });
    world.put_secret("tenants/acme/hubspot/webhook", secret);
    let expected = [
        ("base64_body", 200, accepted(1, 0)),
        ("doubled_header", 401, refused("invalid_signature")),
        ("mixed_events_v1", 200, accepted(3, 2)),
        ("no_signature", 401, refused("invalid_signature")),
        ("not_base64", 400, refused("invalid_events")),
        ("private_app_v1", 200, accepted(1, 0)),
        ("stale_v3", 401, refused("invalid_signature")),
    ];
    let folder = root().join("events/webhook-hubspot");
    let files = std::fs::read_dir(&folder).unwrap().count();
    assert_eq!(files, expected.len(), "a file without an expected answer");
    for (name, status, body) in expected {
        let event = std::fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
        let answer = world.invoke(&event, world.clock.now() + IN_TIME);
        let seen = answer.error_code.map_or(answer.body, serde_json::Value::from);
        assert_eq!((answer.status, seen), (status, body), "{name}");
    }
}
