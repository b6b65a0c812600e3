//! What is known of the table, and what a decision still has to know.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use crate::keys::RecordKey;
use crate::model::{ExternalId, RecordPointer, StoredRecord};
use crate::ports::{Loaded, Lookup};

/// Items that were loaded, with those that are not there.
#[derive(Debug, Default)]
pub(super) struct Known {
    pointers: BTreeMap<ExternalId, Option<RecordPointer>>,
    records: BTreeMap<RecordKey, Option<StoredRecord>>,
    unreadable: Lookup,
}

impl Known {
    /// Takes in what was asked for. What did not come is not there.
    pub fn absorb(&mut self, asked: Lookup, mut loaded: Loaded) {
        for id in asked.ids {
            let pointer = loaded.pointers.remove(&id);
            self.pointers.insert(id, pointer);
        }
        for key in asked.keys {
            let record = loaded.records.remove(&key);
            self.records.insert(key, record);
        }
        self.unreadable.ids.extend(loaded.unreadable.ids);
        self.unreadable.keys.extend(loaded.unreadable.keys);
    }

    /// Whether something that is there can't be read.
    pub fn is_unreadable(&self, seen: &Lookup) -> bool {
        !seen.ids.is_disjoint(&self.unreadable.ids) || !seen.keys.is_disjoint(&self.unreadable.keys)
    }
}

/// What a decision rests on.
pub(super) struct Closed {
    /// All items that it looked at.
    pub seen: Lookup,
    /// Those that were not loaded, if any.
    pub missing: Option<Lookup>,
    pub needs_associations: bool,
}

/// The table through the eyes of one decision. It answers "nothing there" for what was not loaded
/// and takes a note of it: a decision counts only when nothing is missing.
pub(super) struct View<'a> {
    known: &'a Known,
    seen: RefCell<Lookup>,
    missing: RefCell<Lookup>,
    is_complete: Cell<bool>,
    needs_associations: Cell<bool>,
}

impl<'a> View<'a> {
    pub fn new(known: &'a Known) -> Self {
        Self {
            known,
            seen: RefCell::default(),
            missing: RefCell::default(),
            is_complete: Cell::new(true),
            needs_associations: Cell::new(false),
        }
    }

    pub fn pointer(&self, id: &ExternalId) -> Option<&'a RecordPointer> {
        self.seen.borrow_mut().ids.insert(id.clone());
        if let Some(pointer) = self.known.pointers.get(id) {
            return pointer.as_ref();
        }
        self.is_complete.set(false);
        self.missing.borrow_mut().ids.insert(id.clone());
        None
    }

    pub fn record(&self, key: &RecordKey) -> Option<&'a StoredRecord> {
        self.seen.borrow_mut().keys.insert(key.clone());
        if let Some(record) = self.known.records.get(key) {
            return record.as_ref();
        }
        self.is_complete.set(false);
        self.missing.borrow_mut().keys.insert(key.clone());
        None
    }

    /// The decision needs what the unit's object is associated with.
    pub fn ask_for_associations(&self) {
        self.needs_associations.set(true);
    }

    /// What the decision rests on.
    pub fn close(self) -> Closed {
        Closed {
            missing: (!self.is_complete.get()).then(|| self.missing.into_inner()),
            seen: self.seen.into_inner(),
            needs_associations: self.needs_associations.get(),
        }
    }
}
