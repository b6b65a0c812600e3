//! What webhooks tell: full objects in an envelope with an id of its own, under a header that only
//! repeats the webhook's token. An event of the sandbox is such an envelope for one webhook, named in
//! its `hook`.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::appointment::{Appointment, DELETED};
use super::customer::Customer;
use super::hooks::EVENT_TYPES;
use super::members::put_over;
use super::store::Merchant;
use crate::accounts::Account;
use crate::clock::{iso_from_ms, new_uuid, now};
use crate::vendor::{SignedWebhook, WebhookOrder};
use crate::webhooks::Target;

/// Members of the envelope; all others are the payload's.
const ENVELOPE: [&str; 6] = ["id", "createdDate", "createdAt", "type", "action", "payload"];
/// The waits between the five attempts: a minute of Vagaro's is a second here, so its quarter of an
/// hour (docs.vagaro.com, `retry-policy`) is fifteen seconds.
pub const RETRIES_MS: [u64; 4] = [1_000, 2_000, 4_000, 8_000];
/// Answers that end a delivery (the same page).
const FINAL_STATUSES: [u16; 5] = [400, 401, 403, 404, 406];

/// What has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Made.
    Created,
    /// Changed.
    Updated,
    /// Taken away.
    Deleted,
}

impl Action {
    const ALL: [Self; 3] = [Self::Created, Self::Updated, Self::Deleted];

    const fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
        }
    }
}

/// An envelope before it is known who gets it.
pub struct Told {
    event_type: &'static str,
    envelope: Value,
}

fn told(event_type: &'static str, action: Action, at: Timestamp, payload: &Value) -> Told {
    let envelope = json!({
        "id": new_uuid(),
        "createdDate": iso_from_ms(at.as_millisecond()),
        "type": event_type,
        "action": action.name(),
        "payload": payload,
    });
    Told { event_type, envelope }
}

/// The last word on an appointment: all of it, or only its ids.
fn last_word(account: &Account, appointment: &Appointment) -> Value {
    let mut row = appointment.row();
    if account.thin_deleted_events {
        let ids = ["appointmentId", "businessId"].map(|name| (name.to_owned(), row[name].take()));
        return Value::Object(ids.into_iter().collect());
    }
    row["bookingStatus"] = json!(DELETED);
    row
}

/// What is told of an appointment.
pub fn of_appointment(account: &Account, appointment: &Appointment, action: Action) -> Told {
    let payload = match action {
        Action::Deleted => last_word(account, appointment),
        Action::Created | Action::Updated => appointment.row(),
    };
    told("appointment", action, appointment.modified, &payload)
}

/// What is told of a customer.
pub fn of_customer(account: &Account, customer: &Customer, action: Action) -> Told {
    let payload = match action {
        Action::Deleted if account.thin_deleted_events => json!({ "customerId": customer.id }),
        Action::Created | Action::Updated | Action::Deleted => customer.row(&account.account),
    };
    told("customer", action, customer.modified, &payload)
}

fn business_ids(payload: &Value) -> Vec<&str> {
    let listed = payload["businessIds"].as_array().into_iter().flatten();
    listed.chain([&payload["businessId"]]).filter_map(Value::as_str).collect()
}

fn for_hook(envelope: &Value, hook: u64) -> Value {
    let mut event = envelope.clone();
    event["hook"] = json!(hook);
    event
}

/// One event for each webhook that wants to learn of it.
pub fn for_each_hook(merchant: &Merchant, told: &[Told]) -> Vec<Value> {
    let each = told.iter().flat_map(|Told { event_type, envelope }| {
        let at = business_ids(&envelope["payload"]);
        let wanting = merchant.hooks.iter().filter(move |(_, hook)| hook.wants(event_type, &at));
        wanting.map(move |(id, _)| for_hook(envelope, *id))
    });
    each.collect()
}

/// The type and the action of an event's name, such as `appointment.updated`, or of half of it.
fn named(name: Option<&str>) -> Result<(&'static str, Action), String> {
    let name = name.unwrap_or("appointment.updated");
    let (type_name, action_name) = name.split_once('.').unwrap_or(("appointment", name));
    let event_type = EVENT_TYPES.into_iter().find(|known| *known == type_name);
    let action = Action::ALL.into_iter().find(|action| action.name() == action_name);
    event_type.zip(action).ok_or_else(|| {
        format!(
            "unknown event `{name}`; it is one of {}, a dot, and created, updated or deleted",
            EVENT_TYPES.join(", ")
        )
    })
}

/// What an order tells of one object, which need not be there, because events outlive objects.
fn ordered_one(
    account: &Account,
    merchant: &Merchant,
    (event_type, action): (&'static str, Action),
    id: &str,
) -> Told {
    let stranger = |member: &str| {
        told(event_type, action, now(), &json!({ member: id, "businessId": account.account }))
    };
    let mut ordered = match event_type {
        "appointment" => match merchant.appointments.get(id) {
            Some(appointment) => of_appointment(account, appointment, action),
            None => stranger("appointmentId"),
        },
        "customer" => match merchant.customers.get(id) {
            Some(customer) => of_customer(account, customer, action),
            None => stranger("customerId"),
        },
        _ => stranger("id"),
    };
    ordered.envelope["createdDate"] = json!(iso_from_ms(now().as_millisecond()));
    ordered
}

/// One event per object for each active webhook, whatever it wants to learn of.
pub fn ordered(
    account: &Account,
    merchant: &Merchant,
    order: &WebhookOrder,
) -> Result<Vec<Value>, String> {
    if order.object_type.is_some() || order.property_name.is_some() || order.form.is_some() {
        return Err("events of Vagaro have no `type`, `property_name` and `form`".to_owned());
    }
    let named = named(order.event.as_deref())?;
    let active: Vec<u64> =
        merchant.hooks.iter().filter(|it| it.1.is_active).map(|it| *it.0).collect();
    if active.is_empty() {
        return Err("the account has no active webhook".to_owned());
    }
    let fields = order.fields.as_object().cloned().unwrap_or_default();
    let (outer, inner) = fields.into_iter().partition(|it| ENVELOPE.contains(&it.0.as_str()));
    let mut events = Vec::new();
    for id in &order.object_ids {
        let mut envelope = ordered_one(account, merchant, named, id).envelope;
        put_over(&mut envelope["payload"], &inner);
        put_over(&mut envelope, &outer);
        events.extend(active.iter().map(|hook| for_hook(&envelope, *hook)));
    }
    Ok(events)
}

/// Where an event goes.
pub fn target(account: &Account, merchant: &Merchant, event: &Value) -> Option<Target> {
    let hook = merchant.hooks.get(&event["hook"].as_u64()?).filter(|hook| hook.is_active)?;
    Some(Target {
        system: account.system,
        account: account.account.clone(),
        url: hook.url.clone(),
        secret: hook.token.clone(),
        signature_version: None,
    })
}

/// Whether an answer, or none, is tried again.
pub fn is_tried_again(status: Option<u16>) -> bool {
    status.is_none_or(|status| !FINAL_STATUSES.contains(&status))
}

/// What is remembered of an event that is lost, if it is: its ids, and how it ended.
pub fn dropped(event: &Value, attempt: u32, status: Option<u16>) -> Option<Value> {
    let is_taken = status.is_some_and(|status| (200..300).contains(&status));
    let is_last = usize::try_from(attempt).is_ok_and(|attempt| attempt >= RETRIES_MS.len());
    if is_taken || (is_tried_again(status) && !is_last) {
        return None;
    }
    let payload = &event["payload"];
    Some(json!({
        "hook": event["hook"],
        "id": event["id"],
        "type": event["type"],
        "action": event["action"],
        "appointmentId": payload["appointmentId"],
        "customerId": payload["customerId"],
        "attempts": attempt + 1,
        "status": status,
    }))
}

/// The request of one event. An empty token is no header at all.
pub fn request(token: &str, event: &Value) -> SignedWebhook {
    let mut body = event.clone();
    if let Some(members) = body.as_object_mut() {
        members.remove("hook");
    }
    let mut headers = vec![("content-type", "application/json".to_owned())];
    if !token.is_empty() {
        headers.push(("x-vagaro-signature", token.to_owned()));
    }
    SignedWebhook { headers, body: body.to_string().into_bytes() }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{dropped, is_tried_again, named};

    #[test]
    fn five_answers_end_a_delivery_and_all_others_are_tried_again() {
        for status in [400, 401, 403, 404, 406] {
            assert!(!is_tried_again(Some(status)), "{status}");
        }
        for status in [None, Some(302), Some(405), Some(409), Some(429), Some(500), Some(503)] {
            assert!(is_tried_again(status), "{status:?}");
        }
    }

    #[test]
    fn event_is_dropped_by_a_final_answer_or_by_the_fifth_failure() {
        let event = json!({ "id": "e", "payload": { "appointmentId": "7" } });
        assert!(dropped(&event, 0, Some(200)).is_none());
        assert!(dropped(&event, 3, Some(503)).is_none());
        let lost = dropped(&event, 4, None).unwrap();
        assert_eq!((&lost["attempts"], &lost["status"]), (&json!(5), &Value::Null));
        assert_eq!(dropped(&event, 0, Some(404)).unwrap()["appointmentId"], "7");
        assert!(dropped(&event, 4, Some(202)).is_none());
    }

    #[test]
    fn events_are_named_wholly_or_by_their_action() {
        assert_eq!(named(None).unwrap().0, "appointment");
        assert_eq!(named(Some("deleted")).unwrap().0, "appointment");
        assert_eq!(named(Some("customer.created")).unwrap().0, "customer");
        assert!(named(Some("appointment.changed")).is_err());
        assert!(named(Some("invoice.created")).is_err());
    }
}
