//! The webhook of a CRM connection while it is swept: looked at, made anew, noted under the lock.

use sync_domain::model::ExternalId;
use sync_domain::ports::{
    ConnectionEntry, ConnectionRegistry, CredentialStore, Finish, HookStatus, ProviderError,
    WebhookSecretPair,
};
use sync_domain::usecase::sweep_crm::HookLook;
use sync_domain::usecase::sweeping::SweepOutcome;
use sync_testkit::{Schedule, Scheduled};

use crate::support::crm_sweep_world::{CrmSweepWorld, HOOK_URL, HOUR, SYSTEM, ids_of};

const REGISTERED: Option<HookStatus> = Some(HookStatus::Registered);

fn hook() -> Vec<(String, String)> {
    vec![(HOOK_URL.to_owned(), "drawn".to_owned())]
}

#[tokio::test]
async fn webhook_that_is_gone_is_made_anew_and_noted() {
    let world = CrmSweepWorld::new().await;
    let (report, _) = world.swept().await;
    assert_eq!(report.hook, Some(HookLook::Remade));
    assert_eq!(world.noted_hook().await, (REGISTERED, vec!["1".to_owned()]));
    assert_eq!(world.connector.there(), hook());
    world.advance(HOUR);
    let (report, _) = world.swept().await;
    assert_eq!(report.hook, Some(HookLook::Standing));
    world.advance(HOUR);
    world.connector.lose();
    let (report, _) = world.swept().await;
    assert_eq!((report.hook, report.outcome), (Some(HookLook::Remade), SweepOutcome::Done));
    assert_eq!(world.noted_hook().await, (REGISTERED, vec!["2".to_owned()]));
    assert_eq!(world.connector.there(), hook());
    assert_eq!(world.connector.counts(), (2, 3));
    assert!(!world.registry.is_locked());
}

#[tokio::test]
async fn webhook_that_stands_costs_no_lock_and_no_write() {
    let world = CrmSweepWorld::new().await;
    world.swept().await;
    world.advance(HOUR);
    let lock = world.lock().await;
    let (report, _) = world.swept().await;
    assert_eq!((report.hook, report.outcome), (Some(HookLook::Standing), SweepOutcome::Done));
    world.registry.finish(&lock, &Finish::Unchanged, None).await.unwrap();
}

#[tokio::test]
async fn webhook_without_room_is_noted_and_the_sweep_goes_on() {
    let world = CrmSweepWorld::new().await;
    let id = world.create(1);
    world.connector.leave_no_room();
    let (report, _) = world.swept().await;
    assert_eq!((report.hook, report.outcome), (Some(HookLook::NoRoom), SweepOutcome::Done));
    assert_eq!(world.noted_hook().await, (Some(HookStatus::NoRoom), Vec::new()));
    assert_eq!(ids_of(&world.take_hints()), [id]);
}

#[tokio::test]
async fn webhook_that_can_t_be_looked_at_stops_no_sweep_and_changes_nothing() {
    let world = CrmSweepWorld::new().await;
    world.swept().await;
    let noted = world.noted_hook().await;
    world.advance(HOUR);
    let id = world.create(1);
    world.connector.fail_next(ProviderError::MissingScope);
    let (report, _) = world.swept().await;
    assert_eq!(report.hook, Some(HookLook::Unknown("provider_unavailable")));
    assert_eq!(report.outcome, SweepOutcome::Done);
    assert_eq!(ids_of(&world.take_hints()), [id]);
    assert_eq!(world.noted_hook().await, noted);
    world.credentials.delete_webhook_secrets(&world.tenant, SYSTEM).await.unwrap();
    let (report, _) = world.swept().await;
    assert_eq!(report.hook, Some(HookLook::Unknown("no_secret")));
    assert_eq!(report.outcome, SweepOutcome::Done);
}

#[tokio::test]
async fn webhook_whose_connection_is_being_changed_is_noted_an_hour_later() {
    let world = CrmSweepWorld::new().await;
    let lock = world.lock().await;
    let (report, _) = world.swept().await;
    assert_eq!(report.hook, Some(HookLook::Unknown("not_noted")));
    assert_eq!(report.outcome, SweepOutcome::Done);
    world.registry.finish(&lock, &Finish::Unchanged, None).await.unwrap();
    world.advance(HOUR);
    let (report, _) = world.swept().await;
    assert_eq!(report.hook, Some(HookLook::Remade), "as far as we know it was not there");
    assert_eq!(world.noted_hook().await, (REGISTERED, vec!["1".to_owned()]));
}

/// A person rotates: another secret, and the webhook of it, under the lock.
async fn rotate(world: &CrmSweepWorld) {
    let lock = world.lock().await;
    let (tenant, store) = (&world.tenant, &world.credentials);
    let stored = store.webhook_secrets(tenant, SYSTEM).await.unwrap().unwrap();
    let next =
        WebhookSecretPair { current: "another".into(), hook_ids: vec!["900".to_owned()], ..stored };
    store.put_webhook_secrets(tenant, SYSTEM, &next).await.unwrap();
    let entry = world.registry.entry(tenant, SYSTEM).await.unwrap().unwrap();
    let entry = ConnectionEntry { webhook: REGISTERED, ..entry };
    world.registry.finish(&lock, &Finish::Updated(&entry), None).await.unwrap();
}

#[test]
fn webhook_of_a_rotation_is_not_overwritten_by_one_that_was_looked_at_before() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut overtaken = 0;
    for seed in 0..400 {
        let world = runtime.block_on(CrmSweepWorld::new());
        let id = world.create(1);
        let sweeping = async { world.swept().await.0.hook.unwrap() };
        let rotating = async {
            // It waits for a lock like everybody.
            while world.registry.is_locked() {
                tokio::task::yield_now().await;
            }
            rotate(&world).await;
            HookLook::Standing
        };
        let done = Schedule::new(seed, 0).run(vec![Box::pin(sweeping), Box::pin(rotating)]);
        let looks = done.into_iter().filter_map(|it| match it {
            Scheduled::Finished(look) => Some(look),
            Scheduled::Killed => None,
        });
        overtaken += looks.filter(|look| *look == HookLook::Unknown("overtaken")).count();
        let ids: Vec<ExternalId> = ids_of(&world.take_hints());
        assert_eq!(ids, [id], "seed {seed}");
        let (_, noted) = runtime.block_on(world.noted_hook());
        let there = world.connector.there();
        let is_of_rotation = there.iter().all(|(_, secret)| secret == "drawn");
        assert!(noted == ["900"] || !is_of_rotation, "seed {seed}: {noted:?} {there:?}");
    }
    assert!(overtaken > 10, "{overtaken}");
}
