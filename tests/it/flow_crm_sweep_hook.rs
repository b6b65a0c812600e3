//! The webhook of a CRM connection while it is swept: looked at, made anew, noted under the lock.

use sync_domain::ports::{
    AccountConnector, Clock, ConnectionEntry, ConnectionLock, ConnectionRegistry, ConnectionStore,
    CredentialStore, Finish, Hook, HookRegistration, HookStatus, ProviderError, WebhookSecretPair,
};
use sync_domain::usecase::sweep_crm::HookLook;
use sync_domain::usecase::sweeping::SweepOutcome;
use sync_testkit::Schedule;

use crate::support::crm_sweep_world::{CrmSweepWorld, HOOK_URL, HOUR, MINUTE, SYSTEM, ids_of};

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
async fn webhook_of_a_provider_that_never_answers_is_left_and_the_lock_given_back() {
    let world = CrmSweepWorld::new().await;
    let id = world.create(1);
    world.connector.fall_silent();
    let began = world.clock.now();
    let (report, _) = world.swept().await;
    assert_eq!(report.hook, Some(HookLook::Unknown("provider_unavailable")));
    assert_eq!(report.outcome, SweepOutcome::Done);
    assert!(world.clock.now() < began + MINUTE / 2);
    assert_eq!(ids_of(&world.take_hints()), [id]);
    assert!(!world.registry.is_locked());
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
async fn webhook_whose_connection_is_being_changed_is_left_for_an_hour() {
    let world = CrmSweepWorld::new().await;
    let lock = world.lock().await;
    let (report, _) = world.swept().await;
    assert_eq!((report.hook, report.outcome), (Some(HookLook::Left), SweepOutcome::Done));
    assert_eq!(world.connector.counts(), (0, 0), "the provider is not asked");
    world.registry.finish(&lock, &Finish::Unchanged, None).await.unwrap();
    world.advance(HOUR);
    let (report, _) = world.swept().await;
    assert_eq!(report.hook, Some(HookLook::Remade));
    assert_eq!(world.noted_hook().await, (REGISTERED, vec!["1".to_owned()]));
}

/// A person rotates under the lock: another secret, and the webhook of it.
async fn rotate(world: &CrmSweepWorld, lock: &ConnectionLock) {
    let (tenant, store) = (&world.tenant, &world.credentials);
    let stored = store.webhook_secrets(tenant, SYSTEM).await.unwrap().unwrap();
    let hook = Hook { url: HOOK_URL.into(), secret: "another".into() };
    let access = world.connections.connection(tenant, SYSTEM).await.unwrap().access();
    tokio::task::yield_now().await;
    let made = world.connector.ensure_webhook(&access, &hook).await.unwrap();
    let HookRegistration::Registered { hook_ids } = made else { panic!("{made:?}") };
    let next = WebhookSecretPair { current: "another".into(), hook_ids, ..stored };
    store.put_webhook_secrets(tenant, SYSTEM, &next).await.unwrap();
    let entry = world.registry.entry(tenant, SYSTEM).await.unwrap().unwrap();
    let entry = ConnectionEntry { webhook: REGISTERED, ..entry };
    world.registry.finish(lock, &Finish::Updated(&entry), None).await.unwrap();
}

#[test]
fn webhook_of_a_rotation_keeps_its_password_beside_a_sweep() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for seed in 0..400 {
        let world = runtime.block_on(CrmSweepWorld::new());
        let sweeping = async { drop(world.swept().await) };
        let rotating = async {
            // It waits for a lock like everybody.
            let mut lock = world.try_lock().await;
            while lock.is_none() {
                tokio::task::yield_now().await;
                lock = world.try_lock().await;
            }
            rotate(&world, &lock.unwrap()).await;
        };
        Schedule::new(seed, 0).run(vec![Box::pin(sweeping), Box::pin(rotating)]);
        let there = world.connector.there();
        assert_eq!(there, [(HOOK_URL.to_owned(), "another".to_owned())], "seed {seed}");
        assert!(!world.registry.is_locked(), "seed {seed}");
    }
}
