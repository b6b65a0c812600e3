//! A queue on simulated time that does what a standard queue may: deliver in any order, more than
//! once, and again what nobody has finished.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use sync_domain::ports::{DELAY_MAX, SendOutcome, WorkHistory, WorkMessage, WorkQueue};

use crate::Timeline;

/// When a message comes again that nobody has finished.
const VISIBILITY: Duration = Duration::from_secs(180);
/// One message in so many is delivered again at once.
const DUPLICATE_ONE_IN: u64 = 6;

#[derive(Debug)]
struct Held {
    id: u64,
    visible_at: Duration,
    body: String,
    history: WorkHistory,
}

/// The queue.
#[derive(Debug)]
pub struct PlayedQueue {
    timeline: Timeline,
    messages: Mutex<Vec<Held>>,
}

/// A message that was received, and what it is finished by.
#[derive(Debug, Clone)]
pub struct PlayedMessage {
    /// Its id.
    pub id: u64,
    /// The body.
    pub body: String,
    /// What it has been through.
    pub history: WorkHistory,
}

impl PlayedQueue {
    /// An empty queue.
    pub fn new(timeline: Timeline) -> Self {
        Self { timeline, messages: Mutex::default() }
    }

    /// One of the messages that can be received now.
    pub fn receive(&self) -> Option<PlayedMessage> {
        let now = self.timeline.elapsed();
        let mut messages = self.messages();
        let mut visible: Vec<_> = messages.iter_mut().filter(|it| it.visible_at <= now).collect();
        let count = u64::try_from(visible.len()).ok().filter(|count| *count > 0)?;
        let chosen = usize::try_from(self.timeline.draw(0..count)).ok()?;
        let held = visible.get_mut(chosen)?;
        let is_duplicate = self.timeline.draw(0..DUPLICATE_ONE_IN) == 0;
        held.visible_at = now + if is_duplicate { Duration::ZERO } else { VISIBILITY };
        Some(PlayedMessage { id: held.id, body: held.body.clone(), history: held.history.clone() })
    }

    /// Takes a finished message off.
    pub fn finish(&self, id: u64) {
        self.messages().retain(|held| held.id != id);
    }

    /// When the next message can be received, `None` when there is none.
    pub fn next_at(&self) -> Option<Duration> {
        self.messages().iter().map(|held| held.visible_at).min()
    }

    /// Takes a message; `false` if no queue would, for its delay.
    pub fn put(&self, message: WorkMessage) -> bool {
        if message.delay > DELAY_MAX {
            return false;
        }
        let WorkMessage { body, delay, history } = message;
        let id = self.timeline.draw(0..u64::MAX);
        let visible_at = self.timeline.elapsed() + delay;
        self.messages().push(Held { id, visible_at, body, history });
        true
    }

    fn messages(&self) -> MutexGuard<'_, Vec<Held>> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl WorkQueue for PlayedQueue {
    async fn send(&self, messages: &[WorkMessage]) -> Vec<SendOutcome> {
        tokio::task::yield_now().await;
        let outcomes = messages.iter().map(|message| {
            let is_taken = self.put(message.clone());
            if is_taken { SendOutcome::Accepted } else { SendOutcome::Failed }
        });
        let outcomes = outcomes.collect();
        tokio::task::yield_now().await;
        outcomes
    }
}
