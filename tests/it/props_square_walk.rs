//! Any seller that stands still: the pages of a walk together are the bookings of the window, each
//! once, whatever the order of the list, the size of its pages and the meaning of its ends.

use jiff::{SignedDuration, Timestamp};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::support::acuity::window;
use crate::support::square_account::SquareAccount;
use crate::support::square_walk::{assert_all_found_once, slot, span, walk};

/// Where a booking begins: so many milliseconds behind the edge of a span.
type Begin = (i32, i64);

fn begin() -> impl Strategy<Value = Begin> {
    let day_ms = 86_400_000_i64;
    let near = prop_oneof![
        Just(0),
        Just(-1),
        Just(1),
        Just(-1_000),
        Just(1_000),
        -2_500..2_500_i64,
        -31 * day_ms..31 * day_ms,
    ];
    (-1..6, near)
}

fn run(
    begins: &[Begin],
    (rows_max, order, includes_max): (usize, u64, bool),
    (from_ms, length_ms): (i64, i64),
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut whole = window("2026-03-01T00:00:00Z", "2026-03-01T00:00:01Z");
        whole.from += SignedDuration::from_millis(from_ms);
        whole.until = whole.from + SignedDuration::from_millis(length_ms);
        // The first span begins with the second that the window begins in.
        let second = Timestamp::from_second(whole.from.as_second()).unwrap();
        let slots = begins.iter().enumerate().map(|(id, (edge, behind))| {
            slot(id as u64, second + span() * *edge + SignedDuration::from_millis(*behind))
        });
        let account = SquareAccount::start(slots.collect()).await;
        {
            let mut ledger = account.ledger();
            (ledger.rows_max, ledger.order, ledger.includes_max) = (rows_max, order, includes_max);
        }
        let walked = walk(&account, whole).await.unwrap();
        assert_all_found_once(&account, &walked, whole);
        let spans = usize::try_from(length_ms / (span().as_secs() * 1_000)).unwrap() + 2;
        let pages = spans + begins.len() * 2 / rows_max.min(100);
        assert!(walked.pages as usize <= pages, "{} of {pages}", walked.pages);
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn walk_finds_each_booking_once(
        begins in vec(begin(), 0..90),
        list in (prop_oneof![3..12_usize, Just(100), Just(1_000)], any::<u64>(), any::<bool>()),
        span in (0..5_000_i64, 1..13_000_000_000_i64),
    ) {
        run(&begins, list, span);
    }
}
