//! Windows of accounts that hold more than Acuity gives at once: everything is found, or it is said
//! that it can't be.

use sync_domain::ports::PageError;

use crate::support::acuity::window;
use crate::support::acuity_account::{AcuityAccount, Seat};
use crate::support::acuity_walk::{assert_all_found_once, seat, walk};

const ZONE: &str = "America/New_York";
const DAY: &str = "2026-05-12";

/// Classes of ten seats at one moment, every twelve minutes, calendars in turn.
fn classes(count: u64, calendars: u64, kinds: u64) -> Vec<Seat> {
    let one = |id: u64| {
        let class = id / 10;
        seat(1_000 + id, DAY, class * 12, 1 + class % calendars, 50 + class % kinds)
    };
    (0..count).map(one).collect()
}

fn may() -> sync_domain::ports::BookingWindow {
    window("2026-05-01T04:00:00Z", "2026-06-01T04:00:00Z")
}

#[tokio::test]
async fn day_of_250_in_classes_over_three_calendars_is_found_once_each() {
    for kinds in [1, 2, 4] {
        let account = AcuityAccount::start(classes(250, 3, kinds), ZONE).await;
        let walked = walk(&account, 100, Some(ZONE), may()).await.unwrap();
        assert_all_found_once(&account, &walked, may());
        assert!(walked.requests <= 30, "{} requests", walked.requests);
    }
}

/// Whole-dates filters and a zone that we don't know: the extra days make up for it.
#[tokio::test]
async fn window_is_found_whatever_the_accounts_zone_is() {
    for (theirs, ours) in [
        ("America/New_York", None),
        ("Pacific/Kiritimati", None),
        ("Pacific/Pago_Pago", None),
        ("Pacific/Kiritimati", Some("America/New_York")),
        ("Europe/Berlin", Some("Europe/Berlin")),
    ] {
        let seats = (0..31 * 8).map(|id| seat(id + 1, "2026-05-01", id * 180, 1 + id % 2, 50));
        let account = AcuityAccount::start(seats.collect(), theirs).await;
        let narrow = window("2026-05-07T22:30:00Z", "2026-05-21T01:00:00Z");
        let walked = walk(&account, 20, ours, narrow).await.unwrap();
        assert_all_found_once(&account, &walked, narrow);
    }
}

/// The proof by both ends needs no list, so it finds what belongs to a deleted calendar too.
#[tokio::test]
async fn day_below_twice_the_bound_is_proven_without_any_list() {
    let seats = (0..198).map(|id| seat(id + 1, DAY, id * 7, 1 + id % 9, 50));
    let account = AcuityAccount::start(seats.collect(), ZONE).await;
    account.books().calendars.clear();
    let walked = walk(&account, 100, Some(ZONE), may()).await.unwrap();
    assert_all_found_once(&account, &walked, may());
    let lines = account.lines();
    assert!(!lines.iter().any(|line| line.contains("calendar")), "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("direction=DESC")));
}

/// Both directions give the same hundred seats of a class of 150: their ids are common, and nothing is
/// proven.
#[tokio::test]
async fn class_larger_than_an_answer_is_never_taken_for_complete() {
    for reverses_ties in [false, true] {
        let seats = (0..150).map(|id| seat(id + 1, DAY, 600, 1, 50)).collect();
        let account = AcuityAccount::start(seats, ZONE).await;
        account.books().reverses_ties = reverses_ties;
        let error = walk(&account, 100, Some(ZONE), may()).await.unwrap_err();
        let day = window("2026-05-12T04:00:00Z", "2026-05-13T04:00:00Z");
        assert_eq!(error, PageError::Incomplete(day));
    }
}

#[tokio::test]
async fn day_that_stays_full_in_its_smallest_part_is_incomplete() {
    let seats = (0..1_000).map(|id| seat(id + 1, DAY, id, 1 + id % 2, 50)).collect();
    let account = AcuityAccount::start(seats, ZONE).await;
    let error = walk(&account, 100, Some(ZONE), may()).await.unwrap_err();
    assert!(matches!(error, PageError::Incomplete(_)), "{error:?}");
}

#[tokio::test]
async fn calendar_that_is_full_is_read_by_type() {
    let seats = (0..600).map(|id| seat(id + 1, DAY, id * 2, 1, 50 + id % 5)).collect();
    let account = AcuityAccount::start(seats, ZONE).await;
    let walked = walk(&account, 100, Some(ZONE), may()).await.unwrap();
    assert_all_found_once(&account, &walked, may());
}

/// A calendar that was deleted, in the middle of a day, where neither end of the day shows it.
#[tokio::test]
async fn deleted_calendar_in_the_middle_of_a_full_day_is_found_by_its_type() {
    let mut seats: Vec<_> =
        (0..300).map(|id| seat(id + 1, DAY, id * 4, 1 + id % 4, 50 + id % 3)).collect();
    seats.push(seat(999, DAY, 601, 77, 50));
    let account = AcuityAccount::start(seats, ZONE).await;
    account.books().calendars.retain(|id| *id != 77);
    let walked = walk(&account, 100, Some(ZONE), may()).await.unwrap();
    assert_all_found_once(&account, &walked, may());
}

#[tokio::test]
async fn deleted_type_is_found_by_its_calendar() {
    let mut seats: Vec<_> =
        (0..600).map(|id| seat(id + 1, DAY, id * 2, 1 + id % 4, 50 + id % 6)).collect();
    seats.push(seat(999, DAY, 601, 2, 77));
    let account = AcuityAccount::start(seats, ZONE).await;
    account.books().kinds.retain(|id| *id != 77);
    let walked = walk(&account, 100, Some(ZONE), may()).await.unwrap();
    assert_all_found_once(&account, &walked, may());
}

#[tokio::test]
async fn row_without_a_calendar_on_a_day_that_must_be_split_is_not_lost_quietly() {
    let mut seats: Vec<_> = (0..300).map(|id| seat(id + 1, DAY, id * 4, 1 + id % 4, 50)).collect();
    seats[0].calendar = 0;
    let account = AcuityAccount::start(seats, ZONE).await;
    let error = walk(&account, 100, Some(ZONE), may()).await.unwrap_err();
    assert!(matches!(error, PageError::Incomplete(_)), "{error:?}");
}

/// `max=1000` is asked for, and Acuity, whose bound nobody knows, never gives more than 120.
#[tokio::test]
async fn bound_of_acuitys_own_below_ours_is_noticed() {
    for vendors_max in [100, 120, 999] {
        let spread = (0..1_500).map(|id| seat(id + 1, "2026-05-01", id * 29, 1 + id % 3, 50));
        let account = AcuityAccount::start(spread.collect(), ZONE).await;
        account.books().rows_max = vendors_max;
        let walked = walk(&account, 1_000, Some(ZONE), may()).await.unwrap();
        assert_all_found_once(&account, &walked, may());
    }
}

/// A class of 150 in one answer of fewer rows than were asked for: complete, once Acuity has been seen
/// to give more.
#[tokio::test]
async fn class_within_what_acuity_is_seen_to_give_is_complete() {
    let class = (0..150).map(|id| seat(id + 1, "2026-05-20", 600, 1, 50));
    let rest = (0..200).map(|id| seat(id + 1_001, "2026-05-22", id * 5, 1 + id % 3, 50));
    let account = AcuityAccount::start(class.chain(rest).collect(), ZONE).await;
    let walked = walk(&account, 1_000, Some(ZONE), may()).await.unwrap();
    assert_all_found_once(&account, &walked, may());
}

#[tokio::test]
async fn busy_year_costs_a_few_requests_more_than_it_has_full_answers() {
    // 68 a day: no two days fit into one answer.
    let seats =
        (0..68 * 90).map(|id| seat(id + 1, "2026-01-01", id * 21, 1 + id % 5, 50)).collect();
    let account = AcuityAccount::start(seats, ZONE).await;
    let quarter = window("2026-01-01T05:00:00Z", "2026-04-01T04:00:00Z");
    let walked = walk(&account, 100, Some(ZONE), quarter).await.unwrap();
    assert_all_found_once(&account, &walked, quarter);
    assert!(walked.requests <= 92 + 8, "{} requests", walked.requests);
}

#[tokio::test]
async fn empty_years_cost_few_requests() {
    let account = AcuityAccount::start(vec![], ZONE).await;
    let years = window("2026-01-01T05:00:00Z", "2028-01-01T05:00:00Z");
    let walked = walk(&account, 100, Some(ZONE), years).await.unwrap();
    assert_all_found_once(&account, &walked, years);
    assert!(walked.requests <= 16, "{} requests", walked.requests);
}
