//! Clients looked up by their identifiers and by the blocks of their names.

use std::collections::HashMap;

use async_trait::async_trait;
use sync_domain::keys::{BlockKey, IdentifierKey};
use sync_domain::model::TenantId;
use sync_domain::ports::{ClientDirectory, ClientLookup, FoundClients, StoreError};

use super::DynamoTable;
use super::client_item::{block_of, owner_of};
use super::item::{Item, SK, block_sk, identifier_sk, text_of};

/// What a sort key of a lookup stands for.
enum Place<'a> {
    Identifier(&'a IdentifierKey),
    Block(&'a BlockKey),
}

fn places_of(lookup: &ClientLookup) -> HashMap<String, Place<'_>> {
    let identifiers = lookup.identifiers.iter();
    let identifiers = identifiers.map(|key| (identifier_sk(key), Place::Identifier(key)));
    let blocks = lookup.blocks.iter().map(|key| (block_sk(key), Place::Block(key)));
    identifiers.chain(blocks).collect()
}

#[async_trait]
impl ClientDirectory for DynamoTable {
    async fn look_up(
        &self,
        tenant: &TenantId,
        lookup: &ClientLookup,
    ) -> Result<FoundClients, StoreError> {
        let places = places_of(lookup);
        let sort_keys: Vec<String> = places.keys().cloned().collect();
        let mut found = FoundClients::default();
        for item in self.read_all(tenant, &sort_keys).await? {
            let place_of = |item: &Item| places.get(text_of(item, SK)?);
            match place_of(&item) {
                Some(Place::Identifier(key)) => {
                    found.identifiers.insert((*key).clone(), owner_of(&item)?);
                }
                Some(Place::Block(key)) => {
                    found.blocks.insert((*key).clone(), block_of(&item)?);
                }
                None => {}
            }
        }
        Ok(found)
    }
}
