//! `GET /appointments`: the documented parameters, their defaults, and silence about all others.

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;

use super::appointment::Appointment;
use super::business::{Business, EqualStarts};
use super::errors::Refusal;
use super::render::Page;
use super::store::Office;
use super::users::may_see;
use crate::accounts::{Account, User};
use crate::vendor::VendorRequest;

const DEFAULT_MAX: usize = 100;
/// The vendor documents no upper bound; more than this is not known to be honoured.
const HIGHEST_MAX: usize = 1_000;
const CLIENT_FILTERS: [&str; 4] = ["firstName", "lastName", "email", "phone"];

/// Which appointments a request wants, by whether they were called off.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Called {
    On,
    Off,
    Either,
}

/// What a request asks for.
struct Query<'a> {
    max: usize,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
    calendar_id: Option<u64>,
    type_id: Option<u64>,
    called: Called,
    client: Vec<(&'static str, &'a str)>,
    fields: Vec<(&'a str, &'a str)>,
    with_forms: bool,
    is_ascending: bool,
}

/// Of a repeated parameter the last one counts.
fn last<'a>(request: &'a VendorRequest, name: &str) -> Option<&'a str> {
    let mut given = request.query.iter().rev();
    given.find(|(given, _)| given == name).map(|(_, value)| value.as_str())
}

fn is_true(request: &VendorRequest, name: &str) -> bool {
    last(request, name)
        .is_some_and(|value| ["1", "true", "yes", "on"].contains(&value.to_lowercase().as_str()))
}

fn id(request: &VendorRequest, name: &str) -> Result<Option<u64>, Refusal> {
    let given = last(request, name).filter(|value| !value.is_empty());
    let read = |value: &str| {
        value.parse().map_err(|_| Refusal::bad_request(format!("{name} must be a number")))
    };
    given.map(read).transpose()
}

/// A whole date; a time of day behind it counts for nothing.
fn date(request: &VendorRequest, name: &str) -> Result<Option<Date>, Refusal> {
    let given = last(request, name).filter(|value| !value.is_empty());
    let read = |value: &str| {
        let date = value.get(..10).and_then(|date| date.parse().ok());
        let rest = value.get(10..).unwrap_or_default();
        let is_day = rest.is_empty() || rest.starts_with(['T', ' ']);
        date.filter(|_| is_day)
            .ok_or_else(|| Refusal::bad_request(format!("{name} must be a date, YYYY-MM-DD")))
    };
    given.map(read).transpose()
}

/// The first instant of a date on the business's clock.
fn midnight(business: &Business, date: Date) -> Result<Timestamp, Refusal> {
    let zoned = date.to_zoned(business.zone().clone());
    zoned.map(|zoned| zoned.timestamp()).map_err(|_| Refusal::bad_request("date out of range"))
}

fn called(request: &VendorRequest) -> Called {
    match (is_true(request, "showall"), is_true(request, "canceled")) {
        (true, _) => Called::Either,
        (false, true) => Called::Off,
        (false, false) => Called::On,
    }
}

impl<'a> Query<'a> {
    fn read(
        account: &Account,
        business: &Business,
        request: &'a VendorRequest,
    ) -> Result<Self, Refusal> {
        let min_date = date(request, "minDate")?;
        let max_date = date(request, "maxDate")?;
        let day_after = max_date.map(|date| {
            date.tomorrow().map_err(|_| Refusal::bad_request("maxDate is out of range"))
        });
        let asked = last(request, "max").and_then(|max| max.parse().ok());
        let max = asked.filter(|max| *max > 0).unwrap_or(DEFAULT_MAX);
        let given = CLIENT_FILTERS.into_iter();
        let client = given
            .filter_map(|name| Some((name, last(request, name)?)))
            .filter(|(_, value)| !value.is_empty());
        let fields = request
            .query
            .iter()
            .filter_map(|(name, value)| Some((name.strip_prefix("field:")?, value.as_str())));
        let direction = last(request, "direction").unwrap_or_default();
        Ok(Self {
            max: max.min(account.max_rows.unwrap_or(HIGHEST_MAX)),
            from: min_date.map(|date| midnight(business, date)).transpose()?,
            until: day_after.transpose()?.map(|date| midnight(business, date)).transpose()?,
            calendar_id: id(request, "calendarID")?,
            type_id: id(request, "appointmentTypeID")?,
            called: called(request),
            client: client.collect(),
            fields: fields.collect(),
            with_forms: !is_true(request, "excludeForms"),
            is_ascending: direction.eq_ignore_ascii_case("asc"),
        })
    }

    fn wants(&self, appointment: &Appointment) -> bool {
        self.from.is_none_or(|from| appointment.start >= from)
            && self.until.is_none_or(|until| appointment.start < until)
            && self.calendar_id.is_none_or(|id| appointment.calendar_id == id)
            && self.type_id.is_none_or(|id| appointment.type_id == id)
            && match self.called {
                Called::On => !appointment.is_canceled,
                Called::Off => appointment.is_canceled,
                Called::Either => true,
            }
            && self.client.iter().all(|(name, value)| same(appointment.text(name), value))
            && self.fields.iter().all(|(field, value)| has_answer(appointment, field, value))
    }
}

fn same(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

fn has_answer(appointment: &Appointment, field: &str, wanted: &str) -> bool {
    let Ok(field) = field.parse::<u64>() else { return false };
    let forms = appointment.details.get("forms").and_then(Value::as_array);
    let forms = forms.into_iter().flatten();
    let mut answers = forms.flat_map(|form| form["values"].as_array().into_iter().flatten());
    answers.any(|answer| answer["fieldID"] == field && answer["value"] == wanted)
}

/// Sorted by start; what begins at one time comes as the account says.
fn sort(rows: &mut [&Appointment], is_ascending: bool, equal_starts: EqualStarts) {
    match equal_starts {
        EqualStarts::ById => rows.sort_unstable_by_key(|row| row.id),
        EqualStarts::Shuffled => fastrand::shuffle(rows),
    }
    rows.sort_by(|one, other| {
        let by_start = one.start.cmp(&other.start);
        if is_ascending { by_start } else { by_start.reverse() }
    });
}

/// The rows for one user.
pub fn list(
    account: &Account,
    user: &User<'_>,
    office: &Office,
    request: &VendorRequest,
    now: Timestamp,
) -> Result<Value, Refusal> {
    let business = Business::of(account).map_err(Refusal::bad_request)?;
    let query = Query::read(account, &business, request)?;
    if query.calendar_id.is_some_and(|id| !may_see(user, id)) {
        return Err(Refusal::forbidden());
    }
    let seen = office.appointments.values().filter(|row| may_see(user, row.calendar_id));
    let mut rows: Vec<&Appointment> = seen.filter(|row| query.wants(row)).collect();
    sort(&mut rows, query.is_ascending, account.equal_starts);
    let page =
        Page { account: &account.account, business: &business, with_forms: query.with_forms, now };
    Ok(rows.into_iter().take(query.max).map(|row| page.row(row)).collect())
}
