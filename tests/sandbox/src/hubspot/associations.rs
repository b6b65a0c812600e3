//! Associations of one record over the wire: inline at creation, in reads, and one by one. The
//! batch calls are in `association_batch`.

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::errors::Refusal;
use super::links::{self, End};
use super::object_types::ObjectType;
use super::store::Portal;
use super::{Context, Handled, batch, objects};
use crate::vendor::Answer;

/// How two records are to be associated.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Spec {
    association_type_id: u32,
}

/// An id in a body.
#[derive(Deserialize)]
pub struct Id {
    /// Record id.
    pub id: Text,
}

/// Ids come as text or as numbers.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum Text {
    Number(u64),
    Text(String),
}

impl Text {
    /// The number, if it is one.
    pub fn number(&self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.trim().parse().ok(),
        }
    }

    /// As the caller wrote it.
    pub fn shown(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}

/// One of the `associations` of a new record.
#[derive(Deserialize)]
pub struct Wanted {
    to: Id,
    types: Vec<Spec>,
}

/// A checked association.
pub struct Checked {
    to: End,
    is_primary: bool,
}

fn no_pair(from: &ObjectType, to: &ObjectType) -> Refusal {
    let (from, to) = (from.type_id, to.type_id);
    Refusal::validation(&format!("No association type is defined from {from} to {to}"))
}

/// Whether one of the types is the primary one. Types of another pair are refused.
pub fn primary_of(from: &ObjectType, to: &ObjectType, types: &[Spec]) -> Result<bool, Refusal> {
    let mut ids = types.iter().map(|spec| spec.association_type_id);
    if types.is_empty() || !ids.clone().all(|id| links::is_known(from, to, id)) {
        return Err(no_pair(from, to));
    }
    Ok(ids.any(|id| links::is_primary(from, to, id)))
}

/// Refuses associations of a new record that could not be made.
pub fn check(
    context: &Context<'_>,
    portal: &mut Portal,
    wanted: &[Wanted],
) -> Result<Vec<Checked>, Refusal> {
    let from = context.object_type;
    let mut checked = Vec::with_capacity(wanted.len());
    for Wanted { to, types } in wanted {
        let first = types.first().map(|spec| spec.association_type_id).unwrap_or_default();
        let object_type = ObjectType::every().find(|other| links::is_known(from, other, first));
        let object_type =
            object_type.ok_or_else(|| Refusal::validation("Unknown association type"))?;
        let is_primary = primary_of(from, object_type, types)?;
        let id = portal.tables.of(object_type).current_id(to.id.number().unwrap_or_default());
        if !portal.tables.has_live(object_type, id) {
            return Err(Refusal::object_not_found());
        }
        checked.push(Checked { to: End { object_type, id }, is_primary });
    }
    Ok(checked)
}

/// Makes checked associations.
pub fn apply(portal: &mut Portal, from: End, wanted: &[Checked], now_ms: i64) {
    for Checked { to, is_primary } in wanted {
        portal.links.associate(from, *to, *is_primary, now_ms);
    }
}

/// The record that an id leads to, if it is there and not archived.
pub fn live_end(
    portal: &mut Portal,
    object_type: &'static ObjectType,
    id: Option<u64>,
) -> Option<End> {
    let id = portal.tables.of(object_type).current_id(id?);
    portal.tables.has_live(object_type, id).then_some(End { object_type, id })
}

/// What `from` is associated with, leaving out what is archived.
pub fn live_links(portal: &Portal, from: End, to: &'static ObjectType) -> Vec<(u64, Vec<u32>)> {
    let mut found = portal.links.of(from, to);
    found.retain(|(id, _)| portal.tables.has_live(to, *id));
    found
}

/// The `associations` member of a read that asks for it.
pub fn asked_for(
    context: &Context<'_>,
    portal: &Portal,
    from: End,
) -> Result<Option<Value>, Refusal> {
    let mut shown = Map::new();
    for name in context.request.query_list("associations") {
        let to = ObjectType::from_name(&name).ok_or_else(|| {
            Refusal::validation(&format!("Unable to infer object type from: {name}"))
        })?;
        let item = |(id, types): (u64, Vec<u32>)| {
            types.into_iter().map(move |type_id| {
                let name = links::type_name(from.object_type, to, type_id);
                json!({ "id": id.to_string(), "type": name })
            })
        };
        let results: Vec<Value> = live_links(portal, from, to).into_iter().flat_map(item).collect();
        if !results.is_empty() {
            shown.insert(to.plural.to_owned(), json!({ "results": results }));
        }
    }
    Ok((!shown.is_empty()).then_some(Value::Object(shown)))
}

/// One direction of a plain association, as answers show it.
pub fn result(from: End, to: End) -> Value {
    json!({
        "from": { "id": from.id.to_string() },
        "to": { "id": to.id.to_string() },
        "associationSpec": {
            "associationCategory": "HUBSPOT_DEFINED",
            "associationTypeId": links::unlabelled_id(from.object_type, to.object_type),
        },
    })
}

/// The error item for ends that are not there.
pub fn missing_item(object_type: &ObjectType, ids: &[String]) -> Value {
    let name = object_type.singular;
    json!({
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "subCategory": "crm.associations.FROM_OBJECT_NOT_FOUND",
        "message": format!("The {name} object does not exist"),
        "context": { "ids": ids },
    })
}

/// Makes the plain association of two records if both are there. Gives both directions, or the
/// error item, and whether anything is different now.
pub fn associate_default(
    context: &Context<'_>,
    portal: &mut Portal,
    to_type: &'static ObjectType,
    [from, to]: [(Option<u64>, String); 2],
) -> (Result<[Value; 2], Value>, bool) {
    let Some(from_end) = live_end(portal, context.object_type, from.0) else {
        return (Err(missing_item(context.object_type, &[from.1])), false);
    };
    let Some(to_end) = live_end(portal, to_type, to.0) else {
        return (Err(missing_item(to_type, &[to.1])), false);
    };
    let changed = portal.links.associate(from_end, to_end, false, context.now_ms);
    (Ok([result(from_end, to_end), result(to_end, from_end)]), changed)
}

/// `PUT {base}/{id}/associations/default/{to}/{id}`
pub fn put_default(
    context: &Context<'_>,
    portal: &mut Portal,
    to_type: &'static ObjectType,
    [from, to]: [&str; 2],
) -> Handled {
    if links::unlabelled_id(context.object_type, to_type).is_none() {
        return Err(no_pair(context.object_type, to_type));
    }
    let ends = [from, to].map(|id| (id.parse().ok(), id.to_owned()));
    let (outcome, changed) = associate_default(context, portal, to_type, ends);
    let body = match outcome {
        Ok(results) => batch::body(context, &results, &[]),
        Err(item) => batch::body(context, &[], &[item]),
    };
    Ok((Answer::json(StatusCode::OK, &body), changed))
}

/// `PUT {base}/{id}/associations/{to}/{id}` with labels
pub fn put_labelled(
    context: &Context<'_>,
    portal: &mut Portal,
    to_type: &'static ObjectType,
    [from, to]: [&str; 2],
) -> Handled {
    let types: Vec<Spec> = objects::body_of(context.request)?;
    let is_primary = primary_of(context.object_type, to_type, &types)?;
    let from = live_end(portal, context.object_type, from.parse().ok());
    let to = live_end(portal, to_type, to.parse().ok());
    let (Some(from), Some(to)) = (from, to) else { return Err(Refusal::object_not_found()) };
    let changed = portal.links.associate(from, to, is_primary, context.now_ms);
    let body = json!({
        "fromObjectTypeId": from.object_type.type_id,
        "fromObjectId": from.id.to_string(),
        "toObjectTypeId": to.object_type.type_id,
        "toObjectId": to.id.to_string(),
        "labels": [],
    });
    Ok((Answer::json(StatusCode::CREATED, &body), changed))
}

/// `DELETE {base}/{id}/associations/{to}/{id}`
pub fn delete(
    context: &Context<'_>,
    portal: &mut Portal,
    to_type: &'static ObjectType,
    [from, to]: [&str; 2],
) -> Handled {
    let from = live_end(portal, context.object_type, from.parse().ok());
    let to = live_end(portal, to_type, to.parse().ok());
    let changed = match (from, to) {
        (Some(from), Some(to)) => portal.links.dissociate(from, to, context.now_ms),
        (None, _) | (_, None) => false,
    };
    Ok((Answer::empty(StatusCode::NO_CONTENT), changed))
}

/// One associated record, as the association calls show it.
pub fn shown_link(
    context: &Context<'_>,
    to_type: &ObjectType,
    (id, types): (u64, Vec<u32>),
) -> Value {
    let types = types.into_iter().map(|type_id| {
        let is_primary = links::is_primary(context.object_type, to_type, type_id);
        let label = is_primary.then_some("Primary");
        json!({ "category": "HUBSPOT_DEFINED", "typeId": type_id, "label": label })
    });
    // The dated versions type the id as text, v4 gives a number.
    let id = if context.dated { json!(id.to_string()) } else { json!(id) };
    json!({ "toObjectId": id, "associationTypes": types.collect::<Vec<_>>() })
}

/// `GET {base}/{id}/associations/{to}`
pub fn list(
    context: &Context<'_>,
    portal: &mut Portal,
    to_type: &'static ObjectType,
    from: &str,
) -> Handled {
    let from = live_end(portal, context.object_type, from.parse().ok());
    let from = from.ok_or_else(Refusal::object_not_found)?;
    let found = live_links(portal, from, to_type).into_iter();
    let results: Vec<Value> = found.map(|link| shown_link(context, to_type, link)).collect();
    Ok((Answer::json(StatusCode::OK, &json!({ "results": results })), false))
}
