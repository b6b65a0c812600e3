//! Storing records that have long been there: in the API's shape, with `type`, and with the
//! members that Pipedrive sets.

use serde_json::{Map, Value};

use super::drafts;
use super::object_types::Object;
use super::records::Desk;
use super::store::Record;
use super::values::instant_ms;

fn taken_instant(members: &mut Map<String, Value>, name: &str) -> Result<Option<i64>, String> {
    let read =
        |value: Value| instant_ms(&value).ok_or_else(|| format!("`{name}` is no RFC 3339 time"));
    members.remove(name).map(read).transpose()
}

fn store(desk: &mut Desk<'_>, given: &Value) -> Result<u64, String> {
    let mut members = given.as_object().cloned().ok_or("a seed is an object")?;
    let object = match members.remove("type") {
        None => Object::Person,
        Some(name) => name.as_str().and_then(Object::from_name).ok_or("unknown `type`")?,
    };
    let id = match members.remove("id") {
        None => desk.company.table_mut(object).draw_id(),
        Some(id) => id.as_u64().filter(|id| *id > 0).ok_or("`id` must be a positive number")?,
    };
    let added_ms = taken_instant(&mut members, "add_time")?.unwrap_or(desk.now_ms);
    let updated_ms = taken_instant(&mut members, "update_time")?.unwrap_or(added_ms);
    let is_deleted = members.remove("is_deleted") == Some(Value::Bool(true));
    let told = |refusal: super::errors::Refusal| refusal.message();
    let draft = drafts::read(desk.account, desk.company, object, &members, true).map_err(told)?;
    let mut content = desk.written(object, None, &draft).map_err(told)?;
    content.is_deleted = is_deleted;
    let mut record = Record::new(id, content, added_ms);
    record.updated_ms = updated_ms;
    record.index_at(i64::MIN, desk.now_ms);
    desk.company.table_mut(object).records.insert(id, record);
    Ok(id)
}

/// Stores all of them, and gives their ids. After an error some of them may be there.
pub fn seed(desk: &mut Desk<'_>, objects: &[Value]) -> Result<Vec<String>, String> {
    let stored = objects.iter().enumerate().map(|(index, given)| {
        let id = store(desk, given).map_err(|reason| format!("object {index}: {reason}"))?;
        Ok(id.to_string())
    });
    stored.collect()
}
