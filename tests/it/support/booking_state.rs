//! What the table holds of a tenant's bookings and clients, and whether that is what the provider has.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::booking_tenant::BookingTenant;
use super::table::number_in;
use super::waiting::until;

const SOON: Duration = Duration::from_secs(60);
/// Operations of the table that change something.
const WRITES: [&str; 5] =
    ["PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems", "BatchWriteItem"];

/// A text of an item; empty if it has none.
pub fn text_in<'a>(item: &'a Value, name: &str) -> &'a str {
    item.get(name).and_then(|value| value["S"].as_str()).unwrap_or_default()
}

impl BookingTenant {
    /// Stored bookings.
    pub async fn bookings(&self) -> Vec<Value> {
        let prefix = format!("BOOKING#{}#", self.tenant.provider.system);
        self.tenant.items_below(&prefix).await
    }

    /// The one booking with that id of the provider's.
    pub async fn booking(&self, id: u64) -> Value {
        let mut found = self.bookings().await;
        found.retain(|it| text_in(it, "external_id") == id.to_string());
        assert_eq!(found.len(), 1, "bookings with id {id}: {found:?}");
        found.remove(0)
    }

    /// How many versions were ever stored.
    pub async fn versions(&self) -> u64 {
        self.bookings().await.iter().map(|booking| number_in(booking, "version")).sum()
    }

    /// Waits for a version of a booking, and gives the booking.
    pub async fn until_version(&self, id: u64, version: u64) -> Value {
        until(&format!("version {version} of booking {id}"), SOON, async || {
            let bookings = self.bookings().await;
            bookings.iter().any(|it| {
                text_in(it, "external_id") == id.to_string() && number_in(it, "version") >= version
            })
        })
        .await;
        let booking = self.booking(id).await;
        assert_eq!(number_in(&booking, "version"), version, "{booking}");
        booking
    }

    /// The clients.
    pub async fn clients(&self) -> Vec<Value> {
        self.tenant.items_below("CLIENT#").await
    }

    /// Up to where the system was read completely; null before the first import is complete.
    pub async fn watermark(&self) -> Value {
        let sk = format!("IMPORT#{}", self.tenant.provider.system);
        self.tenant.items_below(&sk).await.into_iter().next().unwrap_or_default()
    }

    /// Writes of bookings and clients since counting began: those of the gate, of watermarks and of
    /// claims are no part of what an import stores.
    pub async fn booking_writes(&self) -> usize {
        let cloud = &self.tenant.cloud;
        let since = self.tenant.counted_since_ms();
        let partition = format!("T%23{}", self.tenant.id);
        let path = format!("aws/calls?service=dynamodb&contains={partition}&since_ms={since}");
        let calls = cloud.sandbox_get(&path).await["calls"].as_array().unwrap().clone();
        let is_write = |call: &&Value| WRITES.contains(&call["operation"].as_str().unwrap());
        let writes = calls.iter().filter(is_write).cloned().collect::<Vec<_>>();
        let mut others = Vec::new();
        for own in ["GATE%23", "IMPORT%23", "IMPORTIDEM%23"] {
            let path = format!("aws/calls?service=dynamodb&contains={own}&since_ms={since}");
            let found = cloud.sandbox_get(&path).await["calls"].as_array().unwrap().clone();
            others.extend(found);
        }
        writes.iter().filter(|call| !others.contains(call)).count()
    }

    /// What differs between the table and the provider, in words.
    pub async fn out_of_step(&self) -> Vec<String> {
        let bookings = self.bookings().await;
        let is_there = |it: &&Value| text_in(it, "reason") != "deleted";
        let mut stored: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
        for booking in bookings.iter().filter(is_there) {
            stored.entry(text_in(booking, "external_id")).or_default().push(booking);
        }
        let mut differences = Vec::new();
        let customers = self.remote_customers().await;
        for object in self.tenant.remote("appointment").await {
            let theirs = self.system.kept(&object, &customers);
            let id = theirs["external_id"].as_str().unwrap();
            let found = stored.remove(id).unwrap_or_default();
            let [booking] = found.as_slice() else {
                differences.push(format!("{id}: {} bookings", found.len()));
                continue;
            };
            let is_cancelled = text_in(booking, "status") == "cancelled";
            if theirs["is_cancelled"] != is_cancelled {
                differences.push(format!("{id}: {}", text_in(booking, "status")));
            }
            for (name, value) in theirs.iter().filter(|(name, _)| *name != "is_cancelled") {
                let ours = text_in(booking, name);
                if value != ours {
                    differences.push(format!("{id}: {name} {ours:?}, not {value}"));
                }
            }
        }
        differences.extend(stored.into_keys().map(|id| format!("{id}: is gone and stored")));
        differences
    }

    /// Panics unless the table holds what the provider holds.
    pub async fn assert_in_step(&self) {
        let mut differences = self.out_of_step().await;
        let count = differences.len();
        differences.truncate(10);
        assert_eq!(differences, Vec::<String>::new(), "{}: {count} differences", self.tenant.id);
    }
}
