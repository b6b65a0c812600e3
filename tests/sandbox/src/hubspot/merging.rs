//! Merging two records into one.

use super::changes::Change;
use super::errors::Refusal;
use super::links::End;
use super::object_types::ObjectType;
use super::records::{next_update_ms, stamped};
use super::store::{Portal, Record, Values};
use crate::accounts::Account;

const MERGED_IDS: &str = "hs_merged_object_ids";
/// More merges a record can't have in its life.
const MAX_IDENTITIES: usize = 250;

fn listed(values: &Values, name: &str) -> Vec<String> {
    let listed = values.get(name).map(String::as_str).unwrap_or_default();
    listed.split(';').filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// What the other record brings where the primary has nothing. Read-only values stay behind.
fn moved_values(
    portal: &mut Portal,
    primary: &Record,
    other: &Record,
    kind: &'static ObjectType,
) -> Values {
    let schema = &portal.tables.of(kind).schema;
    let is_own = |name: &str| schema.property(name).is_none_or(|known| !known.is_read_only);
    let missing = other.values.iter().filter(|(name, _)| !primary.values.contains_key(*name));
    missing
        .filter(|(name, _)| is_own(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// The values of the record after the merge.
fn joined(kind: &ObjectType, primary: &Record, other: &Record, moved: &Values) -> Values {
    let mut values = primary.values.clone();
    values.extend(moved.clone());
    if let Some((more, of)) = kind.more_unique {
        let mut all = listed(&values, more);
        all.extend(other.values.get(of).cloned());
        all.extend(listed(&other.values, more));
        all.retain(|value| values.get(of) != Some(value));
        all.dedup();
        if !all.is_empty() {
            values.insert(more.to_owned(), all.join(";"));
        }
    }
    let mut ids = listed(&primary.values, MERGED_IDS);
    ids.extend(listed(&other.values, MERGED_IDS));
    ids.extend([primary.id.to_string(), other.id.to_string()]);
    values.insert(MERGED_IDS.to_owned(), ids.join(";"));
    values
}

/// Merges `other` into `primary`, both live, and gives the id of the record that is left: a new
/// one, or that of the primary in portals that keep it.
pub fn merge(
    account: &Account,
    portal: &mut Portal,
    kind: &'static ObjectType,
    [primary_id, other_id]: [u64; 2],
    now_ms: i64,
) -> Result<u64, Refusal> {
    let table = portal.tables.of(kind);
    let live = |id: u64| table.live(id).cloned().ok_or_else(Refusal::object_not_found);
    let (primary, other) = (live(primary_id)?, live(other_id)?);
    if primary.id == other.id {
        return Err(Refusal::validation("A record can't be merged with itself"));
    }
    let moved = moved_values(portal, &primary, &other, kind);
    let mut values = joined(kind, &primary, &other, &moved);
    if account.merge_keeps_primary_id {
        let ids = listed(&values, MERGED_IDS);
        let ids: Vec<String> = ids.into_iter().filter(|id| *id != primary.id.to_string()).collect();
        values.insert(MERGED_IDS.to_owned(), ids.join(";"));
    }
    if listed(&values, MERGED_IDS).len() > MAX_IDENTITIES {
        return Err(Refusal::too_many_merges());
    }
    let table = portal.tables.of(kind);
    let id = if account.merge_keeps_primary_id { primary.id } else { table.draw_id() };
    let at_ms = next_update_ms(&primary, now_ms).max(next_update_ms(&other, now_ms));
    for old in [primary.id, other.id] {
        table.take(old);
    }
    let record = Record {
        id,
        values,
        created_ms: primary.created_ms.min(other.created_ms),
        updated_ms: at_ms,
        archived_ms: None,
        is_indexed_at_once: false,
    };
    table.put(stamped(kind.modified, record));
    for old in [primary.id, other.id] {
        if old != id {
            table.lead(old, id);
        }
    }
    table.note(id, at_ms, Change::Merged { primary: primary.id, merged: other.id, moved });
    for old in [primary.id, other.id].into_iter().filter(|old| *old != id) {
        let end = |id| End { object_type: kind, id };
        portal.links.move_all(end(old), end(id));
    }
    Ok(id)
}
