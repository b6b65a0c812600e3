//! Sending an event to its webhook: where it goes, its Basic credentials, and the number of the
//! attempt.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::store::Company;
use crate::accounts::Account;
use crate::vendor::SignedWebhook;
use crate::webhooks::Target;

/// The vendor's 3, 30 and 150 seconds, ten times as fast.
pub const RETRIES_MS: [u64; 3] = [300, 3_000, 15_000];

/// The webhook that an event is for.
pub fn hook_id(events: &[Value]) -> Option<u64> {
    events.first()?.get("hook")?.as_u64()
}

/// Where the event goes, unless its webhook is gone or sends nothing now. The secret is
/// `user:password`, empty for a webhook without.
pub fn target(
    account: &Account,
    company: &Company,
    events: &[Value],
    now_ms: i64,
) -> Option<Target> {
    let hook = company.hooks.get(&hook_id(events)?).filter(|hook| hook.is_sending(now_ms))?;
    Some(Target {
        system: account.system,
        account: account.account.clone(),
        url: hook.url().to_owned(),
        secret: hook.credentials().unwrap_or_default(),
        signature_version: None,
    })
}

/// Builds one attempt; attempts are counted from 1.
pub fn sign(target: &Target, events: &[Value], attempt: u32) -> SignedWebhook {
    let mut body = events.first().cloned().unwrap_or_default();
    if let Some(members) = body.as_object_mut() {
        members.remove("hook");
    }
    if body["meta"].is_object() {
        body["meta"]["attempt"] = json!(attempt + 1);
    }
    let mut headers = vec![
        ("content-type", "application/json".to_owned()),
        ("user-agent", "Pipedrive Webhooks".to_owned()),
    ];
    if !target.secret.is_empty() {
        let credentials = STANDARD.encode(&target.secret);
        headers.push(("authorization", format!("Basic {credentials}")));
    }
    SignedWebhook { headers, body: body.to_string().into_bytes() }
}
