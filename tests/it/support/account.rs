//! A tenant's account at the provider sandbox: what its users do, what it was asked, how it fails.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::tenant::Tenant;

/// What is sent with a delay comes within this time.
const NOTHING_NEW: Duration = Duration::from_secs(4);
/// A notification that was refused is sent again for about half a minute.
const TOLD_WITHIN: Duration = Duration::from_secs(90);

/// Now, in epoch milliseconds.
pub fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_millis()).unwrap()
}

impl Tenant {
    /// Registers the account, or registers it again with other settings.
    pub async fn register(&self, settings: Value) {
        *self.settings.lock().unwrap() = settings.clone();
        let mut account = self.crm().account(self);
        account["system"] = json!(self.provider.system);
        account["account"] = json!(self.account);
        account.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        self.cloud.sandbox_post("accounts", account).await;
    }

    /// Adds to the settings of the account.
    pub async fn enter(&self, more: Value) {
        let mut settings = self.settings.lock().unwrap().clone();
        settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.register(settings).await;
    }

    /// Empties the account: its records go, and the properties that were made through the API.
    pub async fn reset_account(&self) {
        let body = json!({"system": self.provider.system, "account": self.account});
        self.cloud.sandbox_post("reset", body).await;
    }

    /// Lets the account's next calls fail: one, unless the fault says how many or for how long.
    pub async fn fault(&self, fault: Value) {
        let mut body = json!({"system": self.provider.system, "account": self.account});
        if fault.get("percent").is_none() && fault.get("for_ms").is_none() {
            body["times"] = json!(1);
        }
        body.as_object_mut().unwrap().extend(fault.as_object().unwrap().clone());
        self.cloud.sandbox_post("faults", body).await;
    }

    /// Waits until every notification of the account was taken, the delayed and the repeated ones too.
    pub async fn until_told(&self) {
        let path = format!("webhooks?{}", self.selected());
        let (mut told, mut since) = (0, Instant::now());
        let began = since;
        while since.elapsed() < NOTHING_NEW {
            let deliveries = self.cloud.sandbox_get(&path).await["deliveries"].take();
            let deliveries = deliveries.as_array().unwrap();
            let open = deliveries.iter().filter(|it| it["delivered"] != true).count();
            if open > 0 || deliveries.len() != told {
                (told, since) = (deliveries.len(), Instant::now());
            }
            assert!(began.elapsed() < TOLD_WITHIN, "{open} of {told} notifications were not taken");
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }

    /// Ends all faults of the account.
    pub async fn end_faults(&self) {
        let path = format!("faults?{}", self.selected());
        self.cloud.sandbox_delete(&path).await;
    }

    /// A user's act in the portal; `act` needs `act` and `type`.
    pub async fn portal(&self, act: Value) -> Value {
        let mut body = json!({"system": self.provider.system, "account": self.account});
        body.as_object_mut().unwrap().extend(act.as_object().unwrap().clone());
        self.cloud.sandbox_post("portal", body).await
    }

    /// A user's act whose events must all be taken by the webhook; the ids of its records.
    pub async fn portal_told(&self, act: Value) -> Vec<String> {
        let done = self.portal(act).await;
        assert_delivered(&done);
        ids_of(&done)
    }

    /// A user's act whose events are kept back.
    pub async fn portal_held(&self, mut act: Value) -> Vec<String> {
        act["deliver"] = json!({"hold": true});
        ids_of(&self.portal(act).await)
    }

    /// Delivers what was kept back.
    pub async fn release(&self, deliver: Value) -> Value {
        let body =
            json!({"system": self.provider.system, "account": self.account, "deliver": deliver});
        self.cloud.sandbox_post("portal/release", body).await
    }

    /// Counts from now on: what was called before is not told of any more.
    pub fn count_anew(&self) {
        // Both clocks are the machine's; the call before may have been in this very millisecond.
        self.since_ms.store(now_ms() + 1, std::sync::atomic::Ordering::Relaxed);
        std::thread::sleep(std::time::Duration::from_millis(2));
    }

    /// Since when is counted, in epoch milliseconds.
    pub fn counted_since_ms(&self) -> i64 {
        self.since_ms.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// The account, as the sandbox's queries name it.
    pub fn selected(&self) -> String {
        format!("system={}&account={}", self.provider.system, self.account)
    }

    fn since(&self) -> String {
        format!("since_ms={}", self.counted_since_ms())
    }

    /// What the account's API was asked since it was connected.
    pub async fn provider_calls(&self) -> Value {
        let since = self.since();
        let path = format!("calls?{}&{since}", self.selected());
        self.cloud.sandbox_get(&path).await
    }

    /// How many calls there were since the account was connected.
    pub async fn provider_calls_total(&self) -> u64 {
        self.provider_calls().await["totals"]["total"].as_u64().unwrap()
    }

    /// How many calls changed something at the provider.
    pub async fn provider_writes(&self) -> u64 {
        self.provider_calls().await["totals"]["applied"].as_u64().unwrap()
    }

    /// The account's records of one type, archived ones too.
    pub async fn remote(&self, object_type: &str) -> Vec<Value> {
        let path = format!("objects?{}&type={object_type}", self.selected());
        let answer = self.cloud.sandbox_get(&path).await;
        answer["objects"].as_array().unwrap_or_else(|| panic!("{answer}")).clone()
    }

    /// The account's contacts.
    pub async fn remote_contacts(&self) -> Vec<Value> {
        self.remote("contact").await
    }

    /// How full the account's limits are and were.
    pub async fn limits(&self) -> Value {
        let path = format!("limits?{}", self.selected());
        self.cloud.sandbox_get(&path).await["accounts"][0].clone()
    }

    /// The functions' calls of an AWS service that name this tenant, by operation.
    pub async fn aws_calls(&self, service: &str) -> Value {
        self.aws_calls_naming(service, &self.id).await
    }

    /// The same of calls that name something else.
    pub async fn aws_calls_naming(&self, service: &str, text: &str) -> Value {
        let path = format!("aws/calls?service={service}&contains={text}&{}", self.since());
        self.cloud.sandbox_get(&path).await["totals"].clone()
    }
}

/// Panics unless every delivery was taken at the first attempt.
pub fn assert_delivered(done: &Value) {
    let deliveries = done["deliveries"].as_array().unwrap_or_else(|| panic!("{done}"));
    assert!(!deliveries.is_empty(), "nothing was delivered: {done}");
    for delivery in deliveries {
        let status = delivery["first_status"].as_u64().unwrap_or_default();
        assert!((200..300).contains(&status), "{delivery}");
    }
}

fn ids_of(done: &Value) -> Vec<String> {
    done["ids"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect()
}
