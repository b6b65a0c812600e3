//! From changes to webhook events: which subscriptions a change concerns, and the fields of each
//! event. Also the events that a control call asks for without any change.

use serde_json::{Value, json};

use super::changes::{Change, Noted};
use super::object_types::ObjectType;
use crate::accounts::Account;

const APP_ID: u64 = 1_160_452;
const FIRST_SUBSCRIPTION_ID: u64 = 715_001;

/// The subjects of subscriptions; `object` stands for every type.
const SUBJECTS: [&str; 4] = ["contact", "company", "deal", GENERIC];
/// The subject whose events carry a type id.
pub const GENERIC: &str = "object";

/// What a subscription can be about.
pub const KINDS: [&str; 7] = [
    "creation",
    "deletion",
    "propertyChange",
    "restore",
    "merge",
    "associationChange",
    "privacyDeletion",
];

/// Whether HubSpot has that subscription.
pub fn is_subscription(name: &str) -> bool {
    name.split_once('.').is_some_and(|(subject, kind)| {
        SUBJECTS.contains(&subject)
            && KINDS.contains(&kind)
            && (kind != "privacyDeletion" || subject == "contact")
    })
}

/// Whether the account's app has subscribed; without a list, to everything but generic events.
fn is_subscribed(account: &Account, subject: &str, kind: &str) -> bool {
    match &account.webhook_subscriptions {
        None => subject != GENERIC,
        Some(names) => names.iter().any(|name| name.split_once('.') == Some((subject, kind))),
    }
}

/// Who made a change, as events tell it.
#[derive(Clone, Copy)]
pub enum Author {
    /// A user, in the browser.
    User,
    /// The app whose token the sandbox knows.
    App,
}

impl Author {
    fn change_source(self) -> &'static str {
        match self {
            Self::User => "CRM_UI",
            Self::App => "INTEGRATION",
        }
    }

    fn source_id(self) -> String {
        match self {
            Self::User => "userId:1001".to_owned(),
            Self::App => APP_ID.to_string(),
        }
    }
}

/// What all events have in common.
pub struct Head<'a> {
    /// The portal.
    pub account: &'a Account,
    /// `contact`, `company`, `deal` or [`GENERIC`].
    pub subject: &'a str,
    /// One of [`KINDS`].
    pub kind: &'a str,
    /// The type of the record.
    pub object_type: &'static ObjectType,
    /// When it happened.
    pub at_ms: i64,
    /// Who did it.
    pub author: Author,
}

/// An event with the common fields.
pub fn head(head: &Head<'_>) -> Value {
    let subject_index = SUBJECTS.iter().position(|known| *known == head.subject);
    let kind_index = KINDS.iter().position(|known| *known == head.kind);
    let number = subject_index.unwrap_or_default() * 10 + kind_index.unwrap_or_default();
    let portal_id: u64 = head.account.account.parse().unwrap_or_default();
    let mut event = json!({
        // HubSpot doesn't promise unique ids either.
        "eventId": fastrand::u32(1..),
        "subscriptionId": FIRST_SUBSCRIPTION_ID + u64::try_from(number).unwrap_or_default(),
        "portalId": portal_id,
        "appId": APP_ID,
        "occurredAt": head.at_ms,
        "subscriptionType": format!("{}.{}", head.subject, head.kind),
        "attemptNumber": 0,
        "changeSource": head.author.change_source(),
        "sourceId": head.author.source_id(),
    });
    if head.subject == GENERIC {
        event["objectTypeId"] = json!(head.object_type.type_id);
        if head.kind == "propertyChange" {
            event["isSensitive"] = json!(false);
        }
    }
    event
}

/// Kind and own fields of each event that a change causes.
fn bodies(noted: &Noted) -> Vec<(&'static str, Value)> {
    let id = noted.id;
    let change = |(name, value): (&String, &String)| {
        let fields = json!({ "objectId": id, "propertyName": name, "propertyValue": value });
        ("propertyChange", fields)
    };
    match &noted.change {
        Change::Created(values) => {
            let mut all = vec![("creation", json!({ "objectId": id, "changeFlag": "NEW" }))];
            all.extend(values.iter().map(change));
            all
        }
        Change::Updated(values) => values.iter().map(change).collect(),
        Change::Archived => {
            vec![("deletion", json!({ "objectId": id, "changeFlag": "DELETED" }))]
        }
        Change::Restored => vec![("restore", json!({ "objectId": id, "changeFlag": "RESTORED" }))],
        Change::Erased => {
            let mut both = vec![
                ("privacyDeletion", json!({ "objectId": id })),
                ("deletion", json!({ "objectId": id, "changeFlag": "DELETED" })),
            ];
            // HubSpot promises no order between the two.
            fastrand::shuffle(&mut both);
            both
        }
        Change::Merged { primary, merged, moved } => {
            let fields = json!({
                "objectId": id,
                "primaryObjectId": primary,
                "mergedObjectIds": [merged],
                "newObjectId": id,
                "numberOfPropertiesMoved": moved.len(),
            });
            let mut all = vec![("merge", fields)];
            all.extend(moved.iter().map(change));
            all
        }
        Change::Linked { to_type, to, is_primary, removed } => {
            let names = [noted.object_type, *to_type].map(|kind| kind.singular.to_uppercase());
            let fields = json!({
                "associationType": names.join("_TO_"),
                "fromObjectId": id,
                "toObjectId": to,
                "fromObjectTypeId": noted.object_type.type_id,
                "toObjectTypeId": to_type.type_id,
                "associationRemoved": removed,
                "isPrimaryAssociation": is_primary,
            });
            vec![("associationChange", fields)]
        }
    }
}

/// Puts the fields of an object over those of another; `null` takes a field away.
pub fn overlay(event: &mut Value, fields: &Value) {
    let (Some(event), Some(fields)) = (event.as_object_mut(), fields.as_object()) else { return };
    for (name, value) in fields {
        if value.is_null() {
            event.remove(name);
        } else {
            event.insert(name.clone(), value.clone());
        }
    }
}

/// The events that the account's subscriptions give for these changes, in their order.
pub fn of_changes(account: &Account, changes: &[Noted], author: Author) -> Vec<Value> {
    let mut events = Vec::new();
    for noted in changes {
        for (kind, fields) in bodies(noted) {
            for subject in [noted.object_type.singular, GENERIC] {
                if !is_subscribed(account, subject, kind) {
                    continue;
                }
                let (object_type, at_ms) = (noted.object_type, noted.at_ms);
                let mut event = head(&Head { account, subject, kind, object_type, at_ms, author });
                overlay(&mut event, &fields);
                events.push(event);
            }
        }
    }
    events
}

#[cfg(test)]
mod tests {
    use super::{Author, is_subscription, of_changes};
    use crate::accounts::{Account, accounts_from_json};
    use crate::hubspot::changes::{Change, Noted};
    use crate::hubspot::object_types::{CONTACT, DEAL};
    use crate::hubspot::store::Values;
    use serde_json::{Value, json};

    fn account(subscriptions: &Value) -> Account {
        let json = json!([{ "system": "hubspot", "account": "62515", "access_token": "t",
            "webhook_subscriptions": subscriptions }]);
        accounts_from_json(&json.to_string()).unwrap().remove(0)
    }

    fn types(account: &Account, change: Change) -> Vec<String> {
        let noted = Noted { object_type: &DEAL, id: 5, at_ms: 9, change };
        of_changes(account, &[noted], Author::App)
            .iter()
            .map(|event| event["subscriptionType"].as_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn creation_is_followed_by_one_change_per_property() {
        let values = Values::from(
            [("dealname", "x"), ("amount", "1")]
                .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        let all = types(&account(&Value::Null), Change::Created(values));
        assert_eq!(all, ["deal.creation", "deal.propertyChange", "deal.propertyChange"]);
    }

    #[test]
    fn only_what_is_subscribed_is_told() {
        let account = account(&json!(["object.deletion", "contact.deletion"]));
        assert_eq!(types(&account, Change::Archived), ["object.deletion"]);
        assert!(types(&account, Change::Restored).is_empty());
    }

    #[test]
    fn association_change_names_both_ends_and_carries_no_object_id() {
        let change = Change::Linked { to_type: &CONTACT, to: 7, is_primary: false, removed: true };
        let noted = Noted { object_type: &DEAL, id: 5, at_ms: 9, change };
        let event = of_changes(&account(&Value::Null), &[noted], Author::User).remove(0);
        assert_eq!(event["associationType"], "DEAL_TO_CONTACT");
        assert_eq!(
            (event["fromObjectId"].as_u64(), event["toObjectId"].as_u64()),
            (Some(5), Some(7))
        );
        assert_eq!(event["associationRemoved"], true);
        assert!(event.get("objectId").is_none());
        assert_eq!(event["changeSource"], "CRM_UI");
    }

    #[test]
    fn subscriptions_are_known_by_name() {
        for name in ["deal.associationChange", "object.restore", "contact.privacyDeletion"] {
            assert!(is_subscription(name), "{name}");
        }
        for name in ["deal.privacyDeletion", "shoe.creation", "contact.explosion", "contact"] {
            assert!(!is_subscription(name), "{name}");
        }
    }
}
