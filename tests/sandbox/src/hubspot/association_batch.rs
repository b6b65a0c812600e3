//! The batch calls of associations.

use std::collections::BTreeSet;

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::associations::{
    Id, Spec, Text, associate_default, live_end, live_links, missing_item, primary_of, result,
    shown_link,
};
use super::batch::{answer, body, check_size};
use super::errors::Refusal;
use super::links;
use super::object_types::ObjectType;
use super::store::Portal;
use super::{Context, Handled, objects};
use crate::vendor::Answer;

const MAX_WRITES: usize = 2_000;
const MAX_READS: usize = 1_000;

#[derive(Deserialize)]
struct Inputs<T> {
    inputs: Vec<T>,
}

#[derive(Deserialize)]
struct Pair {
    from: Id,
    to: Ends,
    #[serde(default)]
    types: Vec<Spec>,
}

/// Archiving takes many ends of one record, the other calls one.
#[derive(Deserialize)]
#[serde(untagged)]
enum Ends {
    One(Id),
    Many(Vec<Id>),
}

impl Ends {
    fn each(&self) -> &[Id] {
        match self {
            Self::One(id) => std::slice::from_ref(id),
            Self::Many(ids) => ids,
        }
    }
}

fn end_of(id: &Text) -> (Option<u64>, String) {
    (id.number(), id.shown())
}

fn pairs(context: &Context<'_>) -> Result<Vec<Pair>, Refusal> {
    let body: Inputs<Pair> = objects::body_of(context.request)?;
    check_size(body.inputs.len(), MAX_WRITES)?;
    Ok(body.inputs)
}

/// `batch/associate/default`. Answers 200 even if some records are not there.
pub fn associate(
    context: &Context<'_>,
    portal: &mut Portal,
    to_type: &'static ObjectType,
) -> Handled {
    let inputs = pairs(context)?;
    if links::unlabelled_id(context.object_type, to_type).is_none() {
        return Err(Refusal::validation("No association type is defined between the types"));
    }
    let (mut results, mut errors, mut changed) = (Vec::new(), Vec::new(), false);
    for Pair { from, to, .. } in &inputs {
        for to in to.each() {
            let ends = [end_of(&from.id), end_of(&to.id)];
            let (outcome, is_new) = associate_default(context, portal, to_type, ends);
            changed |= is_new;
            match outcome {
                Ok(both) => results.extend(both),
                Err(item) => errors.push(item),
            }
        }
    }
    Ok((Answer::json(StatusCode::OK, &body(context, &results, &errors)), changed))
}

/// `batch/create`, with labels.
pub fn create(context: &Context<'_>, portal: &mut Portal, to_type: &'static ObjectType) -> Handled {
    let inputs = pairs(context)?;
    let (mut results, mut errors, mut changed) = (Vec::new(), Vec::new(), false);
    let mut checked = Vec::with_capacity(inputs.len());
    for Pair { from, to, types } in &inputs {
        let is_primary = primary_of(context.object_type, to_type, types)?;
        checked.extend(to.each().iter().map(|to| (from, to, is_primary)));
    }
    for (from, to, is_primary) in checked {
        let from_end = live_end(portal, context.object_type, from.id.number());
        let to_end = live_end(portal, to_type, to.id.number());
        match (from_end, to_end) {
            (Some(from), Some(to)) => {
                changed |= portal.links.associate(from, to, is_primary, context.now_ms);
                results.push(result(from, to));
            }
            (None, _) => errors.push(missing_item(context.object_type, &[from.id.shown()])),
            (Some(_), None) => errors.push(missing_item(to_type, &[to.id.shown()])),
        }
    }
    Ok((answer(context, StatusCode::CREATED, &results, &errors), changed))
}

fn none_item(from: &ObjectType, to: &ObjectType, id: &str) -> Value {
    let (from, to) = (from.singular, to.singular);
    json!({
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
        "message": format!("No {to} is associated with {from} {id}."),
        "context": {
            "fromObjectId": [id],
            "fromObjectType": [from],
            "toObjectType": [to],
        },
    })
}

/// `batch/read`. A record without associations, or that isn't there, is an error item.
pub fn read(context: &Context<'_>, portal: &mut Portal, to_type: &'static ObjectType) -> Handled {
    let asked: Inputs<Id> = objects::body_of(context.request)?;
    check_size(asked.inputs.len(), MAX_READS)?;
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    let mut seen = BTreeSet::new();
    for Id { id } in &asked.inputs {
        if !seen.insert(id.shown()) {
            continue;
        }
        let from = live_end(portal, context.object_type, id.number());
        let found = from.map(|from| live_links(portal, from, to_type)).unwrap_or_default();
        if found.is_empty() {
            errors.push(none_item(context.object_type, to_type, &id.shown()));
            continue;
        }
        let to: Vec<Value> =
            found.into_iter().map(|link| shown_link(context, to_type, link)).collect();
        results.push(json!({ "from": { "id": id.shown() }, "to": to }));
    }
    Ok((answer(context, StatusCode::OK, &results, &errors), false))
}

/// `batch/archive`. What isn't associated is left alone.
pub fn archive(
    context: &Context<'_>,
    portal: &mut Portal,
    to_type: &'static ObjectType,
) -> Handled {
    let mut changed = false;
    for Pair { from, to, .. } in &pairs(context)? {
        let from = live_end(portal, context.object_type, from.id.number());
        for to in to.each() {
            let to = live_end(portal, to_type, to.id.number());
            if let (Some(from), Some(to)) = (from, to) {
                changed |= portal.links.dissociate(from, to, context.now_ms);
            }
        }
    }
    // The dated versions answer 200, v4 answers 204.
    let answer = if context.dated {
        Answer::json(StatusCode::OK, &body(context, &[], &[]))
    } else {
        Answer::empty(StatusCode::NO_CONTENT)
    };
    Ok((answer, changed))
}
