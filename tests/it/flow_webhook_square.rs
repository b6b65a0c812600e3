//! Square's deliveries on fakes, from the gateway's event to the queue: which key signs, whose they are,
//! what goes into a message, and that nothing of a person does.

use std::time::Duration;

use serde_json::{Value, json};
use sync_domain::model::{BookingChange, RemoteState, System, TenantId};
use sync_domain::ports::{AccountOwner, AuthMode, Clock};

use crate::support::cloud::root;
use crate::support::log_capture::logged;
use crate::support::square_signing::{
    BOOKING, MERCHANT, PATH, TYPED, booking, event, event_of, sent, sent_to,
};
use crate::support::webhook_signing::{BASE_URL, Sent};
use crate::support::webhook_world::WebhookWorld;

/// The key of our app's webhook subscription, and what else is in the same secret.
const KEY: &str = "square-signature-key";
const CLIENT_SECRET: &str = "app-client-secret";
/// Another tenant's seller, and one of nobody's.
const OTHER_MERCHANT: &str = "4MN7T0ZS1R2W3";
const UNKNOWN_MERCHANT: &str = "ZZ0UNKNOWN0ZZ";
/// As long as anything is remembered.
const REMEMBERED: Duration = Duration::from_secs(61);
/// A new secret is looked for this often.
const REREAD: Duration = Duration::from_secs(11);
const DAY: Duration = Duration::from_secs(86_400);

fn world() -> WebhookWorld {
    world_called(BASE_URL)
}

fn world_called(base_url: &str) -> WebhookWorld {
    let world = WebhookWorld::of(System::Square, "webhook-square", base_url);
    for (tenant, merchant_id) in [("acme", MERCHANT), ("globex", OTHER_MERCHANT)] {
        let tenant = TenantId::parse(tenant).unwrap();
        let owner = AccountOwner { tenant, auth: AuthMode::Oauth };
        world.accounts.connect(System::Square, merchant_id, owner);
    }
    world.put_secret("apps/square", app(&json!({"webhook_signature_key": KEY})));
    world
}

/// Our app's secret with these members besides.
fn app(members: &Value) -> Value {
    let mut app = json!({
        "client_id": "sq0idp-1", "client_secret": CLIENT_SECRET,
        "previous_client_secret": "app-client-secret-before",
        "previous_until": "2999-01-01T00:00:00Z", "redirect_uri": "https://a/cb", "pkce": true,
    });
    let members = members.as_object().unwrap().clone();
    app.as_object_mut().unwrap().extend(members);
    app
}

fn updated(version: u64) -> String {
    event("booking.updated", &booking(version, "ACCEPTED")).to_string()
}

/// Status and what was put on the queue.
fn delivered(world: &WebhookWorld, sent: &Sent) -> (u64, Vec<BookingChange>) {
    let answer = world.deliver(sent);
    (answer.status, world.booking_changes())
}

#[track_caller]
fn assert_refused(world: &WebhookWorld, sent: &Sent, what: &str) {
    let answer = world.deliver(sent);
    assert_eq!(answer.error_code.as_deref(), Some("invalid_signature"), "{what}: {answer:?}");
    assert_eq!((answer.status, world.booking_changes()), (401, vec![]), "{what}");
}

#[test]
fn delivery_is_a_message_for_its_sellers_tenant_with_all_but_who_booked() {
    let world = world();
    for (merchant_id, tenant) in [(MERCHANT, "acme"), (OTHER_MERCHANT, "globex")] {
        let body = event_of(merchant_id, "booking.created", &booking(0, "PENDING"));
        let answer = world.deliver(&sent(body.to_string(), KEY));
        assert_eq!((answer.status, answer.body), (200, json!({"accepted": 1, "skipped": 0})));
        let [change] = &world.booking_changes()[..] else { panic!("one message") };
        assert_eq!((change.tenant.as_str(), change.system), (tenant, System::Square));
        assert_eq!(change.account_id, merchant_id);
        assert_eq!((change.external_id.as_str(), change.missing_since), (BOOKING, None));
        let snapshot = change.snapshot.as_ref().unwrap();
        assert_eq!(snapshot.starts_at, "2026-12-01T15:30:00Z".parse().unwrap());
        assert_eq!(snapshot.ends_at, "2026-12-01T16:30:00Z".parse().unwrap());
        assert_eq!(snapshot.state, RemoteState::Standing);
    }
}

#[test]
fn message_holds_nothing_that_anybody_has_typed() {
    let world = world();
    assert_eq!(world.deliver(&sent(updated(3), KEY)).status, 200);
    let [message] = &world.queue.queue.take()[..] else { panic!("one message") };
    for typed in TYPED.into_iter().chain(["canary", "Canary", "address", "note", "creator"]) {
        assert!(!message.body.contains(typed), "{typed}: {}", message.body);
    }
    let body: Value = serde_json::from_str(&message.body).unwrap();
    let members: Vec<_> = body["snapshot"].as_object().unwrap().keys().collect();
    assert_eq!(
        members,
        ["customer_id", "details", "ends_at_ms", "provider_version", "starts_at_ms", "state"]
    );
    assert!(message.body.len() < 1_024, "{} bytes", message.body.len());
}

/// What comes twice has the same version, and of one version nothing is written twice.
#[test]
fn delivery_that_comes_twice_tells_the_same_of_the_same_version() {
    let world = world();
    let twice = sent(updated(3), KEY);
    let (_, first) = delivered(&world, &twice);
    let (_, second) = delivered(&world, &twice);
    assert_eq!((first.len(), second.len()), (1, 1));
    assert_eq!(first[0].snapshot, second[0].snapshot);
    let mut both = first[0].clone();
    both.absorb(second[0].clone());
    assert_eq!(both.snapshot, first[0].snapshot);
    let (_, later) = delivered(&world, &sent(updated(4), KEY));
    both.absorb(later[0].clone());
    both.absorb(first[0].clone());
    assert_eq!(both.snapshot, later[0].snapshot, "the later version wins in any order");
}

#[test]
fn delivery_of_a_seller_that_nobody_has_connected_is_taken_and_dropped() {
    let world = world();
    let body = event_of(UNKNOWN_MERCHANT, "booking.updated", &booking(1, "ACCEPTED"));
    let answer = world.deliver(&sent(body.to_string(), KEY));
    assert_eq!((answer.status, answer.body), (200, json!({"accepted": 0, "skipped": 1})));
    assert_eq!(world.booking_changes(), []);
}

#[test]
fn app_secret_signs_nothing_be_it_current_or_the_one_before() {
    let world = world();
    for secret in [CLIENT_SECRET, "app-client-secret-before", ""] {
        assert_refused(&world, &sent(updated(1), secret), secret);
    }
    world.put_secret("apps/square", app(&json!({})));
    world.advance(REMEMBERED);
    for secret in [CLIENT_SECRET, "app-client-secret-before", KEY, ""] {
        assert_refused(&world, &sent(updated(1), secret), "there is no signature key");
    }
    world.put_secret("apps/square", app(&json!({"webhook_signature_key": ""})));
    world.advance(REMEMBERED);
    for secret in [CLIENT_SECRET, "app-client-secret-before", KEY, ""] {
        assert_refused(&world, &sent(updated(1), secret), "the signature key is empty");
    }
}

/// A tenant's own secret proves nothing either, whatever is stored there.
#[test]
fn secret_of_a_tenant_is_not_even_looked_at() {
    let world = world();
    world.put_secret("tenants/acme/square/webhook", json!({"current": "tenants-own"}));
    assert_refused(&world, &sent(updated(1), "tenants-own"), "a tenant's secret");
    assert_eq!(world.secret_reads(), 2, "our app's, and once more because nothing fitted");
}

#[test]
fn key_that_is_entered_later_is_found_by_the_first_delivery_that_fits_none() {
    let world = world();
    world.remove_secret("apps/square");
    assert_refused(&world, &sent(updated(1), KEY), "there is no app");
    world.put_secret("apps/square", app(&json!({"webhook_signature_key": KEY})));
    world.advance(REREAD);
    assert_eq!(delivered(&world, &sent(updated(1), KEY)).0, 200);
}

#[test]
fn key_before_is_good_until_its_end_and_a_second_rotation_ends_the_first_key() {
    let world = world();
    let rotate = |world: &WebhookWorld, key: &str, previous: &str| {
        let until = world.clock.now() + DAY;
        let members = json!({
            "webhook_signature_key": key, "previous_webhook_signature_key": previous,
            "previous_until": until.to_string(),
        });
        world.put_secret("apps/square", app(&members));
        world.advance(REMEMBERED);
    };
    let assert_takes = |world: &WebhookWorld, expected: [(&str, u64); 3]| {
        for (key, status) in expected {
            assert_eq!(delivered(world, &sent(updated(1), key)).0, status, "{key}");
        }
    };
    assert_takes(&world, [(KEY, 200), ("key-2", 401), ("key-3", 401)]);
    rotate(&world, "key-2", KEY);
    assert_takes(&world, [("key-2", 200), (KEY, 200), ("key-3", 401)]);
    rotate(&world, "key-3", "key-2");
    assert_takes(&world, [("key-3", 200), ("key-2", 200), (KEY, 401)]);
    world.advance(DAY);
    assert_takes(&world, [("key-3", 200), ("key-2", 401), (KEY, 401)]);
}

/// Nobody says until when, so it counts not at all.
#[test]
fn key_before_without_an_end_does_not_count() {
    let world = world();
    let mut secret = app(&json!({
        "webhook_signature_key": "key-2", "previous_webhook_signature_key": KEY,
    }));
    secret.as_object_mut().unwrap().remove("previous_until");
    world.put_secret("apps/square", secret);
    assert_refused(&world, &sent(updated(1), KEY), "without an end");
    assert_eq!(delivered(&world, &sent(updated(1), "key-2")).0, 200);
}

#[test]
fn delivery_is_signed_for_the_address_that_the_vendor_was_given() {
    for (base_url, url) in [
        (BASE_URL, format!("{BASE_URL}{PATH}")),
        ("https://hooks.example.com/a/b", format!("https://hooks.example.com/a/b{PATH}")),
        // Without a name of its own the API is called by the gateway's, with the stage.
        ("", format!("https://internal.example.com/prod{PATH}")),
    ] {
        let world = world_called(base_url);
        assert_eq!(delivered(&world, &sent_to(&url, updated(1), KEY)).0, 200, "{url}");
        for other in [
            format!("{url}/"),
            format!("{url}?"),
            url.replace("https", "http"),
            url.replace("hooks.", "other."),
            format!("https://internal.example.com{PATH}"),
        ] {
            if other != url {
                assert_refused(&world, &sent_to(&other, updated(1), KEY), &other);
            }
        }
    }
    let world = world();
    let url = format!("{BASE_URL}{PATH}?from=square&x=%2F");
    let queried =
        Sent { raw_query: "from=square&x=%2F".to_owned(), ..sent_to(&url, updated(1), KEY) };
    assert_eq!(delivered(&world, &queried).0, 200, "a query is signed as it was called");
}

#[test]
fn delivery_that_is_altered_or_unsigned_is_refused() {
    let world = world();
    let good = sent(updated(1), KEY);
    let header = "X-Square-HmacSha256-Signature";
    let signature = good.value(header);
    assert_refused(&world, &good.clone().without(header), "unsigned");
    assert_refused(&world, &good.clone().header(header, &signature), "signed twice");
    let lower = good.clone().without(header).header("x-square-signature", &signature);
    assert_refused(&world, &lower, "the header of former times");
    let other = updated(1).replace(BOOKING, "another");
    assert_refused(&world, &Sent { body: other.into_bytes(), ..good.clone() }, "another booking");
    let other = updated(1).replace(MERCHANT, OTHER_MERCHANT);
    assert_refused(&world, &Sent { body: other.into_bytes(), ..good.clone() }, "another seller");
    let plain = Sent { is_base64: false, ..good };
    assert_eq!(delivered(&world, &plain).0, 200, "however the gateway passes it on");
}

#[test]
fn signed_delivery_that_is_nothing_for_us_leaves_no_message() {
    let world = world();
    for (body, status, skipped) in [
        (event("customer.updated", &booking(1, "ACCEPTED")).to_string(), 200, Some(1)),
        (r#"{"type":"oauth.authorization.revoked","merchant_id":"M"}"#.to_owned(), 200, Some(1)),
        (r#"{"type":"booking.updated","merchant_id":"M"}"#.to_owned(), 200, Some(1)),
        ("[]".to_owned(), 400, None),
        ("<html>".to_owned(), 400, None),
        (String::new(), 400, None),
    ] {
        let answer = world.deliver(&sent(body.clone(), KEY));
        assert_eq!(answer.status, status, "{body}: {answer:?}");
        assert_eq!(answer.body["skipped"].as_u64(), skipped, "{body}");
        assert_eq!(world.booking_changes(), [], "{body}");
    }
}

#[test]
fn body_of_a_mebibyte_is_taken_and_a_larger_one_is_not() {
    let world = world();
    let mut large = booking(1, "ACCEPTED");
    large["customer_note"] = json!("");
    let room = 1_048_576 - event("booking.updated", &large).to_string().len();
    for (more, status, messages) in [(0, 200, 1), (1, 413, 0)] {
        large["customer_note"] = json!("x".repeat(room + more));
        let body = event("booking.updated", &large).to_string();
        let (answered, changes) = delivered(&world, &sent(body, KEY));
        assert_eq!((answered, changes.len()), (status, messages));
    }
}

/// Whatever fails here, Square is to deliver again.
#[test]
fn faults_of_ours_are_answered_such_that_the_delivery_comes_again() {
    let world = world();
    *world.shelf.is_down.lock().unwrap() = true;
    assert_eq!(delivered(&world, &sent(updated(1), KEY)).0, 503, "the secrets");
    *world.shelf.is_down.lock().unwrap() = false;
    world.advance(REMEMBERED);
    world.accounts.fail_for(&[MERCHANT]);
    assert_eq!(delivered(&world, &sent(updated(1), KEY)).0, 503, "the accounts");
    world.accounts.fail_for(&[]);
    world.queue.queue.fail_next(1);
    assert_eq!(delivered(&world, &sent(updated(1), KEY)).0, 503, "the queue");
    assert_eq!(delivered(&world, &sent(updated(1), KEY)).0, 200);
}

/// The files are signed with the key of this module.
#[test]
fn square_event_files_get_their_answers() {
    let world = world();
    let expected = [
        ("booking_created", 200, 1),
        ("booking_cancelled_base64", 200, 1),
        ("unknown_status", 200, 1),
        ("customer_ignored", 200, 0),
        ("test_notification", 200, 0),
        ("no_signature", 401, 0),
        ("signed_with_the_client_secret", 401, 0),
        ("list_body", 400, 0),
        ("not_base64", 400, 0),
    ];
    let folder = root().join("events/webhook-square");
    let files = std::fs::read_dir(&folder).unwrap().count();
    assert_eq!(files, expected.len(), "a file without an expected answer");
    for (name, status, messages) in expected {
        let event = std::fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
        let answer = world.invoke(&event, world.clock.now() + Duration::from_secs(5));
        let changes = world.booking_changes();
        assert_eq!((answer.status, changes.len()), (status, messages), "{name}: {answer:?}");
        let has_snapshot = changes.first().is_some_and(|change| change.snapshot.is_some());
        assert_eq!(has_snapshot, name.starts_with("booking_"), "{name}");
    }
}

#[test]
fn keys_and_what_was_typed_show_in_no_log_line_and_no_answer() {
    let mut texts = Vec::new();
    let mut hidden: Vec<_> = TYPED.map(str::to_owned).into();
    let log = logged(|| {
        let world = world();
        for (body, key) in [
            (updated(1), KEY),
            (updated(1), CLIENT_SECRET),
            (event("booking.updated", &booking(1, "WAITING")).to_string(), KEY),
            (event("customer.updated", &booking(1, "ACCEPTED")).to_string(), KEY),
            (updated(1).replacen('{', "[", 1), KEY),
        ] {
            let sent = sent(body, key);
            hidden.push(sent.value("X-Square-HmacSha256-Signature"));
            texts.push(world.deliver(&sent).body.to_string());
        }
        hidden.extend([KEY, CLIENT_SECRET].map(str::to_owned));
    });
    assert!(log.lines().count() >= 5, "{log}");
    texts.push(log);
    for text in texts {
        assert!(!hidden.iter().any(|secret| text.contains(secret)), "{text}");
    }
}
