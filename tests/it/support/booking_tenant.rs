//! A tenant with an account at a booking system: what its staff do there, and our import of it.
//! Everything that is the same for every tenant is [`Tenant`]'s.

use std::sync::Mutex;

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::account::assert_delivered;
use super::api::Answer;
use super::booking_system::{Appointment, BookingSystem};
use super::sweep_slots::unplanned_id;
use super::tenant::Tenant;

/// The scope that imports need.
pub const IMPORT: &str = "booking:import";
/// A call never goes on for ever: more than these make no import.
const CALLS_MAX: u32 = 200;
/// So often is an import called again after a refusal that passes.
const REFUSALS_MAX: u32 = 100;

pub struct BookingTenant {
    pub tenant: Tenant,
    pub system: BookingSystem,
    /// The number of the user whose key connects.
    pub user_id: String,
    /// Settings of the account at the sandbox.
    pub(super) settings: Mutex<Value>,
}

/// What the calls of one import came to.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Imported {
    pub calls: u32,
    pub imported: u64,
    pub updated: u64,
    pub skipped: u64,
    /// Calls that were refused, and made again.
    pub refused: u32,
}

impl Imported {
    /// Imported, updated, skipped.
    pub const fn counts(&self) -> (u64, u64, u64) {
        (self.imported, self.updated, self.skipped)
    }

    fn add(&mut self, body: &Value) {
        self.calls += 1;
        let of = |name: &str| body[name].as_u64().unwrap_or_else(|| panic!("{name}: {body}"));
        self.imported += of("imported");
        self.updated += of("updated");
        self.skipped += of("skipped_duplicates");
    }
}

impl BookingTenant {
    /// A new tenant, connected as any tenant is; its event of that is taken.
    pub async fn new(system: BookingSystem) -> Self {
        Self::with(system, json!({})).await
    }

    /// The same with other settings of the account.
    pub async fn with(system: BookingSystem, settings: Value) -> Self {
        let salon = Self::unconnected(system, settings).await;
        salon.connect().await;
        salon.tenant.connection_event().await;
        salon.tenant.count_anew();
        salon
    }

    /// A new tenant whose account exists, and who has not connected it.
    pub async fn unconnected(system: BookingSystem, settings: Value) -> Self {
        Self::named(unplanned_id(system.provider().system), system, settings).await
    }

    /// The same under an id of one's own.
    pub async fn named(id: String, system: BookingSystem, settings: Value) -> Self {
        let mut tenant = Tenant::without_account(id, system.provider()).await;
        let key = format!("canary-key-{}", Uuid::new_v4().simple());
        tenant.webhook_secret = match system {
            // One key does both: it calls, and the provider signs with it.
            BookingSystem::Acuity => key.clone(),
            BookingSystem::Square | BookingSystem::Vagaro => tenant.webhook_secret,
        };
        tenant.access_token = key;
        let user_id = format!("9{:09}", Uuid::new_v4().as_u128() % 1_000_000_000);
        let salon = Self { tenant, system, user_id, settings: Mutex::new(json!({})) };
        salon.register(settings).await;
        salon
    }

    /// The webhooks that are registered at the provider.
    pub async fn hooks(&self) -> Vec<Value> {
        let path = format!("hooks?{}", self.tenant.selected());
        self.tenant.cloud.sandbox_get(&path).await["hooks"].as_array().unwrap().clone()
    }

    /// The address of the one webhook that is registered, with its token.
    pub async fn webhook_url(&self) -> String {
        let hooks = self.hooks().await;
        assert_eq!(hooks.len(), 1, "webhooks at the provider");
        hooks[0]["target"].as_str().unwrap().to_owned()
    }

    /// The token of that address, which is a secret.
    pub async fn hook_token(&self) -> String {
        let name = format!("{}/{}/webhook", self.tenant.id, self.tenant.provider.system);
        self.tenant.cloud.secret_like(&name).await["url_token"].as_str().unwrap().to_owned()
    }

    /// The email of a client, marked.
    pub fn email(&self, name: &str) -> String {
        self.tenant.email(name)
    }

    /// Puts appointments into the account as if they had long been there.
    pub async fn seed(&self, appointments: &[Appointment]) {
        let objects: Vec<_> = appointments.iter().map(|it| self.system.shaped(it)).collect();
        self.seed_by(json!({ "objects": objects })).await;
    }

    /// Has the sandbox make appointments by an order.
    pub async fn generate(&self, order: Value) -> u64 {
        self.seed_by(json!({ "generate": order })).await
    }

    async fn seed_by(&self, mut body: Value) -> u64 {
        body["system"] = json!(self.tenant.provider.system);
        body["account"] = json!(self.tenant.account);
        self.tenant.cloud.sandbox_post("seed", body).await["seeded"].as_u64().unwrap()
    }

    /// An act on one appointment whose webhook must be taken.
    pub async fn act_told(&self, act: &str, id: u64, properties: &Value) {
        let done = self.act(act, &[id], properties, json!({})).await;
        assert_delivered(&done);
    }

    /// An act of which no webhook tells.
    pub async fn act_untold(&self, act: &str, id: u64, properties: &Value) {
        let done = self.act(act, &[id], properties, json!({"drop_percent": 100})).await;
        assert_eq!(done["deliveries"], json!([]), "{done}");
    }

    /// An act of the staff on appointments; `deliver` says what becomes of its webhooks.
    pub async fn act(&self, act: &str, ids: &[u64], properties: &Value, deliver: Value) -> Value {
        let mut order = json!({"act": act, "ids": ids, "deliver": deliver});
        if !properties.is_null() {
            order["properties"] = properties.clone();
        }
        self.tenant.portal(order).await
    }

    /// The body of a call to import; `more` has what is asked for besides.
    pub fn import_body(&self, more: &Value) -> Value {
        let mut body = json!({ "tenant_id": self.tenant.id });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    }

    /// One call to import.
    pub async fn import(&self, more: &Value) -> Answer {
        let token = self.tenant.cloud.token(&self.tenant.id, IMPORT, json!({})).await;
        self.import_with(&token, self.import_body(more)).await
    }

    /// One call with any token and body.
    pub async fn import_with(&self, token: &str, body: Value) -> Answer {
        let path = format!("integrations/booking/{}/import", self.tenant.provider.system);
        self.tenant.cloud.call("POST", &path, Some(token), Some(body)).await
    }

    /// Calls until the end, whoever holds the account's budget meanwhile; the answer that stopped it,
    /// if one did.
    pub async fn import_to_end(&self, window: &Value) -> Result<Imported, Answer> {
        self.import_while(window, |status| matches!(status, 429 | 503)).await
    }

    /// What imports these appointments, or the window that they are in, however often they were read.
    pub fn reading(&self, ids: &[u64], window: (Timestamp, Timestamp)) -> Value {
        if self.system.lists_by_date() {
            json!({"since": window.0.to_string(), "until": window.1.to_string()})
        } else {
            naming(ids)
        }
    }

    /// The first import of an account with these appointments, as a tenant makes it.
    pub async fn import_first(&self, ids: &[u64]) -> Imported {
        let asked = if self.system.lists_by_date() { json!({}) } else { naming(ids) };
        self.import_all(&asked).await
    }

    /// An import to its end, where nothing may stop it.
    pub async fn import_all(&self, window: &Value) -> Imported {
        self.import_to_end(window).await.unwrap_or_else(|answer| panic!("{answer:?}"))
    }

    /// Calls until the end through any fault of the provider.
    pub async fn import_patiently(&self, window: &Value) -> Imported {
        let through = |status| matches!(status, 429 | 502..=504);
        self.import_while(window, through).await.unwrap_or_else(|answer| panic!("{answer:?}"))
    }

    /// Calls until the end as callers are told to: what may pass is called again, with the last
    /// cursor, after the time that it says.
    async fn import_while(
        &self,
        window: &Value,
        may_pass: impl Fn(u16) -> bool,
    ) -> Result<Imported, Answer> {
        let (mut done, mut asked) = (Imported::default(), window.clone());
        while done.calls < CALLS_MAX {
            let answer = self.import(&asked).await;
            if answer.status == 200 {
                done.add(&answer.body);
                asked["cursor"] = answer.body["next_cursor"].clone();
                if asked["cursor"].is_null() {
                    return Ok(done);
                }
            } else if may_pass(answer.status) && done.refused < REFUSALS_MAX {
                done.refused += 1;
                let wait_s = answer.retry_after_s.unwrap_or(1).min(5);
                tokio::time::sleep(std::time::Duration::from_secs(wait_s)).await;
            } else {
                return Err(answer);
            }
        }
        panic!("no end of calls: {done:?}");
    }
}

/// What reads these appointments and no others.
fn naming(ids: &[u64]) -> Value {
    json!({ "booking_ids": ids.iter().map(u64::to_string).collect::<Vec<_>>() })
}
