//! What a booking adds to what is known of clients.

use super::identity::Identity;
use crate::keys::{BlockKey, IdentifierKey};
use crate::model::{BLOCK_MAX, BlockEntry, BlockWrite, ClientBlock, ClientId, ClientWrite, Person};
use crate::ports::FoundClients;

/// The most clients listed with one phone number. It is a family's; a number with more is a
/// reception's, and who comes later is not found by it and their name.
const SHARING_MAX: usize = 10;

/// The client that is made for a booking.
pub(super) fn made(
    identity: &Identity,
    found: &FoundClients,
    client: &ClientId,
    person: &Person,
) -> ClientWrite {
    let keys = identity.email.iter().chain(&identity.phone);
    let entry = identity.entry(client);
    let home = identity.home_block.as_ref().map(|key| {
        let mut block = read(found, key);
        block.entries.push(entry.clone());
        let overflow = block.entries.len().saturating_sub(BLOCK_MAX);
        block.entries.drain(..overflow);
        written(key, block)
    });
    let sharing = identity.phone_block.as_ref().and_then(|key| {
        let mut block = read(found, key);
        share(&mut block, entry.clone()).then(|| written(key, block))
    });
    ClientWrite {
        client: client.clone(),
        new: Some(person.clone()),
        identifiers: keys.filter(|key| !found.identifiers.contains_key(key)).cloned().collect(),
        blocks: home.into_iter().chain(sharing).collect(),
    }
}

/// What a booking tells of a client that is there; `None` if that is known. An identifier that leads
/// to somebody else is left with them, and nothing is noted of it.
pub(super) fn learned(
    identity: &Identity,
    found: &FoundClients,
    client: &ClientId,
) -> Option<ClientWrite> {
    let own = |key: &&IdentifierKey| found.identifiers.get(key).is_none_or(|it| it == client);
    let (email, phone) = (identity.email.as_ref().filter(own), identity.phone.as_ref().filter(own));
    let free = email.into_iter().chain(phone).filter(|key| !found.identifiers.contains_key(key));
    let mut known = found.blocks.values().flat_map(|block| &block.entries);
    let known = known.find(|entry| entry.client == *client).cloned();
    let mut entry = known.unwrap_or_else(|| identity.named(client));
    complete(&mut entry, email, phone);
    let listed = identity.name_blocks.iter().chain(&identity.phone_block).filter_map(|key| {
        let mut block = read(found, key);
        let mut is_changed = false;
        for entry in block.entries.iter_mut().filter(|entry| entry.client == *client) {
            is_changed |= complete(entry, email, phone);
        }
        if phone.is_some() && identity.phone_block.as_ref() == Some(key) {
            is_changed |= share(&mut block, entry.clone());
        }
        is_changed.then(|| written(key, block))
    });
    let write = ClientWrite {
        client: client.clone(),
        new: None,
        identifiers: free.cloned().collect(),
        blocks: listed.collect(),
    };
    (!write.identifiers.is_empty() || !write.blocks.is_empty()).then_some(write)
}

fn read(found: &FoundClients, key: &BlockKey) -> ClientBlock {
    found.blocks.get(key).cloned().unwrap_or_default()
}

fn written(key: &BlockKey, block: ClientBlock) -> BlockWrite {
    BlockWrite { key: key.clone(), seen: block.revision, entries: block.entries }
}

/// Lists a client with a phone number, unless they are, or too many are.
fn share(block: &mut ClientBlock, entry: BlockEntry) -> bool {
    let is_listed = block.entries.iter().any(|other| other.client == entry.client);
    let has_room = !is_listed && block.entries.len() < SHARING_MAX;
    if has_room {
        block.entries.push(entry);
    }
    has_room
}

/// Fills what an entry lacks. What it has stays: it is what the client first came with.
fn complete(
    entry: &mut BlockEntry,
    email: Option<&IdentifierKey>,
    phone: Option<&IdentifierKey>,
) -> bool {
    let lacks = |ours: &Option<IdentifierKey>, theirs: Option<&IdentifierKey>| {
        ours.is_none() && theirs.is_some()
    };
    let is_changed = lacks(&entry.email, email) || lacks(&entry.phone, phone);
    entry.email = entry.email.take().or_else(|| email.cloned());
    entry.phone = entry.phone.take().or_else(|| phone.cloned());
    is_changed
}
