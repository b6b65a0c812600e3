//! The JSON that our Apex package sends: ids, kinds of change and names of fields, never values.
//!
//! `{"event_id", "org_id", "changes": [{"object", "change_type", "record_id", "changed_fields",
//! "last_modified_date"}]}`, at most 200 changes. A change that can't be read costs only itself.

use std::fmt;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::Value;
use sync_domain::model::ChangeKind;
use sync_domain::ports::{DeliveredChange, DeliveredEvents, UnreadableDelivery};

use super::ids::{long_id, long_org_id};
use super::webhook::{Skipped, Subject, type_of_object};

/// What may stand before JSON in UTF-8, though it should not.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// The records of one Apex trigger run; the package puts no more into a delivery.
const CHANGES_MAX: usize = 200;
/// The longest API name of a field: 40 characters, a namespace of 15 and the separators.
const FIELD_MAX_BYTES: usize = 64;
/// Fields, and related lists, by which a record is associated with others.
const ASSOCIATING: [&str; 4] =
    ["AccountId", "ContactId", "OpportunityContactRole", "OpportunityContactRoles"];

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    org_id: Value,
    #[serde(default)]
    changes: Option<Changes>,
}

/// Of a body that is not yet to be trusted: whose it claims to be.
#[derive(Deserialize)]
struct Claim {
    #[serde(default)]
    org_id: Value,
}

/// The elements of the list, as many as may be.
#[derive(Default)]
struct Changes {
    list: Vec<Value>,
    is_over: bool,
}

impl<'de> Deserialize<'de> for Changes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ChangesVisitor)
    }
}

struct ChangesVisitor;

impl<'de> Visitor<'de> for ChangesVisitor {
    type Value = Changes;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of changes")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Changes, A::Error> {
        let mut changes = Changes::default();
        while changes.list.len() < CHANGES_MAX {
            let Some(change) = sequence.next_element()? else { return Ok(changes) };
            changes.list.push(change);
        }
        while sequence.next_element::<IgnoredAny>()?.is_some() {
            changes.is_over = true;
        }
        Ok(changes)
    }
}

/// Reads an object. A list, by whose places the members could be read as well, is none.
fn object_of<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Option<T> {
    let json = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
    let is_object = json.trim_ascii_start().starts_with(b"{");
    is_object.then(|| serde_json::from_slice(json).ok()).flatten()
}

/// The org that an unverified body claims to be of, 18 characters.
pub fn org_id(body: &[u8]) -> Option<String> {
    let claim: Claim = object_of(body)?;
    long_org_id(claim.org_id.as_str()?)
}

/// Reads a verified body.
///
/// # Errors
/// See [`UnreadableDelivery`].
pub fn events(body: &[u8]) -> Result<DeliveredEvents, UnreadableDelivery> {
    let body: Body = object_of(body).ok_or(UnreadableDelivery::NotAList)?;
    let changes = body.changes.ok_or(UnreadableDelivery::NotAList)?;
    if changes.is_over {
        return Err(UnreadableDelivery::TooMany);
    }
    let org_id = body.org_id.as_str().and_then(long_org_id);
    let mut events = DeliveredEvents::default();
    for change in &changes.list {
        match changes_of(change, org_id.as_deref()) {
            Ok(changes) => events.changes.extend(changes),
            Err(Skipped::NotOurs) => events.ignored += 1,
            Err(Skipped::Unreadable) => events.unreadable += 1,
        }
    }
    Ok(events)
}

/// What happened to a record: one kind of change, and that its associations may be others where they
/// may be.
fn changes_of(change: &Value, org_id: Option<&str>) -> Result<Vec<DeliveredChange>, Skipped> {
    let text = |name: &str| change.get(name).and_then(Value::as_str);
    let object_type =
        type_of_object(text("object").ok_or(Skipped::Unreadable)?).ok_or(Skipped::NotOurs)?;
    let kind = match text("change_type").ok_or(Skipped::Unreadable)? {
        "create" => ChangeKind::Created,
        "update" => ChangeKind::Properties,
        "delete" => ChangeKind::Deleted,
        "undelete" => ChangeKind::Restored,
        _ => return Err(Skipped::NotOurs),
    };
    let subject = Subject {
        org_id: org_id.ok_or(Skipped::Unreadable)?.to_owned(),
        object_type,
        record_id: text("record_id").and_then(long_id).ok_or(Skipped::Unreadable)?,
        occurred_at: text("last_modified_date").and_then(|text| text.parse::<Timestamp>().ok()),
    };
    let (associating, others): (Vec<&str>, Vec<&str>) =
        fields_of(change).into_iter().partition(|field| ASSOCIATING.contains(field));
    let names_none = associating.is_empty() && others.is_empty();
    let may_associate = subject.keeps_associations()
        && match kind {
            ChangeKind::Created => true,
            ChangeKind::Properties => names_none || !associating.is_empty(),
            // The worker looks at the associations of what came back anyway.
            ChangeKind::Restored
            | ChangeKind::Deleted
            | ChangeKind::Associations
            | ChangeKind::Erased
            | ChangeKind::Merged => false,
        };
    let is_nothing_else =
        kind == ChangeKind::Properties && may_associate && !names_none && others.is_empty();
    let property = others.first().or(associating.first()).map(|field| (*field).to_owned());
    let itself = (!is_nothing_else).then(|| subject.changed(kind, property.clone()));
    let association =
        may_associate.then(|| subject.changed(ChangeKind::Associations, property.clone()));
    Ok(itself.into_iter().chain(association).collect())
}

/// The names of the fields that changed; what is no name is not passed on.
fn fields_of(change: &Value) -> Vec<&str> {
    let fields = change.get("changed_fields").and_then(Value::as_array);
    let names = fields.into_iter().flatten().filter_map(Value::as_str);
    let is_name = |name: &&str| {
        !name.is_empty()
            && name.len() <= FIELD_MAX_BYTES
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    names.filter(is_name).collect()
}
