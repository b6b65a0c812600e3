//! One customer: names and contact data, under the names of the customer events (docs.vagaro.com,
//! `customer-events`). The shape of the customers call is documented nowhere; it is played alike.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::ids;
use super::members::{self, Kind, Members, instant, later, object};

const DETAILS: [(&str, Kind); 13] = [
    ("customerFirstName", Kind::TextOrNull),
    ("customerLastName", Kind::TextOrNull),
    ("email", Kind::TextOrNull),
    ("mobilePhone", Kind::TextOrNull),
    ("dayPhone", Kind::TextOrNull),
    ("nightPhone", Kind::TextOrNull),
    ("streetAddress", Kind::TextOrNull),
    ("city", Kind::TextOrNull),
    ("regionCode", Kind::TextOrNull),
    ("regionName", Kind::TextOrNull),
    ("countryCode", Kind::TextOrNull),
    ("countryName", Kind::TextOrNull),
    ("postalCode", Kind::TextOrNull),
];

/// A customer. Has no `Debug`: it holds personal data.
#[derive(Clone)]
pub struct Customer {
    /// Id.
    pub id: String,
    /// When it was last changed.
    pub modified: Timestamp,
    business_ids: Vec<String>,
    details: Members,
    raw: Members,
}

impl Customer {
    /// A customer of nobody's yet, without a name.
    pub fn new(id: String, now: Timestamp) -> Self {
        Self {
            id,
            modified: now,
            business_ids: Vec::new(),
            details: Members::new(),
            raw: Members::new(),
        }
    }

    /// Makes it a customer of one more location.
    pub fn belongs_to(&mut self, business_id: &str) {
        if !self.is_of(business_id) {
            self.business_ids.push(business_id.to_owned());
        }
    }

    /// Whether it is a customer of that location.
    pub fn is_of(&self, business_id: &str) -> bool {
        self.business_ids.iter().any(|own| own == business_id)
    }

    /// Sets members.
    pub fn set(&mut self, given: &Members) -> Result<(), String> {
        for (name, value) in given {
            match name.as_str() {
                "type" | "customerId" => {}
                "businessIds" => {
                    let all = value.as_array().ok_or("`businessIds` must be a list")?;
                    let read = all.iter().map(|id| ids::read(name, id));
                    self.business_ids = read.collect::<Result<_, _>>()?;
                }
                "modifiedDate" => self.modified = instant(name, value)?,
                "raw" => self.raw.extend(object(name, value)?.clone()),
                _ => members::set(&mut self.details, &DETAILS, name, value)?,
            }
        }
        Ok(())
    }

    /// Notes that it is changed.
    pub fn touch(&mut self, now: Timestamp) {
        self.modified = later(self.modified, now);
    }

    /// As answers and webhooks show it; what isn't known is null.
    pub fn row(&self, account: &str) -> Value {
        let mut row = json!({
            "customerId": self.id,
            "businessIds": self.business_ids,
            "businessGroupId": ids::drawn(account, "group", 0),
        });
        for (name, _) in DETAILS {
            row[name] = self.details.get(name).cloned().unwrap_or_default();
        }
        members::put_over(&mut row, &self.raw);
        row
    }
}
