//! Webhook events: one per change and form, and the signed JSON that the integration's package
//! posts. The other form is in `outbound`.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use uuid::Builder;

use super::outbound;
use super::sobject::Sobject;
use super::store::{Change, ChangeKind};
use crate::accounts::Account;
use crate::clock::{iso_from_ms, new_uuid};
use crate::vendor::{SignedWebhook, WebhookOrder};
use crate::webhooks::Target;

const JSON: &str = "json";
const SOAP: &str = "soap";
/// Members of an event that aren't those of a change in the body.
const ENVELOPE: [&str; 4] = ["form", "uid", "org_id", "event_id"];

impl ChangeKind {
    const ALL: [Self; 4] = [Self::Create, Self::Update, Self::Delete, Self::Undelete];

    const fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Undelete => "undelete",
        }
    }

    /// Flows, which send Outbound Messages, don't run on the way into the bin and out of it.
    const fn is_in_outbound_messages(self) -> bool {
        matches!(self, Self::Create | Self::Update)
    }
}

/// The forms that an account's webhooks have. An account without any still tells its events.
fn forms(account: &Account) -> Vec<&'static str> {
    let soap = account.outbound_message_url.is_some().then_some(SOAP);
    let json = (account.webhook_url.is_some() || soap.is_none()).then_some(JSON);
    json.into_iter().chain(soap).collect()
}

fn event(account: &Account, form: &str, change: &Change) -> Value {
    let uid = if form == SOAP { outbound::new_notification_id(account) } else { new_uuid() };
    json!({
        "form": form,
        "uid": uid,
        "org_id": account.account,
        "object": change.sobject.name(),
        "change_type": change.kind.name(),
        "record_id": change.id,
        "changed_fields": change.fields,
        "last_modified_date": iso_from_ms(change.at_ms),
    })
}

/// What is told of changes.
pub fn of_changes(account: &Account, changes: &[Change]) -> Vec<Value> {
    let told = changes.iter().filter(|change| change.sobject.is_told());
    let forms = forms(account);
    told.flat_map(|change| {
        let is_in = |form: &&str| *form == JSON || change.kind.is_in_outbound_messages();
        let in_forms = forms.iter().copied().filter(is_in);
        in_forms.map(|form| event(account, form, change)).collect::<Vec<_>>()
    })
    .collect()
}

fn change_of(name: &str) -> Option<(Sobject, ChangeKind)> {
    let (object, kind) = name.split_once('.')?;
    let sobject = Sobject::from_control_name(object).ok().filter(|one| one.is_told())?;
    Some((sobject, ChangeKind::ALL.into_iter().find(|one| one.name() == kind)?))
}

/// The events of an order, in one form or in all that the account has. Records need not exist.
pub fn ordered(account: &Account, order: &WebhookOrder, now_ms: i64) -> Result<Vec<Value>, String> {
    let name = order.event.as_deref().unwrap_or("contact.update");
    let (sobject, kind) = change_of(name).ok_or_else(|| {
        format!(
            "unknown event `{name}`; known: contact, account or opportunity, a dot, and \
             create, update, delete or undelete"
        )
    })?;
    let forms = match order.form.as_deref() {
        None => forms(account),
        Some(JSON) => vec![JSON],
        Some(SOAP) => vec![SOAP],
        Some(other) => return Err(format!("unknown form `{other}`; known: json, soap")),
    };
    let usual = if sobject == Sobject::Contact { "LastName" } else { "Name" };
    let field = order.property_name.as_deref().unwrap_or(usual);
    let fields = if kind == ChangeKind::Update { vec![field.to_owned()] } else { Vec::new() };
    let mut events = Vec::new();
    for id in &order.object_ids {
        let change =
            Change { sobject, id: id.clone(), kind, fields: fields.clone(), at_ms: now_ms };
        for form in &forms {
            let mut event = event(account, form, &change);
            overlay(&mut event, &order.fields);
            events.push(event);
        }
    }
    Ok(events)
}

/// Puts members over those of an event; null takes one away.
fn overlay(event: &mut Value, fields: &Value) {
    let Value::Object(event) = event else { return };
    for (name, value) in fields.as_object().into_iter().flatten() {
        if value.is_null() {
            event.remove(name);
        } else {
            event.insert(name.clone(), value.clone());
        }
    }
}

/// Whether these go as an Outbound Message.
pub fn is_soap(events: &[Value]) -> bool {
    events.first().is_some_and(|event| event["form"] == SOAP)
}

/// One request has events of one form, and an Outbound Message those of one object type.
pub fn by_request(events: Vec<Value>) -> Vec<Vec<Value>> {
    let key = |event: &Value| {
        let object = event["object"].as_str().filter(|_| event["form"] == SOAP);
        object.map(str::to_owned)
    };
    let mut requests: Vec<(Option<String>, Vec<Value>)> = Vec::new();
    for event in events {
        let key = key(&event);
        match requests.iter_mut().find(|(of, _)| *of == key) {
            Some((_, request)) => request.push(event),
            None => requests.push((key, vec![event])),
        }
    }
    requests.into_iter().map(|(_, request)| request).collect()
}

/// Where a request with that first event goes.
pub fn target(account: &Account, first: &Value) -> Option<Target> {
    if first["form"] != SOAP {
        return Target::of(account);
    }
    Some(Target {
        system: account.system,
        account: account.account.clone(),
        url: account.outbound_message_url.clone()?,
        secret: String::new(),
        signature_version: None,
    })
}

/// The same for each attempt and each repeat, another one for other events.
fn event_id(events: &[Value]) -> String {
    let first = events.first().and_then(|event| event["event_id"].as_str());
    if let Some(given) = first {
        return given.to_owned();
    }
    let mut digest = Sha256::new();
    for event in events {
        digest.update(event["uid"].to_string());
    }
    let mut bytes = [0; 16];
    for (byte, digit) in bytes.iter_mut().zip(digest.finalize()) {
        *byte = digit;
    }
    Builder::from_random_bytes(bytes).into_uuid().to_string()
}

fn change(event: &Value) -> Value {
    let members = event.as_object().into_iter().flatten();
    let kept = members.filter(|(name, _)| !ENVELOPE.contains(&name.as_str()));
    Value::Object(kept.map(|(name, value)| (name.clone(), value.clone())).collect::<Map<_, _>>())
}

/// `v1=` and the HMAC-SHA256 in hex over the timestamp, a dot and the body.
pub fn signature(secret: &str, timestamp: &str, body: &[u8]) -> String {
    // A key of any length is allowed, so this can't fail.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return String::new();
    };
    mac.update(timestamp.as_bytes());
    mac.update(b".");
    mac.update(body);
    format!("v1={}", hex::encode(mac.finalize().into_bytes()))
}

/// Builds and signs the JSON form.
pub fn sign(target: &Target, events: &[Value], now_ms: i64) -> SignedWebhook {
    let org_id = events.first().map(|event| event["org_id"].clone()).unwrap_or_default();
    let changes: Vec<Value> = events.iter().map(change).collect();
    let body = json!({ "event_id": event_id(events), "org_id": org_id, "changes": changes });
    let body = body.to_string().into_bytes();
    let timestamp = now_ms.div_euclid(1_000).to_string();
    let headers = vec![
        ("content-type", "application/json".to_owned()),
        ("user-agent", "SFDC-Callout/67.0".to_owned()),
        ("x-integration-signature", signature(&target.secret, &timestamp, &body)),
        ("x-integration-timestamp", timestamp),
    ];
    SignedWebhook { headers, body }
}
