//! How each CRM's objects look at the sandbox, said anew and not by the product's own mapping: our
//! attributes in the vendor's object, and what it is associated with.

use serde_json::Value;

use super::crm_system::CrmSystem;

/// The associations that we keep, as the type that has them and the type at the other end.
pub const ASSOCIATIONS: [(&str, &str); 3] =
    [("contact", "company"), ("deal", "contact"), ("deal", "company")];

/// Our attributes of a kind of record and where the vendor has them.
type Fields = [(&'static str, &'static str)];

const HUBSPOT_CONTACT: &Fields = &[
    ("email", "/properties/email"),
    ("phone", "/properties/phone"),
    ("firstname", "/properties/firstname"),
    ("lastname", "/properties/lastname"),
    ("company", "/properties/company"),
    ("lifecyclestage", "/properties/lifecyclestage"),
];
const HUBSPOT_COMPANY: &Fields = &[
    ("reference", "/properties/integration_reference"),
    ("name", "/properties/name"),
    ("domain", "/properties/domain"),
    ("phone", "/properties/phone"),
];
const HUBSPOT_DEAL: &Fields = &[
    ("reference", "/properties/integration_reference"),
    ("name", "/properties/dealname"),
    ("amount", "/properties/amount"),
    ("pipeline", "/properties/pipeline"),
    ("stage", "/properties/dealstage"),
];
const SALESFORCE_CONTACT: &Fields = &[
    ("email", "/Email"),
    ("phone", "/Phone"),
    ("firstname", "/FirstName"),
    ("lastname", "/LastName"),
];
const SALESFORCE_COMPANY: &Fields =
    &[("reference", "/Integration_Reference__c"), ("name", "/Name"), ("phone", "/Phone")];
const SALESFORCE_DEAL: &Fields = &[
    ("reference", "/Integration_Reference__c"),
    ("name", "/Name"),
    ("amount", "/Amount"),
    ("stage", "/StageName"),
];
const PIPEDRIVE_CONTACT: &Fields = &[
    ("email", "/emails/0/value"),
    ("phone", "/phones/0/value"),
    ("firstname", "/first_name"),
    ("lastname", "/last_name"),
];
const PIPEDRIVE_COMPANY: &Fields = &[("name", "/name")];
const PIPEDRIVE_DEAL: &Fields = &[
    ("name", "/title"),
    ("amount", "/value"),
    ("pipeline", "/pipeline_id"),
    ("stage", "/stage_id"),
];

impl CrmSystem {
    /// Where the vendor has our attributes of a kind of record, as JSON pointers.
    pub fn fields(self, object_type: &str) -> &'static Fields {
        match (self, object_type) {
            (Self::Hubspot, "contact") => HUBSPOT_CONTACT,
            (Self::Hubspot, "company") => HUBSPOT_COMPANY,
            (Self::Hubspot, _) => HUBSPOT_DEAL,
            (Self::Salesforce, "contact") => SALESFORCE_CONTACT,
            (Self::Salesforce, "company") => SALESFORCE_COMPANY,
            (Self::Salesforce, _) => SALESFORCE_DEAL,
            (Self::Pipedrive, "contact") => PIPEDRIVE_CONTACT,
            (Self::Pipedrive, "company") => PIPEDRIVE_COMPANY,
            (Self::Pipedrive, _) => PIPEDRIVE_DEAL,
        }
    }

    /// The id of an object at the sandbox.
    pub fn id_of(self, object: &Value) -> String {
        match self {
            Self::Hubspot => text_of(&object["id"]),
            Self::Salesforce => text_of(&object["Id"]),
            Self::Pipedrive => text_of(&object["id"]),
        }
    }

    /// Whether it is there for users, and not in the recycling bin.
    pub fn is_live(self, object: &Value) -> bool {
        match self {
            Self::Hubspot => object["archived"] == false,
            Self::Salesforce => object["IsDeleted"] != true,
            Self::Pipedrive => object["is_deleted"] != true,
        }
    }

    /// The field of an object that names what it is associated with, where it has one.
    pub fn link_field(self, from: &str, to: &str) -> Option<&'static str> {
        match (self, from, to) {
            (Self::Salesforce, _, "company") => Some("AccountId"),
            (Self::Pipedrive, _, "company") => Some("org_id"),
            (Self::Pipedrive, "deal", "contact") => Some("person_id"),
            _ => None,
        }
    }
}

/// A value as we would have it: numbers without a fraction of nothing, absent as empty.
pub fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => match number.as_f64() {
            Some(float) if float.fract() == 0.0 => format!("{float:.0}"),
            _ => number.to_string(),
        },
        _ => String::new(),
    }
}
