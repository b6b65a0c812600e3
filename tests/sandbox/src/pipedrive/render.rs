//! Records as the API shows them.

use serde_json::{Map, Value, json};

use super::store::Record;
use super::values::instant_text;

/// The custom fields that the caller wants; absent means all.
pub type WantedFields<'a> = Option<&'a [String]>;

fn custom(record: &Record, wanted: WantedFields<'_>) -> Value {
    let set = record.content.custom.iter();
    let shown: Map<String, Value> = set
        .filter(|(code, _)| wanted.is_none_or(|wanted| wanted.contains(code)))
        .map(|(code, value)| (code.clone(), value.clone()))
        .collect();
    // Recorded answers have null here and no empty object.
    if shown.is_empty() { Value::Null } else { Value::Object(shown) }
}

/// A record without its custom fields.
pub fn plain(record: &Record) -> Value {
    let mut row = Value::Object(record.content.values.clone());
    row["id"] = json!(record.id);
    row["add_time"] = json!(instant_text(record.added_ms));
    row["update_time"] = json!(instant_text(record.updated_ms));
    row["is_deleted"] = json!(record.content.is_deleted);
    row
}

/// A record as v2 shows it.
pub fn row(record: &Record, wanted: WantedFields<'_>) -> Value {
    let mut row = plain(record);
    row["custom_fields"] = custom(record, wanted);
    row
}

/// A merged person as v1 shows it, as far as anybody reads it.
pub fn merged_person(record: &Record, merged: u64) -> Value {
    let content = &record.content;
    json!({
        "id": record.id,
        "name": content.get("name"),
        "first_name": content.get("first_name"),
        "last_name": content.get("last_name"),
        "email": content.get("emails"),
        "phone": content.get("phones"),
        "owner_id": content.get("owner_id"),
        "org_id": content.get("org_id"),
        "active_flag": !content.is_deleted,
        "merge_what_id": merged,
    })
}
