//! How events are spread over webhook requests: repeated, reordered, lost, in batches.

use std::collections::VecDeque;

use fastrand::Rng;
use serde_json::Value;

/// The most events that a vendor puts into one request.
pub const MAX_BATCH: usize = 100;

/// How to spread.
#[derive(Clone, Debug)]
pub struct Spread {
    /// How often everything is sent.
    pub repeat: usize,
    /// How many events of a hundred are sent once more.
    pub repeat_percent: u8,
    /// Whether events come in any order.
    pub shuffle: bool,
    /// How many events of a hundred are lost.
    pub drop_percent: u8,
    /// The most events of one request.
    pub batch_size: usize,
    /// Makes the chances come out the same each time.
    pub seed: Option<u64>,
}

impl Default for Spread {
    fn default() -> Self {
        Self {
            repeat: 1,
            repeat_percent: 0,
            shuffle: false,
            drop_percent: 0,
            batch_size: MAX_BATCH,
            seed: None,
        }
    }
}

/// The requests to send.
pub struct Batches {
    /// Events of each request.
    pub batches: Vec<Vec<Value>>,
    /// Events lost.
    pub dropped: usize,
    /// Events sent once more.
    pub repeated: usize,
}

impl Spread {
    /// Refuses what could not be done.
    pub fn check(&self) -> Result<(), &'static str> {
        if self.repeat == 0 || self.repeat > 1_000 {
            Err("`repeat` must be between 1 and 1000")
        } else if self.drop_percent > 100 || self.repeat_percent > 100 {
            Err("`drop_percent` and `repeat_percent` must be between 0 and 100")
        } else if self.batch_size == 0 || self.batch_size > MAX_BATCH {
            Err("`batch_size` must be between 1 and 100")
        } else {
            Ok(())
        }
    }

    /// With requests of so many events at most.
    pub fn within(self, events_per_webhook: usize) -> Self {
        Self { batch_size: self.batch_size.min(events_per_webhook.max(1)), ..self }
    }

    /// Whole repeats come as requests of their own; shuffled, events of all repeats mix. An event
    /// that comes once more does so at the end, or, shuffled, anywhere.
    pub fn batches(&self, events: Vec<Value>) -> Batches {
        let mut rng = self.seed.map_or_else(Rng::new, Rng::with_seed);
        let mut rounds: VecDeque<Vec<Value>> = VecDeque::new();
        let again: Vec<Value> =
            events.iter().filter(|_| rng.u8(0..100) < self.repeat_percent).cloned().collect();
        let repeated = again.len();
        for _ in 1..self.repeat {
            rounds.push_back(events.clone());
        }
        rounds.push_front(events);
        if let Some(last) = rounds.back_mut() {
            last.extend(again);
        }
        if self.shuffle {
            let mut all: Vec<Value> = rounds.into_iter().flatten().collect();
            rng.shuffle(&mut all);
            rounds = VecDeque::from([all]);
        }
        let mut dropped = 0;
        for round in &mut rounds {
            let before = round.len();
            round.retain(|_| rng.u8(0..100) >= self.drop_percent);
            dropped += before - round.len();
        }
        let chunks = rounds.iter().flat_map(|round| round.chunks(self.batch_size));
        Batches { batches: chunks.map(<[Value]>::to_vec).collect(), dropped, repeated }
    }
}

#[cfg(test)]
mod tests {
    use super::Spread;
    use serde_json::{Value, json};

    fn numbers(count: u32) -> Vec<Value> {
        (0..count).map(Value::from).collect()
    }

    #[test]
    fn batches_repeat_as_requests_of_their_own() {
        let spread = Spread { repeat: 3, ..Spread::default() };
        let batches = spread.batches(vec![json!(1), json!(2)]);
        assert_eq!(batches.batches, vec![vec![json!(1), json!(2)]; 3]);
        assert_eq!((batches.dropped, batches.repeated), (0, 0));
    }

    #[test]
    fn batches_split_at_the_batch_size_and_shuffle_across_repeats() {
        let spread = Spread { repeat: 2, shuffle: true, batch_size: 6, ..Spread::default() };
        let batches = spread.batches(numbers(10)).batches;
        assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [6, 6, 6, 2]);
    }

    #[test]
    fn batches_drop_everything_at_a_hundred_percent() {
        let spread = Spread { drop_percent: 100, ..Spread::default() };
        let batches = spread.batches(vec![json!(1)]);
        assert!(batches.batches.is_empty());
        assert_eq!(batches.dropped, 1);
    }

    #[test]
    fn batches_with_repeat_percent_send_some_events_twice_and_none_less() {
        let spread =
            Spread { repeat_percent: 5, shuffle: true, seed: Some(7), ..Spread::default() };
        let batches = spread.batches(numbers(2_000));
        let mut all: Vec<u64> =
            batches.batches.concat().iter().map(|event| event.as_u64().unwrap()).collect();
        assert_eq!(all.len(), 2_000 + batches.repeated);
        assert!((60..=140).contains(&batches.repeated), "{}", batches.repeated);
        assert!(all.windows(2).any(|pair| pair[0] > pair[1]));
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 2_000);
    }
}
