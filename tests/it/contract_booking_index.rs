//! One suite for finding bookings by when they begin, run against the fake and against the table of
//! the local cloud in `e2e_table_contract`.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;
use sync_domain::model::StatusReason;
use sync_domain::ports::BookingOutcome::Stored;
use sync_domain::ports::{BookingStore, BookingWindow, KnownBooking};
use sync_testkit::MemoryBookings;

use crate::contract_booking_store::{Bench, SYSTEM, at, next};

/// More than fit on one page of the table's index.
const CROWD: usize = 230;

impl<S: BookingStore> Bench<'_, S> {
    /// All pages, each with something on it but for the last.
    async fn beginning_in(&self, from: Timestamp, until: Timestamp) -> Vec<Vec<String>> {
        let window = BookingWindow { from, until };
        let (mut pages, mut after) = (Vec::new(), None::<String>);
        loop {
            let page = self.store.beginning_in(&self.tenant, SYSTEM, window, after.as_deref());
            let (known, next) = page.await.unwrap();
            pages.push(known.iter().map(|it| it.external_id.as_str().to_owned()).collect());
            match next {
                Some(next) => after = Some(next),
                None => return pages,
            }
        }
    }

    /// All that begins in the first minute behind a place.
    async fn known_behind(&self, place: Option<&str>) -> Vec<KnownBooking> {
        let window = BookingWindow { from: at(0), until: at(60) };
        let (mut all, mut after) = (Vec::new(), place.map(str::to_owned));
        loop {
            let page = self.store.beginning_in(&self.tenant, SYSTEM, window, after.as_deref());
            let (known, next) = page.await.unwrap();
            all.extend(known);
            match next {
                Some(next) => after = Some(next),
                None => return all,
            }
        }
    }

    async fn ids_in(&self, from: Timestamp, until: Timestamp) -> BTreeSet<String> {
        let pages = self.beginning_in(from, until).await;
        let all: Vec<_> = pages.into_iter().flatten().collect();
        let ids: BTreeSet<_> = all.iter().cloned().collect();
        assert_eq!(ids.len(), all.len(), "an id is on two pages");
        ids
    }

    /// Waits for the index, which may lag.
    async fn assert_ids_in(&self, from: Timestamp, until: Timestamp, expected: &[&str]) {
        let expected: BTreeSet<_> = expected.iter().map(|id| (*id).to_owned()).collect();
        for _try in 0..40 {
            if self.ids_in(from, until).await == expected {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(self.ids_in(from, until).await, expected);
    }
}

async fn window_has_its_first_moment_and_not_its_last(bench: Bench<'_, impl BookingStore>) {
    for (id, second) in [("before", -1), ("first", 0), ("within", 30), ("last", 60)] {
        let mut version = bench.first(id);
        version.stored.booking.starts_at = at(second);
        bench.put(&version).await;
    }
    bench.assert_ids_in(at(0), at(60), &["first", "within"]).await;
    bench.assert_ids_in(at(60), at(61), &["last"]).await;
    bench.assert_ids_in(at(61), at(61), &[]).await;
    Bench::new(bench.store).assert_ids_in(at(-100), at(100), &[]).await;
}

async fn booking_is_found_where_it_begins_now_and_not_once_it_is_deleted(
    bench: Bench<'_, impl BookingStore>,
) {
    let (first, stays) = (bench.first("moves"), bench.first("stays"));
    bench.put(&first).await;
    bench.put(&stays).await;
    let mut moved = next(&first);
    moved.stored.booking.starts_at = at(86_400);
    assert_eq!(bench.write(&moved, Some(1), None).await, Stored);
    bench.assert_ids_in(at(0), at(60), &["stays"]).await;
    bench.assert_ids_in(at(86_400), at(90_000), &["moves"]).await;
    let mut deleted = next(&moved);
    deleted.stored.booking.reason = Some(StatusReason::Deleted);
    assert_eq!(bench.write(&deleted, Some(2), None).await, Stored);
    bench.assert_ids_in(at(86_400), at(90_000), &[]).await;
    assert_eq!(bench.found("moves").await, Some(deleted.stored.clone()));
    let back = next(&deleted);
    assert_eq!(bench.write(&back, Some(3), None).await, Stored);
    bench.assert_ids_in(at(86_400), at(90_000), &["moves"]).await;
}

async fn crowd_of_one_second_comes_whole_over_several_pages(bench: Bench<'_, impl BookingStore>) {
    let ids: Vec<_> = (0..CROWD).map(|number| number.to_string()).collect();
    for chunk in ids.chunks(16) {
        let versions: Vec<_> = chunk.iter().map(|id| bench.first(id)).collect();
        join_all(versions.iter().map(|version| bench.put(version))).await;
    }
    let expected: Vec<_> = ids.iter().map(String::as_str).collect();
    bench.assert_ids_in(at(0), at(1), &expected).await;
    assert!(bench.beginning_in(at(0), at(1)).await.len() > 1, "one page only");
}

/// The places behind one that was given are the same, whatever became of the booking there.
async fn any_place_leads_to_what_comes_behind_it(bench: Bench<'_, impl BookingStore>) {
    for second in 0..5 {
        let mut version = bench.first(&format!("at-{second}"));
        version.stored.booking.starts_at = at(second);
        bench.put(&version).await;
    }
    let ids = ["at-0", "at-1", "at-2", "at-3", "at-4"];
    bench.assert_ids_in(at(0), at(60), &ids).await;
    let all = bench.known_behind(None).await;
    for (place, known) in all.iter().enumerate() {
        let behind = bench.known_behind(Some(&known.place)).await;
        assert_eq!(behind, all.get(place + 1..).unwrap(), "{place}");
    }
    let second = &all[1];
    let found = bench.found(second.external_id.as_str()).await.unwrap();
    let mut moved = bench.first(second.external_id.as_str());
    moved.stored = found;
    let mut moved = next(&moved);
    moved.stored.booking.starts_at = at(86_400);
    assert_eq!(bench.write(&moved, Some(1), None).await, Stored);
    let left: Vec<_> = ids.into_iter().filter(|id| *id != second.external_id.as_str()).collect();
    bench.assert_ids_in(at(0), at(60), &left).await;
    assert_eq!(bench.known_behind(Some(&second.place)).await, all.get(2..).unwrap());
}

pub async fn whole_suite<S: BookingStore>(store: &S) {
    let bench = || Bench::new(store);
    window_has_its_first_moment_and_not_its_last(bench()).await;
    booking_is_found_where_it_begins_now_and_not_once_it_is_deleted(bench()).await;
    crowd_of_one_second_comes_whole_over_several_pages(bench()).await;
    any_place_leads_to_what_comes_behind_it(bench()).await;
}

#[tokio::test]
async fn memory_bookings_keep_the_contract_of_the_index() {
    whole_suite(&MemoryBookings::default()).await;
}
