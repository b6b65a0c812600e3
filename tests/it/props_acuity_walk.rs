//! Any account that stands still: the pages of a walk together are its appointments of the window,
//! or the walk ends with a part that can't be read, and then there is one.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use sync_domain::ports::PageError;

use crate::support::acuity::window;
use crate::support::acuity_account::{AcuityAccount, Seat};
use crate::support::acuity_walk::{assert_all_found_once, seat, walk};

const ZONES: [&str; 4] =
    ["America/New_York", "Pacific/Kiritimati", "Europe/Berlin", "Australia/Lord_Howe"];
const DAYS: u64 = 45;

/// Day, minute, calendar, type, and how many seats that moment has.
type Class = (u64, u64, u64, u64, u64);

fn class() -> impl Strategy<Value = Class> {
    // Half of all are on three days, so that some days are full.
    let day = prop_oneof![0..DAYS, 10..13_u64];
    (day, (0..24_u64).prop_map(|hour| hour * 60), 1..4_u64, 50..53_u64, 1..5_u64)
}

fn seats_of(classes: &[Class]) -> Vec<Seat> {
    let each = classes.iter().flat_map(|class| (0..class.4).map(move |_| *class));
    let each = each.enumerate().map(|(index, (day, minute, calendar, kind, _))| {
        seat(index as u64 + 1, "2026-03-01", day * 1_440 + minute, calendar, kind)
    });
    each.collect()
}

/// The most appointments of one day, and of one calendar and type on one day.
fn densest(account: &AcuityAccount) -> (usize, usize) {
    let books = account.books();
    let (mut days, mut parts) = (BTreeMap::new(), BTreeMap::new());
    for seat in &books.seats {
        let day = seat.at.to_zoned(books.zone.clone()).date();
        *days.entry(day).or_insert(0) += 1;
        *parts.entry((day, seat.calendar, seat.kind)).or_insert(0) += 1;
    }
    let most = |counts: Vec<usize>| counts.into_iter().max().unwrap_or_default();
    (most(days.into_values().collect()), most(parts.into_values().collect()))
}

fn run(
    classes: &[Class],
    rows_max: u32,
    vendors_max: usize,
    (theirs, ours): (usize, Option<usize>),
    reverses_ties: bool,
    (from, length): (i64, i64),
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let account = AcuityAccount::start(seats_of(classes), ZONES[theirs]).await;
        {
            let mut books = account.books();
            books.reverses_ties = reverses_ties;
            books.rows_max = vendors_max;
        }
        let mut span = window("2026-03-01T00:00:00Z", "2026-03-01T00:00:01Z");
        span.from += jiff::SignedDuration::from_hours(from);
        span.until = span.from + jiff::SignedDuration::from_hours(length);
        let (of_day, of_part) = densest(&account);
        let bound = usize::try_from(rows_max).unwrap().min(vendors_max);
        match walk(&account, rows_max, ours.map(|zone| ZONES[zone]), span).await {
            Ok(walked) => {
                assert_all_found_once(&account, &walked, span);
                let days = u32::try_from(length / 24 + 4).unwrap();
                let is_split = of_day >= bound;
                let parts = if is_split { 2 * (3 + 3 + 9) + 6 } else { 0 };
                let allowed = days * (3 + parts) + 10;
                assert!(walked.requests <= allowed, "{} of {allowed}", walked.requests);
            }
            Err(error) => {
                assert!(matches!(error, PageError::Incomplete(_)), "{error:?}");
                assert!(of_part >= bound, "no part has more than {of_part} rows of {bound}");
            }
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn walk_finds_each_appointment_once_or_says_that_it_can_not(
        classes in vec(class(), 0..120),
        rows_max in prop_oneof![4..40_u32, Just(100), Just(1_000)],
        zones in (0..ZONES.len(), proptest::option::of(0..ZONES.len())),
        reverses_ties: bool,
        span in (-48..700_i64, 1..900_i64),
    ) {
        run(&classes, rows_max, 1_000, zones, reverses_ties, span);
    }

    /// Acuity's own bound is not documented: it may be below what is asked for.
    #[test]
    fn walk_is_not_fooled_by_a_bound_below_its_own(
        classes in vec(class(), 100..160),
        vendors_max in 100..160_usize,
        reverses_ties: bool,
    ) {
        run(&classes, 1_000, vendors_max, (0, Some(0)), reverses_ties, (0, 1_200));
    }
}
