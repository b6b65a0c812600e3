//! Everything that the companies hold: records with what search knows of them, custom fields,
//! webhooks, and the memory of the gateway.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Map, Value};

use super::custom_fields::Field;
use super::hooks::Hook;
use super::object_types::Object;

/// What a record says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Content {
    /// The members of its type by name; absent ones are null.
    pub values: Map<String, Value>,
    /// Custom fields that are set, by code.
    pub custom: BTreeMap<String, Value>,
    /// Whether it is in the bin.
    pub is_deleted: bool,
}

impl Content {
    /// A member; null if it isn't set.
    pub fn get(&self, name: &str) -> &Value {
        self.values.get(name).unwrap_or(&Value::Null)
    }

    /// Sets a member.
    pub fn set(&mut self, name: &str, value: Value) {
        self.values.insert(name.to_owned(), value);
    }

    /// A member that is an id.
    pub fn id(&self, name: &str) -> Option<u64> {
        self.get(name).as_u64()
    }
}

/// A record.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its id, one per type.
    pub id: u64,
    /// What it says now.
    pub content: Content,
    /// When it was made.
    pub added_ms: i64,
    /// When it was changed.
    pub updated_ms: i64,
    /// What search learns, and when, oldest first.
    index: VecDeque<(i64, Content)>,
}

impl Record {
    /// A record that search doesn't know yet.
    pub fn new(id: u64, content: Content, added_ms: i64) -> Self {
        Self { id, content, added_ms, updated_ms: added_ms, index: VecDeque::new() }
    }

    /// What search knows of it at that time.
    pub fn searched(&self, now_ms: i64) -> Option<&Content> {
        let known = self.index.iter().rev().find(|(from_ms, _)| *from_ms <= now_ms);
        known.map(|(_, content)| content).filter(|content| !content.is_deleted)
    }

    /// Lets search learn of the present content at that time.
    pub fn index_at(&mut self, at_ms: i64, now_ms: i64) {
        while self.index.get(1).is_some_and(|(from_ms, _)| *from_ms <= now_ms) {
            self.index.pop_front();
        }
        self.index.push_back((at_ms, self.content.clone()));
    }
}

/// The records and custom fields of one type.
#[derive(Clone, Default)]
pub struct Table {
    /// Records by id.
    pub records: BTreeMap<u64, Record>,
    /// Custom fields, oldest first.
    pub fields: Vec<Field>,
    last_id: u64,
}

impl Table {
    /// An id that no record had before.
    pub fn draw_id(&mut self) -> u64 {
        let highest = self.records.keys().next_back().copied().unwrap_or_default();
        self.last_id = self.last_id.max(highest) + 1;
        self.last_id
    }

    /// A record that isn't in the bin.
    pub fn present(&self, id: u64) -> Option<&Record> {
        self.records.get(&id).filter(|record| !record.content.is_deleted)
    }

    /// A custom field by code.
    pub fn field(&self, code: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.code == code)
    }
}

/// What one company holds.
#[derive(Default)]
pub struct Company {
    tables: [Table; 3],
    /// Webhooks by id.
    pub hooks: BTreeMap<u64, Hook>,
    last_hook_id: u64,
    /// When the API token's calls were over a limit, within the last minute.
    pub refused_ms: VecDeque<i64>,
    /// Until when the API token is blocked.
    pub blocked_until_ms: Option<i64>,
    /// How long a webhook is banned, if the account says so.
    pub webhook_ban_ms: Option<i64>,
}

const fn place(object: Object) -> usize {
    match object {
        Object::Person => 0,
        Object::Organization => 1,
        Object::Deal => 2,
    }
}

impl Company {
    /// The records of a type.
    pub fn table(&self, object: Object) -> &Table {
        &self.tables[place(object)]
    }

    /// The same to change them.
    pub fn table_mut(&mut self, object: Object) -> &mut Table {
        &mut self.tables[place(object)]
    }

    /// A copy of all records, for an act that may have to be undone.
    pub fn records(&self) -> [Table; 3] {
        self.tables.clone()
    }

    /// Undoes what has happened since the copy was made.
    pub fn put_records_back(&mut self, tables: [Table; 3]) {
        self.tables = tables;
    }

    /// An id that no webhook had before.
    pub fn draw_hook_id(&mut self) -> u64 {
        self.last_hook_id += 1;
        self.last_hook_id
    }
}

/// All companies.
#[derive(Default)]
pub struct Companies(BTreeMap<String, Company>);

impl Companies {
    /// What an account holds, made on first use.
    pub fn of(&mut self, account: &str) -> &mut Company {
        self.0.entry(account.to_owned()).or_default()
    }

    /// Drops the records of one account, or of all, and lifts blocks. Custom fields and webhooks
    /// stay, as accounts do: who made them still counts on them. Ids are not given again.
    pub fn reset(&mut self, account: Option<&str>) {
        for (of_account, company) in &mut self.0 {
            if account.is_some_and(|account| account != of_account) {
                continue;
            }
            for table in &mut company.tables {
                table.last_id = table.draw_id() - 1;
                table.records.clear();
            }
            company.refused_ms.clear();
            company.blocked_until_ms = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Content, Record};

    #[test]
    fn search_learns_late_and_keeps_old_content_until_then() {
        let mut record = Record::new(1, Content::default(), 0);
        let mut at = |name: &str, at_ms: i64, now_ms: i64| {
            record.content.set("name", json!(name));
            record.index_at(at_ms, now_ms);
        };
        at("one", 10, 0);
        at("two", 30, 20);
        let name = |now_ms| record.searched(now_ms).map(|content| content.get("name").clone());
        assert_eq!(
            [9, 10, 29, 30].map(name),
            [None, Some(json!("one")), Some(json!("one")), Some(json!("two"))]
        );
    }
}
