//! Clients in memory, under the conditions of the table.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use sync_domain::keys::{BlockKey, IdentifierKey};
use sync_domain::model::{ClientBlock, ClientId, ClientWrite, Person, TenantId};
use sync_domain::ports::{ClientDirectory, ClientLookup, FoundClients, StoreError};

#[derive(Debug, Default)]
struct State {
    clients: HashMap<ClientId, Person>,
    identifiers: HashMap<IdentifierKey, ClientId>,
    blocks: HashMap<BlockKey, ClientBlock>,
}

/// The fake directory of clients. Tenants are apart because every key is made of the tenant.
#[derive(Debug, Default)]
pub struct MemoryClients(Mutex<State>);

impl MemoryClients {
    /// Makes a change as a whole if all its conditions hold: a new client is not there yet, each
    /// identifier leads nowhere, each block has the revision that was seen. Else `false`, and nothing
    /// has changed.
    pub fn apply(&self, write: &ClientWrite) -> bool {
        let mut state = self.state();
        let is_there = state.clients.contains_key(&write.client);
        let revision = |key| state.blocks.get(key).map_or(0, |block| block.revision);
        let holds = write.new.is_some() != is_there
            && !write.identifiers.iter().any(|key| state.identifiers.contains_key(key))
            && write.blocks.iter().all(|block| revision(&block.key) == block.seen);
        if holds {
            state.write(write);
        }
        holds
    }

    /// What a client was made with.
    pub fn client(&self, id: &ClientId) -> Option<Person> {
        self.state().clients.get(id).cloned()
    }

    /// All clients, of all tenants.
    pub fn ids(&self) -> Vec<ClientId> {
        let mut ids: Vec<_> = self.state().clients.keys().cloned().collect();
        ids.sort_unstable();
        ids
    }

    /// What is there of a look-up, at once and without giving way.
    pub fn find(&self, lookup: &ClientLookup) -> FoundClients {
        let state = self.state();
        let identifiers = lookup.identifiers.iter();
        let blocks = lookup.blocks.iter();
        FoundClients {
            identifiers: identifiers
                .filter_map(|key| Some((key.clone(), state.identifiers.get(key)?.clone())))
                .collect(),
            blocks: blocks
                .filter_map(|key| Some((key.clone(), state.blocks.get(key)?.clone())))
                .collect(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn write(&mut self, write: &ClientWrite) {
        self.clients.extend(write.new.iter().map(|new| (write.client.clone(), new.clone())));
        let identifiers = write.identifiers.iter();
        self.identifiers.extend(identifiers.map(|key| (key.clone(), write.client.clone())));
        for block in &write.blocks {
            let next = ClientBlock { revision: block.seen + 1, entries: block.entries.clone() };
            self.blocks.insert(block.key.clone(), next);
        }
    }
}

#[async_trait]
impl ClientDirectory for MemoryClients {
    async fn look_up(
        &self,
        _tenant: &TenantId,
        lookup: &ClientLookup,
    ) -> Result<FoundClients, StoreError> {
        tokio::task::yield_now().await;
        let found = self.find(lookup);
        tokio::task::yield_now().await;
        Ok(found)
    }
}
