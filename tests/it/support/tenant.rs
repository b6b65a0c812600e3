//! A tenant of a test's own: its account at the sandbox, its connection, its events, its calls.
//! Tests run at the same time and share nothing but the machine.
//!
//! Personal data of every test carries a mark (`canary`, or the number range of [`PHONE`]), and so
//! does every secret; `after_suite_canary` looks for the marks wherever they must not be.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::AtomicI64;

use serde_json::{Value, json};
use uuid::Uuid;

use super::api::Answer;
use super::bus::create_tap;
use super::cloud::Cloud;
use super::crm_system::CrmSystem;
use super::sweep_slots::unplanned_id;

/// The marked phone number, as a caller writes it, and in E.164.
pub const PHONE: (&str, &str) = ("(415) 555-2671", "+14155552671");
/// The scope that connections need.
pub const MANAGE: &str = "connections:manage";

/// Where a tenant's account is, as paths and the sandbox name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Provider {
    pub kind: &'static str,
    pub system: &'static str,
}

pub struct Tenant {
    pub cloud: Cloud,
    pub id: String,
    pub provider: Provider,
    pub account: String,
    /// What the account is called with: a token or an API key.
    pub access_token: String,
    /// What its webhooks are signed with.
    pub webhook_secret: String,
    /// Settings of the account at the sandbox.
    pub(super) settings: Mutex<Value>,
    pub(super) tap_url: String,
    pub(super) seen_events: Mutex<HashSet<String>>,
    pub(super) since_ms: AtomicI64,
}

impl Tenant {
    /// A new tenant, connected to a HubSpot account of its own as any tenant is.
    pub async fn new() -> Self {
        Self::with(json!({})).await
    }

    /// The same, with other settings of the account.
    pub async fn with(settings: Value) -> Self {
        Self::of(CrmSystem::Hubspot, settings).await
    }

    /// A new tenant, connected to an account of its own at any CRM.
    pub async fn of(system: CrmSystem, settings: Value) -> Self {
        let tenant = Self::unconnected_to(system, settings).await;
        tenant.connect().await;
        tenant.count_anew();
        tenant
    }

    /// The same, but its token may not make our key property, so the account has none.
    pub async fn without_key_properties() -> Self {
        let objects = ["contacts", "companies", "deals"].into_iter().flat_map(|objects| {
            ["read", "write"].map(|right| format!("crm.objects.{objects}.{right}"))
        });
        let scopes: Vec<_> = objects.chain(["oauth".to_owned()]).collect();
        Self::with(json!({ "scopes": scopes })).await
    }

    /// A new tenant whose account exists, and who has not connected it.
    pub async fn unconnected(settings: Value) -> Self {
        Self::unconnected_to(CrmSystem::Hubspot, settings).await
    }

    /// The same at any CRM.
    pub async fn unconnected_to(system: CrmSystem, settings: Value) -> Self {
        let provider = system.provider();
        let id = unplanned_id(provider.system);
        let mut tenant = Self::without_account(id, provider).await;
        (tenant.account, tenant.access_token) = (system.new_account_id(), system.new_token());
        tenant.register(settings).await;
        tenant
    }

    /// The CRM that the tenant's account is at.
    pub fn crm(&self) -> CrmSystem {
        CrmSystem::of(self.provider)
    }

    /// Where the CRM's webhooks come in for all tenants.
    pub fn shared_webhook_url(&self) -> String {
        let base = self.cloud.text("api_base_url");
        format!("{base}/webhooks/{}/{}", self.provider.kind, self.provider.system)
    }

    /// A new tenant whose account is yet to be made, with secrets to be.
    pub async fn without_account(id: String, provider: Provider) -> Self {
        let cloud = Cloud::open();
        let unique = Uuid::new_v4().simple();
        Self {
            tap_url: create_tap(&cloud, &id).await,
            cloud,
            id,
            provider,
            account: format!("7{:08}", Uuid::new_v4().as_u128() % 100_000_000),
            access_token: format!("pat-na1-canary-{unique}"),
            webhook_secret: format!("canary-webhook-{unique}"),
            settings: Mutex::new(json!({})),
            seen_events: Mutex::default(),
            since_ms: AtomicI64::new(0),
        }
    }

    /// Connects the account by the API.
    pub async fn connect(&self) -> Value {
        let answer = self.put_connection(self.crm().connection(self)).await;
        assert_eq!(
            (answer.status, &answer.body["status"]),
            (200, &json!("connected")),
            "{answer:?}"
        );
        assert_eq!(answer.body["account_id"], self.account.as_str(), "{answer:?}");
        if self.crm().enters_addresses() {
            self.enter(json!({"webhook_url": answer.body["webhook_url"]})).await;
        }
        answer.body
    }

    /// What connects a HubSpot account by its token.
    pub fn private_app(&self) -> Value {
        CrmSystem::Hubspot.connection(self)
    }

    /// A request to connect; the tenant's id is added.
    pub async fn put_connection(&self, mut body: Value) -> Answer {
        body["tenant_id"] = json!(self.id);
        self.manage("PUT", "", Some(body)).await
    }

    /// Disconnects.
    pub async fn disconnect(&self) {
        let answer = self.manage("DELETE", "", None).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// How the connection says that it is.
    pub async fn health(&self) -> Value {
        let answer = self.manage("GET", "", None).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    }

    /// Any call of the routes of the connection; `below` is what stands behind their path.
    pub async fn manage(&self, method: &str, below: &str, body: Option<Value>) -> Answer {
        let token = self.cloud.token(&self.id, MANAGE, json!({})).await;
        let Provider { kind, system } = self.provider;
        let path = format!("integrations/{kind}/{system}/connection{below}");
        self.cloud.call(method, &path, Some(&token), body).await
    }

    /// An email of this tenant, marked.
    pub fn email(&self, name: &str) -> String {
        format!("canary-{name}@{}.example.com", self.id)
    }

    /// A full contact with marked values.
    pub fn contact(&self, name: &str) -> Value {
        let mut contact = json!({
            "email": self.email(name),
            "phone": PHONE.0,
            "firstname": "Canaryfirst",
            "lastname": "Canarylast",
        });
        contact.as_object_mut().unwrap().extend(self.crm().more_of_contact());
        contact
    }
}

/// The id of a tenant that nobody else has.
pub fn new_id() -> String {
    let unique = Uuid::new_v4().simple().to_string();
    format!("test-{}", unique.split_at(12).0)
}
