//! The Salesforce gateway and connector in front of a scripted vendor.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Url;
use serde_json::{Value, json};
use sync_domain::model::{AttributeName, CrmDraft, ExternalId, ObjectType, System, TenantId};
use sync_domain::ports::{AccountAccess, AuthMode, Connection, CustomFields, Wanted};
use sync_providers::http::ProviderHttp;
use sync_providers::salesforce::{SalesforceConnector, SalesforceGateway, SalesforceSettings};
use sync_testkit::ManualClock;

use super::hubspot;
use super::vendor_server::{Asked, VendorServer};

pub const KEY: &str = "Integration_Reference__c";
pub const DATA: &str = "/sf/acme/services/data/v67.0";

pub struct Salesforce {
    pub server: VendorServer,
    pub gateway: SalesforceGateway,
    pub connector: SalesforceConnector,
    pub now: Timestamp,
}

impl Salesforce {
    pub async fn start() -> Self {
        let server = VendorServer::start().await;
        let settings = SalesforceSettings {
            base_url: format!("{}/sf/{{domain}}", server.base_url),
            api_version: "v67.0".to_owned(),
        };
        let http = ProviderHttp::new(Duration::from_secs(5)).unwrap();
        let connector = SalesforceConnector::new(
            http.clone(),
            settings.clone(),
            Arc::new(ManualClock::default()),
        );
        let gateway = SalesforceGateway::new(http, settings);
        let now = Timestamp::from_second(1_790_000_000).unwrap();
        Self { server, gateway, connector, now }
    }

    /// The requests since the last look: method and path, and the query or the body.
    pub fn asked(&self) -> Vec<(String, Value)> {
        self.server.asked().into_iter().map(read).collect()
    }
}

fn read(asked: Asked) -> (String, Value) {
    let (method, target) = asked.line.split_once(' ').unwrap();
    let url = Url::parse(&format!("http://vendor{target}")).unwrap();
    let line = format!("{method} {}", url.path().replace(DATA, ""));
    let query: Vec<_> = url.query_pairs().map(|(_, value)| value.into_owned()).collect();
    let rest = query.first().map_or(asked.body, |query| json!(query));
    (line, rest)
}

/// The key field's name where a kind of record has one.
pub fn fields(keyed: &[ObjectType]) -> CustomFields {
    let key = |object_type: &ObjectType| ((*object_type, AttributeName::Reference), KEY.to_owned());
    keyed.iter().map(key).collect()
}

/// A tenant's connection to an org that has our key field on these objects.
pub fn connection(keyed: &[ObjectType]) -> Connection {
    Connection {
        tenant: TenantId::parse("acme").unwrap(),
        system: System::Salesforce,
        auth: AuthMode::ClientCredentials,
        account_id: "00D000000000001EAA".to_owned(),
        domain: Some("acme".to_owned()),
        custom_fields: fields(keyed),
        ..hubspot::connection("acme", keyed)
    }
}

pub fn access() -> AccountAccess {
    AccountAccess {
        auth: AuthMode::ClientCredentials,
        token: "token".to_owned().into(),
        domain: Some("acme".to_owned()),
    }
}

pub fn contact() -> CrmDraft {
    hubspot::draft(ObjectType::Contact, json!({"email": "Ada@Example.com", "firstname": "Ada"}))
}

pub fn company() -> CrmDraft {
    let attributes = json!({"reference": "c-1", "name": "Example Works", "domain": "example.com"});
    hubspot::draft(ObjectType::Company, attributes)
}

pub fn deal(attributes: Value) -> CrmDraft {
    hubspot::draft(ObjectType::Deal, attributes)
}

/// What an upsert wants that began in the night of 2026-05-01.
pub fn wanted<'a>(draft: &'a CrmDraft, known: Option<&'a ExternalId>) -> Wanted<'a> {
    Wanted { draft, known, began_at: "2026-05-01T23:30:00Z".parse().unwrap() }
}

/// An id of a kind of record: `003000000000007AAA`.
pub fn id(prefix: &str, number: u32) -> ExternalId {
    ExternalId::new(format!("{prefix}{number:012}AAA"))
}

/// A page of a query, the last one.
pub fn page(records: &[Value]) -> Value {
    json!({"totalSize": records.len(), "done": true, "records": records})
}

/// An answer of errors with one code.
pub fn error(code: &str, message: &str) -> Value {
    json!([{"message": message, "errorCode": code, "fields": []}])
}
