//! Versions of told bookings where something lies between: a sweep, a deletion, the end of the time.

use std::time::Duration;

use sync_domain::model::{RemoteState, StatusReason};
use sync_domain::ports::Clock;
use sync_domain::usecase::settle_work::Verdict;
use sync_domain::usecase::sync_bookings::{BookingSyncOutcome, CONFIRM_DELAY};

use crate::support::booking_world::{BookingWorld, DAY, SYNC_TIME, ada, somebody};

/// Deliveries with versions, reads by the hundred.
fn versioned() -> BookingWorld {
    BookingWorld::with("acme", |it| it.with_versions().with_snapshots().with_bookings_max(100))
}

#[tokio::test]
async fn higher_version_that_a_sweep_has_read_keeps_what_was_between_out() {
    let world = versioned();
    let id = world.book(DAY, ada());
    world.told(&id).await;
    world.account.edit(&id, |it| it.state = RemoteState::NoShow);
    let between = world.account.change(&id);
    world.account.edit(&id, |it| it.state = RemoteState::Standing);
    assert_eq!(world.sweep(world.step()).await.step.drift, 0);
    let late = world.sync(vec![between]).await.outcomes;
    assert_eq!(late, [BookingSyncOutcome::Superseded]);
    assert_eq!(world.stored(&id).unwrap().booking.reason, None);
    // The version that is known costs no write.
    world.store.take_costs();
    assert_eq!(world.sweep(world.step()).await.step.drift, 0);
    assert_eq!(world.import(&world.command()).await.skipped_duplicates, 1);
    let costs = world.store.take_costs();
    assert_eq!((costs.writes, costs.refreshes), (0, 0));
}

#[tokio::test]
async fn delivery_that_is_given_again_after_the_deletion_brings_nothing_back() {
    let world = versioned();
    let id = world.book(DAY, ada());
    world.told(&id).await;
    world.account.edit(&id, |it| it.starts_at += DAY);
    let mut moved = world.account.change(&id);
    world.account.delete(&id);
    let mark = world.account.change(&id);
    let again = world.sync(vec![mark.clone()]).await.outcomes[0].changed(&mark).unwrap();
    world.clock.advance(CONFIRM_DELAY);
    world.sync(vec![again]).await;
    assert_eq!(world.stored(&id).unwrap().booking.reason, Some(StatusReason::Deleted));
    world.clock.advance(Duration::from_secs(3_600));
    moved.received_at = world.clock.now();
    let outcome = world.sync(vec![moved]).await.outcomes[0];
    assert!(matches!(outcome, BookingSyncOutcome::Confirm { .. }), "{outcome:?}");
    assert_eq!(world.stored(&id).unwrap().booking.reason, Some(StatusReason::Deleted));
}

#[tokio::test]
async fn changes_that_are_not_read_by_the_deadline_wait_and_the_others_are_stored() {
    let slow = Duration::from_secs(6);
    let world = BookingWorld::with("acme", |it| it.with_booking_time(slow));
    let ids: Vec<_> = (0..20).map(|number| world.book(DAY, somebody(number))).collect();
    let began = world.clock.now();
    let outcomes = world.sync(ids.iter().map(|id| world.account.change(id)).collect()).await;
    // Four at a time, of which a clock by hand makes a row.
    let took = world.clock.now().duration_since(began);
    assert!(took <= jiff::SignedDuration::try_from(SYNC_TIME + 4 * slow).unwrap(), "{took:?}");
    let stored = ids.iter().filter(|id| world.stored(id).is_some()).count();
    assert!((4..20).contains(&stored), "{stored}");
    for (outcome, id) in outcomes.outcomes.iter().zip(&ids) {
        match world.stored(id) {
            Some(_) => assert_eq!(*outcome, BookingSyncOutcome::Synced),
            None => assert!(matches!(Verdict::from(*outcome), Verdict::Wait { .. }), "{outcome:?}"),
        }
    }
}
