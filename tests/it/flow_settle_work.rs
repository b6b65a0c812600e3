//! What becomes of messages after a worker has judged them.

use std::time::Duration;

use jiff::Timestamp;
use sync_domain::model::{System, TenantId};
use sync_domain::ports::{Clock, DELAY_MAX, DeadCause, WorkHistory};
use sync_domain::usecase::settle_work::{
    Judged, SettleDeps, Settled, Verdict, WorkItem, WorkOwner, settle_work,
};
use sync_testkit::{ManualClock, MemoryDeadLetters, MemoryWorkQueue};

#[derive(Default)]
struct World {
    queue: MemoryWorkQueue,
    dead_letters: MemoryDeadLetters,
    clock: ManualClock,
}

impl World {
    async fn settle(&self, judged: Vec<Judged>) -> Settled {
        let deps =
            SettleDeps { queue: &self.queue, dead_letters: &self.dead_letters, clock: &self.clock };
        settle_work(&deps, judged).await
    }

    fn judged(&self, id: &str, verdict: Verdict) -> Judged {
        self.aged(id, verdict, 0, self.clock.now(), None)
    }

    fn aged(
        &self,
        id: &str,
        verdict: Verdict,
        attempt: u32,
        first_enqueued_at: Timestamp,
        dead_letter_id: Option<&str>,
    ) -> Judged {
        let history = WorkHistory {
            attempt,
            first_enqueued_at,
            dead_letter_id: dead_letter_id.map(str::to_owned),
        };
        let item = WorkItem { id: id.to_owned(), body: format!("body of {id}"), history };
        let owner = WorkOwner { tenant: TenantId::parse("acme"), system: Some(System::Hubspot) };
        Judged { item, owner, verdict }
    }
}

const WAIT: Verdict = Verdict::Wait { after: Duration::from_secs(30) };

#[tokio::test]
async fn settle_parks_a_waiting_message_without_costing_it_a_try() {
    let world = World::default();
    let mut judged = world.aged("m", WAIT, 3, world.clock.now(), None);
    for _ in 0..200 {
        assert_eq!(world.settle(vec![judged.clone()]).await.parked, 1);
        let sent = world.queue.take().remove(0);
        assert_eq!((sent.body.as_str(), sent.history.attempt), ("body of m", 3));
        assert!(sent.delay >= Duration::from_secs(30) && sent.delay <= Duration::from_secs(33));
        judged.item.history = sent.history;
    }
}

#[tokio::test]
async fn settle_backs_off_and_gives_up_after_ten_failed_tries_with_the_cause() {
    let world = World::default();
    let retry = Verdict::Retry { after: None };
    let mut judged = world.judged("m", retry);
    let mut waits = Vec::new();
    while world.dead_letters.letters().is_empty() {
        world.settle(vec![judged.clone()]).await;
        if let Some(sent) = world.queue.take().pop() {
            waits.push(sent.delay);
            judged.item.history = sent.history;
        }
    }
    assert_eq!(waits.len(), 9, "{waits:?}");
    assert!(waits.windows(2).all(|pair| pair[1] >= pair[0]), "{waits:?}");
    assert_eq!(world.dead_letters.letters()[0].cause, DeadCause::AttemptsExhausted);
}

#[tokio::test]
async fn settle_waits_as_long_as_the_provider_asks_up_to_what_a_queue_takes() {
    let world = World::default();
    for (asked_s, least_s, most_s) in [(7, 7, 8), (100_000, 900, 900)] {
        let after = Some(Duration::from_secs(asked_s));
        world.settle(vec![world.judged("m", Verdict::Retry { after })]).await;
        let delay = world.queue.take()[0].delay;
        assert!(delay.as_secs() >= least_s && delay.as_secs() <= most_s, "{delay:?}");
        assert!(delay <= DELAY_MAX);
    }
}

#[tokio::test]
async fn settle_puts_work_aside_that_waited_for_days() {
    let world = World::default();
    let first = world.clock.now();
    world.clock.advance(Duration::from_secs(4 * 24 * 3600 + 1));
    let settled = world.settle(vec![world.aged("m", WAIT, 0, first, None)]).await;
    assert_eq!(settled.dead, [DeadCause::TooOld]);
}

#[tokio::test]
async fn settle_leaves_on_the_queue_what_could_not_be_sent_or_buried() {
    let world = World::default();
    world.queue.fail_next(1);
    world.dead_letters.set_down(true);
    let settled = world
        .settle(vec![
            world.judged("first", WAIT),
            world.judged("second", WAIT),
            world.judged("poison", Verdict::Dead(DeadCause::Malformed)),
            world.judged("fine", Verdict::Done),
        ])
        .await;
    assert_eq!(settled.failed, ["first", "poison"]);
    assert_eq!((settled.parked, settled.done, settled.dead.len()), (1, 1, 0));
}

#[tokio::test]
async fn settle_keeps_the_id_of_a_letter_over_replays_and_resolves_it_when_done() {
    let world = World::default();
    let dead = Verdict::Dead(DeadCause::ProviderRejected);
    world.settle(vec![world.judged("m", dead)]).await;
    let id = world.dead_letters.letters()[0].id.clone();
    let now = world.clock.now();
    world.settle(vec![world.aged("m2", dead, 0, now, Some(&id))]).await;
    assert_eq!(world.dead_letters.letters()[1].id, id, "the replay failed again");
    assert!(world.dead_letters.resolved().is_empty());
    world.settle(vec![world.aged("m3", Verdict::Done, 0, now, Some(&id))]).await;
    assert_eq!(world.dead_letters.resolved(), [id]);
}
