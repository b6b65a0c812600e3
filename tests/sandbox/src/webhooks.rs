//! Sending webhooks and sending them again, as vendors do: first attempts at once, ten in flight
//! per order, failures up to ten times more with growing random delays, or with those of a vendor
//! that tells them; all much quickened.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt;
use futures::stream;
use serde::Serialize;
use serde_json::Value;

use crate::accounts::Account;
use crate::clock::{new_uuid, now_ms, sleep_ms};
use crate::http_client::{ClientSettings, client};
use crate::lock::locked;
use crate::ring::Ring;
use crate::state::SandboxState;
use crate::vendor::System;

/// What vendors give a receiver to answer.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
const MAX_RETRIES: u32 = 10;
const IN_FLIGHT: usize = 10;
const KEPT_DELIVERIES: usize = 10_000;
/// When more events are kept than these, the oldest deliveries that are done with are dropped.
const KEPT_EVENTS: usize = 200_000;
const FIRST_RETRY_MS: f64 = 100.0;
const LONGEST_RETRY_MS: f64 = 5_000.0;

/// One try at a delivery.
#[derive(Clone, Serialize)]
pub struct Attempt {
    /// When it began.
    pub at_ms: i64,
    /// The receiver's status; absent if there was no answer.
    pub status: Option<u16>,
    /// Why there was no answer.
    pub error: Option<&'static str>,
}

/// One webhook request and its fate.
#[derive(Clone, Serialize)]
pub struct Delivery {
    /// Its id.
    pub delivery_id: String,
    /// The vendor.
    pub system: System,
    /// The account whose change it tells.
    pub account: String,
    /// The events, before signing.
    pub events: Vec<Value>,
    /// All tries so far.
    pub attempts: Vec<Attempt>,
    /// Whether the receiver took it.
    pub delivered: bool,
    /// Whether the last retry failed.
    pub given_up: bool,
}

/// Where a delivery goes and what it is signed with. Has no `Debug`: it holds a secret.
#[derive(Clone)]
pub struct Target {
    /// The vendor.
    pub system: System,
    /// The account.
    pub account: String,
    /// Receiver.
    pub url: String,
    /// Signing secret.
    pub secret: String,
    /// The one version of signatures to use; absent means all that the vendor has.
    pub signature_version: Option<String>,
}

impl Target {
    /// Where the account's webhooks go, if it says so.
    pub fn of(account: &Account) -> Option<Self> {
        Some(Self {
            system: account.system,
            account: account.account.clone(),
            url: account.webhook_url.clone()?,
            secret: account.signing_secret()?.to_owned(),
            signature_version: account.webhook_signature_version.clone(),
        })
    }
}

/// A request to be made: where to, and with which events.
pub type Addressed = (Target, Vec<Value>);

/// Finds out where each batch goes; one that nobody is there to take is left out.
pub fn addressed(
    state: &SandboxState,
    account: &Account,
    batches: Vec<Vec<Value>>,
) -> Vec<Addressed> {
    let vendor = state.vendors.get(account.system);
    let requests = batches.into_iter().flat_map(|events| vendor.webhook_requests(events));
    let addressed = requests.filter_map(|events| {
        let target = vendor.webhook_target(account, &events)?;
        Some((target, events))
    });
    addressed.collect()
}

/// The deliveries of all vendors.
pub struct Deliveries {
    client: reqwest::Client,
    log: Mutex<Ring<Delivery>>,
}

impl Deliveries {
    /// No deliveries yet.
    pub fn new() -> Result<Self, reqwest::Error> {
        let settings = ClientSettings { timeout: ATTEMPT_TIMEOUT, idle_timeout: ATTEMPT_TIMEOUT };
        Ok(Self { client: client(&settings)?, log: Mutex::new(Ring::new(KEPT_DELIVERIES)) })
    }

    /// The deliveries of a selection, oldest first.
    pub fn select(&self, system: Option<System>, account: Option<&str>) -> Vec<Delivery> {
        locked(&self.log)
            .iter()
            .filter(|delivery| system.is_none_or(|system| system == delivery.system))
            .filter(|delivery| account.is_none_or(|account| account == delivery.account))
            .cloned()
            .collect()
    }

    /// Forgets deliveries; their retries end.
    pub fn reset(&self, system: Option<System>, account: Option<&str>) {
        locked(&self.log).retain(|delivery| {
            system.is_some_and(|system| system != delivery.system)
                || account.is_some_and(|account| account != delivery.account)
        });
    }

    fn open(&self, target: &Target, events: Vec<Value>) -> u64 {
        let mut log = locked(&self.log);
        let mut kept: usize = log.iter().map(|delivery| delivery.events.len()).sum();
        while kept > KEPT_EVENTS && log.drop_first(|old| old.delivered || old.given_up) {
            kept = log.iter().map(|delivery| delivery.events.len()).sum();
        }
        log.push(Delivery {
            delivery_id: new_uuid(),
            system: target.system,
            account: target.account.clone(),
            events,
            attempts: Vec::new(),
            delivered: false,
            given_up: false,
        })
    }

    fn events_of(&self, number: u64) -> Option<Vec<Value>> {
        locked(&self.log).get_mut(number).map(|delivery| delivery.events.clone())
    }

    fn note(&self, number: u64, attempt: Attempt, delivered: bool, is_last: bool) {
        if let Some(delivery) = locked(&self.log).get_mut(number) {
            delivery.attempts.push(attempt);
            delivery.delivered = delivered;
            delivery.given_up = is_last && !delivered;
        }
    }
}

/// How long to wait before a retry; `None` if there is no such retry any more.
fn retry_delay_ms(state: &SandboxState, target: &Target, attempt: u32) -> Option<u64> {
    match state.vendors.get(target.system).webhook_retries_ms() {
        Some(delays_ms) => {
            let place = usize::try_from(attempt.checked_sub(1)?).ok()?;
            delays_ms.get(place).copied()
        }
        None => (attempt <= MAX_RETRIES).then(|| growing_delay_ms(attempt)),
    }
}

/// Up to `LONGEST_RETRY_MS`, growing, plus or minus half.
fn growing_delay_ms(attempt: u32) -> u64 {
    let exponent = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
    let mean_ms = (FIRST_RETRY_MS * 1.6_f64.powi(exponent)).min(LONGEST_RETRY_MS);
    Duration::from_secs_f64(mean_ms * (0.5 + fastrand::f64()) / 1_000.0)
        .as_millis()
        .try_into()
        .unwrap_or(u64::MAX)
}

/// One try; says whether it was the last one, taken or not. `None` if the delivery was forgotten
/// meanwhile.
async fn attempt_once(
    state: &SandboxState,
    target: &Target,
    number: u64,
    attempt: u32,
) -> Option<bool> {
    let events = state.deliveries.events_of(number)?;
    let vendor = state.vendors.get(target.system);
    let signed = vendor.sign_webhook(target, &events, attempt);
    let mut request = state.deliveries.client.post(&target.url).body(signed.body);
    for (name, value) in signed.headers {
        request = request.header(name, value);
    }
    let at_ms = now_ms();
    let mut delivered = false;
    let tried = match request.send().await {
        Ok(response) => {
            let status = response.status().as_u16();
            let body = response.bytes().await.unwrap_or_default();
            delivered = vendor.takes_webhook(&events, status, &body);
            Attempt { at_ms, status: Some(status), error: None }
        }
        Err(error) if error.is_timeout() => Attempt { at_ms, status: None, error: Some("timeout") },
        Err(_) => Attempt { at_ms, status: None, error: Some("no connection") },
    };
    vendor.webhook_tried(target, &events, attempt, tried.status);
    let is_last = retry_delay_ms(state, target, attempt + 1).is_none()
        || !vendor.retries_webhook(tried.status);
    state.deliveries.note(number, tried, delivered, is_last);
    Some(delivered || is_last)
}

async fn retry(state: Arc<SandboxState>, target: Target, number: u64) {
    let mut attempt = 1;
    while let Some(delay_ms) = retry_delay_ms(&state, &target, attempt) {
        sleep_ms(delay_ms).await;
        if attempt_once(&state, &target, number, attempt).await != Some(false) {
            return;
        }
        attempt += 1;
    }
}

/// [`send`] in the background, after a while.
pub async fn send_later(state: Arc<SandboxState>, requests: Vec<Addressed>, delay_ms: u64) {
    sleep_ms(delay_ms).await;
    send(&state, requests).await;
}

/// Makes each request once and leaves the failed ones to retries in the background. Gives the
/// deliveries as they stand after the first attempt.
pub async fn send(state: &Arc<SandboxState>, requests: Vec<Addressed>) -> Vec<Delivery> {
    // Each is noted when its turn comes: an order can have more requests than the log keeps.
    let first_attempts =
        requests.into_iter().enumerate().map(|(place, (target, events))| async move {
            let number = state.deliveries.open(&target, events);
            if attempt_once(state, &target, number, 0).await == Some(false) {
                tokio::spawn(retry(Arc::clone(state), target, number));
            }
            (place, number)
        });
    let mut numbers: Vec<(usize, u64)> =
        stream::iter(first_attempts).buffer_unordered(IN_FLIGHT).collect().await;
    numbers.sort_unstable();
    let mut log = locked(&state.deliveries.log);
    numbers.into_iter().filter_map(|(_, number)| log.get_mut(number).cloned()).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{LONGEST_RETRY_MS, MAX_RETRIES, growing_delay_ms};

    #[test]
    fn retry_delays_grow_and_stay_bounded() {
        assert!((50..=150).contains(&growing_delay_ms(1)));
        for attempt in 1..=MAX_RETRIES {
            let longest = Duration::from_secs_f64(LONGEST_RETRY_MS * 1.5 / 1_000.0);
            assert!(Duration::from_millis(growing_delay_ms(attempt)) <= longest);
        }
        assert!(growing_delay_ms(8) > growing_delay_ms(1));
    }
}
