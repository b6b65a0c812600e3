//! The tenant's clients as far as a page of bookings is concerned with them.
//!
//! Bookings that share an identifier or a block are written one after the other, each knowing what
//! the one before wrote, so that a new person who is on a page many times becomes one client. What
//! others write meanwhile shows as a refused write; then what is known of it is forgotten.

use std::collections::BTreeMap;
use std::hash::Hash;

use crate::keys::{BlockKey, IdentifierKey};
use crate::model::{ClientBlock, ClientWrite};
use crate::ports::{ClientLookup, FoundClients};

/// What was looked up, kept up to date with what this page writes.
#[derive(Debug, Default)]
pub(super) struct KnownClients {
    asked: ClientLookup,
    found: FoundClients,
}

impl KnownClients {
    /// What is there.
    pub const fn found(&self) -> &FoundClients {
        &self.found
    }

    /// What of a look-up is not known.
    pub fn missing(&self, lookup: &ClientLookup) -> ClientLookup {
        let identifiers = lookup.identifiers.difference(&self.asked.identifiers);
        let blocks = lookup.blocks.difference(&self.asked.blocks);
        ClientLookup {
            identifiers: identifiers.cloned().collect(),
            blocks: blocks.cloned().collect(),
        }
    }

    /// Whether all of a look-up is known.
    pub fn covers(&self, lookup: &ClientLookup) -> bool {
        lookup.identifiers.is_subset(&self.asked.identifiers)
            && lookup.blocks.is_subset(&self.asked.blocks)
    }

    /// Takes in an answer; what is not in it is not there.
    pub fn absorb(&mut self, asked: ClientLookup, found: FoundClients) {
        self.asked.identifiers.extend(asked.identifiers);
        self.asked.blocks.extend(asked.blocks);
        self.found.identifiers.extend(found.identifiers);
        self.found.blocks.extend(found.blocks);
    }

    /// Takes in what was written.
    pub fn note(&mut self, write: &ClientWrite) {
        for key in &write.identifiers {
            self.found.identifiers.insert(key.clone(), write.client.clone());
        }
        for block in &write.blocks {
            let next = ClientBlock { revision: block.seen + 1, entries: block.entries.clone() };
            self.found.blocks.insert(block.key.clone(), next);
        }
    }

    /// Forgets what may be otherwise by now.
    pub fn forget(&mut self, lookup: &ClientLookup) {
        for key in &lookup.identifiers {
            self.asked.identifiers.remove(key);
            self.found.identifiers.remove(key);
        }
        for key in &lookup.blocks {
            self.asked.blocks.remove(key);
            self.found.blocks.remove(key);
        }
    }
}

/// Which bookings may be written at the same time: those of one turn share no key.
#[derive(Debug, Default)]
pub(super) struct Turns {
    identifiers: BTreeMap<IdentifierKey, usize>,
    blocks: BTreeMap<BlockKey, usize>,
}

impl Turns {
    /// The turn of the next booking, from 0: behind all earlier ones that it shares a key with.
    pub fn next(&mut self, lookup: &ClientLookup) -> usize {
        let identifiers = lookup.identifiers.iter().filter_map(|key| self.identifiers.get(key));
        let blocks = lookup.blocks.iter().filter_map(|key| self.blocks.get(key));
        let turn = identifiers.chain(blocks).max().map_or(0, |last| last + 1);
        take(&mut self.identifiers, &lookup.identifiers, turn);
        take(&mut self.blocks, &lookup.blocks, turn);
        turn
    }
}

fn take<'k, K: Clone + Ord + Hash + 'k>(
    turns: &mut BTreeMap<K, usize>,
    keys: impl IntoIterator<Item = &'k K>,
    turn: usize,
) {
    turns.extend(keys.into_iter().map(|key| (key.clone(), turn)));
}

#[cfg(test)]
mod tests {
    use super::Turns;
    use crate::keys::{BlockKey, IdentifierKey};
    use crate::ports::ClientLookup;

    fn lookup(identifiers: &[&str], blocks: &[&str]) -> ClientLookup {
        ClientLookup {
            identifiers: identifiers.iter().map(|key| IdentifierKey::from_stored(*key)).collect(),
            blocks: blocks.iter().map(|key| BlockKey::from_stored(*key)).collect(),
        }
    }

    #[test]
    fn turns_keep_bookings_apart_that_share_a_key() {
        let mut turns = Turns::default();
        assert_eq!(turns.next(&lookup(&["ada"], &["b"])), 0);
        assert_eq!(turns.next(&lookup(&["eve"], &["c"])), 0);
        assert_eq!(turns.next(&lookup(&["ada"], &[])), 1);
        assert_eq!(turns.next(&lookup(&["kim"], &["b", "c"])), 1);
        assert_eq!(turns.next(&lookup(&["ada", "kim"], &[])), 2);
        assert_eq!(turns.next(&lookup(&[], &[])), 0);
    }
}
