//! A part of an account's appointments as Acuity's filters cut it out, and the proof that two
//! answers together are all of it.

use std::collections::BTreeMap;
use std::fmt::Write;

use jiff::Timestamp;
use jiff::civil::Date;

use super::wire::Appointment;

/// The order of an answer. The vendor's default is the latest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The earliest first.
    Ascending,
    /// The latest first.
    Descending,
}

/// Dates from the first to the last, of one calendar or of all, of one type or of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice {
    pub first: Date,
    pub last: Date,
    pub calendar: Option<u64>,
    pub appointment_type: Option<u64>,
}

impl Slice {
    /// All appointments of these dates.
    pub const fn of_days(first: Date, last: Date) -> Self {
        Self { first, last, calendar: None, appointment_type: None }
    }

    /// `GET appointments`: cancelled ones too (`showall`), without intake forms (`excludeForms`).
    /// Parameters beside the documented ones are ignored by Acuity without a word, `offset` too.
    pub fn path(&self, rows_max: usize, direction: Direction) -> String {
        let Self { first, last, calendar, appointment_type } = self;
        let direction = match direction {
            Direction::Ascending => "ASC",
            Direction::Descending => "DESC",
        };
        let mut path = format!(
            "appointments?showall=true&excludeForms=true&max={rows_max}&direction={direction}\
             &minDate={first}&maxDate={last}"
        );
        for (name, id) in [("calendarID", calendar), ("appointmentTypeID", appointment_type)] {
            if let Some(id) = id {
                // Writing to a text does not fail.
                write!(path, "&{name}={id}").ok();
            }
        }
        path
    }

    /// Whether it can be cut by dates.
    pub fn has_several_days(&self) -> bool {
        self.first < self.last
    }

    /// Whether a row is of the calendar and the type that were asked for: what was moved meanwhile,
    /// or would come if a filter were ignored, belongs to another slice.
    pub fn holds(&self, row: &Appointment) -> bool {
        let is_asked = |asked: Option<u64>, given: Option<u64>| asked.is_none() || asked == given;
        is_asked(self.calendar, row.calendar_id.number())
            && is_asked(self.appointment_type, row.type_id.number())
    }
}

/// Two full answers of one slice, from its two ends.
pub struct Ends {
    pub ascending: Vec<Appointment>,
    pub descending: Vec<Appointment>,
}

type Times = BTreeMap<u64, Timestamp>;

impl Ends {
    /// All rows of the slice, or as an error all that were seen of it.
    ///
    /// The rows are complete if the latest of the ascending answer is *later* than the earliest of
    /// the descending one: the first holds all that is earlier than its latest, the second all that
    /// is later than its earliest, and no moment is left over. Common ids alone prove nothing: of
    /// many rows of one moment, as the seats of a class are, both answers may hold the same ones.
    /// The order by time is not documented, so it is looked at, and so is whether both answers tell
    /// the same of the moments that both must cover: else something moved between them.
    pub fn joined(self) -> Result<Vec<Appointment>, Vec<Appointment>> {
        let is_whole = self.is_whole().unwrap_or(false);
        let known: Times = times_of(&self.ascending).unwrap_or_default();
        let Self { ascending: mut rows, descending } = self;
        let is_new = |row: &Appointment| row.id.number().is_none_or(|id| !known.contains_key(&id));
        rows.extend(descending.into_iter().filter(is_new));
        if is_whole { Ok(rows) } else { Err(rows) }
    }

    /// `None` where a row has no id or no time, or an answer has no rows.
    fn is_whole(&self) -> Option<bool> {
        let (ascending, descending) = (times_of(&self.ascending)?, times_of(&self.descending)?);
        let latest = self.ascending.last()?.starts_at()?;
        let earliest = self.descending.last()?.starts_at()?;
        let is_ordered = self.ascending.is_sorted_by_key(Appointment::starts_at)
            && self.descending.iter().rev().is_sorted_by_key(|row| row.starts_at());
        let agrees = |known: &Times, other: &Times, must_know: &dyn Fn(Timestamp) -> bool| {
            other.iter().all(|(id, at)| match known.get(id) {
                Some(known_at) => known_at == at,
                None => !must_know(*at),
            })
        };
        let is_same = agrees(&ascending, &descending, &|at| at < latest)
            && agrees(&descending, &ascending, &|at| at > earliest);
        Some(is_ordered && earliest < latest && is_same)
    }
}

fn times_of(rows: &[Appointment]) -> Option<Times> {
    rows.iter().map(|row| Some((row.id.number()?, row.starts_at()?))).collect()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use serde_json::json;

    use super::{Direction, Ends, Slice};
    use crate::acuity::wire::Appointment;

    /// Rows of one day, each with its id and its minute.
    fn rows(rows: &[(u64, u32)]) -> Vec<Appointment> {
        let row = |(id, minute): &(u64, u32)| {
            let at = format!("2026-05-12T{:02}:{:02}:00+0000", minute / 60, minute % 60);
            serde_json::from_value(json!({"id": id, "datetime": at})).unwrap()
        };
        rows.iter().map(row).collect()
    }

    fn joined(ascending: &[(u64, u32)], descending: &[(u64, u32)]) -> Result<Vec<u64>, Vec<u64>> {
        let ends = Ends { ascending: rows(ascending), descending: rows(descending) };
        let ids = |rows: Vec<Appointment>| {
            let mut ids: Vec<_> = rows.iter().map(|row| row.id.number().unwrap()).collect();
            ids.sort_unstable();
            ids
        };
        ends.joined().map(ids).map_err(ids)
    }

    #[test]
    fn ends_that_reach_past_each_other_are_all_rows() {
        let all = joined(&[(1, 10), (2, 20), (3, 30)], &[(4, 40), (3, 30), (2, 20)]);
        assert_eq!(all, Ok(vec![1, 2, 3, 4]));
        let ties = joined(&[(1, 10), (2, 20), (3, 20)], &[(4, 20), (3, 20), (1, 10)]);
        assert!(ties.is_err(), "2 is missing in the second, so something moved");
        let ties = joined(&[(1, 10), (2, 20), (3, 30)], &[(4, 30), (3, 30), (2, 20)]);
        assert_eq!(ties, Ok(vec![1, 2, 3, 4]));
    }

    #[test]
    fn ends_with_common_ids_within_one_moment_prove_nothing() {
        // Of a class of any size, both directions may give the same three seats.
        assert!(joined(&[(1, 10), (2, 10), (3, 10)], &[(1, 10), (2, 10), (3, 10)]).is_err());
        let cut = joined(&[(1, 10), (2, 20), (3, 20)], &[(9, 40), (2, 20), (3, 20)]);
        assert_eq!(cut, Err(vec![1, 2, 3, 9]));
    }

    #[test]
    fn ends_that_do_not_meet_or_contradict_each_other_are_not_all_rows() {
        assert!(joined(&[(1, 10), (2, 20)], &[(4, 40), (3, 30)]).is_err(), "a gap");
        assert!(joined(&[(2, 20), (1, 10)], &[(3, 30), (1, 10)]).is_err(), "not in order");
        assert!(joined(&[(1, 10), (3, 30)], &[(3, 25), (1, 10)]).is_err(), "3 moved");
        assert!(joined(&[(1, 10), (3, 30)], &[(3, 30), (2, 15), (1, 10)]).is_err(), "2 is new");
        assert!(joined(&[], &[]).is_err());
    }

    #[test]
    fn ends_with_a_row_that_can_not_be_read_prove_nothing() {
        let mut ends =
            Ends { ascending: rows(&[(1, 10), (2, 20)]), descending: rows(&[(2, 20), (1, 10)]) };
        ends.ascending.push(Appointment::default());
        assert!(ends.joined().is_err());
    }

    #[test]
    fn slice_asks_for_cancelled_ones_without_forms_and_by_whole_dates() {
        let mut slice = Slice::of_days(date(2026, 5, 1), date(2026, 5, 14));
        let days = "appointments?showall=true&excludeForms=true&max=100&direction=ASC\
                    &minDate=2026-05-01&maxDate=2026-05-14";
        assert_eq!(slice.path(100, Direction::Ascending), days);
        (slice.calendar, slice.appointment_type) = (Some(7), Some(8));
        let path = slice.path(100, Direction::Descending);
        assert!(path.contains("DESC") && path.ends_with("&calendarID=7&appointmentTypeID=8"));
    }
}
