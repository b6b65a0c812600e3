//! Up to two hundred records in one call: each fares by itself unless the call says all or none.

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Handled;
use super::errors::Refusal;
use super::ids;
use super::lifecycle;
use super::query;
use super::records_api::{self, body, key_field, saved, sobject};
use super::schema::Field;
use super::sobject::Sobject;
use super::store::Tables;
use super::write::{self, Desk};
use crate::vendor::{Answer, VendorRequest};

const MAX_RECORDS: usize = 200;
const MAX_READ: usize = 2_000;

type Item = Map<String, Value>;

fn too_many(max: usize) -> Refusal {
    let message =
        format!("record limit reached. cannot submit more than {max} records in this request");
    Refusal::bad_request("EXCEEDED_ID_LIMIT", message)
}

fn records(mut body: Item) -> Result<(Vec<Item>, bool), Refusal> {
    let all_or_none = body.get("allOrNone").and_then(Value::as_bool).unwrap_or_default();
    let Some(Value::Array(records)) = body.remove("records") else {
        return Err(Refusal::json_kind("list of records", &Value::Null));
    };
    if records.len() > MAX_RECORDS {
        return Err(too_many(MAX_RECORDS));
    }
    let each = records.into_iter().map(|record| {
        Item::deserialize(&record).map_err(|_| Refusal::json_kind("SObject", &record))
    });
    Ok((each.collect::<Result<_, _>>()?, all_or_none))
}

fn type_of(item: &Item) -> Result<Sobject, Refusal> {
    let name = item.get("attributes").and_then(|attributes| attributes["type"].as_str());
    let found = name.and_then(Sobject::from_name);
    found.ok_or_else(|| {
        let message = "attributes.type must be the name of an object type";
        Refusal::unsaved("INVALID_INPUT", message, &[])
    })
}

fn long_id(text: Option<&str>) -> Result<String, Refusal> {
    text.and_then(ids::long).ok_or_else(|| {
        let message = format!("malformed id {}", text.unwrap_or_default());
        Refusal::unsaved("MALFORMED_ID", message, &["Id"])
    })
}

fn failed(refusal: &Refusal) -> Value {
    json!({ "success": false, "errors": [refusal.save_error()] })
}

fn rolled_back() -> Value {
    let message = "Record rolled back because not all records were valid and the request was \
        using AllOrNone header";
    failed(&Refusal::unsaved("ALL_OR_NONE_OPERATION_ROLLED_BACK", message, &[]))
}

/// Does something to each, keeping what succeeds, or nothing if one fails and all must succeed.
fn for_each<T>(
    desk: &Desk<'_>,
    tables: &mut Tables,
    items: Vec<T>,
    all_or_none: bool,
    mut run: impl FnMut(&mut Tables, T) -> Result<Value, Refusal>,
) -> Handled {
    tables.begin();
    let mut results: Vec<Value> = Vec::with_capacity(items.len());
    let (mut succeeded, mut has_failed) = (false, false);
    for item in items {
        tables.begin();
        match run(tables, item) {
            Ok(result) => {
                tables.commit();
                succeeded = true;
                results.push(result);
            }
            Err(refusal) => {
                tables.roll_back(desk.schema);
                has_failed = true;
                results.push(failed(&refusal));
            }
        }
    }
    let is_undone = all_or_none && has_failed;
    if is_undone {
        tables.roll_back(desk.schema);
        let innocent = results.iter_mut().filter(|result| result["success"] == true);
        innocent.for_each(|result| *result = rolled_back());
    } else {
        tables.commit();
    }
    let answer = Answer::json(StatusCode::OK, &Value::Array(results));
    Ok((answer, succeeded && !is_undone))
}

fn update_one(desk: &Desk<'_>, tables: &mut Tables, mut item: Item) -> Result<Value, Refusal> {
    let sobject = type_of(&item)?;
    let given = item.remove("Id").or_else(|| item.remove("id")).unwrap_or_default();
    let id = long_id(given.as_str())?;
    write::update(desk, tables, sobject, &id, &item)?;
    Ok(saved(&id, None))
}

/// `POST`, `PATCH` or `DELETE /composite/sobjects`
pub fn write(desk: &Desk<'_>, tables: &mut Tables, request: &VendorRequest) -> Handled {
    if request.method == Method::DELETE {
        let ids = request.query_list("ids");
        if ids.is_empty() || ids.len() > MAX_RECORDS {
            return Err(too_many(MAX_RECORDS));
        }
        let all_or_none = request.query_value("allOrNone") == Some("true");
        return for_each(desk, tables, ids, all_or_none, |tables, given| {
            let id = long_id(Some(&given))?;
            let of = tables.any(&id).map(|record| record.sobject);
            let of = of.ok_or_else(|| {
                Refusal::unsaved("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", &[])
            })?;
            lifecycle::delete(desk, tables, of, &id)?;
            Ok(saved(&id, None))
        });
    }
    let (records, all_or_none) = records(body(request)?)?;
    if request.method == Method::PATCH {
        return for_each(desk, tables, records, all_or_none, |tables, item| {
            update_one(desk, tables, item)
        });
    }
    for_each(desk, tables, records, all_or_none, |tables, item| {
        let sobject = type_of(&item)?;
        Ok(saved(&write::create(desk, tables, sobject, &item)?, None))
    })
}

fn key_of(item: &Item, field: &Field) -> Option<String> {
    let mut members = item.iter();
    let (_, value) = members.find(|(name, _)| name.eq_ignore_ascii_case(&field.name))?;
    value.as_str().map(str::trim).filter(|value| !value.is_empty()).map(str::to_owned)
}

fn upsert_one(
    desk: &Desk<'_>,
    tables: &mut Tables,
    field: &Field,
    (sobject, item): (Sobject, Item),
) -> Result<Value, Refusal> {
    if type_of(&item)? != sobject {
        let message = "the type of a record differs from that of the request";
        return Err(Refusal::unsaved("INVALID_INPUT", message, &[]));
    }
    let key = key_of(&item, field).ok_or_else(|| {
        let name = field.name.as_str();
        Refusal::unsaved("MISSING_ARGUMENT", format!("{name} not specified"), &[name])
    })?;
    match tables.holders(sobject, &field.name, &key).as_slice() {
        [] => Ok(saved(&write::create(desk, tables, sobject, &item)?, Some(true))),
        [id] => {
            write::update(desk, tables, sobject, id, &item)?;
            Ok(saved(id, Some(false)))
        }
        several => {
            let message = format!(
                "{}: more than one record found for external id field: [{}]",
                field.name,
                several.join(", ")
            );
            Err(Refusal::unsaved("DUPLICATE_EXTERNAL_ID", message, &[&field.name]))
        }
    }
}

/// `PATCH /composite/sobjects/{object}/{field}`. A key that comes twice fails each time.
pub fn upsert(
    desk: &Desk<'_>,
    tables: &mut Tables,
    request: &VendorRequest,
    (object, field): (&str, &str),
) -> Handled {
    let sobject = sobject(object)?;
    let field = key_field(desk, sobject, field)?;
    let (records, all_or_none) = records(body(request)?)?;
    let key = |item: &Item| key_of(item, field).map(|key| key.to_lowercase());
    let keys: Vec<Option<String>> = records.iter().map(key).collect();
    for_each(desk, tables, records, all_or_none, |tables, item| {
        let own = key(&item);
        if own.is_some() && keys.iter().filter(|key| **key == own).count() > 1 {
            let name = field.name.as_str();
            let message = format!("Duplicate external id specified: {}", own.unwrap_or_default());
            return Err(Refusal::unsaved("DUPLICATE_VALUE", message, &[name]));
        }
        upsert_one(desk, tables, field, (sobject, item))
    })
}

fn texts(value: Option<&Value>) -> Vec<String> {
    let items = value.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// `GET` or `POST /composite/sobjects/{object}`: records in the order of their ids, null for those
/// that aren't there.
pub fn read(desk: &Desk<'_>, tables: &Tables, request: &VendorRequest, object: &str) -> Handled {
    let sobject = sobject(object)?;
    let (wanted, fields) = if request.method == Method::GET {
        (request.query_list("ids"), records_api::field_names(request))
    } else {
        let body = body(request)?;
        (texts(body.get("ids")), texts(body.get("fields")))
    };
    if wanted.is_empty() || fields.is_empty() {
        let message = "ids and fields must be given";
        return Err(Refusal::bad_request("MISSING_ARGUMENT", message));
    }
    if wanted.len() > MAX_READ {
        return Err(too_many(MAX_READ));
    }
    let of_type = |id: &String| ids::long(id).filter(|id| ids::prefix(id) == sobject.key_prefix());
    if let Some(bad) = wanted.iter().find(|id| of_type(id).is_none()) {
        return Err(Refusal::bad_request("MALFORMED_ID", format!("malformed id {bad}")));
    }
    let rows = wanted.iter().map(|id| {
        let found = of_type(id).and_then(|id| tables.any(&id));
        match found.filter(|record| !record.is_deleted) {
            Some(record) => query::record(desk, tables, record, &fields),
            None => Ok(Value::Null),
        }
    });
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    Ok((Answer::json(StatusCode::OK, &Value::Array(rows)), false))
}
