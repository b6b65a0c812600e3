//! Sweeps of a system that has no list by date: every known booking of the window is asked for by its
//! id, and each step comes further than the one before.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::SignedDuration;
use sync_domain::model::{DetailName, ExternalId, RemoteState, StatusReason, SweepStep};
use sync_domain::ports::{BookingSelection, Clock, ProviderError, RateScope};
use sync_domain::usecase::import_bookings::ImportBookings;
use sync_domain::usecase::settle_work::Verdict;
use sync_domain::usecase::sweep_bookings::SweepReport;
use sync_domain::usecase::sweeping::SweepOutcome;
use sync_testkit::{ScriptedBookings, StoreFault};

use crate::support::booking_world::{BookingWorld, DAY, HOUR, ada, somebody};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
/// Longer than what was stored must be known before one look says that it is gone.
const LATER: Duration = Duration::from_secs(40);

/// An account with so many bookings within four hours of tomorrow, which all were told of.
async fn world_of(
    count: usize,
    ways: impl FnOnce(ScriptedBookings) -> ScriptedBookings,
) -> (BookingWorld, Vec<ExternalId>) {
    let world = BookingWorld::with("acme", |account| ways(account.with_snapshots().without_list()));
    let from = DAY + 30 * MINUTE;
    let ids: Vec<_> = (0..count)
        .map(|number| world.book(from + MINUTE * i32::try_from(number).unwrap(), somebody(number)))
        .collect();
    for chunk in ids.chunks(10) {
        world.sync(chunk.iter().map(|id| world.account.change(id)).collect()).await;
    }
    world.clock.advance(LATER);
    (world, ids)
}

/// Sweeps until it ends, as the queue would; every step comes further.
async fn swept(world: &BookingWorld) -> (SweepReport, u32) {
    let (mut report, mut steps) = (world.sweep(world.step()).await, 1);
    while let SweepOutcome::Later(verdict) = report.outcome {
        assert!(matches!(verdict, Verdict::Wait { .. }), "{verdict:?}");
        assert!(report.came_forward, "{:?}", report.step);
        let body = report.step.to_body().unwrap();
        report = world.sweep(SweepStep::parse(&body).unwrap()).await;
        steps += 1;
        assert!(steps < 100, "it never ends");
    }
    assert_eq!(report.outcome, SweepOutcome::Done);
    (report, steps)
}

fn reason(world: &BookingWorld, id: &ExternalId) -> Option<StatusReason> {
    world.stored(id).unwrap().booking.reason
}

#[tokio::test]
async fn every_known_booking_of_the_window_is_read_by_its_id_and_drift_is_counted() {
    let (world, ids) = world_of(30, |account| account).await;
    let outside = world.book(90 * DAY, ada());
    world.told(&outside).await;
    world.clock.advance(LATER);
    world.store.take_costs();
    let (report, steps) = swept(&world).await;
    assert_eq!((report.step.drift, steps), (0, 1));
    let read = world.account.bookings_read();
    assert_eq!(read.len(), 30, "each once");
    assert_eq!(read.into_iter().collect::<BTreeSet<_>>(), ids.iter().cloned().collect());
    assert_eq!(report.costs.provider_calls, 30, "parts of the window cost no request");
    let costs = world.store.take_costs();
    assert_eq!((costs.writes, costs.refreshes), (0, 0));
    world.account.edit(&ids[3], |it| it.state = RemoteState::Cancelled);
    world.account.edit(&ids[7], |it| it.starts_at += 3 * DAY);
    world.account.edit(&ids[9], |it| {
        it.details.insert(DetailName::IsTentative, "true".to_owned());
    });
    world.account.delete(&ids[12]);
    let (report, _) = swept(&world).await;
    assert_eq!((report.step.drift, report.vanished, report.counts.skipped_duplicates), (4, 4, 26));
    assert_eq!(reason(&world, &ids[3]), Some(StatusReason::Cancelled));
    assert_eq!(reason(&world, &ids[12]), Some(StatusReason::Deleted));
    let tentative = world.stored(&ids[9]).unwrap().booking;
    assert_eq!(tentative.details[&DetailName::IsTentative], "true");
    let before = world.account.bookings_read().len();
    assert_eq!(
        before, 61,
        "one that moved on is not asked for again where it went, one that is missing is"
    );
    assert_eq!(swept(&world).await.0.step.drift, 0);
    assert_eq!(world.account.bookings_read().len(), before + 29, "what is gone is left alone");
}

#[tokio::test]
async fn step_that_runs_out_of_time_within_a_part_goes_on_behind_what_it_has_read() {
    // Of 60 s, 45 are for reads of 4 s: a part of 60 bookings takes six steps.
    let slow = |it: ScriptedBookings| it.with_booking_time(Duration::from_secs(4));
    let (world, ids) = world_of(60, slow).await;
    for id in ids.iter().step_by(5) {
        world.account.edit(id, |it| it.state = RemoteState::NoShow);
    }
    let (report, steps) = swept(&world).await;
    assert!((4..=8).contains(&steps), "{steps}");
    assert_eq!(report.step.drift, 12);
    let read = world.account.bookings_read();
    assert_eq!(read.len(), 60, "nothing was read twice");
    assert_eq!(report.step.checked, None);
}

#[tokio::test]
async fn no_read_is_begun_that_might_not_be_over_at_the_deadline() {
    let slow = |it: ScriptedBookings| it.with_booking_time(Duration::from_secs(5));
    let (world, _) = world_of(40, slow).await;
    let mut step = world.step();
    loop {
        let began = world.clock.now();
        let report = world.sweep(step).await;
        let took = world.clock.now().duration_since(began);
        // The last round: four reads, of which a clock by hand makes a row.
        assert!(took <= SignedDuration::from_secs(45 + 4 * 5), "{took:?}");
        step = report.step;
        if report.outcome == SweepOutcome::Done {
            break;
        }
    }
}

#[tokio::test]
async fn fault_of_the_provider_or_the_table_keeps_what_was_done_before_it() {
    let (world, ids) = world_of(30, |account| account).await;
    for id in &ids {
        world.account.edit(id, |it| it.state = RemoteState::NoShow);
    }
    let limited = ProviderError::RateLimited {
        retry_after: Some(Duration::from_secs(60)),
        scope: RateScope::Window,
    };
    world.account.fail_booking_after(24, limited);
    let report = world.sweep(world.step()).await;
    assert!(matches!(report.outcome, SweepOutcome::Later(Verdict::Wait { .. })), "{report:?}");
    assert!(report.came_forward && report.step.drift >= 24, "{report:?}");
    assert!(report.step.checked.is_some());
    world.clock.advance(Duration::from_secs(70));
    world.store.fail_write(StoreFault::Fail);
    let report = world.sweep(report.step).await;
    assert_eq!(report.outcome, SweepOutcome::Later(Verdict::Retry { after: None }));
    let report = world.sweep(report.step).await;
    assert_eq!((report.outcome, report.step.drift), (SweepOutcome::Done, 30));
    assert!(world.account.bookings_read().len() < 30 + 16, "the first ones were not read again");
}

#[tokio::test]
async fn unreadable_bookings_are_told_of_stay_as_they_are_and_stop_nobody() {
    let (world, ids) = world_of(6, |account| account).await;
    for id in &ids {
        world.account.edit(id, |it| it.state = RemoteState::NoShow);
    }
    world.account.set_unreadable(&ids[1], true);
    let (report, _) = swept(&world).await;
    assert_eq!((report.step.drift, report.counts.unreadable), (5, 1));
    assert_eq!(report.unreadable.len(), 1);
    assert_eq!(report.unreadable[0].external_id.as_ref(), Some(&ids[1]));
    assert_eq!(reason(&world, &ids[1]), None);
    // One that the provider refuses to look at is like it.
    world.account.set_unreadable(&ids[1], false);
    world.account.fail_booking(ProviderError::Rejected { vendor_code: None, field: None });
    let (report, _) = swept(&world).await;
    assert_eq!((report.counts.unreadable, report.outcome), (1, SweepOutcome::Done));
}

#[tokio::test]
async fn booking_that_was_stored_a_moment_ago_is_not_gone_at_the_first_look() {
    let (world, _) = world_of(2, |account| account).await;
    let id = world.book(DAY, ada());
    world.told(&id).await;
    let appointment = world.account.appointments()[&id].clone();
    world.account.delete(&id);
    let report = world.sweep(world.step()).await;
    let SweepOutcome::Later(Verdict::Wait { after }) = report.outcome else { panic!("{report:?}") };
    assert!(after >= Duration::from_secs(20), "{after:?}");
    assert_eq!(reason(&world, &id), None, "it may be there in a moment");
    world.clock.advance(after);
    let (outcome, drift) = {
        let report = world.sweep(report.step).await;
        (report.outcome, report.step.drift)
    };
    assert_eq!((outcome, drift), (SweepOutcome::Done, 1));
    assert_eq!(reason(&world, &id), Some(StatusReason::Deleted));
    // What comes back is imported by its id.
    let again = world.account.book(appointment);
    let selection = BookingSelection { booking_ids: vec![again], ..BookingSelection::default() };
    let command = ImportBookings { selection: Some(selection), ..world.command() };
    assert_eq!(world.import(&command).await.imported, 1);
}

#[tokio::test]
async fn gate_is_not_asked_for_parts_in_which_nothing_is_known() {
    let (world, _) = world_of(0, |account| account).await;
    let asked = world.gate_store.loads();
    let (report, _) = swept(&world).await;
    assert_eq!((report.costs.provider_calls, world.gate_store.loads() - asked), (0, 0));
    assert!(report.pages > 400, "70 days in parts of four hours: {}", report.pages);
    let booking = world.book(2 * HOUR, ada());
    world.told(&booking).await;
    world.clock.advance(LATER);
    let (report, _) = swept(&world).await;
    assert_eq!(report.costs.provider_calls, 1);
}
