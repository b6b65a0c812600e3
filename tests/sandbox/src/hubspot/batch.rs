//! What all batch calls have in common: reading inputs, all-or-nothing or input by input, and the
//! answer.

use std::collections::BTreeSet;

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::associations::Wanted;
use super::errors::Refusal;
use super::store::Table;
use super::{Context, Handled, objects, render};
use crate::clock::iso_from_ms;
use crate::vendor::Answer;

const MAX_INPUTS: usize = 100;

/// One input of a write.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Input {
    /// Record id, or value of `id_property`.
    #[serde(default)]
    pub id: Option<String>,
    /// Which property `id` is a value of.
    #[serde(default)]
    pub id_property: Option<String>,
    /// What to write.
    #[serde(default)]
    pub properties: Map<String, Value>,
    /// For batch create: what the new record is to be associated with.
    #[serde(default)]
    pub associations: Vec<Wanted>,
    /// The caller's own mark.
    #[serde(default)]
    pub object_write_trace_id: Option<String>,
}

/// A batch body.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Batch {
    /// The inputs.
    pub inputs: Vec<Input>,
    /// For batch read.
    #[serde(default)]
    pub id_property: Option<String>,
    /// For batch read.
    #[serde(default)]
    pub properties: Vec<String>,
}

/// What became of an input.
pub enum Done {
    /// A new record.
    Created(u64),
    /// A record that was there, and whether it is different now.
    Kept(u64, bool),
    /// There is no such record.
    Missing,
    /// The id is from before a merge: HubSpot leaves it out of the answer without a word.
    Passed,
}

/// Refuses an empty batch and one with more inputs than `max`.
pub fn check_size(count: usize, max: usize) -> Result<(), Refusal> {
    if count == 0 {
        return Err(Refusal::validation("inputs must not be empty"));
    }
    if count > max {
        return Err(Refusal::validation(&format!(
            "The maximum number of inputs is {max}, the request has {count}"
        )));
    }
    Ok(())
}

/// Reads a batch and checks its size.
pub fn read_batch(context: &Context<'_>) -> Result<Batch, Refusal> {
    let batch: Batch = objects::body_of(context.request)?;
    check_size(batch.inputs.len(), MAX_INPUTS)?;
    Ok(batch)
}

/// Every input needs an id, and no two the same; emails are compared without case.
pub fn check_ids(batch: &Batch) -> Result<(), Refusal> {
    let mut seen = BTreeSet::new();
    for input in &batch.inputs {
        let id = input.id.as_deref().map(str::trim).filter(|id| !id.is_empty());
        let id = id.ok_or_else(|| Refusal::validation("Every input needs an id"))?;
        if !seen.insert(id.to_lowercase()) {
            let message = format!("Duplicate IDs found in batch input: [{id}]");
            return Err(Refusal::validation(&message));
        }
    }
    Ok(())
}

/// Inputs succeed or fail one by one only if each carries a trace id of its own.
fn has_unique_traces(batch: &Batch) -> bool {
    let traces = batch.inputs.iter().map(|input| input.object_write_trace_id.as_deref());
    let distinct: BTreeSet<&str> = traces.flatten().filter(|trace| !trace.is_empty()).collect();
    distinct.len() == batch.inputs.len()
}

/// The error item for records that are not there.
pub fn not_found_item(context: &Context<'_>, ids: &[String]) -> Value {
    let title = context.object_type.title.to_uppercase();
    json!({
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "message": format!(
            "Could not get some {title} objects, they may be deleted or not exist. \
             Check that ids are valid."
        ),
        "context": { "ids": ids },
    })
}

/// The body of a batch answer.
pub fn answer(
    context: &Context<'_>,
    success: StatusCode,
    results: &[Value],
    errors: &[Value],
) -> Answer {
    let status = if errors.is_empty() { success } else { StatusCode::MULTI_STATUS };
    Answer::json(status, &body(context, results, errors))
}

/// The same without a status.
pub fn body(context: &Context<'_>, results: &[Value], errors: &[Value]) -> Value {
    let at = iso_from_ms(context.now_ms);
    let mut body = json!({
        "status": "COMPLETE",
        "results": results,
        "requestedAt": at,
        "startedAt": at,
        "completedAt": at,
    });
    if !errors.is_empty() {
        body["numErrors"] = json!(errors.len());
        body["errors"] = json!(errors);
    }
    body
}

/// How the results of a write are shown.
pub struct WriteStyle {
    /// Status if all went well.
    pub success: StatusCode,
    /// Whether results say if they are new.
    pub tells_new: bool,
}

fn result(
    context: &Context<'_>,
    table: &Table,
    input: &Input,
    done: &Done,
    style: &WriteStyle,
) -> Option<Value> {
    let (id, is_new) = match done {
        Done::Created(id) => (*id, true),
        Done::Kept(id, _) => (*id, false),
        Done::Missing | Done::Passed => return None,
    };
    let mut body = render::written(context, table.any(id)?);
    if style.tells_new {
        body.insert("new".to_owned(), json!(is_new));
    }
    if let Some(trace) = &input.object_write_trace_id {
        body.insert("objectWriteTraceId".to_owned(), json!(trace));
    }
    Some(Value::Object(body))
}

/// Runs `each` for every input. Without trace ids the first refusal takes back the whole batch.
pub fn write(
    context: &Context<'_>,
    table: &mut Table,
    batch: &Batch,
    style: &WriteStyle,
    mut each: impl FnMut(&mut Table, &Input) -> Result<Done, Refusal>,
) -> Handled {
    let is_partial = has_unique_traces(batch);
    let (mut results, mut errors, mut missing) = (Vec::new(), Vec::new(), Vec::new());
    let mut changed = false;
    table.begin();
    for input in &batch.inputs {
        match each(table, input) {
            Ok(done) => {
                changed |= matches!(done, Done::Created(_) | Done::Kept(_, true));
                results.extend(result(context, table, input, &done, style));
                if matches!(done, Done::Missing) {
                    missing.extend(input.id.clone());
                }
            }
            Err(refusal) if is_partial => {
                let trace = input.object_write_trace_id.as_deref().unwrap_or_default();
                errors.push(refusal.batch_item(trace));
            }
            Err(refusal) => {
                table.roll_back();
                return Err(refusal);
            }
        }
    }
    table.commit();
    if !missing.is_empty() {
        errors.push(not_found_item(context, &missing));
    }
    Ok((answer(context, style.success, &results, &errors), changed))
}
