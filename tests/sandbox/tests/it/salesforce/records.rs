//! Single records: made, read, changed, found by key, refused.

use reqwest::Method;
use serde_json::{Value, json};

use super::{KEY, Salesforce, code};

async fn refused(salesforce: &Salesforce, object: &str, body: Value) -> (u16, Value) {
    salesforce.call(Method::POST, &format!("/sobjects/{object}"), &body).await
}

#[tokio::test]
async fn record_is_made_read_changed_and_deleted_by_id() {
    let salesforce = Salesforce::start(&json!({})).await;
    let account = salesforce.create("Account", json!({ "Name": " Acme " })).await;
    let body = json!({ "LastName": "Lovelace", "FirstName": "Ada", "AccountId": &account[..15] });
    let id = salesforce.create("Contact", body).await;
    assert_eq!((id.len(), &id[..3]), (18, "003"));
    let row = salesforce.get(&format!("/sobjects/Contact/{id}")).await;
    assert_eq!((&row["Name"], &row["Email"]), (&json!("Ada Lovelace"), &Value::Null));
    assert_eq!((&row["AccountId"], &row["IsDeleted"]), (&json!(account), &json!(false)));
    let stamp = row["SystemModstamp"].as_str().unwrap();
    assert!(stamp.ends_with(".000+0000") && stamp.len() == 28, "{stamp}");
    let url = format!("/services/data/v67.0/sobjects/Contact/{id}");
    assert_eq!(row["attributes"], json!({ "type": "Contact", "url": url }));
    let path = format!("/sobjects/contact/{}?fields=Id,phone", &id[..15]);
    let change = json!({ "Phone": "+1 555" });
    assert_eq!(salesforce.call(Method::PATCH, &path, &change).await, (204, Value::Null));
    let some = salesforce.get(&path).await;
    assert_eq!((some.as_object().unwrap().len(), &some["Phone"]), (3, &json!("+1 555")));
    assert_eq!(salesforce.call(Method::DELETE, &path, &Value::Null).await.0, 204);
    for method in [Method::GET, Method::PATCH, Method::DELETE] {
        let gone = salesforce.call(method, &path, &json!({})).await;
        assert_eq!(code(&gone), (404, "ENTITY_IS_DELETED"));
    }
    let calls = salesforce.shown("calls").await;
    assert_eq!(calls["totals"]["applied"], 4);
    let route = "PATCH /services/data/{version}/sobjects/contact/{id}";
    assert_eq!(calls["totals"]["by_route"][route], 2);
}

#[tokio::test]
async fn values_that_cannot_be_saved_have_the_vendors_codes() {
    let salesforce = Salesforce::start(&json!({ "sobject_fields": { "Account": [
        { "name": "Region__c", "type": "picklist", "required": true, "picklist": ["EU", "US"] }] } }))
    .await;
    let long = "x".repeat(81);
    for (object, body, expected, field) in [
        ("Contact", json!({ "FirstName": "A" }), "REQUIRED_FIELD_MISSING", json!(["LastName"])),
        ("Account", json!({ "Name": "A" }), "REQUIRED_FIELD_MISSING", json!(["Region__c"])),
        ("Contact", json!({ "LastName": long }), "STRING_TOO_LONG", json!(["LastName"])),
        (
            "Contact",
            json!({ "LastName": "A", "Email": "a@b" }),
            "INVALID_EMAIL_ADDRESS",
            json!(["Email"]),
        ),
        (
            "Contact",
            json!({ "LastName": "A", "AccountId": "x" }),
            "MALFORMED_ID",
            json!(["AccountId"]),
        ),
        (
            "Contact",
            json!({ "LastName": "A", "AccountId": "001000000000000AAA" }),
            "INVALID_CROSS_REFERENCE_KEY",
            json!(["AccountId"]),
        ),
        (
            "Account",
            json!({ "Name": "A", "Region__c": "Mars" }),
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            json!(["Region__c"]),
        ),
        (
            "Contact",
            json!({ "LastName": "A", "CreatedDate": "2026-01-01T00:00:00Z" }),
            "INVALID_FIELD_FOR_INSERT_UPDATE",
            json!(["CreatedDate"]),
        ),
        ("Contact", json!({ "LastName": "A", "Nope": 1 }), "INVALID_FIELD", Value::Null),
        ("Contact", json!({ "LastName": 5 }), "JSON_PARSER_ERROR", Value::Null),
        (
            "Opportunity",
            json!({ "Name": "A", "StageName": "Prospecting", "CloseDate": "soon" }),
            "JSON_PARSER_ERROR",
            Value::Null,
        ),
    ] {
        let answer = refused(&salesforce, object, body.clone()).await;
        assert_eq!(code(&answer), (400, expected), "{body}");
        assert_eq!(answer.1[0]["fields"], field, "{body}");
    }
    assert_eq!(code(&refused(&salesforce, "Lead", json!({})).await), (404, "NOT_FOUND"));
    let id = salesforce.create("Contact", json!({ "LastName": "A" })).await;
    let path = format!("/sobjects/Contact/{id}");
    let emptied = salesforce.call(Method::PATCH, &path, &json!({ "LastName": null })).await;
    assert_eq!(code(&emptied), (400, "REQUIRED_FIELD_MISSING"));
    let wrong_check = format!("/sobjects/Contact/{}AAA", &id[..15]);
    let malformed = salesforce.call(Method::GET, &wrong_check, &Value::Null).await;
    assert_eq!(code(&malformed), (400, "MALFORMED_ID"));
}

#[tokio::test]
async fn upsert_by_key_creates_then_updates_without_regard_to_case() {
    let salesforce = Salesforce::start(&json!({})).await;
    let path = |value: &str| format!("/sobjects/Contact/{KEY}/{value}");
    let body = json!({ "LastName": "A" });
    let (status, none) =
        salesforce.call(Method::PATCH, &format!("{}?updateOnly=true", path("k%2F1")), &body).await;
    assert_eq!(code(&(status, none)), (404, "NOT_FOUND"));
    let (status, made) = salesforce.call(Method::PATCH, &path("k%2F1"), &body).await;
    assert_eq!((status, &made["created"], &made["success"]), (201, &json!(true), &json!(true)));
    let (status, same) = salesforce.call(Method::PATCH, &path("K%2F1"), &body).await;
    assert_eq!((status, &same["created"], &same["id"]), (200, &json!(false), &made["id"]));
    assert_eq!(salesforce.get(&path("k%2f1")).await[KEY], "k/1");
    let repeated = salesforce.call(Method::PATCH, &path("k%2F1"), &json!({ KEY: "k/1" })).await;
    assert_eq!(code(&repeated), (400, "INVALID_FIELD"));
    let taken = refused(&salesforce, "Contact", json!({ "LastName": "B", KEY: "K/1" })).await;
    assert_eq!(code(&taken), (400, "DUPLICATE_VALUE"));
    assert!(taken.1[0]["message"].as_str().unwrap().contains(made["id"].as_str().unwrap()));
    let no_key = salesforce.call(Method::PATCH, "/sobjects/Contact/Phone/1", &body).await;
    assert_eq!(code(&no_key), (404, "NOT_FOUND"));
}

#[tokio::test]
async fn email_of_several_contacts_gives_choices() {
    let salesforce = Salesforce::start(&json!({})).await;
    let path = "/sobjects/Contact/Email/a%40example.com";
    let body = json!({ "LastName": "A" });
    assert_eq!(salesforce.call(Method::PATCH, path, &body).await.0, 201);
    let other = json!({ "LastName": "B", "Email": "A@example.com" });
    let other = salesforce.create("Contact", other).await;
    let (status, choices) = salesforce.call(Method::PATCH, path, &body).await;
    assert_eq!((status, choices.as_array().unwrap().len()), (300, 2));
    let url = format!("/services/data/v67.0/sobjects/Contact/{other}");
    assert!(choices.as_array().unwrap().contains(&json!(url)));
}

#[tokio::test]
async fn org_without_the_package_has_no_key_field() {
    let salesforce =
        Salesforce::start(&json!({ "has_key_fields": false, "record_types": [] })).await;
    let described = salesforce.get("/sobjects/Contact/describe").await;
    let has = |described: &Value, name: &str| {
        described["fields"].as_array().unwrap().iter().any(|field| field["name"] == name)
    };
    assert!(has(&described, "Email") && !has(&described, KEY));
    let path = format!("/sobjects/Contact/{KEY}/1");
    let upsert = salesforce.call(Method::PATCH, &path, &json!({ "LastName": "A" })).await;
    assert_eq!(code(&upsert), (404, "NOT_FOUND"));
    let opportunity = salesforce.get("/sobjects/Opportunity/describe").await;
    assert!(!has(&opportunity, "RecordTypeId"));
    salesforce.put(&json!({})).await;
    let described = salesforce.get("/sobjects/Contact/describe").await;
    let mut fields = described["fields"].as_array().unwrap().iter();
    let key = fields.find(|field| field["name"] == KEY).unwrap();
    assert_eq!((&key["externalId"], &key["unique"]), (&json!(true), &json!(true)));
    assert_eq!((&key["type"], &key["length"]), (&json!("string"), &json!(255)));
}

#[tokio::test]
async fn duplicate_rules_alert_or_block_unless_nothing_they_match_on_is_written() {
    let rule = |name: &str, field: &str, action: &str| json!({ "name": name, "object": "Contact", "match_on": [field], "action": action });
    let rules = json!({ "duplicate_rules": [rule("By_Email", "Email", "alert"),
        rule("By_Phone", "Phone", "block")] });
    let salesforce = Salesforce::start(&rules).await;
    let ada = json!({ "LastName": "A", "Email": "a@example.com", "Phone": "1" });
    let id = salesforce.create("Contact", ada).await;
    let again = json!({ "LastName": "B", "Email": "A@example.com" });
    let answer = refused(&salesforce, "Contact", again.clone()).await;
    assert_eq!(code(&answer), (400, "DUPLICATES_DETECTED"));
    let result = &answer.1[0]["duplicateResult"];
    assert_eq!(
        (&result["duplicateRule"], &result["allowSave"]),
        (&json!("By_Email"), &json!(true))
    );
    assert_eq!(result["matchResults"][0]["matchRecords"][0]["record"]["Id"], id.as_str());
    let header = [("Sforce-Duplicate-Rule-Header", "allowSave=true; includeRecordDetails=false")];
    let through = salesforce.call_with(Method::POST, "/sobjects/Contact", &again, &header).await;
    assert_eq!(through.0, 201);
    let blocked = json!({ "LastName": "C", "Phone": "1" });
    let answer = salesforce.call_with(Method::POST, "/sobjects/Contact", &blocked, &header).await;
    assert_eq!(answer.1[0]["duplicateResult"]["allowSave"], false);
    let path = format!("/sobjects/Contact/{id}");
    assert_eq!(salesforce.call(Method::PATCH, &path, &json!({ "Title": "Dr" })).await.0, 204);
    let path = format!("/sobjects/Contact/{}", through.1["id"].as_str().unwrap());
    let edited = salesforce.call(Method::PATCH, &path, &json!({ "Phone": "1" })).await;
    assert_eq!(code(&edited), (400, "DUPLICATES_DETECTED"));
}

#[tokio::test]
async fn opportunity_follows_its_stage_and_parents_are_named_by_key() {
    let salesforce = Salesforce::start(&json!({})).await;
    let account = salesforce.create("Account", json!({ "Name": "Acme", KEY: "acc-1" })).await;
    let contact = salesforce.create("Contact", json!({ "LastName": "A" })).await;
    let body = json!({ "Name": "Deal", "StageName": "Closed Won", "CloseDate": "2026-05-01",
        "Amount": 12.5, "Account": { KEY: "ACC-1" }, "ContactId": contact });
    let id = salesforce.create("Opportunity", body.clone()).await;
    let row = salesforce.get(&format!("/sobjects/Opportunity/{id}")).await;
    assert_eq!((&row["IsWon"], &row["Probability"]), (&json!(true), &json!(100.0)));
    assert_eq!((&row["AccountId"], &row["Amount"]), (&json!(account), &json!(12.5)));
    assert!(row["RecordTypeId"].as_str().unwrap().starts_with("012"));
    let roles = "SELECT ContactId FROM OpportunityContactRole WHERE IsPrimary = true";
    assert_eq!(salesforce.column(roles, "ContactId").await, [json!(contact)]);
    let mut orphan = body;
    orphan["Account"][KEY] = json!("nobody");
    assert_eq!(code(&refused(&salesforce, "Opportunity", orphan).await), (400, "INVALID_FIELD"));
}

#[tokio::test]
async fn body_without_the_json_content_type_is_refused() {
    let salesforce = Salesforce::start(&json!({})).await;
    let text = [("content-type", "text/plain")];
    let answer = salesforce.call_with(Method::POST, "/sobjects/Contact", &Value::Null, &text).await;
    assert_eq!(code(&answer), (415, "UNSUPPORTED_MEDIA_TYPE"));
    let answer = salesforce.call(Method::POST, "/sobjects/Contact", &json!([])).await;
    assert_eq!(code(&answer), (400, "JSON_PARSER_ERROR"));
    let answer = salesforce.call(Method::PUT, "/sobjects/Contact/x", &json!({})).await;
    assert_eq!(code(&answer), (405, "METHOD_NOT_ALLOWED"));
}
