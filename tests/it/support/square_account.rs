//! A seller whose bookings can be listed as Square lists them: by their begin, 31 days at most, in
//! pages with a cursor that is bound to its filters, in whichever order; changing while it is read.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Query, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::square::{booking, customer, error, not_found};

/// A booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    pub id: u64,
    pub at: Timestamp,
    pub version: u64,
    pub customer: Option<u64>,
}

type Change = Box<dyn FnMut(usize, &mut Vec<Slot>) + Send>;

/// What the seller has and how Square behaves.
pub struct Ledger {
    pub slots: Vec<Slot>,
    /// Square's own bound of a page.
    pub rows_max: usize,
    /// Rows of one list come in an order that depends on this and on nothing else.
    pub order: u64,
    /// Whether what begins at `start_at_max` is listed.
    pub includes_max: bool,
    /// The least length of a cursor.
    pub cursor_bytes: usize,
    /// Is called before each list with the number of lists before it.
    pub change: Option<Change>,
    /// Path and query of every request.
    pub lines: Vec<String>,
}

#[derive(Clone)]
pub struct SquareAccount {
    pub base_url: String,
    ledger: Arc<Mutex<Ledger>>,
}

impl SquareAccount {
    pub async fn start(slots: Vec<Slot>) -> Self {
        let ledger = Arc::new(Mutex::new(Ledger {
            slots,
            rows_max: 10_000,
            order: 0,
            includes_max: true,
            cursor_bytes: 0,
            change: None,
            lines: Vec::new(),
        }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(Arc::clone(&ledger));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { base_url, ledger }
    }

    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Path and query of the requests since the last look.
    pub fn lines(&self) -> Vec<String> {
        std::mem::take(&mut self.ledger().lines)
    }
}

type Parameters = Vec<(String, String)>;

async fn answer(
    State(ledger): State<Arc<Mutex<Ledger>>>,
    Query(parameters): Query<Parameters>,
    request: Request,
) -> Response {
    assert_eq!(request.headers()["authorization"], "Bearer seller-token");
    let (line, path) = (request.uri().to_string(), request.uri().path().to_owned());
    let body = to_bytes(request.into_body(), 1_000_000).await.unwrap();
    let mut ledger = ledger.lock().unwrap_or_else(PoisonError::into_inner);
    let lists = ledger.lines.iter().filter(|line| line.starts_with("/v2/bookings?")).count();
    ledger.lines.push(line);
    match path.as_str() {
        "/v2/bookings" => {
            if let Some(mut change) = ledger.change.take() {
                change(lists, &mut ledger.slots);
                ledger.change = Some(change);
            }
            ledger.list(&parameters)
        }
        "/v2/customers/bulk-retrieve" => people(&serde_json::from_slice(&body).unwrap()),
        other => panic!("{other}"),
    }
}

fn people(asked: &Value) -> Response {
    let ids = asked["customer_ids"].as_array().unwrap();
    if ids.is_empty() || ids.len() > 100 {
        return refused("ARRAY_LENGTH_TOO_LONG");
    }
    let entry = |id: &Value| {
        let id = id.as_str().unwrap().to_owned();
        // Some were merged into others.
        let found = if id.ends_with('9') { not_found() } else { customer(&id, "Ada") };
        (id, found)
    };
    let entries: serde_json::Map<_, _> = ids.iter().map(entry).collect();
    Json(json!({"responses": entries})).into_response()
}

fn refused(code: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(error("INVALID_REQUEST_ERROR", code))).into_response()
}

impl Ledger {
    /// Where a booking is in each list: by no rule that a reader could rely on.
    fn rank(&self, slot: &Slot) -> (u64, u64) {
        (slot.id.wrapping_mul(self.order | 1).rotate_left(29) ^ self.order, slot.id)
    }

    fn list(&self, parameters: &Parameters) -> Response {
        let value = |name: &str| {
            let found = parameters.iter().find(|(given, _)| given == name);
            found.map(|(_, value)| value.as_str())
        };
        let moment = |name: &str| value(name).unwrap().parse::<Timestamp>().unwrap();
        let (min, max) = (moment("start_at_min"), moment("start_at_max"));
        if max.duration_since(min) > SignedDuration::from_hours(31 * 24) || max <= min {
            return refused("INVALID_TIME_RANGE");
        }
        let filters = format!("{}.{}", min.as_millisecond(), max.as_millisecond());
        let Some(after) = value("cursor").map_or(Some(None), |it| after_of(it, &filters).map(Some))
        else {
            return refused("INVALID_CURSOR");
        };
        let is_in =
            |slot: &&Slot| (min..max).contains(&slot.at) || (self.includes_max && slot.at == max);
        let mut slots: Vec<_> = self.slots.iter().filter(is_in).collect();
        slots.sort_by_key(|slot| self.rank(slot));
        slots.retain(|slot| after.is_none_or(|after| self.rank(slot) > after));
        let limit: usize = value("limit").unwrap().parse().unwrap();
        let page = limit.min(self.rows_max);
        let mut body = json!({});
        if let Some((last, true)) = slots.get(page - 1).map(|last| (*last, slots.len() > page)) {
            let (rank, id) = self.rank(last);
            let cursor = format!("{filters}.{rank}.{id}.");
            body["cursor"] = json!(format!("{cursor:A<width$}", width = self.cursor_bytes));
        }
        slots.truncate(page);
        if !slots.is_empty() {
            body["bookings"] = slots.into_iter().map(Slot::row).collect();
        }
        Json(body).into_response()
    }
}

/// The rank behind which a list goes on.
fn after_of(cursor: &str, filters: &str) -> Option<(u64, u64)> {
    let mut parts = cursor.strip_prefix(filters)?.strip_prefix('.')?.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

impl Slot {
    fn row(&self) -> Value {
        let customer = self.customer.map(|id| format!("C{id}"));
        let mut row = booking(&format!("b{}", self.id), &self.at.to_string(), customer.as_deref());
        row["version"] = json!(self.version);
        row
    }
}
