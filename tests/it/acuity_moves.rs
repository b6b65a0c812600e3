//! Appointments that are moved while a window is read.

use jiff::Timestamp;
use sync_domain::ports::{BookingWindow, PageError};

use crate::support::acuity::window;
use crate::support::acuity_account::{AcuityAccount, Seat};
use crate::support::acuity_walk::{Walked, assert_all_found_once, seat, walk};

const ZONE: &str = "America/New_York";

fn summer() -> BookingWindow {
    window("2026-05-01T04:00:00Z", "2026-09-01T04:00:00Z")
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn move_to(seats: &mut [Seat], id: u64, text: &str) {
    seats.iter_mut().find(|seat| seat.id == id).unwrap().at = at(text);
}

/// Before the slice of these days is read, the appointment goes there.
type Moves = &'static [(&'static str, &'static str)];

/// One appointment that begins at `start` and moves as told, among some that stand still.
async fn walk_with(start: &str, moves: Moves) -> (AcuityAccount, Walked) {
    let mut seats: Vec<_> =
        (0..20).map(|id| seat(id + 1, "2026-05-01", id * 8_000, 1, 50)).collect();
    seats.push(Seat { at: at(start), ..seat(99, "2026-05-01", 0, 1, 50) });
    let account = AcuityAccount::start(seats, ZONE).await;
    account.books().change = Some(Box::new(move |line, seats| {
        for (slice, goal) in moves {
            if line.contains(&format!("minDate={slice}")) {
                move_to(seats, 99, goal);
            }
        }
    }));
    let walked = walk(&account, 100, Some(ZONE), summer()).await.unwrap();
    account.books().change = None;
    (account, walked)
}

/// The slices of this quiet account: 14 days, then 28, then 56.
const SLICES: [&str; 4] = ["2026-04-30", "2026-05-14", "2026-06-11", "2026-08-06"];

#[tokio::test]
async fn slices_of_the_quiet_account_are_as_the_other_tests_take_them() {
    let (account, walked) = walk_with("2026-05-05T10:00:00-0400", &[]).await;
    assert_all_found_once(&account, &walked, summer());
    let lines = account.lines();
    let starts =
        lines.iter().map(|line| line.split("minDate=").nth(1).unwrap().split_once('&').unwrap().0);
    assert!(starts.eq(SLICES), "{lines:?}");
}

#[tokio::test]
async fn appointment_that_moves_ahead_of_the_walk_is_given_with_its_new_time_last() {
    let moved = "2026-07-20T10:00:00-0400";
    let (_, walked) =
        walk_with("2026-05-05T10:00:00-0400", &[("2026-06-11", "2026-07-20T10:00:00-0400")]).await;
    assert_eq!(walked.times_given()[&99], 2, "on two pages");
    assert_eq!(walked.last_start(99), Some(at(moved)));
}

/// Within one page it comes once.
#[tokio::test]
async fn appointment_that_moves_over_the_edge_within_a_page_is_given_once() {
    let (account, walked) =
        walk_with("2026-05-13T10:00:00-0400", &[("2026-05-14", "2026-05-14T10:00:00-0400")]).await;
    assert_all_found_once(&account, &walked, summer());
    assert_eq!(walked.last_start(99), Some(at("2026-05-14T10:00:00-0400")));
}

/// What moves behind the walk is not in it: the webhook of the move tells of it, or the next walk.
#[tokio::test]
async fn appointment_that_moves_behind_the_walk_is_found_by_the_next_one() {
    let (account, walked) =
        walk_with("2026-07-20T10:00:00-0400", &[("2026-06-11", "2026-05-05T10:00:00-0400")]).await;
    assert_eq!(walked.last_start(99), None);
    let next = walk(&account, 100, Some(ZONE), summer()).await.unwrap();
    assert_all_found_once(&account, &next, summer());
    assert_eq!(next.last_start(99), Some(at("2026-05-05T10:00:00-0400")));
}

#[tokio::test]
async fn appointment_that_moves_out_and_back_before_it_is_read_is_given_once() {
    let (account, walked) = walk_with(
        "2026-08-20T10:00:00-0400",
        &[("2026-05-14", "2026-05-02T10:00:00-0400"), ("2026-08-06", "2026-08-20T10:00:00-0400")],
    )
    .await;
    assert_all_found_once(&account, &walked, summer());
}

#[tokio::test]
async fn appointment_that_moves_out_and_back_after_it_was_read_is_given_as_it_is() {
    let (account, walked) = walk_with(
        "2026-05-05T10:00:00-0400",
        &[("2026-05-14", "2026-05-06T10:00:00-0400"), ("2026-06-11", "2026-05-05T10:00:00-0400")],
    )
    .await;
    assert_all_found_once(&account, &walked, summer());
    assert_eq!(walked.last_start(99), Some(at("2026-05-05T10:00:00-0400")));
}

/// Three hundred on one day, read by calendar.
async fn full_day() -> AcuityAccount {
    let one = |id: u64| seat(id + 1, "2026-05-12", id * 4, 1 + id % 4, 50 + id % 3);
    AcuityAccount::start((0..300).map(one).collect(), ZONE).await
}

fn missing(account: &AcuityAccount, walked: &Walked) -> Vec<u64> {
    let given = walked.times_given();
    let books = account.books();
    books.seats.iter().map(|seat| seat.id).filter(|id| !given.contains_key(id)).collect()
}

#[tokio::test]
async fn appointment_that_changes_calendars_while_its_day_is_read_is_found() {
    let account = full_day().await;
    let mut is_done = false;
    account.books().change = Some(Box::new(move |line, seats| {
        // Calendar 1 has been read, calendar 3 has not.
        if line.contains("calendarID=2") && !is_done {
            is_done = true;
            seats.iter_mut().filter(|seat| seat.id == 3).for_each(|seat| seat.calendar = 1);
        }
    }));
    let walked = walk(&account, 100, Some(ZONE), summer()).await.unwrap();
    assert_eq!(missing(&account, &walked), [0; 0]);
}

#[tokio::test]
async fn appointment_that_is_booked_while_its_day_is_read_is_found() {
    for before in ["direction=DESC", "calendarID=2", "calendarID=4", "appointmentTypeID=50"] {
        let account = full_day().await;
        let mut is_done = false;
        account.books().change = Some(Box::new(move |line, seats| {
            if line.contains(before) && !is_done {
                is_done = true;
                seats.push(seat(999, "2026-05-12", 500, 1, 50));
            }
        }));
        let walked = walk(&account, 100, Some(ZONE), summer()).await.unwrap();
        assert_eq!(missing(&account, &walked), [0; 0], "{before}");
    }
}

#[tokio::test]
async fn day_that_changes_whenever_it_is_read_is_incomplete_in_the_end() {
    let account = full_day().await;
    account.books().change = Some(Box::new(|line, seats| {
        // It is always in the other calendar.
        let other = if line.contains("calendarID=1") { 2 } else { 1 };
        seats.iter_mut().filter(|seat| seat.id == 3).for_each(|seat| seat.calendar = other);
    }));
    let error = walk(&account, 100, Some(ZONE), summer()).await.unwrap_err();
    assert!(matches!(error, PageError::Incomplete(_)), "{error:?}");
}
