//! Webhook requests: the events that a control call asks for, and the signed JSON array that
//! HubSpot posts.

use serde_json::{Value, json};

use super::events::{self, Author, GENERIC, Head};
use super::object_types::ObjectType;
use super::signature;
use super::store::{Portals, Record};
use crate::accounts::Account;
use crate::vendor::{SignedWebhook, WebhookOrder};
use crate::webhooks::Target;

struct Ordered {
    subject: String,
    kind: String,
    object_type: &'static ObjectType,
}

fn ordered(order: &WebhookOrder) -> Result<Ordered, String> {
    let event = order.event.as_deref().unwrap_or("contact.propertyChange");
    let (subject, kind) =
        event.split_once('.').filter(|_| events::is_subscription(event)).ok_or_else(|| {
            format!(
                "unknown event `{event}`; known: contact, company, deal or object, a dot, and \
                 {}; privacyDeletion of a contact only",
                events::KINDS.join(", ")
            )
        })?;
    let name = match &order.object_type {
        Some(name) if subject == GENERIC => name,
        None if subject == GENERIC => "contact",
        Some(name) if name != subject => {
            return Err(format!("`type` {name} doesn't go with event `{event}`"));
        }
        Some(_) | None => subject,
    };
    let object_type =
        ObjectType::from_name(name).ok_or_else(|| format!("unknown object type `{name}`"))?;
    Ok(Ordered { subject: subject.to_owned(), kind: kind.to_owned(), object_type })
}

/// The fields that depend on the kind of change, as far as one record tells them.
fn details(kind: &str, record: Option<&Record>, property: &str, id: u64) -> Value {
    match kind {
        "creation" => json!({ "objectId": id, "changeFlag": "NEW" }),
        "deletion" => json!({ "objectId": id, "changeFlag": "DELETED" }),
        "restore" => json!({ "objectId": id, "changeFlag": "RESTORED" }),
        "propertyChange" => {
            let value = record.and_then(|record| record.values.get(property));
            let value = value.map(String::as_str).unwrap_or_default();
            json!({ "objectId": id, "propertyName": property, "propertyValue": value })
        }
        "merge" => json!({
            "objectId": id,
            "primaryObjectId": id,
            "mergedObjectIds": [id],
            "newObjectId": id,
            "numberOfPropertiesMoved": 0,
        }),
        "associationChange" => json!({
            "fromObjectId": id,
            "toObjectId": id,
            "associationRemoved": false,
            "isPrimaryAssociation": false,
        }),
        _ => json!({ "objectId": id }),
    }
}

/// One event per object; objects need not exist, because events outlive them.
pub fn events(
    portals: &mut Portals,
    account: &Account,
    order: &WebhookOrder,
    now_ms: i64,
) -> Result<Vec<Value>, String> {
    let Ordered { subject, kind, object_type } = ordered(order)?;
    let table = portals.table(&account.account, object_type);
    let property = order.property_name.as_deref().unwrap_or("firstname");
    order
        .object_ids
        .iter()
        .map(|id| {
            let id: u64 = id.parse().map_err(|_| format!("object id `{id}` is not a number"))?;
            let record = table.any(id);
            let mut event = events::head(&Head {
                account,
                subject: &subject,
                kind: &kind,
                object_type,
                at_ms: record.map_or(now_ms, |record| record.updated_ms),
                author: Author::User,
            });
            events::overlay(&mut event, &details(&kind, record, property, id));
            events::overlay(&mut event, &order.fields);
            Ok(event)
        })
        .collect()
}

/// Numbers the attempt, then signs: with both versions, as HubSpot does for compatibility, or with
/// the one that the account asks for.
pub fn sign(target: &Target, events: &[Value], attempt: u32, now_ms: i64) -> SignedWebhook {
    let mut events = events.to_vec();
    for event in &mut events {
        event["attemptNumber"] = json!(attempt);
    }
    let body = Value::Array(events).to_string().into_bytes();
    let timestamp = now_ms.to_string();
    let (secret, url) = (&target.secret, &target.url);
    let has =
        |version: &str| target.signature_version.as_deref().is_none_or(|only| only == version);
    let mut headers = vec![
        ("content-type", "application/json".to_owned()),
        ("user-agent", "HubSpot Connect 2.0".to_owned()),
    ];
    if has("v1") {
        headers.push(("x-hubspot-signature", signature::v1(secret, &body)));
        headers.push(("x-hubspot-signature-version", "v1".to_owned()));
    }
    if has("v3") {
        let signed = signature::v3(secret, "POST", url, &body, &timestamp);
        headers.push(("x-hubspot-signature-v3", signed));
        headers.push(("x-hubspot-request-timestamp", timestamp));
    }
    SignedWebhook { headers, body }
}

#[cfg(test)]
mod tests {
    use super::{events, sign};
    use crate::accounts::accounts_from_json;
    use crate::hubspot::store::Portals;
    use crate::vendor::{System, WebhookOrder};
    use crate::webhooks::Target;
    use serde_json::{Value, json};

    fn order(event: &str) -> WebhookOrder {
        WebhookOrder {
            object_ids: vec!["5".to_owned()],
            event: Some(event.to_owned()),
            property_name: None,
            object_type: None,
            form: None,
            fields: json!({ "sourceId": null, "occurredAt": 3 }),
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
        assert_eq!(event("deal.creation").unwrap()["subscriptionType"], "deal.creation");
        assert_eq!(creation["occurredAt"], 3);
        assert!(creation.get("sourceId").is_none());
    }

    #[test]
    fn sign_numbers_the_attempt_and_uses_the_versions_asked_for() {
        let mut target = Target {
            system: System::Hubspot,
            account: "1".to_owned(),
            url: "http://x/y".to_owned(),
            secret: "s".to_owned(),
            signature_version: None,
        };
        let names = |target: &Target| {
            let signed = sign(target, &[json!({ "attemptNumber": 0 })], 3, 7);
            assert_eq!(signed.body, br#"[{"attemptNumber":3}]"#);
            signed.headers.into_iter().skip(2).map(|(name, _)| name).collect::<Vec<_>>()
        };
        let v1 = ["x-hubspot-signature", "x-hubspot-signature-version"];
        let v3 = ["x-hubspot-signature-v3", "x-hubspot-request-timestamp"];
        assert_eq!(names(&target), [v1, v3].concat());
        for (version, expected) in [("v1", v1), ("v3", v3)] {
            target.signature_version = Some(version.to_owned());
            assert_eq!(names(&target), expected);
        }
    }
}
