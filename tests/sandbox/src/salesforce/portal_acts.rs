//! What a user does in Salesforce's own interface.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::errors::Refusal;
use super::ids;
use super::lifecycle;
use super::orgs::{Org, Setup};
use super::portal_user_id;
use super::sobject::Sobject;
use super::store::Tables;
use super::values::whole_seconds;
use super::write::{self, Desk, live};
use crate::accounts::Account;
use crate::vendor::{PortalAct, PortalObject, PortalOrder};

/// A desk for a user in the interface: who sees a duplicate there saves all the same.
pub fn desk<'a>(account: &'a Account, setup: &'a Setup, now_ms: i64) -> Desk<'a> {
    Desk {
        org_id: &account.account,
        schema: &setup.schema,
        settings: &setup.settings,
        user_id: portal_user_id(account),
        now_ms: whole_seconds(now_ms),
        saves_through_alerts: true,
        asks_duplicate_rules: false,
        version: *super::routes::VERSIONS.end(),
    }
}

fn told(refusal: &Refusal) -> String {
    refusal.told()
}

fn long(id: &str) -> Result<String, String> {
    ids::long(id).ok_or_else(|| format!("`{id}` is no id of a record"))
}

fn id_of(object: &PortalObject) -> Result<String, String> {
    long(object.id.as_deref().ok_or("this act needs `id` or `ids`")?)
}

/// The field of one record that points to another of that type.
fn reference(from: Sobject, to: Sobject) -> Option<&'static str> {
    match (from, to) {
        (Sobject::Contact | Sobject::Opportunity, Sobject::Account) => Some("AccountId"),
        _ => None,
    }
}

fn role_of(tables: &Tables, opportunity: &str, contact: &str) -> Option<String> {
    let mut roles = tables.live(Sobject::OpportunityContactRole);
    let found = roles.find(|role| {
        role.text("OpportunityId") == Some(opportunity) && role.text("ContactId") == Some(contact)
    });
    found.map(|role| role.id.clone())
}

fn one_member(name: &str, value: Value) -> Map<String, Value> {
    Map::from_iter([(name.to_owned(), value)])
}

/// Associates two records, or ends that. Roles are records of their own.
fn link(
    desk: &Desk<'_>,
    tables: &mut Tables,
    order: &PortalOrder,
    (from, id): (Sobject, &str),
    (to, to_id): (Sobject, &str),
) -> Result<(), String> {
    let is_new = order.act == PortalAct::Associate;
    for (sobject, id) in [(from, id), (to, to_id)] {
        live(tables, sobject, id).map_err(|refusal| told(&refusal))?;
    }
    if let Some(field) = reference(from, to) {
        let is_there = live(tables, from, id).is_ok_and(|one| one.text(field) == Some(to_id));
        if !is_new && !is_there {
            return Ok(());
        }
        let value = if is_new { json!(to_id) } else { Value::Null };
        let body = one_member(field, value);
        return write::update(desk, tables, from, id, &body).map_err(|refusal| told(&refusal));
    }
    let (opportunity, contact) = match (from, to) {
        (Sobject::Opportunity, Sobject::Contact) => (id, to_id),
        (Sobject::Contact, Sobject::Opportunity) => (to_id, id),
        _ => return Err(format!("a {} has no place for a {}", from.name(), to.name())),
    };
    let role_type = Sobject::OpportunityContactRole;
    let done = match (role_of(tables, opportunity, contact), is_new) {
        (None, true) => {
            let mut body = one_member("OpportunityId", json!(opportunity));
            body.insert("ContactId".to_owned(), json!(contact));
            body.insert("IsPrimary".to_owned(), json!(order.is_primary));
            write::create(desk, tables, role_type, &body).map(|_| ())
        }
        (Some(role), false) => lifecycle::delete(desk, tables, role_type, &role),
        (Some(_), true) | (None, false) => Ok(()),
    };
    done.map_err(|refusal| told(&refusal))
}

fn act_on(
    desk: &Desk<'_>,
    tables: &mut Tables,
    sobject: Sobject,
    order: &PortalOrder,
    object: &PortalObject,
) -> Result<String, String> {
    if order.act == PortalAct::Create {
        if object.id.is_some() {
            return Err("this act takes no ids".to_owned());
        }
        let made = write::create(desk, tables, sobject, &object.properties);
        return made.map_err(|refusal| told(&refusal));
    }
    let id = id_of(object)?;
    let done = match order.act {
        PortalAct::Update => write::update(desk, tables, sobject, &id, &object.properties),
        PortalAct::Archive => lifecycle::delete(desk, tables, sobject, &id),
        PortalAct::Restore => lifecycle::undelete(desk, tables, sobject, &id),
        PortalAct::GdprDelete => lifecycle::purge(desk, tables, sobject, &id),
        PortalAct::Merge => {
            let loser =
                long(order.merge_id.as_deref().ok_or("`merge` needs `id` and `merge_id`")?)?;
            lifecycle::merge(desk, tables, sobject, &id, &loser)
        }
        PortalAct::Associate | PortalAct::Dissociate => {
            let (name, to) = order.to.as_ref().ok_or("this act needs `to_type` and `to_id`")?;
            let to = (Sobject::from_control_name(name)?, long(to)?);
            link(desk, tables, order, (sobject, &id), (to.0, &to.1))?;
            Ok(())
        }
        PortalAct::Create
        | PortalAct::Reschedule
        | PortalAct::Cancel
        | PortalAct::NoShow
        | PortalAct::Decline
        | PortalAct::Complete
        | PortalAct::Edit
        | PortalAct::Delete => return Err("Salesforce has no such act".to_owned()),
    };
    done.map(|()| id).map_err(|refusal| told(&refusal))
}

/// Carries an act out, wholly or not at all, and gives the ids of its records.
pub fn run(
    org: &mut Org,
    account: &Account,
    order: &PortalOrder,
    now_ms: i64,
) -> Result<Vec<String>, String> {
    let name = order.object_type.as_deref().ok_or("this act needs `type`")?;
    let sobject = Sobject::from_control_name(name)?;
    let setup = Arc::clone(&org.setup);
    let desk = desk(account, &setup, now_ms);
    let tables = &mut org.tables;
    tables.begin();
    let each = order.objects.iter().enumerate().map(|(index, object)| {
        act_on(&desk, tables, sobject, order, object)
            .map_err(|reason| format!("object {index}: {reason}"))
    });
    let done: Result<Vec<String>, String> = each.collect();
    if done.is_ok() {
        tables.commit();
    } else {
        tables.roll_back(&setup.schema);
    }
    done
}
