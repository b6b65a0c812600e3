//! The five batch calls.

use http::StatusCode;
use serde_json::{Value, json};

use super::batch::{
    Batch, Done, Input, WriteStyle, answer, check_ids, not_found_item, read_batch, write,
};
use super::errors::Refusal;
use super::store::Table;
use super::{Context, Handled, objects, render, validate};
use crate::vendor::Answer;

fn id_of(input: &Input) -> &str {
    input.id.as_deref().map(str::trim).unwrap_or_default()
}

pub fn create(context: &Context<'_>, table: &mut Table) -> Handled {
    let batch = read_batch(context)?;
    let style = WriteStyle { success: StatusCode::CREATED, tells_new: false };
    write(context, table, &batch, &style, |table, input| {
        let portal = &context.account.account;
        let values = validate::clean(context.object_type, portal, &input.properties)?;
        objects::insert(context, table, values).map(Done::Created)
    })
}

fn refuse_key_of_update(context: &Context<'_>, batch: &Batch) -> Result<(), Refusal> {
    let key = batch
        .inputs
        .iter()
        .filter_map(|input| input.id_property.as_deref())
        .find(|key| *key != "hs_object_id");
    match key {
        None => Ok(()),
        // Even by its unique email a contact can't be updated in a batch.
        Some(key) => Err(Refusal::not_unique(context.object_type, key)),
    }
}

pub fn update(context: &Context<'_>, table: &mut Table) -> Handled {
    let batch = read_batch(context)?;
    check_ids(&batch)?;
    refuse_key_of_update(context, &batch)?;
    let style = WriteStyle { success: StatusCode::OK, tells_new: false };
    write(context, table, &batch, &style, |table, input| {
        let portal = &context.account.account;
        let values = validate::clean(context.object_type, portal, &input.properties)?;
        let Some(id) = objects::locate(context, table, id_of(input), None)? else {
            return Ok(Done::Missing);
        };
        Ok(Done::Kept(id, objects::amend(context, table, id, values)?))
    })
}

/// All inputs must use one key, and the key must identify.
fn key_of_upsert<'a>(context: &Context<'_>, batch: &'a Batch) -> Result<Option<&'a str>, Refusal> {
    let mut keys = batch.inputs.iter().map(|input| {
        input.id_property.as_deref().filter(|key| !["", "hs_object_id"].contains(key))
    });
    let key = keys.next().flatten();
    if keys.any(|other| other != key) {
        return Err(Refusal::validation("All inputs must have the same idProperty"));
    }
    match key {
        Some(key) if !context.object_type.is_unique(key) => {
            Err(Refusal::not_unique(context.object_type, key))
        }
        Some(_) | None => Ok(key),
    }
}

pub fn upsert(context: &Context<'_>, table: &mut Table) -> Handled {
    let batch = read_batch(context)?;
    let key = key_of_upsert(context, &batch)?;
    check_ids(&batch)?;
    let style = WriteStyle { success: StatusCode::OK, tells_new: true };
    write(context, table, &batch, &style, |table, input| {
        let portal = &context.account.account;
        let mut values = validate::clean(context.object_type, portal, &input.properties)?;
        let found = objects::locate(context, table, id_of(input), key)?;
        match (found, key) {
            (Some(id), _) => Ok(Done::Kept(id, objects::amend(context, table, id, values)?)),
            (None, None) => Ok(Done::Missing),
            (None, Some(key)) => {
                let id = json!({ key: id_of(input) });
                let id = id.as_object().cloned().unwrap_or_default();
                for (name, value) in validate::clean(context.object_type, portal, &id)? {
                    values.entry(name).or_insert(value);
                }
                objects::insert(context, table, values).map(Done::Created)
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
                results.push(Value::Object(render::read(context, record, &batch.properties)));
            }
        }
    }
    let errors: Vec<Value> =
        if missing.is_empty() { Vec::new() } else { vec![not_found_item(context, &missing)] };
    Ok((answer(context, StatusCode::OK, &results, &errors), false))
}

pub fn archive(context: &Context<'_>, table: &mut Table) -> Handled {
    let batch = read_batch(context)?;
    let mut changed = false;
    for input in &batch.inputs {
        if let Some(id) = objects::locate(context, table, id_of(input), None)? {
            changed |= objects::bin(context, table, id);
        }
    }
    Ok((Answer::empty(StatusCode::NO_CONTENT), changed))
}
