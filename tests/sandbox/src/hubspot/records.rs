//! State changes of one record, whoever makes them: an API call or a user of the portal. Values
//! must have been checked; what depends on other records is checked here.

use super::changes::Change;
use super::errors::{Refusal, property_error};
use super::links::End;
use super::object_types::Kind;
use super::pipelines;
use super::store::{Portal, Record, Table, Values};
use crate::accounts::Account;
use crate::clock::iso_from_ms;

/// Fills the properties that HubSpot derives from the record itself.
pub fn stamped(modified: &str, mut record: Record) -> Record {
    let stamps = [
        ("hs_object_id", record.id.to_string()),
        ("createdate", iso_from_ms(record.created_ms)),
        (modified, iso_from_ms(record.updated_ms)),
    ];
    record.values.extend(stamps.map(|(name, value)| (name.to_owned(), value)));
    record
}

/// Two changes in one millisecond must still have an order.
pub fn next_update_ms(record: &Record, now_ms: i64) -> i64 {
    now_ms.max(record.updated_ms + 1)
}

fn missing(account: &Account, table: &Table, values: &Values) -> Option<Refusal> {
    let kind = table.schema.object_type;
    let lacking: Vec<_> = kind
        .all_required
        .iter()
        .filter(|name| !values.contains_key(**name))
        .map(|name| {
            let message = format!("Property \"{name}\" is required");
            property_error(name, "MISSING_REQUIRED_PROPERTY", &message)
        })
        .collect();
    if !lacking.is_empty() {
        return Some(Refusal::invalid_properties(lacking, &account.account));
    }
    let is_enough = kind.one_required.is_empty()
        || kind.one_required.iter().any(|name| values.contains_key(*name));
    (!is_enough).then(|| {
        let needed = kind.one_required.join(", ");
        Refusal::validation(&format!("At least one of {needed} is required"))
    })
}

/// A value that another record has: 409 for HubSpot's own unique properties, 400 for added ones.
fn check_unique(
    account: &Account,
    table: &Table,
    values: &Values,
    own_id: Option<u64>,
) -> Result<(), Refusal> {
    if let Some(property) = table.blocked_property(values) {
        let message = format!("The value of {property} was deleted for privacy and is blocked.");
        let error = property_error(&property, "BLOCKED_VALUE", &message);
        return Err(Refusal::invalid_properties(vec![error], &account.account));
    }
    match table.holder_of(values, own_id) {
        None => Ok(()),
        Some((property, holder)) if table.schema.is_added_unique(&property) => {
            let message = format!("Record {holder} already has that value of {property}.");
            let error = property_error(&property, "CONFLICTING_UNIQUE_VALUE", &message);
            Err(Refusal::invalid_properties(vec![error], &account.account))
        }
        Some((_, holder)) => Err(Refusal::conflict(table.schema.object_type, holder)),
    }
}

/// Stores a new record.
pub fn insert(
    account: &Account,
    table: &mut Table,
    mut values: Values,
    now_ms: i64,
) -> Result<u64, Refusal> {
    values.retain(|_, value| !value.is_empty());
    if let Some(refusal) = missing(account, table, &values) {
        return Err(refusal);
    }
    let kind = table.schema.object_type;
    pipelines::settle(account, kind, &mut values)?;
    check_unique(account, table, &values, None)?;
    let id = table.draw_id();
    let noted = values.clone();
    let record = Record {
        id,
        values,
        created_ms: now_ms,
        updated_ms: now_ms,
        archived_ms: None,
        is_indexed_at_once: false,
    };
    table.put(stamped(kind.modified, record));
    table.note(id, now_ms, Change::Created(noted));
    Ok(id)
}

/// A lifecycle stage that would go back stays where it is, without an error.
fn goes_back(kind: Kind, old: Option<&String>, new: &str) -> bool {
    let Kind::Progress(stages) = kind else { return false };
    let place = |value: &str| stages.iter().position(|stage| *stage == value);
    match (old.and_then(|old| place(old)), place(new)) {
        (Some(old), Some(new)) => new < old,
        (None, _) | (_, None) => false,
    }
}

/// Changes a live record; says whether anything is different now.
pub fn amend(
    account: &Account,
    table: &mut Table,
    id: u64,
    values: Values,
    now_ms: i64,
) -> Result<bool, Refusal> {
    let old = table.live(id).ok_or_else(Refusal::object_not_found)?;
    let mut new = old.clone();
    for (name, value) in values {
        if value.is_empty() {
            new.values.remove(&name);
        } else if !goes_back(table.schema.kind(&name), old.values.get(&name), &value) {
            new.values.insert(name, value);
        }
    }
    if new.values == old.values {
        return Ok(false);
    }
    let kind = table.schema.object_type;
    pipelines::settle(account, kind, &mut new.values)?;
    check_unique(account, table, &new.values, Some(id))?;
    let noted = difference(&old.values, &new.values);
    new.updated_ms = next_update_ms(old, now_ms);
    let at_ms = new.updated_ms;
    table.put(stamped(kind.modified, new));
    table.note(id, at_ms, Change::Updated(noted));
    Ok(true)
}

/// What of `new` is different; what `new` no longer has is empty.
pub fn difference(old: &Values, new: &Values) -> Values {
    let gone = old.keys().filter(|name| !new.contains_key(*name));
    let gone = gone.map(|name| (name.clone(), String::new()));
    let changed = new.iter().filter(|(name, value)| old.get(*name) != Some(value));
    changed.map(|(name, value)| (name.clone(), value.clone())).chain(gone).collect()
}

/// Puts a record into the recycling bin; says whether it was not there yet.
pub fn bin(table: &mut Table, id: u64, now_ms: i64) -> bool {
    let Some(record) = table.live(id) else { return false };
    let mut binned = record.clone();
    binned.updated_ms = next_update_ms(record, now_ms);
    binned.archived_ms = Some(binned.updated_ms);
    let at_ms = binned.updated_ms;
    table.put(stamped(table.schema.object_type.modified, binned));
    table.note(id, at_ms, Change::Archived);
    true
}

/// Takes a record out of the recycling bin, unless another has taken one of its unique values.
pub fn restore(account: &Account, table: &mut Table, id: u64, now_ms: i64) -> Result<(), Refusal> {
    let binned = table.any(id).filter(|record| record.archived_ms.is_some());
    let binned = binned.ok_or_else(Refusal::object_not_found)?;
    check_unique(account, table, &binned.values, Some(id))?;
    let mut restored = binned.clone();
    restored.updated_ms = next_update_ms(binned, now_ms);
    restored.archived_ms = None;
    let at_ms = restored.updated_ms;
    table.put(stamped(table.schema.object_type.modified, restored));
    table.note(id, at_ms, Change::Restored);
    Ok(())
}

/// Deletes a record for privacy, archived or not, and block-lists its unique values.
pub fn erase(portal: &mut Portal, end: End, now_ms: i64) -> Result<(), Refusal> {
    let table = portal.tables.of(end.object_type);
    let record = table.take(end.id).ok_or_else(Refusal::object_not_found)?;
    for property in end.object_type.unique {
        if let Some(value) = record.values.get(*property) {
            table.block(property, value);
        }
    }
    if let Some((more, of)) = end.object_type.more_unique {
        let listed = record.values.get(more).map(String::as_str).unwrap_or_default();
        for value in listed.split(';').filter(|value| !value.trim().is_empty()) {
            table.block(of, value);
        }
    }
    table.note(end.id, next_update_ms(&record, now_ms), Change::Erased);
    portal.links.forget(end);
    Ok(())
}
