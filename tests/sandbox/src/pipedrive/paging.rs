//! Reading query parameters, and pages: `limit`, and a `cursor` that callers are not to look into.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use serde_json::{Value, json};

use super::errors::Refusal;
use crate::vendor::{Answer, VendorRequest};

const DEFAULT_LIMIT: usize = 100;
/// The most rows of a page.
pub const MAX_LIMIT: usize = 500;

/// A query value that isn't empty.
pub fn text<'a>(request: &'a VendorRequest, name: &str) -> Option<&'a str> {
    request.query_value(name).filter(|value| !value.is_empty())
}

/// An id, or a number of anything.
pub fn number(request: &VendorRequest, name: &str) -> Result<Option<u64>, Refusal> {
    let read = |value: &str| {
        value.parse().map_err(|_| Refusal::invalid(name, "Invalid input: expected integer"))
    };
    text(request, name).map(read).transpose()
}

/// `true` or `false`.
pub fn flag(request: &VendorRequest, name: &str) -> Result<bool, Refusal> {
    match text(request, name) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(Refusal::invalid(name, "Invalid input: expected boolean")),
    }
}

/// One of the known texts, or the first of them.
pub fn choice<'a>(
    request: &VendorRequest,
    name: &str,
    known: &[&'a str],
) -> Result<&'a str, Refusal> {
    let given = text(request, name);
    let found = match given {
        None => known.first(),
        Some(given) => known.iter().find(|one| **one == given),
    };
    let why = || Refusal::invalid(name, &format!("expected one of {}", known.join(", ")));
    found.copied().ok_or_else(why)
}

/// How many rows a page has at most.
pub fn limit(request: &VendorRequest) -> Result<usize, Refusal> {
    let given = number(request, "limit")?.map(usize::try_from);
    match given {
        None => Ok(DEFAULT_LIMIT),
        Some(Ok(limit)) if (1..=MAX_LIMIT).contains(&limit) => Ok(limit),
        Some(_) => Err(Refusal::invalid("limit", "it must be between 1 and 500")),
    }
}

/// Writes a cursor.
pub fn cursor_text(cursor: &Value) -> String {
    URL_SAFE_NO_PAD.encode(cursor.to_string())
}

/// Reads the cursor of the request, if there is one.
pub fn cursor(request: &VendorRequest) -> Result<Option<Value>, Refusal> {
    let Some(given) = text(request, "cursor") else { return Ok(None) };
    let decoded = URL_SAFE_NO_PAD.decode(given).ok();
    let read = decoded.and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    read.filter(Value::is_object).map(Some).ok_or_else(broken_cursor)
}

/// The answer to a cursor that is none, or one of another list.
pub fn broken_cursor() -> Refusal {
    Refusal::invalid("cursor", "it is not valid")
}

/// The page of rows that are all there, counted from the start.
pub fn counted(request: &VendorRequest, rows: Vec<Value>) -> Result<(Vec<Value>, Value), Refusal> {
    let start = match cursor(request)? {
        None => 0,
        Some(cursor) => {
            let start = cursor["start"].as_u64().and_then(|start| usize::try_from(start).ok());
            start.ok_or_else(broken_cursor)?
        }
    };
    let limit = limit(request)?;
    let has_more = rows.len() > start.saturating_add(limit);
    let next = has_more.then(|| cursor_text(&json!({ "start": start + limit })));
    Ok((rows.into_iter().skip(start).take(limit).collect(), json!({ "next_cursor": next })))
}

/// `{"success": true, "data": …}`
pub fn found(data: Value) -> Answer {
    Answer::json(StatusCode::OK, &json!({ "success": true, "data": data }))
}

/// The same with a word about the next page.
pub fn page(data: Value, additional_data: Value) -> Answer {
    let body = json!({ "success": true, "data": data, "additional_data": additional_data });
    Answer::json(StatusCode::OK, &body)
}
