//! One appointment, and how members of the vendor's own shape are put into it. Members that can't
//! be read are refused, so that a misspelt one is noticed; `raw` makes rows as broken as a test
//! wants them.

use jiff::Timestamp;
use jiff::civil::DateTime;
use serde_json::{Map, Value};

use super::business::Business;

/// Members as they come in a control call.
pub type Members = Map<String, Value>;

/// An appointment. Has no `Debug`: it can hold personal data.
#[derive(Clone)]
pub struct Appointment {
    /// Id.
    pub id: u64,
    /// Start.
    pub start: Timestamp,
    /// Length.
    pub minutes: i64,
    /// Calendar, which the account's entry may not have any more.
    pub calendar_id: u64,
    /// Appointment type, which the account's entry may not have any more.
    pub type_id: u64,
    /// The class that it is a seat of.
    pub class_id: Option<u64>,
    /// Whether it was called off, or nobody came.
    pub is_canceled: bool,
    /// Whether nobody came.
    pub is_no_show: bool,
    /// When it was made.
    pub created: Timestamp,
    /// Names, contact data and all other members, as they were given.
    pub details: Members,
    /// Put over the rendered row; `null` takes a member away.
    pub raw: Members,
}

/// What a detail can hold.
enum Kind {
    Text,
    TextOrNull,
    List,
    ListOrNull,
    Truth,
}

impl Kind {
    fn takes(&self, value: &Value) -> bool {
        match self {
            Self::Text => value.is_string(),
            Self::TextOrNull => value.is_string() || value.is_null(),
            Self::List => value.is_array(),
            Self::ListOrNull => value.is_array() || value.is_null(),
            Self::Truth => value.is_boolean(),
        }
    }
}

const DETAILS: [(&str, Kind); 19] = [
    ("firstName", Kind::Text),
    ("lastName", Kind::Text),
    ("phone", Kind::Text),
    ("email", Kind::Text),
    ("notes", Kind::Text),
    ("location", Kind::Text),
    ("timezone", Kind::Text),
    ("type", Kind::Text),
    ("category", Kind::Text),
    ("price", Kind::Text),
    ("priceSold", Kind::Text),
    ("amountPaid", Kind::Text),
    ("paid", Kind::Text),
    ("certificate", Kind::TextOrNull),
    ("scheduledBy", Kind::TextOrNull),
    ("labels", Kind::ListOrNull),
    ("forms", Kind::List),
    ("addonIDs", Kind::List),
    ("isVerified", Kind::Truth),
];

fn number(name: &str, value: &Value) -> Result<u64, String> {
    let number = value.as_u64().or_else(|| value.as_str()?.parse().ok());
    number.ok_or_else(|| format!("`{name}` must be a whole number"))
}

fn truth(name: &str, value: &Value) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| format!("`{name}` must be true or false"))
}

impl Appointment {
    /// A new one. It needs `datetime`; calendar, type and length are by default the first ones of
    /// the account and the type's.
    pub fn new(
        business: &Business,
        id: u64,
        members: &Members,
        now: Timestamp,
    ) -> Result<Self, String> {
        let first = |ids: Vec<u64>| ids.first().copied().unwrap_or(1);
        let mut made = Self {
            id,
            start: now,
            minutes: 0,
            calendar_id: first(business.calendar_ids()),
            type_id: first(business.type_ids()),
            class_id: None,
            is_canceled: false,
            is_no_show: false,
            created: now,
            details: Members::new(),
            raw: Members::new(),
        };
        if let Some(type_id) = members.get("appointmentTypeID") {
            made.type_id = number("appointmentTypeID", type_id)?;
        }
        made.minutes = business.appointment_type(made.type_id).map_or(60, |one| one.duration);
        made.move_to(business, members, true)?;
        for (name, value) in members {
            match name.as_str() {
                "id" | "datetime" | "calendarID" => {}
                "canceled" => made.is_canceled = truth(name, value)?,
                "noShow" => made.is_no_show = truth(name, value)?,
                "datetimeCreated" => made.created = made.instant(business, name, value)?,
                _ => made.set_detail(name, value)?,
            }
        }
        // The mark of a no-show is on cancelled appointments only.
        if made.is_no_show && members.get("canceled") == Some(&Value::Bool(false)) {
            return Err("`noShow` goes with `canceled`".to_owned());
        }
        made.is_canceled |= made.is_no_show;
        Ok(made)
    }

    /// A detail as text; nothing if it has none.
    pub fn text(&self, name: &str) -> &str {
        self.details.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// Moves it to another time, another calendar, or both.
    pub fn reschedule(&mut self, business: &Business, members: &Members) -> Result<(), String> {
        let is_wrong = |name: &&String| !["datetime", "calendarID"].contains(&name.as_str());
        if let Some(name) = members.keys().find(is_wrong) {
            return Err(format!("`reschedule` takes `datetime` and `calendarID`, not `{name}`"));
        }
        if members.is_empty() {
            return Err("`reschedule` needs `datetime` or `calendarID`".to_owned());
        }
        if self.is_canceled {
            return Err(format!("appointment {} is cancelled", self.id));
        }
        self.move_to(business, members, false)
    }

    /// Changes details, length or type.
    pub fn edit(&mut self, members: &Members) -> Result<(), String> {
        if members.is_empty() {
            return Err("`edit` needs `properties`".to_owned());
        }
        members.iter().try_for_each(|(name, value)| self.set_detail(name, value))
    }

    fn move_to(
        &mut self,
        business: &Business,
        members: &Members,
        needs_time: bool,
    ) -> Result<(), String> {
        // First the calendar: its zone is that of a time without an offset.
        if let Some(calendar_id) = members.get("calendarID") {
            self.calendar_id = number("calendarID", calendar_id)?;
        }
        match members.get("datetime") {
            Some(value) => self.start = self.instant(business, "datetime", value)?,
            None if needs_time => return Err("`datetime` is missing".to_owned()),
            None => {}
        }
        Ok(())
    }

    /// Reads a time with an offset, with or without a colon in it, or one on the calendar's clock.
    fn instant(&self, business: &Business, name: &str, value: &Value) -> Result<Timestamp, String> {
        let text = value.as_str().unwrap_or_default();
        let on_clock = || {
            let local: DateTime = text.parse().ok()?;
            local.to_zoned(business.zone_of(self.calendar_id).clone()).ok()
        };
        let read = text.parse().ok().or_else(|| on_clock().map(|zoned| zoned.timestamp()));
        read.ok_or_else(|| format!("`{name}` must be a time such as 2026-05-12T14:00:00-0400"))
    }

    fn set_detail(&mut self, name: &str, value: &Value) -> Result<(), String> {
        match name {
            "duration" => {
                self.minutes = number(name, value)?.try_into().map_err(|_| "`duration`")?;
            }
            "appointmentTypeID" => self.type_id = number(name, value)?,
            "classID" if value.is_null() => self.class_id = None,
            "classID" => self.class_id = Some(number(name, value)?),
            "raw" => {
                let raw = value.as_object().ok_or("`raw` must be an object")?;
                self.raw.extend(raw.clone());
            }
            _ => {
                let (_, kind) = DETAILS
                    .iter()
                    .find(|(known, _)| *known == name)
                    .ok_or_else(|| format!("`{name}` can't be set; anything goes into `raw`"))?;
                if !kind.takes(value) {
                    return Err(format!("`{name}` has the wrong type; anything goes into `raw`"));
                }
                self.details.insert(name.to_owned(), value.clone());
            }
        }
        Ok(())
    }
}
