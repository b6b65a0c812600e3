//! Records put in from outside, in HubSpot's own shape, as if they had been there before.

use serde::Deserialize;
use serde_json::Value;

use super::object_types::{Kind, ObjectType};
use super::store::{Portals, Record, Values};
use crate::clock::{iso_from_ms, ms_from_text};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Seed {
    #[serde(default, rename = "type")]
    object_type: Option<String>,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    properties: std::collections::BTreeMap<String, Option<String>>,
    #[serde(default)]
    created_at: Option<String>,
    #[serde(default)]
    updated_at: Option<String>,
    #[serde(default)]
    archived: bool,
}

fn instant(text: Option<&String>, default_ms: i64) -> Result<i64, String> {
    text.map_or(Ok(default_ms), |text| {
        ms_from_text(text).ok_or_else(|| format!("`{text}` is not an instant"))
    })
}

/// Any property is taken, read-only ones too: a portal has more than the sandbox's table knows.
fn values_of(object_type: &ObjectType, seed: &Seed) -> Values {
    let given = seed.properties.iter();
    given
        .filter_map(|(name, value)| Some((name, value.as_ref()?)))
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| {
            let is_email = object_type.property(name).is_some_and(|p| p.kind == Kind::Email);
            let value = if is_email { value.trim().to_lowercase() } else { value.clone() };
            (name.clone(), value)
        })
        .collect()
}

fn seed_one(portals: &mut Portals, portal: &str, seed: &Seed, now_ms: i64) -> Result<u64, String> {
    let name = seed.object_type.as_deref().unwrap_or("contact");
    let object_type =
        ObjectType::from_name(name).ok_or_else(|| format!("unknown object type `{name}`"))?;
    let table = portals.table(portal, object_type);
    let mut values = values_of(object_type, seed);
    let id = match &seed.id {
        Some(id) => id.parse().map_err(|_| format!("id `{id}` is not a decimal number"))?,
        None => table.draw_id(),
    };
    if let Some((_, holder)) = table.holder_of(&values, Some(id)) {
        return Err(format!("record {holder} already has a unique value of record {id}"));
    }
    let created_ms = instant(seed.created_at.as_ref(), now_ms)?;
    let updated_ms = instant(seed.updated_at.as_ref(), created_ms)?;
    values.insert("hs_object_id".to_owned(), id.to_string());
    values.insert("createdate".to_owned(), iso_from_ms(created_ms));
    values.insert(object_type.modified.to_owned(), iso_from_ms(updated_ms));
    let archived_ms = seed.archived.then_some(updated_ms);
    table.put(Record { id, values, created_ms, updated_ms, archived_ms, is_indexed_at_once: true });
    Ok(id)
}

/// Stores all objects or none; gives their ids.
pub fn seed(
    portals: &mut Portals,
    portal: &str,
    objects: &[Value],
    now_ms: i64,
) -> Result<Vec<String>, String> {
    let seeds: Vec<Seed> = objects
        .iter()
        .enumerate()
        .map(|(index, object)| {
            Seed::deserialize(object).map_err(|error| format!("objects[{index}]: {error}"))
        })
        .collect::<Result<_, _>>()?;
    portals.portal(portal).tables.begin();
    let mut ids = Vec::with_capacity(seeds.len());
    for (index, seed) in seeds.iter().enumerate() {
        match seed_one(portals, portal, seed, now_ms) {
            Ok(id) => ids.push(id.to_string()),
            Err(reason) => {
                portals.portal(portal).tables.roll_back();
                return Err(format!("objects[{index}]: {reason}"));
            }
        }
    }
    portals.portal(portal).tables.commit();
    Ok(ids)
}

#[cfg(test)]
mod tests {
    use super::seed;
    use crate::hubspot::object_types::CONTACT;
    use crate::hubspot::store::Portals;
    use serde_json::json;

    #[test]
    fn seed_stores_all_or_none() {
        let mut portals = Portals::default();
        let objects = [
            json!({ "properties": { "email": "A@x.io" } }),
            json!({ "properties": { "email": "a@x.io" } }),
        ];
        let refused = seed(&mut portals, "1", &objects, 5).unwrap_err();
        assert!(refused.starts_with("objects[1]"), "{refused}");
        assert_eq!(portals.table("1", &CONTACT).all().count(), 0);
    }

    #[test]
    fn seed_keeps_ids_and_times() {
        let mut portals = Portals::default();
        let object = json!({ "id": "77", "properties": { "email": "A@x.io", "own_field": "x" },
            "createdAt": "2023-11-14T22:13:20Z", "archived": true });
        assert_eq!(seed(&mut portals, "1", &[object], 5).unwrap(), ["77"]);
        let record = portals.table("1", &CONTACT).any(77).unwrap();
        assert_eq!(record.values["createdate"], "2023-11-14T22:13:20.000Z");
        assert_eq!(record.values["own_field"], "x");
        assert!(record.archived_ms.is_some());
        assert_eq!(portals.table("1", &CONTACT).draw_id(), 101);
    }
}
