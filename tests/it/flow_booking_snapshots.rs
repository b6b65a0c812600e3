//! What deliveries tell of appointments in full: stored by version or by time without a read, and read
//! anew where neither says what is newer.

use std::time::Duration;

use jiff::SignedDuration;
use sync_domain::model::{
    BookingChange, BookingStatus, DetailName, ExternalId, LinkRule, Person, RemoteState,
    StatusReason,
};
use sync_domain::ports::{DeadCause, ProviderError, RemoteEffect};
use sync_domain::usecase::settle_work::Verdict;
use sync_domain::usecase::sync_bookings::{BookingSyncOutcome, CONFIRM_DELAY};
use sync_testkit::ScriptedBookings;

use crate::support::booking_world::{BookingWorld, DAY, HOUR, ada, somebody};

const SYNCED: BookingSyncOutcome = BookingSyncOutcome::Synced;
const UNCHANGED: BookingSyncOutcome = BookingSyncOutcome::Unchanged;
const SUPERSEDED: BookingSyncOutcome = BookingSyncOutcome::Superseded;
/// Longer than reads of two clocks may be apart and still be compared.
const LATER: Duration = Duration::from_secs(40);

/// Deliveries with versions, reads by the hundred.
fn versioned() -> BookingWorld {
    BookingWorld::with("acme", |it| it.with_versions().with_snapshots().with_bookings_max(100))
}

/// Deliveries that say when it was so, reads one by one.
fn timed() -> BookingWorld {
    BookingWorld::with("acme", ScriptedBookings::with_snapshots)
}

async fn outcome(world: &BookingWorld, change: &BookingChange) -> BookingSyncOutcome {
    world.sync(vec![change.clone()]).await.outcomes[0]
}

fn state_of(world: &BookingWorld, id: &ExternalId) -> (BookingStatus, Option<StatusReason>) {
    let booking = world.stored(id).unwrap().booking;
    (booking.status, booking.reason)
}

fn unavailable() -> ProviderError {
    ProviderError::Unavailable { status: Some(503), retry_after: None, effect: RemoteEffect::None }
}

#[tokio::test]
async fn ten_snapshots_cost_one_request_and_one_read_of_the_table() {
    let world = versioned();
    let ids: Vec<_> = (0..10).map(|number| world.book(DAY, somebody(number))).collect();
    let batch = || ids.iter().map(|id| world.account.change(id)).collect::<Vec<_>>();
    let report = world.sync(batch()).await;
    assert_eq!(report.outcomes, vec![SYNCED; 10]);
    assert_eq!(report.groups[0].costs.provider_calls, 1);
    assert_eq!((world.account.told_read(), world.account.bookings_read()), (vec![10], vec![]));
    let costs = world.store.take_costs();
    assert_eq!((costs.loads, costs.lookups.len(), costs.writes), (vec![10], 1, 10));
    assert_eq!(world.store.clients(&world.tenant).len(), 10, "who booked was found out");
    // The same versions again: nothing is written, not even that they were seen.
    assert_eq!(world.sync(batch()).await.outcomes, vec![UNCHANGED; 10]);
    let costs = world.store.take_costs();
    assert_eq!((costs.loads, costs.writes, costs.refreshes), (vec![10], 0, 0));
    assert_eq!(world.told_count(), 10);
}

#[tokio::test]
async fn snapshot_of_nobody_costs_no_request() {
    let world = versioned();
    let id = world.book(DAY, Person::default());
    let report = world.sync(vec![world.account.change(&id)]).await;
    assert_eq!((report.outcomes, report.groups[0].costs.provider_calls), (vec![SYNCED], 0));
    assert_eq!(world.stored(&id).unwrap().client, None);
    world.connections.disconnect(&world.tenant);
    let dead = Verdict::Dead(DeadCause::ConnectionNotFound);
    world.account.edit(&id, |it| it.state = RemoteState::NoShow);
    assert_eq!(Verdict::from(world.told(&id).await), dead, "nor is it stored for who is gone");
}

#[tokio::test]
async fn older_version_that_comes_after_a_newer_one_is_superseded() {
    let world = versioned();
    let id = world.book(DAY, ada());
    let booked = world.account.change(&id);
    world.account.edit(&id, |it| it.state = RemoteState::Declined);
    let declined = world.account.change(&id);
    assert_eq!(outcome(&world, &declined).await, SYNCED);
    world.clock.advance(LATER);
    assert_eq!(outcome(&world, &booked).await, SUPERSEDED);
    assert_eq!(state_of(&world, &id), (BookingStatus::Cancelled, Some(StatusReason::Declined)));
    // In one batch the newest counts for all, in whatever order they come.
    world.account.edit(&id, |it| it.state = RemoteState::Standing);
    let batch = vec![declined, world.account.change(&id), booked];
    assert_eq!(world.sync(batch).await.outcomes, [SYNCED; 3]);
    assert_eq!(state_of(&world, &id), (BookingStatus::Scheduled, None));
    assert_eq!((world.told_count(), world.account.bookings_read()), (2, vec![]));
}

#[tokio::test]
async fn version_that_goes_backwards_in_a_list_overwrites_nothing() {
    let world = versioned();
    let id = world.book(DAY, ada());
    world.told(&id).await;
    world.account.edit(&id, |it| it.state = RemoteState::Cancelled);
    world.told(&id).await;
    world.account.set_stale(&id, true);
    world.clock.advance(LATER);
    let (result, stats) = world.run(&world.command()).await;
    assert_eq!((result.unwrap().answer.updated, stats.counts.superseded), (0, 1));
    assert_eq!(world.sweep(world.step()).await.step.drift, 0);
    let mark = BookingChange { snapshot: None, ..world.account.change(&id) };
    assert_eq!(outcome(&world, &mark).await, SUPERSEDED);
    assert_eq!(state_of(&world, &id).1, Some(StatusReason::Cancelled));
}

#[tokio::test]
async fn content_that_comes_again_with_a_higher_version_keeps_what_was_between_out() {
    let world = versioned();
    let id = world.book(DAY, ada());
    world.told(&id).await;
    world.account.edit(&id, |it| it.state = RemoteState::NoShow);
    let between = world.account.change(&id);
    world.account.edit(&id, |it| it.state = RemoteState::Standing);
    assert_eq!(world.told(&id).await, UNCHANGED);
    assert_eq!(outcome(&world, &between).await, SUPERSEDED);
    assert_eq!(world.told_count(), 1);
}

#[tokio::test]
async fn state_of_before_that_is_told_late_does_not_bring_back_what_is_gone() {
    let world = versioned();
    let id = world.book(DAY, ada());
    let booked = world.account.change(&id);
    world.told(&id).await;
    world.account.edit(&id, |it| it.starts_at += HOUR);
    let moved = world.account.change(&id);
    world.account.delete(&id);
    let mark = world.account.change(&id);
    assert_eq!(mark.snapshot, None);
    let again = outcome(&world, &mark).await.changed(&mark).unwrap();
    world.clock.advance(CONFIRM_DELAY);
    assert_eq!(outcome(&world, &again).await, SYNCED);
    assert!(matches!(outcome(&world, &booked).await, BookingSyncOutcome::Confirm { .. }));
    // Of a version that is higher than the one that was known to be gone.
    let again = outcome(&world, &moved).await.changed(&moved).unwrap();
    assert_eq!(again.snapshot, None, "from now on it is a mark");
    world.clock.advance(CONFIRM_DELAY);
    assert_eq!(outcome(&world, &again).await, UNCHANGED);
    assert_eq!((state_of(&world, &id).1, world.told_count()), (Some(StatusReason::Deleted), 2));
}

#[tokio::test]
async fn state_that_is_told_late_of_an_appointment_nobody_knows_is_read_first() {
    let world = versioned();
    let (kept, gone) = (world.book(DAY, ada()), world.book(DAY, somebody(1)));
    let late = [world.account.change(&kept), world.account.change(&gone)];
    world.account.delete(&gone);
    // The deletion is told and confirmed before anybody has heard of the appointment.
    let mark = world.account.change(&gone);
    let again = outcome(&world, &mark).await.changed(&mark).unwrap();
    world.clock.advance(CONFIRM_DELAY);
    assert_eq!(outcome(&world, &again).await, UNCHANGED);
    let outcomes = world.sync(late.to_vec()).await.outcomes;
    assert_eq!(outcomes[0], SYNCED);
    assert!(matches!(outcomes[1], BookingSyncOutcome::Confirm { .. }), "{outcomes:?}");
    assert_eq!((world.stored(&gone), world.told_count()), (None, 1));
}

#[tokio::test]
async fn snapshots_without_versions_are_ordered_by_their_times_where_those_are_far_apart() {
    let world = timed();
    let id = world.book(DAY, ada());
    let booked = world.account.change(&id);
    world.clock.advance(LATER);
    world.account.edit(&id, |it| it.state = RemoteState::Cancelled);
    let cancelled = world.account.change(&id);
    assert_eq!(outcome(&world, &cancelled).await, SYNCED);
    assert_eq!(outcome(&world, &cancelled).await, UNCHANGED);
    assert_eq!(outcome(&world, &booked).await, SUPERSEDED);
    world.clock.advance(LATER);
    world.account.edit(&id, |it| it.state = RemoteState::Standing);
    assert_eq!(world.told(&id).await, SYNCED);
    assert_eq!((world.told_count(), world.account.bookings_read()), (2, vec![]));
}

#[tokio::test]
async fn snapshots_without_versions_whose_times_are_close_are_read_anew() {
    let world = timed();
    let id = world.book(DAY, ada());
    let booked = world.account.change(&id);
    world.account.edit(&id, |it| it.state = RemoteState::Cancelled);
    let cancelled = world.account.change(&id);
    assert_eq!(outcome(&world, &cancelled).await, SYNCED);
    assert_eq!(outcome(&world, &booked).await, UNCHANGED, "it is read, and as it is stored");
    assert_eq!(world.account.bookings_read(), std::slice::from_ref(&id));
    // A provider whose clock is behind: what it told is newer than what was read, and looks older.
    world.account.edit(&id, |it| it.state = RemoteState::NoShow);
    let mut behind = world.account.change(&id);
    behind.snapshot.as_mut().unwrap().as_of =
        Some(behind.received_at - SignedDuration::from_secs(9));
    assert_eq!(outcome(&world, &behind).await, SYNCED);
    assert_eq!(state_of(&world, &id).1, Some(StatusReason::NoShow));
    assert_eq!(world.account.bookings_read().len(), 2);
    // The read is what fails, and then the message stays.
    world.account.edit(&id, |it| it.state = RemoteState::Standing);
    let change = world.account.change(&id);
    world.account.fail_booking(unavailable());
    assert_eq!(Verdict::from(outcome(&world, &change).await), Verdict::Retry { after: None });
    assert_eq!(outcome(&world, &change).await, SYNCED);
    assert_eq!(world.told_count(), 3);
}

#[tokio::test]
async fn clock_of_a_provider_makes_no_state_newer_than_its_delivery() {
    let world = timed();
    let id = world.book(DAY, ada());
    world.told(&id).await;
    world.clock.advance(LATER);
    world.account.edit(&id, |it| it.state = RemoteState::Cancelled);
    let mut ahead = world.account.change(&id);
    ahead.snapshot.as_mut().unwrap().as_of = Some(ahead.received_at + HOUR);
    // It waits on the queue, and something else happens just before it is worked on.
    world.clock.advance(LATER);
    world.account.edit(&id, |it| it.state = RemoteState::NoShow);
    let last = world.account.change(&id);
    assert_eq!(outcome(&world, &ahead).await, SYNCED);
    assert_eq!(outcome(&world, &last).await, SYNCED);
    assert_eq!(state_of(&world, &id).1, Some(StatusReason::NoShow));
    assert_eq!(world.account.bookings_read(), [], "it was surely later");
}

#[tokio::test]
async fn mark_beside_a_snapshot_is_read_anew() {
    let world = versioned();
    let (id, other) = (world.book(DAY, ada()), world.book(DAY, somebody(1)));
    let snapshot = world.account.change(&id);
    let body = BookingChange { snapshot: None, ..snapshot.clone() }.to_body().unwrap();
    let mark = BookingChange::parse(&body).unwrap();
    let batch = vec![snapshot, world.account.change(&other), mark];
    assert_eq!(world.sync(batch).await.outcomes, [SYNCED; 3]);
    assert_eq!((world.account.bookings_read(), world.account.told_read()), (vec![id], vec![1]));
}

#[tokio::test]
async fn person_who_cannot_be_found_out_stays_as_known_with_the_client() {
    let world = versioned();
    let id = world.book(DAY, ada());
    world.told(&id).await;
    let before = world.stored(&id).unwrap();
    world.account.set_person_lost(&id, true);
    world.account.edit(&id, |it| it.state = RemoteState::NoShow);
    assert_eq!(world.told(&id).await, SYNCED);
    let after = world.stored(&id).unwrap();
    assert_eq!((after.booking.person, after.client), (before.booking.person, before.client));
    assert_eq!(after.booking.reason, Some(StatusReason::NoShow));
    let last = world.store.versions().pop().unwrap();
    assert_eq!(last.differences, ["reason", "status"].map(str::to_owned).into());
    // The same in lists.
    world.account.edit(&id, |it| it.state = RemoteState::Standing);
    assert_eq!(world.import(&world.command()).await.updated, 1);
    assert_eq!(world.stored(&id).unwrap().booking.person, ada());
}

#[tokio::test]
async fn person_who_cannot_be_found_out_at_first_sight_is_linked_once_known() {
    let world = versioned();
    let id = world.book(DAY, ada());
    world.account.set_person_lost(&id, true);
    assert_eq!(world.told(&id).await, SYNCED);
    let stored = world.stored(&id).unwrap();
    assert_eq!((stored.booking.person, stored.client), (Person::default(), None));
    assert!(world.store.clients(&world.tenant).is_empty());
    world.account.set_person_lost(&id, false);
    assert_eq!(world.import(&world.command()).await.updated, 1);
    let stored = world.stored(&id).unwrap();
    assert_eq!(stored.booking.person, ada());
    assert_eq!(stored.client.unwrap().rule, LinkRule::Created);
}

#[tokio::test]
async fn failure_of_the_provider_leaves_all_snapshots_on_the_queue() {
    let world = versioned();
    let ids: Vec<_> = (0..3).map(|number| world.book(DAY, somebody(number))).collect();
    let batch = || ids.iter().map(|id| world.account.change(id)).collect::<Vec<_>>();
    world.account.fail_told(unavailable());
    let verdicts: Vec<_> =
        world.sync(batch()).await.outcomes.into_iter().map(Verdict::from).collect();
    assert_eq!(verdicts, [Verdict::Retry { after: None }; 3]);
    assert_eq!(world.told_count(), 0);
    assert_eq!(world.sync(batch()).await.outcomes, [SYNCED; 3]);
    world.connections.disconnect(&world.tenant);
    let dead = BookingSyncOutcome::Unapplied(Verdict::Dead(DeadCause::ConnectionNotFound));
    assert_eq!(world.sync(batch()).await.outcomes, [dead; 3]);
}

#[tokio::test]
async fn details_of_a_snapshot_are_stored_and_go_again() {
    let world = versioned();
    let id = world.book(DAY, ada());
    let tentative = (DetailName::IsTentative, "true".to_owned());
    world.account.edit(&id, |it| it.details.extend([tentative]));
    world.told(&id).await;
    assert_eq!(world.stored(&id).unwrap().booking.details.len(), 1);
    world.account.edit(&id, |it| {
        it.state = RemoteState::Cancelled;
        it.details = [(DetailName::CancelledBy, "customer".to_owned())].into();
    });
    world.told(&id).await;
    let last = world.store.versions().pop().unwrap();
    let names = ["cancelled_by", "is_tentative", "reason", "status"].map(str::to_owned);
    assert_eq!(last.differences, names.into());
}
