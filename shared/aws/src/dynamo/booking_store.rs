//! Bookings: loaded by the hundred, written one by one, each together with what changes about its
//! client.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::TransactWriteItem;
use jiff::SignedDuration;
use sync_domain::keys::BookingKey;
use sync_domain::model::{
    BookingVersion, ClientWrite, ExternalId, Recency, StoredBooking, System, TenantId,
};
use sync_domain::ports::{
    BookingOutcome, BookingStore, BookingWindow, BookingWrite, KnownBooking, StoreError,
};

use super::DynamoTable;
use super::booking_item::{booking_item, booking_of, version_of};
use super::client_item::{block_item, client_item, identifier_item};
use super::expression::{Key, Values, put, update};
use super::item::{
    BOOKINGS_BY_START, Item, PK, SK, block_sk, booking_partition, booking_sk, client_sk,
    identifier_sk, number, second_text, tenant_pk, text, text_of,
};

/// The bookings of one page of the index.
const PAGE_MAX: i32 = 200;

const ABSENT: &str = "attribute_not_exists(#pk)";

/// The version that was read, and nobody has seen a later state since: who refreshed it with a call
/// that began after ours knows better than we do.
const AS_SEEN: &str = "#version = :seen AND (#provider_version_ms < :provider_version \
     OR (#provider_version_ms = :provider_version AND #read_at_ms <= :read_at))";

/// The version that was seen again, last seen before that.
const SEEN_BEFORE: &str = "#version = :seen AND (#provider_version_ms < :provider_version \
     OR (#provider_version_ms = :provider_version AND #read_at_ms < :read_at))";

fn unavailable(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Unavailable(Box::new(error))
}

#[async_trait]
impl BookingStore for DynamoTable {
    async fn load(
        &self,
        tenant: &TenantId,
        system: System,
        keys: &[BookingKey],
    ) -> Result<BTreeMap<BookingKey, StoredBooking>, StoreError> {
        // The table refuses a key that is asked for twice.
        let keys: BTreeSet<_> = keys.iter().map(|key| booking_sk(system, key)).collect();
        let items = self.read_all(tenant, &keys.into_iter().collect::<Vec<_>>()).await?;
        let bookings = items.iter().filter_map(|item| match booking_of(item) {
            Ok(booking) => Some((booking.key.clone(), booking)),
            Err(attribute) => {
                // It must not keep its neighbours from being read. Nothing overwrites it: a write
                // that takes it for absent is refused.
                tracing::error!(attribute, "A stored booking can't be read.");
                None
            }
        });
        Ok(bookings.collect())
    }

    async fn store(&self, write: &BookingWrite) -> Result<BookingOutcome, StoreError> {
        let writes = self.writes_of(write).map_err(unavailable)?;
        let Some(refused) = self.refused_by(writes).await? else {
            return Ok(BookingOutcome::Stored);
        };
        match refused.first() {
            Some(Some(found)) => refusal_of(found, |found| is_same(found, &write.version)),
            Some(None) | None => Ok(BookingOutcome::ClientsChanged),
        }
    }

    async fn refresh(
        &self,
        tenant: &TenantId,
        system: System,
        stored: &StoredBooking,
        recency: Recency,
    ) -> Result<BookingOutcome, StoreError> {
        let note = "SET #provider_version_ms = :provider_version, #read_at_ms = :read_at";
        let key = booking_place(tenant, system, &stored.key);
        let values = seen(stored.version, recency);
        let refresh = update(&self.table_name, key, note, SEEN_BEFORE, values);
        let refused = self.refused_by(vec![refresh.map_err(unavailable)?]).await?;
        let Some(found) = refused.and_then(|items| items.into_iter().next().flatten()) else {
            return Ok(BookingOutcome::Stored);
        };
        // The same version, seen again later than this, is as good.
        refusal_of(&found, |found| found.stored.version == stored.version)
    }

    async fn beginning_in(
        &self,
        tenant: &TenantId,
        system: System,
        window: BookingWindow,
        after: Option<&str>,
    ) -> Result<(Vec<KnownBooking>, Option<String>), StoreError> {
        let (first, last) = seconds_of(window);
        if first > last {
            return Ok((Vec::new(), None));
        }
        let partition = booking_partition(tenant, system);
        let start = after.map(|after| start_key(tenant, &partition, after)).transpose()?;
        let query = self
            .client
            .query()
            .table_name(&self.table_name)
            .index_name(BOOKINGS_BY_START)
            .key_condition_expression(
                "#partition = :partition AND #starts BETWEEN :first AND :last",
            )
            .expression_attribute_names("#partition", "booking_partition")
            .expression_attribute_names("#starts", "starts_at")
            .expression_attribute_values(":partition", text(&partition))
            .expression_attribute_values(":first", text(first))
            .expression_attribute_values(":last", text(last))
            .set_exclusive_start_key(start)
            .limit(PAGE_MAX);
        let page = query.send().await.map_err(unavailable)?;
        let known = page.items().iter().filter_map(|item| {
            let external_id = ExternalId::new(text_of(item, "external_id")?);
            Some(KnownBooking { external_id, place: place_of(item)? })
        });
        Ok((known.collect(), page.last_evaluated_key().and_then(place_of)))
    }
}

impl DynamoTable {
    /// The booking comes first; the outcome is read by that.
    fn writes_of(&self, write: &BookingWrite) -> Result<Vec<TransactWriteItem>, BuildError> {
        let BookingVersion { tenant, system, stored, .. } = &write.version;
        let (condition, values) = match write.seen {
            None => (ABSENT, Values::default()),
            Some(version) => (AS_SEEN, seen(version, stored.recency)),
        };
        let key = booking_place(tenant, *system, &stored.key);
        let mut writes =
            vec![put(&self.table_name, key, booking_item(&write.version), condition, values)?];
        if let Some(client) = &write.client {
            writes.extend(self.client_writes(&write.version, client)?);
        }
        Ok(writes)
    }

    fn client_writes(
        &self,
        version: &BookingVersion,
        write: &ClientWrite,
    ) -> Result<Vec<TransactWriteItem>, BuildError> {
        let place = |sk| Key { pk: tenant_pk(&version.tenant), sk };
        let absent = |sk, item| put(&self.table_name, place(sk), item, ABSENT, Values::default());
        let mut writes = Vec::new();
        if let Some(person) = &write.new {
            let item = client_item(person, version.synced_at);
            writes.push(absent(client_sk(&write.client), item)?);
        }
        // The table refuses two writes to one item.
        for key in write.identifiers.iter().collect::<BTreeSet<_>>() {
            writes.push(absent(identifier_sk(key), identifier_item(&write.client))?);
        }
        for block in &write.blocks {
            let (condition, values) = match block.seen {
                0 => (ABSENT, Values::default()),
                revision => ("#revision = :seen", Values::default().with("seen", number(revision))),
            };
            let place = place(block_sk(&block.key));
            writes.push(put(&self.table_name, place, block_item(block), condition, values)?);
        }
        Ok(writes)
    }
}

fn booking_place(tenant: &TenantId, system: System, key: &BookingKey) -> Key {
    Key { pk: tenant_pk(tenant), sk: booking_sk(system, key) }
}

fn seen(version: u64, recency: Recency) -> Values {
    Values::default()
        .with("seen", number(version))
        .with("provider_version", number(recency.provider_version))
        .with("read_at", number(recency.read_at_ms))
}

/// What refused a write to a booking, the booking's item as it is, empty where there is none.
fn refusal_of(
    item: &Item,
    is_as_wanted: impl Fn(&BookingVersion) -> bool,
) -> Result<BookingOutcome, StoreError> {
    if item.is_empty() {
        return Ok(BookingOutcome::Overtaken(None));
    }
    let found = version_of(item).map_err(StoreError::Malformed)?;
    Ok(if is_as_wanted(&found) {
        BookingOutcome::Stored
    } else {
        BookingOutcome::Overtaken(Some(Box::new(found.stored)))
    })
}

/// Whether what refused a write is that very write, made by a try whose answer was lost. It may be more
/// recent by now, as somebody may have seen it again; if it is less so, it is an equal state of before,
/// and ours must be noted.
fn is_same(found: &BookingVersion, ours: &BookingVersion) -> bool {
    let with_recency_of = |version: &BookingVersion| {
        let mut version = version.clone();
        version.stored.recency = ours.stored.recency;
        version
    };
    found.stored.recency >= ours.stored.recency && with_recency_of(found) == *ours
}

/// The first and the last second of a window. The index knows seconds only, so that in which the
/// window begins is in it as a whole.
fn seconds_of(window: BookingWindow) -> (String, String) {
    let last = window.until.checked_sub(SignedDuration::from_nanos(1)).unwrap_or(window.until);
    (second_text(window.from), second_text(last))
}

/// The place of a booking in the index, as [`start_key`] reads it.
fn place_of(item: &Item) -> Option<String> {
    Some(format!("{} {}", text_of(item, "starts_at")?, text_of(item, SK)?))
}

/// Where a page of the index goes on: the second and the sort key of the last one before.
fn start_key(tenant: &TenantId, partition: &str, after: &str) -> Result<Item, StoreError> {
    let (starts_at, sk) = after.split_once(' ').ok_or(StoreError::Malformed("a page's end"))?;
    Ok(Item::from([
        ("booking_partition".to_owned(), text(partition)),
        ("starts_at".to_owned(), text(starts_at)),
        (PK.to_owned(), text(tenant_pk(tenant))),
        (SK.to_owned(), text(sk)),
    ]))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use sync_domain::ports::BookingWindow;

    use super::seconds_of;

    fn seconds(from: &str, until: &str) -> (String, String) {
        let at = |text: &str| -> Timestamp { text.parse().unwrap() };
        seconds_of(BookingWindow { from: at(from), until: at(until) })
    }

    #[test]
    fn window_ends_before_its_last_moment_and_begins_with_a_whole_second() {
        let whole = seconds("2026-11-22T10:00:00Z", "2026-11-22T11:00:00Z");
        assert_eq!(whole, ("2026-11-22T10:00:00Z".into(), "2026-11-22T10:59:59Z".into()));
        let broken = seconds("2026-11-22T10:00:00.7Z", "2026-11-22T11:00:00.2Z");
        assert_eq!(broken, ("2026-11-22T10:00:00Z".into(), "2026-11-22T11:00:00Z".into()));
        let (first, last) = seconds("2026-11-22T10:00:00Z", "2026-11-22T10:00:00Z");
        assert!(first > last, "an empty window has no second");
    }
}
