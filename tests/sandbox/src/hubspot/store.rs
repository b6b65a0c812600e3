//! Records of all portals. A table keeps an index of its unique properties and can take back a
//! series of writes, because HubSpot's batches are all or nothing.

use std::collections::BTreeMap;

use super::object_types::ObjectType;

/// Property values by name.
pub type Values = BTreeMap<String, String>;

const FIRST_ID: u64 = 101;

/// One record.
#[derive(Clone, Debug)]
pub struct Record {
    /// Record id.
    pub id: u64,
    /// Values; an empty one is not kept.
    pub values: Values,
    /// Creation.
    pub created_ms: i64,
    /// Last change.
    pub updated_ms: i64,
    /// When it was put into the recycling bin.
    pub archived_ms: Option<i64>,
    /// Whether search must wait for the index to find it.
    pub is_indexed_at_once: bool,
}

/// The records of one type in one portal.
pub struct Table {
    object_type: &'static ObjectType,
    records: BTreeMap<u64, Record>,
    by_unique: BTreeMap<(&'static str, String), u64>,
    next_id: u64,
    journal: Option<Vec<(u64, Option<Record>)>>,
}

impl Table {
    fn new(object_type: &'static ObjectType) -> Self {
        Self {
            object_type,
            records: BTreeMap::new(),
            by_unique: BTreeMap::new(),
            next_id: FIRST_ID,
            journal: None,
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

    /// The live record that has this value of a unique property.
    pub fn find(&self, property: &str, value: &str) -> Option<u64> {
        let property = self.object_type.unique.iter().find(|unique| **unique == property)?;
        self.by_unique.get(&(*property, value.trim().to_lowercase())).copied()
    }

    /// Another live record that has one of the unique values.
    pub fn holder_of(&self, values: &Values, own_id: Option<u64>) -> Option<u64> {
        self.unique_keys(values)
            .into_iter()
            .filter_map(|key| self.by_unique.get(&key).copied())
            .find(|id| Some(*id) != own_id)
    }

    fn unique_keys(&self, values: &Values) -> Vec<(&'static str, String)> {
        let unique = self.object_type.unique.iter();
        let mut keys: Vec<(&'static str, String)> =
            unique.filter_map(|name| Some((*name, values.get(*name)?.to_lowercase()))).collect();
        if let Some((more, of)) = self.object_type.more_unique {
            let listed = values.get(more).map(String::as_str).unwrap_or_default();
            keys.extend(listed.split(';').map(|value| (of, value.trim().to_lowercase())));
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
            journal.push((id, old));
        }
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
        self.journal = Some(Vec::new());
    }

    /// Keeps the writes since [`Table::begin`].
    pub fn commit(&mut self) {
        self.journal = None;
    }

    /// Takes back the writes since [`Table::begin`]. Drawn ids stay used.
    pub fn roll_back(&mut self) {
        for (id, old) in self.journal.take().unwrap_or_default().into_iter().rev() {
            self.replace(id, old);
        }
    }
}

/// The tables of all portals.
#[derive(Default)]
pub struct Portals {
    tables: BTreeMap<(String, &'static str), Table>,
}

impl Portals {
    /// The table of a type, made on first use.
    pub fn table(&mut self, portal: &str, object_type: &'static ObjectType) -> &mut Table {
        self.tables
            .entry((portal.to_owned(), object_type.type_id))
            .or_insert_with(|| Table::new(object_type))
    }

    fn tables_of(&mut self, portal: &str) -> impl Iterator<Item = &mut Table> {
        self.tables.iter_mut().filter(move |((of, _), _)| of == portal).map(|(_, table)| table)
    }

    /// [`Table::begin`] for all tables of a portal.
    pub fn begin(&mut self, portal: &str) {
        // A table that doesn't exist yet could not take its first writes back.
        for object_type in ObjectType::every() {
            self.table(portal, object_type);
        }
        self.tables_of(portal).for_each(Table::begin);
    }

    /// [`Table::commit`] for all tables of a portal.
    pub fn commit(&mut self, portal: &str) {
        self.tables_of(portal).for_each(Table::commit);
    }

    /// [`Table::roll_back`] for all tables of a portal.
    pub fn roll_back(&mut self, portal: &str) {
        self.tables_of(portal).for_each(Table::roll_back);
    }

    /// Drops one portal's records, or all.
    pub fn reset(&mut self, portal: Option<&str>) {
        self.tables.retain(|(of_portal, _), _| portal.is_some_and(|portal| portal != of_portal));
    }
}

#[cfg(test)]
mod tests {
    use super::{Portals, Record, Values};
    use crate::hubspot::object_types::CONTACT;

    fn record(id: u64, email: &str) -> Record {
        Record {
            id,
            values: Values::from([("email".to_owned(), email.to_owned())]),
            created_ms: 0,
            updated_ms: 0,
            archived_ms: None,
            is_indexed_at_once: true,
        }
    }

    #[test]
    fn roll_back_restores_records_and_index() {
        let mut portals = Portals::default();
        let table = portals.table("1", &CONTACT);
        table.put(record(5, "a@x.io"));
        table.begin();
        table.put(record(5, "b@x.io"));
        table.put(record(6, "a@x.io"));
        table.roll_back();
        assert_eq!(table.find("email", "A@x.io"), Some(5));
        assert_eq!(table.find("email", "b@x.io"), None);
        assert!(table.any(6).is_none());
    }

    #[test]
    fn archived_record_frees_its_unique_value() {
        let mut portals = Portals::default();
        let table = portals.table("1", &CONTACT);
        table.put(Record { archived_ms: Some(1), ..record(5, "a@x.io") });
        assert_eq!(table.find("email", "a@x.io"), None);
        assert!(table.any(5).is_some() && table.live(5).is_none());
    }

    #[test]
    fn find_knows_additional_emails() {
        let mut portals = Portals::default();
        let table = portals.table("1", &CONTACT);
        let mut two = record(5, "a@x.io");
        two.values.insert("hs_additional_emails".to_owned(), "old@x.io;b@x.io".to_owned());
        table.put(two);
        assert_eq!(table.find("email", "b@x.io"), Some(5));
    }

    #[test]
    fn portals_do_not_share_records() {
        let mut portals = Portals::default();
        portals.table("1", &CONTACT).put(record(5, "a@x.io"));
        assert!(portals.table("2", &CONTACT).any(5).is_none());
        portals.reset(Some("1"));
        assert!(portals.table("1", &CONTACT).any(5).is_none());
    }
}
