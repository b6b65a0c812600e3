//! Sweeps of CRMs: what changed becomes hints, the watermark follows the hints, and what stops a sweep
//! costs none of them.

use std::time::Duration;

use sync_domain::model::{
    AttributeName, Attributes, ChangeKind, CrmSweepStep, ObjectType, System, SystemKind, TenantId,
};
use sync_domain::ports::{
    Clock, ConnectionStatus, DeadCause, Finish, ProviderError, RateScope, RemoteEffect,
    SWEEP_SLOTS, SWEEP_TURN, sweep_slot,
};
use sync_domain::usecase::settle_work::Verdict;
use sync_domain::usecase::sweep_crm::plan_crm_sweep;
use sync_domain::usecase::sweeping::{PlanDeps, SweepOutcome};
use sync_testkit::{ManualClock, MemorySweepDirectory, MemoryWorkQueue};

use crate::support::crm_sweep_world::{CONTACT, CrmSweepWorld, HOUR, MINUTE, SYSTEM, ids_of};
use crate::support::sync_world::values;

const RETRY: SweepOutcome = SweepOutcome::Later(Verdict::Retry { after: None });
const REFUSAL: ProviderError = ProviderError::Rejected { vendor_code: None, field: None };

fn unavailable() -> ProviderError {
    let effect = RemoteEffect::None;
    ProviderError::Unavailable { status: Some(502), retry_after: None, effect }
}

fn company(number: usize) -> Attributes {
    values(&[(AttributeName::Reference, &format!("company-{number}"))])
}

#[tokio::test]
async fn sweep_makes_one_hint_of_each_object_that_changed() {
    let world = CrmSweepWorld::new().await;
    let mut all: Vec<_> = (0..7).map(|number| world.create(number)).collect();
    let (company, _) = world.portal.create(ObjectType::Company, company(1)).unwrap();
    world.portal.archive(CONTACT, &all[2]);
    let hints = world.hints().await;
    assert_eq!(hints.len(), 8, "none of them twice");
    all.push(company.clone());
    all.sort();
    assert_eq!(ids_of(&hints), all);
    for hint in &hints {
        assert_eq!((&hint.tenant, hint.system), (&world.tenant, SYSTEM));
        assert_eq!(hint.account_id, "account-of-acme");
        assert!(hint.correlation_id.as_str().starts_with("sweep-"), "{hint:?}");
        assert!(hint.occurred_at <= hint.received_at);
    }
    let kinds = |index: usize| {
        let hint = hints.iter().find(|hint| hint.external_id == all[index]).unwrap();
        hint.kinds.iter().copied().collect::<Vec<_>>()
    };
    let place = |id| all.iter().position(|it| it == id).unwrap();
    assert_eq!(kinds(place(&company)), [ChangeKind::Properties, ChangeKind::Associations]);
    assert_eq!(hints.iter().filter(|it| it.object_type == ObjectType::Company).count(), 1);
    let deleted = hints.iter().filter(|hint| hint.kinds == [ChangeKind::Deleted].into());
    assert_eq!(deleted.count(), 1);
}

#[tokio::test]
async fn sweep_begins_where_the_last_one_ended_with_an_overlap() {
    let world = CrmSweepWorld::new().await;
    let connected_at = world.clock.now();
    world.advance(HOUR);
    let (first, _) = world.swept().await;
    let until = first.step.place.unwrap().until;
    let spans = world.feed.take_spans();
    let types: Vec<_> = spans.iter().map(|(object_type, _)| *object_type).collect();
    assert_eq!(types, ObjectType::ALL);
    assert!(spans.iter().all(|(_, it)| it.since == connected_at - 10 * MINUTE));
    assert!(spans.iter().all(|(_, it)| it.until == until && until > connected_at + HOUR));
    assert_eq!(world.swept_until(), Some(until));
    world.advance(HOUR);
    assert_eq!(world.swept().await.0.outcome, SweepOutcome::Done);
    let (_, span) = world.feed.take_spans()[0];
    assert_eq!(span.since, until - 10 * MINUTE);
    assert_eq!(world.sweeps.turn(&world.tenant, SYSTEM), None);
}

#[tokio::test]
async fn watermark_of_an_account_before_says_nothing_of_this_one() {
    let world = CrmSweepWorld::new().await;
    world.advance(HOUR);
    world.hints().await;
    world.advance(HOUR);
    let mut entry = world.entry(ConnectionStatus::Connected);
    entry.account_id = "another".to_owned();
    world.end(Finish::Connected(&entry)).await;
    // The credentials that are cached are still of the former account.
    let report = world.sweep(world.step()).await;
    assert_eq!(report.outcome, SweepOutcome::GivenUp("other_account"));
    let (_, span) = world.feed.take_spans().pop().unwrap();
    assert_eq!(span.since, entry.connected_at - 10 * MINUTE);
    assert_eq!(world.watermark().unwrap().account_id, "account-of-acme");
}

#[tokio::test]
async fn watermark_stays_until_the_queue_has_taken_every_hint() {
    for failing in [1, 3] {
        let world = CrmSweepWorld::new().await;
        let all: Vec<_> = (0..7).map(|number| world.create(number)).collect();
        world.changes.fail_next(failing);
        let report = world.sweep(world.step()).await;
        assert_eq!(report.outcome, RETRY);
        assert_eq!((report.came_forward, report.pages, world.watermark()), (false, 0, None));
        assert_eq!(world.take_hints().len(), 3 - failing);
        let report = world.sweep(report.step).await;
        assert_eq!((report.outcome, report.step.found), (SweepOutcome::Done, 7));
        assert_eq!(ids_of(&world.take_hints()), all);
        assert!(world.watermark().is_some());
    }
}

#[tokio::test]
async fn watermark_that_can_t_be_written_is_tried_again() {
    let world = CrmSweepWorld::new().await;
    let id = world.create(1);
    world.sweeps.fail_after(1);
    let report = world.sweep(world.step()).await;
    assert_eq!((report.outcome, world.watermark()), (RETRY, None));
    let report = world.sweep(report.step).await;
    assert_eq!(report.outcome, SweepOutcome::Done);
    assert_eq!(ids_of(&world.take_hints()), [id]);
    assert!(world.watermark().is_some());
}

#[tokio::test]
async fn sweep_that_does_not_fit_goes_on_from_its_place() {
    let world = CrmSweepWorld::with_page_time(Duration::from_secs(20)).await;
    let all: Vec<_> = (0..20).map(|number| world.create(number)).collect();
    let (report, steps) = world.swept().await;
    assert!(steps > 2, "{steps}");
    assert_eq!((report.outcome, report.step.found), (SweepOutcome::Done, 20));
    assert_eq!(world.take_hints().len(), all.len(), "no page is read twice");
    assert_eq!(world.connector.counts(), (1, 1), "the webhook is looked at once in a sweep");
}

#[tokio::test]
async fn sweep_goes_on_where_the_provider_failed() {
    let world = CrmSweepWorld::new().await;
    (0..7).for_each(|number| drop(world.create(number)));
    for after in [2, 0, 0] {
        world.feed.fail_after(after, unavailable());
    }
    let report = world.sweep(world.step()).await;
    assert_eq!((report.outcome, report.pages, report.came_forward), (RETRY, 2, true));
    assert_eq!(report.costs.provider_retries, 2);
    let report = world.sweep(report.step).await;
    assert_eq!((report.outcome, report.step.found), (SweepOutcome::Done, 7));
    assert_eq!(world.take_hints().len(), 7);
}

#[tokio::test]
async fn sweep_waits_for_a_limit_and_is_given_up_after_a_day() {
    let world = CrmSweepWorld::new().await;
    (0..4).for_each(|number| drop(world.create(number)));
    let limited = ProviderError::RateLimited {
        retry_after: Some(Duration::from_secs(120)),
        scope: RateScope::Window,
    };
    world.feed.fail_after(1, limited);
    let report = world.sweep(world.step()).await;
    let is_waiting = |outcome| matches!(outcome, SweepOutcome::Later(Verdict::Wait { .. }));
    assert!(is_waiting(report.outcome), "{:?}", report.outcome);
    // The gate is closed, and stays so: that burns no try, and nobody is called.
    let closed = world.sweep(report.step.clone()).await;
    assert!(is_waiting(closed.outcome) && closed.costs.provider_calls == 0, "{closed:?}");
    let mut overdue = closed.step.clone();
    overdue.forward_at -= 25 * HOUR;
    assert_eq!(world.sweep(overdue).await.outcome, SweepOutcome::OVERDUE);
    assert_eq!(world.watermark(), None);
    world.advance(3 * MINUTE);
    assert_eq!(world.sweep(closed.step).await.outcome, SweepOutcome::Done);
}

#[tokio::test]
async fn sweep_leaves_a_fifth_of_the_day_s_quota_to_live_traffic() {
    let world = CrmSweepWorld::new().await;
    let all: Vec<_> = (0..7).map(|number| world.create(number)).collect();
    world.feed.set_quota(1_000, 199);
    world.advance(2 * HOUR);
    let mut report = world.sweep(world.step()).await;
    let wait = SweepOutcome::Later(Verdict::Wait { after: Duration::from_secs(900) });
    assert_eq!((report.outcome, report.is_quota_low), (wait, true));
    assert!(!report.outcome.is_failure());
    assert_eq!((report.pages, world.watermark()), (1, None));
    assert_eq!(report.watermark_age.map(|age| age.as_secs()), Some(7_200));
    let other = world.sweep(world.step()).await;
    assert_eq!((other.outcome.as_str(), other.watermark_age), ("under_way", None));
    // It comes forward all the same, a page at a time.
    while report.outcome == wait {
        world.advance(15 * MINUTE);
        report = world.sweep(report.step).await;
        assert_eq!(report.pages, 1);
    }
    assert_eq!(report.outcome, SweepOutcome::Done);
    assert!(report.watermark_age < Some(Duration::from_secs(7_200)));
    assert_eq!(ids_of(&world.take_hints()), all);
}

#[tokio::test]
async fn position_that_is_refused_again_and_again_ends_the_sweep() {
    let world = CrmSweepWorld::new().await;
    (0..7).for_each(|number| drop(world.create(number)));
    let mut step = world.step();
    for restarts in 1..=3 {
        world.feed.fail_after(2, REFUSAL);
        let report = world.sweep(step).await;
        assert_eq!((report.outcome, report.step.restarts), (RETRY, restarts));
        step = CrmSweepStep::parse(&report.step.to_body().unwrap()).unwrap();
    }
    world.feed.fail_after(2, REFUSAL);
    let report = world.sweep(step).await;
    assert_eq!(report.outcome, SweepOutcome::Later(Verdict::Dead(DeadCause::ProviderRejected)));
    assert_eq!(report.step.restarts, 0, "a replay begins anew");
    assert_eq!(world.watermark(), None);
}

#[tokio::test]
async fn sweep_of_a_tenant_who_is_gone_or_refused_is_given_up() {
    let world = CrmSweepWorld::new().await;
    world.feed.fail_after(0, ProviderError::Unauthorized);
    assert_eq!(world.sweep(world.step()).await.outcome, SweepOutcome::REFUSED);
    world.feed.fail_after(0, ProviderError::MissingScope);
    assert_eq!(world.sweep(world.step()).await.outcome, SweepOutcome::REFUSED);
    world.connections.set_token_ended(&world.tenant, true);
    let outcome = world.sweep(world.step()).await.outcome;
    assert!(matches!(outcome, SweepOutcome::Later(Verdict::Wait { .. })), "{outcome:?}");
    world.advance(HOUR);
    world.connections.disconnect(&world.tenant);
    assert_eq!(world.sweep(world.step()).await.outcome, SweepOutcome::DISCONNECTED);
    world.feed.take_spans();
    let broken = world.entry(ConnectionStatus::Broken);
    world.end(Finish::Updated(&broken)).await;
    assert_eq!(world.sweep(world.step()).await.outcome, SweepOutcome::REFUSED);
    world.end(Finish::Removed).await;
    let gone = world.sweep(world.step()).await;
    assert_eq!(gone.outcome, SweepOutcome::DISCONNECTED);
    assert_eq!(Verdict::from(gone.outcome), Verdict::Done);
    assert_eq!(world.feed.take_spans(), [], "nobody is called");
    assert_eq!(world.sweeps.turn(&world.tenant, SYSTEM), None);
}

#[tokio::test]
async fn sweep_leaves_the_field_to_one_that_is_under_way() {
    let world = CrmSweepWorld::with_page_time(Duration::from_secs(20)).await;
    (0..12).for_each(|number| drop(world.create(number)));
    let long = world.sweep(world.step()).await;
    assert_eq!(long.outcome, SweepOutcome::AT_ONCE);
    world.advance(20 * MINUTE);
    let second = world.sweep(world.step()).await.outcome;
    assert_eq!(second, SweepOutcome::GivenUp("under_way"));
    // It died meanwhile, as it seems; when it is back, it is too late.
    world.clock.advance(SWEEP_TURN);
    let third = world.sweep(world.step()).await;
    assert_eq!(third.outcome, SweepOutcome::AT_ONCE);
    assert_eq!(world.sweep(long.step).await.outcome, SweepOutcome::GivenUp("under_way"));
    let mut report = world.sweep(third.step).await;
    while report.outcome == SweepOutcome::AT_ONCE {
        report = world.sweep(report.step).await;
    }
    assert_eq!(report.outcome, SweepOutcome::Done);
}

#[tokio::test]
async fn position_that_is_refused_is_begun_anew_and_no_way_forward() {
    let world = CrmSweepWorld::new().await;
    let all: Vec<_> = (0..7).map(|number| world.create(number)).collect();
    world.feed.fail_after(2, REFUSAL);
    let report = world.sweep(world.step()).await;
    assert_eq!((report.outcome, report.came_forward), (RETRY, false));
    assert_eq!(report.step.place.as_ref().unwrap().position, None);
    assert_eq!(world.sweep(report.step).await.outcome, SweepOutcome::Done);
    assert_eq!(ids_of(&world.take_hints()), all);
    world.feed.fail_after(0, REFUSAL);
    let dead = SweepOutcome::Later(Verdict::Dead(DeadCause::ProviderRejected));
    assert_eq!(world.sweep(world.step()).await.outcome, dead);
}

#[tokio::test]
async fn feed_that_leads_nowhere_is_not_asked_for_ever() {
    let world = CrmSweepWorld::new().await;
    world.create(1);
    world.feed.get_stuck();
    let dead = SweepOutcome::Later(Verdict::Dead(DeadCause::Internal));
    let report = world.sweep(world.step()).await;
    assert_eq!((report.outcome, report.pages), (dead, 2));
    assert_eq!(world.watermark(), None);
}

#[tokio::test]
async fn every_crm_connection_with_a_feed_is_planned_once_an_hour_in_its_slot() {
    let (clock, queue) = (ManualClock::default(), MemoryWorkQueue::default());
    let directory = MemorySweepDirectory::with_pages_of(3);
    let mut all = Vec::new();
    for number in 0..60 {
        let tenant = TenantId::parse(&format!("tenant-{number}")).unwrap();
        System::ALL.into_iter().for_each(|system| directory.connect(&tenant, system));
        all.extend([(tenant.clone(), System::Salesforce), (tenant, System::Pipedrive)]);
    }
    let deps = PlanDeps { directory: &directory, queue: &queue, clock: &clock };
    let has_feed = |system| matches!(system, System::Salesforce | System::Pipedrive);
    let mut planned = Vec::new();
    let mut sweeps = Vec::new();
    for slot in 0..SWEEP_SLOTS {
        let counts = plan_crm_sweep(&deps, slot, has_feed).await.unwrap();
        let messages = queue.take();
        assert_eq!((counts.sent, counts.failed), (messages.len(), 0));
        for message in messages {
            let step = CrmSweepStep::parse(&message.body).unwrap();
            assert_eq!(step.system.kind(), SystemKind::Crm);
            assert_eq!(sweep_slot(&step.tenant, step.system), slot);
            assert_eq!((step.place, step.found, step.forward_at), (None, 0, clock.now()));
            planned.push((step.tenant, step.system));
            sweeps.push(step.correlation_id.as_str().to_owned());
        }
    }
    planned.sort();
    all.sort();
    assert_eq!(planned, all);
    sweeps.sort();
    sweeps.dedup();
    assert_eq!(sweeps.len(), all.len(), "each sweep has an id of its own");
}
