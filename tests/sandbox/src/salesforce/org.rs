//! What an org's admin has set up, as the account's entry tells it: added fields, stages, record
//! types, duplicate rules.

use serde::Deserialize;

use super::ids;
use super::schema::{KEY_FIELD, Kind};
use super::sobject::Sobject;
use crate::accounts::Account;

/// A field that an admin has added.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AddedField {
    /// API name; ends with `__c`.
    pub name: String,
    /// What users see; absent means the name.
    #[serde(default)]
    pub label: Option<String>,
    /// As a describe calls it, `string` for example.
    #[serde(default = "string", rename = "type")]
    pub field_type: String,
    /// The most characters.
    #[serde(default = "usual_length")]
    pub length: usize,
    /// Whether a record can't be without it.
    #[serde(default)]
    pub required: bool,
    /// Whether no two records have the same value.
    #[serde(default)]
    pub unique: bool,
    /// Whether it is flagged External ID.
    #[serde(default)]
    pub external_id: bool,
    /// The values that it can have; absent means any.
    #[serde(default)]
    pub picklist: Option<Vec<String>>,
}

fn string() -> String {
    "string".to_owned()
}

const fn usual_length() -> usize {
    255
}

/// A stage of opportunities.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// The value of `StageName`.
    pub api_name: String,
    /// What users see; absent means the API name.
    #[serde(default)]
    pub label: Option<String>,
    /// Whether opportunities can be put into it.
    #[serde(default = "yes")]
    pub is_active: bool,
    /// Whether opportunities in it are done with.
    #[serde(default)]
    pub is_closed: bool,
    /// Whether they were won.
    #[serde(default)]
    pub is_won: bool,
    /// Percent.
    #[serde(default)]
    pub probability: f64,
}

const fn yes() -> bool {
    true
}

/// A record type of an object type.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordType {
    /// Absent means one that is drawn, the same each time.
    #[serde(default)]
    pub id: String,
    /// The object type.
    #[serde(default = "opportunity")]
    pub object: String,
    /// API name.
    pub developer_name: String,
    /// What users see; absent means the API name.
    #[serde(default)]
    pub name: String,
    /// Whether it can be used.
    #[serde(default = "yes")]
    pub is_active: bool,
}

fn opportunity() -> String {
    Sobject::Opportunity.name().to_owned()
}

/// What a duplicate rule does about a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DuplicateAction {
    /// Refuses unless the caller says that it knows.
    Alert,
    /// Refuses.
    Block,
}

/// A duplicate rule.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DuplicateRule {
    /// API name.
    pub name: String,
    /// The object type.
    pub object: String,
    /// The fields that must all be equal and not empty.
    pub match_on: Vec<String>,
    /// What it does.
    pub action: DuplicateAction,
}

/// An org's settings, read and checked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whether the package with the key fields is installed.
    pub has_key_fields: bool,
    /// The stages, in order.
    pub stages: Vec<Stage>,
    /// Duplicate rules, in order.
    pub duplicate_rules: Vec<(Sobject, DuplicateRule)>,
    record_types: Vec<(Sobject, RecordType)>,
    added: Vec<(Sobject, AddedField)>,
}

/// What a new org has, as far as needed: label, percent, closed, won.
const USUAL_STAGES: [(&str, f64, bool, bool); 6] = [
    ("Prospecting", 10.0, false, false),
    ("Qualification", 10.0, false, false),
    ("Proposal/Price Quote", 75.0, false, false),
    ("Negotiation/Review", 90.0, false, false),
    ("Closed Won", 100.0, true, true),
    ("Closed Lost", 0.0, true, false),
];

fn usual_stages() -> Vec<Stage> {
    let stages = USUAL_STAGES.into_iter().map(|(name, probability, is_closed, is_won)| Stage {
        api_name: name.to_owned(),
        label: None,
        is_active: true,
        is_closed,
        is_won,
        probability,
    });
    stages.collect()
}

fn usual_record_types() -> Vec<RecordType> {
    vec![RecordType {
        id: String::new(),
        object: opportunity(),
        developer_name: "Sales".to_owned(),
        name: String::new(),
        is_active: true,
    }]
}

/// An object type with records of its own.
fn data_type(name: &str) -> Result<Sobject, String> {
    let found = Sobject::from_name(name).filter(|sobject| sobject.is_data());
    found.ok_or_else(|| format!("`{name}` is no object type that can be set up"))
}

fn record_type(account: &Account, place: usize, given: RecordType) -> Result<RecordType, String> {
    let number = u64::try_from(place).unwrap_or_default() + 1;
    let id = if given.id.is_empty() {
        ids::drawn(Sobject::RecordType.key_prefix(), &account.account, number)
    } else {
        let known = ids::long(&given.id).filter(|id| id.starts_with("012"));
        known.ok_or_else(|| format!("`{}` is no id of a record type", given.id))?
    };
    let name = Some(&given.name).filter(|name| !name.is_empty());
    let name = name.unwrap_or(&given.developer_name).clone();
    Ok(RecordType { id, name, ..given })
}

fn check_added(field: &AddedField) -> Result<(), String> {
    let name = &field.name;
    if !name.ends_with("__c") || name == KEY_FIELD {
        return Err(format!("`{name}`: an added field ends with `__c` and is not {KEY_FIELD}"));
    }
    let kind = Kind::of_added(&field.field_type)
        .ok_or_else(|| format!("`{name}`: unknown type `{}`", field.field_type))?;
    let can_be_key = matches!(kind, Kind::Text | Kind::Email);
    if (field.unique || field.external_id) && !can_be_key {
        return Err(format!("`{name}`: only a string or an email can be unique or an external id"));
    }
    Ok(())
}

impl Settings {
    /// Reads an account's entry; says what can't be.
    pub fn of(account: &Account) -> Result<Self, String> {
        let mut added = Vec::new();
        for (object, fields) in &account.sobject_fields {
            for field in fields {
                check_added(field)?;
                added.push((data_type(object)?, field.clone()));
            }
        }
        let given = account.record_types.clone().unwrap_or_else(usual_record_types);
        let record_types = given.into_iter().enumerate().map(|(place, one)| {
            let sobject = data_type(&one.object)?;
            Ok((sobject, record_type(account, place, one)?))
        });
        let record_types = record_types.collect::<Result<_, String>>()?;
        let rules = account.duplicate_rules.iter().map(|rule| {
            if rule.match_on.is_empty() {
                return Err(format!("duplicate rule {} needs `match_on`", rule.name));
            }
            Ok((data_type(&rule.object)?, rule.clone()))
        });
        let stages = account.stages.clone().unwrap_or_else(usual_stages);
        if stages.is_empty() {
            return Err("an org has at least one of `stages`".to_owned());
        }
        Ok(Self {
            has_key_fields: account.has_key_fields.unwrap_or(true),
            stages,
            duplicate_rules: rules.collect::<Result<_, String>>()?,
            record_types,
            added,
        })
    }

    /// The stages that opportunities can be put into.
    pub fn active_stages(&self) -> Vec<String> {
        let active = self.stages.iter().filter(|stage| stage.is_active);
        active.map(|stage| stage.api_name.clone()).collect()
    }

    /// A stage by its API name.
    pub fn stage(&self, api_name: &str) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.api_name == api_name)
    }

    /// The record types of an object type, the default one first.
    pub fn record_types_of(&self, sobject: Sobject) -> impl Iterator<Item = &RecordType> {
        let all = self.record_types.iter();
        all.filter(move |(of, _)| *of == sobject).map(|(_, one)| one)
    }

    /// All record types.
    pub fn record_types(&self) -> impl Iterator<Item = (Sobject, &RecordType)> {
        self.record_types.iter().map(|(of, one)| (*of, one))
    }

    /// The fields that were added to an object type.
    pub fn added_fields(&self, sobject: Sobject) -> impl Iterator<Item = &AddedField> {
        self.added.iter().filter(move |(of, _)| *of == sobject).map(|(_, field)| field)
    }
}
