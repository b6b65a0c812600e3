//! Everything that the portals hold: records by type, and what is associated with what.

mod table;

use std::collections::BTreeMap;

use super::changes::Noted;
use super::links::Links;
use super::object_types::ObjectType;
use super::schema::Definition;
pub use table::Table;

/// Property values by name.
pub type Values = BTreeMap<String, String>;

/// One record.
#[derive(Clone, Debug)]
pub struct Record {
    /// Record id.
    pub id: u64,
    /// Values; an empty one is not kept.
    pub values: Values,
    /// Creation.
    pub created_ms: i64,
    /// Last change.
    pub updated_ms: i64,
    /// When it was put into the recycling bin.
    pub archived_ms: Option<i64>,
    /// Whether search must wait for the index to find it.
    pub is_indexed_at_once: bool,
}

/// The tables of one portal.
#[derive(Default)]
pub struct Tables(BTreeMap<&'static str, Table>);

impl Tables {
    /// The table of a type, made on first use.
    pub fn of(&mut self, object_type: &'static ObjectType) -> &mut Table {
        self.0.entry(object_type.type_id).or_insert_with(|| Table::new(object_type))
    }

    /// Whether a record is there and not archived.
    pub fn has_live(&self, object_type: &ObjectType, id: u64) -> bool {
        self.0.get(object_type.type_id).is_some_and(|table| table.live(id).is_some())
    }

    /// [`Table::begin`] for all tables.
    pub fn begin(&mut self) {
        // A table that doesn't exist yet could not take its first writes back.
        for object_type in ObjectType::every() {
            self.of(object_type).begin();
        }
    }

    /// [`Table::commit`] for all tables.
    pub fn commit(&mut self) {
        self.0.values_mut().for_each(Table::commit);
    }

    /// [`Table::roll_back`] for all tables.
    pub fn roll_back(&mut self) {
        self.0.values_mut().for_each(Table::roll_back);
    }
}

/// One portal.
#[derive(Default)]
pub struct Portal {
    /// Records.
    pub tables: Tables,
    /// Associations.
    pub links: Links,
}

impl Portal {
    /// Gives and forgets what has happened since the last time.
    pub fn take_changes(&mut self) -> Vec<Noted> {
        let tables = self.tables.0.values_mut();
        let mut changes: Vec<Noted> = tables.flat_map(Table::take_changes).collect();
        changes.extend(self.links.take_changes());
        changes
    }
}

/// A property that a portal's entry in the accounts file adds to a type.
pub type Preset = (&'static ObjectType, Definition);

/// All portals.
#[derive(Default)]
pub struct Portals {
    portals: BTreeMap<String, Portal>,
    presets: BTreeMap<String, Vec<Preset>>,
}

impl Portals {
    /// A portal, made on first use.
    pub fn portal(&mut self, portal: &str) -> &mut Portal {
        let presets = self.presets.get(portal).map(Vec::as_slice).unwrap_or_default();
        self.portals.entry(portal.to_owned()).or_insert_with(|| {
            let mut made = Portal::default();
            apply(&mut made, presets);
            made
        })
    }

    /// The table of a type, made on first use.
    pub fn table(&mut self, portal: &str, object_type: &'static ObjectType) -> &mut Table {
        self.portal(portal).tables.of(object_type)
    }

    /// Sets the properties that the portal has from the start, and after each reset again.
    pub fn preset(&mut self, portal: &str, presets: Vec<Preset>) {
        if let Some(made) = self.portals.get_mut(portal) {
            apply(made, &presets);
        }
        self.presets.insert(portal.to_owned(), presets);
    }

    /// Drops what one portal holds, or all.
    pub fn reset(&mut self, portal: Option<&str>) {
        self.portals.retain(|of_portal, _| portal.is_some_and(|portal| portal != of_portal));
    }
}

fn apply(portal: &mut Portal, presets: &[Preset]) {
    for (object_type, definition) in presets {
        let table = portal.tables.of(object_type);
        table.schema.add(definition.clone(), 0);
        table.reindex();
    }
}

#[cfg(test)]
mod tests {
    use super::{Definition, Portals, Record, Values};
    use crate::hubspot::object_types::{COMPANY, CONTACT};

    fn record(id: u64, email: &str) -> Record {
        Record {
            id,
            values: Values::from([("email".to_owned(), email.to_owned())]),
            created_ms: 0,
            updated_ms: 0,
            archived_ms: None,
            is_indexed_at_once: true,
        }
    }

    #[test]
    fn roll_back_restores_records_and_index() {
        let mut portals = Portals::default();
        let table = portals.table("1", &CONTACT);
        table.put(record(5, "a@x.io"));
        table.begin();
        table.put(record(5, "b@x.io"));
        table.put(record(6, "a@x.io"));
        table.roll_back();
        assert_eq!(table.find("email", "A@x.io"), Some(5));
        assert_eq!(table.find("email", "b@x.io"), None);
        assert!(table.any(6).is_none());
    }

    #[test]
    fn archived_record_frees_its_unique_value() {
        let mut portals = Portals::default();
        let table = portals.table("1", &CONTACT);
        table.put(Record { archived_ms: Some(1), ..record(5, "a@x.io") });
        assert_eq!(table.find("email", "a@x.io"), None);
        assert!(table.any(5).is_some() && table.live(5).is_none());
    }

    #[test]
    fn find_knows_additional_emails() {
        let mut portals = Portals::default();
        let table = portals.table("1", &CONTACT);
        let mut two = record(5, "a@x.io");
        two.values.insert("hs_additional_emails".to_owned(), "old@x.io;b@x.io".to_owned());
        table.put(two);
        assert_eq!(table.find("email", "b@x.io"), Some(5));
    }

    #[test]
    fn portals_do_not_share_records() {
        let mut portals = Portals::default();
        portals.table("1", &CONTACT).put(record(5, "a@x.io"));
        assert!(portals.table("2", &CONTACT).any(5).is_none());
        portals.reset(Some("1"));
        assert!(portals.table("1", &CONTACT).any(5).is_none());
    }

    #[test]
    fn preset_properties_survive_a_reset_and_index_what_is_there() {
        let definition: Definition =
            serde_json::from_str(r#"{"name":"key","hasUniqueValue":true}"#).unwrap();
        let mut portals = Portals::default();
        let mut company = record(5, "");
        company.values.insert("key".to_owned(), "K1".to_owned());
        portals.table("1", &COMPANY).put(company);
        portals.preset("1", vec![(&COMPANY, definition)]);
        assert_eq!(portals.table("1", &COMPANY).find("key", "k1"), Some(5));
        portals.reset(Some("1"));
        assert!(portals.table("1", &COMPANY).schema.is_unique("key"));
    }
}
