//! Object types and their fields, those of every org and those that an org's admin has added.

mod describe;
mod standard;

use std::collections::BTreeMap;

use super::org::Settings;
use super::sobject::Sobject;
pub use describe::{described, global};
pub use standard::KEY_FIELD;

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The record's own id.
    Id,
    /// A line of text.
    Text,
    /// Lines of text.
    TextArea,
    /// An email address.
    Email,
    /// A phone number, unchecked.
    Phone,
    /// A URL, unchecked.
    Url,
    /// One of a list.
    Picklist,
    /// An amount of money.
    Currency,
    /// A percentage.
    Percent,
    /// A whole number.
    Int,
    /// A day, `YYYY-MM-DD`.
    Date,
    /// An instant.
    DateTime,
    /// True or false, never null.
    Boolean,
    /// The id of a record of that type.
    Reference(Sobject),
}

impl Kind {
    /// The name in a describe.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Text => "string",
            Self::TextArea => "textarea",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Url => "url",
            Self::Picklist => "picklist",
            Self::Currency => "currency",
            Self::Percent => "percent",
            Self::Int => "int",
            Self::Date => "date",
            Self::DateTime => "datetime",
            Self::Boolean => "boolean",
            Self::Reference(_) => "reference",
        }
    }

    /// The type that a reference points to.
    pub const fn referenced(self) -> Option<Sobject> {
        if let Self::Reference(of) = self { Some(of) } else { None }
    }

    /// The kinds that an added field can have.
    pub fn of_added(name: &str) -> Option<Self> {
        [
            Self::Text,
            Self::TextArea,
            Self::Email,
            Self::Phone,
            Self::Url,
            Self::Picklist,
            Self::Currency,
            Self::Percent,
            Self::Int,
            Self::Date,
            Self::DateTime,
            Self::Boolean,
        ]
        .into_iter()
        .find(|kind| kind.name() == name)
    }
}

/// Who can write a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Whoever may write the record.
    Open,
    /// Only who makes it.
    CreateOnly,
    /// Only Salesforce.
    ReadOnly,
}

/// One field of an object type.
#[derive(Clone, Debug)]
pub struct Field {
    /// API name.
    pub name: String,
    /// What users see.
    pub label: String,
    /// What it holds.
    pub kind: Kind,
    /// The most characters of a text.
    pub length: usize,
    /// Who can write it.
    pub access: Access,
    /// Whether a record can't be without it.
    pub is_required: bool,
    /// Whether no two records have the same value, without regard to case.
    pub is_unique: bool,
    /// Whether it is flagged External ID.
    pub is_external_id: bool,
    /// Whether an upsert can name it although it is not flagged.
    pub is_id_lookup: bool,
    /// The values that it can have, where others are refused.
    pub picklist: Option<Vec<String>>,
}

impl Field {
    /// Whether an upsert can name it.
    pub fn is_key(&self) -> bool {
        self.is_external_id || self.is_id_lookup
    }

    /// Whether records are found by it without looking at all.
    pub fn is_indexed(&self) -> bool {
        self.is_key() || self.is_unique
    }

    /// Whether an admin added it.
    pub fn is_custom(&self) -> bool {
        self.name.ends_with("__c")
    }

    /// The name under which a record's parent is reached: `Account` for `AccountId`.
    pub fn relationship(&self) -> Option<&str> {
        self.kind.referenced().and_then(|_| self.name.strip_suffix("Id"))
    }
}

/// The object types of one org.
#[derive(Debug)]
pub struct Schema {
    fields: BTreeMap<Sobject, Vec<Field>>,
}

impl Schema {
    /// The schema of an org with these settings.
    pub fn of(settings: &Settings) -> Self {
        let fields = Sobject::ALL
            .into_iter()
            .map(|sobject| (sobject, standard::fields(sobject, settings)))
            .collect();
        Self { fields }
    }

    /// All fields of a type.
    pub fn fields(&self, sobject: Sobject) -> &[Field] {
        self.fields.get(&sobject).map(Vec::as_slice).unwrap_or_default()
    }

    /// A field by its name, whose case doesn't matter.
    pub fn field(&self, sobject: Sobject, name: &str) -> Option<&Field> {
        self.fields(sobject).iter().find(|field| field.name.eq_ignore_ascii_case(name))
    }

    /// A reference by the name of its relationship.
    pub fn parent(&self, sobject: Sobject, name: &str) -> Option<(&Field, Sobject)> {
        let mut references = self.fields(sobject).iter();
        references.find_map(|field| {
            let is_it = field.relationship()?.eq_ignore_ascii_case(name);
            field.kind.referenced().filter(|_| is_it).map(|of| (field, of))
        })
    }
}
