//! The bodies of the answers.

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};
use sync_domain::model::{ObjectType, System};
use sync_domain::ports::{AccountGap, HookStatus};
use sync_domain::usecase::connect_account::{Connected, Consent};
use sync_domain::usecase::connection_health::ConnectionHealth;
use sync_domain::usecase::rotate_connection::Rotated;

/// A connected account. Where people enter the webhook's address at the provider, `webhook_url` has its
/// token; where we register it ourselves, the token is nobody else's business.
pub fn connected(system: System, connected: &Connected, webhook_url: &str) -> Value {
    let mut body = members(json!({
        "system": system.as_str(),
        "status": "connected",
        "auth": connected.auth.as_str(),
        "account_id": connected.account_id,
        "webhook_url": webhook_url,
        "key_properties": names(&connected.key_properties),
    }));
    insert_gaps(&mut body, &connected.gaps);
    insert_hook(&mut body, "webhook_status", connected.webhook.as_ref().map(|hook| hook.status));
    insert_entered(&mut body, connected.entered_url.as_ref());
    body.into()
}

/// Where to give consent.
pub fn consent(system: System, consent: &Consent) -> Value {
    json!({
        "system": system.as_str(),
        "status": "authorization_required",
        "authorize_url": consent.authorize_url,
        "expires_in_s": consent.expires_in.as_secs(),
    })
}

/// What a rotation came to.
pub fn rotated(system: System, rotated: &Rotated) -> Value {
    let status = if rotated.is_changed { "rotated" } else { "unchanged" };
    let mut body = members(json!({"system": system.as_str(), "status": status}));
    insert_time(&mut body, "previous_secret_until", rotated.previous_until);
    insert_hook(&mut body, "webhook_status", rotated.webhook.as_ref().map(|hook| hook.status));
    insert_entered(&mut body, rotated.entered_url.as_ref());
    body.into()
}

/// How a connection is.
pub fn health(system: System, health: &ConnectionHealth, webhook_url: &str) -> Value {
    let entry = &health.entry;
    let mut webhook = members(json!({"url": webhook_url}));
    insert_time(&mut webhook, "previous_secret_until", health.previous_secret_until);
    insert_hook(&mut webhook, "status", entry.webhook);
    let mut breaker = members(json!({"state": health.gate.breaker.as_str()}));
    insert_time(&mut breaker, "open_until", health.gate.open_until);
    let mut body = members(json!({
        "system": system.as_str(),
        "status": entry.status.as_str(),
        "auth": entry.auth.as_str(),
        "account_id": entry.account_id,
        "connected_at": entry.connected_at.to_string(),
        "key_properties": names(&entry.key_properties),
        "webhook": webhook,
        "breaker": breaker,
        "queued": health.queued.count,
        "dead_letters": health.dead_letters.count,
    }));
    insert_gaps(&mut body, &entry.gaps);
    insert_time(&mut body, "token_expires_at", entry.token_expires_at);
    insert_time(&mut body, "paused_until", health.gate.paused_until);
    insert_time(&mut body, "last_success_at", health.gate.last_success_at);
    if let Some(reason) = health.gate.pause_reason {
        body.insert("pause_reason".to_owned(), reason.as_str().into());
    }
    if let Some(error) = &health.gate.last_error {
        let error = json!({"code": error.code, "at": error.at.to_string()});
        body.insert("last_error".to_owned(), error);
    }
    let capped = [("queued_capped", health.queued), ("dead_letters_capped", health.dead_letters)];
    for (name, _) in capped.iter().filter(|(_, count)| count.is_capped) {
        body.insert((*name).to_owned(), true.into());
    }
    body.into()
}

fn names(types: &[ObjectType]) -> Vec<&'static str> {
    types.iter().map(|object_type| object_type.as_str()).collect()
}

fn members(value: Value) -> Map<String, Value> {
    if let Value::Object(members) = value { members } else { Map::new() }
}

fn insert_time(members: &mut Map<String, Value>, name: &str, at: Option<Timestamp>) {
    if let Some(at) = at {
        members.insert(name.to_owned(), at.to_string().into());
    }
}

fn insert_gaps(members: &mut Map<String, Value>, gaps: &[AccountGap]) {
    if !gaps.is_empty() {
        let gaps: Vec<_> = gaps.iter().map(AccountGap::to_text).collect();
        members.insert("gaps".to_owned(), gaps.into());
    }
}

fn insert_hook(members: &mut Map<String, Value>, name: &str, status: Option<HookStatus>) {
    if let Some(status) = status {
        members.insert(name.to_owned(), status.as_str().into());
    }
}

fn insert_entered(members: &mut Map<String, Value>, url: Option<&SecretString>) {
    if let Some(url) = url {
        members.insert("webhook_url".to_owned(), url.expose_secret().into());
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::{Value, json};
    use sync_domain::gate::{GateHealth, GateState};
    use sync_domain::model::System;
    use sync_domain::ports::{
        AccountGap, AuthMode, BoundedCount, ConnectionEntry, ConnectionStatus,
    };
    use sync_domain::usecase::connect_account::Connected;
    use sync_domain::usecase::connection_health::ConnectionHealth;

    fn told_of(gaps: &[AccountGap]) -> [Value; 2] {
        let connected = Connected {
            auth: AuthMode::Oauth,
            account_id: "M1".to_owned(),
            key_properties: Vec::new(),
            gaps: gaps.to_vec(),
            webhook: None,
            entered_url: None,
            former_webhook_left: None,
        };
        let entry = ConnectionEntry {
            status: ConnectionStatus::Connected,
            auth: AuthMode::Oauth,
            account_id: "M1".to_owned(),
            connected_at: Timestamp::UNIX_EPOCH,
            token_version: 1,
            token_expires_at: None,
            key_properties: Vec::new(),
            webhook: None,
            gaps: gaps.to_vec(),
        };
        let gate: GateHealth = GateState::default().health(Timestamp::UNIX_EPOCH);
        let none = BoundedCount { count: 0, is_capped: false };
        let health = ConnectionHealth {
            entry,
            previous_secret_until: None,
            gate,
            queued: none,
            dead_letters: none,
        };
        [
            super::connected(System::Square, &connected, "https://a/webhooks/booking/square"),
            super::health(System::Square, &health, "https://a/webhooks/booking/square"),
        ]
    }

    #[test]
    fn gaps_are_listed_where_there_are_any_and_not_else() {
        let gaps = [
            AccountGap::Scope("CUSTOMERS_READ".to_owned()),
            AccountGap::Plan("support_seller_level_writes".to_owned()),
        ];
        for body in told_of(&gaps) {
            let expected = json!(["scope:CUSTOMERS_READ", "plan:support_seller_level_writes"]);
            assert_eq!((&body["gaps"], &body["status"]), (&expected, &json!("connected")));
        }
        for body in told_of(&[]) {
            assert_eq!(body.get("gaps"), None);
        }
    }
}
