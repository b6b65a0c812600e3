//! Records and pointers as items, both ways.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use sync_domain::keys::RecordKey;
use sync_domain::model::{
    Association, AttributeName, Attributes, ExternalId, NewVersion, Origin, OwnerId, Recency,
    RecordLock, RecordPointer, StoredRecord, Tombstone, VersionChange,
};
use sync_domain::ports::{RecordScope, StoreError};

use super::item::{
    ENTITY_POINTER, ENTITY_RECORD, Item, number, text, text_of, texts_of, timestamp_of,
};

/// The attributes of a record that a version sets or, where it has no value for one, removes.
/// `queued` is left out: it belongs to those who wait.
pub fn version_attributes(
    scope: &RecordScope,
    new: &NewVersion,
) -> Vec<(&'static str, Option<AttributeValue>)> {
    let record = &new.record;
    let id = record.external_id.as_ref().map(|id| text(id.as_str()));
    let tombstone = record.tombstone.as_ref();
    vec![
        ("entity", Some(text(ENTITY_RECORD))),
        ("tenant_id", Some(text(scope.tenant.as_str()))),
        ("system", Some(text(scope.system.as_str()))),
        ("type", Some(text(scope.object_type.as_str()))),
        ("record_key", Some(text(record.key.as_str()))),
        ("version", Some(number(record.version))),
        ("external_id", id),
        ("payload", Some(payload_of(&record.attributes))),
        ("associations", texts(record.associations.iter().map(Association::to_stored))),
        ("associations_of", record.associations_of.as_ref().map(|id| text(id.as_str()))),
        ("associations_read_at_ms", nonzero(record.associations_read_at_ms)),
        ("provider_version_ms", nonzero(record.recency.provider_version)),
        ("read_at_ms", nonzero(record.recency.read_at_ms)),
        ("origin", Some(text(record.origin.as_str()))),
        ("change", Some(text(new.change.as_str()))),
        ("deleted_at", tombstone.map(|it| text(it.deleted_at.to_string()))),
        ("merged_into", tombstone.and_then(|it| Some(text(it.merged_into.as_ref()?.as_str())))),
        ("moved", moved_of(new)),
        ("synced_at", Some(text(new.synced_at.to_string()))),
        ("correlation_id", Some(text(new.correlation_id.as_str()))),
        ("content_hash", None),
        ("lock_owner", None),
        ("lock_until_ms", None),
        ("lock_started_at_ms", None),
    ]
}

/// What differs from a version at another place, marked with the version that says so: a later one
/// need not know of it.
fn moved_of(new: &NewVersion) -> Option<AttributeValue> {
    let differences = new.differences.as_ref()?;
    let mut moved = HashMap::from([("version".to_owned(), number(new.record.version))]);
    moved.extend(texts(differences.names()).map(|names| ("differences".to_owned(), names)));
    Some(AttributeValue::M(moved))
}

fn payload_of(attributes: &Attributes) -> AttributeValue {
    let values = attributes.iter().map(|(name, value)| (name.as_str().to_owned(), text(value)));
    AttributeValue::M(values.collect())
}

/// A set of texts; the table has no empty one.
pub fn texts(values: impl IntoIterator<Item = impl Into<String>>) -> Option<AttributeValue> {
    let values: Vec<String> = values.into_iter().map(Into::into).collect();
    (!values.is_empty()).then_some(AttributeValue::Ss(values))
}

/// A number of which zero means that there is none.
pub fn nonzero(value: i64) -> Option<AttributeValue> {
    (value != 0).then(|| number(value))
}

/// Reads a record.
///
/// # Errors
/// When an attribute is of another type than we write.
pub fn record_of(item: &Item) -> Result<StoredRecord, StoreError> {
    let malformed = StoreError::Malformed;
    if text_of(item, "entity") != Some(ENTITY_RECORD) {
        return Err(malformed("a record that is none"));
    }
    let key = text_of(item, "record_key").ok_or(malformed("a record without a key"))?;
    let external_id = text_of(item, "external_id").map(ExternalId::new);
    let version = u64_of(item, "version").ok_or(malformed("a record's version"))?;
    if version > 0 && external_id.is_none() {
        return Err(malformed("a record without an external id"));
    }
    let origin = text_of(item, "origin").map_or(Some(Origin::Platform), Origin::parse);
    Ok(StoredRecord {
        key: RecordKey::from_stored(key),
        version,
        external_id,
        attributes: attributes_of(item).ok_or(malformed("a record's payload"))?,
        associations: texts_of(item, "associations")
            .filter_map(|text| Association::from_stored(&text))
            .collect(),
        associations_of: text_of(item, "associations_of").map(ExternalId::new),
        tombstone: tombstone_of(item)?,
        origin: origin.ok_or(malformed("a record's origin"))?,
        recency: recency_of(item, ["provider_version_ms", "read_at_ms"]),
        associations_read_at_ms: i64_of(item, "associations_read_at_ms"),
        lock: lock_of(item)?,
        queued: u64_of(item, "queued").ok_or(malformed("a record's queue"))?,
    })
}

fn attributes_of(item: &Item) -> Option<Attributes> {
    let Some(payload) = item.get("payload") else { return Some(Attributes::default()) };
    let known = payload.as_m().ok()?.iter().filter_map(|(name, value)| {
        Some((AttributeName::parse(name)?, value.as_s().ok()?.clone()))
    });
    Some(known.collect())
}

fn tombstone_of(item: &Item) -> Result<Option<Tombstone>, StoreError> {
    let Some(deleted_at) = item.get("deleted_at") else { return Ok(None) };
    let deleted_at: Option<Timestamp> = deleted_at.as_s().ok().and_then(|text| text.parse().ok());
    let deleted_at = deleted_at.ok_or(StoreError::Malformed("a tombstone's time"))?;
    let merged_into = text_of(item, "merged_into").map(ExternalId::new);
    let is_erased = text_of(item, "change") == Some(VersionChange::Erased.as_str());
    Ok(Some(Tombstone { deleted_at, merged_into, is_erased }))
}

fn lock_of(item: &Item) -> Result<Option<RecordLock>, StoreError> {
    let Some(owner) = item.get("lock_owner") else { return Ok(None) };
    let lock = || {
        let owner = OwnerId::new(owner.as_s().ok()?);
        Some(RecordLock { owner, lease_until: timestamp_of(item, "lock_until_ms")? })
    };
    lock().map(Some).ok_or(StoreError::Malformed("the lock of a record"))
}

fn recency_of(item: &Item, [version, read_at]: [&str; 2]) -> Recency {
    Recency { provider_version: i64_of(item, version), read_at_ms: i64_of(item, read_at) }
}

fn i64_of(item: &Item, name: &str) -> i64 {
    let value = item.get(name).and_then(|value| value.as_n().ok()?.parse().ok());
    value.unwrap_or_default()
}

/// A count, 0 where it is absent, `None` where it is none.
fn u64_of(item: &Item, name: &str) -> Option<u64> {
    item.get(name).map_or(Some(0), |value| value.as_n().ok()?.parse().ok())
}

/// The attributes of a pointer; those without a value are absent.
pub fn pointer_attributes(pointer: &RecordPointer) -> Vec<(&'static str, Option<AttributeValue>)> {
    let key = |key: &Option<RecordKey>| key.as_ref().map(|key| text(key.as_str()));
    vec![
        ("record_key", key(&pointer.record)),
        ("merged_into", pointer.merged_into.as_ref().map(|id| text(id.as_str()))),
        ("tombstone_key", key(&pointer.tombstone)),
        ("gone_version_ms", pointer.gone.map(|gone| number(gone.provider_version))),
        ("gone_read_at_ms", pointer.gone.map(|gone| number(gone.read_at_ms))),
        ("is_erased", pointer.is_erased.then_some(AttributeValue::Bool(true))),
        ("merged_ids", texts(pointer.merged_ids.iter().map(ExternalId::as_str))),
        ("last_version", (pointer.last_version > 0).then(|| number(pointer.last_version))),
        ("places", texts(pointer.places.iter().map(RecordKey::as_str))),
    ]
}

/// Reads a pointer.
///
/// # Errors
/// When the item is none.
pub fn pointer_of(item: &Item) -> Result<RecordPointer, StoreError> {
    if text_of(item, "entity") != Some(ENTITY_POINTER) {
        return Err(StoreError::Malformed("a pointer that is none"));
    }
    let key = |name| text_of(item, name).map(RecordKey::from_stored);
    let gone = item
        .contains_key("gone_version_ms")
        .then(|| recency_of(item, ["gone_version_ms", "gone_read_at_ms"]));
    Ok(RecordPointer {
        record: key("record_key"),
        merged_into: text_of(item, "merged_into").map(ExternalId::new),
        tombstone: key("tombstone_key"),
        gone,
        is_erased: item.contains_key("is_erased"),
        merged_ids: texts_of(item, "merged_ids").map(ExternalId::new).collect(),
        last_version: u64_of(item, "last_version").unwrap_or_default(),
        places: texts_of(item, "places").map(RecordKey::from_stored).collect(),
    })
}

#[cfg(test)]
mod tests {
    use sync_domain::keys::RecordKey;
    use sync_domain::model::{
        Association, CorrelationId, Differences, ExternalId, NewVersion, ObjectType, Origin,
        Recency, RecordPointer, StoredRecord, System, TenantId, Tombstone, VersionChange,
    };
    use sync_domain::ports::RecordScope;

    use super::{pointer_attributes, pointer_of, record_of, version_attributes};
    use crate::dynamo::item::{ENTITY_POINTER, Item, text};

    fn record() -> StoredRecord {
        let mut record = StoredRecord {
            key: RecordKey::from_stored("k"),
            version: 3,
            external_id: Some(ExternalId::new("17")),
            attributes: Default::default(),
            associations: Association::from_stored("company:7").into_iter().collect(),
            associations_of: Some(ExternalId::new("17")),
            tombstone: Some(Tombstone {
                deleted_at: "2026-11-22T00:00:00.5Z".parse().unwrap(),
                merged_into: Some(ExternalId::new("9")),
                is_erased: false,
            }),
            origin: Origin::Provider,
            recency: Recency { provider_version: 20, read_at_ms: 21 },
            associations_read_at_ms: 22,
            lock: None,
            queued: 0,
        };
        record.attributes.set(sync_domain::model::AttributeName::Email, "a@b.co");
        record
    }

    fn item(record: StoredRecord) -> Item {
        let scope = RecordScope {
            tenant: TenantId::parse("acme").unwrap(),
            system: System::Hubspot,
            object_type: ObjectType::Contact,
        };
        let new = NewVersion {
            record,
            change: VersionChange::Merged,
            differences: Some(Differences::default()),
            synced_at: "2026-11-22T00:00:00Z".parse().unwrap(),
            correlation_id: CorrelationId::unknown(),
        };
        let attributes = version_attributes(&scope, &new).into_iter();
        attributes.filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }

    #[test]
    fn record_survives_the_table() {
        assert_eq!(record_of(&item(record())).unwrap(), record());
        let bare = StoredRecord {
            associations: Default::default(),
            associations_of: None,
            tombstone: None,
            recency: Recency::default(),
            associations_read_at_ms: 0,
            ..record()
        };
        assert_eq!(record_of(&item(bare.clone())).unwrap(), bare);
    }

    #[test]
    fn record_that_can_not_be_read_is_told_from_one_that_is_not_there() {
        for (name, value) in
            [("entity", "Other"), ("version", "3"), ("origin", "mars"), ("payload", "x")]
        {
            let mut item = item(record());
            item.insert(name.to_owned(), text(value));
            assert!(record_of(&item).is_err(), "{name}");
        }
    }

    #[test]
    fn pointer_survives_the_table() {
        let full = RecordPointer {
            record: Some(RecordKey::from_stored("k")),
            merged_into: Some(ExternalId::new("9")),
            tombstone: Some(RecordKey::from_stored("t")),
            gone: Some(Recency::default()),
            is_erased: true,
            merged_ids: [ExternalId::new("5")].into(),
            last_version: 3,
            places: [RecordKey::from_stored("k")].into(),
        };
        for pointer in [full, RecordPointer::default()] {
            let attributes = pointer_attributes(&pointer).into_iter();
            let mut item: Item =
                attributes.filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
            item.insert("entity".to_owned(), text(ENTITY_POINTER));
            assert_eq!(pointer_of(&item).unwrap(), pointer);
        }
    }
}
