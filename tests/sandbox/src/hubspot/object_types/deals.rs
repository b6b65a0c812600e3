//! Deals, type id `0-3`. Pipeline and stage take ids of the portal's own pipelines.

use super::{Kind, ObjectType, Property, read_only, writable};

const TYPES: &[&str] = &["newbusiness", "existingbusiness"];
const PRIORITIES: &[&str] = &["low", "medium", "high"];

static PROPERTIES: [Property; 17] = [
    writable("dealname", Kind::Text),
    writable("amount", Kind::Number),
    writable("deal_currency_code", Kind::Text),
    writable("dealstage", Kind::Stage),
    writable("pipeline", Kind::Pipeline),
    writable("closedate", Kind::DateTime),
    writable("description", Kind::Text),
    writable("hs_next_step", Kind::Text),
    writable("closed_lost_reason", Kind::Text),
    writable("closed_won_reason", Kind::Text),
    writable("hubspot_owner_id", Kind::Number),
    writable("dealtype", Kind::Choice(TYPES)),
    writable("hs_priority", Kind::Choice(PRIORITIES)),
    read_only("hs_object_id", Kind::Number),
    read_only("createdate", Kind::DateTime),
    read_only("hs_lastmodifieddate", Kind::DateTime),
    read_only("hs_merged_object_ids", Kind::Text),
];

/// Deals.
pub static DEAL: ObjectType = ObjectType {
    plural: "deals",
    singular: "deal",
    type_id: "0-3",
    title: "Deal",
    read_scope: "crm.objects.deals.read",
    write_scope: "crm.objects.deals.write",
    schema_read_scope: "crm.schemas.deals.read",
    schema_write_scope: "crm.schemas.deals.write",
    property_group: "dealinformation",
    unique: &[],
    more_unique: None,
    one_required: &[],
    all_required: &["dealname", "dealstage"],
    is_erasable: false,
    shown: &[
        "amount",
        "closedate",
        "createdate",
        "dealname",
        "dealstage",
        "hs_lastmodifieddate",
        "hs_object_id",
        "pipeline",
    ],
    searched: &["dealname", "description"],
    modified: "hs_lastmodifieddate",
    properties: &PROPERTIES,
};
