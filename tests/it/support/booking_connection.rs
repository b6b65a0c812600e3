//! How a tenant's account at a booking system comes to be, and how it is connected: by a key, by a
//! seller's consent to our app, or by an app of the tenant's own and an address that people enter.

use serde_json::{Value, json};
use uuid::Uuid;

use super::api::Answer;
use super::booking_shapes::calendars;
use super::booking_system::BookingSystem;
use super::booking_tenant::BookingTenant;
use super::square_app;

/// The region of every account of Vagaro's here.
const REGION: &str = "us02";

impl BookingTenant {
    /// Registers the account, or registers it again with other settings.
    pub async fn register(&self, settings: Value) {
        *self.settings.lock().unwrap() = settings.clone();
        let mut account = self.account().await;
        account["system"] = json!(self.tenant.provider.system);
        account["account"] = json!(self.tenant.account);
        account.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        self.tenant.cloud.sandbox_post("accounts", account).await;
    }

    /// The account at the sandbox, but for its id.
    async fn account(&self) -> Value {
        let key = &self.tenant.access_token;
        match self.system {
            BookingSystem::Acuity => json!({
                "user_id": self.user_id, "api_key": key, "time_zone": "America/New_York",
                "calendars": calendars(),
                "appointment_types": [
                    {"id": 11, "name": "Haircut", "duration": 60},
                    {"id": 12, "name": "Yoga", "duration": 60, "type": "class"},
                ],
            }),
            BookingSystem::Square => {
                let app = square_app::ensured(&self.tenant.cloud).await;
                json!({
                    "oauth": {
                        "client_id": app["client_id"],
                        "client_secret": app["client_secret"],
                        "redirect_uri": app["redirect_uri"],
                        "refresh_token": format!("refresh-{key}"),
                    },
                    "webhook_url": self.tenant.shared_webhook_url(),
                    "webhook_secret": app["webhook_signature_key"],
                })
            }
            BookingSystem::Vagaro => json!({
                "region": REGION, "client_id": self.client_id(), "client_secret": key,
            }),
        }
    }

    fn client_id(&self) -> String {
        format!("client-{}", self.tenant.id)
    }

    /// What connects the account by credentials.
    pub fn connection(&self) -> Value {
        let key = &self.tenant.access_token;
        match self.system {
            BookingSystem::Acuity => json!({
                "auth": "api_key", "user_id": self.user_id, "api_key": key, "default_region": "US",
            }),
            BookingSystem::Square => json!({"auth": "oauth", "default_region": "US"}),
            BookingSystem::Vagaro => json!({
                "auth": "client_credentials", "domain": REGION, "client_id": self.client_id(),
                "client_secret": key, "default_region": "US",
            }),
        }
    }

    /// Connects the account by the API, with whatever is to be done at the provider; deliveries then
    /// come in.
    pub async fn connect(&self) -> Value {
        let answer = self.put_connection_of(self).await;
        assert_eq!(
            (answer.status, &answer.body["status"]),
            (200, &json!("connected")),
            "{answer:?}"
        );
        assert_eq!(answer.body["account_id"], self.tenant.account.as_str(), "{answer:?}");
        match self.system {
            BookingSystem::Acuity => assert_eq!(answer.body["webhook_status"], "registered"),
            BookingSystem::Square => {}
            BookingSystem::Vagaro => self.enter_webhook(&answer.body["webhook_url"]).await,
        }
        answer.body
    }

    /// Asks to connect another one's account.
    pub async fn put_connection_of(&self, other: &Self) -> Answer {
        let mut body = other.connection();
        if self.system == BookingSystem::Square {
            let begun = self.tenant.put_connection(json!({"auth": "oauth"})).await;
            let url = begun.body["authorize_url"].as_str().unwrap_or_else(|| panic!("{begun:?}"));
            let url = reqwest::Url::parse(url).unwrap();
            let state = url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
            body["state"] = json!(state);
            body["code"] = json!(other.consent().await);
        }
        self.tenant.put_connection(body).await
    }

    /// The code that a seller's consent gives.
    async fn consent(&self) -> String {
        let code = format!("code-{}", Uuid::new_v4().simple());
        let act = json!({"system": self.tenant.provider.system, "account": self.tenant.account,
            "act": "add_code", "code": code});
        self.tenant.cloud.sandbox_post("oauth", act).await;
        code
    }

    /// What people do after connecting: they enter the address at the provider, and the token that it
    /// shows for it here.
    async fn enter_webhook(&self, url: &Value) {
        self.enter_at_provider(url).await;
        self.enter_token().await;
    }

    /// Makes the webhook at a provider where people do that.
    pub async fn enter_at_provider(&self, url: &Value) {
        let mut settings = self.settings.lock().unwrap().clone();
        settings["webhook_url"] = url.clone();
        settings["webhook_secret"] = json!(self.tenant.webhook_secret);
        self.register(settings).await;
    }

    /// Gives us the token that the provider shows for its webhook.
    pub async fn enter_token(&self) {
        let secret =
            json!({"tenant_id": self.tenant.id, "webhook_secret": self.tenant.webhook_secret});
        let answer = self.tenant.manage("POST", "/rotate", Some(secret)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// All appointments as people download them.
    pub async fn export(&self) -> String {
        let path = format!("vagaro/export.csv?account={}", self.tenant.account);
        self.tenant.cloud.sandbox_text(&path).await
    }

    /// Panics unless changes are told once, where it is we who ask for that.
    pub async fn assert_told_once(&self) {
        if self.system.registers_webhooks() {
            assert_eq!(self.hooks().await.len(), 1, "webhooks at the provider");
        }
    }

    /// The account's customers, where appointments only name them.
    pub async fn remote_customers(&self) -> Vec<Value> {
        match self.system {
            BookingSystem::Acuity => Vec::new(),
            BookingSystem::Square | BookingSystem::Vagaro => self.tenant.remote("customer").await,
        }
    }
}
