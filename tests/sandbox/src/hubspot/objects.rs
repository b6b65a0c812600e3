//! Operations on one record, and the list.

use http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::associations::{self, Wanted};
use super::errors::Refusal;
use super::links::End;
use super::merging;
use super::object_types::ObjectType;
use super::records;
use super::store::{Portal, Record, Table};
use super::{Context, Handled, render, validate};
use crate::vendor::{Answer, VendorRequest};

const DEFAULT_PAGE: usize = 10;
const MAX_PAGE: usize = 100;

#[derive(Deserialize)]
struct Input {
    properties: Map<String, Value>,
    #[serde(default)]
    associations: Vec<Wanted>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Merge {
    primary_object_id: String,
    object_id_to_merge: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Erase {
    object_id: String,
    #[serde(default)]
    id_property: Option<String>,
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

/// Refuses a key that identifies no record: one that isn't there, or one that isn't unique.
pub fn check_key(context: &Context<'_>, table: &Table, key: &str) -> Result<(), Refusal> {
    if table.schema.is_unique(key) {
        return Ok(());
    }
    let is_hubspots = ObjectType::every().any(|object_type| object_type.property(key).is_some());
    if is_hubspots || table.schema.property(key).is_some() {
        return Err(Refusal::not_unique(context.object_type, key));
    }
    Err(Refusal::no_such_property(key, &context.account.account))
}

/// The live record that a path or an input names. An id from before a merge leads to the record
/// after it.
pub fn locate(
    context: &Context<'_>,
    table: &Table,
    id: &str,
    id_property: Option<&str>,
) -> Result<Option<u64>, Refusal> {
    match id_property {
        None | Some("" | "hs_object_id") => {
            let id = id.parse().ok().map(|id| table.current_id(id));
            Ok(id.filter(|id| table.live(*id).is_some()))
        }
        Some(property) => {
            check_key(context, table, property)?;
            Ok(table.find(property, id))
        }
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

pub fn create(context: &Context<'_>, portal: &mut Portal) -> Handled {
    let input: Input = body_of(context.request)?;
    let wanted = associations::check(context, portal, &input.associations)?;
    let table = portal.tables.of(context.object_type);
    let values = validate::clean(context.account, &table.schema, &input.properties)?;
    let id = records::insert(context.account, table, values, context.now_ms)?;
    let body = written(context, table, id)?;
    let end = End { object_type: context.object_type, id };
    associations::apply(portal, end, &wanted, context.now_ms);
    Ok((Answer::json(StatusCode::CREATED, &body), true))
}

pub fn update(context: &Context<'_>, portal: &mut Portal, id: &str) -> Handled {
    let input: Input = body_of(context.request)?;
    let table = portal.tables.of(context.object_type);
    let id = located(context, table, id)?;
    let values = validate::clean(context.account, &table.schema, &input.properties)?;
    let changed = records::amend(context.account, table, id, values, context.now_ms)?;
    Ok((Answer::json(StatusCode::OK, &written(context, table, id)?), changed))
}

pub fn read(context: &Context<'_>, portal: &mut Portal, id: &str) -> Handled {
    let asked = context.request.query_list("properties");
    let wants_archived = context.request.query_value("archived") == Some("true");
    let table = portal.tables.of(context.object_type);
    let record = if wants_archived {
        let record = id.parse().ok().and_then(|id| table.any(table.current_id(id)));
        record.filter(|record| record.archived_ms.is_some())
    } else {
        table.live(located(context, table, id)?)
    };
    let record = record.ok_or_else(Refusal::object_not_found)?;
    let mut body = render::read(context, &table.schema, record, &asked);
    let end = End { object_type: context.object_type, id: record.id };
    if let Some(associations) = associations::asked_for(context, portal, end)? {
        body.insert("associations".to_owned(), associations);
    }
    Ok((Answer::json(StatusCode::OK, &Value::Object(body)), false))
}

pub fn archive(context: &Context<'_>, portal: &mut Portal, id: &str) -> Handled {
    let table = portal.tables.of(context.object_type);
    let known = id.parse().ok().map(|id| table.current_id(id));
    let id = known.filter(|id| table.any(*id).is_some()).ok_or_else(Refusal::object_not_found)?;
    let changed = records::bin(table, id, context.now_ms);
    Ok((Answer::empty(StatusCode::NO_CONTENT), changed))
}

pub fn merge(context: &Context<'_>, portal: &mut Portal) -> Handled {
    let input: Merge = body_of(context.request)?;
    let table = portal.tables.of(context.object_type);
    let id = |text: &str| locate(context, table, text, None)?.ok_or_else(Refusal::object_not_found);
    let ids = [id(&input.primary_object_id)?, id(&input.object_id_to_merge)?];
    let merged = merging::merge(context.account, portal, context.object_type, ids, context.now_ms)?;
    let table = portal.tables.of(context.object_type);
    Ok((Answer::json(StatusCode::OK, &written(context, table, merged)?), true))
}

/// An email that nobody has is block-listed all the same.
pub fn erase(context: &Context<'_>, portal: &mut Portal) -> Handled {
    let input: Erase = body_of(context.request)?;
    let table = portal.tables.of(context.object_type);
    let key = input.id_property.as_deref().filter(|key| !["", "hs_object_id"].contains(key));
    let found = match key {
        Some(_) => locate(context, table, &input.object_id, key)?,
        None => {
            let id = input.object_id.parse().ok().map(|id| table.current_id(id));
            id.filter(|id| table.any(*id).is_some())
        }
    };
    match (found, key) {
        (Some(id), _) => {
            let end = End { object_type: context.object_type, id };
            records::erase(portal, end, context.now_ms)?;
        }
        (None, Some(key)) => table.block(key, &input.object_id),
        (None, None) => return Err(Refusal::object_not_found()),
    }
    Ok((Answer::empty(StatusCode::NO_CONTENT), true))
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
    let results: Vec<Value> = page
        .iter()
        .map(|record| Value::Object(render::read(context, &table.schema, record, &asked)))
        .collect();
    let mut body = json!({ "results": results });
    if let Some(next) = next {
        let link = format!("https://api.hubapi.com{}?after={}", request.path, next.id);
        body["paging"] = json!({ "next": { "after": next.id.to_string(), "link": link } });
    }
    Ok((Answer::json(StatusCode::OK, &body), false))
}
