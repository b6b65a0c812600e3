//! The members of answers and the JSON types of their values, against a list of what the vendor's
//! specification of 2026-08-18 and recorded answers have. `?` marks what can be null.

use serde_json::{Value, json};

use super::{KEY_FIELD, Pipedrive};
use crate::harness::Receiver;

const PERSON: &[(&str, &str)] = &[
    ("id", "integer"),
    ("name", "string"),
    ("first_name", "string?"),
    ("last_name", "string?"),
    ("owner_id", "integer"),
    ("org_id", "integer?"),
    ("add_time", "string"),
    ("update_time", "string"),
    ("emails", "array"),
    ("phones", "array"),
    ("is_deleted", "boolean"),
    ("visible_to", "integer"),
    ("label_ids", "array"),
    ("picture_id", "integer?"),
    ("custom_fields", "object?"),
];

const ORGANIZATION: &[(&str, &str)] = &[
    ("id", "integer"),
    ("name", "string"),
    ("owner_id", "integer"),
    ("add_time", "string"),
    ("update_time", "string"),
    ("is_deleted", "boolean"),
    ("visible_to", "integer"),
    ("address", "object?"),
    ("label_ids", "array"),
    ("website", "string?"),
    ("linkedin", "string?"),
    ("industry", "integer?"),
    ("annual_revenue", "integer?"),
    ("employee_count", "integer?"),
    ("custom_fields", "object?"),
];

const DEAL: &[(&str, &str)] = &[
    ("id", "integer"),
    ("title", "string"),
    ("creator_user_id", "integer"),
    ("owner_id", "integer"),
    ("value", "number"),
    ("person_id", "integer?"),
    ("org_id", "integer?"),
    ("stage_id", "integer"),
    ("pipeline_id", "integer"),
    ("currency", "string"),
    ("archive_time", "string?"),
    ("add_time", "string"),
    ("update_time", "string"),
    ("stage_change_time", "string?"),
    ("status", "string"),
    ("is_archived", "boolean"),
    ("is_deleted", "boolean"),
    ("probability", "number?"),
    ("lost_reason", "string?"),
    ("visible_to", "integer"),
    ("close_time", "string?"),
    ("won_time", "string?"),
    ("lost_time", "string?"),
    ("local_won_date", "string?"),
    ("local_lost_date", "string?"),
    ("local_close_date", "string?"),
    ("expected_close_date", "string?"),
    ("label_ids", "array"),
    ("origin", "string"),
    ("origin_id", "string?"),
    ("channel", "integer?"),
    ("channel_id", "string?"),
    ("acv", "number?"),
    ("arr", "number?"),
    ("mrr", "number?"),
    ("custom_fields", "object?"),
];

const FIELD: &[(&str, &str)] = &[
    ("field_name", "string"),
    ("field_code", "string"),
    ("field_type", "string"),
    ("options", "array?"),
    ("subfields", "array?"),
    ("is_custom_field", "boolean"),
    ("is_optional_response_field", "boolean"),
];

const PIPELINE: &[(&str, &str)] = &[
    ("id", "integer"),
    ("name", "string"),
    ("order_nr", "integer"),
    ("is_deleted", "boolean"),
    ("is_deal_probability_enabled", "boolean"),
    ("add_time", "string"),
    ("update_time", "string"),
];

const STAGE: &[(&str, &str)] = &[
    ("id", "integer"),
    ("order_nr", "integer"),
    ("name", "string"),
    ("is_deleted", "boolean"),
    ("deal_probability", "integer"),
    ("pipeline_id", "integer"),
    ("is_deal_rot_enabled", "boolean"),
    ("days_to_rotten", "integer?"),
    ("add_time", "string"),
    ("update_time", "string"),
];

const FOUND_PERSON: &[(&str, &str)] = &[
    ("id", "integer"),
    ("type", "string"),
    ("name", "string"),
    ("phones", "array"),
    ("emails", "array"),
    ("visible_to", "integer"),
    ("owner", "object"),
    ("organization", "object?"),
    ("custom_fields", "array"),
    ("notes", "array"),
];

const FOUND_DEAL: &[(&str, &str)] = &[
    ("id", "integer"),
    ("type", "string"),
    ("title", "string"),
    ("value", "number"),
    ("currency", "string"),
    ("status", "string"),
    ("visible_to", "integer"),
    ("owner", "object"),
    ("stage", "object"),
    ("person", "object?"),
    ("organization", "object?"),
    ("custom_fields", "array"),
    ("notes", "array"),
    ("is_archived", "boolean"),
];

const WEBHOOK: &[(&str, &str)] = &[
    ("id", "integer"),
    ("company_id", "integer"),
    ("owner_id", "integer"),
    ("user_id", "integer"),
    ("event_action", "string"),
    ("event_object", "string"),
    ("subscription_url", "string"),
    ("version", "string"),
    ("is_active", "integer"),
    ("add_time", "string"),
    ("remove_time", "string?"),
    ("type", "string"),
    ("http_auth_user", "string?"),
    ("http_auth_password", "string?"),
    ("remove_reason", "string?"),
    ("last_delivery_time", "string?"),
    ("last_http_status", "integer?"),
    ("admin_id", "integer"),
    ("name", "string"),
];

/// Of the members of `meta` all are texts but three.
const META: &[(&str, &str)] = &[
    ("action", "string"),
    ("attempt", "integer"),
    ("change_source", "string"),
    ("company_id", "string"),
    ("correlation_id", "string"),
    ("entity", "string"),
    ("entity_id", "string"),
    ("host", "string"),
    ("id", "string"),
    ("is_bulk_edit", "boolean"),
    ("permitted_user_ids", "array"),
    ("timestamp", "string"),
    ("type", "string"),
    ("user_id", "string"),
    ("version", "string"),
    ("webhook_id", "string"),
    ("webhook_owner_id", "string"),
];

fn fits(value: &Value, kind: &str) -> bool {
    let (kind, may_be_null) = kind.strip_suffix('?').map_or((kind, false), |kind| (kind, true));
    match kind {
        _ if value.is_null() => may_be_null,
        "integer" => value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        _ => value.is_object(),
    }
}

fn check(what: &str, value: &Value, wanted: &[(&str, &str)]) {
    let mut names: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    let mut expected: Vec<&str> = wanted.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    expected.sort_unstable();
    assert_eq!(names, expected, "{what}");
    for (name, kind) in wanted {
        assert!(fits(&value[*name], kind), "{what}.{name}: {}", value[*name]);
    }
}

#[tokio::test]
async fn records_have_the_documented_members() {
    let pipedrive = Pipedrive::start(&json!({})).await;
    let key = json!({ KEY_FIELD: "k" });
    let org = pipedrive.create("organizations", &json!({ "name": "Acme" })).await;
    let person = json!({ "name": "Ada Lovelace", "org_id": org["id"], "custom_fields": key,
        "emails": [{ "value": "ada@example.com" }] });
    let person = pipedrive.create("persons", &person).await;
    let deal = json!({ "title": "Engine", "person_id": person["id"], "status": "won" });
    let deal = pipedrive.create("deals", &deal).await;
    for (plural, row, wanted) in [
        ("persons", &person, PERSON),
        ("organizations", &org, ORGANIZATION),
        ("deals", &deal, DEAL),
    ] {
        check(plural, row, wanted);
        let listed = pipedrive.get(&format!("v2/{plural}")).await;
        check(plural, &listed["data"][0], wanted);
        check(plural, &pipedrive.get(&format!("v2/{plural}/{}", row["id"])).await["data"], wanted);
        assert_eq!(listed["additional_data"], json!({ "next_cursor": null }));
    }
    let found = pipedrive.get("v2/persons/search?term=ada").await;
    check("found person", &found["data"]["items"][0]["item"], FOUND_PERSON);
    let found = pipedrive.get("v2/deals/search?term=engine").await;
    check("found deal", &found["data"]["items"][0]["item"], FOUND_DEAL);
    let found = pipedrive
        .get(&format!("v2/itemSearch/field?entity_type=person&field={KEY_FIELD}&term=k"))
        .await;
    assert_eq!(found["data"], json!([{ "id": person["id"], "name": "Ada Lovelace" }]));
}

#[tokio::test]
async fn settings_have_the_documented_members() {
    let pipedrive = Pipedrive::start(&json!({})).await;
    for name in ["person", "organization", "deal"] {
        let fields = pipedrive.get(&format!("v2/{name}Fields")).await;
        for field in fields["data"].as_array().unwrap() {
            let mut field = field.clone();
            field.as_object_mut().unwrap().remove("description");
            check("field", &field, FIELD);
        }
    }
    check("pipeline", &pipedrive.get("v2/pipelines").await["data"][0], PIPELINE);
    check("stage", &pipedrive.get("v2/stages").await["data"][0], STAGE);
    let me = pipedrive.get("v1/users/me").await["data"].clone();
    assert_eq!((&me["id"], &me["company_id"]), (&json!(7), &json!(13_515_001)));
    assert_eq!((&me["company_domain"], &me["is_you"]), (&json!("acme"), &json!(true)));
    assert_eq!(
        me["access"][1],
        json!({ "app": "global", "admin": true,
        "permission_set_id": me["access"][1]["permission_set_id"] })
    );
}

#[tokio::test]
async fn webhooks_have_the_recorded_members() {
    let (receiver, url) = Receiver::start(&[]).await;
    let pipedrive = Pipedrive::start(&json!({ "permitted_users": 300 })).await;
    let wish = json!({ "subscription_url": url, "event_action": "*", "event_object": "deal",
        "name": "x", "http_auth_user": "u", "http_auth_password": "p" });
    let made = pipedrive.call(reqwest::Method::POST, "v1/webhooks", &wish).await;
    check("webhook", &made.body["data"], WEBHOOK);
    check("webhook", &pipedrive.get("v1/webhooks").await["data"][0], WEBHOOK);
    let act = json!({ "act": "create", "type": "deal", "properties": { "title": "Engine" } });
    pipedrive.act(&act).await;
    let body: Value = serde_json::from_slice(&receiver.received()[0].body).unwrap();
    assert_eq!(body.as_object().unwrap().len(), 3);
    check("meta", &body["meta"], META);
    assert_eq!(body["meta"]["permitted_user_ids"].as_array().unwrap().len(), 300);
    assert_eq!(body["meta"]["permitted_user_ids"][0], "7");
    assert!(body["data"]["visible_to"].is_string() && body["data"]["id"].is_u64());
    assert_eq!(body["data"]["custom_fields"], json!({ KEY_FIELD: null }));
    assert!(body["previous"].is_null());
}
