//! Named secrets in memory.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use sync_domain::ports::{SecretError, SecretSource, SecretWriter};

#[derive(Default)]
struct State {
    secrets: HashMap<String, SecretString>,
    failing_writes: u32,
    reads: u32,
    writes: u32,
}

/// Keeps secrets, counts what it is asked, and fails on demand.
#[derive(Default)]
pub struct MemorySecrets(Mutex<State>);

impl MemorySecrets {
    /// The value of a secret, for assertions.
    pub fn value(&self, name: &str) -> Option<String> {
        self.state().secrets.get(name).map(|value| value.expose_secret().to_owned())
    }

    /// The names of all secrets.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = self.state().secrets.keys().cloned().collect();
        names.sort_unstable();
        names
    }

    /// Sets a secret from outside, as an operator does.
    pub fn set(&self, name: &str, value: &str) {
        self.state().secrets.insert(name.to_owned(), value.into());
    }

    /// Takes a secret away from outside.
    pub fn remove(&self, name: &str) {
        self.state().secrets.remove(name);
    }

    /// Lets the next writes fail without an effect.
    pub fn fail_writes(&self, count: u32) {
        self.state().failing_writes = count;
    }

    /// How often a secret was read.
    pub fn reads(&self) -> u32 {
        self.state().reads
    }

    /// How often a secret was written or deleted.
    pub fn writes(&self) -> u32 {
        self.state().writes
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(
        &self,
        change: impl FnOnce(&mut HashMap<String, SecretString>),
    ) -> Result<(), SecretError> {
        let mut state = self.state();
        if let Some(left) = state.failing_writes.checked_sub(1) {
            state.failing_writes = left;
            return Err(SecretError::Unavailable("the test wants it so".into()));
        }
        state.writes += 1;
        change(&mut state.secrets);
        Ok(())
    }
}

#[async_trait]
impl SecretSource for MemorySecrets {
    async fn read(&self, name: &str) -> Result<SecretString, SecretError> {
        tokio::task::yield_now().await;
        let value = {
            let mut state = self.state();
            state.reads += 1;
            state.secrets.get(name).cloned()
        };
        tokio::task::yield_now().await;
        value.ok_or(SecretError::NotFound)
    }
}

#[async_trait]
impl SecretWriter for MemorySecrets {
    async fn put(&self, name: &str, value: &SecretString) -> Result<(), SecretError> {
        tokio::task::yield_now().await;
        let put = self.change(|secrets| {
            secrets.insert(name.to_owned(), value.clone());
        });
        tokio::task::yield_now().await;
        put
    }

    async fn delete(&self, name: &str) -> Result<(), SecretError> {
        tokio::task::yield_now().await;
        let deleted = self.change(|secrets| {
            secrets.remove(name);
        });
        tokio::task::yield_now().await;
        deleted
    }
}
