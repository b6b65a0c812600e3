//! Operations on one record, and the list.

use http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::errors::Refusal;
use super::object_types::{Kind, ObjectType};
use super::store::{Record, Table, Values};
use super::{Context, Handled, render, validate};
use crate::clock::iso_from_ms;
use crate::vendor::{Answer, VendorRequest};

const DEFAULT_PAGE: usize = 10;
const MAX_PAGE: usize = 100;

#[derive(Deserialize)]
struct Input {
    properties: Map<String, Value>,
}

/// Reads a JSON body. Fields that the vendor doesn't know are left alone.
pub fn body_of<T: DeserializeOwned>(request: &VendorRequest) -> Result<T, Refusal> {
    let is_json = request.header("content-type").is_some_and(|kind| {
        kind.split(';')
            .next()
            .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
    });
    if !is_json {
        return Err(Refusal::unsupported_media_type());
    }
    serde_json::from_slice(&request.body).map_err(|error| Refusal::invalid_json(&error.to_string()))
}

fn stamped(object_type: &ObjectType, mut record: Record) -> Record {
    let stamps = [
        ("hs_object_id", record.id.to_string()),
        ("createdate", iso_from_ms(record.created_ms)),
        (object_type.modified, iso_from_ms(record.updated_ms)),
    ];
    record.values.extend(stamps.map(|(name, value)| (name.to_owned(), value)));
    record
}

/// Stores a new record of checked values.
pub fn insert(
    context: &Context<'_>,
    table: &mut Table,
    mut values: Values,
) -> Result<u64, Refusal> {
    let kind = context.object_type;
    values.retain(|_, value| !value.is_empty());
    if !kind.one_required.iter().any(|name| values.contains_key(*name)) {
        let needed = kind.one_required.join(", ");
        return Err(Refusal::validation(&format!("At least one of {needed} is required")));
    }
    if let Some(holder) = table.holder_of(&values, None) {
        return Err(Refusal::conflict(kind, holder));
    }
    let record = Record {
        id: table.draw_id(),
        values,
        created_ms: context.now_ms,
        updated_ms: context.now_ms,
        archived_ms: None,
        is_indexed_at_once: false,
    };
    let id = record.id;
    table.put(stamped(kind, record));
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

/// Changes a live record by checked values; says whether anything is different now.
pub fn amend(
    context: &Context<'_>,
    table: &mut Table,
    id: u64,
    values: Values,
) -> Result<bool, Refusal> {
    let old = table.live(id).ok_or_else(Refusal::object_not_found)?;
    let mut new = old.clone();
    for (name, value) in values {
        let kind = context.object_type.property(&name).map_or(Kind::Text, |known| known.kind);
        if value.is_empty() {
            new.values.remove(&name);
        } else if !goes_back(kind, old.values.get(&name), &value) {
            new.values.insert(name, value);
        }
    }
    if new.values == old.values {
        return Ok(false);
    }
    if let Some(holder) = table.holder_of(&new.values, Some(id)) {
        return Err(Refusal::conflict(context.object_type, holder));
    }
    // Two changes in one millisecond must still have an order.
    new.updated_ms = context.now_ms.max(new.updated_ms + 1);
    table.put(stamped(context.object_type, new));
    Ok(true)
}

/// The live record that a path or an input names.
pub fn locate(
    context: &Context<'_>,
    table: &Table,
    id: &str,
    id_property: Option<&str>,
) -> Result<Option<u64>, Refusal> {
    match id_property {
        None | Some("" | "hs_object_id") => {
            Ok(id.parse().ok().filter(|id| table.live(*id).is_some()))
        }
        Some(property) if context.object_type.is_unique(property) => Ok(table.find(property, id)),
        Some(property) => Err(Refusal::not_unique(context.object_type, property)),
    }
}

fn located(context: &Context<'_>, table: &Table, id: &str) -> Result<u64, Refusal> {
    let id_property = context.request.query_value("idProperty");
    locate(context, table, id, id_property)?.ok_or_else(Refusal::object_not_found)
}

fn written(context: &Context<'_>, table: &Table, id: u64) -> Result<Value, Refusal> {
    let record = table.any(id).ok_or_else(Refusal::object_not_found)?;
    Ok(Value::Object(render::written(context, record)))
}

pub fn create(context: &Context<'_>, table: &mut Table) -> Handled {
    let input: Input = body_of(context.request)?;
    let portal = &context.account.account;
    let values = validate::clean(context.object_type, portal, &input.properties)?;
    let id = insert(context, table, values)?;
    Ok((Answer::json(StatusCode::CREATED, &written(context, table, id)?), true))
}

pub fn update(context: &Context<'_>, table: &mut Table, id: &str) -> Handled {
    let input: Input = body_of(context.request)?;
    let id = located(context, table, id)?;
    let portal = &context.account.account;
    let values = validate::clean(context.object_type, portal, &input.properties)?;
    let changed = amend(context, table, id, values)?;
    Ok((Answer::json(StatusCode::OK, &written(context, table, id)?), changed))
}

pub fn read(context: &Context<'_>, table: &Table, id: &str) -> Handled {
    let asked = context.request.query_list("properties");
    let wants_archived = context.request.query_value("archived") == Some("true");
    let record = if wants_archived {
        let record = id.parse().ok().and_then(|id| table.any(id));
        record.filter(|record| record.archived_ms.is_some())
    } else {
        table.live(located(context, table, id)?)
    };
    let record = record.ok_or_else(Refusal::object_not_found)?;
    let body = Value::Object(render::read(context, record, &asked));
    Ok((Answer::json(StatusCode::OK, &body), false))
}

/// Puts a record into the recycling bin; says whether it was not there yet.
pub fn bin(context: &Context<'_>, table: &mut Table, id: u64) -> bool {
    let Some(record) = table.live(id) else { return false };
    let mut binned = record.clone();
    binned.archived_ms = Some(context.now_ms);
    binned.updated_ms = context.now_ms.max(binned.updated_ms + 1);
    table.put(stamped(context.object_type, binned));
    true
}

pub fn archive(context: &Context<'_>, table: &mut Table, id: &str) -> Handled {
    let known: Option<u64> = id.parse().ok().filter(|id| table.any(*id).is_some());
    let id = known.ok_or_else(Refusal::object_not_found)?;
    let changed = bin(context, table, id);
    Ok((Answer::empty(StatusCode::NO_CONTENT), changed))
}

pub fn list(context: &Context<'_>, table: &Table) -> Handled {
    let request = context.request;
    let asked = request.query_list("properties");
    let wants_archived = request.query_value("archived") == Some("true");
    let number = |name: &str, default: usize| match request.query_value(name) {
        None => Ok(default),
        Some(text) => text
            .parse::<usize>()
            .map_err(|_| Refusal::validation(&format!("{name} must be a number, was {text}"))),
    };
    let limit = number("limit", DEFAULT_PAGE)?;
    if limit == 0 || limit > MAX_PAGE {
        return Err(Refusal::validation("limit must be between 1 and 100"));
    }
    let after = u64::try_from(number("after", 0)?).unwrap_or(u64::MAX);
    let mut page: Vec<&Record> = table
        .all()
        .filter(|record| record.archived_ms.is_some() == wants_archived && record.id >= after)
        .take(limit + 1)
        .collect();
    let next = (page.len() > limit).then(|| page.pop()).flatten();
    let results: Vec<Value> =
        page.iter().map(|record| Value::Object(render::read(context, record, &asked))).collect();
    let mut body = json!({ "results": results });
    if let Some(next) = next {
        let link = format!("https://api.hubapi.com{}?after={}", request.path, next.id);
        body["paging"] = json!({ "next": { "after": next.id.to_string(), "link": link } });
    }
    Ok((Answer::json(StatusCode::OK, &body), false))
}
