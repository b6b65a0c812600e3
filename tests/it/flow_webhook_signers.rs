//! Whose secret is tried: rotation, outages, floods, and what a warm instance asks for.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use sync_domain::ports::{AuthMode, Clock};

use crate::support::webhook_signing::{Sent, body_of, contact_event};
use crate::support::webhook_world::{
    ACME, ACME_SECRET, APP_SECRET, INITECH, NOBODY, UMBRELLA, WebhookWorld,
};

const ACME_NAME: &str = "tenants/acme/hubspot/webhook";
const APP_NAME: &str = "apps/hubspot";
/// As long as anything is remembered.
const REMEMBERED: Duration = Duration::from_secs(61);
/// A new secret is looked for this often.
const REREAD: Duration = Duration::from_secs(11);

fn status(world: &WebhookWorld, portal_id: u64, secret: &str) -> u64 {
    let body = body_of(&[contact_event(portal_id, 1, "creation")]);
    world.deliver(&Sent::v3(body, secret, world.now_ms())).status
}

fn rotate(world: &WebhookWorld, current: &str, previous: &str, until: Timestamp) {
    let stored =
        json!({ "current": current, "previous": previous, "previous_until": until.to_string() });
    world.put_secret(ACME_NAME, stored);
}

#[test]
fn only_the_last_two_secrets_pass_after_two_rotations() {
    let world = WebhookWorld::new();
    let until = world.clock.now() + Duration::from_secs(86_400);
    assert_eq!(status(&world, ACME, ACME_SECRET), 200);
    rotate(&world, "second", ACME_SECRET, until);
    world.advance(REREAD);
    assert_eq!(
        status(&world, ACME, "second"),
        200,
        "noticed at the first signature that fits none"
    );
    assert_eq!(status(&world, ACME, ACME_SECRET), 200, "in its grace");
    rotate(&world, "third", "second", until);
    world.advance(REREAD);
    assert_eq!(status(&world, ACME, "third"), 200);
    assert_eq!(status(&world, ACME, "second"), 200, "in its grace");
    assert_eq!(status(&world, ACME, ACME_SECRET), 401, "two rotations ago");
    assert_eq!(status(&world, ACME, ""), 401);
}

#[test]
fn rotation_right_after_the_secrets_were_read_is_seen_at_the_first_signature_that_fits_none() {
    let world = WebhookWorld::new();
    assert_eq!(status(&world, ACME, ACME_SECRET), 200);
    world.put_secret(ACME_NAME, json!({ "current": "second" }));
    assert_eq!(status(&world, ACME, "second"), 200);
    world.put_secret(ACME_NAME, json!({ "current": "third" }));
    assert_eq!(status(&world, ACME, "third"), 401, "looked at a moment ago");
    world.advance(REREAD);
    assert_eq!(status(&world, ACME, "third"), 200);
}

#[test]
fn secret_that_was_rotated_away_is_gone_within_a_minute_though_nobody_used_the_new_one() {
    let world = WebhookWorld::new();
    assert_eq!(status(&world, ACME, ACME_SECRET), 200);
    world.put_secret(ACME_NAME, json!({ "current": "second" }));
    world.advance(REMEMBERED);
    assert_eq!(status(&world, ACME, ACME_SECRET), 401);
}

#[test]
fn previous_secret_ends_at_its_time_though_it_is_remembered() {
    let world = WebhookWorld::new();
    let until = world.clock.now() + Duration::from_secs(30);
    rotate(&world, "second", ACME_SECRET, until);
    assert_eq!(status(&world, ACME, ACME_SECRET), 200);
    world.advance(Duration::from_millis(29_999));
    assert_eq!(status(&world, ACME, ACME_SECRET), 200);
    world.advance(Duration::from_millis(1));
    assert_eq!(status(&world, ACME, ACME_SECRET), 401);
    assert_eq!(status(&world, ACME, "second"), 200);
}

#[test]
fn previous_secret_without_an_end_does_not_count() {
    let world = WebhookWorld::new();
    world.put_secret(ACME_NAME, json!({ "current": "second", "previous": ACME_SECRET }));
    assert_eq!(status(&world, ACME, "second"), 200);
    assert_eq!(status(&world, ACME, ACME_SECRET), 401);
}

#[test]
fn secret_of_our_app_rotates_and_may_come_later() {
    let world = WebhookWorld::new();
    world.remove_secret(APP_NAME);
    assert_eq!(status(&world, INITECH, APP_SECRET), 401, "there is no app");
    world.put_secret(APP_NAME, json!({ "client_secret": APP_SECRET }));
    world.advance(REREAD);
    assert_eq!(status(&world, INITECH, APP_SECRET), 200);
    let until = world.clock.now() + Duration::from_secs(120);
    let rotated = json!({
        "client_secret": "second", "previous_client_secret": APP_SECRET, "previous_until": until,
    });
    world.put_secret(APP_NAME, rotated);
    world.advance(REREAD);
    assert_eq!(status(&world, INITECH, "second"), 200);
    assert_eq!(status(&world, INITECH, APP_SECRET), 200);
    world.advance(Duration::from_secs(120));
    assert_eq!(status(&world, INITECH, APP_SECRET), 401);
}

#[test]
fn empty_secret_signs_nothing() {
    let world = WebhookWorld::new();
    world.put_secret(ACME_NAME, json!({ "current": "", "previous": "" }));
    world.put_secret(APP_NAME, json!({ "client_secret": "" }));
    for portal_id in [ACME, INITECH, NOBODY] {
        assert_eq!(status(&world, portal_id, ""), 401);
    }
}

#[test]
fn warm_delivery_asks_neither_the_table_nor_the_secrets() {
    let world = WebhookWorld::new();
    let both = |id| {
        let events =
            [contact_event(INITECH, id, "creation"), contact_event(UMBRELLA, id, "creation")];
        let sent = Sent::v3(body_of(&events), APP_SECRET, world.now_ms());
        assert_eq!(world.deliver(&sent).status, 200);
        assert_eq!(status(&world, ACME, ACME_SECRET), 200);
    };
    both(1);
    let before = (world.accounts.lookups(), world.secret_reads());
    assert_eq!(before, (3, 2));
    (2..50).for_each(both);
    assert_eq!((world.accounts.lookups(), world.secret_reads()), before);
}

#[test]
fn secrets_out_of_reach_make_the_delivery_come_again_and_are_not_called_bad_signatures() {
    let world = WebhookWorld::new();
    *world.shelf.is_down.lock().unwrap() = true;
    assert_eq!(status(&world, ACME, ACME_SECRET), 503);
    let reads = world.secret_reads();
    for _ in 0..100 {
        assert_eq!(status(&world, ACME, ACME_SECRET), 503);
    }
    assert_eq!(world.secret_reads(), reads, "an outage is not made worse");
    *world.shelf.is_down.lock().unwrap() = false;
    world.advance(Duration::from_secs(2));
    assert_eq!(status(&world, ACME, ACME_SECRET), 200);
}

#[test]
fn secret_that_is_no_json_is_a_fault_of_ours_for_its_holder_alone() {
    let world = WebhookWorld::new();
    world.shelf.secrets.lock().unwrap().insert(ACME_NAME.to_owned(), "canary".to_owned());
    assert_eq!(status(&world, ACME, ACME_SECRET), 503);
    assert_eq!(status(&world, INITECH, APP_SECRET), 200);
}

#[test]
fn bad_signatures_do_not_become_reads_of_the_secret_store() {
    let world = WebhookWorld::new();
    for _ in 0..200 {
        assert_eq!(status(&world, ACME, "made up"), 401);
    }
    assert_eq!(world.secret_reads(), 2 + 2, "what fills the cache, and one look for newer ones");
    for _ in 0..100 {
        world.advance(Duration::from_secs(1));
        assert_eq!(status(&world, ACME, "made up"), 401);
    }
    let reads = world.secret_reads();
    assert!(reads <= 4 + 2 * 11, "{reads} reads in 100 s");
}

#[test]
fn made_up_portals_do_not_become_reads_of_the_table() {
    let world = WebhookWorld::new();
    assert_eq!(status(&world, ACME, ACME_SECRET), 200);
    world.advance(Duration::from_secs(1));
    let before = world.accounts.lookups();
    let mut refused = [0, 0];
    for portal_id in 1_000_000..1_005_000 {
        match status(&world, portal_id, "made up") {
            401 => refused[0] += 1,
            503 => refused[1] += 1,
            other => panic!("{other}"),
        }
    }
    assert_eq!(refused, [20, 4_980], "known to be nobody's, and not looked up");
    assert_eq!(world.accounts.lookups() - before, 20);
    assert_eq!(status(&world, ACME, ACME_SECRET), 200, "a known portal is not pushed out");
    assert_eq!(world.accounts.lookups() - before, 20);
    world.advance(Duration::from_secs(1));
    assert_eq!(status(&world, 1_000_000, "made up"), 401, "remembered to be nobody's");
    assert_eq!(world.accounts.lookups() - before, 20);
    assert_eq!(status(&world, 1_000_500, "made up"), 401, "looked up a second later");
    assert_eq!(world.accounts.lookups() - before, 21);
}

#[test]
fn flood_of_made_up_portals_does_not_refuse_one_that_was_known_within_the_hour() {
    let world = WebhookWorld::new();
    let flood = |from: u64| (from..from + 30).map(|id| status(&world, id, "made up")).max();
    assert_eq!(status(&world, ACME, ACME_SECRET), 200);
    world.advance(Duration::from_secs(3_590));
    assert_eq!(flood(1_000_000), Some(503));
    let before = world.accounts.lookups();
    assert_eq!(status(&world, ACME, ACME_SECRET), 200);
    assert_eq!(status(&world, ACME, "made up"), 401, "it is verified all the same");
    assert_eq!(world.changes().len(), 2, "one of each delivery");
    assert_eq!(world.accounts.lookups(), before);
    world.advance(Duration::from_secs(11));
    assert_eq!(flood(2_000_000), Some(503));
    assert_eq!(status(&world, ACME, ACME_SECRET), 503, "known more than an hour ago");
    world.advance(Duration::from_secs(1));
    assert_eq!(status(&world, ACME, ACME_SECRET), 200, "looked up, as there is room again");
}

#[test]
fn flood_of_made_up_portals_does_not_slow_verified_deliveries_down() {
    let world = WebhookWorld::new();
    for portal_id in 1_000_000..1_000_100 {
        status(&world, portal_id, "made up");
    }
    // A hundred portals of our app, none of them remembered: all looked up, at once.
    let portals = 80_001..80_101;
    for portal_id in portals.clone() {
        world.connect(&format!("tenant-{portal_id}"), portal_id, AuthMode::Oauth);
    }
    let events: Vec<_> = portals.map(|portal_id| contact_event(portal_id, 1, "creation")).collect();
    let sent = Sent::v3(body_of(&events), APP_SECRET, world.now_ms());
    assert_eq!(world.deliver(&sent).status, 200);
    assert_eq!(world.changes().len(), 100);
}

#[test]
fn portal_that_connects_or_moves_is_noticed() {
    let world = WebhookWorld::new();
    assert_eq!(status(&world, NOBODY, APP_SECRET), 200);
    assert_eq!(world.changes(), []);
    world.connect("hooli", NOBODY, AuthMode::Oauth);
    world.advance(REREAD);
    assert_eq!(status(&world, NOBODY, APP_SECRET), 200);
    assert_eq!(world.changes()[0].tenant.as_str(), "hooli");
    world.connect("initech", NOBODY, AuthMode::Oauth);
    world.advance(REMEMBERED);
    status(&world, NOBODY, APP_SECRET);
    assert_eq!(world.changes()[0].tenant.as_str(), "initech");
    world.accounts.disconnect(sync_domain::model::System::Hubspot, &NOBODY.to_string());
    world.advance(REMEMBERED);
    assert_eq!(status(&world, NOBODY, APP_SECRET), 200);
    assert_eq!(world.changes(), []);
}

#[test]
fn first_event_without_a_portal_does_not_hide_whose_the_delivery_is() {
    let world = WebhookWorld::new();
    let events =
        [json!({ "subscriptionType": "contact.creation" }), contact_event(ACME, 1, "creation")];
    let sent = Sent::v3(body_of(&events), ACME_SECRET, world.now_ms());
    assert_eq!(world.deliver(&sent).status, 200);
    assert_eq!(world.changes().len(), 1);
}

#[test]
fn signature_that_is_too_old_or_from_the_future_is_refused() {
    let world = WebhookWorld::new();
    let body = body_of(&[contact_event(ACME, 1, "creation")]);
    for off_ms in [300_001, -300_001] {
        let sent = Sent::v3(body.clone(), ACME_SECRET, world.now_ms() + off_ms);
        world.assert_unsigned(&sent, &format!("{off_ms} ms off"));
    }
    for off_ms in [300_000, -300_000] {
        let sent = Sent::v3(body.clone(), ACME_SECRET, world.now_ms() + off_ms);
        assert_eq!(world.deliver(&sent).status, 200, "{off_ms} ms off");
    }
}
