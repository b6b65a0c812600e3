//! Calls about one record: by its id, or by a key of the org's own.

use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::Handled;
use super::errors::Refusal;
use super::ids;
use super::lifecycle;
use super::query;
use super::schema::Field;
use super::sobject::Sobject;
use super::store::Tables;
use super::write::{self, Desk, live};
use crate::vendor::{Answer, VendorRequest};

/// From this version on an upsert that updates has a body.
const UPSERT_BODY_SINCE: u32 = 46;

/// The object type of a path.
pub fn sobject(name: &str) -> Result<Sobject, Refusal> {
    Sobject::from_name(name).ok_or_else(Refusal::not_found)
}

/// A JSON object that the call says is JSON.
pub fn body(request: &VendorRequest) -> Result<Map<String, Value>, Refusal> {
    let is_json = request
        .header("content-type")
        .is_some_and(|kind| kind.to_ascii_lowercase().starts_with("application/json"));
    if !is_json {
        return Err(Refusal::unsupported_media_type());
    }
    serde_json::from_slice(&request.body).map_err(|error| {
        let message = format!("The HTTP entity body is not a JSON object: {error}");
        Refusal::bad_request("JSON_PARSER_ERROR", message)
    })
}

/// The names of a `fields` parameter.
pub fn field_names(request: &VendorRequest) -> Vec<String> {
    request.query_list("fields")
}

fn row_id(text: &str) -> Result<String, Refusal> {
    if !matches!(text.len(), 15 | 18) {
        return Err(Refusal::no_key_field(text));
    }
    ids::long(text)
        .ok_or_else(|| Refusal::bad_request("MALFORMED_ID", format!("malformed id {text}")))
}

fn without_id(body: &Map<String, Value>, key: Option<&Field>) -> Result<(), Refusal> {
    let of_path = |name: &str| {
        name.eq_ignore_ascii_case("id")
            || key.is_some_and(|key| key.name.eq_ignore_ascii_case(name))
    };
    match body.keys().find(|name| of_path(name)) {
        None => Ok(()),
        Some(name) => {
            let message = format!("The {name} field should not be specified in the sobject data.");
            Err(Refusal::bad_request("INVALID_FIELD", message))
        }
    }
}

/// The answer to a record that was made or found by its key.
pub fn saved(id: &str, created: Option<bool>) -> Value {
    let mut saved = json!({ "id": id, "success": true, "errors": [] });
    if let Some(created) = created {
        saved["created"] = json!(created);
    }
    saved
}

/// `POST /sobjects/{object}`
pub fn create(
    desk: &Desk<'_>,
    tables: &mut Tables,
    request: &VendorRequest,
    object: &str,
) -> Handled {
    let sobject = sobject(object)?;
    let id = write::create(desk, tables, sobject, &body(request)?)?;
    Ok((Answer::json(StatusCode::CREATED, &saved(&id, None)), true))
}

/// Reads, changes or deletes a record that isn't deleted.
fn on_row(
    desk: &Desk<'_>,
    tables: &mut Tables,
    request: &VendorRequest,
    sobject: Sobject,
    id: &str,
) -> Handled {
    if request.method == Method::GET {
        let record = live(tables, sobject, id)?;
        let row = query::record(desk, tables, record, &field_names(request))?;
        return Ok((Answer::json(StatusCode::OK, &row), false));
    }
    if request.method == Method::DELETE {
        lifecycle::delete(desk, tables, sobject, id)?;
    } else {
        let body = body(request)?;
        without_id(&body, None)?;
        write::update(desk, tables, sobject, id, &body)?;
    }
    Ok((Answer::empty(StatusCode::NO_CONTENT), true))
}

/// `…/sobjects/{object}/{id}`
pub fn row(
    desk: &Desk<'_>,
    tables: &mut Tables,
    request: &VendorRequest,
    object: &str,
    id: &str,
) -> Handled {
    let sobject = sobject(object)?;
    on_row(desk, tables, request, sobject, &row_id(id)?)
}

/// A field that an upsert can name.
pub fn key_field<'a>(desk: &Desk<'a>, sobject: Sobject, name: &str) -> Result<&'a Field, Refusal> {
    let field = desk.schema.field(sobject, name).filter(|field| field.is_key());
    field.ok_or_else(|| Refusal::no_key_field(name))
}

/// The value of a key, as a body would give it.
pub fn with_key(mut body: Map<String, Value>, field: &Field, value: &str) -> Map<String, Value> {
    body.insert(field.name.clone(), Value::from(value));
    body
}

fn upsert(
    desk: &Desk<'_>,
    tables: &mut Tables,
    request: &VendorRequest,
    sobject: Sobject,
    (field, value): (&Field, &str),
) -> Handled {
    let body = body(request)?;
    without_id(&body, Some(field))?;
    let found = tables.holders(sobject, &field.name, value);
    let is_update_only = request.query_value("updateOnly") == Some("true");
    match found.as_slice() {
        [] if is_update_only => Err(Refusal::not_found()),
        [] => {
            let id = write::create(desk, tables, sobject, &with_key(body, field, value))?;
            Ok((Answer::json(StatusCode::CREATED, &saved(&id, Some(true))), true))
        }
        [id] => {
            write::update(desk, tables, sobject, id, &body)?;
            if desk.version < UPSERT_BODY_SINCE {
                return Ok((Answer::empty(StatusCode::NO_CONTENT), true));
            }
            Ok((Answer::json(StatusCode::OK, &saved(id, Some(false))), true))
        }
        several => Ok((choices(desk, sobject, several), false)),
    }
}

/// 300: the value is that of several records.
fn choices(desk: &Desk<'_>, sobject: Sobject, ids: &[String]) -> Answer {
    let urls: Vec<String> = ids.iter().map(|id| desk.url(sobject, id)).collect();
    Answer::json(StatusCode::MULTIPLE_CHOICES, &json!(urls))
}

/// `…/sobjects/{object}/{field}/{value}`
pub fn keyed(
    desk: &Desk<'_>,
    tables: &mut Tables,
    request: &VendorRequest,
    (object, field, value): (&str, &str, &str),
) -> Handled {
    let sobject = sobject(object)?;
    if field.eq_ignore_ascii_case("id") {
        return row(desk, tables, request, object, value);
    }
    let key = key_field(desk, sobject, field)?;
    if request.method == Method::PATCH {
        return upsert(desk, tables, request, sobject, (key, value.trim()));
    }
    match tables.holders(sobject, &key.name, value.trim()).as_slice() {
        [] => Err(Refusal::not_found()),
        [id] => on_row(desk, tables, request, sobject, id),
        several => Ok((choices(desk, sobject, several), false)),
    }
}
