//! From an image of the table's stream to the change that it tells of.
//!
//! A record arrives as JSON in DynamoDB's own notation. Each is read by itself, so one that can't be
//! read does not take the others with it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;
use sync_domain::event::Change;
use sync_domain::keys::RecordKey;
use sync_domain::model::{
    Association, AttributeName, Attributes, AuditAction, AuditEntry, CorrelationId, Differences,
    ExternalId, ObjectType, Origin, SyncedRecord, System, TenantId, VersionChange,
};

use super::booking_item::version_of;
use super::image_item::item_of_image;
use super::item::{ENTITY_AUDIT, ENTITY_BOOKING, ENTITY_CLAIM, ENTITY_RECORD};

/// A stream record that can't be read. Names the attribute, never its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stream record has no readable {0}")]
pub struct ImageError(&'static str);

/// The change behind one stream record, `None` for one that nobody outside is told of: a claim, a
/// lock taken or given back, a removal.
///
/// # Errors
/// When an attribute that must be there is not, or is of another type.
pub fn change_of(record: &Value) -> Result<Option<Change>, ImageError> {
    let images = record.get("dynamodb").ok_or(ImageError("dynamodb"))?;
    let Some(new) = images.get("NewImage").map(Image) else {
        return Ok(None);
    };
    let old = images.get("OldImage").map(Image);
    match new.text("entity")? {
        ENTITY_RECORD => record_change(new, old),
        ENTITY_BOOKING => booking_change(new, old),
        ENTITY_AUDIT => audit_entry(new).map(|entry| Some(Change::Audited(entry))),
        ENTITY_CLAIM => Ok(None),
        _ => Err(ImageError("entity")),
    }
}

/// Only a new version is a change: a lock leaves the version as it was.
fn record_change(new: Image<'_>, old: Option<Image<'_>>) -> Result<Option<Change>, ImageError> {
    let Some(version) = new.version() else {
        return Ok(None);
    };
    if old.and_then(Image::version) == Some(version) {
        return Ok(None);
    }
    Ok(Some(Change::RecordSynced(Box::new(SyncedRecord {
        tenant: parsed(new.text("tenant_id")?, "tenant_id", TenantId::parse)?,
        system: parsed(new.text("system")?, "system", System::parse)?,
        object_type: parsed(new.text("type")?, "type", ObjectType::parse)?,
        key: RecordKey::from_stored(new.text("record_key")?),
        version,
        change: parsed(new.text("change")?, "change", VersionChange::parse)?,
        // Versions from before there were two origins are all ours.
        origin: new
            .text("origin")
            .map_or(Ok(Origin::Platform), |text| parsed(text, "origin", Origin::parse))?,
        external_id: ExternalId::new(new.text("external_id")?),
        merged_into: new.merged_into(),
        differences: differences(new, old, version),
        attributes: new.payload(),
        correlation_id: parsed(
            new.text("correlation_id")?,
            "correlation_id",
            CorrelationId::parse,
        )?,
        synced_at: new.timestamp("synced_at")?,
    }))))
}

/// What differs from the version before. A record that came from another place says so itself: the
/// image of what was at its place before tells nothing of it.
fn differences(new: Image<'_>, old: Option<Image<'_>>, version: u64) -> Differences {
    if let Some(names) = new.differences_of(version) {
        return Differences::from_names(names);
    }
    let before = old.map(|old| (old.payload(), old.associations())).unwrap_or_default();
    let after = (new.payload(), new.associations());
    Differences::between((&before.0, &before.1), (&after.0, &after.1))
}

/// Only a new version is a change: a note that a booking was seen again leaves the version as it was.
fn booking_change(new: Image<'_>, old: Option<Image<'_>>) -> Result<Option<Change>, ImageError> {
    let version = version_of(&item_of_image(new.0)).map_err(ImageError)?;
    let is_new = old.and_then(Image::version) != Some(version.stored.version);
    Ok(is_new.then(|| Change::BookingStored(Box::new(version))))
}

fn audit_entry(new: Image<'_>) -> Result<AuditEntry, ImageError> {
    Ok(AuditEntry {
        id: new.text("audit_id")?.to_owned(),
        tenant: parsed(new.text("tenant_id")?, "tenant_id", TenantId::parse)?,
        action: parsed(new.text("action")?, "action", AuditAction::parse)?,
        route: new.text("route")?.to_owned(),
        correlation_id: parsed(
            new.text("correlation_id")?,
            "correlation_id",
            CorrelationId::parse,
        )?,
        occurred_at: new.timestamp("occurred_at")?,
        operator: new.text("operator").ok().map(str::to_owned),
    })
}

fn parsed<T>(
    text: &str,
    name: &'static str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<T, ImageError> {
    parse(text).ok_or(ImageError(name))
}

/// One side of a stream record.
#[derive(Clone, Copy)]
struct Image<'a>(&'a Value);

impl<'a> Image<'a> {
    fn text(self, name: &'static str) -> Result<&'a str, ImageError> {
        self.0.get(name).and_then(|value| value.get("S")?.as_str()).ok_or(ImageError(name))
    }

    fn timestamp(self, name: &'static str) -> Result<Timestamp, ImageError> {
        self.text(name)?.parse().map_err(|_invalid| ImageError(name))
    }

    fn version(self) -> Option<u64> {
        self.0.get("version")?.get("N")?.as_str()?.parse().ok()
    }

    fn texts(self, name: &str) -> impl Iterator<Item = &'a str> {
        let texts = self.0.get(name).and_then(|value| value.get("SS")?.as_array());
        texts.into_iter().flatten().filter_map(Value::as_str)
    }

    fn associations(self) -> BTreeSet<Association> {
        self.texts("associations").filter_map(Association::from_stored).collect()
    }

    /// Where a tombstone says that its record went.
    fn merged_into(self) -> Option<ExternalId> {
        self.0.get("deleted_at")?;
        self.text("merged_into").ok().map(ExternalId::new)
    }

    /// The names that `moved` holds if it is of this version.
    fn differences_of(self, version: u64) -> Option<impl Iterator<Item = &'a str>> {
        let moved = Image(self.0.get("moved")?.get("M")?);
        (moved.version() == Some(version)).then(|| moved.texts("differences"))
    }

    fn payload(self) -> Attributes {
        let payload = self.0.get("payload").and_then(|value| value.get("M")?.as_object());
        let values = payload.into_iter().flatten().filter_map(|(name, value)| {
            Some((AttributeName::parse(name)?, value.get("S")?.as_str()?.to_owned()))
        });
        values.collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use sync_domain::event::Change;
    use sync_domain::model::DetailName;

    use super::{ImageError, change_of};

    fn image(version: Option<u64>) -> Value {
        let mut image = json!({
            "entity": {"S": "CrmRecord"}, "tenant_id": {"S": "acme"}, "system": {"S": "hubspot"},
            "type": {"S": "contact"}, "record_key": {"S": "ab"}, "change": {"S": "updated"},
            "external_id": {"S": "17"}, "correlation_id": {"S": "c-1"},
            "synced_at": {"S": "2026-11-22T00:00:00Z"}, "payload": {"M": {"email": {"S": "a@b.co"}}},
        });
        if let Some(version) = version {
            image["version"] = json!({"N": version.to_string()});
        }
        image
    }

    fn change(new: Option<Value>, old: Option<Value>) -> Result<Option<Change>, ImageError> {
        let mut images = json!({});
        for (name, image) in [("NewImage", new), ("OldImage", old)] {
            if let Some(image) = image {
                images[name] = image;
            }
        }
        change_of(&json!({ "dynamodb": images }))
    }

    #[test]
    fn change_is_a_new_version_only() {
        let first = change(Some(image(Some(1))), Some(image(None))).unwrap();
        assert!(matches!(first, Some(Change::RecordSynced(record)) if record.version == 1));
        let locked_or_released = change(Some(image(Some(1))), Some(image(Some(1)))).unwrap();
        assert!(locked_or_released.is_none());
        let only_a_lock = change(Some(image(None)), None).unwrap();
        assert!(only_a_lock.is_none());
        let removed = change(None, Some(image(Some(1)))).unwrap();
        assert!(removed.is_none());
        let claim = change(Some(json!({"entity": {"S": "IdempotencyClaim"}})), None).unwrap();
        assert!(claim.is_none());
    }

    fn booking(version: u64, read_at_ms: u64) -> Value {
        json!({
            "pk": {"S": "T#acme"}, "entity": {"S": "Booking"}, "tenant_id": {"S": "acme"},
            "system": {"S": "acuity"}, "booking_key": {"S": "ab"}, "external_id": {"S": "17"},
            "version": {"N": version.to_string()}, "hash": {"S": "cd"},
            "start_time": {"S": "2026-11-22T10:00:00Z"}, "end_time": {"S": "2026-11-22T11:00:00Z"},
            "status": {"S": "cancelled"}, "reason": {"S": "no_show"},
            "client_email": {"S": "a@b.co"}, "details": {"M": {"service_id": {"S": "7"}}},
            "provider_version_ms": {"N": "0"}, "read_at_ms": {"N": read_at_ms.to_string()},
            "synced_at": {"S": "2026-11-22T00:00:00Z"}, "differences": {"SS": ["status", "reason"]},
            "correlation_id": {"S": "c-1"},
        })
    }

    #[test]
    fn booking_seen_again_is_no_change_and_a_new_version_tells_all_of_it() {
        let first = change(Some(booking(1, 5)), None).unwrap();
        assert!(matches!(first, Some(Change::BookingStored(it)) if it.stored.version == 1));
        assert!(change(Some(booking(1, 6)), Some(booking(1, 5))).unwrap().is_none());
        assert!(change(None, Some(booking(1, 5))).unwrap().is_none());
        let Some(Change::BookingStored(second)) =
            change(Some(booking(2, 6)), Some(booking(1, 5))).unwrap()
        else {
            panic!("no change");
        };
        assert_eq!(second.differences, ["reason".to_owned(), "status".to_owned()].into());
        let state = &second.stored.booking;
        assert_eq!(state.person.email.as_deref(), Some("a@b.co"));
        assert_eq!(state.details[&DetailName::ServiceId], "7");
        assert_eq!(second.stored.recency.read_at_ms, 6);
    }

    #[test]
    fn booking_that_can_not_be_read_names_the_attribute() {
        let mut broken = booking(1, 5);
        broken["client_id"] = json!({"S": "c-1"});
        assert_eq!(change(Some(broken), None).unwrap_err(), ImageError("client_rule"));
    }

    #[test]
    fn change_that_can_not_be_read_names_the_attribute_and_not_its_value() {
        for (name, value) in [
            ("tenant_id", json!({"S": "ada@example.com"})),
            ("external_id", json!({"N": "17"})),
            ("synced_at", json!({"S": "yesterday"})),
            ("entity", json!({"S": "ada@example.com"})),
        ] {
            let mut broken = image(Some(2));
            broken[name] = value;
            let error = change(Some(broken), None).unwrap_err().to_string();
            assert_eq!(error, format!("the stream record has no readable {name}"));
        }
    }
}
