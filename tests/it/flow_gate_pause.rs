//! Pauses: what the provider asked for holds for every instance, and no longer.

use std::time::Duration;

use futures::FutureExt;
use jiff::{SignedDuration, Timestamp};
use sync_domain::gate::{Class, ClosedReason, Outcome, PauseReason, Reported, daily_limit_until};

use crate::support::gate_world::World;

const PATIENT: Duration = Duration::from_secs(3);

fn success() -> Outcome {
    Outcome::Succeeded { reading: None }
}

/// Three zones, and days of 23, 24 and 25 hours.
const DAYS: [(&str, &str, &str); 6] = [
    ("Europe/Berlin", "2026-03-29T00:30:00+01:00", "2026-03-30T00:01:00+02:00"),
    ("Europe/Berlin", "2026-10-25T00:30:00+02:00", "2026-10-26T00:01:00+01:00"),
    ("US/Eastern", "2026-03-08T01:30:00-05:00", "2026-03-09T00:01:00-04:00"),
    ("US/Eastern", "2026-11-01T00:20:00-04:00", "2026-11-02T00:01:00-05:00"),
    ("Asia/Kolkata", "2026-11-22T23:59:00+05:30", "2026-11-23T00:01:00+05:30"),
    ("UTC", "2026-11-22T12:00:00Z", "2026-11-23T00:01:00Z"),
];

#[test]
fn daily_limit_pauses_every_instance_until_after_the_accounts_midnight() {
    for (zone, now, until) in DAYS {
        let (now, until): (Timestamp, Timestamp) = (now.parse().unwrap(), until.parse().unwrap());
        let world = World::new(1);
        let machines = [world.machine(), world.machine(), world.machine()];
        for machine in &machines {
            machine.clock.set_skew(now.duration_since(machine.now()) + SignedDuration::ZERO);
        }
        let [first, second, _] = &machines;
        let task = async {
            world.answer(Outcome::DailyLimit { until: daily_limit_until(now, Some(zone)) });
            let (_, reported) = first.call(Class::Live, PATIENT, 10).await.unwrap();
            assert!(matches!(reported, Reported::Paused(_)), "{reported:?}");
            let health = world.state().health(first.now());
            assert_eq!(health.pause_reason, Some(PauseReason::DailyLimit));
            let paused_until = health.paused_until.unwrap();
            let is_midnight =
                paused_until.duration_since(until).abs() < SignedDuration::from_secs(1);
            assert!(is_midnight, "{zone}: {paused_until}");

            let closed = second.call(Class::Background, PATIENT, 10).await.unwrap_err();
            assert_eq!(closed.reason, ClosedReason::Paused(PauseReason::DailyLimit));
            let (loads, saves, began) = (world.store.loads(), world.store.saves(), second.now());
            while second.now() < paused_until - SignedDuration::from_secs(1) {
                for machine in [first, second] {
                    let closed = machine.call(Class::Live, Duration::ZERO, 10).await.unwrap_err();
                    assert_eq!(closed.reason, ClosedReason::Paused(PauseReason::DailyLimit));
                    assert!(closed.until >= paused_until);
                }
                let left = paused_until.duration_since(second.now()).unsigned_abs();
                let step = left.saturating_sub(Duration::from_millis(900));
                world.timeline.sleep(step.min(Duration::from_secs(600))).await;
            }
            assert_eq!(world.store.saves(), saves, "nothing is written");
            let minutes = second.now().duration_since(began).as_mins().unsigned_abs();
            let reads = world.store.loads() - loads;
            assert!(reads <= 2 * (minutes + 1), "{reads} reads in {minutes} minutes");
            world.answer(success());
            world.timeline.sleep(Duration::from_secs(4)).await;
            for machine in &machines {
                machine.call(Class::Live, PATIENT, 10).await.unwrap();
            }
        };
        world.timeline.run(vec![task.boxed_local()], 0);
    }
}

#[test]
fn long_waits_are_shared_and_short_ones_are_kept_here() {
    for (asked_for, is_shared) in [(Some(2), false), (Some(30), true), (None, false)] {
        let world = World::new(2);
        let (first, second) = (world.machine(), world.machine());
        let task = async {
            let retry_after = asked_for.map(Duration::from_secs);
            world.answer(Outcome::RateLimited { retry_after });
            first.call(Class::Live, PATIENT, 10).await.unwrap();
            world.answer(success());
            assert_eq!(world.state().pause.is_some(), is_shared);
            let closed = first.call(Class::Live, Duration::ZERO, 10).await.unwrap_err();
            assert_eq!(closed.reason, ClosedReason::Paused(PauseReason::RetryAfter));
            let other = second.call(Class::Live, Duration::ZERO, 10).await;
            assert_eq!(other.is_err(), is_shared, "{other:?}");
            let wait = Duration::from_secs(asked_for.unwrap_or(1) + 3);
            world.timeline.sleep(wait).await;
            for machine in [&first, &second] {
                machine.call(Class::Live, Duration::ZERO, 10).await.unwrap();
            }
        };
        world.timeline.run(vec![task.boxed_local()], 0);
    }
}

#[test]
fn pause_that_an_operator_deletes_is_over_within_a_minute() {
    let world = World::new(5);
    let machines = [world.machine(), world.machine()];
    let task = async {
        world
            .answer(Outcome::DailyLimit { until: machines[0].now() + Duration::from_secs(36_000) });
        machines[0].call(Class::Live, PATIENT, 10).await.unwrap();
        machines[1].call(Class::Live, PATIENT, 10).await.unwrap_err();
        world.answer(success());
        world.store.delete(&world.tenant, crate::support::gate_world::SYSTEM);
        world.timeline.sleep(Duration::from_secs(61)).await;
        for machine in &machines {
            machine.call(Class::Live, PATIENT, 10).await.unwrap();
        }
    };
    world.timeline.run(vec![task.boxed_local()], 0);
}

#[test]
fn pause_of_one_instance_is_not_shortened_by_another() {
    let world = World::new(3);
    let (first, second) = (world.machine(), world.machine());
    let task = async {
        // Both are under way when the account moves.
        let call = |machine, seconds| {
            let world = &world;
            async move {
                let machine: &crate::support::gate_world::Machine<'_> = machine;
                let visit = machine.visit(Class::Live, 1, PATIENT);
                let sync_domain::gate::Entry::Permit(permit) = machine.gate.enter(&visit).await
                else {
                    panic!("closed")
                };
                world.timeline.sleep(Duration::from_millis(500)).await;
                let retry_after = Some(Duration::from_secs(seconds));
                machine.gate.report(permit, Outcome::RateLimited { retry_after }).await
            }
        };
        futures::join!(call(&first, 3_600), call(&second, 60));
        let left = world.state().pause.unwrap().until.duration_since(first.now());
        assert!(left > SignedDuration::from_secs(3_590), "{left}");
    };
    world.timeline.run(vec![task.boxed_local()], 0);
}

#[test]
fn failed_calls_wait_is_kept_and_counts_as_failure_too() {
    let world = World::new(4);
    let machine = world.machine();
    let task = async {
        let retry_after = Some(Duration::from_secs(20));
        world.answer(Outcome::Failed { code: "http_503".to_owned(), retry_after });
        let (_, reported) = machine.call(Class::Live, PATIENT, 10).await.unwrap();
        assert!(matches!(reported, Reported::Paused(_)), "{reported:?}");
        let state = world.state();
        assert_eq!(
            (state.breaker.failures, state.last_error.unwrap().code.as_str()),
            (1, "http_503")
        );
    };
    world.timeline.run(vec![task.boxed_local()], 0);
}
