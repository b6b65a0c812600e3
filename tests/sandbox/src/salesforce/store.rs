//! The records of one org, what can be taken back, and what has changed.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::ids;
use super::schema::{Field, Kind, Schema};
use super::sobject::Sobject;
use super::values::date_time;

/// Values by API name; empty ones are left out.
pub type Values = BTreeMap<String, Value>;

/// One record.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its id, eighteen characters.
    pub id: String,
    /// Its type.
    pub sobject: Sobject,
    /// Everything but the system fields.
    pub values: Values,
    /// Whole seconds, as Salesforce keeps them.
    pub created_ms: i64,
    /// When a user or an API call last changed it.
    pub modified_ms: i64,
    /// When anything last changed it.
    pub stamp_ms: i64,
    /// The user that made it.
    pub created_by: String,
    /// The user that last changed it.
    pub modified_by: String,
    /// Whether it is in the recycle bin.
    pub is_deleted: bool,
    /// The record with which it was deleted, if not by itself.
    pub deleted_with: Option<String>,
}

impl Record {
    /// A value; null if there is none. A name that joins others is made here.
    pub fn get(&self, field: &Field) -> Value {
        match field.name.as_str() {
            "Id" => json!(self.id),
            "IsDeleted" if self.sobject.is_data() => json!(self.is_deleted),
            "CreatedDate" => json!(date_time(self.created_ms)),
            "LastModifiedDate" => json!(date_time(self.modified_ms)),
            "SystemModstamp" => json!(date_time(self.stamp_ms)),
            "CreatedById" => json!(self.created_by),
            "LastModifiedById" => json!(self.modified_by),
            "Name" if self.sobject == Sobject::Contact => {
                let parts = ["FirstName", "LastName"].map(|name| self.text(name));
                json!(parts.into_iter().flatten().collect::<Vec<_>>().join(" "))
            }
            name => match self.values.get(name) {
                Some(value) => value.clone(),
                None if field.kind == Kind::Boolean => Value::Bool(false),
                None => Value::Null,
            },
        }
    }

    /// A text value.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name)?.as_str()
    }
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// It was made.
    Create,
    /// Values are different.
    Update,
    /// It went into the recycle bin.
    Delete,
    /// It came out of it.
    Undelete,
}

/// A change, as triggers see it.
#[derive(Clone, Debug)]
pub struct Change {
    /// Type of the record.
    pub sobject: Sobject,
    /// The record.
    pub id: String,
    /// What became of it.
    pub kind: ChangeKind,
    /// The fields whose values are different.
    pub fields: Vec<String>,
    /// When.
    pub at_ms: i64,
}

type IndexKey = (Sobject, String, String);

/// What is needed to take back what was done since `begin`.
struct Journal {
    before: Vec<(String, Option<Record>)>,
    changes: usize,
}

/// All records of an org.
#[derive(Default)]
pub struct Tables {
    records: BTreeMap<String, Record>,
    index: BTreeMap<IndexKey, BTreeSet<String>>,
    changes: Vec<Change>,
    journals: Vec<Journal>,
    drawn: u64,
}

fn index_keys(schema: &Schema, record: &Record) -> Vec<IndexKey> {
    let indexed = schema.fields(record.sobject).iter().filter(|field| field.is_indexed());
    indexed
        .filter_map(|field| {
            let value = record.text(&field.name)?.to_lowercase();
            Some((record.sobject, field.name.clone(), value))
        })
        .collect()
}

impl Tables {
    fn unindex(&mut self, schema: &Schema, record: &Record) {
        for key in index_keys(schema, record) {
            if let Some(holders) = self.index.get_mut(&key) {
                holders.remove(&record.id);
                if holders.is_empty() {
                    self.index.remove(&key);
                }
            }
        }
    }

    fn set(&mut self, schema: &Schema, id: &str, record: Option<Record>) -> Option<Record> {
        let before = self.records.remove(id);
        if let Some(before) = &before {
            self.unindex(schema, before);
        }
        if let Some(record) = record {
            if !record.is_deleted {
                for key in index_keys(schema, &record) {
                    self.index.entry(key).or_default().insert(record.id.clone());
                }
            }
            self.records.insert(record.id.clone(), record);
        }
        before
    }

    fn replace(&mut self, schema: &Schema, id: &str, record: Option<Record>) {
        let before = self.set(schema, id, record);
        if let Some(journal) = self.journals.last_mut() {
            journal.before.push((id.to_owned(), before));
        }
    }

    /// Stores a record in place of the one with its id.
    pub fn put(&mut self, schema: &Schema, record: Record) {
        let id = record.id.clone();
        self.replace(schema, &id, Some(record));
    }

    /// Takes a record away for good.
    pub fn purge(&mut self, schema: &Schema, id: &str) {
        self.replace(schema, id, None);
    }

    /// A record, deleted or not.
    pub fn any(&self, id: &str) -> Option<&Record> {
        self.records.get(id)
    }

    /// The records of a type by id, deleted ones among them.
    pub fn of(&self, sobject: Sobject) -> impl Iterator<Item = &Record> {
        let prefix = sobject.key_prefix();
        let all = self.records.range(prefix.to_owned()..).map(|(_, record)| record);
        all.take_while(move |record| ids::prefix(&record.id) == prefix)
    }

    /// The records of a type that aren't deleted.
    pub fn live(&self, sobject: Sobject) -> impl Iterator<Item = &Record> {
        self.of(sobject).filter(|record| !record.is_deleted)
    }

    /// The ids of the records that have that value in an indexed field, without regard to case.
    pub fn holders(&self, sobject: Sobject, field: &str, value: &str) -> Vec<String> {
        let key = (sobject, field.to_owned(), value.to_lowercase());
        self.index.get(&key).map(|ids| ids.iter().cloned().collect()).unwrap_or_default()
    }

    /// An id that no record has.
    pub fn draw_id(&mut self, sobject: Sobject, org_id: &str) -> String {
        loop {
            self.drawn += 1;
            let id = ids::drawn(sobject.key_prefix(), org_id, self.drawn);
            if !self.records.contains_key(&id) {
                return id;
            }
        }
    }

    /// Notes a change.
    pub fn note(&mut self, change: Change) {
        self.changes.push(change);
    }

    /// The changes since they were last taken.
    pub fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// From here on everything can be taken back. May be nested.
    pub fn begin(&mut self) {
        self.journals.push(Journal { before: Vec::new(), changes: self.changes.len() });
    }

    /// What was done since the last `begin` stays.
    pub fn commit(&mut self) {
        if let (Some(journal), Some(outer)) = (self.journals.pop(), self.journals.last_mut()) {
            outer.before.extend(journal.before);
        }
    }

    /// Takes back what was done since the last `begin`.
    pub fn roll_back(&mut self, schema: &Schema) {
        let Some(journal) = self.journals.pop() else { return };
        for (id, before) in journal.before.into_iter().rev() {
            self.set(schema, &id, before);
        }
        self.changes.truncate(journal.changes);
    }

    /// Drops the data records; settings stay.
    pub fn clear(&mut self) {
        self.records.retain(|_, record| !record.sobject.is_data());
        self.index.clear();
        self.changes.clear();
    }

    /// Drops the settings, for others to take their place.
    pub fn clear_settings(&mut self) {
        self.records.retain(|_, record| record.sobject.is_data());
    }

    /// Finds records anew by the fields that the schema now says are indexed.
    pub fn reindex(&mut self, schema: &Schema) {
        self.index.clear();
        for record in self.records.values().filter(|record| !record.is_deleted) {
            for key in index_keys(schema, record) {
                self.index.entry(key).or_default().insert(record.id.clone());
            }
        }
    }
}
