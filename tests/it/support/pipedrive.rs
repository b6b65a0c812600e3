//! The Pipedrive gateway in front of a scripted vendor.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use sync_domain::model::{AttributeName, CrmDraft, ExternalId, ObjectType, System, TenantId};
use sync_domain::ports::{AccountAccess, AuthMode, Connection, Wanted};
use sync_providers::http::ProviderHttp;
use sync_providers::pipedrive::{
    PipedriveConnector, PipedriveGateway, PipedriveSettings, token_price,
};

use super::hubspot;
use super::vendor_server::{Asked, VendorServer};

/// The codes of our field in the account.
pub const PERSON_KEY: &str = "1111111111111111111111111111111111111111";
pub const ORGANIZATION_KEY: &str = "2222222222222222222222222222222222222222";
pub const DEAL_KEY: &str = "3333333333333333333333333333333333333333";
/// When the first attempt began.
pub const BEGAN_AT: &str = "2026-11-22T10:00:00Z";

pub struct Pipedrive {
    pub server: VendorServer,
    pub gateway: PipedriveGateway,
    pub now: Timestamp,
}

/// The account's host is a first segment of the path here.
pub fn settings(server: &VendorServer) -> PipedriveSettings {
    PipedriveSettings {
        base_url: format!("{}/{{domain}}", server.base_url),
        oauth_base_url: format!("{}/_oauth", server.base_url),
    }
}

pub fn connector(server: &VendorServer) -> PipedriveConnector {
    PipedriveConnector::new(ProviderHttp::new(Duration::from_secs(5)).unwrap(), settings(server))
}

pub fn access(auth: AuthMode) -> AccountAccess {
    AccountAccess { auth, token: "token".into(), domain: Some("acme".to_owned()) }
}

impl Pipedrive {
    pub async fn start() -> Self {
        Self::start_with(Duration::from_secs(5)).await
    }

    pub async fn start_with(call_timeout: Duration) -> Self {
        let server = VendorServer::start().await;
        let http = ProviderHttp::new(call_timeout).unwrap();
        let gateway = PipedriveGateway::new(http, settings(&server));
        Self { server, gateway, now: Timestamp::from_second(1_790_000_000).unwrap() }
    }

    /// The next answers, all of them successes with this `data`.
    pub fn will_give(&self, answers: &[Value]) -> &Self {
        for data in answers {
            self.server.will_answer(200, success(data.clone()));
        }
        self
    }
}

pub fn success(data: Value) -> Value {
    json!({"success": true, "data": data})
}

/// What Pipedrive says where there is no such record.
pub fn not_found() -> Value {
    json!({"success": false, "error": "Person not found", "data": null})
}

/// The connection of an account that has our field for each kind of record.
pub fn connection() -> Connection {
    let mut connection = without_fields();
    for (object_type, code) in [
        (ObjectType::Contact, PERSON_KEY),
        (ObjectType::Company, ORGANIZATION_KEY),
        (ObjectType::Deal, DEAL_KEY),
    ] {
        connection.custom_fields.insert((object_type, AttributeName::Reference), code.to_owned());
    }
    connection
}

/// The connection of an account that may not have fields of ours.
pub fn without_fields() -> Connection {
    Connection {
        tenant: TenantId::parse("acme").unwrap(),
        system: System::Pipedrive,
        auth: AuthMode::ApiToken,
        account_id: "54235233".to_owned(),
        domain: Some("acme".to_owned()),
        ..hubspot::connection("acme", &ObjectType::ALL)
    }
}

pub fn ada() -> CrmDraft {
    let attributes = json!({"email": "ada@example.com", "firstname": "Ada"});
    hubspot::draft(ObjectType::Contact, attributes)
}

pub fn works() -> CrmDraft {
    hubspot::draft(ObjectType::Company, json!({"reference": "c-1", "name": "Works"}))
}

pub fn big_one() -> CrmDraft {
    hubspot::draft(ObjectType::Deal, json!({"reference": "d-1", "name": "Big one"}))
}

/// A person with our key, or with another one.
pub fn person(id: u64, email: &str, key: Option<&str>) -> Value {
    json!({
        "id": id, "name": "Ada", "first_name": "Ada", "last_name": null, "is_deleted": false,
        "emails": [{"value": email, "primary": true, "label": "work"}], "phones": [],
        "add_time": "2026-11-22T10:00:01Z", "update_time": "2026-11-22T10:00:02Z",
        "custom_fields": {PERSON_KEY: key},
    })
}

pub fn wanted<'a>(draft: &'a CrmDraft, known: Option<&'a ExternalId>) -> Wanted<'a> {
    Wanted { draft, known, began_at: BEGAN_AT.parse().unwrap() }
}

/// `GET /acme/api/v2/persons/search` becomes `GET persons/search`, its query left out.
pub fn steps(asked: &[Asked]) -> Vec<String> {
    asked
        .iter()
        .map(|asked| {
            let line = asked.line.split('?').next().unwrap();
            line.replace("/acme/api/v2/", "").replace("/acme/api/v1/", "v1/")
        })
        .collect()
}

/// The decoded query of a request.
pub fn query(asked: &Asked) -> Vec<(String, String)> {
    let path = asked.line.split(' ').nth(1).unwrap();
    let url = reqwest::Url::parse(&format!("http://x{path}")).unwrap();
    url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

pub fn in_query(asked: &Asked, name: &str) -> String {
    let found = query(asked).into_iter().find(|(member, _value)| member == name);
    found.unwrap_or_else(|| panic!("no {name} in {}", asked.line)).1
}

/// What the requests cost of the account's daily tokens.
pub fn tokens(asked: &[Asked]) -> u32 {
    let price = |asked: &Asked| {
        let line = asked.line.split('?').next().unwrap();
        let (method, path) = line.split_once(' ').unwrap();
        token_price(method, path).unwrap_or_else(|| panic!("no price of {line}"))
    };
    asked.iter().map(price).sum()
}
