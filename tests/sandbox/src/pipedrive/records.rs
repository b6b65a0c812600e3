//! Changing records: what the API and the vendor's own interface have in common. Each change is
//! given back with the record before and after it, as webhooks need them.

use serde_json::{Value, json};

use super::deals::{self, DealWrite};
use super::drafts::{self, Draft};
use super::errors::Refusal;
use super::object_types::{Kind, Object};
use super::pipelines;
use super::store::{Company, Content, Record};
use crate::accounts::Account;

/// Where and when records change.
pub struct Desk<'a> {
    /// The account.
    pub account: &'a Account,
    /// What it holds.
    pub company: &'a mut Company,
    /// Now.
    pub now_ms: i64,
}

/// The part that a record had in a merge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merge {
    /// It went into this one.
    Into(u64),
    /// This one went into it.
    From(u64),
}

/// What has happened to a record.
#[derive(Clone, Debug)]
pub struct Change {
    /// Its type.
    pub object: Object,
    /// The record before; absent for a new one.
    pub before: Option<Record>,
    /// The record after; absent for one that is gone.
    pub after: Option<Record>,
    /// The merge that it was a part of.
    pub merge: Option<Merge>,
}

fn missing(object: Object) -> Refusal {
    Refusal::not_found(object.title())
}

/// A new record without what the caller says.
fn blank(account: &Account, object: Object) -> Content {
    let mut content = Content::default();
    for member in object.members() {
        if member.name == "add_time" || !drafts::has(account, member) {
            continue;
        }
        let value = match (member.name, member.kind) {
            ("owner_id" | "creator_user_id", _) => json!(drafts::user_id(account)),
            ("value", _) => json!(0),
            ("currency", _) => json!("USD"),
            ("status", _) => json!("open"),
            ("is_archived", _) => json!(false),
            ("origin", _) => json!("API"),
            (_, Kind::Visibility) => json!(3),
            (_, Kind::Labels | Kind::Entries) => json!([]),
            _ => Value::Null,
        };
        content.set(member.name, value);
    }
    content
}

impl Desk<'_> {
    /// The content after a draft was written over it.
    pub fn written(
        &self,
        object: Object,
        before: Option<&Content>,
        draft: &Draft,
    ) -> Result<Content, Refusal> {
        let mut content = before.cloned().unwrap_or_else(|| blank(self.account, object));
        for (name, value) in &draft.values {
            content.set(name, value.clone());
        }
        for (code, value) in &draft.custom {
            if value.is_null() {
                content.custom.remove(code);
            } else {
                content.custom.insert(code.clone(), value.clone());
            }
        }
        if object == Object::Deal {
            let pipelines =
                pipelines::of(self.account).map_err(|error| Refusal::bad_request(&error))?;
            let (given, now_ms) = (&draft.values, self.now_ms);
            DealWrite { pipelines: &pipelines, given, before, now_ms }.settle(&mut content)?;
            let was_open = before.is_some_and(deals::is_open);
            if deals::is_open(&content) && !was_open {
                self.check_room()?;
            }
        }
        Ok(content)
    }

    fn check_room(&self) -> Result<(), Refusal> {
        let Some(most) = self.account.max_open_deals else { return Ok(()) };
        let deals = self.company.table(Object::Deal).records.values();
        let open = deals.filter(|deal| deals::is_open(&deal.content)).count();
        if open < most { Ok(()) } else { Err(Refusal::too_many_deals()) }
    }

    /// Stores a record as it is and lets search learn of it in its own time.
    fn put(&mut self, object: Object, mut record: Record) -> Record {
        let lag_ms = self.account.search_lag_ms.unwrap_or_default();
        record.index_at(self.now_ms.saturating_add(lag_ms), self.now_ms);
        let table = self.company.table_mut(object);
        table.records.insert(record.id, record.clone());
        record
    }

    /// Makes a record.
    pub fn create(&mut self, object: Object, draft: &Draft) -> Result<Change, Refusal> {
        let content = self.written(object, None, draft)?;
        let id = self.company.table_mut(object).draw_id();
        let mut record = Record::new(id, content, draft.added_ms.unwrap_or(self.now_ms));
        record.updated_ms = self.now_ms;
        let after = Some(self.put(object, record));
        Ok(Change { object, before: None, after, merge: None })
    }

    /// A record that isn't in the bin.
    pub fn present(&self, object: Object, id: u64) -> Result<Record, Refusal> {
        self.company.table(object).present(id).cloned().ok_or_else(|| missing(object))
    }

    fn replace(&mut self, object: Object, before: Record, content: Content) -> Change {
        let mut record = before.clone();
        record.content = content;
        record.updated_ms = self.now_ms.max(before.updated_ms);
        let after = Some(self.put(object, record));
        Change { object, before: Some(before), after, merge: None }
    }

    /// Changes a record; nothing happens to one that says all of it already.
    pub fn update(
        &mut self,
        object: Object,
        id: u64,
        draft: &Draft,
    ) -> Result<Option<Change>, Refusal> {
        let before = self.present(object, id)?;
        let content = self.written(object, Some(&before.content), draft)?;
        if content == before.content {
            return Ok(None);
        }
        Ok(Some(self.replace(object, before, content)))
    }

    /// Puts a record into the bin.
    pub fn bin(&mut self, object: Object, id: u64) -> Result<Change, Refusal> {
        let before = self.present(object, id)?;
        let content = Content { is_deleted: true, ..before.content.clone() };
        let change = self.replace(object, before, content);
        Ok(Change { after: None, ..change })
    }

    /// Takes a record out of the bin.
    pub fn restore(&mut self, object: Object, id: u64) -> Result<Change, Refusal> {
        let binned = self.company.table(object).records.get(&id);
        let binned = binned.filter(|record| record.content.is_deleted).cloned();
        let before = binned.ok_or_else(|| missing(object))?;
        let content = Content { is_deleted: false, ..before.content.clone() };
        Ok(self.replace(object, before, content))
    }

    /// Lets the first record take in the other one: its own values win, the other's fill what it
    /// lacks, and what named the other one names it.
    pub fn merge(&mut self, object: Object, kept: u64, other: u64) -> Result<Vec<Change>, Refusal> {
        if kept == other {
            return Err(Refusal::bad_request("A record can not be merged with itself"));
        }
        let (into, from) = (self.present(object, kept)?, self.present(object, other)?);
        let gone = Change { merge: Some(Merge::Into(kept)), ..self.bin(object, other)? };
        self.lead_over(object, other, kept);
        let mut content = into.content.clone();
        for (name, value) in &from.content.values {
            let merged = match (content.get(name), value) {
                (Value::Array(mine), Value::Array(theirs)) => with_entries(mine, theirs),
                (Value::Null, theirs) => theirs.clone(),
                (mine, _) => mine.clone(),
            };
            content.set(name, merged);
        }
        for (code, value) in from.content.custom {
            content.custom.entry(code).or_insert(value);
        }
        let taken = self.replace(object, into, content);
        Ok(vec![gone, Change { merge: Some(Merge::From(other)), ..taken }])
    }

    /// Records that name `other` name `kept` from now on; no webhook tells of it.
    fn lead_over(&mut self, object: Object, other: u64, kept: u64) {
        let member = match object {
            Object::Person => "person_id",
            Object::Organization => "org_id",
            Object::Deal => return,
        };
        for naming in [Object::Person, Object::Deal] {
            let ids: Vec<u64> = self.company.table(naming).records.keys().copied().collect();
            for id in ids {
                let record = self.company.table(naming).records.get(&id).cloned();
                let Some(record) = record.filter(|one| one.content.id(member) == Some(other))
                else {
                    continue;
                };
                let mut content = record.content.clone();
                content.set(member, json!(kept));
                self.replace(naming, record, content);
            }
        }
    }
}

/// Entries of both, each value once, with the primary one of the first.
fn with_entries(mine: &[Value], theirs: &[Value]) -> Value {
    let value = |entry: &Value| entry.get("value").unwrap_or(entry).clone();
    let known: Vec<Value> = mine.iter().map(value).collect();
    let mut all = mine.to_vec();
    for entry in theirs.iter().filter(|entry| !known.contains(&value(entry))) {
        let mut entry = entry.clone();
        if let (Some(members), false) = (entry.as_object_mut(), mine.is_empty()) {
            members.insert("primary".to_owned(), json!(false));
        }
        all.push(entry);
    }
    Value::Array(all)
}
