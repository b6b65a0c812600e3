//! One customer, and how members of the vendor's own shape are put into it.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::seller::written;

/// Members as they come in a control call.
pub type Members = Map<String, Value>;

/// The longest id that the vendor has.
const LONGEST_ID: usize = 192;
/// What can be said of a customer, all of it text.
const DETAILS: [&str; 8] = [
    "given_name",
    "family_name",
    "nickname",
    "company_name",
    "email_address",
    "phone_number",
    "birthday",
    "note",
];

/// A customer. Has no `Debug`: it holds personal data.
#[derive(Clone)]
pub struct Customer {
    /// Id.
    pub id: String,
    /// Counts changes, from 0.
    pub version: i64,
    created: Timestamp,
    updated: Timestamp,
    /// What is known, without what isn't.
    details: Members,
    /// Put over the rendered customer; `null` takes a member away.
    raw: Members,
}

/// Reads an id that came as text or as a number.
pub fn id_text(name: &str, value: &Value, longest: usize) -> Result<String, String> {
    let text =
        value.as_str().map(str::to_owned).or_else(|| value.as_u64().map(|id| id.to_string()));
    text.filter(|id| (1..=longest).contains(&id.len()))
        .ok_or_else(|| format!("`{name}` must be a text of 1 to {longest} bytes, or a number"))
}

/// Reads an instant.
pub fn instant(name: &str, value: &Value) -> Result<Timestamp, String> {
    let read = value.as_str().and_then(|text| text.parse().ok());
    read.ok_or_else(|| format!("`{name}` must be a time such as 2026-05-12T14:00:00Z"))
}

/// Reads a count.
pub fn count(name: &str, value: &Value) -> Result<i64, String> {
    let read = value.as_i64().or_else(|| value.as_str()?.parse().ok()).filter(|count| *count >= 0);
    read.ok_or_else(|| format!("`{name}` must be a whole number"))
}

/// Whether a member is one of a customer's, and not of a booking's.
pub fn is_customers(name: &str) -> bool {
    DETAILS.contains(&name)
}

/// Puts `raw` members over a rendered object.
pub fn overlay(row: &mut Value, raw: &Members) {
    let Some(row) = row.as_object_mut() else { return };
    for (name, value) in raw {
        if value.is_null() {
            row.remove(name);
        } else {
            row.insert(name.clone(), value.clone());
        }
    }
}

impl Customer {
    /// A new one, of whom nothing has to be known.
    pub fn new(id: String, members: &Members, now: Timestamp) -> Result<Self, String> {
        let mut made = Self {
            id,
            version: 0,
            created: now,
            updated: now,
            details: Members::new(),
            raw: Members::new(),
        };
        for (name, value) in members {
            match name.as_str() {
                "id" | "type" => {}
                "version" => made.version = count(name, value)?,
                "created_at" => made.created = instant(name, value)?,
                "updated_at" => made.updated = instant(name, value)?,
                _ => made.set(name, value)?,
            }
        }
        Ok(made)
    }

    /// The id among members, if there is one.
    pub fn id_in(members: &Members) -> Result<Option<String>, String> {
        members.get("id").map(|id| id_text("customer id", id, LONGEST_ID)).transpose()
    }

    fn set(&mut self, name: &str, value: &Value) -> Result<(), String> {
        if name == "raw" {
            self.raw.extend(value.as_object().ok_or("`raw` must be an object")?.clone());
            return Ok(());
        }
        if !is_customers(name) {
            return Err(format!("`{name}` of a customer can't be set; anything goes into `raw`"));
        }
        match value.as_str() {
            Some("") => drop(self.details.remove(name)),
            Some(_) => drop(self.details.insert(name.to_owned(), value.clone())),
            None if value.is_null() => drop(self.details.remove(name)),
            None => return Err(format!("`{name}` must be text; anything goes into `raw`")),
        }
        Ok(())
    }

    /// Changes what is known.
    pub fn edit(&mut self, members: &Members, now: Timestamp) -> Result<(), String> {
        members.iter().try_for_each(|(name, value)| self.set(name, value))?;
        self.version += 1;
        self.updated = now.max(self.updated);
        Ok(())
    }

    /// Both in one, under an id of its own: what the first has counts.
    pub fn merged(&self, other: &Self, id: String, now: Timestamp) -> Self {
        let mut details = other.details.clone();
        details.extend(self.details.clone());
        let created = self.created.min(other.created);
        Self { id, version: 0, created, updated: now, details, raw: self.raw.clone() }
    }

    /// As the vendor shows it.
    pub fn rendered(&self) -> Value {
        let mut row = json!({
            "id": self.id,
            "created_at": self.created.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
            "updated_at": written(self.updated),
            "preferences": { "email_unsubscribed": false },
            "creation_source": "APPOINTMENTS",
            "version": self.version,
        });
        overlay(&mut row, &self.details);
        overlay(&mut row, &self.raw);
        row
    }
}
