//! One booking, and how members of the vendor's own shape are put into it. Members that can't be
//! read are refused, so that a misspelt one is noticed; `raw` makes rows as broken as a test wants
//! them.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::customer::{Members, count, id_text, instant, overlay};
use super::segments::{self, SEGMENT_MEMBERS};
use super::seller::{Seller, written};

/// The longest ids that the vendor has.
pub const LONGEST_ID: usize = 36;
const LONGEST_CUSTOMER_ID: usize = 192;
const LONGEST_LOCATION_ID: usize = 32;

/// What became of a booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The seller has not agreed yet.
    Pending,
    /// It stands, or stood.
    Accepted,
    /// The seller has refused it.
    Declined,
    /// Called off.
    CancelledByCustomer,
    /// Called off.
    CancelledBySeller,
    /// Nobody came.
    NoShow,
}

impl Status {
    const ALL: [Self; 6] = [
        Self::Pending,
        Self::Accepted,
        Self::Declined,
        Self::CancelledByCustomer,
        Self::CancelledBySeller,
        Self::NoShow,
    ];

    /// As the vendor writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Accepted => "ACCEPTED",
            Self::Declined => "DECLINED",
            Self::CancelledByCustomer => "CANCELLED_BY_CUSTOMER",
            Self::CancelledBySeller => "CANCELLED_BY_SELLER",
            Self::NoShow => "NO_SHOW",
        }
    }

    /// Whether somebody may still come.
    pub const fn stands(self) -> bool {
        matches!(self, Self::Pending | Self::Accepted)
    }

    fn read(value: &Value) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|status| value == status.name());
        known.ok_or_else(|| "`status` is none of the vendor's; anything goes into `raw`".to_owned())
    }
}

/// A booking. Has no `Debug`: its notes can hold personal data.
#[derive(Clone)]
pub struct Booking {
    /// Id.
    pub id: String,
    /// Counts changes, from 0.
    pub version: i64,
    /// What became of it.
    pub status: Status,
    /// Start.
    pub start: Timestamp,
    /// Who booked; they need not be there any more.
    pub customer_id: Option<String>,
    /// Where it is.
    pub location_id: String,
    /// Whether the calling app made it, so that it is seen without a plan, too.
    pub by_this_app: bool,
    created: Timestamp,
    updated: Timestamp,
    segments: Vec<Members>,
    details: Members,
    raw: Members,
}

/// Segments, then the service, which decides what a segment has; then all that is said besides.
fn service_first(members: &Members) -> impl Iterator<Item = (&String, &Value)> {
    let place = |name: &str| match name {
        "appointment_segments" => 0,
        "service_variation_id" => 1,
        _ => 2,
    };
    (0..3).flat_map(move |wanted| members.iter().filter(move |(name, _)| place(name) == wanted))
}

/// What a detail can hold.
fn takes(name: &str, value: &Value) -> Option<bool> {
    match name {
        "customer_note" | "seller_note" | "location_type" | "source" => Some(value.is_string()),
        "transition_time_minutes" => Some(value.is_u64()),
        "all_day" => Some(value.is_boolean()),
        "creator_details" | "address" => Some(value.is_object()),
        _ => None,
    }
}

impl Booking {
    /// A new one. It needs `start_at`; location, team member and service are by default the first
    /// ones of the seller, and nobody has booked it.
    pub fn new(
        seller: &Seller<'_>,
        id: String,
        members: &Members,
        now: Timestamp,
    ) -> Result<Self, String> {
        let start = members.get("start_at").ok_or("`start_at` is missing")?;
        let main = seller.main_location().map(|location| location.id.clone());
        let mut made = Self {
            id,
            version: 0,
            status: Status::Accepted,
            start: instant("start_at", start)?,
            customer_id: None,
            location_id: main.unwrap_or_default(),
            by_this_app: false,
            created: now,
            updated: now,
            segments: vec![segments::usual(seller)],
            details: Members::new(),
            raw: Members::new(),
        };
        for (name, value) in service_first(members) {
            match name.as_str() {
                "id" | "type" | "start_at" | "customer" => {}
                "version" => made.version = count(name, value)?,
                "created_at" => made.created = instant(name, value)?,
                "updated_at" => made.updated = instant(name, value)?,
                "location_id" => made.location_id = id_text(name, value, LONGEST_LOCATION_ID)?,
                "by_this_app" => {
                    made.by_this_app = value.as_bool().ok_or("`by_this_app` is true or false")?;
                }
                _ => made.set(seller, name, value)?,
            }
        }
        Ok(made)
    }

    /// The id among members, if there is one.
    pub fn id_in(members: &Members) -> Result<Option<String>, String> {
        members.get("id").map(|id| id_text("id", id, LONGEST_ID)).transpose()
    }

    fn set(&mut self, seller: &Seller<'_>, name: &str, value: &Value) -> Result<(), String> {
        match name {
            "status" => self.status = Status::read(value)?,
            "customer_id" if value.is_null() => self.customer_id = None,
            "customer_id" => self.customer_id = Some(id_text(name, value, LONGEST_CUSTOMER_ID)?),
            "appointment_segments" => self.segments = segments::read(seller, value)?,
            _ if SEGMENT_MEMBERS.contains(&name) => {
                let first = self.segments.first_mut().ok_or("the booking has no segment")?;
                segments::set(seller, first, name, value)?;
            }
            "raw" => self.raw.extend(value.as_object().ok_or("`raw` must be an object")?.clone()),
            _ => match takes(name, value) {
                Some(true) => drop(self.details.insert(name.to_owned(), value.clone())),
                Some(false) => {
                    return Err(format!("`{name}` has the wrong type; anything goes into `raw`"));
                }
                None => return Err(format!("`{name}` can't be set; anything goes into `raw`")),
            },
        }
        Ok(())
    }

    /// Changes everything but time and place. Nothing to change is a change, too.
    pub fn edit(&mut self, seller: &Seller<'_>, members: &Members) -> Result<(), String> {
        service_first(members).try_for_each(|(name, value)| self.set(seller, name, value))
    }

    /// Moves it to another time, another team member, or both; the location of a booking is fixed.
    pub fn reschedule(&mut self, seller: &Seller<'_>, members: &Members) -> Result<(), String> {
        const TAKEN: [&str; 3] = ["start_at", "team_member_id", "duration_minutes"];
        if let Some(name) = members.keys().find(|name| !TAKEN.contains(&name.as_str())) {
            return Err(format!("`reschedule` takes {}, not `{name}`", TAKEN.join(", ")));
        }
        if members.is_empty() {
            return Err(format!("`reschedule` needs one of {}", TAKEN.join(", ")));
        }
        if !self.status.stands() {
            return Err(format!("booking {} is {}", self.id, self.status.name()));
        }
        for (name, value) in members {
            if name == "start_at" {
                self.start = instant(name, value)?;
            } else {
                self.set(seller, name, value)?;
            }
        }
        Ok(())
    }

    /// Notes that it has changed.
    pub fn touch(&mut self, now: Timestamp) {
        self.version += 1;
        self.updated = now.max(self.updated);
    }

    /// When it was made, where that isn't now.
    pub fn made_at(self, created: Timestamp) -> Self {
        Self { created, updated: created, ..self }
    }

    /// Whether a team member has a part in it.
    pub fn has_team_member(&self, id: &str) -> bool {
        self.segments.iter().any(|segment| {
            segment.get("team_member_id").is_some_and(|team_member| team_member == id)
        })
    }

    /// As the vendor shows it; who made it how is seen at seller level only.
    pub fn rendered(&self, is_seller_level: bool) -> Value {
        let mut row = json!({
            "id": self.id,
            "version": self.version,
            "status": self.status.name(),
            "created_at": written(self.created),
            "updated_at": written(self.updated),
            "start_at": written(self.start),
            "location_id": self.location_id,
            "appointment_segments": self.segments,
            "transition_time_minutes": 0,
            "all_day": false,
            "location_type": "BUSINESS_LOCATION",
            "creator_details": { "creator_type": "CUSTOMER" },
        });
        if let Some(customer_id) = &self.customer_id {
            row["customer_id"] = json!(customer_id);
            row["creator_details"]["customer_id"] = json!(customer_id);
        }
        row["source"] = json!(if self.by_this_app { "API" } else { "FIRST_PARTY_BUYER" });
        overlay(&mut row, &self.details);
        if !is_seller_level {
            row["creator_details"] = json!({
                "creator_type": row["creator_details"]["creator_type"],
            });
            if let Some(members) = row.as_object_mut() {
                members.remove("source");
            }
        }
        overlay(&mut row, &self.raw);
        row
    }
}
