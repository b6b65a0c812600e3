//! Records put in from outside, in HubSpot's own shape, as if they had been there before.

use serde::Deserialize;
use serde_json::Value;

use super::links::End;
use super::object_types::{Kind, ObjectType};
use super::store::{Portal, Portals, Record, Values};
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
    #[serde(default)]
    associations: Vec<SeedLink>,
}

/// A record that the seeded one is associated with; it may be seeded by the same call.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SeedLink {
    #[serde(rename = "type")]
    object_type: String,
    id: String,
    #[serde(default)]
    primary: bool,
}

fn other_end(portal: &Portal, wanted: &SeedLink) -> Result<End, String> {
    let name = &wanted.object_type;
    let object_type =
        ObjectType::from_name(name).ok_or_else(|| format!("unknown object type `{name}`"))?;
    let known = wanted.id.parse().ok().filter(|id| portal.tables.has_live(object_type, *id));
    let id = known.ok_or_else(|| format!("no {} {}", object_type.singular, wanted.id))?;
    Ok(End { object_type, id })
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

fn seed_one(portal: &mut Portal, seed: &Seed, now_ms: i64) -> Result<End, String> {
    let name = seed.object_type.as_deref().unwrap_or("contact");
    let object_type =
        ObjectType::from_name(name).ok_or_else(|| format!("unknown object type `{name}`"))?;
    let table = portal.tables.of(object_type);
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
    Ok(End { object_type, id })
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
    let portal = portals.portal(portal);
    portal.tables.begin();
    let stored = store(portal, &seeds, now_ms);
    let (ends, links) = match stored {
        Ok(stored) => stored,
        Err(reason) => {
            portal.tables.roll_back();
            return Err(reason);
        }
    };
    portal.tables.commit();
    for (from, to, is_primary) in links {
        portal.links.associate(from, to, is_primary, now_ms);
    }
    // What was there before is no news.
    drop(portal.take_changes());
    Ok(ends.into_iter().map(|end| end.id.to_string()).collect())
}

type Link = (End, End, bool);

/// Puts the records in and finds what they are to be associated with.
fn store(
    portal: &mut Portal,
    seeds: &[Seed],
    now_ms: i64,
) -> Result<(Vec<End>, Vec<Link>), String> {
    let told = |index: usize, reason: String| format!("objects[{index}]: {reason}");
    let mut ends = Vec::with_capacity(seeds.len());
    for (index, seed) in seeds.iter().enumerate() {
        ends.push(seed_one(portal, seed, now_ms).map_err(|reason| told(index, reason))?);
    }
    let mut links = Vec::new();
    for (index, (seed, end)) in seeds.iter().zip(&ends).enumerate() {
        for wanted in &seed.associations {
            let to = other_end(portal, wanted).map_err(|reason| told(index, reason))?;
            links.push((*end, to, wanted.primary));
        }
    }
    Ok((ends, links))
}

#[cfg(test)]
mod tests {
    use super::{End, seed};
    use crate::hubspot::object_types::{COMPANY, CONTACT};
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
    fn seed_associates_with_records_of_the_same_call() {
        let mut portals = Portals::default();
        let contact = json!({ "id": "5", "properties": { "email": "a@x.io" },
            "associations": [{ "type": "company", "id": "7", "primary": true }] });
        let company = json!({ "type": "company", "id": "7", "properties": { "name": "Acme" } });
        assert!(seed(&mut portals, "1", std::slice::from_ref(&contact), 5).is_err());
        assert!(portals.table("1", &CONTACT).any(5).is_none());
        seed(&mut portals, "1", &[contact, company], 5).unwrap();
        let portal = portals.portal("1");
        let ada = End { object_type: &CONTACT, id: 5 };
        assert_eq!(portal.links.of(ada, &COMPANY), [(7, vec![1, 279])]);
        assert!(portal.take_changes().is_empty());
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
