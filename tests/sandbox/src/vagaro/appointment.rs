//! One appointment. Its members have the names of the webhook payload (docs.vagaro.com,
//! `appointment-events`), which adapters report of the REST answers, too.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::ids;
use super::members::{self, Kind, Members, instant, later, object};
use crate::clock::iso_from_ms;

/// How an act calls an appointment off.
pub const CANCELLED: &str = "Cancel";
/// How an act notes that nobody came.
pub const NO_SHOW: &str = "No Show";
/// How an act notes that it was done.
pub const COMPLETED: &str = "Service Complete";
/// What the business has refused.
pub const DENIED: &str = "Denied";
/// How the last word on a deleted appointment calls it.
pub const DELETED: &str = "Deleted";

const STATUSES: [&str; 14] = [
    "Accepted",
    "Confirmed",
    "Ready to Start",
    "Service In Progress",
    "Need Acceptance",
    "Awaiting Confirmation",
    COMPLETED,
    "Service Completed",
    "Show",
    CANCELLED,
    DELETED,
    "Denied",
    NO_SHOW,
    "PersonalOff",
];

const DETAILS: [(&str, Kind); 9] = [
    ("serviceTitle", Kind::Text),
    ("serviceCategory", Kind::Text),
    ("eventType", Kind::Text),
    ("onlineVsInhouse", Kind::Text),
    ("appointmentTypeCode", Kind::Text),
    ("appointmentTypeName", Kind::Text),
    ("bookingSource", Kind::TextOrNull),
    ("amount", Kind::Number),
    ("formResponseIds", Kind::Texts),
];

/// An appointment without an end lasts so long.
const USUAL_LENGTH: SignedDuration = SignedDuration::from_hours(1);

/// An appointment. Has no `Debug`: `raw` can hold anything.
#[derive(Clone)]
pub struct Appointment {
    /// Id.
    pub id: String,
    /// The location that it is at.
    pub business_id: String,
    /// Who booked it; nobody for a staff block and for walk-ins.
    pub customer_id: Option<String>,
    /// Start.
    pub start: Timestamp,
    /// End.
    pub end: Timestamp,
    /// What has become of it, in the vendor's words.
    pub status: String,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last changed.
    pub modified: Timestamp,
    service_id: String,
    service_provider_id: String,
    calendar_event_id: Option<String>,
    details: Members,
    raw: Members,
}

fn status(value: &Value) -> Result<String, String> {
    let known = value.as_str().filter(|text| STATUSES.contains(text));
    known.map(str::to_owned).ok_or_else(|| {
        format!("`bookingStatus` must be one of {}; others go into `raw`", STATUSES.join(", "))
    })
}

impl Appointment {
    /// A new one, at a location unless the members name another one. It needs `startTime`; who
    /// booked it is found out elsewhere.
    pub fn new(
        id: String,
        business_id: &str,
        given: &Members,
        now: Timestamp,
    ) -> Result<Self, String> {
        let start = given.get("startTime").ok_or("`startTime` is missing")?;
        let start = instant("startTime", start)?;
        let too_late = |_| "`startTime` is too late".to_owned();
        let mut made = Self {
            id,
            business_id: business_id.to_owned(),
            customer_id: None,
            start,
            end: start.checked_add(USUAL_LENGTH).map_err(too_late)?,
            status: "Accepted".to_owned(),
            created: now,
            modified: now,
            service_id: "service-1".to_owned(),
            service_provider_id: "provider-1".to_owned(),
            calendar_event_id: None,
            details: Members::new(),
            raw: Members::new(),
        };
        for (name, value) in given {
            match name.as_str() {
                "type" | "appointmentId" | "customerId" | "customer" | "startTime" => {}
                "businessId" => made.business_id = ids::read(name, value)?,
                "endTime" => made.end = instant(name, value)?,
                "createdDate" => made.created = instant(name, value)?,
                "modifiedDate" => made.modified = instant(name, value)?,
                _ => made.set(name, value)?,
            }
        }
        made.check_times()?;
        Ok(made)
    }

    fn check_times(&self) -> Result<(), String> {
        if self.end < self.start {
            return Err("`endTime` is before `startTime`".to_owned());
        }
        Ok(())
    }

    fn set(&mut self, name: &str, value: &Value) -> Result<(), String> {
        match name {
            "bookingStatus" => self.status = status(value)?,
            "serviceId" => self.service_id = ids::read(name, value)?,
            "serviceProviderId" => self.service_provider_id = ids::read(name, value)?,
            "calendarEventId" if value.is_null() => self.calendar_event_id = None,
            "calendarEventId" => self.calendar_event_id = Some(ids::read(name, value)?),
            "raw" => self.raw.extend(object(name, value)?.clone()),
            _ => members::set(&mut self.details, &DETAILS, name, value)?,
        }
        Ok(())
    }

    /// Moves it to another time, another provider, or both. Without an end it keeps its length.
    pub fn reschedule(&mut self, given: &Members) -> Result<(), String> {
        if [CANCELLED, DELETED, NO_SHOW, "Denied"].contains(&self.status.as_str()) {
            return Err(format!("appointment {} is cancelled", self.id));
        }
        if given.is_empty() {
            return Err("`reschedule` needs `startTime`, `endTime` or `serviceProviderId`".into());
        }
        let length = self.start.duration_until(self.end);
        for (name, value) in given {
            match name.as_str() {
                "startTime" => self.start = instant(name, value)?,
                "endTime" => {}
                "serviceProviderId" => self.set(name, value)?,
                _ => return Err(format!("`reschedule` takes times and provider, not `{name}`")),
            }
        }
        let kept = self.start.checked_add(length).map_err(|_| "`startTime` is too late");
        self.end = match given.get("endTime") {
            Some(value) => instant("endTime", value)?,
            None => kept?,
        };
        self.check_times()
    }

    /// Changes a member other than ids of its own, times and who booked it.
    pub fn edit(&mut self, name: &str, value: &Value) -> Result<(), String> {
        self.set(name, value)
    }

    /// Notes that it is changed.
    pub fn touch(&mut self, now: Timestamp) {
        self.modified = later(self.modified, now);
    }

    /// As answers and webhooks show it: without names and contact data.
    pub fn row(&self) -> Value {
        let mut row = json!({
            "appointmentId": self.id,
            "businessId": self.business_id,
            "customerId": self.customer_id,
            "startTime": self.start.to_string(),
            "endTime": self.end.to_string(),
            "bookingStatus": self.status,
            "serviceId": self.service_id,
            "serviceTitle": format!("Service {}", self.service_id),
            "serviceCategory": "Services",
            "serviceProviderId": self.service_provider_id,
            "calendarEventId": self.calendar_event_id,
            "amount": 0,
            "eventType": "Appointment",
            "onlineVsInhouse": "Inhouse",
            "appointmentTypeCode": "NNR",
            "appointmentTypeName": "New Non Request",
            "bookingSource": null,
            "formResponseIds": [],
            "createdDate": iso_from_ms(self.created.as_millisecond()),
            "modifiedDate": iso_from_ms(self.modified.as_millisecond()),
        });
        for (name, value) in &self.details {
            row[name.as_str()] = value.clone();
        }
        members::put_over(&mut row, &self.raw);
        row
    }
}
