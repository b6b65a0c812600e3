//! Deleting, undeleting and merging records, with what hangs on them.

use serde_json::json;

use super::errors::Refusal;
use super::sobject::Sobject;
use super::store::{Change, ChangeKind, Record, Tables};
use super::write::{Desk, check_unique, live, touch};

/// What goes into the bin with a record: children that can't be without it.
const CHILDREN: [(Sobject, Sobject, &str); 4] = [
    (Sobject::Account, Sobject::Contact, "AccountId"),
    (Sobject::Account, Sobject::Opportunity, "AccountId"),
    (Sobject::Contact, Sobject::OpportunityContactRole, "ContactId"),
    (Sobject::Opportunity, Sobject::OpportunityContactRole, "OpportunityId"),
];

fn children(tables: &Tables, parent: &Record) -> Vec<Record> {
    let of_parent = CHILDREN.iter().filter(|(of, ..)| *of == parent.sobject);
    of_parent
        .flat_map(|(_, child, field)| {
            let all = tables.live(*child);
            all.filter(|record| record.text(field) == Some(parent.id.as_str())).cloned()
        })
        .collect()
}

fn note(desk: &Desk<'_>, tables: &mut Tables, record: &Record, kind: ChangeKind) {
    let (sobject, id, at_ms) = (record.sobject, record.id.clone(), desk.now_ms);
    tables.note(Change { sobject, id, kind, fields: Vec::new(), at_ms });
}

/// Puts a record and what hangs on it into the bin. No trigger sees what goes with it.
fn bin(desk: &Desk<'_>, tables: &mut Tables, record: &Record, with: Option<&str>) {
    let root = with.unwrap_or(&record.id).to_owned();
    for child in children(tables, record) {
        bin(desk, tables, &child, Some(&root));
    }
    let mut binned = record.clone();
    binned.is_deleted = true;
    binned.deleted_with = with.map(str::to_owned);
    touch(desk, &mut binned);
    tables.put(desk.schema, binned);
}

/// Deletes a record.
pub fn delete(
    desk: &Desk<'_>,
    tables: &mut Tables,
    sobject: Sobject,
    id: &str,
) -> Result<(), Refusal> {
    let record = live(tables, sobject, id)?.clone();
    if !sobject.is_data() {
        let message = "insufficient access rights on object id";
        return Err(Refusal::unsaved("INSUFFICIENT_ACCESS_OR_READONLY", message, &[]));
    }
    bin(desk, tables, &record, None);
    note(desk, tables, &record, ChangeKind::Delete);
    Ok(())
}

/// Takes a record out of the bin, with what went into it with it. A merged one stays there.
pub fn undelete(
    desk: &Desk<'_>,
    tables: &mut Tables,
    sobject: Sobject,
    id: &str,
) -> Result<(), Refusal> {
    let found = tables.any(id).filter(|record| record.sobject == sobject);
    let record = found.ok_or_else(Refusal::not_found)?.clone();
    if !record.is_deleted || record.values.contains_key("MasterRecordId") {
        let message = "entity is not in the recycle bin";
        return Err(Refusal::unsaved("UNDELETE_FAILED", message, &[]));
    }
    check_unique(desk.schema, tables, &record)?;
    let with_it: Vec<Record> = CHILDREN
        .iter()
        .flat_map(|(_, child, _)| tables.of(*child))
        .filter(|child| child.deleted_with.as_deref() == Some(id))
        .cloned()
        .collect();
    for mut restored in std::iter::once(record.clone()).chain(with_it) {
        restored.is_deleted = false;
        restored.deleted_with = None;
        touch(desk, &mut restored);
        tables.put(desk.schema, restored);
    }
    note(desk, tables, &record, ChangeKind::Undelete);
    Ok(())
}

/// Deletes a record and empties the bin of it.
pub fn purge(
    desk: &Desk<'_>,
    tables: &mut Tables,
    sobject: Sobject,
    id: &str,
) -> Result<(), Refusal> {
    delete(desk, tables, sobject, id)?;
    tables.purge(desk.schema, id);
    Ok(())
}

/// Children of the record that goes become those of the one that stays. No trigger sees it, but
/// their system stamp rises.
fn move_children(desk: &Desk<'_>, tables: &mut Tables, from: &Record, to: &str) {
    for mut child in children(tables, from) {
        let of_child = CHILDREN.iter().filter(|(_, sobject, _)| *sobject == child.sobject);
        for (_, _, field) in of_child {
            if child.text(field) == Some(from.id.as_str()) {
                child.values.insert((*field).to_owned(), json!(to));
            }
        }
        child.stamp_ms = desk.now_ms;
        tables.put(desk.schema, child);
    }
}

/// Merges the second record into the first one, whose values win; the second one's fill the gaps.
pub fn merge(
    desk: &Desk<'_>,
    tables: &mut Tables,
    sobject: Sobject,
    winner_id: &str,
    loser_id: &str,
) -> Result<(), Refusal> {
    if !matches!(sobject, Sobject::Account | Sobject::Contact) || winner_id == loser_id {
        let message = "only two accounts or two contacts can be merged";
        return Err(Refusal::bad_request("INVALID_OPERATION", message));
    }
    let mut winner = live(tables, sobject, winner_id)?.clone();
    let loser = live(tables, sobject, loser_id)?.clone();
    move_children(desk, tables, &loser, winner_id);
    let mut gone = loser.clone();
    gone.values.insert("MasterRecordId".to_owned(), json!(winner_id));
    bin(desk, tables, &gone, None);
    note(desk, tables, &gone, ChangeKind::Delete);
    let mut fields = Vec::new();
    for (name, value) in loser.values {
        winner.values.entry(name).or_insert_with_key(|name| {
            fields.push(name.clone());
            value
        });
    }
    touch(desk, &mut winner);
    tables.put(desk.schema, winner);
    let (id, kind) = (winner_id.to_owned(), ChangeKind::Update);
    tables.note(Change { sobject, id, kind, fields, at_ms: desk.now_ms });
    Ok(())
}
