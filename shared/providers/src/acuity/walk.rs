//! One page of a walk over a window.
//!
//! Acuity's list has no cursor and cuts an answer at `max` without a word. An answer is complete if
//! it has fewer rows than Acuity has been seen to give at once. A full one is read again over half of
//! its days; one of a single day from both ends, and if these do not meet, in parts.

use std::collections::BTreeSet;

use sync_domain::ports::{BookingPage, Called, PageError};

use super::calls::Calls;
use super::mapping::booking_of;
use super::position::{DAYS_MAX, Gauge, Position};
use super::slice::{Direction, Ends, Slice};
use super::split_day::{Part, SplitDay, Unsplittable, Verdict};
use super::window::WindowDays;
use super::wire::{Appointment, Listed};

/// Where rows are that few of what one answer holds, more days are read at once.
const SPARSE_PART: usize = 3;

/// A page in the making.
pub struct Walk<'a> {
    calls: Calls<'a>,
    days: WindowDays,
    at: Position,
    rows_max: usize,
    default_region: Option<&'a str>,
    page: BookingPage,
}

/// What became of a slice.
enum Reading {
    /// All of it.
    Complete(Vec<Appointment>),
    /// More than can be had; these rows were seen.
    Cut(Vec<Appointment>),
    /// Nothing to be said of it before the next page.
    NoRequestLeft,
}

/// Whether there is something left to do with the requests of this page.
#[derive(PartialEq, Eq)]
enum Step {
    Done,
    NoRequestLeft,
}

impl<'a> Walk<'a> {
    /// Goes on at a position.
    pub fn new(
        calls: Calls<'a>,
        days: WindowDays,
        at: Position,
        rows_max: usize,
        default_region: Option<&'a str>,
    ) -> Self {
        Self { calls, days, at, rows_max, default_region, page: BookingPage::default() }
    }

    /// Reads as much as the requests allow. What fails takes the whole page with it: a position can
    /// be read again.
    pub async fn page(mut self) -> Result<Called<BookingPage>, PageError> {
        while self.at.day <= self.days.last && (self.calls.left() > 0 || self.needs_no_request()) {
            if self.step().await? == Step::NoRequestLeft {
                break;
            }
        }
        let Self { calls, days, at, mut page, .. } = self;
        once_each(&mut page);
        if at.day <= days.last {
            page.next = Some(at.to_text().ok_or(PageError::BadPosition)?);
        }
        Ok(calls.done(page))
    }

    /// The parts of a day are all read: what is left is to compare them. Left to the next page, that
    /// one could end without a request.
    fn needs_no_request(&self) -> bool {
        self.at.gauge != Gauge::Next
            && self.at.split.as_ref().is_some_and(|split| split.part() == Part::Nothing)
    }

    async fn step(&mut self) -> Result<Step, PageError> {
        if self.at.gauge == Gauge::Next {
            return self.gauge().await;
        }
        match self.at.split.take() {
            Some(split) => self.read_part(split).await,
            None => self.read_days().await,
        }
    }

    async fn read_days(&mut self) -> Result<Step, PageError> {
        let last = self.days.end_of_slice(self.at.day, self.at.days);
        let slice = Slice::of_days(self.at.day, last);
        let rows = match self.read(&slice).await? {
            Reading::Complete(rows) => rows,
            Reading::NoRequestLeft => return Ok(Step::NoRequestLeft),
            Reading::Cut(seen) => {
                self.narrow(&slice, &seen)?;
                return Ok(Step::Done);
            }
        };
        if rows.len() <= self.rows_max / SPARSE_PART {
            self.at.days = (self.at.days * 2).min(DAYS_MAX);
        }
        self.give(&slice, rows);
        self.finish(&slice);
        Ok(Step::Done)
    }

    /// What is done about a slice that is too much.
    fn narrow(&mut self, slice: &Slice, seen: &[Appointment]) -> Result<(), PageError> {
        let days = slice.last.since(slice.first).map_or(0, |span| span.get_days()).unsigned_abs();
        if slice.has_several_days() {
            self.at.days = u16::try_from(days.div_ceil(2)).unwrap_or(1).max(1);
        } else if self.at.rows_seen < self.rows_max && self.at.gauge == Gauge::Unused {
            // Perhaps all are there, and nobody knows yet that Acuity gives so many.
            self.at.gauge = Gauge::Next;
        } else {
            self.at.days = 1;
            self.at.split = Some(SplitDay::of(seen).map_err(|error| self.incomplete(error))?);
        }
        Ok(())
    }

    /// Asks for as many rows of the whole window as there may be, to see how many Acuity gives.
    async fn gauge(&mut self) -> Result<Step, PageError> {
        let slice = Slice::of_days(self.days.first, self.days.last);
        self.list(&slice, Direction::Ascending).await?;
        self.at.gauge = Gauge::Used;
        Ok(Step::Done)
    }

    async fn read_part(&mut self, mut split: SplitDay) -> Result<Step, PageError> {
        let day = Slice::of_days(self.at.day, self.at.day);
        let part = split.part();
        let slice = match part {
            Part::Lists => return self.read_lists(split).await,
            Part::Nothing => return self.end_of_parts(split),
            Part::Calendar(id) => Slice { calendar: Some(id), ..day },
            Part::Type(id) => Slice { appointment_type: Some(id), ..day },
            Part::CalendarAndType(calendar, appointment_type) => {
                let (calendar, appointment_type) = (Some(calendar), Some(appointment_type));
                Slice { calendar, appointment_type, ..day }
            }
        };
        let reading = self.read(&slice).await?;
        let taken = match &reading {
            Reading::Complete(rows) => split.read(part, rows),
            Reading::Cut(seen) => split.cut(part, seen),
            Reading::NoRequestLeft => Ok(()),
        };
        taken.map_err(|error| self.incomplete(error))?;
        self.at.split = Some(split);
        match (reading, part) {
            (Reading::NoRequestLeft, _) => return Ok(Step::NoRequestLeft),
            // They have been given by their calendars.
            (Reading::Complete(_), Part::Type(_)) | (Reading::Cut(_), _) => {}
            (Reading::Complete(rows), _) => self.give(&slice, rows),
        }
        Ok(Step::Done)
    }

    /// `GET calendars` and `GET appointment-types`. Deleted types can be asked for, deleted calendars
    /// can not (third-party components; see the mapping doc).
    async fn read_lists(&mut self, mut split: SplitDay) -> Result<Step, PageError> {
        if self.calls.left() < 2 {
            self.at.split = Some(split);
            return Ok(Step::NoRequestLeft);
        }
        let calendars: Vec<Listed> = self.calls.get("calendars").await?;
        let types: Vec<Listed> = self.calls.get("appointment-types?includeDeleted=true").await?;
        split.listed(&calendars, &types).map_err(|error| self.incomplete(error))?;
        self.at.split = Some(split);
        Ok(Step::Done)
    }

    fn end_of_parts(&mut self, split: SplitDay) -> Result<Step, PageError> {
        match split.verdict() {
            Verdict::Changed => {
                self.at.split = Some(split.again().map_err(|error| self.incomplete(error))?);
                return Ok(Step::Done);
            }
            Verdict::AsListed => tracing::info!(
                system = "acuity",
                day = %self.at.day,
                "A day is complete as far as the calendars are known that Acuity lists or showed."
            ),
            Verdict::Complete => {}
        }
        self.finish(&Slice::of_days(self.at.day, self.at.day));
        Ok(Step::Done)
    }

    async fn read(&mut self, slice: &Slice) -> Result<Reading, PageError> {
        let rows_seen = self.at.rows_seen;
        let ascending = self.list(slice, Direction::Ascending).await?;
        if ascending.len() < rows_seen {
            return Ok(Reading::Complete(ascending));
        }
        if slice.has_several_days() && ascending.len() >= self.rows_max {
            return Ok(Reading::Cut(ascending));
        }
        if self.calls.left() == 0 {
            return Ok(Reading::NoRequestLeft);
        }
        let descending = self.list(slice, Direction::Descending).await?;
        let joined = Ends { ascending, descending }.joined();
        Ok(joined.map_or_else(Reading::Cut, Reading::Complete))
    }

    async fn list(
        &mut self,
        slice: &Slice,
        direction: Direction,
    ) -> Result<Vec<Appointment>, PageError> {
        let path = slice.path(self.rows_max, direction);
        let rows: Vec<Appointment> = self.calls.get(&path).await?;
        self.at.rows_seen = self.at.rows_seen.max(rows.len()).min(self.rows_max);
        Ok(rows)
    }

    /// Gives the rows out that are of the slice and of the window.
    fn give(&mut self, slice: &Slice, rows: Vec<Appointment>) {
        let is_wanted = |row: &&Appointment| {
            slice.holds(row) && row.starts_at().is_none_or(|at| self.days.holds(at))
        };
        for row in rows.iter().filter(is_wanted) {
            match booking_of(row, self.default_region) {
                Ok(booking) => self.page.bookings.push(booking),
                Err(unreadable) => self.page.unreadable.push(unreadable),
            }
        }
    }

    fn finish(&mut self, slice: &Slice) {
        self.page.completed.extend(self.days.completed_by(slice.first, slice.last));
        self.at.split = None;
        // Behind the calendar's last day there is none, and the window ended before it.
        self.at.day = slice.last.tomorrow().unwrap_or(slice.last);
    }

    fn incomplete(&self, _error: Unsplittable) -> PageError {
        PageError::Incomplete(self.days.day(self.at.day))
    }
}

/// A row that moved between two slices of one page is in both; the later reading counts.
fn once_each(page: &mut BookingPage) {
    let mut ids = BTreeSet::new();
    page.bookings.reverse();
    page.bookings.retain(|booking| ids.insert(booking.external_id.clone()));
    page.bookings.reverse();
    page.unreadable.retain(|it| it.external_id.clone().is_none_or(|id| ids.insert(id)));
}
