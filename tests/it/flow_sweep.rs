//! Sweeps: what no webhook told is found, stored and counted; what is gone is looked for by its id.

use std::time::Duration;

use futures::FutureExt;
use sync_domain::model::{RemoteState, StatusReason, SweepStep, System, TenantId};
use sync_domain::ports::{
    Clock, PageError, ProviderError, RateScope, RemoteEffect, SWEEP_SLOTS, StoreError, sweep_slot,
};
use sync_domain::usecase::settle_work::Verdict;
use sync_domain::usecase::sweep_bookings::{SweepReport, SweepSpan, plan_sweep};
use sync_domain::usecase::sweeping::{PlanDeps, SweepOutcome};
use sync_testkit::{
    ManualClock, MemorySweepDirectory, MemoryWorkQueue, ScriptedBookings, StoreFault,
};

use crate::support::booking_world::{BookingWorld, DAY, HOUR, SYSTEM, ada, somebody};

const AT_ONCE: SweepOutcome = SweepOutcome::AT_ONCE;

fn days(count: u64) -> Duration {
    Duration::from_secs(count * 24 * 3_600)
}

/// An account with bookings all over the window, all of them imported.
async fn imported(ways: impl FnOnce(ScriptedBookings) -> ScriptedBookings) -> BookingWorld {
    let world = BookingWorld::with("acme", ways);
    for day in -30..19 {
        world.book(day * DAY + HOUR, somebody(day.unsigned_abs() as usize % 5));
    }
    world.import_all().await;
    world
}

fn ids(world: &BookingWorld) -> Vec<sync_domain::model::ExternalId> {
    world.account.appointments().into_keys().collect()
}

/// Sweeps until it ends, as the queue would.
async fn swept(world: &BookingWorld) -> (SweepReport, u32) {
    let (mut report, mut steps) = (world.sweep(world.step()).await, 1);
    while report.outcome == AT_ONCE {
        let body = report.step.to_body().unwrap();
        report = world.sweep(SweepStep::parse(&body).unwrap()).await;
        steps += 1;
    }
    assert_eq!(report.outcome, SweepOutcome::Done);
    (report, steps)
}

async fn drift(world: &BookingWorld) -> u64 {
    swept(world).await.0.step.drift
}

#[tokio::test]
async fn sweep_of_what_is_stored_finds_nothing_and_asks_for_nobody() {
    let world = imported(|account| account).await;
    world.store.take_costs();
    assert_eq!(drift(&world).await, 0);
    assert_eq!(world.account.bookings_read(), []);
    let costs = world.store.take_costs();
    assert_eq!((costs.writes, costs.refreshes, costs.lookups.len()), (0, 0, 0));
}

#[tokio::test]
async fn drift_is_what_no_webhook_told_and_not_what_the_clock_brought() {
    let world = imported(|account| account).await;
    let all = ids(&world);
    world.clock.advance(days(2));
    world.account.edit(&all[3], |it| it.state = RemoteState::Cancelled);
    world.account.edit(&all[30], |it| it.starts_at -= 20 * DAY);
    world.account.delete(&all[10]);
    world.book(3 * DAY, ada());
    let (report, _) = swept(&world).await;
    assert_eq!(report.step.drift, 4);
    assert_eq!((report.counts.completed_only, report.vanished), (2, 1));
    let gone = world.stored(&all[10]).unwrap();
    assert_eq!(gone.booking.reason, Some(StatusReason::Deleted));
    assert_eq!(world.account.bookings_read(), [all[10].clone()]);
    assert_eq!(drift(&world).await, 0);
    assert_eq!(world.account.bookings_read().len(), 1, "what is gone is not asked for again");
}

#[tokio::test]
async fn booking_that_moves_while_the_window_is_read_is_found_wherever_it_goes() {
    for pages in 0..8 {
        for (from, to) in [(-30, 18), (18, -30), (0, 60), (18, -50)] {
            let world = imported(|account| account).await;
            let id = world.book(from * DAY, ada());
            world.told(&id).await;
            let target = world.moment(to * DAY);
            let mut sweep = Box::pin(world.sweep(world.step()));
            while world.account.pages_read() < 32 + pages {
                assert!(sweep.as_mut().now_or_never().is_none(), "it is over");
                tokio::task::yield_now().await;
            }
            world.account.edit(&id, |it| it.starts_at = target);
            let report = sweep.await;
            assert_eq!(report.outcome, SweepOutcome::Done);
            let stored = world.stored(&id).unwrap().booking.starts_at;
            let is_late = stored != target;
            // It was read before it moved: its webhook, or the next sweep, tells.
            if is_late {
                assert_eq!(report.step.drift, 0);
                assert_eq!(drift(&world).await, 1, "{from} {to} {pages}");
            }
            let stored = world.stored(&id).unwrap();
            assert_eq!(stored.booking.starts_at, target, "{from} {to} {pages}");
            assert_eq!(stored.version, 2);
        }
    }
}

#[tokio::test]
async fn sweep_that_does_not_fit_goes_on_with_its_drift() {
    let slow = |account: ScriptedBookings| account.with_page_time(Duration::from_secs(9));
    let world = imported(slow).await;
    for id in ids(&world).iter().step_by(4) {
        world.account.edit(id, |it| it.person.first_name = Some("Augusta".to_owned()));
    }
    let (report, steps) = swept(&world).await;
    assert!(steps > 2, "{steps}");
    assert_eq!(report.step.drift, 13);
    assert_eq!(report.step.correlation_id, world.step().correlation_id);
}

#[tokio::test]
async fn sweep_finds_what_dropped_webhooks_told() {
    let world = imported(|account| account).await;
    let (mut dropped, mut random) = (0, fastrand::Rng::with_seed(11));
    for (number, id) in ids(&world).into_iter().enumerate() {
        world.account.edit(&id, |it| it.person = somebody(100 + number));
        if random.u8(..100) < 20 {
            dropped += 1;
        } else {
            world.told(&id).await;
        }
    }
    assert!(dropped > 3);
    assert_eq!(drift(&world).await, dropped);
    assert_eq!(drift(&world).await, 0);
}

#[tokio::test]
async fn many_bookings_that_are_gone_are_all_found_even_if_the_time_ends() {
    let world = BookingWorld::new();
    let all: Vec<_> = (0..50).map(|number| world.book(DAY, somebody(number))).collect();
    world.import_all().await;
    // Who goes on within a part has not seen all of its list: what is fresh is not gone at one look.
    world.clock.advance(Duration::from_secs(40));
    all.iter().skip(3).for_each(|id| world.account.delete(id));
    for _fault in 0..30 {
        world.store.fail_write(StoreFault::None);
    }
    world.store.fail_write(StoreFault::Fail);
    let report = world.sweep(world.step()).await;
    assert_eq!(report.outcome, SweepOutcome::Later(Verdict::Retry { after: None }));
    assert!(report.step.drift > 0 && report.step.drift < 47, "{}", report.step.drift);
    let report = world.sweep(report.step).await;
    assert_eq!((report.outcome, report.step.drift), (SweepOutcome::Done, 47));
    assert_eq!(world.told_count(), 97);
}

#[tokio::test]
async fn sweep_waits_for_a_closed_gate_but_not_longer_than_until_the_next_one() {
    let world = imported(|account| account).await;
    let pause = Some(Duration::from_secs(120));
    let limited = ProviderError::RateLimited { retry_after: pause, scope: RateScope::Window };
    world.account.fail_page(2, PageError::Provider(limited));
    let report = world.sweep(world.step()).await;
    assert!(matches!(report.outcome, SweepOutcome::Later(Verdict::Wait { .. })), "{report:?}");
    assert_eq!(report.pages, 2);
    let mut overdue = report.step.clone();
    overdue.began_at -= 2 * HOUR;
    assert_eq!(world.sweep(overdue).await.outcome, SweepOutcome::GivenUp("overdue"));
    world.clock.advance(Duration::from_secs(130));
    assert_eq!(world.sweep(report.step).await.outcome, SweepOutcome::Done);
}

#[tokio::test]
async fn sweep_of_a_tenant_who_is_gone_or_refused_is_given_up() {
    let world = imported(|account| account).await;
    world.account.fail_page(0, PageError::Provider(ProviderError::Unauthorized));
    let refused = world.sweep(world.step()).await.outcome;
    assert_eq!(refused, SweepOutcome::GivenUp("refused"));
    world.connections.set_token_ended(&world.tenant, true);
    let outcome = world.sweep(world.step()).await.outcome;
    assert!(matches!(outcome, SweepOutcome::Later(Verdict::Wait { .. })), "{outcome:?}");
    world.connections.disconnect(&world.tenant);
    let gone = world.sweep(world.step()).await.outcome;
    assert_eq!((gone, Verdict::from(gone)), (SweepOutcome::GivenUp("disconnected"), Verdict::Done));
}

#[tokio::test]
async fn sweep_begins_anew_where_its_position_is_of_another_build() {
    let world = imported(|account| account).await;
    let step = SweepStep { position: Some("elsewhere".to_owned()), drift: 5, ..world.step() };
    let report = world.sweep(step).await;
    assert_eq!(report.outcome, SweepOutcome::Later(Verdict::Retry { after: None }));
    assert_eq!((report.step.position.clone(), report.step.drift), (None, 5));
    assert_eq!(world.sweep(report.step).await.outcome, SweepOutcome::Done);
}

#[tokio::test]
async fn sweep_with_faults_goes_on_where_it_was() {
    let world = imported(|account| account).await;
    let effect = RemoteEffect::None;
    let fault = ProviderError::Unavailable { status: Some(502), retry_after: None, effect };
    for after in [4, 0, 0] {
        world.account.fail_page(after, PageError::Provider(fault.clone()));
    }
    let report = world.sweep(world.step()).await;
    assert_eq!(report.outcome, SweepOutcome::Later(Verdict::Retry { after: None }));
    assert_eq!((report.pages, report.costs.provider_retries), (4, 2));
    let table = Verdict::from(&StoreError::Unavailable("down".into()));
    world.account.edit(&ids(&world)[40], |it| it.state = RemoteState::NoShow);
    world.store.fail_write(StoreFault::Fail);
    let report = world.sweep(report.step).await;
    assert_eq!(report.outcome, SweepOutcome::Later(table));
    let report = world.sweep(report.step).await;
    assert_eq!((report.outcome, report.step.drift), (SweepOutcome::Done, 1));
}

#[tokio::test]
async fn every_connection_is_swept_once_an_hour_in_its_slot() {
    let (clock, queue) = (ManualClock::default(), MemoryWorkQueue::default());
    let directory = MemorySweepDirectory::with_pages_of(3);
    let tenants: Vec<_> =
        (0..100).map(|number| TenantId::parse(&format!("tenant-{number}")).unwrap()).collect();
    for tenant in &tenants {
        directory.connect(tenant, System::Acuity);
        directory.connect(tenant, System::Hubspot);
    }
    let deps = PlanDeps { directory: &directory, queue: &queue, clock: &clock };
    let span = SweepSpan { back: days(35), ahead: days(400) };
    let mut planned = Vec::new();
    for slot in 0..SWEEP_SLOTS {
        let counts = plan_sweep(&deps, slot, span).await.unwrap();
        let messages = queue.take();
        assert_eq!((counts.sent, counts.failed), (messages.len(), 0));
        assert!(counts.sent > 0 && counts.sent < 30, "slot {slot} has {}", counts.sent);
        for message in messages {
            let step = SweepStep::parse(&message.body).unwrap();
            assert_eq!(sweep_slot(&step.tenant, SYSTEM), slot);
            assert_eq!((step.position, step.drift), (None, 0));
            assert_eq!(step.until.duration_since(step.from), 435 * DAY);
            assert!(step.from < clock.now() - 35 * DAY + HOUR);
            planned.push(step.tenant);
        }
    }
    planned.sort();
    let mut all = tenants;
    all.sort();
    assert_eq!(planned, all);
    queue.fail_next(2);
    let counts = plan_sweep(&deps, 0, span).await.unwrap();
    assert_eq!(counts.failed, 2);
}
