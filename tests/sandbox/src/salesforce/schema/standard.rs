//! The fields that every org has, as far as the sandbox plays them, and an org's own put behind
//! them. Lengths are those of the object reference; the shorter lists leave out what nobody asks for.

use super::Access::{CreateOnly, Open, ReadOnly};
use super::{Access, Field, Kind};
use crate::salesforce::org::{AddedField, Settings};
use crate::salesforce::sobject::Sobject;

/// The external id field that the integration's package adds to contacts, accounts and
/// opportunities.
pub const KEY_FIELD: &str = "Integration_Reference__c";

type Row = (&'static str, &'static str, Kind, usize, Access);

const USER: Kind = Kind::Reference(Sobject::User);

/// Of every data record; settings have the id only.
const SYSTEM: [Row; 7] = [
    ("Id", "Record ID", Kind::Id, 18, ReadOnly),
    ("IsDeleted", "Deleted", Kind::Boolean, 0, ReadOnly),
    ("CreatedDate", "Created Date", Kind::DateTime, 0, ReadOnly),
    ("CreatedById", "Created By ID", USER, 18, ReadOnly),
    ("LastModifiedDate", "Last Modified Date", Kind::DateTime, 0, ReadOnly),
    ("LastModifiedById", "Last Modified By ID", USER, 18, ReadOnly),
    ("SystemModstamp", "System Modstamp", Kind::DateTime, 0, ReadOnly),
];

const ACCOUNT: [Row; 16] = [
    ("Name", "Account Name", Kind::Text, 255, Open),
    ("MasterRecordId", "Master Record ID", Kind::Reference(Sobject::Account), 18, ReadOnly),
    ("Type", "Account Type", Kind::Picklist, 255, Open),
    ("Industry", "Industry", Kind::Picklist, 255, Open),
    ("Phone", "Account Phone", Kind::Phone, 40, Open),
    ("Website", "Website", Kind::Url, 255, Open),
    ("AnnualRevenue", "Annual Revenue", Kind::Currency, 0, Open),
    ("NumberOfEmployees", "Employees", Kind::Int, 0, Open),
    ("Description", "Account Description", Kind::TextArea, 32_000, Open),
    ("BillingStreet", "Billing Street", Kind::TextArea, 255, Open),
    ("BillingCity", "Billing City", Kind::Text, 40, Open),
    ("BillingState", "Billing State/Province", Kind::Text, 80, Open),
    ("BillingPostalCode", "Billing Zip/Postal Code", Kind::Text, 20, Open),
    ("BillingCountry", "Billing Country", Kind::Text, 80, Open),
    ("OwnerId", "Owner ID", USER, 18, Open),
    ("RecordTypeId", "Record Type ID", Kind::Reference(Sobject::RecordType), 18, Open),
];

const CONTACT: [Row; 20] = [
    ("Name", "Full Name", Kind::Text, 121, ReadOnly),
    ("MasterRecordId", "Master Record ID", Kind::Reference(Sobject::Contact), 18, ReadOnly),
    ("AccountId", "Account ID", Kind::Reference(Sobject::Account), 18, Open),
    ("LastName", "Last Name", Kind::Text, 80, Open),
    ("FirstName", "First Name", Kind::Text, 40, Open),
    ("Salutation", "Salutation", Kind::Picklist, 40, Open),
    ("Email", "Email", Kind::Email, 80, Open),
    ("Phone", "Business Phone", Kind::Phone, 40, Open),
    ("MobilePhone", "Mobile Phone", Kind::Phone, 40, Open),
    ("HomePhone", "Home Phone", Kind::Phone, 40, Open),
    ("Title", "Title", Kind::Text, 128, Open),
    ("Department", "Department", Kind::Text, 80, Open),
    ("LeadSource", "Lead Source", Kind::Picklist, 255, Open),
    ("Birthdate", "Birthdate", Kind::Date, 0, Open),
    ("Description", "Contact Description", Kind::TextArea, 32_000, Open),
    ("MailingCity", "Mailing City", Kind::Text, 40, Open),
    ("MailingCountry", "Mailing Country", Kind::Text, 80, Open),
    ("HasOptedOutOfEmail", "Email Opt Out", Kind::Boolean, 0, Open),
    ("OwnerId", "Owner ID", USER, 18, Open),
    ("RecordTypeId", "Record Type ID", Kind::Reference(Sobject::RecordType), 18, Open),
];

const OPPORTUNITY: [Row; 15] = [
    ("Name", "Name", Kind::Text, 120, Open),
    ("AccountId", "Account ID", Kind::Reference(Sobject::Account), 18, Open),
    ("ContactId", "Contact ID", Kind::Reference(Sobject::Contact), 18, CreateOnly),
    ("StageName", "Stage", Kind::Picklist, 255, Open),
    ("Amount", "Amount", Kind::Currency, 0, Open),
    ("Probability", "Probability (%)", Kind::Percent, 0, Open),
    ("CloseDate", "Close Date", Kind::Date, 0, Open),
    ("Type", "Opportunity Type", Kind::Picklist, 255, Open),
    ("NextStep", "Next Step", Kind::Text, 255, Open),
    ("LeadSource", "Lead Source", Kind::Picklist, 255, Open),
    ("Description", "Description", Kind::TextArea, 32_000, Open),
    ("IsClosed", "Closed", Kind::Boolean, 0, ReadOnly),
    ("IsWon", "Won", Kind::Boolean, 0, ReadOnly),
    ("OwnerId", "Owner ID", USER, 18, Open),
    ("RecordTypeId", "Record Type ID", Kind::Reference(Sobject::RecordType), 18, Open),
];

const ROLE: [Row; 4] = [
    ("OpportunityId", "Opportunity ID", Kind::Reference(Sobject::Opportunity), 18, CreateOnly),
    ("ContactId", "Contact ID", Kind::Reference(Sobject::Contact), 18, Open),
    ("Role", "Role", Kind::Picklist, 255, Open),
    ("IsPrimary", "Primary", Kind::Boolean, 0, Open),
];

const STAGE: [Row; 7] = [
    ("MasterLabel", "Master Label", Kind::Text, 255, ReadOnly),
    ("ApiName", "API Name", Kind::Text, 255, ReadOnly),
    ("IsActive", "Is Active", Kind::Boolean, 0, ReadOnly),
    ("IsClosed", "Closed", Kind::Boolean, 0, ReadOnly),
    ("IsWon", "Won", Kind::Boolean, 0, ReadOnly),
    ("SortOrder", "Order", Kind::Int, 0, ReadOnly),
    ("DefaultProbability", "Probability (%)", Kind::Percent, 0, ReadOnly),
];

const RECORD_TYPE: [Row; 4] = [
    ("Name", "Name", Kind::Text, 80, ReadOnly),
    ("DeveloperName", "Record Type Name", Kind::Text, 80, ReadOnly),
    ("SobjectType", "Sobject Type Name", Kind::Picklist, 40, ReadOnly),
    ("IsActive", "Active", Kind::Boolean, 0, ReadOnly),
];

const ORGANIZATION: [Row; 5] = [
    ("Name", "Name", Kind::Text, 80, ReadOnly),
    ("TimeZoneSidKey", "Time Zone", Kind::Picklist, 40, ReadOnly),
    ("DefaultLocaleSidKey", "Locale", Kind::Picklist, 40, ReadOnly),
    ("OrganizationType", "Edition", Kind::Picklist, 40, ReadOnly),
    ("IsSandbox", "Is Sandbox", Kind::Boolean, 0, ReadOnly),
];

const USERS: [Row; 4] = [
    ("Username", "Username", Kind::Text, 80, ReadOnly),
    ("Name", "Full Name", Kind::Text, 121, ReadOnly),
    ("IsActive", "Active", Kind::Boolean, 0, ReadOnly),
    ("TimeZoneSidKey", "Time Zone", Kind::Picklist, 40, ReadOnly),
];

const fn rows(sobject: Sobject) -> &'static [Row] {
    match sobject {
        Sobject::Account => &ACCOUNT,
        Sobject::Contact => &CONTACT,
        Sobject::Opportunity => &OPPORTUNITY,
        Sobject::OpportunityContactRole => &ROLE,
        Sobject::OpportunityStage => &STAGE,
        Sobject::RecordType => &RECORD_TYPE,
        Sobject::Organization => &ORGANIZATION,
        Sobject::User => &USERS,
    }
}

const fn required(sobject: Sobject) -> &'static [&'static str] {
    match sobject {
        Sobject::Account => &["Name"],
        Sobject::Contact => &["LastName"],
        Sobject::Opportunity => &["Name", "StageName", "CloseDate"],
        Sobject::OpportunityContactRole => &["OpportunityId", "ContactId"],
        Sobject::OpportunityStage | Sobject::RecordType | Sobject::Organization | Sobject::User => {
            &[]
        }
    }
}

fn field(sobject: Sobject, settings: &Settings, row: &Row) -> Field {
    let (name, label, kind, length, access) = *row;
    let is_stage = sobject == Sobject::Opportunity && name == "StageName";
    Field {
        name: name.to_owned(),
        label: label.to_owned(),
        kind,
        length,
        access,
        is_required: required(sobject).contains(&name),
        is_unique: false,
        is_external_id: false,
        is_id_lookup: name == "Email" && sobject == Sobject::Contact,
        picklist: is_stage.then(|| settings.active_stages()),
    }
}

fn key_field() -> Field {
    Field {
        name: KEY_FIELD.to_owned(),
        label: "Integration Reference".to_owned(),
        kind: Kind::Text,
        length: 255,
        access: Open,
        is_required: false,
        is_unique: true,
        is_external_id: true,
        is_id_lookup: true,
        picklist: None,
    }
}

fn added(field: &AddedField) -> Field {
    Field {
        name: field.name.clone(),
        label: field.label.clone().unwrap_or_else(|| field.name.clone()),
        kind: Kind::of_added(&field.field_type).unwrap_or(Kind::Text),
        length: field.length,
        access: Open,
        is_required: field.required,
        is_unique: field.unique,
        is_external_id: field.external_id,
        is_id_lookup: field.external_id,
        picklist: field.picklist.clone(),
    }
}

/// The fields of a type in an org.
pub fn fields(sobject: Sobject, settings: &Settings) -> Vec<Field> {
    let system = if sobject.is_data() { SYSTEM.as_slice() } else { SYSTEM.split_at(1).0 };
    // An org without record types of an object type has no such field there.
    let has_record_types = settings.record_types_of(sobject).next().is_some();
    let all = system.iter().chain(rows(sobject));
    let all = all.filter(|(name, ..)| *name != "RecordTypeId" || has_record_types);
    let mut fields: Vec<Field> = all.map(|row| field(sobject, settings, row)).collect();
    if settings.has_key_fields && sobject.is_told() {
        fields.push(key_field());
    }
    fields.extend(settings.added_fields(sobject).map(added));
    fields
}
