//! Webhook events: the JSON array that HubSpot posts, one element per change.

use serde_json::{Value, json};

use super::object_types::ObjectType;
use super::signature;
use super::store::{Portals, Record};
use crate::accounts::Account;
use crate::vendor::{SignedWebhook, WebhookOrder};

const APP_ID: u64 = 1_160_452;
const FIRST_SUBSCRIPTION_ID: u64 = 715_001;

/// What a subscription can be about; the position numbers the subscription.
const CHANGES: [&str; 5] = ["creation", "deletion", "propertyChange", "restore", "merge"];

struct Kind {
    object_type: &'static ObjectType,
    change: &'static str,
    /// Whether the event name is generic, `object.…`, and carries the type id.
    is_generic: bool,
    subscription_id: u64,
}

fn kind_of(event: &str) -> Result<Kind, String> {
    let unknown = || {
        format!(
            "unknown event `{event}`; known: contact.creation, .deletion, .propertyChange, \
             .restore, .merge, and the same with object."
        )
    };
    let (subject, change) = event.split_once('.').ok_or_else(unknown)?;
    let is_generic = subject == "object";
    let name = if is_generic { "contact" } else { subject };
    let object_type = ObjectType::from_name(name)
        .filter(|object_type| object_type.singular == name)
        .ok_or_else(unknown)?;
    let known = (FIRST_SUBSCRIPTION_ID..).zip(CHANGES);
    let (subscription_id, change) =
        known.into_iter().find(|(_, known)| *known == change).ok_or_else(unknown)?;
    Ok(Kind { object_type, change, is_generic, subscription_id })
}

/// The fields that depend on the kind of change.
fn details(event: &mut Value, kind: &Kind, record: Option<&Record>, property: &str, id: u64) {
    if kind.is_generic {
        event["objectTypeId"] = json!(kind.object_type.type_id);
    }
    match kind.change {
        "creation" => event["changeFlag"] = json!("NEW"),
        "deletion" => event["changeFlag"] = json!("DELETED"),
        "propertyChange" => {
            let value = record.and_then(|record| record.values.get(property));
            event["propertyName"] = json!(property);
            event["propertyValue"] = json!(value.map(String::as_str).unwrap_or_default());
            if kind.is_generic {
                event["isSensitive"] = json!(false);
            }
        }
        "merge" => {
            event["primaryObjectId"] = json!(id);
            event["mergedObjectIds"] = json!([id]);
            event["newObjectId"] = json!(id);
            event["numberOfPropertiesMoved"] = json!(0);
        }
        _ => {}
    }
}

/// One event per object; objects need not exist, because events outlive them.
pub fn events(
    portals: &mut Portals,
    account: &Account,
    order: &WebhookOrder,
    now_ms: i64,
) -> Result<Vec<Value>, String> {
    let kind = kind_of(order.event.as_deref().unwrap_or("contact.propertyChange"))?;
    let portal_id: u64 = account.account.parse().unwrap_or_default();
    let table = portals.table(&account.account, kind.object_type);
    let property = order.property_name.as_deref().unwrap_or("firstname");
    let subject = if kind.is_generic { "object" } else { kind.object_type.singular };
    let subscription = format!("{subject}.{}", kind.change);
    order
        .object_ids
        .iter()
        .map(|id| {
            let id: u64 = id.parse().map_err(|_| format!("object id `{id}` is not a number"))?;
            let record = table.any(id);
            let mut event = json!({
                // HubSpot doesn't promise unique ids either.
                "eventId": fastrand::u32(1..),
                "subscriptionId": kind.subscription_id,
                "portalId": portal_id,
                "appId": APP_ID,
                "occurredAt": record.map_or(now_ms, |record| record.updated_ms),
                "subscriptionType": subscription,
                "attemptNumber": 0,
                "objectId": id,
                "changeSource": "CRM_UI",
                "sourceId": "userId:1001",
            });
            details(&mut event, &kind, record, property, id);
            Ok(event)
        })
        .collect()
}

/// Numbers the attempt, then signs with both versions, as HubSpot does for compatibility.
pub fn sign(secret: &str, url: &str, events: &[Value], attempt: u32, now_ms: i64) -> SignedWebhook {
    let mut events = events.to_vec();
    for event in &mut events {
        event["attemptNumber"] = json!(attempt);
    }
    let body = Value::Array(events).to_string().into_bytes();
    let timestamp = now_ms.to_string();
    let headers = vec![
        ("content-type", "application/json".to_owned()),
        ("user-agent", "HubSpot Connect 2.0".to_owned()),
        ("x-hubspot-signature", signature::v1(secret, &body)),
        ("x-hubspot-signature-version", "v1".to_owned()),
        ("x-hubspot-signature-v3", signature::v3(secret, "POST", url, &body, &timestamp)),
        ("x-hubspot-request-timestamp", timestamp),
    ];
    SignedWebhook { headers, body }
}

#[cfg(test)]
mod tests {
    use super::{events, sign};
    use crate::accounts::accounts_from_json;
    use crate::hubspot::store::Portals;
    use crate::vendor::WebhookOrder;
    use serde_json::{Value, json};

    fn order(event: &str) -> WebhookOrder {
        WebhookOrder {
            object_ids: vec!["5".to_owned()],
            event: Some(event.to_owned()),
            property_name: None,
        }
    }

    fn event(name: &str) -> Result<Value, String> {
        let json = r#"[{"system":"hubspot","account":"62515","access_token":"t"}]"#;
        let account = accounts_from_json(json).unwrap().remove(0);
        events(&mut Portals::default(), &account, &order(name), 9).map(|mut all| all.remove(0))
    }

    #[test]
    fn events_carry_the_fields_of_their_kind() {
        let creation = event("contact.creation").unwrap();
        assert_eq!(creation["portalId"], 62_515);
        assert_eq!(creation["objectId"], 5);
        assert_eq!(creation["changeFlag"], "NEW");
        assert_eq!(event("object.propertyChange").unwrap()["objectTypeId"], "0-1");
        assert!(event("contact.explosion").is_err());
        assert!(event("deal.creation").is_err());
    }

    #[test]
    fn sign_numbers_the_attempt_in_the_signed_body() {
        let signed = sign("s", "http://x/y", &[json!({ "attemptNumber": 0 })], 3, 7);
        assert_eq!(signed.body, br#"[{"attemptNumber":3}]"#);
        assert!(signed.headers.contains(&("x-hubspot-request-timestamp", "7".to_owned())));
    }
}
