//! An Acuity account with appointments that can be listed as the vendor lists them: by whole dates
//! of its zone, cut at a number of rows without a word, and changing while it is read.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::{Query, Request, State};
use axum::response::{IntoResponse, Json, Response};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

/// An appointment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seat {
    pub id: u64,
    pub at: Timestamp,
    pub calendar: u64,
    pub kind: u64,
    pub canceled: bool,
}

type Change = Box<dyn FnMut(&str, &mut Vec<Seat>) + Send>;

/// What the account holds and how it behaves.
pub struct Books {
    pub seats: Vec<Seat>,
    /// What the lists name; appointments may have others.
    pub calendars: Vec<u64>,
    pub kinds: Vec<u64>,
    /// The vendor's own bound for `max`.
    pub rows_max: usize,
    pub zone: TimeZone,
    /// Whether rows of one moment come in reverse, too, when the direction is.
    pub reverses_ties: bool,
    /// Is called before each request with its path and query.
    pub change: Option<Change>,
    /// Path and query of every request.
    pub lines: Vec<String>,
}

#[derive(Clone)]
pub struct AcuityAccount {
    pub base_url: String,
    books: Arc<Mutex<Books>>,
}

impl AcuityAccount {
    /// An account that lists the calendars and types of its appointments, in that zone.
    pub async fn start(seats: Vec<Seat>, zone: &str) -> Self {
        let mut ids = (Vec::new(), Vec::new());
        for seat in &seats {
            ids.0.push(seat.calendar);
            ids.1.push(seat.kind);
        }
        for ids in [&mut ids.0, &mut ids.1] {
            ids.sort_unstable();
            ids.dedup();
        }
        let books = Arc::new(Mutex::new(Books {
            seats,
            calendars: ids.0,
            kinds: ids.1,
            rows_max: 1_000,
            zone: TimeZone::get(zone).unwrap(),
            reverses_ties: false,
            change: None,
            lines: Vec::new(),
        }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(Arc::clone(&books));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { base_url, books }
    }

    pub fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Path and query of the requests since the last look.
    pub fn lines(&self) -> Vec<String> {
        std::mem::take(&mut self.books().lines)
    }
}

type Parameters = Vec<(String, String)>;

async fn answer(
    State(books): State<Arc<Mutex<Books>>>,
    Query(parameters): Query<Parameters>,
    request: Request,
) -> Response {
    assert_eq!(request.headers()["authorization"], "Basic MTIzNDU6a2V5");
    let mut books = books.lock().unwrap_or_else(PoisonError::into_inner);
    let line = request.uri().to_string();
    books.lines.push(line.clone());
    if let Some(mut change) = books.change.take() {
        change(&line, &mut books.seats);
        books.change = Some(change);
    }
    let listed = |ids: &[u64]| -> Value { ids.iter().map(|id| json!({"id": id})).collect() };
    let body = match request.uri().path() {
        "/api/v1/appointments" => books.list(&parameters),
        "/api/v1/calendars" => listed(&books.calendars),
        "/api/v1/appointment-types" => listed(&books.kinds),
        other => panic!("{other}"),
    };
    Json(body).into_response()
}

impl Books {
    fn list(&self, parameters: &Parameters) -> Value {
        let value = |name: &str| {
            let found = parameters.iter().find(|(given, _)| given == name);
            found.map(|(_, value)| value.as_str())
        };
        let date = |name: &str| value(name).map(|text| text.parse::<Date>().unwrap());
        let (min, max) = (date("minDate"), date("maxDate"));
        let calendar = value("calendarID").map(|id| id.parse::<u64>().unwrap());
        let kind = value("appointmentTypeID").map(|id| id.parse::<u64>().unwrap());
        let is_asked = |seat: &&Seat| {
            let day = seat.at.to_zoned(self.zone.clone()).date();
            min.is_none_or(|min| min <= day)
                && max.is_none_or(|max| day <= max)
                && calendar.is_none_or(|id| id == seat.calendar)
                && kind.is_none_or(|id| id == seat.kind)
                && (value("showall") == Some("true") || !seat.canceled)
        };
        let mut seats: Vec<_> = self.seats.iter().filter(is_asked).collect();
        seats.sort_by_key(|seat| (seat.at, seat.id));
        if value("direction") != Some("ASC") {
            seats.reverse();
            if !self.reverses_ties {
                seats.sort_by_key(|seat| (std::cmp::Reverse(seat.at), seat.id));
            }
        }
        let asked: usize = value("max").map_or(100, |max| max.parse().unwrap());
        seats.truncate(asked.min(self.rows_max));
        seats.into_iter().map(|seat| self.row(seat)).collect()
    }

    fn row(&self, seat: &Seat) -> Value {
        let at = seat.at.to_zoned(self.zone.clone());
        json!({
            "id": seat.id, "firstName": "Ada", "email": "ada@example.com", "duration": "30",
            "datetime": at.strftime("%Y-%m-%dT%H:%M:%S%z").to_string(),
            "calendarID": seat.calendar, "appointmentTypeID": seat.kind, "canceled": seat.canceled,
        })
    }
}
