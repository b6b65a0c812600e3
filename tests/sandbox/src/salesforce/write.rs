//! Making and changing records: what is checked, what is filled in, what is noted.

use serde_json::{Map, Value, json};

use super::duplicates;
use super::errors::Refusal;
use super::org::Settings;
use super::schema::{Access, Field, Schema};
use super::sobject::Sobject;
use super::store::{Change, ChangeKind, Record, Tables, Values};
use super::values;

/// Who writes, when, and under which setup.
pub struct Desk<'a> {
    /// The org's id.
    pub org_id: &'a str,
    /// Its object types.
    pub schema: &'a Schema,
    /// Its setup.
    pub settings: &'a Settings,
    /// The user that writes.
    pub user_id: String,
    /// Whole seconds.
    pub now_ms: i64,
    /// Whether duplicate rules that only alert are passed over.
    pub saves_through_alerts: bool,
    /// Whether duplicate rules are asked at all: people see them and go on.
    pub asks_duplicate_rules: bool,
    /// For the URLs in answers.
    pub version: u32,
}

impl Desk<'_> {
    /// The path of a record, as answers give it.
    pub fn url(&self, sobject: Sobject, id: &str) -> String {
        format!("/services/data/v{}.0/sobjects/{}/{id}", self.version, sobject.name())
    }
}

type Given = Vec<(String, Option<Value>)>;

fn need_access(field: &Field, is_new: bool) -> Result<(), Refusal> {
    let can = match field.access {
        Access::Open => true,
        Access::CreateOnly => is_new,
        Access::ReadOnly => false,
    };
    if can {
        return Ok(());
    }
    let name = field.name.as_str();
    let message = format!(
        "Unable to create/update fields: {name}. Please check the security settings of this field \
         and verify that it is read/write for your profile or permission set."
    );
    Err(Refusal::unsaved("INVALID_FIELD_FOR_INSERT_UPDATE", message, &[name]))
}

/// Reads the members of a body. Parents may be named by their own key.
fn read(
    desk: &Desk<'_>,
    tables: &Tables,
    sobject: Sobject,
    body: &Map<String, Value>,
    is_new: bool,
) -> Result<Given, Refusal> {
    let mut given = Vec::new();
    for (name, value) in body.iter().filter(|(name, _)| *name != "attributes") {
        if let (Value::Object(key), Some((field, of))) = (value, desk.schema.parent(sobject, name))
        {
            need_access(field, is_new)?;
            let id = values::parent_id(tables, desk.schema, of, key)?;
            given.push((field.name.clone(), Some(Value::from(id))));
            continue;
        }
        let field = desk.schema.field(sobject, name);
        let field = field.ok_or_else(|| Refusal::no_column(name, sobject.name()))?;
        need_access(field, is_new)?;
        given.push((field.name.clone(), values::read(tables, field, value)?));
    }
    Ok(given)
}

fn check_required(desk: &Desk<'_>, record: &Record) -> Result<(), Refusal> {
    let required = desk.schema.fields(record.sobject).iter().filter(|field| field.is_required);
    let missing: Vec<&str> = required
        .filter(|field| !record.values.contains_key(&field.name))
        .map(|field| field.name.as_str())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let message = format!("Required fields are missing: [{}]", missing.join(", "));
    Err(Refusal::unsaved("REQUIRED_FIELD_MISSING", message, &missing))
}

/// No other record that isn't deleted has one of its unique values.
pub fn check_unique(schema: &Schema, tables: &Tables, record: &Record) -> Result<(), Refusal> {
    for field in schema.fields(record.sobject).iter().filter(|field| field.is_unique) {
        let Some(value) = record.text(&field.name) else { continue };
        let holders = tables.holders(record.sobject, &field.name, value);
        if let Some(holder) = holders.iter().find(|holder| **holder != record.id) {
            let name = field.name.as_str();
            let message = format!(
                "duplicate value found: {name} duplicates value on record with id: {holder}"
            );
            return Err(Refusal::unsaved("DUPLICATE_VALUE", message, &[name]));
        }
    }
    Ok(())
}

/// What Salesforce itself fills in: of an opportunity what its stage says.
fn derive(desk: &Desk<'_>, record: &mut Record, given: &Given) {
    if record.sobject != Sobject::Opportunity {
        return;
    }
    let has = |name: &str| given.iter().any(|(given, _)| given == name);
    let stage = record.text("StageName").and_then(|name| desk.settings.stage(name)).cloned();
    let Some(stage) = stage.filter(|_| has("StageName")) else { return };
    record.values.insert("IsClosed".to_owned(), json!(stage.is_closed));
    record.values.insert("IsWon".to_owned(), json!(stage.is_won));
    if !has("Probability") {
        record.values.insert("Probability".to_owned(), json!(stage.probability));
    }
}

fn put_values(values: &mut Values, given: &Given) {
    for (name, value) in given {
        match value {
            Some(value) => values.insert(name.clone(), value.clone()),
            None => values.remove(name),
        };
    }
}

fn check(desk: &Desk<'_>, tables: &Tables, record: &Record, given: &Given) -> Result<(), Refusal> {
    check_required(desk, record)?;
    check_unique(desk.schema, tables, record)?;
    let names: Vec<&str> = given.iter().map(|(name, _)| name.as_str()).collect();
    duplicates::check(desk, tables, record, &names)
}

fn defaults(desk: &Desk<'_>, sobject: Sobject) -> Values {
    let mut values = Values::new();
    if desk.schema.field(sobject, "OwnerId").is_some() {
        values.insert("OwnerId".to_owned(), json!(desk.user_id));
    }
    if let Some(first) = desk.settings.record_types_of(sobject).next() {
        values.insert("RecordTypeId".to_owned(), json!(first.id));
    }
    values
}

/// A contact named while its opportunity is made gets a primary role in it.
fn add_first_role(desk: &Desk<'_>, tables: &mut Tables, opportunity: &Record) {
    let Some(contact_id) = opportunity.values.get("ContactId").cloned() else { return };
    let values = [
        ("OpportunityId", json!(opportunity.id)),
        ("ContactId", contact_id),
        ("IsPrimary", json!(true)),
    ];
    let id = tables.draw_id(Sobject::OpportunityContactRole, desk.org_id);
    let values = values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    tables.put(desk.schema, blank(desk, Sobject::OpportunityContactRole, id, values));
}

/// A record as it is when it has just been made.
pub fn blank(desk: &Desk<'_>, sobject: Sobject, id: String, values: Values) -> Record {
    Record {
        id,
        sobject,
        values,
        created_ms: desk.now_ms,
        modified_ms: desk.now_ms,
        stamp_ms: desk.now_ms,
        created_by: desk.user_id.clone(),
        modified_by: desk.user_id.clone(),
        is_deleted: false,
        deleted_with: None,
    }
}

/// Makes a record and gives its id.
pub fn create(
    desk: &Desk<'_>,
    tables: &mut Tables,
    sobject: Sobject,
    body: &Map<String, Value>,
) -> Result<String, Refusal> {
    if !sobject.is_data() {
        let message = format!("entity type cannot be inserted: {}", sobject.name());
        return Err(Refusal::unsaved("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", message, &[]));
    }
    if body.keys().any(|name| name.eq_ignore_ascii_case("id")) {
        let message = "cannot specify Id in an insert call";
        return Err(Refusal::unsaved("INVALID_FIELD_FOR_INSERT_UPDATE", message, &["Id"]));
    }
    let given = read(desk, tables, sobject, body, true)?;
    let id = tables.draw_id(sobject, desk.org_id);
    let mut record = blank(desk, sobject, id.clone(), defaults(desk, sobject));
    put_values(&mut record.values, &given);
    derive(desk, &mut record, &given);
    check(desk, tables, &record, &given)?;
    if sobject == Sobject::Opportunity {
        add_first_role(desk, tables, &record);
    }
    tables.put(desk.schema, record);
    let fields = given.into_iter().map(|(name, _)| name).collect();
    let kind = ChangeKind::Create;
    tables.note(Change { sobject, id: id.clone(), kind, fields, at_ms: desk.now_ms });
    Ok(id)
}

/// Changes a record that isn't deleted. Without anything new it counts as changed all the same.
pub fn update(
    desk: &Desk<'_>,
    tables: &mut Tables,
    sobject: Sobject,
    id: &str,
    body: &Map<String, Value>,
) -> Result<(), Refusal> {
    let before = live(tables, sobject, id)?.clone();
    if !sobject.is_data() {
        let message = format!("entity type cannot be updated: {}", sobject.name());
        return Err(Refusal::unsaved("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", message, &[]));
    }
    let given = read(desk, tables, sobject, body, false)?;
    let mut record = before.clone();
    put_values(&mut record.values, &given);
    derive(desk, &mut record, &given);
    check(desk, tables, &record, &given)?;
    touch(desk, &mut record);
    let changed = |name: &String| before.values.get(name) != record.values.get(name);
    let fields = given.into_iter().map(|(name, _)| name).filter(changed).collect();
    tables.put(desk.schema, record);
    let (id, kind) = (id.to_owned(), ChangeKind::Update);
    tables.note(Change { sobject, id, kind, fields, at_ms: desk.now_ms });
    Ok(())
}

/// Notes in the record who changed it and when.
pub fn touch(desk: &Desk<'_>, record: &mut Record) {
    record.modified_ms = desk.now_ms;
    record.stamp_ms = desk.now_ms;
    record.modified_by.clone_from(&desk.user_id);
}

/// The record with that id, if it is of that type and not deleted.
pub fn live<'a>(tables: &'a Tables, sobject: Sobject, id: &str) -> Result<&'a Record, Refusal> {
    let found = tables.any(id).filter(|record| record.sobject == sobject);
    let record = found.ok_or_else(Refusal::not_found)?;
    if record.is_deleted { Err(Refusal::entity_is_deleted()) } else { Ok(record) }
}
