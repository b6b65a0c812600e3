//! What webhooks tell: which registrations learn of an act, and the signed form that each is sent.
//! An event of the sandbox is one such form for one registration, named in its `hook`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::Url;
use serde_json::{Value, json};
use sha2::Sha256;

use super::appointment::Appointment;
use super::store::Office;
use super::users;
use crate::accounts::Account;
use crate::vendor::{SignedWebhook, WebhookOrder};
use crate::webhooks::Target;

/// Stands in `hook` for the receiver that is set in the account's own settings.
const STATIC: &str = "static";
/// The members of the form, in the order in which Acuity sends them.
const FORM_ORDER: [&str; 4] = ["action", "id", "calendarID", "appointmentTypeID"];

/// What an event says has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Booked.
    Scheduled,
    /// Moved.
    Rescheduled,
    /// Called off.
    Canceled,
    /// Any of those, or other details changed.
    Changed,
    /// An order was paid.
    OrderCompleted,
}

impl Action {
    const ALL: [Self; 5] =
        [Self::Scheduled, Self::Rescheduled, Self::Canceled, Self::Changed, Self::OrderCompleted];

    /// As dynamic registrations name it and are told.
    pub const fn dotted(self) -> &'static str {
        match self {
            Self::Scheduled => "appointment.scheduled",
            Self::Rescheduled => "appointment.rescheduled",
            Self::Canceled => "appointment.canceled",
            Self::Changed => "appointment.changed",
            Self::OrderCompleted => "order.completed",
        }
    }

    /// As static receivers are told.
    pub fn bare(self) -> &'static str {
        self.dotted().strip_prefix("appointment.").unwrap_or(self.dotted())
    }

    /// Reads the dotted name.
    pub fn from_dotted(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.dotted() == name)
    }

    /// Reads either name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.dotted() == name || action.bare() == name)
    }
}

/// Whether the account's static receiver is told; without a choice of its own, of changes only.
fn is_told_statically(account: &Account, action: Action) -> bool {
    match &account.webhook_subscriptions {
        None => action == Action::Changed,
        Some(names) => names.iter().any(|name| Action::from_name(name) == Some(action)),
    }
}

fn ids(appointment: &Appointment) -> Value {
    json!({
        "id": appointment.id,
        "calendarID": appointment.calendar_id,
        "appointmentTypeID": appointment.type_id,
    })
}

fn event(hook: Value, action: &str, ids: &Value) -> Value {
    let mut event = ids.clone();
    event["hook"] = hook;
    event["action"] = json!(action);
    event
}

/// One event for each receiver that wants to learn of each action.
pub fn of_act(
    account: &Account,
    office: &Office,
    appointment: &Appointment,
    actions: &[Action],
) -> Vec<Value> {
    let ids = ids(appointment);
    let mut events = Vec::new();
    for action in actions {
        if account.webhook_url.is_some() && is_told_statically(account, *action) {
            events.push(event(json!(STATIC), action.bare(), &ids));
        }
        let told = office.hooks.iter().filter(|(_, hook)| hook.is_active && hook.action == *action);
        events.extend(told.map(|(id, _)| event(json!(id), action.dotted(), &ids)));
    }
    events
}

fn overlay(event: &mut Value, fields: &Value) {
    for (name, value) in fields.as_object().into_iter().flatten() {
        match (event.as_object_mut(), value.is_null()) {
            (Some(members), true) => drop(members.remove(name)),
            (Some(_) | None, _) => event[name.as_str()] = value.clone(),
        }
    }
}

/// One event per object for each receiver, whatever it wants to learn of. Objects need not be
/// there, because events outlive them.
pub fn ordered(
    account: &Account,
    office: &Office,
    order: &WebhookOrder,
) -> Result<Vec<Value>, String> {
    let name = order.event.as_deref().unwrap_or("appointment.changed");
    let action = Action::from_name(name).ok_or_else(|| {
        let known: Vec<&str> = Action::ALL.map(Action::dotted).into();
        format!("unknown event `{name}`; known: {}", known.join(", "))
    })?;
    if order.object_type.is_some() || order.property_name.is_some() {
        return Err("events of Acuity have no `type` and no `property_name`".to_owned());
    }
    let mut receivers: Vec<(Value, &str)> =
        account.webhook_url.iter().map(|_| (json!(STATIC), action.bare())).collect();
    let active = office.hooks.iter().filter(|(_, hook)| hook.is_active);
    receivers.extend(active.map(|(id, _)| (json!(id), action.dotted())));
    if receivers.is_empty() {
        return Err("the account has no `webhook_url` and no active webhook".to_owned());
    }
    let mut events = Vec::new();
    for id in &order.object_ids {
        let id: u64 = id.parse().map_err(|_| format!("object id `{id}` is not a number"))?;
        let known = office.appointments.get(&id).filter(|_| action != Action::OrderCompleted);
        let ids = known.map_or_else(|| json!({ "id": id }), ids);
        for (hook, name) in &receivers {
            let mut event = event(hook.clone(), name, &ids);
            overlay(&mut event, &order.fields);
            events.push(event);
        }
    }
    Ok(events)
}

/// Where an event goes, and the key that signs it: the main administrator's for the static
/// receiver, for a registration that of who made it.
pub fn target(account: &Account, office: &Office, event: &Value) -> Option<Target> {
    let made = |url: &str, secret: &str| Target {
        system: account.system,
        account: account.account.clone(),
        url: url.to_owned(),
        secret: secret.to_owned(),
        signature_version: None,
    };
    if event["hook"] == STATIC {
        let main = account.users().next()?;
        let secret = account.webhook_secret.as_deref().unwrap_or(main.api_key);
        return Some(made(account.webhook_url.as_ref()?, secret));
    }
    let hook = office.hooks.get(&event["hook"].as_u64()?).filter(|hook| hook.is_active)?;
    Some(made(&hook.target, users::user(account, &hook.user_id)?.api_key))
}

fn in_form_order(event: &Value) -> Vec<(&str, &Value)> {
    let known = FORM_ORDER.into_iter().filter_map(|name| Some((name, event.get(name)?)));
    let members = event.as_object().into_iter().flatten();
    let others = members
        .map(|(name, value)| (name.as_str(), value))
        .filter(|(name, _)| *name != "hook" && !FORM_ORDER.contains(name));
    known.chain(others).collect()
}

/// The form of one event.
fn body(event: &Value) -> String {
    // A URL is only the way to the encoder of forms.
    let Ok(mut url) = Url::parse("http://localhost/") else { return String::new() };
    for (name, value) in in_form_order(event) {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        url.query_pairs_mut().append_pair(name, &text);
    }
    url.query().unwrap_or_default().to_owned()
}

/// Base64 of the HMAC-SHA256 over the bytes of the body.
pub fn signature(api_key: &str, body: &[u8]) -> String {
    // A key of any length is allowed, so this can't fail.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(api_key.as_bytes()) else {
        return String::new();
    };
    mac.update(body);
    STANDARD.encode(mac.finalize().into_bytes())
}

/// Builds and signs the request of one event.
pub fn sign(target: &Target, event: &Value) -> SignedWebhook {
    let body = body(event).into_bytes();
    let headers = vec![
        ("content-type", "application/x-www-form-urlencoded".to_owned()),
        ("x-acuity-signature", signature(&target.secret, &body)),
    ];
    SignedWebhook { headers, body }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Action, body, signature};

    #[test]
    fn signature_agrees_with_the_vectors_of_the_fact_sheet() {
        let appointment = |action: &str| {
            json!({ "hook": 1, "action": action, "id": 54_321, "calendarID": 27_238,
                "appointmentTypeID": 1 })
        };
        for (event, text, expected) in [
            (
                appointment("scheduled"),
                "action=scheduled&id=54321&calendarID=27238&appointmentTypeID=1",
                "N2vF6ucyA+NCDiiwsdXBpIxFok9pGGS4/gMB2ComFwA=",
            ),
            (
                appointment("appointment.rescheduled"),
                "action=appointment.rescheduled&id=54321&calendarID=27238&appointmentTypeID=1",
                "UIjQZZ9JrTJtRDdCBeoaWat6iSrh7qD5CakU2x4UJlU=",
            ),
            (
                json!({ "hook": "static", "action": "order.completed", "id": 987_654_321 }),
                "action=order.completed&id=987654321",
                "bd5xU4hdYEs+v+d6BI32/Vw4BsDjXg/RUv7Lrcmavrc=",
            ),
        ] {
            assert_eq!(body(&event), text);
            assert_eq!(signature("abc123", text.as_bytes()), expected);
        }
    }

    #[test]
    fn actions_have_a_dotted_and_a_bare_name() {
        assert_eq!(
            (Action::Changed.dotted(), Action::Changed.bare()),
            ("appointment.changed", "changed")
        );
        assert_eq!(Action::OrderCompleted.bare(), "order.completed");
        assert_eq!(Action::from_name("canceled"), Some(Action::Canceled));
        assert_eq!(Action::from_dotted("canceled"), None);
    }
}
