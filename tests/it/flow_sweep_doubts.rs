//! Sweeps by ids where an answer can't be had or can't be believed: one booking stops nobody, one empty
//! answer deletes nothing, and no read overwrites what was told while it was under way.

use std::time::Duration;

use sync_domain::gate::ClosedReason;
use sync_domain::model::{ExternalId, RemoteState, StatusReason, SweepStep};
use sync_domain::ports::{Clock, ProviderError, RemoteEffect};
use sync_domain::usecase::settle_work::Verdict;
use sync_domain::usecase::sweep_bookings::SweepReport;
use sync_domain::usecase::sweeping::SweepOutcome;
use sync_testkit::ScriptedBookings;

use crate::support::booking_world::{BookingWorld, DAY, HOUR, ada, somebody};

/// Longer than what was stored must be known before one look says that it is gone.
const LATER: Duration = Duration::from_secs(40);
const REJECTED: ProviderError = ProviderError::Rejected { vendor_code: None, field: None };

/// An account without a list, with so many bookings of tomorrow, which all were told of and since then
/// were all called off.
async fn world_of(
    count: usize,
    ways: impl FnOnce(ScriptedBookings) -> ScriptedBookings,
) -> (BookingWorld, Vec<ExternalId>) {
    let world = BookingWorld::with("acme", |account| ways(account.with_snapshots().without_list()));
    let ids: Vec<_> = (0..count).map(|number| world.book(DAY, somebody(number))).collect();
    world.sync(ids.iter().map(|id| world.account.change(id)).collect()).await;
    world.clock.advance(LATER);
    for id in &ids {
        world.account.edit(id, |it| it.state = RemoteState::Cancelled);
    }
    (world, ids)
}

fn unavailable() -> ProviderError {
    ProviderError::Unavailable { status: Some(500), retry_after: None, effect: RemoteEffect::None }
}

fn reason(world: &BookingWorld, id: &ExternalId) -> Option<StatusReason> {
    world.stored(id).unwrap().booking.reason
}

async fn next(world: &BookingWorld, report: SweepReport) -> SweepReport {
    let SweepOutcome::Later(Verdict::Wait { after }) = report.outcome else { panic!("{report:?}") };
    world.clock.advance(after);
    let body = report.step.to_body().unwrap();
    world.sweep(SweepStep::parse(&body).unwrap()).await
}

#[tokio::test]
async fn booking_at_which_the_provider_fails_is_told_of_and_stops_nobody() {
    for place in [0, 4, 8] {
        let (world, ids) = world_of(9, |account| account).await;
        world.account.fail_always(&ids[place], unavailable());
        let report = world.sweep(world.step()).await;
        assert_eq!((report.outcome, report.step.drift), (SweepOutcome::Done, 8), "{place}");
        assert_eq!(report.unreadable.len(), 1);
        assert_eq!(report.unreadable[0].external_id.as_ref(), Some(&ids[place]));
        assert_eq!(reason(&world, &ids[place]), None);
    }
}

#[tokio::test]
async fn provider_that_fails_at_all_of_them_is_asked_again_later_from_there_on() {
    let (world, ids) = world_of(9, |account| account).await;
    for id in &ids[3..] {
        world.account.fail_always(id, unavailable());
    }
    let report = world.sweep(world.step()).await;
    assert_eq!(report.outcome, SweepOutcome::Later(Verdict::Retry { after: None }));
    assert_eq!((report.step.drift, report.counts.unreadable), (3, 0));
    assert_eq!(world.account.bookings_read().len(), 6, "the others are not asked for");
    assert!(report.came_forward);
}

#[tokio::test]
async fn gate_that_opens_in_time_is_waited_for_within_the_step() {
    let (world, ids) = world_of(9, |account| account).await;
    let closed = |secs| ProviderError::Closed {
        retry_after: Duration::from_secs(secs),
        reason: ClosedReason::RateBudget,
    };
    world.account.fail_booking_after(2, closed(3));
    world.account.fail_booking_after(3, closed(2));
    let began = world.clock.now();
    let report = world.sweep(world.step()).await;
    assert_eq!((report.outcome, report.step.drift), (SweepOutcome::Done, 9));
    assert!(world.clock.now().duration_since(began) >= jiff::SignedDuration::from_secs(5));
    assert_eq!(world.account.bookings_read().len(), ids.len() + 2, "none twice but those two");
    // For longer it waits on the queue, and what was answered before is stored.
    for id in &ids {
        world.account.edit(id, |it| it.state = RemoteState::NoShow);
    }
    world.account.fail_booking_after(4, closed(50));
    world.clock.advance(LATER);
    let report = world.sweep(world.step()).await;
    assert_eq!(report.step.drift, 4);
    assert_eq!(next(&world, report).await.step.drift, 9);
}

#[tokio::test]
async fn id_that_is_refused_among_others_is_found_by_asking_for_fewer() {
    let (world, ids) = world_of(40, |account| account.with_bookings_max(16)).await;
    world.account.fail_always(&ids[21], REJECTED);
    let report = world.sweep(world.step()).await;
    assert_eq!((report.outcome, report.step.drift), (SweepOutcome::Done, 39));
    assert_eq!(report.unreadable.len(), 1);
    assert_eq!(report.unreadable[0].external_id.as_ref(), Some(&ids[21]));
    // A webhook's batch does the same, and puts one message aside.
    let marks = ids.iter().map(|id| {
        world.account.edit(id, |it| it.state = RemoteState::NoShow);
        sync_domain::model::BookingChange { snapshot: None, ..world.account.change(id) }
    });
    let outcomes = world.sync(marks.collect()).await.outcomes;
    let dead = outcomes.iter().filter(|it| it.as_str() == "dead").count();
    assert_eq!((dead, outcomes[21].as_str()), (1, "dead"));
    assert_eq!(outcomes.iter().filter(|it| it.as_str() == "synced").count(), 39);
}

#[tokio::test]
async fn refused_credentials_end_a_sweep_that_only_reads_by_ids() {
    for error in [ProviderError::Unauthorized, ProviderError::MissingScope] {
        let (world, _) = world_of(3, |account| account).await;
        world.account.fail_booking_after(1, error);
        let report = world.sweep(world.step()).await;
        assert_eq!(report.outcome, SweepOutcome::REFUSED);
        assert_eq!(report.step.drift, 1, "what was answered before is stored");
    }
}

#[tokio::test]
async fn empty_answer_that_a_good_one_follows_deletes_nothing() {
    let (world, ids) = world_of(5, |account| account).await;
    world.account.overlook(&ids[2], 1);
    let began = world.clock.now();
    let report = world.sweep(world.step()).await;
    assert_eq!((report.outcome, report.step.drift), (SweepOutcome::Done, 5));
    assert!(world.clock.now().duration_since(began) >= jiff::SignedDuration::from_secs(20));
    assert_eq!(reason(&world, &ids[2]), Some(StatusReason::Cancelled));
    world.account.overlook(&ids[2], 2);
    let report = world.sweep(world.step()).await;
    assert_eq!((report.outcome, report.step.drift), (SweepOutcome::Done, 1));
    assert_eq!(reason(&world, &ids[2]), Some(StatusReason::Deleted));
}

#[tokio::test]
async fn missing_bookings_are_confirmed_step_by_step_where_reads_are_slow() {
    let slow = |it: ScriptedBookings| it.with_booking_time(Duration::from_secs(4));
    let (world, ids) = world_of(12, slow).await;
    for id in &ids {
        world.account.delete(id);
    }
    let mut report = world.sweep(world.step()).await;
    let mut steps = 1;
    while report.outcome != SweepOutcome::Done {
        assert!(report.came_forward, "{report:?}");
        report = next(&world, report).await;
        steps += 1;
        assert!(steps < 20, "it never ends");
    }
    assert_eq!(report.step.drift, 12);
    assert!(ids.iter().all(|id| reason(&world, id) == Some(StatusReason::Deleted)));
    let reads = world.account.bookings_read();
    assert!(ids.iter().all(|id| reads.iter().filter(|read| *read == id).count() >= 2));
}

#[tokio::test]
async fn read_that_is_older_than_what_was_told_a_moment_ago_is_made_again_and_overwrites_nothing() {
    let (world, _) = world_of(0, |account| account).await;
    let id = world.book(DAY, ada());
    world.told(&id).await;
    world.account.edit(&id, |it| it.starts_at += HOUR);
    world.told(&id).await;
    let moved = world.stored(&id).unwrap().booking;
    // The provider's reads are behind what it has told.
    world.account.set_stale(&id, true);
    let report = world.sweep(world.step()).await;
    assert_eq!(world.stored(&id).unwrap().booking, moved);
    assert_eq!((report.step.drift, report.counts.unreadable), (0, 0));
    world.account.set_stale(&id, false);
    let report = next(&world, report).await;
    assert_eq!((report.outcome, report.step.drift), (SweepOutcome::Done, 0));
    assert_eq!(world.stored(&id).unwrap().booking, moved);
}
