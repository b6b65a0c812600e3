//! HubSpot's webhooks from the gateway's event to the queue: limits, what is skipped, one message per
//! object, and an answer in time whatever is slow or broken.

use std::time::Duration;

use serde_json::json;
use sync_domain::model::{ChangeKind, ObjectType};
use sync_domain::ports::Clock;

use crate::support::cloud::root;
use crate::support::webhook_signing::{Sent, body_of, contact_event, creations};
use crate::support::webhook_world::{
    ACME, ACME_SECRET, APP_SECRET, INITECH, NOBODY, UMBRELLA, WebhookWorld,
};

/// Within this a provider must have its answer.
const IN_TIME: Duration = Duration::from_secs(5);

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
