//! The records of one type in one portal. A table keeps an index of its unique properties and can
//! take back a series of writes, because HubSpot's batches are all or nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::{Record, Values};
use crate::hubspot::changes::{Change, Noted};
use crate::hubspot::object_types::ObjectType;
use crate::hubspot::schema::Schema;

const FIRST_ID: u64 = 101;

/// A unique property and one of its values, in lower case.
type UniqueKey = (String, String);

/// What [`Table::roll_back`] needs.
struct Journal {
    records: Vec<(u64, Option<Record>)>,
    changes_before: usize,
}

/// The records of one type in one portal.
pub struct Table {
    /// The type's properties in this portal.
    pub schema: Schema,
    records: BTreeMap<u64, Record>,
    by_unique: BTreeMap<UniqueKey, u64>,
    blocked: BTreeSet<UniqueKey>,
    merged_into: BTreeMap<u64, u64>,
    next_id: u64,
    journal: Option<Journal>,
    changes: Vec<Noted>,
}

impl Table {
    /// An empty table.
    pub fn new(object_type: &'static ObjectType) -> Self {
        Self {
            schema: Schema::new(object_type),
            records: BTreeMap::new(),
            by_unique: BTreeMap::new(),
            blocked: BTreeSet::new(),
            merged_into: BTreeMap::new(),
            next_id: FIRST_ID,
            journal: None,
            changes: Vec::new(),
        }
    }

    /// A record, archived or not.
    pub fn any(&self, id: u64) -> Option<&Record> {
        self.records.get(&id)
    }

    /// A record that is not archived.
    pub fn live(&self, id: u64) -> Option<&Record> {
        self.any(id).filter(|record| record.archived_ms.is_none())
    }

    /// All records by id, archived ones too.
    pub fn all(&self) -> impl Iterator<Item = &Record> {
        self.records.values()
    }

    /// The id that a record has now: merges give new ones, and the old ones keep leading there.
    pub fn current_id(&self, id: u64) -> u64 {
        let mut current = id;
        while let Some(next) = self.merged_into.get(&current) {
            current = *next;
        }
        current
    }

    /// The live record that has this value of a unique property.
    pub fn find(&self, property: &str, value: &str) -> Option<u64> {
        self.by_unique.get(&(property.to_owned(), value.trim().to_lowercase())).copied()
    }

    /// Another live record that has one of the unique values, and of which property.
    pub fn holder_of(&self, values: &Values, own_id: Option<u64>) -> Option<(String, u64)> {
        self.unique_keys(values)
            .into_iter()
            .filter_map(|key| Some((self.by_unique.get(&key).copied()?, key.0)))
            .find(|(id, _)| Some(*id) != own_id)
            .map(|(id, property)| (property, id))
    }

    /// The property of which a value was block-listed by a privacy deletion.
    pub fn blocked_property(&self, values: &Values) -> Option<String> {
        let mut keys = self.unique_keys(values).into_iter();
        keys.find(|key| self.blocked.contains(key)).map(|(property, _)| property)
    }

    /// Block-lists a value of HubSpot's own unique properties for all time.
    pub fn block(&mut self, property: &str, value: &str) {
        self.blocked.insert((property.to_owned(), value.trim().to_lowercase()));
    }

    fn unique_keys(&self, values: &Values) -> Vec<UniqueKey> {
        let named = self
            .schema
            .unique()
            .filter_map(|name| Some((name.to_owned(), values.get(name)?.trim().to_lowercase())));
        let mut keys: Vec<UniqueKey> = named.collect();
        if let Some((more, of)) = self.schema.object_type.more_unique {
            let listed = values.get(more).map(String::as_str).unwrap_or_default();
            let listed = listed.split(';');
            keys.extend(listed.map(|value| (of.to_owned(), value.trim().to_lowercase())));
        }
        keys.retain(|(_, value)| !value.is_empty());
        keys
    }

    /// Draws the id of a new record.
    pub fn draw_id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    /// Puts a record into the place of the one with its id.
    pub fn put(&mut self, record: Record) {
        self.next_id = self.next_id.max(record.id.saturating_add(1));
        let id = record.id;
        let old = self.replace(id, Some(record));
        if let Some(journal) = &mut self.journal {
            journal.records.push((id, old));
        }
    }

    /// Takes a record out for good.
    pub fn take(&mut self, id: u64) -> Option<Record> {
        let old = self.replace(id, None);
        if let Some(journal) = &mut self.journal {
            journal.records.push((id, old.clone()));
        }
        old
    }

    /// From here on `old` leads to `new`.
    pub fn lead(&mut self, old: u64, new: u64) {
        self.merged_into.insert(old, new);
    }

    /// Notes a change for webhooks.
    pub fn note(&mut self, id: u64, at_ms: i64, change: Change) {
        let object_type = self.schema.object_type;
        self.changes.push(Noted { object_type, id, at_ms, change });
    }

    /// Gives and forgets the noted changes.
    pub fn take_changes(&mut self) -> Vec<Noted> {
        std::mem::take(&mut self.changes)
    }

    /// Builds the index anew, after the unique properties have changed.
    pub fn reindex(&mut self) {
        let mut by_unique = BTreeMap::new();
        for record in self.records.values().filter(|record| record.archived_ms.is_none()) {
            for key in self.unique_keys(&record.values) {
                by_unique.entry(key).or_insert(record.id);
            }
        }
        self.by_unique = by_unique;
    }

    fn replace(&mut self, id: u64, new: Option<Record>) -> Option<Record> {
        let old = self.records.remove(&id);
        if let Some(old) = &old {
            for key in self.unique_keys(&old.values) {
                if self.by_unique.get(&key) == Some(&id) {
                    self.by_unique.remove(&key);
                }
            }
        }
        if let Some(new) = new {
            if new.archived_ms.is_none() {
                for key in self.unique_keys(&new.values) {
                    self.by_unique.insert(key, id);
                }
            }
            self.records.insert(id, new);
        }
        old
    }

    /// From here on writes can be taken back.
    pub fn begin(&mut self) {
        self.journal = Some(Journal { records: Vec::new(), changes_before: self.changes.len() });
    }

    /// Keeps the writes since [`Table::begin`].
    pub fn commit(&mut self) {
        self.journal = None;
    }

    /// Takes back the writes since [`Table::begin`]. Drawn ids stay used.
    pub fn roll_back(&mut self) {
        let Some(journal) = self.journal.take() else { return };
        for (id, old) in journal.records.into_iter().rev() {
            self.replace(id, old);
        }
        self.changes.truncate(journal.changes_before);
    }
}
