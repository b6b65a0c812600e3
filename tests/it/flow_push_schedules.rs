//! Callers and workers in random interleavings on simulated time, with outages of the provider,
//! crashes anywhere, and a queue that repeats and reorders: what was accepted is applied once, in
//! the order in which it was accepted.

use std::collections::BTreeSet;

use sync_domain::model::{AttributeName, UpsertStatus};
use sync_domain::ports::{DeadCause, KeyStatus};

use crate::support::push_play::{Play, SHARED, SOLO};

const SEEDS: u64 = 1_000;

impl Play {
    fn assert_settled(&self, context: &str) {
        assert_eq!(self.world.store.waiting(), (0, 0), "{context}: somebody waits still");
        for email in SHARED.iter().map(|(email, _)| *email).chain([SOLO.0]) {
            let written = self.written(email);
            let completed: Vec<&String> =
                written.iter().filter(|key| self.is_completed(key)).collect();
            let context = format!("{context}, {email}, written {written:?}");
            self.assert_once(&written, &context);
            let record = self
                .world
                .store
                .records()
                .into_iter()
                .find(|record| record.attributes.get(AttributeName::Email) == Some(email));
            let stored = record.map(|record| {
                let name = record.attributes.get(AttributeName::Firstname).map(str::to_owned);
                (record.version, name)
            });
            let expected = completed.last().map(|key| (distinct(&completed), Some((*key).clone())));
            assert_eq!(stored, expected, "{context}: a version per write, the last one stands");
            self.assert_order(&written, &context);
        }
    }

    /// What was accepted, and not refused to its caller's face later, is applied now, or overtaken.
    fn assert_applied_or_overtaken(&self, context: &str) {
        let refused = self.refused.lock().unwrap();
        let accepted = self.accepted.lock().unwrap();
        for key in accepted.keys().filter(|key| !refused.contains(*key)) {
            let claim_key = self.world.key(key);
            let letters = self.world.dead_letters.letters();
            let is_overtaken = letters.iter().any(|letter| {
                letter.cause == DeadCause::Superseded && letter.body.contains(claim_key.as_str())
            });
            let is_settled = is_overtaken || self.is_completed(key);
            assert!(is_settled, "{context}: {key} is {:?}", self.status(key));
        }
    }

    fn is_completed(&self, key: &str) -> bool {
        matches!(self.status(key), KeyStatus::Completed(_))
    }

    /// Nothing is written twice. The exception is an upsert that was given up half done: it is
    /// written again if something else was put over it before an operator has it tried again.
    fn assert_once(&self, written: &[String], context: &str) {
        for (place, key) in written.iter().enumerate() {
            let later = &written[place + 1..];
            let Some(again) = later.iter().position(|other| other == key) else { continue };
            assert!(again > 0 && self.was_given_up(key), "{context}: {key} twice");
        }
    }

    fn was_given_up(&self, key: &str) -> bool {
        let claim_key = self.world.key(key);
        let letters = self.world.dead_letters.letters();
        letters.iter().any(|letter| letter.body.contains(claim_key.as_str()))
    }

    /// Whoever called after somebody else was answered is applied after him; what counts is the
    /// last time.
    fn assert_order(&self, written: &[String], context: &str) {
        let accepted = self.accepted.lock().unwrap();
        for (place, later) in written.iter().enumerate() {
            let after = &written[place + 1..];
            let is_last = !after.contains(later);
            for earlier in after.iter().filter(|_| is_last) {
                let (Some((began, _)), Some((_, answered))) =
                    (accepted.get(later), accepted.get(earlier))
                else {
                    continue;
                };
                assert!(answered > began, "{context}: {earlier} was accepted before {later}");
            }
        }
    }
}

fn distinct(keys: &[&String]) -> u64 {
    u64::try_from(keys.iter().collect::<BTreeSet<_>>().len()).unwrap()
}

#[test]
fn accepted_upserts_are_applied_once_in_their_order_whatever_crashes() {
    let mut queued = 0;
    for seed in 0..SEEDS {
        let play = Play::new(seed);
        play.plan_faults(false);
        play.course();
        let context = format!("seed {seed}");
        let accepted = play.accepted.lock().unwrap().clone();
        assert!(accepted.contains_key(SOLO.0), "{context}");
        for key in accepted.keys() {
            let KeyStatus::Completed(answer) = play.status(key) else {
                panic!("{context}: {key} is {:?}", play.status(key))
            };
            assert_ne!(answer.status, UpsertStatus::Noop, "{context}: every value is another");
            let written = play.written(key.split('-').next().unwrap());
            assert!(written.contains(key), "{context}: {key} was never written");
        }
        assert!(play.world.dead_letters.letters().is_empty(), "{context}");
        play.assert_settled(&context);
        queued += play.world.gates.saves();
    }
    assert!(queued > SEEDS, "the faults reach the gate");
}

#[test]
fn refused_upserts_are_dead_letters_and_none_is_put_over_a_later_one() {
    let (mut dead, mut revived) = (0, 0);
    for seed in 0..SEEDS {
        let play = Play::new(seed);
        play.plan_faults(true);
        play.course();
        let context = format!("seed {seed}");
        let letters = play.world.dead_letters.letters().len();
        for key in play.accepted.lock().unwrap().keys() {
            match play.status(key) {
                KeyStatus::Completed(_) => {}
                // Put aside, or its caller came back and was refused.
                KeyStatus::Failed { .. } | KeyStatus::Unknown | KeyStatus::InProgress { .. } => {
                    let is_known = play.refused.lock().unwrap().contains(key);
                    assert!(is_known || play.was_given_up(key), "{context}: {key}");
                }
                KeyStatus::Queued => panic!("{context}: {key} waits still"),
            }
        }
        play.assert_settled(&context);
        let before = play.world.gateway.writes().len();
        play.replay_dead_letters();
        play.assert_settled(&format!("{context}, replayed"));
        play.assert_applied_or_overtaken(&context);
        dead += letters;
        revived += play.world.gateway.writes().len() - before;
    }
    assert!(dead > 50 && revived > 10, "{dead} dead letters, {revived} of them applied after all");
}
