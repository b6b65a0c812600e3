//! What imports, sweeps and webhooks of one account leave each other of its rate budget.

use std::time::Duration;

use jiff::SignedDuration;
use sync_domain::gate::RateLimit;
use sync_domain::model::ExternalId;
use sync_domain::ports::{Clock, PageError, ProviderError};
use sync_domain::usecase::sweeping::SweepOutcome;
use sync_domain::usecase::sync_bookings::BookingSyncOutcome;
use sync_testkit::ScriptedBookings;

use crate::support::booking_world::{BookingWorld, DAY, SYSTEM, somebody};

/// As Acuity has it: 9 are ours, and 6 of them the background's.
const LIMIT: RateLimit = RateLimit { max: 10, window: Duration::from_secs(1) };
/// So much of it is not worth a write.
const SMALL: u32 = 2;
/// A window, its margin, and what clocks may differ by.
const BEHIND: Duration = Duration::from_millis(6_250);
const QUICK: Duration = Duration::from_millis(10);

/// An account with more pages than the background may read in a window.
fn world() -> BookingWorld {
    let ways = |it: ScriptedBookings| {
        it.with_rate_limit(LIMIT).with_page_time(QUICK).with_booking_time(QUICK)
    };
    let world = BookingWorld::with("acme", ways);
    for place in 0_i32..40 {
        world.book((place % 19) * DAY + SignedDuration::from_mins(place.into()), somebody(0));
    }
    world
}

/// Panics if others can't have what was taken, once the last call counts no more.
fn assert_left(world: &BookingWorld) {
    let state = world.gate_store.state(&world.tenant, SYSTEM);
    assert!(state.revision > 3, "the share never grew: {state:?}");
    let later = world.clock.now() + BEHIND;
    let counted = state.ledger.shares.iter().filter(|share| share.until > later);
    let held: u32 = counted.map(|share| share.permits).sum();
    assert!(held <= SMALL, "{held} are held");
}

#[tokio::test]
async fn import_that_ends_leaves_the_budget_to_others() {
    let world = world();
    world.import_all().await;
    assert_left(&world);
}

#[tokio::test]
async fn import_that_fails_leaves_the_budget_to_others() {
    let world = world();
    for after in [7, 0, 0, 0, 0, 0, 0, 0] {
        world.account.fail_page(after, PageError::Provider(ProviderError::TimedOut));
    }
    let answer = world.import(&world.command()).await;
    assert!(answer.next_cursor.is_some(), "{answer:?}");
    assert_left(&world);
}

#[tokio::test]
async fn sweep_that_ends_leaves_the_budget_to_others() {
    let world = world();
    let report = world.sweep(world.step()).await;
    assert_eq!((report.outcome, report.step.drift), (SweepOutcome::Done, 40));
    assert_left(&world);
}

#[tokio::test]
async fn batch_of_hints_leaves_the_budget_to_others() {
    let world = world();
    let ids: Vec<_> = world.account.appointments().into_keys().take(8).collect();
    let changes = ids.iter().map(|id| world.account.change(id)).collect();
    let report = world.sync(changes).await;
    assert!(report.outcomes.iter().all(|it| *it == BookingSyncOutcome::Synced), "{report:?}");
    assert_left(&world);
}

#[tokio::test]
async fn hints_that_come_one_by_one_cost_the_gate_no_write_each() {
    let world = world();
    let ids: Vec<_> = world.account.appointments().into_keys().take(20).collect();
    let writes = async |ids: &[ExternalId]| {
        let before = world.gate_store.saves();
        for id in ids {
            assert_eq!(world.told(id).await, BookingSyncOutcome::Synced);
            world.clock.advance(Duration::from_millis(400));
        }
        world.gate_store.saves() - before
    };
    let (first, rest) = ids.split_at(5);
    writes(first).await;
    assert!(writes(rest).await <= 1, "the lease, perhaps");
}
