//! Custom fields made through the API.

use reqwest::Method;
use serde_json::{Value, json};

use super::{KEY_FIELD, Pipedrive};

fn codes(body: &Value) -> Vec<&str> {
    body["data"].as_array().unwrap().iter().map(|row| row["field_code"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn field_is_made_listed_and_takes_values_of_its_type() {
    let pipedrive = Pipedrive::start(&json!({})).await;
    let body = json!({ "field_name": "Size", "field_type": "enum",
        "options": [{ "label": "Small" }, { "label": "Large" }] });
    let made = pipedrive.call(Method::POST, "v2/personFields", &body).await;
    assert_eq!(made.status, 200, "{}", made.text);
    let code = made.body["data"]["field_code"].as_str().unwrap().to_owned();
    assert!(code.len() == 40 && code.chars().all(|digit| digit.is_ascii_hexdigit()));
    assert_eq!(made.body["data"]["options"][1], json!({ "id": 2, "label": "Large" }));
    let listed = pipedrive.get("v2/personFields").await;
    assert!(codes(&listed).contains(&code.as_str()) && codes(&listed).contains(&KEY_FIELD));
    assert!(codes(&listed).contains(&"email") && codes(&listed).contains(&"name"));
    assert!(!codes(&pipedrive.get("v2/dealFields").await).contains(&code.as_str()));
    let person = |value: Value| json!({ "name": "x", "custom_fields": { code.as_str(): value } });
    assert_eq!(pipedrive.create("persons", &person(json!(2))).await["custom_fields"][&code], 2);
    let wrong = pipedrive.call(Method::POST, "v2/persons", &person(json!("Large"))).await;
    assert!(wrong.status == 400 && wrong.body["error"].as_str().unwrap().contains(&code));
    let twin = pipedrive.call(Method::POST, "v2/personFields", &body).await;
    assert_ne!(twin.body["data"]["field_code"], code);
    pipedrive.control("reset", &json!({})).await;
    assert!(codes(&pipedrive.get("v2/personFields").await).contains(&code.as_str()));
    let page = pipedrive.get("v2/personFields?limit=3").await;
    assert_eq!(codes(&page).len(), 3);
    assert!(page["additional_data"]["next_cursor"].is_string());
}

#[tokio::test]
async fn field_that_makes_no_sense_is_refused() {
    let pipedrive = Pipedrive::start(&json!({})).await;
    for refused in [
        json!({ "field_type": "varchar" }),
        json!({ "field_name": "x" }),
        json!({ "field_name": "x", "field_type": "int" }),
        json!({ "field_name": "x", "field_type": "enum" }),
        json!({ "field_name": "x", "field_type": "varchar", "options": [{ "label": "y" }] }),
        json!({ "field_name": "x".repeat(256), "field_type": "varchar" }),
        json!({ "name": "x", "field_type": "varchar" }),
    ] {
        let answered = pipedrive.call(Method::POST, "v2/personFields", &refused).await;
        assert_eq!(answered.status, 400, "{refused}");
    }
    let plain = Pipedrive::start(&json!({ "is_admin": false })).await;
    let body = json!({ "field_name": "x", "field_type": "varchar" });
    assert_eq!(plain.call(Method::POST, "v2/dealFields", &body).await.status, 403);
}

#[tokio::test]
async fn website_is_a_field_only_where_the_company_has_it() {
    for has_website in [true, false] {
        let pipedrive = Pipedrive::start(&json!({ "has_website": has_website })).await;
        let listed = pipedrive.get("v2/organizationFields").await;
        assert_eq!(codes(&listed).contains(&"website"), has_website);
    }
}
