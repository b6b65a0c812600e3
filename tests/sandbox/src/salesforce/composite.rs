//! `composite`: up to 25 calls in one, each of which may name what an earlier one gave.

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::errors::Refusal;
use super::records_api::body;
use super::routes::{self, Route};
use super::{Handled, Visit};
use crate::percent::decode_query;
use crate::vendor::{Answer, VendorRequest};

const MAX_CALLS: usize = 25;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SubCall {
    method: String,
    url: String,
    reference_id: String,
    #[serde(default)]
    body: Option<Value>,
}

/// A value that an earlier call gave: `@{ref.id}`, `@{ref.records[0].Id}`.
fn looked_up(given: &Map<String, Value>, reference: &str) -> Option<String> {
    let mut segments = reference.split('.');
    let mut at = given.get(segments.next()?)?;
    for segment in segments {
        let (name, index) = match segment.split_once('[') {
            Some((name, index)) => (name, Some(index.strip_suffix(']')?.parse::<usize>().ok()?)),
            None => (segment, None),
        };
        at = at.get(name)?;
        if let Some(index) = index {
            at = at.get(index)?;
        }
    }
    at.as_str().map(str::to_owned).or_else(|| Some(at.to_string()))
}

fn filled(given: &Map<String, Value>, text: &str) -> Result<String, Refusal> {
    let (mut filled, mut rest) = (String::new(), text);
    while let Some((before, behind)) = rest.split_once("@{") {
        let (reference, behind) = behind.split_once('}').unwrap_or((behind, ""));
        let value = looked_up(given, reference).ok_or_else(|| {
            let message = format!("Invalid reference specified. No value for {reference} found");
            Refusal::bad_request("PROCESSING_HALTED", message)
        })?;
        filled.push_str(before);
        filled.push_str(&value);
        rest = behind;
    }
    filled.push_str(rest);
    Ok(filled)
}

fn filled_body(given: &Map<String, Value>, body: Value) -> Result<Value, Refusal> {
    Ok(match body {
        Value::String(text) => Value::String(filled(given, &text)?),
        Value::Array(items) => {
            let items = items.into_iter().map(|item| filled_body(given, item));
            Value::Array(items.collect::<Result<_, _>>()?)
        }
        Value::Object(members) => {
            let members =
                members.into_iter().map(|(name, value)| Ok((name, filled_body(given, value)?)));
            Value::Object(members.collect::<Result<_, Refusal>>()?)
        }
        other @ (Value::Null | Value::Bool(_) | Value::Number(_)) => other,
    })
}

fn request_of(
    outer: &VendorRequest,
    given: &Map<String, Value>,
    call: &SubCall,
) -> Result<VendorRequest, Refusal> {
    let url = filled(given, &call.url)?;
    let (path, raw_query) = url.split_once('?').unwrap_or((&url, ""));
    let method = Method::from_bytes(call.method.as_bytes());
    let body = call.body.clone().map(|body| filled_body(given, body)).transpose()?;
    let mut headers = outer.headers.clone();
    let json = http::HeaderValue::from_static("application/json");
    headers.insert(http::header::CONTENT_TYPE, json);
    Ok(VendorRequest {
        method: method.map_err(|_| Refusal::method_not_allowed("GET"))?,
        path: format!("/{}{path}", routes::domain(&outer.path)),
        raw_query: raw_query.to_owned(),
        query: decode_query(raw_query),
        headers,
        body: body.map(|body| body.to_string()).unwrap_or_default().into(),
    })
}

fn run_one(
    visit: &mut Visit<'_>,
    outer: &VendorRequest,
    given: &Map<String, Value>,
    call: &SubCall,
) -> Handled {
    let request = request_of(outer, given, call)?;
    let parsed = super::call_of(&request)?;
    if parsed.route == Route::Composite {
        return Err(Refusal::not_found());
    }
    visit.run(&parsed, &request)
}

/// `POST /composite`
pub fn run(visit: &mut Visit<'_>, request: &VendorRequest) -> Handled {
    let mut body = body(request)?;
    let all_or_none = body.get("allOrNone").and_then(Value::as_bool).unwrap_or_default();
    let calls = body.remove("compositeRequest").unwrap_or_default();
    let calls: Vec<SubCall> = Vec::deserialize(calls).map_err(|error| {
        Refusal::bad_request("JSON_PARSER_ERROR", format!("compositeRequest: {error}"))
    })?;
    if calls.is_empty() || calls.len() > MAX_CALLS {
        let message = format!("a composite request has between 1 and {MAX_CALLS} subrequests");
        return Err(Refusal::bad_request("INVALID_INPUT", message));
    }
    visit.org.tables.begin();
    let (mut given, mut results) = (Map::new(), Vec::new());
    let (mut applied, mut has_failed) = (false, false);
    for call in &calls {
        let handled = run_one(visit, request, &given, call);
        let (answer, did_apply) = handled.unwrap_or_else(|refusal| (refusal.answer(), false));
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        applied |= did_apply;
        has_failed |= !answer.status.is_success();
        if answer.status.is_success() {
            given.insert(call.reference_id.clone(), body.clone());
        }
        results.push(json!({ "body": body, "httpHeaders": {},
            "httpStatusCode": answer.status.as_u16(), "referenceId": call.reference_id }));
    }
    let is_undone = all_or_none && has_failed;
    if is_undone {
        let setup = std::sync::Arc::clone(&visit.org.setup);
        visit.org.tables.roll_back(&setup.schema);
        let innocent = results
            .iter_mut()
            .filter(|result| result["httpStatusCode"].as_u64().is_some_and(|status| status < 300));
        let message = "The transaction was rolled back since another operation in the same \
            transaction failed.";
        for result in innocent {
            result["httpStatusCode"] = json!(400);
            result["body"] = json!([{ "errorCode": "PROCESSING_HALTED", "message": message }]);
        }
    } else {
        visit.org.tables.commit();
    }
    let answer = Answer::json(StatusCode::OK, &json!({ "compositeResponse": results }));
    Ok((answer, applied && !is_undone))
}
