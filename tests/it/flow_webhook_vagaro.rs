//! Vagaro's deliveries on fakes: what proves them, what is answered such that they come again, and that
//! neither who booked nor a secret goes anywhere.

use std::net::IpAddr;
use std::time::Duration;

use serde_json::{Value, json};
use sync_domain::hook_address;
use sync_domain::model::{BookingChange, System, TenantId};
use sync_domain::ports::{AccountOwner, AuthMode, Clock};

use crate::support::cloud::root;
use crate::support::log_capture::logged;
use crate::support::vagaro::{APPOINTMENT, SHOP, SIGNATURE, appointment, appointment_with, event};
use crate::support::webhook_signing::{BASE_URL, Sent};
use crate::support::webhook_world::{Answer, WebhookWorld};

const SECRET: &str = "canary-verification-token";
const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const OTHER_TOKEN: &str = "fedcba9876543210fedcba9876543210";
const UNKNOWN_TOKEN: &str = "00000000000000000000000000000000";
const AT: &str = "2026-09-21T14:00:00Z";
/// A new secret is looked for this often.
const REREAD: Duration = Duration::from_secs(11);

fn connect(world: &WebhookWorld, tenant: &str, token: &str, secret: Value) {
    for account_id in [format!("{SHOP}{tenant}"), hook_address::account_id(token)] {
        let tenant = TenantId::parse(tenant).unwrap();
        let owner = AccountOwner { tenant, auth: AuthMode::ClientCredentials };
        world.accounts.connect(System::Vagaro, &account_id, owner);
    }
    world.put_secret(&format!("tenants/{tenant}/vagaro/webhook"), secret);
}

/// Acme has entered its verification token, globex has not yet.
fn connected_from(sources: &[&str]) -> WebhookWorld {
    let sources = sources.iter().map(|it| it.parse::<IpAddr>().unwrap()).collect();
    let world = WebhookWorld::with_sources(System::Vagaro, "webhook-vagaro", BASE_URL, sources);
    connect(&world, "acme", TOKEN, json!({"current": SECRET, "url_token": TOKEN}));
    connect(&world, "globex", OTHER_TOKEN, json!({"current": "", "url_token": OTHER_TOKEN}));
    world
}

fn connected() -> WebhookWorld {
    connected_from(&[])
}

fn updated() -> String {
    event("updated", AT, appointment(APPOINTMENT)).to_string()
}

fn signed(token: &str) -> Sent {
    Sent::vagaro(updated(), SECRET, token)
}

fn delivered(world: &WebhookWorld, sent: &Sent) -> (Answer, Vec<BookingChange>) {
    (world.deliver(sent), world.booking_changes())
}

/// Answered such that Vagaro sends it again.
#[track_caller]
fn assert_later(world: &WebhookWorld, sent: &Sent, what: &str) {
    let (answer, changes) = delivered(world, sent);
    assert_eq!((answer.status, changes.len()), (503, 0), "{what}: {answer:?}");
    assert_eq!(answer.error_code.as_deref(), Some("service_unavailable"), "{what}");
}

#[test]
fn delivery_with_the_token_reaches_the_tenant_of_its_address() {
    let world = connected();
    let (answer, changes) = delivered(&world, &signed(TOKEN));
    assert_eq!((answer.status, answer.body), (200, json!({"accepted": 1, "skipped": 0})));
    let change = &changes[0];
    assert_eq!((change.tenant.as_str(), change.system), ("acme", System::Vagaro));
    assert_eq!(change.account_id, hook_address::account_id(TOKEN));
    assert_eq!(change.external_id.as_str(), APPOINTMENT);
    let snapshot = change.snapshot.as_ref().unwrap();
    assert_eq!(snapshot.as_of.unwrap().to_string(), AT);
}

#[test]
fn delivery_to_a_known_address_that_is_not_proven_is_to_come_again() {
    let world = connected();
    let wrong = Sent::vagaro(updated(), "another-token", TOKEN);
    assert_later(&world, &wrong, "a wrong token");
    assert_later(&world, &signed(TOKEN).without(SIGNATURE), "no token");
    assert_later(&world, &signed(TOKEN).header(SIGNATURE, SECRET), "the header twice");
    let joined = format!("{SECRET}, {SECRET}");
    assert_later(
        &world,
        &Sent::vagaro(updated(), &joined, TOKEN),
        "twice, as the gateway joins it",
    );
    assert_later(&world, &Sent::vagaro(updated(), "", TOKEN), "an empty token");
    assert_later(&world, &signed(OTHER_TOKEN), "acme's token at globex's address");
    assert_later(
        &world,
        &Sent::vagaro(updated(), "", OTHER_TOKEN),
        "nothing stored, nothing shown",
    );
    assert_later(&world, &Sent::vagaro("<html>", "another-token", TOKEN), "nothing of it is read");
}

#[test]
fn delivery_to_an_address_that_nobody_has_is_refused_for_good() {
    let world = connected();
    for (token, what) in [
        (UNKNOWN_TOKEN, "unknown"),
        ("", "none"),
        ("wrong", "no token's form"),
        (&TOKEN.to_uppercase(), "another case"),
        (&hook_address::account_id(TOKEN), "what it is looked up by"),
        (SHOP, "the account"),
    ] {
        for sent in [signed(token), signed(token).without(SIGNATURE)] {
            let (answer, changes) = delivered(&world, &sent);
            assert_eq!((answer.status, changes.len()), (401, 0), "{what}: {answer:?}");
            assert_eq!(answer.error_code.as_deref(), Some("invalid_signature"), "{what}");
        }
    }
    let in_query = Sent { raw_query: format!("token={TOKEN}"), ..signed("") };
    assert_eq!(world.deliver(&in_query).status, 401);
}

#[test]
fn delivery_is_taken_as_soon_as_its_token_is_entered() {
    let world = connected();
    let sent = signed(OTHER_TOKEN);
    assert_later(&world, &sent, "before");
    let secret = json!({"current": SECRET, "url_token": OTHER_TOKEN});
    world.put_secret("tenants/globex/vagaro/webhook", secret);
    world.advance(REREAD);
    let (answer, changes) = delivered(&world, &sent);
    assert_eq!((answer.status, changes.len()), (200, 1), "{answer:?}");
    assert_eq!(changes[0].tenant.as_str(), "globex");
}

#[test]
fn token_before_a_rotation_is_good_until_its_time() {
    let world = connected();
    let until = (world.clock.now() + Duration::from_secs(100)).to_string();
    let secret = json!({
        "current": "new-token", "previous": SECRET, "previous_until": until, "url_token": TOKEN,
    });
    world.put_secret("tenants/acme/vagaro/webhook", secret);
    for shown in ["new-token", SECRET] {
        let (answer, _) = delivered(&world, &Sent::vagaro(updated(), shown, TOKEN));
        assert_eq!(answer.status, 200, "{shown}: {answer:?}");
    }
    world.advance(Duration::from_secs(101));
    assert_later(&world, &signed(TOKEN), "the grace is over");
}

fn from_source(sent: &Sent, source: &str) -> String {
    let member = format!("\"sourceIp\":\"{source}\",\"method\":\"POST\"");
    let event = sent.gateway_event().replace("\"method\":\"POST\"", &member);
    assert!(event.contains("sourceIp"), "{event}");
    event
}

#[test]
fn delivery_from_elsewhere_is_to_come_again_where_the_sources_are_known() {
    let world = connected_from(&["20.220.12.83", "2001:db8::1"]);
    let status = |world: &WebhookWorld, event: &str| {
        let deadline = world.clock.now() + Duration::from_secs(5);
        let status = world.invoke(event, deadline).status;
        (status, world.booking_changes().len())
    };
    for source in ["20.220.12.83", "2001:db8::1", "::ffff:20.220.12.83"] {
        assert_eq!(status(&world, &from_source(&signed(TOKEN), source)), (200, 1), "{source}");
    }
    for source in ["20.220.12.84", "2001:db8::2", "unknown", ""] {
        assert_eq!(status(&world, &from_source(&signed(TOKEN), source)), (503, 0), "{source}");
    }
    assert_eq!(status(&world, &signed(TOKEN).gateway_event()), (503, 0), "nobody says from where");
    // The right source proves nothing by itself, and nothing at an address that nobody has.
    let wrong = Sent::vagaro(updated(), "another-token", TOKEN);
    assert_eq!(status(&world, &from_source(&wrong, "20.220.12.83")), (503, 0));
    assert_eq!(status(&world, &from_source(&signed(UNKNOWN_TOKEN), "20.220.12.83")), (401, 0));
    let anywhere = connected();
    assert_eq!(status(&anywhere, &from_source(&signed(TOKEN), "20.220.12.84")), (200, 1));
}

#[test]
fn source_of_a_vendor_that_sends_again_is_refused() {
    let sources = ["20.220.12.83".parse::<IpAddr>().unwrap()].into();
    let world = WebhookWorld::with_sources(System::Acuity, "webhook-acuity", BASE_URL, sources);
    let owner = AccountOwner { tenant: TenantId::parse("acme").unwrap(), auth: AuthMode::ApiKey };
    world.accounts.connect(System::Acuity, &hook_address::account_id(TOKEN), owner);
    world.put_secret("tenants/acme/acuity/webhook", json!({"current": "key", "url_token": TOKEN}));
    let sent = Sent::acuity("action=changed&id=7", "key", TOKEN);
    let deadline = world.clock.now() + Duration::from_secs(5);
    assert_eq!(world.invoke(&from_source(&sent, "20.220.12.83"), deadline).status, 200);
    assert_eq!(world.invoke(&from_source(&sent, "20.220.12.84"), deadline).status, 401);
}

#[test]
fn fault_of_ours_is_never_answered_such_that_the_event_is_lost() {
    const FINAL: [u64; 5] = [400, 401, 403, 404, 406];
    let check = |what: &str, world: &WebhookWorld| {
        let answer = world.deliver(&signed(TOKEN));
        assert!(!FINAL.contains(&answer.status) && answer.status >= 500, "{what}: {answer:?}");
        assert_eq!(world.booking_changes().len(), 0, "{what}");
    };
    let world = connected();
    world.accounts.fail_for(&[&hook_address::account_id(TOKEN)]);
    check("the table", &world);
    // Whatever it shows: nobody can say that it is nobody's.
    let bare = world.deliver(&signed(TOKEN).without(SIGNATURE));
    assert_eq!(bare.status, 503, "{bare:?}");
    let world = connected();
    *world.shelf.is_down.lock().unwrap() = true;
    check("the secrets", &world);
    let world = connected();
    *world.shelf.delay.lock().unwrap() = Duration::from_secs(60);
    check("slow secrets", &world);
    let world = connected();
    *world.queue.delay.lock().unwrap() = Duration::from_secs(60);
    check("a slow queue", &world);
    let world = connected();
    world.queue.queue.fail_next(10);
    check("the queue", &world);
}

#[test]
fn proven_delivery_that_can_not_be_read_is_to_come_again_and_the_log_says_why() {
    let log = logged(|| {
        let world = connected();
        for body in ["<html>canary", "[]", "\"canary\"", "{\"type\": \"appoint", ""] {
            assert_later(&world, &Sent::vagaro(body, SECRET, TOKEN), body);
        }
    });
    assert_eq!(log.matches("\"cause\":\"unreadable: not_a_list\"").count(), 5, "{log}");
    assert!(!log.contains("unproven") && !log.contains("canary"), "{log}");
    // Nobody's address stays nobody's.
    let answer = connected().deliver(&Sent::vagaro("<html>", SECRET, UNKNOWN_TOKEN));
    assert_eq!(answer.status, 401, "{answer:?}");
}

#[test]
fn kinds_that_nobody_uses_leave_no_mark_and_a_bare_deletion_does() {
    let world = connected();
    let mut customer = event("updated", AT, json!({"customerId": "c", "email": "ada@example.com"}));
    customer["type"] = "customer".into();
    let off = appointment_with(APPOINTMENT, &[("eventType", json!("PersonalOff"))]);
    for (body, skipped) in [
        (customer, 1),
        (event("updated", AT, off), 1),
        (event("deleted", AT, json!({"appointmentId": APPOINTMENT})), 0),
    ] {
        let (answer, changes) = delivered(&world, &Sent::vagaro(body.to_string(), SECRET, TOKEN));
        assert_eq!((answer.status, &answer.body["skipped"]), (200, &json!(skipped)), "{body}");
        assert!(changes.iter().all(|change| change.snapshot.is_none()));
        assert_eq!(changes.len(), usize::from(skipped == 0), "{body}");
    }
}

#[test]
fn secrets_and_people_show_in_no_log_line_no_answer_and_no_message() {
    let mut texts = Vec::new();
    let log = logged(|| {
        let world = connected();
        let mut body = event("updated", AT, appointment(APPOINTMENT));
        for name in ["customerFirstName", "email", "mobilePhone", "notes"] {
            body["payload"][name] = json!("canary-person@example.com");
        }
        for secret in [SECRET, "canary-wrong-token"] {
            let answer = world.deliver(&Sent::vagaro(body.to_string(), secret, TOKEN));
            texts.push(answer.body.to_string());
            let changes = world.booking_changes();
            texts.extend(changes.iter().map(|change| change.to_body().unwrap()));
        }
    });
    assert_eq!(texts.len(), 3, "two answers and a message");
    assert!(log.contains("\"cause\":\"unproven: signature_fits_no_secret\""), "{log}");
    assert!(log.contains("\"outcome\":\"unproven\"") && log.contains("\"tenant_ids\":\"acme\""));
    texts.push(log);
    for text in texts {
        assert!(!text.contains("canary") && !text.contains(TOKEN), "{text}");
    }
}

#[test]
fn log_says_that_a_token_is_yet_to_be_entered() {
    let log = logged(|| drop(connected().deliver(&signed(OTHER_TOKEN))));
    assert!(log.contains("\"cause\":\"unproven: no_secret_stored\""), "{log}");
    assert!(log.contains("\"tenant_ids\":\"globex\""), "{log}");
}

/// The files show `verification-token` to the address of the token 0123…cdef.
#[test]
fn vagaro_event_files_get_their_answers() {
    let world = WebhookWorld::of(System::Vagaro, "webhook-vagaro", BASE_URL);
    connect(&world, "acme", TOKEN, json!({"current": "verification-token", "url_token": TOKEN}));
    let expected = [
        ("appointment_updated", 200, 1),
        ("appointment_created_base64", 200, 1),
        ("appointment_deleted_bare", 200, 1),
        ("customer_updated", 200, 0),
        ("personal_off", 200, 0),
        ("no_signature", 503, 0),
        ("another_token", 503, 0),
        ("unknown_address", 401, 0),
        ("not_json", 503, 0),
    ];
    let folder = root().join("events/webhook-vagaro");
    let files = std::fs::read_dir(&folder).unwrap().count();
    assert_eq!(files, expected.len(), "a file without an expected answer");
    for (name, status, messages) in expected {
        let event = std::fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
        let answer = world.invoke(&event, world.clock.now() + Duration::from_secs(5));
        assert_eq!((answer.status, world.booking_changes().len()), (status, messages), "{name}");
    }
}
