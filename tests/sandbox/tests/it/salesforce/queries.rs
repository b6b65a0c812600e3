//! SOQL over the wire: what rows come, in which shape, and what is refused.

use serde_json::{Value, json};

use super::{DATA, KEY, Salesforce, code};

async fn seeded() -> Salesforce {
    let salesforce = Salesforce::start(&json!({})).await;
    let at = |second: u8| format!("2026-05-01T00:00:{second:02}Z");
    let objects = json!([
        { "type": "Account", "id": "001000000000001", "properties": { "Name": "O'Neil", KEY: "a1" } },
        { "id": "003000000000001", "createdAt": at(1), "properties":
            { "LastName": "One", "Email": "One@Example.com", "AccountId": "001000000000001" } },
        { "id": "003000000000002", "createdAt": at(2), "properties":
            { "LastName": "Two", "HasOptedOutOfEmail": true } },
        { "id": "003000000000003", "createdAt": at(3), "archived": true, "properties":
            { "LastName": "Three" } },
        { "type": "deal", "properties": { "Name": "Deal", "StageName": "Prospecting",
            "CloseDate": "2026-06-01", "Amount": 100 } },
    ]);
    let told = salesforce.control("seed", &json!({ "objects": objects })).await;
    assert_eq!(told["seeded"], 5);
    salesforce
}

#[tokio::test]
async fn conditions_find_their_rows() {
    let salesforce = seeded().await;
    for (condition, expected) in [
        ("Email = 'one@example.com'", vec!["One"]),
        ("Email != 'one@example.com'", vec!["Two"]),
        ("Email = null", vec!["Two"]),
        ("Id IN ('003000000000001', '003000000000002AAA')", vec!["One", "Two"]),
        ("Id = '003000000000003'", vec![]),
        ("SystemModstamp >= 2026-05-01T00:00:02Z", vec!["Two"]),
        ("SystemModstamp > 2026-05-01T00:00:02.000+0000", vec![]),
        ("HasOptedOutOfEmail = false", vec!["One"]),
        ("Account.Name = 'O\\'Neil'", vec!["One"]),
        ("AccountId = '001000000000001' AND (LastName = 'two' OR LastName = 'one')", vec!["One"]),
        ("LastName > 'one'", vec!["Two"]),
    ] {
        let soql = format!("SELECT LastName FROM Contact WHERE {condition} ORDER BY LastName");
        assert_eq!(salesforce.column(&soql, "LastName").await, expected, "{condition}");
    }
    for (condition, rows) in
        [("Amount >= 100", 1), ("CloseDate < 2026-06-01", 0), ("Amount < 99.5", 0)]
    {
        let soql = format!("SELECT Id FROM Opportunity WHERE {condition}");
        assert_eq!(salesforce.column(&soql, "Id").await.len(), rows, "{condition}");
    }
}

#[tokio::test]
async fn rows_carry_parents_and_query_all_sees_the_deleted() {
    let salesforce = seeded().await;
    let soql = format!("SELECT Id, Account.{KEY} FROM Contact ORDER BY CreatedDate DESC LIMIT 2");
    let (_, page) = salesforce.query("query", &soql).await;
    assert_eq!((&page["totalSize"], &page["done"]), (&json!(2), &json!(true)));
    assert_eq!(page["records"][0]["Account"], Value::Null);
    let row = &page["records"][1];
    assert_eq!(row["attributes"]["type"], "Contact");
    assert_eq!(row["Account"][KEY], "a1");
    let (_, all) =
        salesforce.query("queryAll", "SELECT Id FROM Contact WHERE IsDeleted = true").await;
    assert_eq!(all["records"][0]["Id"], "003000000000003AAA");
}

#[tokio::test]
async fn settings_are_records() {
    let salesforce = Salesforce::start(&json!({ "time_zone": "Europe/Berlin", "stages": [
        { "api_name": "Open", "label": "Offen", "probability": 20 },
        { "api_name": "Old", "is_active": false },
        { "api_name": "Won", "is_closed": true, "is_won": true, "probability": 100 }],
        "record_types": [{ "developer_name": "New_Business", "name": "New business" }] }))
    .await;
    let stages = "SELECT MasterLabel, ApiName, IsActive, IsClosed, IsWon, SortOrder, \
        DefaultProbability FROM OpportunityStage ORDER BY SortOrder";
    assert_eq!(salesforce.column(stages, "ApiName").await, ["Open", "Old", "Won"]);
    assert_eq!(salesforce.column(stages, "MasterLabel").await[0], "Offen");
    let types = "SELECT Id, DeveloperName FROM RecordType WHERE SobjectType = 'Opportunity' AND \
        IsActive = true";
    assert_eq!(salesforce.column(types, "DeveloperName").await, ["New_Business"]);
    let org = salesforce.column("SELECT TimeZoneSidKey FROM Organization", "TimeZoneSidKey").await;
    assert_eq!(org, ["Europe/Berlin"]);
}

#[tokio::test]
async fn refusals_have_the_vendors_codes() {
    let salesforce = seeded().await;
    for (soql, expected) in [
        ("SELECT Id FROM Contact WHERE LastName LIKE 'a%'", "MALFORMED_QUERY"),
        ("", "MALFORMED_QUERY"),
        ("SELECT Nope FROM Contact", "INVALID_FIELD"),
        ("SELECT Id FROM Contact WHERE Nope = 1", "INVALID_FIELD"),
        ("SELECT Owner.Nope FROM Contact", "INVALID_FIELD"),
        ("SELECT Boss.Name FROM Contact", "INVALID_FIELD"),
        ("SELECT Id FROM Contact ORDER BY Nope", "INVALID_FIELD"),
        ("SELECT Id FROM Contact WHERE SystemModstamp > '2026-05-01T00:00:02Z'", "INVALID_FIELD"),
        ("SELECT Id FROM Contact WHERE LastName = 5", "INVALID_FIELD"),
        ("SELECT Id FROM Contact WHERE Id = 'x'", "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id FROM Lead", "INVALID_TYPE"),
    ] {
        let answer = salesforce.query("query", soql).await;
        assert_eq!(code(&answer), (400, expected), "{soql}");
    }
    let long = format!("SELECT Id FROM Contact WHERE LastName = '{}'", "x".repeat(17_000));
    assert_eq!(salesforce.query("query", &long).await.0, 414);
}

#[tokio::test]
async fn more_rows_than_a_page_come_by_locator() {
    let salesforce = Salesforce::start(&json!({})).await;
    let objects: Vec<Value> = (0..450)
        .map(|number| json!({ "properties": { "LastName": format!("N{number:03}") } }))
        .collect();
    salesforce.control("seed", &json!({ "objects": objects })).await;
    let soql = "/query?q=SELECT+LastName+FROM+Contact+ORDER+BY+LastName";
    let header = [("Sforce-Query-Options", "batchSize=200")];
    let (_, mut page) =
        salesforce.call_with(reqwest::Method::GET, soql, &Value::Null, &header).await;
    let mut names = Vec::new();
    loop {
        assert_eq!(page["totalSize"], 450);
        names.extend(page["records"].as_array().unwrap().iter().map(|row| row["LastName"].clone()));
        let Some(next) = page["nextRecordsUrl"].as_str() else { break };
        assert_eq!(page["done"], false);
        let below = next.strip_prefix(DATA.strip_prefix("/salesforce/acme").unwrap()).unwrap();
        page = salesforce.get(below).await;
    }
    assert_eq!(names.len(), 450);
    assert!(names.is_sorted_by_key(|name| name.as_str().unwrap().to_owned()));
    let unknown = salesforce.call(reqwest::Method::GET, "/query/0r8x-200", &Value::Null).await;
    assert_eq!(code(&unknown), (400, "INVALID_QUERY_LOCATOR"));
}
