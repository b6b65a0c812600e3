//! Salesforce's deliveries on fakes: what proves whose they are, and that the token shows nowhere.

use std::time::Duration;

use serde_json::{Value, json};
use sync_domain::hook_address;
use sync_domain::model::{ObjectChange, System, TenantId};
use sync_domain::ports::{AccountOwner, AuthMode, Clock};

use crate::support::cloud::root;
use crate::support::log_capture::logged;
use crate::support::salesforce_signing::{
    CONTACT, ORG, OTHER_ORG, apex_body, apex_change, notification, outbound_message,
};
use crate::support::webhook_signing::{BASE_URL, Sent};
use crate::support::webhook_world::{Answer, WebhookWorld};

const SECRET: &str = "apex-webhook-secret";
const TOKEN: &str = "0123456789abcdef0123456789abcdef";
/// Another tenant's.
const OTHER_TOKEN: &str = "fedcba9876543210fedcba9876543210";
const UNKNOWN_TOKEN: &str = "00000000000000000000000000000000";
/// As long as anything is remembered.
const REMEMBERED: Duration = Duration::from_secs(61);
/// A new secret is looked for this often.
const REREAD: Duration = Duration::from_secs(11);

/// Acme signs; globex was connected without a secret, so that only its address shows who sends.
fn connected() -> WebhookWorld {
    let world = WebhookWorld::of(System::Salesforce, "webhook-salesforce", BASE_URL);
    connect(&world, "acme", ORG, TOKEN, AuthMode::ClientCredentials);
    store(&world, "acme", json!({"current": SECRET, "url_token": TOKEN, "account_id": ORG}));
    connect(&world, "globex", OTHER_ORG, OTHER_TOKEN, AuthMode::JwtBearer);
    let unsigned = json!({"current": "", "url_token": OTHER_TOKEN, "account_id": OTHER_ORG});
    store(&world, "globex", unsigned);
    world
}

/// The pointers that connecting makes: by the org and by the address.
fn connect(world: &WebhookWorld, tenant: &str, org: &str, token: &str, auth: AuthMode) {
    for account_id in [org.to_owned(), hook_address::account_id(token)] {
        let owner = AccountOwner { tenant: TenantId::parse(tenant).unwrap(), auth };
        world.accounts.connect(System::Salesforce, &account_id, owner);
    }
}

fn store(world: &WebhookWorld, tenant: &str, secret: Value) {
    world.put_secret(&format!("tenants/{tenant}/salesforce/webhook"), secret);
}

fn message(org: &str) -> String {
    outbound_message(org, &notification("Contact", CONTACT))
}

fn update(org: &str) -> Vec<u8> {
    apex_body(org, &[apex_change("Contact", "update", CONTACT, &["Email"])])
}

fn signed(world: &WebhookWorld, org: &str, secret: &str, token: &str) -> Sent {
    Sent::apex(update(org), secret, world.clock.now().as_second(), token)
}

/// Status and tenants of what was put on the queue.
fn delivered(world: &WebhookWorld, sent: &Sent) -> (u64, Vec<String>) {
    let answer = world.deliver(sent);
    (answer.status, tenants(&world.changes()))
}

fn tenants(changes: &[ObjectChange]) -> Vec<String> {
    changes.iter().map(|change| change.tenant.as_str().to_owned()).collect()
}

fn taken_for(tenant: &str) -> (u64, Vec<String>) {
    (200, vec![tenant.to_owned()])
}

fn refused() -> (u64, Vec<String>) {
    (401, Vec::new())
}

/// Accepted, and nothing of it counts.
fn foreign() -> (u64, Vec<String>) {
    (200, Vec::new())
}

#[track_caller]
fn assert_acknowledged(answer: &Answer) {
    let ack =
        "<notificationsResponse xmlns=\"http://soap.sforce.com/2005/09/outbound\"><Ack>true</Ack>";
    assert_eq!((answer.status, answer.content_type.as_str()), (200, "text/xml"), "{answer:?}");
    assert!(answer.body.as_str().is_some_and(|body| body.contains(ack)), "{answer:?}");
}

#[test]
fn both_proofs_lead_to_the_tenant_of_the_address() {
    let world = connected();
    let answer = world.deliver(&Sent::outbound(message(ORG), TOKEN));
    assert_acknowledged(&answer);
    let changes = world.changes();
    assert_eq!(tenants(&changes), ["acme"]);
    assert_eq!((changes[0].account_id.as_str(), changes[0].external_id.as_str()), (ORG, CONTACT));
    let answer = world.deliver(&signed(&world, ORG, SECRET, TOKEN));
    assert_eq!((answer.status, answer.body), (200, json!({"accepted": 1, "skipped": 0})));
    assert_eq!(tenants(&world.changes()), ["acme"]);
}

#[test]
fn delivery_is_found_by_the_address_with_a_stage_before_it_and_without_a_name_of_our_own() {
    for base_url in ["", BASE_URL, "https://hooks.example.com/a/b"] {
        let world = WebhookWorld::of(System::Salesforce, "webhook-salesforce", base_url);
        connect(&world, "acme", ORG, TOKEN, AuthMode::ClientCredentials);
        store(&world, "acme", json!({"current": SECRET, "url_token": TOKEN, "account_id": ORG}));
        // The gateway's event has the stage `prod` before the path.
        let sent = Sent::outbound(message(ORG), TOKEN);
        assert_eq!(delivered(&world, &sent), taken_for("acme"), "{base_url}");
        let sent = signed(&world, ORG, SECRET, "");
        assert_eq!(delivered(&world, &sent), taken_for("acme"), "{base_url}");
    }
}

#[test]
fn outbound_message_needs_the_address_of_the_tenant_whose_org_it_names() {
    let world = connected();
    for (org, token, expected, what) in [
        (ORG, TOKEN, taken_for("acme"), "acme's"),
        (OTHER_ORG, OTHER_TOKEN, taken_for("globex"), "globex's"),
        (ORG, OTHER_TOKEN, foreign(), "acme's org at globex's address"),
        (OTHER_ORG, TOKEN, foreign(), "globex's org at acme's address"),
        (ORG, UNKNOWN_TOKEN, refused(), "an address that nobody has"),
        (ORG, "", refused(), "no token"),
        (ORG, "wrong", refused(), "no token's form"),
        (ORG, &TOKEN.to_uppercase(), refused(), "another case"),
        (ORG, &hook_address::account_id(TOKEN), refused(), "what the token is looked up by"),
        (ORG, ORG, refused(), "the org itself"),
    ] {
        assert_eq!(delivered(&world, &Sent::outbound(message(org), token)), expected, "{what}");
    }
    let in_query = Sent { raw_query: format!("token={TOKEN}"), ..Sent::outbound(message(ORG), "") };
    assert_eq!(delivered(&world, &in_query), refused(), "the token in the query");
}

#[test]
fn pointer_that_leads_to_a_tenant_with_another_address_proves_nothing() {
    let world = connected();
    // As a crash, or somebody with the table, may have left it.
    connect(&world, "globex", OTHER_ORG, UNKNOWN_TOKEN, AuthMode::JwtBearer);
    let sent = Sent::outbound(message(OTHER_ORG), UNKNOWN_TOKEN);
    assert_eq!(delivered(&world, &sent), refused());
    // The account's id is no address, though it has a pointer as well.
    store(&world, "globex", json!({"current": "", "account_id": OTHER_ORG}));
    world.advance(REMEMBERED);
    let sent = Sent::outbound(message(OTHER_ORG), OTHER_TOKEN);
    assert_eq!(delivered(&world, &sent), refused(), "no address is stored");
}

#[test]
fn connection_whose_org_was_not_noted_takes_no_events() {
    let world = connected();
    store(&world, "globex", json!({"current": "", "url_token": OTHER_TOKEN}));
    let sent = Sent::outbound(message(OTHER_ORG), OTHER_TOKEN);
    assert_eq!(delivered(&world, &sent), foreign());
}

#[test]
fn delivery_that_names_another_webhook_is_foreign_where_webhooks_are_noted() {
    let noted = |hook_ids: &[&str]| {
        let world = connected();
        let secret = json!({
            "current": SECRET, "url_token": TOKEN, "account_id": ORG, "hook_ids": hook_ids,
        });
        store(&world, "acme", secret);
        let outbound = delivered(&world, &Sent::outbound(message(ORG), TOKEN));
        (outbound, delivered(&world, &signed(&world, ORG, SECRET, TOKEN)))
    };
    let action_id = "04kD0000000Fake1AA";
    for hook_ids in [&[][..], &[action_id], &["04kD0000000Fake2AA", action_id]] {
        assert_eq!(noted(hook_ids), (taken_for("acme"), taken_for("acme")), "{hook_ids:?}");
    }
    let other = noted(&["04kD0000000Fake2AA"]);
    assert_eq!(other, (foreign(), taken_for("acme")), "signed JSON names no webhook");
}

#[test]
fn signed_json_needs_the_secret_of_the_tenant_and_its_org() {
    let world = connected();
    for (org, secret, token, expected, what) in [
        (ORG, SECRET, TOKEN, taken_for("acme"), "acme's"),
        (ORG, SECRET, "", taken_for("acme"), "acme's, without a token"),
        (ORG, "wrong", TOKEN, refused(), "another secret"),
        (ORG, "", TOKEN, refused(), "an empty secret"),
        (OTHER_ORG, SECRET, TOKEN, foreign(), "globex's org, signed by acme"),
        (OTHER_ORG, SECRET, "", refused(), "globex's org, signed by acme, without a token"),
        (ORG, SECRET, OTHER_TOKEN, refused(), "acme's at globex's address"),
        (ORG, SECRET, UNKNOWN_TOKEN, refused(), "acme's at nobody's address"),
        (ORG, SECRET, "wrong", refused(), "a token that is none"),
        (OTHER_ORG, "", OTHER_TOKEN, refused(), "globex has no secret, an empty one"),
        (OTHER_ORG, OTHER_TOKEN, OTHER_TOKEN, refused(), "globex has no secret, the token as one"),
    ] {
        let sent = signed(&world, org, secret, token);
        assert_eq!(delivered(&world, &sent), expected, "{what}");
    }
}

#[test]
fn json_is_not_believed_of_its_address_alone() {
    let world = connected();
    let good = signed(&world, ORG, SECRET, TOKEN);
    for name in ["X-Integration-Signature", "X-Integration-Timestamp"] {
        assert_eq!(delivered(&world, &good.clone().without(name)), refused(), "{name}");
    }
    let other_body = Sent { body: update(OTHER_ORG), ..good.clone() };
    assert_eq!(delivered(&world, &other_body), refused(), "another body");
    for token in [TOKEN, OTHER_TOKEN] {
        let bare = Sent::unsigned(update(ORG)).header("Content-Type", "application/json");
        let bare = Sent { path: Sent::outbound("", token).path, ..bare };
        assert_eq!(delivered(&world, &bare), refused(), "unsigned at {token}");
    }
    // The content type decides how a body is read: as SOAP there is no message in it.
    let as_soap = good.without("Content-Type").header("Content-Type", "text/xml");
    assert_eq!(delivered(&world, &as_soap), (400, Vec::new()));
}

#[test]
fn delivery_that_comes_again_is_a_hint_again_and_too_old_once_signed_five_minutes_ago() {
    let world = connected();
    let sent = signed(&world, ORG, SECRET, TOKEN);
    for _ in 0..2 {
        assert_eq!(delivered(&world, &sent), taken_for("acme"));
    }
    world.advance(Duration::from_secs(302));
    assert_eq!(delivered(&world, &sent), refused());
    let ahead = Sent::apex(update(ORG), SECRET, world.clock.now().as_second() + 302, TOKEN);
    assert_eq!(delivered(&world, &ahead), refused());
}

#[test]
fn secret_before_a_rotation_counts_for_its_grace_and_the_address_stays() {
    let world = connected();
    let status = |secret: &str| delivered(&world, &signed(&world, ORG, secret, TOKEN)).0;
    assert_eq!(status(SECRET), 200);
    let until = world.clock.now() + Duration::from_secs(600);
    let rotated = json!({
        "current": "second", "previous": SECRET, "previous_until": until.to_string(),
        "url_token": TOKEN, "account_id": ORG,
    });
    store(&world, "acme", rotated);
    world.advance(REREAD);
    assert_eq!((status("second"), status(SECRET)), (200, 200));
    world.advance(Duration::from_secs(600));
    assert_eq!((status("second"), status(SECRET)), (200, 401));
    let sent = Sent::outbound(message(ORG), TOKEN);
    assert_eq!(delivered(&world, &sent), taken_for("acme"), "the address is as it was");
}

#[test]
fn address_that_was_replaced_is_refused_within_a_minute_and_the_new_one_at_once() {
    let world = connected();
    let outbound = |token: &str| delivered(&world, &Sent::outbound(message(ORG), token)).0;
    assert_eq!(outbound(TOKEN), 200);
    connect(&world, "acme", ORG, UNKNOWN_TOKEN, AuthMode::ClientCredentials);
    let next = json!({"current": SECRET, "url_token": UNKNOWN_TOKEN, "account_id": ORG});
    store(&world, "acme", next);
    world.advance(REREAD);
    assert_eq!(outbound(UNKNOWN_TOKEN), 200);
    assert_eq!(outbound(TOKEN), 401);
}

#[test]
fn disconnected_tenants_deliveries_are_refused() {
    let world = connected();
    let json = signed(&world, ORG, SECRET, TOKEN);
    assert_eq!(delivered(&world, &json).0, 200);
    assert_eq!(delivered(&world, &Sent::outbound(message(ORG), TOKEN)).0, 200);
    for account_id in [ORG.to_owned(), hook_address::account_id(TOKEN)] {
        world.accounts.disconnect(System::Salesforce, &account_id);
    }
    world.remove_secret("tenants/acme/salesforce/webhook");
    world.advance(REMEMBERED);
    for token in [TOKEN, ""] {
        assert_eq!(delivered(&world, &signed(&world, ORG, SECRET, token)), refused());
        assert_eq!(delivered(&world, &Sent::outbound(message(ORG), token)), refused());
    }
}

#[test]
fn pointer_without_secrets_is_refused() {
    let world = connected();
    world.remove_secret("tenants/acme/salesforce/webhook");
    assert_eq!(delivered(&world, &Sent::outbound(message(ORG), TOKEN)), refused());
    assert_eq!(delivered(&world, &signed(&world, ORG, SECRET, TOKEN)), refused());
}

/// Whatever is our fault must not look like an acknowledgement.
#[test]
fn fault_of_ours_makes_salesforce_send_again() {
    let world = connected();
    let sent = Sent::outbound(message(ORG), TOKEN);
    let assert_again = |what: &str| {
        let answer = world.deliver(&sent);
        assert_eq!(answer.status, 503, "{what}: {answer:?}");
        assert!(!answer.body.to_string().contains("Ack"), "{what}: {answer:?}");
    };
    *world.shelf.is_down.lock().unwrap() = true;
    assert_again("no secrets");
    *world.shelf.is_down.lock().unwrap() = false;
    world.advance(Duration::from_secs(2));
    *world.queue.delay.lock().unwrap() = Duration::from_secs(20);
    assert_again("a queue that takes too long");
    *world.queue.delay.lock().unwrap() = Duration::ZERO;
    world.accounts.fail_for(&[&hook_address::account_id(TOKEN)]);
    world.advance(REMEMBERED);
    assert_again("no owner to be had");
    world.accounts.fail_for(&[]);
    world.advance(REMEMBERED);
    world.changes();
    assert_acknowledged(&world.deliver(&sent));
}

#[test]
fn body_that_is_no_message_is_not_acknowledged_and_not_looked_at_before_the_address_is() {
    let world = connected();
    let bomb = message(ORG).replace("<soapenv:Envelope", "<!DOCTYPE x><soapenv:Envelope");
    let answer = world.deliver(&Sent::outbound(bomb.clone(), TOKEN));
    assert_eq!((answer.status, answer.error_code.as_deref()), (400, Some("invalid_events")));
    assert_eq!(delivered(&world, &Sent::outbound(bomb, UNKNOWN_TOKEN)), refused());
    let answer = world.deliver(&Sent::outbound(vec![b' '; 1024 * 1024 + 1], TOKEN));
    assert_eq!((answer.status, answer.error_code.as_deref()), (413, Some("body_too_large")));
    assert_eq!(world.changes(), []);
}

#[test]
fn salesforce_event_files_get_their_answers() {
    let world = connected();
    // The signatures in the files are old by any clock that a test has.
    let expected = [
        ("outbound_message", 200, 1),
        ("outbound_message_base64", 200, 1),
        ("other_org", 200, 0),
        ("no_token", 401, 0),
        ("doctype", 400, 0),
        ("stale_json", 401, 0),
        ("stale_json_no_token", 401, 0),
        ("unsigned_json", 401, 0),
        ("not_base64", 400, 0),
    ];
    let folder = root().join("events/webhook-salesforce");
    let files = std::fs::read_dir(&folder).unwrap().count();
    assert_eq!(files, expected.len(), "a file without an expected answer");
    for (name, status, messages) in expected {
        let event = std::fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
        let answer = world.invoke(&event, world.clock.now() + Duration::from_secs(10));
        assert_eq!(
            (answer.status, world.changes().len()),
            (status, messages),
            "{name}: {answer:?}"
        );
    }
}

#[test]
fn token_secret_and_values_show_in_no_log_line_no_answer_and_no_message() {
    let mut texts = Vec::new();
    let mut hidden =
        [TOKEN, OTHER_TOKEN, UNKNOWN_TOKEN, SECRET, "Lovelace"].map(str::to_owned).to_vec();
    let log = logged(|| {
        let world = connected();
        let json = signed(&world, ORG, SECRET, TOKEN);
        hidden.push(json.value("X-Integration-Signature"));
        let bomb = format!("<!DOCTYPE x [<!ENTITY a \"{SECRET}\">]>");
        let all = [
            Sent::outbound(message(ORG), TOKEN),
            Sent::outbound(message(ORG), OTHER_TOKEN),
            Sent::outbound(message(ORG), UNKNOWN_TOKEN),
            Sent::outbound(bomb, TOKEN),
            json,
            signed(&world, ORG, "wrong", TOKEN),
        ];
        for sent in all {
            texts.push(format!("{:?}", world.deliver(&sent)));
            texts.extend(world.changes().iter().map(|change| change.to_body().unwrap()));
        }
    });
    assert!(log.lines().count() >= 6, "{log}");
    texts.push(log);
    for text in texts {
        assert!(!hidden.iter().any(|secret| text.contains(secret)), "{text}");
    }
}
