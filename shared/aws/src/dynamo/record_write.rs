//! Writes to records and pointers, each on the condition that what was seen is still there.

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use sync_domain::keys::RecordKey;
use sync_domain::ports::{PointerWrite, RecordScope, RecordWrite, Seen};

use super::expression::{Key, Values, delete, put, update};
use super::item::{ENTITY_POINTER, Item, number, pointer_sk, record_sk, tenant_pk, text};
use super::record_item::{nonzero, pointer_attributes, version_attributes};

/// Conditions that must all hold, with their values.
#[derive(Default)]
struct Conditions {
    parts: Vec<String>,
    values: Values,
}

impl Conditions {
    /// The attribute has this value, or is absent.
    fn is(mut self, name: &str, value: Option<AttributeValue>) -> Self {
        match value {
            None => self.parts.push(format!("attribute_not_exists(#{name})")),
            Some(value) => {
                self.parts.push(format!("#{name} = :seen_{name}"));
                self.values = self.values.with(&format!("seen_{name}"), value);
            }
        }
        self
    }

    fn expression(&self) -> String {
        self.parts.join(" AND ")
    }
}

/// A number that counts as zero where it is absent is never stored as zero.
fn as_seen(seen: &Seen) -> Conditions {
    let owner = seen.lock_owner.as_ref().map(|owner| text(owner.as_str()));
    let version = (seen.version > 0).then(|| number(seen.version));
    Conditions::default()
        .is("version", version)
        .is("lock_owner", owner)
        .is("provider_version_ms", nonzero(seen.recency.provider_version))
        .is("read_at_ms", nonzero(seen.recency.read_at_ms))
        .is("associations_read_at_ms", nonzero(seen.associations_read_at_ms))
}

/// Those who wait change the count and nothing else.
fn as_seen_with_queue(seen: &Seen) -> Conditions {
    let mut conditions = as_seen(seen);
    let is_none = "attribute_not_exists(#queued) OR #queued = :queued";
    conditions.parts.push(match seen.queued {
        0 => format!("({is_none})"),
        _ => "#queued = :queued".to_owned(),
    });
    conditions.values = conditions.values.with("queued", number(seen.queued));
    conditions
}

fn nothing() -> Conditions {
    Conditions::default().is("pk", None)
}

fn record_place(scope: &RecordScope, key: &RecordKey) -> Key {
    let sk = record_sk(scope.system, scope.object_type, key);
    Key { pk: tenant_pk(&scope.tenant), sk }
}

/// An update that sets the attributes with a value and removes the others.
fn set_or_remove(
    table: &str,
    key: Key,
    attributes: Vec<(&'static str, Option<AttributeValue>)>,
    conditions: Conditions,
) -> Result<TransactWriteItem, BuildError> {
    let condition = conditions.expression();
    let mut values = conditions.values;
    let (mut set, mut remove) = (Vec::new(), Vec::new());
    for (name, value) in attributes {
        match value {
            Some(value) => {
                set.push(format!("#{name} = :{name}"));
                values = values.with(name, value);
            }
            None => remove.push(format!("#{name}")),
        }
    }
    let clause = |verb: &str, parts: Vec<String>| {
        if parts.is_empty() { String::new() } else { format!("{verb} {} ", parts.join(", ")) }
    };
    let expression = clause("SET", set) + &clause("REMOVE", remove);
    update(table, key, expression.trim_end(), &condition, values)
}

/// The write to a record.
pub fn record_write(
    table: &str,
    scope: &RecordScope,
    write: &RecordWrite,
) -> Result<TransactWriteItem, BuildError> {
    match write {
        RecordWrite::Store { seen, new } => {
            let place = record_place(scope, &new.record.key);
            let conditions = seen.as_ref().map_or_else(nothing, as_seen);
            set_or_remove(table, place, version_attributes(scope, new), conditions)
        }
        RecordWrite::Refresh { seen, key, recency, associations_of, associations_read_at_ms } => {
            let attributes = vec![
                ("provider_version_ms", nonzero(recency.provider_version)),
                ("read_at_ms", nonzero(recency.read_at_ms)),
                ("associations_of", associations_of.as_ref().map(|id| text(id.as_str()))),
                ("associations_read_at_ms", nonzero(*associations_read_at_ms)),
                ("lock_owner", None),
                ("lock_until_ms", None),
                ("lock_started_at_ms", None),
            ];
            set_or_remove(table, record_place(scope, key), attributes, as_seen(seen))
        }
        RecordWrite::Vacate { seen, key } if seen.queued > 0 => {
            let place = record_place(scope, key);
            set_or_remove(table, place, empty_place(), as_seen_with_queue(seen))
        }
        RecordWrite::Vacate { seen, key } | RecordWrite::Erase { seen, key } => {
            let conditions = as_seen_with_queue(seen);
            let condition = conditions.expression();
            delete(table, record_place(scope, key), &condition, conditions.values)
        }
    }
}

/// What a place without a version has: its names, an empty payload and the count of those who wait.
fn empty_place() -> Vec<(&'static str, Option<AttributeValue>)> {
    let gone = [
        "version",
        "external_id",
        "associations",
        "associations_of",
        "associations_read_at_ms",
        "provider_version_ms",
        "read_at_ms",
        "origin",
        "change",
        "deleted_at",
        "merged_into",
        "moved",
        "synced_at",
        "correlation_id",
        "content_hash",
        "lock_owner",
        "lock_until_ms",
        "lock_started_at_ms",
    ];
    let mut attributes = vec![("payload", Some(AttributeValue::M(Item::new())))];
    attributes.extend(gone.map(|name| (name, None)));
    attributes
}

/// The write to a pointer.
pub fn pointer_write(
    table: &str,
    scope: &RecordScope,
    write: &PointerWrite,
) -> Result<TransactWriteItem, BuildError> {
    let sk = pointer_sk(scope.system, scope.object_type, &write.external_id);
    let place = Key { pk: tenant_pk(&scope.tenant), sk };
    let conditions = match &write.seen {
        None => nothing(),
        Some(seen) => pointer_attributes(seen)
            .into_iter()
            .fold(Conditions::default(), |all, (name, value)| all.is(name, value)),
    };
    let attributes = pointer_attributes(&write.pointer).into_iter();
    let mut item: Item =
        attributes.filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
    item.insert("entity".to_owned(), text(ENTITY_POINTER));
    let condition = conditions.expression();
    put(table, place, item, &condition, conditions.values)
}
