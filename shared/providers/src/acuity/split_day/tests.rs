//! A full day, part by part, without a vendor.

use serde_json::json;

use super::{IDS_MAX, Part, SplitDay, Unsplittable, Verdict};
use crate::acuity::wire::{Appointment, Listed};

type Row = (u64, u64, u64);

fn rows(rows: &[Row]) -> Vec<Appointment> {
    let row = |(id, calendar, kind): &Row| {
        let row = json!({"id": id, "calendarID": calendar, "appointmentTypeID": kind});
        serde_json::from_value(row).unwrap()
    };
    rows.iter().map(row).collect()
}

fn listed(ids: &[u64]) -> Vec<Listed> {
    ids.iter().map(|id| serde_json::from_value(json!({"id": id})).unwrap()).collect()
}

/// Reads the day to its end, where each part gives what `day` says, or is too much.
fn read(split: &mut SplitDay, day: impl Fn(Part) -> Result<Vec<Row>, Vec<Row>>) -> Vec<Part> {
    let mut parts = Vec::new();
    loop {
        let part = split.part();
        if part == Part::Nothing {
            return parts;
        }
        parts.push(part);
        match day(part) {
            Ok(found) => split.read(part, &rows(&found)).unwrap(),
            Err(seen) => split.cut(part, &rows(&seen)).unwrap(),
        }
    }
}

fn of(day: &[Row], part: Part) -> Vec<Row> {
    let is_of = |row: &&Row| match part {
        Part::Calendar(calendar) => row.1 == calendar,
        Part::CalendarAndType(calendar, kind) => (row.1, row.2) == (calendar, kind),
        Part::Type(kind) => row.2 == kind,
        Part::Lists | Part::Nothing => false,
    };
    day.iter().filter(is_of).copied().collect()
}

#[test]
fn day_is_read_by_calendar_and_compared_by_type() {
    let day = [(1, 10, 20), (2, 10, 21), (3, 11, 20)];
    let mut split = SplitDay::of(&rows(&day[..1])).unwrap();
    assert_eq!(split.part(), Part::Lists);
    split.listed(&listed(&[11, 10]), &listed(&[21])).unwrap();
    let parts = read(&mut split, |part| Ok(of(&day, part)));
    let expected = [Part::Calendar(10), Part::Calendar(11), Part::Type(20), Part::Type(21)];
    assert_eq!((parts.as_slice(), split.verdict()), (&expected[..], Verdict::Complete));
}

#[test]
fn calendar_that_nobody_listed_is_found_by_type() {
    let day = [(1, 10, 20), (2, 99, 20)];
    let mut split = SplitDay::of(&rows(&day[..1])).unwrap();
    split.listed(&listed(&[10]), &listed(&[20])).unwrap();
    let parts = read(&mut split, |part| Ok(of(&day, part)));
    assert_eq!(parts, [Part::Calendar(10), Part::Type(20), Part::Calendar(99)]);
    assert_eq!(split.verdict(), Verdict::Complete);
}

#[test]
fn calendar_that_is_too_much_is_read_by_every_type_that_comes_up() {
    let day = [(1, 10, 20), (2, 10, 21), (3, 11, 22), (4, 10, 22)];
    let mut split = SplitDay::of(&rows(&day[..1])).unwrap();
    split.listed(&listed(&[10, 11]), &listed(&[20])).unwrap();
    let parts = read(&mut split, |part| {
        let found = of(&day, part);
        if part == Part::Calendar(10) { Err(found[..2].to_vec()) } else { Ok(found) }
    });
    // Type 22 is seen in calendar 11 only after calendar 10 was split.
    assert!(parts.contains(&Part::CalendarAndType(10, 22)), "{parts:?}");
    assert_eq!(split.verdict(), Verdict::Complete);
}

#[test]
fn row_that_moves_while_the_day_is_read_makes_it_be_read_again() {
    let day = [(1, 10, 20), (2, 11, 20)];
    let mut split = SplitDay::of(&rows(&day)).unwrap();
    split.listed(&[], &[]).unwrap();
    // 2 goes to calendar 10 when that has been read and before its own is.
    read(&mut split, |part| Ok(if part == Part::Calendar(11) { vec![] } else { of(&day, part) }));
    assert_eq!(split.verdict(), Verdict::Changed);
    let again = split.again().unwrap();
    assert_eq!((again.part(), again.verdict()), (Part::Lists, Verdict::Complete));
    assert_eq!(again.again().unwrap().again(), Err(Unsplittable), "three rounds");
}

#[test]
fn type_that_is_too_much_leaves_the_day_as_listed() {
    let day = [(1, 10, 20), (2, 11, 20)];
    let mut split = SplitDay::of(&rows(&day)).unwrap();
    split.listed(&[], &[]).unwrap();
    read(&mut split, |part| {
        let found = of(&day, part);
        if part == Part::Type(20) { Err(found) } else { Ok(found) }
    });
    assert_eq!(split.verdict(), Verdict::AsListed);
}

#[test]
fn day_that_can_not_be_split_is_refused() {
    let split = || SplitDay::of(&rows(&[(1, 10, 20)])).unwrap();
    let nowhere: Appointment = serde_json::from_value(json!({"id": 1})).unwrap();
    assert_eq!(SplitDay::of(&[nowhere]), Err(Unsplittable));
    assert_eq!(split().cut(Part::CalendarAndType(10, 20), &[]), Err(Unsplittable));
    let untyped: Appointment = serde_json::from_value(json!({"id": 1, "calendarID": 10})).unwrap();
    assert_eq!(split().cut(Part::Calendar(10), &[untyped]), Err(Unsplittable));
    let many: Vec<u64> = (1..=IDS_MAX as u64).collect();
    assert_eq!(split().listed(&listed(&many), &[]), Err(Unsplittable));
}
