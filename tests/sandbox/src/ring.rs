//! A bounded log: the newest entries stay, each can still be amended by its number while it is kept.

use std::collections::VecDeque;

/// Keeps the last `capacity` entries.
pub struct Ring<T> {
    entries: VecDeque<(u64, T)>,
    next_number: u64,
    capacity: usize,
}

impl<T> Ring<T> {
    /// An empty ring.
    pub fn new(capacity: usize) -> Self {
        Self { entries: VecDeque::new(), next_number: 0, capacity }
    }

    /// Appends an entry, drops the oldest one if the ring is full, and gives the entry's number.
    pub fn push(&mut self, entry: T) -> u64 {
        if self.entries.len() >= self.capacity {
            self.entries.pop_front();
        }
        let number = self.next_number;
        self.next_number += 1;
        self.entries.push_back((number, entry));
        number
    }

    /// The entry with that number, unless it was dropped. Numbers are never used again, so a late
    /// amendment can't hit another entry.
    pub fn get_mut(&mut self, number: u64) -> Option<&mut T> {
        let index = self.entries.binary_search_by_key(&number, |(number, _)| *number).ok()?;
        self.entries.get_mut(index).map(|(_, entry)| entry)
    }

    /// Oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.entries.iter().map(|(_, entry)| entry)
    }

    /// Oldest first, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.entries.iter_mut().map(|(_, entry)| entry)
    }

    /// Drops the entries that `keep` refuses.
    pub fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        self.entries.retain(|(_, entry)| keep(entry));
    }

    /// Drops the oldest entry of which `is_it` is true; says whether there was one.
    pub fn drop_first(&mut self, is_it: impl Fn(&T) -> bool) -> bool {
        let index = self.entries.iter().position(|(_, entry)| is_it(entry));
        index.is_some_and(|index| self.entries.remove(index).is_some())
    }

    /// Drops everything.
    pub fn clear(&mut self) {
        self.entries.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::Ring;

    #[test]
    fn ring_keeps_the_newest_and_their_numbers() {
        let mut ring = Ring::new(2);
        let numbers = ["a", "b", "c"].map(|entry| ring.push(entry));
        assert_eq!(numbers, [0, 1, 2]);
        assert_eq!(ring.iter().copied().collect::<Vec<_>>(), ["b", "c"]);
        assert!(ring.get_mut(0).is_none());
        assert_eq!(ring.get_mut(2).copied(), Some("c"));
    }

    #[test]
    fn ring_does_not_reuse_numbers_after_a_clear() {
        let mut ring = Ring::new(2);
        let old = ring.push("a");
        ring.clear();
        assert_eq!(ring.push("b"), 1);
        assert!(ring.get_mut(old).is_none());
    }

    #[test]
    fn ring_drops_the_oldest_that_is_meant() {
        let mut ring = Ring::new(9);
        let numbers = [1, 2, 3].map(|entry| ring.push(entry));
        assert!(ring.drop_first(|entry| *entry > 1));
        assert!(!ring.drop_first(|entry| *entry > 3));
        assert!(ring.get_mut(numbers[1]).is_none());
        assert_eq!(ring.iter().copied().collect::<Vec<_>>(), [1, 3]);
    }

    #[test]
    fn ring_finds_entries_by_number_after_a_retain() {
        let mut ring = Ring::new(9);
        let numbers = [1, 2, 3].map(|entry| ring.push(entry));
        ring.retain(|entry| *entry != 2);
        assert!(ring.get_mut(numbers[1]).is_none());
        assert_eq!(ring.get_mut(numbers[2]).copied(), Some(3));
    }
}
