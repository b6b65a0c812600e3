//! Companies, type id `0-2`. None of their own properties identifies a record: HubSpot refuses
//! upserts by `domain`, and creates a second company with the same one.

use super::{Kind, ObjectType, Property, read_only, writable};

const LIFECYCLE_STAGES: &[&str] = &[
    "subscriber",
    "lead",
    "marketingqualifiedlead",
    "salesqualifiedlead",
    "opportunity",
    "customer",
    "evangelist",
    "other",
];

const TYPES: &[&str] = &["PROSPECT", "PARTNER", "RESELLER", "VENDOR", "OTHER"];

static PROPERTIES: [Property; 27] = [
    writable("name", Kind::Text),
    writable("domain", Kind::Text),
    writable("phone", Kind::Text),
    writable("website", Kind::Text),
    writable("description", Kind::Text),
    writable("about_us", Kind::Text),
    writable("address", Kind::Text),
    writable("address2", Kind::Text),
    writable("city", Kind::Text),
    writable("state", Kind::Text),
    writable("zip", Kind::Text),
    writable("country", Kind::Text),
    writable("timezone", Kind::Text),
    writable("annualrevenue", Kind::Number),
    writable("numberofemployees", Kind::Number),
    writable("founded_year", Kind::Text),
    writable("linkedin_company_page", Kind::Text),
    writable("twitterhandle", Kind::Text),
    writable("hubspot_owner_id", Kind::Number),
    writable("closedate", Kind::DateTime),
    writable("type", Kind::Choice(TYPES)),
    writable("lifecyclestage", Kind::Progress(LIFECYCLE_STAGES)),
    read_only("hs_object_id", Kind::Number),
    read_only("createdate", Kind::DateTime),
    read_only("hs_lastmodifieddate", Kind::DateTime),
    read_only("hs_additional_domains", Kind::Text),
    read_only("hs_merged_object_ids", Kind::Text),
];

/// Companies.
pub static COMPANY: ObjectType = ObjectType {
    plural: "companies",
    singular: "company",
    type_id: "0-2",
    title: "Company",
    read_scope: "crm.objects.companies.read",
    write_scope: "crm.objects.companies.write",
    schema_read_scope: "crm.schemas.companies.read",
    schema_write_scope: "crm.schemas.companies.write",
    property_group: "companyinformation",
    unique: &[],
    more_unique: None,
    one_required: &["name", "domain"],
    all_required: &[],
    is_erasable: false,
    shown: &["createdate", "domain", "hs_lastmodifieddate", "hs_object_id", "name"],
    searched: &["name", "domain", "phone", "website"],
    modified: "hs_lastmodifieddate",
    properties: &PROPERTIES,
};
