//! The five batch calls.

use http::StatusCode;
use serde_json::{Value, json};

use super::batch::{
    Batch, Done, Input, WriteStyle, answer, check_ids, not_found_item, read_batch, write,
};
use super::errors::Refusal;
use super::links::End;
use super::store::{Portal, Table};
use super::{Context, Handled, associations, objects, records, render, validate};
use crate::vendor::Answer;

fn id_of(input: &Input) -> &str {
    input.id.as_deref().map(str::trim).unwrap_or_default()
}

/// A key that is no property but the record id itself.
fn own_key(key: Option<&str>) -> Option<&str> {
    key.filter(|key| !["", "hs_object_id"].contains(key))
}

pub fn create(context: &Context<'_>, portal: &mut Portal) -> Handled {
    let batch = read_batch(context)?;
    let style = WriteStyle { success: StatusCode::CREATED, tells_new: false };
    let mut wanted = Vec::new();
    for input in &batch.inputs {
        wanted.push(associations::check(context, portal, &input.associations)?);
    }
    let mut wanted = wanted.into_iter();
    let mut to_apply = Vec::new();
    let table = portal.tables.of(context.object_type);
    let handled = write(context, table, &batch, &style, |table, input| {
        let wanted = wanted.next().unwrap_or_default();
        let values = validate::clean(context.account, &table.schema, &input.properties)?;
        let id = records::insert(context.account, table, values, context.now_ms)?;
        to_apply.push((id, wanted));
        Ok(Done::Created(id))
    })?;
    for (id, wanted) in to_apply {
        let end = End { object_type: context.object_type, id };
        associations::apply(portal, end, &wanted, context.now_ms);
    }
    Ok(handled)
}

/// Even by its unique email a contact can't be updated in a batch; other types can, by a property
/// that was added.
fn check_key_of_update(context: &Context<'_>, table: &Table, batch: &Batch) -> Result<(), Refusal> {
    for key in batch.inputs.iter().filter_map(|input| own_key(input.id_property.as_deref())) {
        if !context.object_type.unique.is_empty() {
            return Err(Refusal::not_unique(context.object_type, key));
        }
        objects::check_key(context, table, key)?;
    }
    Ok(())
}

/// An id from before a merge is no longer one that a batch writes to.
fn is_merged_away(table: &Table, input: &Input, key: Option<&str>) -> bool {
    key.is_none() && id_of(input).parse().is_ok_and(|id| table.current_id(id) != id)
}

pub fn update(context: &Context<'_>, portal: &mut Portal) -> Handled {
    let batch = read_batch(context)?;
    check_ids(&batch)?;
    let table = portal.tables.of(context.object_type);
    check_key_of_update(context, table, &batch)?;
    let style = WriteStyle { success: StatusCode::OK, tells_new: false };
    write(context, table, &batch, &style, |table, input| {
        let values = validate::clean(context.account, &table.schema, &input.properties)?;
        let key = own_key(input.id_property.as_deref());
        if is_merged_away(table, input, key) {
            return Ok(Done::Passed);
        }
        let Some(id) = objects::locate(context, table, id_of(input), key)? else {
            return Ok(Done::Missing);
        };
        let changed = records::amend(context.account, table, id, values, context.now_ms)?;
        Ok(Done::Kept(id, changed))
    })
}

/// All inputs must use one key, and the key must identify.
fn key_of_upsert<'a>(
    context: &Context<'_>,
    table: &Table,
    batch: &'a Batch,
) -> Result<Option<&'a str>, Refusal> {
    let mut keys = batch.inputs.iter().map(|input| own_key(input.id_property.as_deref()));
    let key = keys.next().flatten();
    if keys.any(|other| other != key) {
        return Err(Refusal::validation("All inputs must have the same idProperty"));
    }
    if let Some(key) = key {
        objects::check_key(context, table, key)?;
    }
    Ok(key)
}

pub fn upsert(context: &Context<'_>, portal: &mut Portal) -> Handled {
    let batch = read_batch(context)?;
    let table = portal.tables.of(context.object_type);
    let key = key_of_upsert(context, table, &batch)?;
    check_ids(&batch)?;
    let style = WriteStyle { success: StatusCode::OK, tells_new: true };
    let (account, now_ms) = (context.account, context.now_ms);
    write(context, table, &batch, &style, |table, input| {
        let mut values = validate::clean(account, &table.schema, &input.properties)?;
        if is_merged_away(table, input, key) {
            return Ok(Done::Passed);
        }
        let found = objects::locate(context, table, id_of(input), key)?;
        match (found, key) {
            (Some(id), _) => {
                Ok(Done::Kept(id, records::amend(account, table, id, values, now_ms)?))
            }
            (None, None) => Ok(Done::Missing),
            (None, Some(key)) => {
                let id = json!({ key: id_of(input) });
                let id = id.as_object().cloned().unwrap_or_default();
                for (name, value) in validate::clean(account, &table.schema, &id)? {
                    values.entry(name).or_insert(value);
                }
                records::insert(account, table, values, now_ms).map(Done::Created)
            }
        }
    })
}

pub fn read(context: &Context<'_>, table: &Table) -> Handled {
    let batch = read_batch(context)?;
    let key = batch.id_property.as_deref();
    let (mut results, mut missing, mut seen) = (Vec::new(), Vec::new(), Vec::new());
    for input in &batch.inputs {
        let found = objects::locate(context, table, id_of(input), key)?;
        match found.and_then(|id| table.live(id)) {
            None => missing.push(id_of(input).to_owned()),
            Some(record) if seen.contains(&record.id) => {}
            Some(record) => {
                seen.push(record.id);
                let body = render::read(context, &table.schema, record, &batch.properties);
                results.push(Value::Object(body));
            }
        }
    }
    let errors: Vec<Value> =
        if missing.is_empty() { Vec::new() } else { vec![not_found_item(context, &missing)] };
    Ok((answer(context, StatusCode::OK, &results, &errors), false))
}

pub fn archive(context: &Context<'_>, portal: &mut Portal) -> Handled {
    let batch = read_batch(context)?;
    let table = portal.tables.of(context.object_type);
    let mut changed = false;
    for input in &batch.inputs {
        if let Some(id) = objects::locate(context, table, id_of(input), None)? {
            changed |= records::bin(table, id, context.now_ms);
        }
    }
    Ok((Answer::empty(StatusCode::NO_CONTENT), changed))
}
