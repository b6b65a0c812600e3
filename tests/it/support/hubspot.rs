//! The HubSpot gateway in front of a scripted vendor.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use sync_domain::model::{
    CrmDraft, ExternalId, ObjectType, System, TenantId, associations_of, draft_of,
};
use sync_domain::ports::{AuthMode, Connection, CustomFields, Wanted};
use sync_providers::http::ProviderHttp;
use sync_providers::hubspot::{HubspotGateway, HubspotSettings};

use super::vendor_server::VendorServer;

pub struct Hubspot {
    pub server: VendorServer,
    pub gateway: HubspotGateway,
    pub now: Timestamp,
}

impl Hubspot {
    pub async fn start() -> Self {
        let server = VendorServer::start().await;
        let settings = HubspotSettings {
            base_url: server.base_url.clone(),
            api_version: "2026-03".to_owned(),
        };
        let http = ProviderHttp::new(Duration::from_secs(5)).unwrap();
        let now = Timestamp::from_second(1_790_000_000).unwrap();
        Self { server, gateway: HubspotGateway::new(http, settings), now }
    }
}

/// A tenant's connection to an account that has our key property for these kinds of record.
pub fn connection(tenant: &str, key_properties: &[ObjectType]) -> Connection {
    Connection {
        tenant: TenantId::parse(tenant).unwrap(),
        system: System::Hubspot,
        auth: AuthMode::PrivateApp,
        account_id: "62515".to_owned(),
        access_token: "token".to_owned().into(),
        token_version: 0,
        expires_at: None,
        refresh_at: None,
        default_region: Some("US".to_owned()),
        import_horizon_days: None,
        time_zone: None,
        key_properties: key_properties.to_vec(),
        domain: None,
        custom_fields: CustomFields::new(),
    }
}

pub fn draft(object_type: ObjectType, attributes: Value) -> CrmDraft {
    draft_of(object_type, attributes.as_object().unwrap(), Some("US")).unwrap()
}

/// A draft with associations, as `company:1`.
pub fn draft_with(object_type: ObjectType, attributes: Value, associations: &[&str]) -> CrmDraft {
    let one = |stored: &&str| {
        let (other_type, id) = stored.split_once(':').unwrap();
        json!({"type": other_type, "external_id": id})
    };
    let associations: Value = associations.iter().map(one).collect();
    let mut draft = draft(object_type, attributes);
    draft.associations = associations_of(object_type, &associations).unwrap();
    draft
}

/// What an upsert of the draft wants.
pub fn wanted<'a>(draft: &'a CrmDraft, known: Option<&'a ExternalId>) -> Wanted<'a> {
    Wanted { draft, known, began_at: Timestamp::UNIX_EPOCH }
}
