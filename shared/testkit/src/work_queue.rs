//! A queue and its dead letters in memory.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use sync_domain::model::{System, TenantId};
use sync_domain::ports::{DeadLetter, DeadLetters, SendOutcome, WorkMessage, WorkQueue};

/// Keeps what is sent; fails for as many messages as it was told to.
#[derive(Debug, Default)]
pub struct MemoryWorkQueue {
    sent: Mutex<Vec<WorkMessage>>,
    failures_left: Mutex<usize>,
}

impl MemoryWorkQueue {
    /// Lets the next `count` messages fail.
    pub fn fail_next(&self, count: usize) {
        *self.failures_left.lock().unwrap_or_else(PoisonError::into_inner) = count;
    }

    /// Takes everything that was sent.
    pub fn take(&self) -> Vec<WorkMessage> {
        std::mem::take(&mut *self.sent.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn fails(&self) -> bool {
        let mut left = self.failures_left.lock().unwrap_or_else(PoisonError::into_inner);
        let fails = *left > 0;
        *left = left.saturating_sub(1);
        fails
    }
}

#[async_trait]
impl WorkQueue for MemoryWorkQueue {
    async fn send(&self, messages: &[WorkMessage]) -> Vec<SendOutcome> {
        tokio::task::yield_now().await;
        let mut outcomes = Vec::with_capacity(messages.len());
        for message in messages {
            if self.fails() {
                outcomes.push(SendOutcome::Failed);
            } else {
                self.sent.lock().unwrap_or_else(PoisonError::into_inner).push(message.clone());
                outcomes.push(SendOutcome::Accepted);
            }
        }
        tokio::task::yield_now().await;
        outcomes
    }
}

/// Keeps letters, and which were resolved.
#[derive(Debug, Default)]
pub struct MemoryDeadLetters {
    letters: Mutex<Vec<DeadLetter>>,
    resolved: Mutex<Vec<String>>,
    is_down: Mutex<bool>,
}

impl MemoryDeadLetters {
    /// Lets every call fail, or no longer.
    pub fn set_down(&self, is_down: bool) {
        *self.is_down.lock().unwrap_or_else(PoisonError::into_inner) = is_down;
    }

    /// All letters so far.
    pub fn letters(&self) -> Vec<DeadLetter> {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The ids of the letters whose work was done after all.
    pub fn resolved(&self) -> Vec<String> {
        self.resolved.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl DeadLetters for MemoryDeadLetters {
    async fn bury(&self, letters: &[DeadLetter]) -> Vec<SendOutcome> {
        tokio::task::yield_now().await;
        if *self.is_down.lock().unwrap_or_else(PoisonError::into_inner) {
            return vec![SendOutcome::Failed; letters.len()];
        }
        self.letters.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(letters);
        vec![SendOutcome::Accepted; letters.len()]
    }

    async fn resolve(&self, _tenant: &TenantId, _system: System, id: &str) {
        self.resolved.lock().unwrap_or_else(PoisonError::into_inner).push(id.to_owned());
    }
}
