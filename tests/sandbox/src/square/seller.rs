//! What a seller is made of, as the account's entry describes it: locations, team members, services,
//! the plan, and those habits of lists that no documentation tells of.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::accounts::Account;

const DEFAULT_ZONE: &str = "America/New_York";
/// No published number: what the vendor's SDK and forum name as usual.
const BULK_MAX: usize = 100;
/// Since when the seller, its locations and its services have been there.
const ESTABLISHED: &str = "2020-01-01T00:00:00Z";
/// The version of a service that gives none: milliseconds since the epoch, as real ones look.
const SERVICE_VERSION: i64 = 1_600_000_000_000;

/// A place where the seller works.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LocationEntry {
    /// Id.
    pub id: String,
    /// Name; the id if absent.
    #[serde(default)]
    pub name: Option<String>,
    /// IANA name; absent means the account's zone.
    #[serde(default)]
    pub timezone: Option<String>,
    /// ISO 3166 code.
    #[serde(default = "united_states")]
    pub country: String,
    /// Whether it is open; one that isn't is listed all the same.
    #[serde(default = "yes")]
    pub active: bool,
}

/// Something that can be booked, in one of its variations.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceEntry {
    /// Id of the variation.
    pub id: String,
    /// How long it takes.
    #[serde(default = "an_hour_in_minutes")]
    pub duration_minutes: i64,
    /// Version of the catalog's object.
    #[serde(default = "service_version")]
    pub version: i64,
}

/// What reading all bookings comes to for a seller whose plan doesn't have it. The vendor doesn't
/// say which of the two it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WithoutPlan {
    /// Only the app's own bookings are there.
    #[default]
    FewerRows,
    /// The call is refused.
    Refused,
}

/// The order of a list's rows, which the vendor doesn't promise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ListOrder {
    /// By start, then by id.
    #[default]
    StartAt,
    /// By id.
    Id,
}

/// What a cursor remembers, which the vendor doesn't tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CursorKind {
    /// The last row that was given: the next page begins behind it.
    #[default]
    LastRow,
    /// How many rows were given: a row that comes or goes meanwhile shifts all behind it.
    RowCount,
}

/// The part of the account's entry that only Square has. Has no `Debug`: it holds personal data.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SellerEntry {
    /// At least one; the first active one is the main one.
    pub locations: Vec<LocationEntry>,
    /// Ids of team members; bookings go to the first unless they say otherwise.
    pub team_members: Vec<String>,
    /// What can be booked; bookings are of the first unless they say otherwise.
    pub services: Vec<ServiceEntry>,
    /// Customers that are always there, in the vendor's shape.
    pub customers: Vec<Map<String, Value>>,
    /// Whether the plan lets apps see bookings that they didn't make.
    pub seller_level: bool,
    /// What comes of reading without such a plan.
    pub without_plan: WithoutPlan,
    /// Order of lists.
    pub list_order: ListOrder,
    /// What cursors remember.
    pub cursor_kind: CursorKind,
    /// Cursors have at least so many characters.
    pub cursor_length: usize,
    /// The most ids of a bulk call.
    pub bulk_max: usize,
}

const fn yes() -> bool {
    true
}

fn united_states() -> String {
    "US".to_owned()
}

const fn an_hour_in_minutes() -> i64 {
    60
}

const fn service_version() -> i64 {
    SERVICE_VERSION
}

impl Default for SellerEntry {
    fn default() -> Self {
        let service = ServiceEntry {
            id: "SERVICE1".to_owned(),
            duration_minutes: an_hour_in_minutes(),
            version: SERVICE_VERSION,
        };
        let location = LocationEntry {
            id: "LOCATION1".to_owned(),
            name: None,
            timezone: None,
            country: united_states(),
            active: true,
        };
        Self {
            locations: vec![location],
            team_members: vec!["MEMBER1".to_owned()],
            services: vec![service],
            customers: Vec::new(),
            seller_level: true,
            without_plan: WithoutPlan::default(),
            list_order: ListOrder::default(),
            cursor_kind: CursorKind::default(),
            cursor_length: 0,
            bulk_max: BULK_MAX,
        }
    }
}

/// A seller whose entry was found to be right.
pub struct Seller<'a> {
    account: &'a Account,
    /// Their entry.
    pub entry: &'a SellerEntry,
    /// Zone of the main location.
    pub zone: TimeZone,
}

fn zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| format!("`{name}` is no IANA time zone"))
}

impl<'a> Seller<'a> {
    /// Reads the account's entry; refuses zones that don't exist and lists without anything in them.
    pub fn of(account: &'a Account) -> Result<Self, String> {
        let entry = &account.square;
        if entry.team_members.is_empty() || entry.services.is_empty() {
            return Err("`team_members` and `services` must not be empty".to_owned());
        }
        for location in &entry.locations {
            zone(zone_name(account, location))?;
        }
        let active = entry.locations.iter().find(|location| location.active);
        let main = active.or(entry.locations.first()).ok_or("`locations` must not be empty")?;
        Ok(Self { account, entry, zone: zone(zone_name(account, main))? })
    }

    /// The location where bookings are unless they say otherwise.
    pub fn main_location(&self) -> Option<&LocationEntry> {
        let mut all = self.entry.locations.iter();
        all.find(|location| location.active).or(self.entry.locations.first())
    }

    /// A service, if the entry has it.
    pub fn service(&self, id: &str) -> Option<&ServiceEntry> {
        self.entry.services.iter().find(|service| service.id == id)
    }

    /// The answer of `GET /v2/locations`, sorted by name as the vendor says.
    pub fn locations(&self) -> Value {
        let mut rows: Vec<(&str, Value)> = self
            .entry
            .locations
            .iter()
            .map(|location| {
                let name = location.name.as_deref().unwrap_or(&location.id);
                let row = json!({
                    "id": location.id,
                    "name": name,
                    "timezone": zone_name(self.account, location),
                    "status": if location.active { "ACTIVE" } else { "INACTIVE" },
                    "created_at": ESTABLISHED,
                    "merchant_id": self.account.account,
                    "country": location.country,
                    "language_code": "en-US",
                    "currency": "USD",
                    "business_name": "Sandbox",
                    "type": "PHYSICAL",
                    "capabilities": ["CREDIT_CARD_PROCESSING"],
                });
                (name, row)
            })
            .collect();
        rows.sort_by(|one, other| one.0.cmp(other.0));
        json!({ "locations": rows.into_iter().map(|(_, row)| row).collect::<Value>() })
    }

    /// The answer of `GET /v2/merchants/{merchant_id}`.
    pub fn merchant(&self) -> Value {
        let main = self.main_location();
        json!({ "merchant": {
            "id": self.account.account,
            "business_name": "Sandbox",
            "country": main.map_or("US", |location| location.country.as_str()),
            "language_code": "en-US",
            "currency": "USD",
            "status": "ACTIVE",
            "main_location_id": main.map(|location| location.id.as_str()),
            "created_at": ESTABLISHED,
        } })
    }

    /// The answer of `GET /v2/bookings/business-booking-profile`.
    pub fn booking_profile(&self) -> Value {
        json!({ "business_booking_profile": {
            "seller_id": self.account.account,
            "created_at": ESTABLISHED,
            "booking_enabled": true,
            "customer_timezone_choice": "CUSTOMER_CHOICE",
            "booking_policy": "ACCEPT_ALL",
            "allow_user_cancel": true,
            "support_seller_level_writes": self.entry.seller_level,
            "business_appointment_settings": {
                "location_types": ["BUSINESS_LOCATION"],
                "alignment_time": "HALF_HOURLY",
                "min_booking_lead_time_seconds": 0,
                "max_booking_lead_time_seconds": 31_536_000,
                "any_team_member_booking_enabled": true,
                "multiple_service_booking_enabled": true,
                "cancellation_policy": "CUSTOM_POLICY",
                "skip_booking_flow_staff_selection": false,
            },
        }, "errors": [] })
    }
}

fn zone_name<'a>(account: &'a Account, location: &'a LocationEntry) -> &'a str {
    let own = location.timezone.as_deref().or(account.time_zone.as_deref());
    own.unwrap_or(DEFAULT_ZONE)
}

/// As the vendor writes instants: UTC in whole seconds.
pub fn written(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
