//! Records put in from outside, as if they had been there before.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::ids;
use super::orgs::Org;
use super::portal_acts;
use super::schema::Kind;
use super::sobject::Sobject;
use super::store::{Record, Tables, Values};
use super::values::whole_seconds;
use super::write::{Desk, blank, check_unique};
use crate::accounts::Account;
use crate::clock::ms_from_text;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Seed {
    #[serde(default, rename = "type")]
    object_type: Option<String>,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    properties: Map<String, Value>,
    #[serde(default)]
    created_at: Option<String>,
    #[serde(default)]
    updated_at: Option<String>,
    #[serde(default)]
    archived: bool,
}

fn instant(text: Option<&String>, default_ms: i64) -> Result<i64, String> {
    let read = |text: &String| ms_from_text(text).ok_or_else(|| format!("`{text}` is no instant"));
    text.map_or(Ok(default_ms), read).map(whole_seconds)
}

/// Any value of a known field is taken, ones that couldn't be written among them; ids in fifteen
/// characters are made long.
fn values_of(desk: &Desk<'_>, sobject: Sobject, seed: &Seed) -> Result<Values, String> {
    let mut values = Values::new();
    for (name, value) in seed.properties.iter().filter(|(_, value)| !value.is_null()) {
        let field = desk.schema.field(sobject, name);
        let field = field.ok_or_else(|| format!("a {} has no field `{name}`", sobject.name()))?;
        let long = match (field.kind, value) {
            (Kind::Reference(_), Value::String(id)) => ids::long(id).map(Value::from),
            _ => None,
        };
        values.insert(field.name.clone(), long.unwrap_or_else(|| value.clone()));
    }
    if let Some(stage) = values.get("StageName").and_then(Value::as_str) {
        let stage = desk.settings.stage(stage).filter(|_| sobject == Sobject::Opportunity);
        let of_stage = stage.map(|stage| [("IsClosed", stage.is_closed), ("IsWon", stage.is_won)]);
        for (name, value) in of_stage.into_iter().flatten() {
            values.insert(name.to_owned(), Value::Bool(value));
        }
    }
    Ok(values)
}

fn seed_one(desk: &Desk<'_>, tables: &mut Tables, seed: &Seed) -> Result<String, String> {
    let name = seed.object_type.as_deref().unwrap_or("contact");
    let sobject = Sobject::from_control_name(name)?;
    if !sobject.is_data() {
        return Err(format!("{} is a setting of the account", sobject.name()));
    }
    let id = match &seed.id {
        None => tables.draw_id(sobject, desk.org_id),
        Some(given) => ids::long(given)
            .filter(|id| ids::prefix(id) == sobject.key_prefix())
            .ok_or_else(|| format!("`{given}` is no id of a {}", sobject.name()))?,
    };
    let created_ms = instant(seed.created_at.as_ref(), desk.now_ms)?;
    let updated_ms = instant(seed.updated_at.as_ref(), created_ms)?;
    let made = blank(desk, sobject, id.clone(), values_of(desk, sobject, seed)?);
    let record = Record {
        created_ms,
        modified_ms: updated_ms,
        stamp_ms: updated_ms,
        is_deleted: seed.archived,
        ..made
    };
    if !record.is_deleted {
        check_unique(desk.schema, tables, &record).map_err(|refusal| refusal.told())?;
    }
    tables.put(desk.schema, record);
    Ok(id)
}

/// Stores all objects or none; gives their ids.
pub fn seed(
    org: &mut Org,
    account: &Account,
    objects: &[Value],
    now_ms: i64,
) -> Result<Vec<String>, String> {
    let setup = Arc::clone(&org.setup);
    let desk = portal_acts::desk(account, &setup, now_ms);
    let tables = &mut org.tables;
    tables.begin();
    let each = objects.iter().enumerate().map(|(index, object)| {
        let seed = Seed::deserialize(object).map_err(|error| error.to_string());
        let stored = seed.and_then(|seed| seed_one(&desk, tables, &seed));
        stored.map_err(|reason| format!("objects[{index}]: {reason}"))
    });
    let stored: Result<Vec<String>, String> = each.collect();
    if stored.is_ok() {
        tables.commit();
    } else {
        tables.roll_back(&setup.schema);
    }
    stored
}
