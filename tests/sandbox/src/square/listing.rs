//! `GET /v2/bookings`: the documented parameters with their defaults, windows of 31 days at most, and
//! pages behind cursors that hold for one set of filters only.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::access::Level;
use super::booking::Booking;
use super::errors::Refusal;
use super::seller::{CursorKind, ListOrder, Seller};
use super::store::Shop;
use crate::accounts::Account;
use crate::vendor::VendorRequest;

/// The vendor tells no default.
const DEFAULT_LIMIT: usize = 50;
const HIGHEST_LIMIT: usize = 10_000;
const WIDEST_WINDOW: SignedDuration = SignedDuration::from_hours(31 * 24);
const FILTERS: [&str; 5] =
    ["customer_id", "team_member_id", "location_id", "start_at_min", "start_at_max"];

/// Where a page begins, with all that makes the list the same list.
#[derive(Serialize, Deserialize)]
struct Place {
    filters: Vec<Option<String>>,
    from: Timestamp,
    until: Timestamp,
    rows: usize,
    last: (Timestamp, String),
    #[serde(default, skip_serializing_if = "String::is_empty")]
    filling: String,
}

/// What a request asks for.
struct Query {
    filters: Vec<Option<String>>,
    from: Timestamp,
    until: Timestamp,
    limit: usize,
    place: Option<Place>,
}

fn given<'a>(request: &'a VendorRequest, name: &str) -> Option<&'a str> {
    request.query_value(name).filter(|value| !value.is_empty())
}

fn time(request: &VendorRequest, name: &str) -> Result<Option<Timestamp>, Refusal> {
    let refused = |_| Refusal::bad_request("INVALID_TIME", name, "Not a time of RFC 3339.");
    given(request, name).map(|text| text.parse().map_err(refused)).transpose()
}

fn limit(account: &Account, request: &VendorRequest) -> Result<usize, Refusal> {
    let refused = |code: &str| {
        Refusal::bad_request(code, "limit", format!("A number from 1 to {HIGHEST_LIMIT}."))
    };
    let limit = match given(request, "limit").map(str::parse::<usize>) {
        None => DEFAULT_LIMIT,
        Some(Ok(0)) => return Err(refused("VALUE_TOO_LOW")),
        Some(Ok(limit)) if limit > HIGHEST_LIMIT => return Err(refused("VALUE_TOO_HIGH")),
        Some(Ok(limit)) => limit,
        Some(Err(_)) => return Err(refused("EXPECTED_INTEGER")),
    };
    Ok(limit.min(account.max_rows.unwrap_or(HIGHEST_LIMIT)))
}

/// What nobody else can have made, nor changed.
fn seal(account: &str, payload: &str) -> String {
    let digest = Sha256::digest(format!("{account}\n{payload}"));
    hex::encode(digest).chars().take(16).collect()
}

impl Place {
    fn written(mut self, account: &str, length: usize) -> String {
        let bare = json!(self).to_string();
        // Three bytes become four letters.
        let missing = (length / 4 * 3 + 3).saturating_sub(bare.len() + 32);
        self.filling = if length == 0 { String::new() } else { "-".repeat(missing) };
        let payload = json!(self).to_string();
        let seal = seal(account, &payload);
        URL_SAFE_NO_PAD.encode(format!("{seal}{payload}"))
    }

    fn read(account: &str, cursor: &str) -> Option<Self> {
        let decoded = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
        let (seal_given, payload) = decoded.split_at_checked(16)?;
        let place: Self = serde_json::from_str(payload).ok()?;
        (seal(account, payload) == seal_given).then_some(place)
    }
}

impl Query {
    fn read(account: &Account, request: &VendorRequest, now: Timestamp) -> Result<Self, Refusal> {
        let mut names = request.query.iter().map(|(name, _)| name.as_str());
        let known = |name: &str| FILTERS.contains(&name) || ["limit", "cursor"].contains(&name);
        if let Some(unknown) = names.find(|name| !known(name)) {
            let detail = "There is no such parameter.";
            return Err(Refusal::bad_request("UNKNOWN_QUERY_PARAMETER", unknown, detail));
        }
        let filters: Vec<Option<String>> =
            FILTERS.iter().map(|name| given(request, name).map(str::to_owned)).collect();
        let limit = limit(account, request)?;
        if let Some(cursor) = given(request, "cursor") {
            let place = Place::read(&account.account, cursor);
            let place = place.filter(|place| place.filters == filters).ok_or_else(|| {
                let detail = "The cursor is of no list with these filters.";
                Refusal::bad_request("INVALID_CURSOR", "cursor", detail)
            })?;
            let (from, until) = (place.from, place.until);
            return Ok(Self { filters, from, until, limit, place: Some(place) });
        }
        let range = |detail| Refusal::bad_request("INVALID_TIME_RANGE", "start_at_max", detail);
        let from = time(request, "start_at_min")?.unwrap_or(now);
        let widest = from.checked_add(WIDEST_WINDOW).unwrap_or(Timestamp::MAX);
        let until = time(request, "start_at_max")?.unwrap_or(widest);
        if until <= from {
            return Err(range("It must be behind start_at_min."));
        }
        if until > widest {
            return Err(range("The range is over 31 days."));
        }
        Ok(Self { filters, from, until, limit, place: None })
    }

    fn wants(&self, booking: &Booking) -> bool {
        let filter = |place: usize| self.filters.get(place).and_then(Option::as_deref);
        booking.start >= self.from
            && booking.start < self.until
            && filter(0).is_none_or(|id| booking.customer_id.as_deref() == Some(id))
            && filter(1).is_none_or(|id| booking.has_team_member(id))
            && filter(2).is_none_or(|id| booking.location_id == id)
    }

    /// Where in the whole list the page begins.
    fn offset(&self, seller: &Seller<'_>, rows: &[&Booking]) -> usize {
        let Some(place) = &self.place else { return 0 };
        match seller.entry.cursor_kind {
            CursorKind::RowCount => place.rows.min(rows.len()),
            CursorKind::LastRow => rows.partition_point(|row| key(seller, row) <= place.last),
        }
    }
}

/// What decides a row's place in lists.
fn key(seller: &Seller<'_>, row: &Booking) -> (Timestamp, String) {
    match seller.entry.list_order {
        ListOrder::StartAt => (row.start, row.id.clone()),
        ListOrder::Id => (Timestamp::UNIX_EPOCH, row.id.clone()),
    }
}

/// One page. Stale copies that it could have shown are shown once less.
pub fn list(
    account: &Account,
    seller: &Seller<'_>,
    shop: &mut Shop,
    level: Level,
    request: &VendorRequest,
    now: Timestamp,
) -> Result<Value, Refusal> {
    let query = Query::read(account, request, now)?;
    let seen = shop.bookings.values().filter(|booking| level.sees(booking));
    let mut rows: Vec<&Booking> =
        seen.map(|booking| shop.listed(booking)).filter(|row| query.wants(row)).collect();
    rows.sort_by_cached_key(|row| key(seller, row));
    let begin = query.offset(seller, &rows);
    let end = rows.len().min(begin + query.limit);
    let page = rows.get(begin..end).unwrap_or_default();
    let shown: Value = page.iter().map(|row| row.rendered(level == Level::Seller)).collect();
    let last = page.last().map(|row| key(seller, row)).filter(|_| end < rows.len());
    let cursor = last.map(|last| {
        let Query { filters, from, until, .. } = &query;
        let (filters, from, until) = (filters.clone(), *from, *until);
        let place = Place { filters, from, until, rows: end, last, filling: String::new() };
        place.written(&account.account, seller.entry.cursor_length)
    });
    for (id, copy) in &mut shop.stale {
        let is_there = shop.bookings.get(id).is_some_and(|booking| query.wants(booking));
        if is_there || query.wants(&copy.booking) {
            copy.reads_left = copy.reads_left.saturating_sub(1);
        }
    }
    shop.stale.retain(|_, copy| copy.reads_left > 0);
    let mut body = json!({ "bookings": shown, "errors": [] });
    if let Some(cursor) = cursor {
        body["cursor"] = json!(cursor);
    }
    Ok(body)
}
