//! What webhooks tell of changes, in version 2.0. An event of the sandbox is one body for one
//! webhook, which is named in its `hook`.

use serde_json::{Map, Value, json};

use super::drafts;
use super::hooks::Hook;
use super::object_types::Object;
use super::records::{Change, Merge};
use super::render;
use super::store::{Company, Record};
use crate::accounts::Account;
use crate::clock::{iso_from_ms, new_uuid};
use crate::vendor::WebhookOrder;

/// What deals have in the API and not in webhooks, as far as recorded bodies tell.
const UNTOLD_OF_DEALS: [&str; 7] =
    ["is_deleted", "local_won_date", "local_lost_date", "local_close_date", "arr", "mrr", "acv"];
const ACTIONS: [&str; 3] = ["create", "change", "delete"];

/// Who made a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Author {
    /// A colleague of the token's user, in the browser; of several records at once or not.
    User {
        /// Whether several records were changed in one go.
        is_bulk: bool,
    },
    /// The token's user, through the API.
    Api,
}

impl Author {
    const fn change_source(self) -> &'static str {
        match self {
            Self::User { .. } => "app",
            Self::Api => "api",
        }
    }

    fn user_id(self, account: &Account) -> u64 {
        match self {
            Self::User { .. } => drafts::user_id(account) + 1,
            Self::Api => drafts::user_id(account),
        }
    }
}

/// A record as webhooks have it: `visible_to` is text, and custom fields are all there, typed.
fn data(company: &Company, object: Object, record: &Record) -> Value {
    let mut data = render::plain(record);
    let fields = company.table(object).fields.iter();
    let custom: Map<String, Value> = fields
        .map(|field| {
            let value = record.content.custom.get(&field.code);
            (field.code.clone(), value.map_or(Value::Null, |value| field.told(value)))
        })
        .collect();
    data["custom_fields"] = Value::Object(custom);
    data["visible_to"] = json!(record.content.get("visible_to").to_string());
    if let (Object::Deal, Some(members)) = (object, data.as_object_mut()) {
        members.retain(|name, _| !UNTOLD_OF_DEALS.contains(&name.as_str()));
        members.insert("first_won_time".to_owned(), record.content.get("won_time").clone());
    }
    data
}

/// The old values of what is different now.
fn differences(before: &Value, after: &Value) -> Value {
    let old = before.as_object().into_iter().flatten();
    let changed = old.filter(|(name, value)| after.get(name.as_str()) != Some(*value));
    let changed = changed.map(|(name, value)| {
        let is_nested = name == "custom_fields";
        let value =
            if is_nested { differences(value, &after[name.as_str()]) } else { value.clone() };
        (name.clone(), value)
    });
    Value::Object(changed.collect())
}

/// A body without what differs between webhooks.
struct Told {
    action: &'static str,
    object: Object,
    id: u64,
    data: Value,
    previous: Value,
    merge: Option<Merge>,
}

fn told(company: &Company, change: &Change) -> Option<Told> {
    let seen = |record: &Option<Record>| {
        record.as_ref().map(|record| data(company, change.object, record))
    };
    let id = change.after.as_ref().or(change.before.as_ref())?.id;
    let (action, data, previous) = match (seen(&change.before), seen(&change.after)) {
        (None, Some(after)) => ("create", after, Value::Null),
        (Some(before), Some(after)) => {
            let previous = differences(&before, &after);
            ("change", after, previous)
        }
        (Some(before), None) => ("delete", Value::Null, before),
        (None, None) => return None,
    };
    Some(Told { action, object: change.object, id, data, previous, merge: change.merge })
}

/// What all events of one act have in common.
struct Act<'a> {
    account: &'a Account,
    author: Author,
    correlation_id: String,
    now_ms: i64,
}

impl Act<'_> {
    /// The body of an event for each webhook that wants to learn of it and is sending.
    fn events(&self, company: &Company, told: &Told) -> Vec<Value> {
        let mut meta = json!({
            "action": told.action,
            "change_source": self.author.change_source(),
            "company_id": self.account.account,
            "correlation_id": self.correlation_id,
            "entity": told.object.name(),
            "entity_id": told.id.to_string(),
            "host": format!("{}.pipedrive.com", self.account.domain.as_deref().unwrap_or_default()),
            "id": new_uuid(),
            "is_bulk_edit": self.author == Author::User { is_bulk: true },
            "permitted_user_ids":
                drafts::users(self.account).map(|id| id.to_string()).collect::<Vec<_>>(),
            "timestamp": iso_from_ms(self.now_ms),
            "user_id": self.author.user_id(self.account).to_string(),
            "version": "2.0",
            "attempt": 1,
        });
        match told.merge {
            Some(Merge::Into(id)) => meta["merged_to_id"] = json!(id.to_string()),
            Some(Merge::From(id)) => meta["merged_from_id"] = json!(id.to_string()),
            None => {}
        }
        let wanting = company.hooks.iter().filter(|(_, hook)| {
            hook.wants(told.action, told.object.name()) && hook.is_sending(self.now_ms)
        });
        let of_hook = |(id, hook): (&u64, &Hook)| {
            let mut meta = meta.clone();
            meta["type"] = json!(hook.kind());
            meta["webhook_id"] = json!(id.to_string());
            meta["webhook_owner_id"] = json!(hook.user_id().to_string());
            json!({ "hook": id, "meta": meta, "data": told.data, "previous": told.previous })
        };
        wanting.map(of_hook).collect()
    }
}

/// The events that changes cause, in their order.
pub fn of_changes(
    account: &Account,
    company: &Company,
    changes: &[Change],
    author: Author,
    now_ms: i64,
) -> Vec<Value> {
    let act = Act { account, author, correlation_id: new_uuid(), now_ms };
    let told = changes.iter().filter_map(|change| told(company, change));
    told.flat_map(|told| act.events(company, &told)).collect()
}

/// Puts members over those of `meta`, `data` and `previous`; `null` takes one away.
fn overlay(event: &mut Value, fields: &Value) {
    for (name, given) in fields.as_object().into_iter().flatten() {
        let (Some(members), Some(given)) =
            (event[name.as_str()].as_object_mut(), given.as_object())
        else {
            event[name.as_str()] = given.clone();
            continue;
        };
        for (member, value) in given {
            if value.is_null() {
                members.remove(member);
            } else {
                members.insert(member.clone(), value.clone());
            }
        }
    }
}

fn named(order: &WebhookOrder) -> Result<(&'static str, Object), String> {
    let event = order.event.as_deref().unwrap_or("change.person");
    let known = event.split_once('.').and_then(|(action, object)| {
        let action = ACTIONS.into_iter().find(|known| *known == action)?;
        Some((action, Object::from_name(object)?))
    });
    let (action, object) = known.ok_or_else(|| {
        format!(
            "unknown event `{event}`; known: {}, a dot, and person, organization or deal",
            ACTIONS.join(", ")
        )
    })?;
    if order.object_type.as_deref().is_some_and(|name| name != object.name()) {
        return Err(format!("the `type` doesn't go with event `{event}`"));
    }
    if order.property_name.is_some() || order.form.is_some() {
        return Err("events of Pipedrive have no `property_name` and no `form`".to_owned());
    }
    Ok((action, object))
}

/// One event per object for each webhook that wants it. Objects need not be there, because events
/// outlive them.
pub fn ordered(
    account: &Account,
    company: &Company,
    order: &WebhookOrder,
    now_ms: i64,
) -> Result<Vec<Value>, String> {
    let (action, object) = named(order)?;
    let author = Author::User { is_bulk: false };
    let act = Act { account, author, correlation_id: new_uuid(), now_ms };
    let mut events = Vec::new();
    for id in &order.object_ids {
        let id: u64 = id.parse().map_err(|_| format!("object id `{id}` is not a number"))?;
        let record = company.table(object).records.get(&id);
        let known = record.map_or_else(|| json!({ "id": id }), |one| data(company, object, one));
        let (data, previous) = match action {
            "create" => (known, Value::Null),
            "delete" => (Value::Null, known),
            _ => (known, json!({})),
        };
        events
            .extend(act.events(company, &Told { action, object, id, data, previous, merge: None }));
    }
    if events.is_empty() {
        return Err("no webhook of the account wants such events".to_owned());
    }
    events.iter_mut().for_each(|event| overlay(event, &order.fields));
    Ok(events)
}
