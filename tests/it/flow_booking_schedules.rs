//! Accounts that people work in while webhooks, which tell ids or all there is, imports and sweeps
//! overlap and crash: in the end the table says what the account says, each version was told once, and
//! each person is one client.

use std::collections::{BTreeMap, BTreeSet};

use sync_domain::model::{Booking, ClientId, StatusReason};
use sync_domain::ports::Clock;
use sync_testkit::Schedule;

use crate::support::booking_play::{PEOPLE, Play, Ways};

const SEEDS: u64 = 1_200;
/// The same for each kind of system whose deliveries tell all.
const SNAPSHOT_SEEDS: u64 = 400;
const ROUNDS: usize = 6;
/// Whoever works is killed at each step with so many percent, or fewer.
const KILL_PERCENT_MAX: u64 = 2;

fn assert_as_in_the_account(play: &Play, seed: u64) {
    let account = play.world.account.appointments();
    let now = play.world.clock.now();
    let mut stored = BTreeMap::new();
    for booking in play.world.store.bookings(&play.world.tenant) {
        stored.insert(booking.external_id.clone(), booking);
    }
    for (id, appointment) in &account {
        let found = stored.remove(id).unwrap_or_else(|| panic!("seed {seed}: {id} is not stored"));
        assert_eq!(
            found.booking,
            Booking::of(&appointment.remote(id), None, now),
            "seed {seed}: {id}"
        );
    }
    for (id, booking) in stored {
        let reason = booking.booking.reason;
        assert_eq!(reason, Some(StatusReason::Deleted), "seed {seed}: {id} is gone");
    }
}

fn assert_told_once(play: &Play, seed: u64) {
    let mut last = BTreeMap::new();
    for version in play.world.store.versions() {
        let told = last.entry(version.stored.key.clone()).or_insert(0);
        assert_eq!(version.stored.version, *told + 1, "seed {seed}: a version is told once");
        *told = version.stored.version;
        assert!(!version.differences.is_empty(), "seed {seed}: a version says what it is");
    }
    for booking in play.world.store.bookings(&play.world.tenant) {
        assert_eq!(last.get(&booking.key), Some(&booking.version), "seed {seed}: untold version");
    }
}

fn assert_one_client_each(play: &Play, seed: u64) {
    let mut by_email = BTreeMap::<_, BTreeSet<ClientId>>::new();
    for version in play.world.store.versions() {
        let email = version.stored.booking.person.email.clone();
        let client = version.stored.client.unwrap_or_else(|| panic!("seed {seed}: no client"));
        by_email.entry(email).or_default().insert(client.client);
    }
    let clients = play.world.store.clients(&play.world.tenant);
    assert_eq!(clients.len(), by_email.len(), "seed {seed}: {by_email:?}");
    assert!(by_email.len() <= PEOPLE);
    assert!(by_email.values().all(|clients| clients.len() == 1), "seed {seed}: {by_email:?}");
}

fn run(seed: u64, ways: Ways) {
    let play = Play::with(seed, ways);
    let kill_percent = u8::try_from(seed % (KILL_PERCENT_MAX + 1)).unwrap();
    let mut schedule = Schedule::new(seed ^ 0xb00c, kill_percent);
    for _round in 0..ROUNDS {
        play.round(&mut schedule);
        // Whatever comes later would make up for it.
        if play.is_bare && !play.drops {
            play.drain(seed);
            assert_as_in_the_account(&play, seed);
        }
    }
    play.drain(seed);
    let drift = play.last_sweep(seed);
    if !play.drops {
        assert_eq!(drift, 0, "seed {seed}: every change was told");
    }
    assert_as_in_the_account(&play, seed);
    assert_told_once(&play, seed);
    assert_one_client_each(&play, seed);
}

#[test]
fn table_ends_as_the_account_whoever_reads_it_when() {
    for seed in 0..SEEDS {
        run(seed, Ways::Marks);
    }
}

#[test]
fn table_ends_as_the_account_whose_deliveries_have_versions() {
    for seed in 0..SNAPSHOT_SEEDS {
        run(seed, Ways::Versions);
    }
}

#[test]
fn table_ends_as_the_account_whose_deliveries_have_times() {
    for seed in 0..SNAPSHOT_SEEDS {
        run(seed, Ways::Times);
    }
}

#[test]
fn table_ends_as_the_account_that_has_no_list() {
    for seed in 0..SNAPSHOT_SEEDS {
        run(seed, Ways::NoList);
    }
}
