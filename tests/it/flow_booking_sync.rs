//! What webhooks tell of appointments: read anew, stored once, and gone only when it was looked for
//! twice.

use std::time::Duration;

use sync_domain::model::{BookingStatus, ExternalId, RemoteState, StatusReason, TenantId};
use sync_domain::ports::{
    AccountOwner, AuthMode, Clock, DeadCause, ProviderError, RateScope, RemoteEffect,
};
use sync_domain::usecase::apply_bookings::{Applied, ApplyScope, Look, apply_bookings};
use sync_domain::usecase::settle_work::Verdict;
use sync_domain::usecase::sync_bookings::{BookingSyncOutcome, CONFIRM_DELAY};
use sync_testkit::StoreFault;

use crate::support::booking_world::{BookingWorld, DAY, HOUR, SYSTEM, ada, somebody};

const SYNCED: BookingSyncOutcome = BookingSyncOutcome::Synced;
const UNCHANGED: BookingSyncOutcome = BookingSyncOutcome::Unchanged;

fn dead(cause: DeadCause) -> BookingSyncOutcome {
    BookingSyncOutcome::Unapplied(Verdict::Dead(cause))
}

/// What is told of a missing appointment a first time, and then as the message comes again.
async fn missed_twice(world: &BookingWorld, id: &ExternalId) -> BookingSyncOutcome {
    let change = world.account.change(id);
    let outcome = world.told(id).await;
    assert!(matches!(outcome, BookingSyncOutcome::Confirm { .. }), "{outcome:?}");
    assert_eq!(Verdict::from(outcome), Verdict::Wait { after: CONFIRM_DELAY });
    let again = outcome.changed(&change).unwrap();
    assert!(again.missing_since.is_some());
    world.clock.advance(CONFIRM_DELAY);
    world.sync(vec![again]).await.outcomes[0]
}

#[tokio::test]
async fn change_that_is_told_twice_is_stored_once() {
    let world = BookingWorld::new();
    let id = world.book(DAY, ada());
    assert_eq!(world.told(&id).await, SYNCED);
    assert_eq!(world.told(&id).await, UNCHANGED);
    assert_eq!(world.told_count(), 1);
    world.account.edit(&id, |it| it.state = RemoteState::Cancelled);
    assert_eq!(world.told(&id).await, SYNCED);
    assert_eq!(world.told(&id).await, UNCHANGED);
    assert_eq!(world.told_count(), 2);
    let stored = world.stored(&id).unwrap();
    assert_eq!(stored.booking.reason, Some(StatusReason::Cancelled));
}

#[tokio::test]
async fn changes_of_one_batch_are_read_once_per_appointment_and_few_at_a_time() {
    let world = BookingWorld::with("acme", |account| account.with_slowness(20));
    let ids: Vec<_> = (0..12).map(|number| world.book(DAY, somebody(number))).collect();
    let changes = || ids.iter().map(|id| world.account.change(id));
    let batch = changes().chain(changes()).chain(changes()).collect();
    world.store.take_costs();
    let report = world.sync(batch).await;
    assert_eq!(report.outcomes, vec![SYNCED; 36]);
    assert_eq!(report.groups.len(), 1);
    assert_eq!(report.groups[0].costs.provider_calls, 12);
    assert_eq!(world.account.bookings_read().len(), 12);
    assert_eq!(world.account.in_flight_max(), 4);
    let costs = world.store.take_costs();
    assert_eq!((costs.loads, costs.lookups.len()), (vec![12], 1));
}

#[tokio::test]
async fn older_state_that_comes_late_overwrites_nothing() {
    let world = BookingWorld::new();
    let id = world.book(DAY, ada());
    world.told(&id).await;
    let scope = ApplyScope {
        tenant: world.tenant.clone(),
        system: SYSTEM,
        correlation_id: world.command().correlation_id,
        refreshes: true,
    };
    // Somebody read a state that lasted for a moment, and is slow.
    world.account.edit(&id, |it| it.state = RemoteState::Cancelled);
    let late = Look::at(world.account.appointments()[&id].remote(&id), world.clock.now());
    world.account.edit(&id, |it| it.state = RemoteState::Standing);
    assert_eq!(world.told(&id).await, UNCHANGED, "it is as it was stored");
    let report = apply_bookings(&world.apply(), &scope, std::slice::from_ref(&late)).await;
    assert_eq!(report.outcomes, [Applied::Superseded]);
    assert_eq!(world.told_count(), 1);
    // The same with a state that is another one by then.
    world.account.edit(&id, |it| it.starts_at += HOUR);
    assert_eq!(world.told(&id).await, SYNCED);
    let report = apply_bookings(&world.apply(), &scope, &[late]).await;
    assert_eq!(report.outcomes, [Applied::Superseded]);
    assert_eq!(world.stored(&id).unwrap().booking.status, BookingStatus::Scheduled);
}

#[tokio::test]
async fn missing_appointment_is_deleted_when_it_was_looked_for_twice() {
    let world = BookingWorld::new();
    let id = world.book(DAY, ada());
    world.told(&id).await;
    world.account.delete(&id);
    let change = world.account.change(&id);
    let first = world.told(&id).await;
    assert_eq!(world.stored(&id).unwrap().version, 1, "one look is none");
    let again = first.changed(&change).unwrap();
    world.clock.advance(Duration::from_secs(5));
    let early = world.sync(vec![again.clone()]).await.outcomes[0];
    let BookingSyncOutcome::Unapplied(Verdict::Wait { after }) = early else { panic!("{early:?}") };
    assert!(after > Duration::from_secs(14) && after < Duration::from_secs(16), "{after:?}");
    assert_eq!(world.stored(&id).unwrap().version, 1, "nor are two within a moment");
    world.clock.advance(after);
    assert_eq!(world.sync(vec![again.clone()]).await.outcomes, [SYNCED]);
    let stored = world.stored(&id).unwrap();
    assert_eq!(stored.booking.status, BookingStatus::Cancelled);
    assert_eq!(stored.booking.reason, Some(StatusReason::Deleted));
    assert_eq!(world.sync(vec![again]).await.outcomes, [UNCHANGED]);
    assert_eq!(world.told_count(), 2);
}

#[tokio::test]
async fn missing_appointment_that_nobody_has_stored_comes_to_nothing() {
    let world = BookingWorld::new();
    assert_eq!(missed_twice(&world, &ExternalId::new("404")).await, UNCHANGED);
    assert_eq!(world.told_count(), 0);
}

#[tokio::test]
async fn appointment_that_is_there_at_the_second_look_is_not_deleted() {
    let world = BookingWorld::new();
    let id = ExternalId::new("1");
    let change = world.account.change(&id);
    let again = world.told(&id).await.changed(&change).unwrap();
    assert_eq!(world.book(DAY, ada()), id, "the webhook was faster than the account");
    world.clock.advance(CONFIRM_DELAY);
    assert_eq!(world.sync(vec![again]).await.outcomes, [SYNCED]);
    assert_eq!(world.stored(&id).unwrap().booking.status, BookingStatus::Scheduled);
}

#[tokio::test]
async fn change_of_an_account_that_is_not_the_tenants_is_put_aside_unread() {
    let world = BookingWorld::new();
    let id = world.book(DAY, ada());
    let mut foreign = world.account.change(&id);
    foreign.account_id = "hook-of-globex".to_owned();
    let tenant = TenantId::parse("globex").unwrap();
    let owner = AccountOwner { tenant, auth: AuthMode::ApiKey };
    world.accounts.connect(SYSTEM, &foreign.account_id, owner);
    let mut unknown = world.account.change(&id);
    unknown.account_id = "hook-of-nobody".to_owned();
    let ours = world.account.change(&id);
    let outcomes = world.sync(vec![foreign, ours, unknown]).await.outcomes;
    let aside = dead(DeadCause::ConnectionNotFound);
    assert_eq!(outcomes, [aside, SYNCED, aside]);
    assert_eq!(world.account.bookings_read().len(), 1);
    world.accounts.fail_for(&[&world.account.hook_account()]);
    let outcome = world.told(&id).await;
    assert_eq!(Verdict::from(outcome), Verdict::Retry { after: None });
}

#[tokio::test]
async fn closed_gate_lets_changes_wait_without_a_call() {
    let world = BookingWorld::new();
    let id = world.book(DAY, ada());
    let pause = Some(Duration::from_secs(60));
    let limited = ProviderError::RateLimited { retry_after: pause, scope: RateScope::Window };
    world.account.fail_booking(limited);
    for _delivery in 0..3 {
        let outcome = world.told(&id).await;
        let is_waiting = matches!(Verdict::from(outcome), Verdict::Wait { .. });
        assert!(is_waiting, "{outcome:?}");
    }
    assert_eq!(world.account.bookings_read().len(), 1);
    world.clock.advance(Duration::from_secs(70));
    assert_eq!(world.told(&id).await, SYNCED);
}

#[tokio::test]
async fn change_waits_for_a_token_and_ends_with_the_connection() {
    let world = BookingWorld::new();
    let id = world.book(DAY, ada());
    world.connections.set_token_ended(&world.tenant, true);
    let verdict = Verdict::from(world.told(&id).await);
    assert!(matches!(verdict, Verdict::Wait { .. }), "{verdict:?}");
    world.connections.set_token_ended(&world.tenant, false);
    world.account.fail_booking(ProviderError::Unauthorized);
    assert_eq!(world.told(&id).await, dead(DeadCause::ProviderUnauthorized));
    world.connections.disconnect(&world.tenant);
    assert_eq!(world.told(&id).await, dead(DeadCause::ConnectionNotFound));
}

#[tokio::test]
async fn faults_of_one_appointment_are_not_its_neighbours() {
    let world = BookingWorld::new();
    let ids: Vec<_> = (0..3).map(|number| world.book(DAY, somebody(number))).collect();
    world.account.set_unreadable(&ids[1], true);
    let changes = ids.iter().map(|id| world.account.change(id)).collect();
    let report = world.sync(changes).await;
    assert_eq!(report.outcomes, [SYNCED, dead(DeadCause::ProviderRejected), SYNCED]);
    assert_eq!(report.groups[0].unreadable[0].field, "duration");
    // Put aside is not gone: a replay finds it when it can be read.
    world.account.set_unreadable(&ids[1], false);
    assert_eq!(world.told(&ids[1]).await, SYNCED);
    let effect = RemoteEffect::None;
    let fault = ProviderError::Unavailable { status: Some(500), retry_after: None, effect };
    world.account.edit(&ids[0], |it| it.state = RemoteState::NoShow);
    world.account.fail_booking(fault);
    assert_eq!(Verdict::from(world.told(&ids[0]).await), Verdict::Retry { after: None });
    world.store.fail_write(StoreFault::FailAfterEffect);
    assert_eq!(Verdict::from(world.told(&ids[0]).await), Verdict::Retry { after: None });
    assert_eq!(world.told(&ids[0]).await, UNCHANGED, "it was stored, and is told once");
    assert_eq!(world.stored(&ids[0]).unwrap().version, 2);
}

#[tokio::test]
async fn person_who_changes_is_looked_up_anew_and_stays_the_same_client() {
    let world = BookingWorld::new();
    let id = world.book(DAY, ada());
    world.told(&id).await;
    let before = world.stored(&id).unwrap().client.unwrap();
    world.account.edit(&id, |it| it.person.phone = Some("+14155550123".to_owned()));
    assert_eq!(world.told(&id).await, SYNCED);
    let after = world.stored(&id).unwrap().client.unwrap();
    assert_eq!(after.client, before.client);
    // The phone number that was learned leads to the same client.
    let other = world.book(2 * DAY, ada());
    world.account.edit(&other, |it| {
        it.person.email = None;
        it.person.phone = Some("+14155550123".to_owned());
    });
    world.told(&other).await;
    assert_eq!(world.stored(&other).unwrap().client.unwrap().client, before.client);
    assert_eq!(world.store.clients(&world.tenant).len(), 1);
}
