//! A user's acts in HubSpot's own interface: the same state changes as through the API, without
//! its limits, and with acts that the API doesn't have, such as restoring.

use super::errors::Refusal;
use super::links::{self, End};
use super::merging;
use super::object_types::ObjectType;
use super::records;
use super::store::{Portal, Table};
use super::validate;
use crate::accounts::Account;
use crate::vendor::{PortalAct, PortalObject, PortalOrder};

struct Desk<'a> {
    account: &'a Account,
    object_type: &'static ObjectType,
    now_ms: i64,
}

fn told(refusal: &Refusal) -> String {
    refusal.message()
}

fn type_of(name: &str) -> Result<&'static ObjectType, String> {
    ObjectType::from_name(name).ok_or_else(|| format!("unknown object type `{name}`"))
}

fn id_of(table: &Table, object: &PortalObject) -> Result<u64, String> {
    let id = object.id.as_deref().ok_or("this act needs `id` or `ids`")?;
    known_id(table, id)
}

fn known_id(table: &Table, id: &str) -> Result<u64, String> {
    let number: u64 = id.parse().map_err(|_| format!("id `{id}` is not a decimal number"))?;
    let current = table.current_id(number);
    let known = table.any(current).map(|_| current);
    known.ok_or_else(|| format!("no {} {id}", table.schema.object_type.singular))
}

/// Makes or changes one record.
fn write(desk: &Desk<'_>, table: &mut Table, object: &PortalObject) -> Result<u64, String> {
    let values = validate::clean(desk.account, &table.schema, &object.properties);
    let values = values.map_err(|refusal| told(&refusal))?;
    if object.id.is_none() {
        let inserted = records::insert(desk.account, table, values, desk.now_ms);
        return inserted.map_err(|refusal| told(&refusal));
    }
    let id = id_of(table, object)?;
    let amended = records::amend(desk.account, table, id, values, desk.now_ms);
    amended.map_err(|refusal| told(&refusal))?;
    Ok(id)
}

/// Runs `each` for every object of the order, or for none if one is refused.
fn for_each(
    portal: &mut Portal,
    desk: &Desk<'_>,
    order: &PortalOrder,
    each: impl Fn(&mut Table, &PortalObject) -> Result<u64, String>,
) -> Result<Vec<u64>, String> {
    let table = portal.tables.of(desk.object_type);
    table.begin();
    let done: Result<Vec<u64>, String> = order
        .objects
        .iter()
        .enumerate()
        .map(|(index, object)| {
            each(table, object).map_err(|reason| format!("object {index}: {reason}"))
        })
        .collect();
    if done.is_ok() {
        table.commit();
    } else {
        table.roll_back();
    }
    done
}

fn erase(portal: &mut Portal, desk: &Desk<'_>, order: &PortalOrder) -> Result<Vec<u64>, String> {
    if !desk.object_type.is_erasable {
        return Err(format!("a {} can't be deleted for privacy", desk.object_type.singular));
    }
    let table = portal.tables.of(desk.object_type);
    let ids: Vec<u64> =
        order.objects.iter().map(|object| id_of(table, object)).collect::<Result<_, _>>()?;
    for id in &ids {
        let end = End { object_type: desk.object_type, id: *id };
        records::erase(portal, end, desk.now_ms).map_err(|refusal| told(&refusal))?;
    }
    Ok(ids)
}

fn merge(portal: &mut Portal, desk: &Desk<'_>, order: &PortalOrder) -> Result<Vec<u64>, String> {
    let (Some(primary), Some(other)) = (order.objects.first(), &order.merge_id) else {
        return Err("`merge` needs `id` and `merge_id`".to_owned());
    };
    let table = portal.tables.of(desk.object_type);
    let ids = [id_of(table, primary)?, known_id(table, other)?];
    let merged = merging::merge(desk.account, portal, desk.object_type, ids, desk.now_ms);
    merged.map(|id| vec![id]).map_err(|refusal| told(&refusal))
}

fn link(portal: &mut Portal, desk: &Desk<'_>, order: &PortalOrder) -> Result<Vec<u64>, String> {
    let (to_name, to_id) = order.to.as_ref().ok_or("this act needs `to_type` and `to_id`")?;
    let to_type = type_of(to_name)?;
    if links::unlabelled_id(desk.object_type, to_type).is_none() {
        let (from, to) = (desk.object_type.singular, to_type.singular);
        return Err(format!("a {from} can't be associated with a {to}"));
    }
    let to = End { object_type: to_type, id: known_id(portal.tables.of(to_type), to_id)? };
    let table = portal.tables.of(desk.object_type);
    let ids: Vec<u64> =
        order.objects.iter().map(|object| id_of(table, object)).collect::<Result<_, _>>()?;
    for id in &ids {
        let from = End { object_type: desk.object_type, id: *id };
        if order.act == PortalAct::Associate {
            portal.links.associate(from, to, order.is_primary, desk.now_ms);
        } else {
            portal.links.dissociate(from, to, desk.now_ms);
        }
    }
    Ok(ids)
}

/// Carries an act out, wholly or not at all, and gives the ids of its records.
pub fn run(
    portal: &mut Portal,
    account: &Account,
    order: &PortalOrder,
    now_ms: i64,
) -> Result<Vec<String>, String> {
    let name = order.object_type.as_deref().ok_or("this act needs `type`")?;
    let desk = Desk { account, object_type: type_of(name)?, now_ms };
    let ids = match order.act {
        PortalAct::Create | PortalAct::Update => {
            let is_new = order.act == PortalAct::Create;
            if order.objects.iter().any(|object| object.id.is_some() == is_new) {
                let wanted = if is_new { "takes no ids" } else { "needs `id` or `ids`" };
                return Err(format!("this act {wanted}"));
            }
            for_each(portal, &desk, order, |table, object| write(&desk, table, object))
        }
        PortalAct::Archive => for_each(portal, &desk, order, |table, object| {
            let id = id_of(table, object)?;
            records::bin(table, id, now_ms);
            Ok(id)
        }),
        PortalAct::Restore => for_each(portal, &desk, order, |table, object| {
            let id = id_of(table, object)?;
            let restored = records::restore(account, table, id, now_ms);
            restored.map(|()| id).map_err(|refusal| told(&refusal))
        }),
        PortalAct::GdprDelete => erase(portal, &desk, order),
        PortalAct::Merge => merge(portal, &desk, order),
        PortalAct::Associate | PortalAct::Dissociate => link(portal, &desk, order),
        PortalAct::Reschedule
        | PortalAct::Cancel
        | PortalAct::NoShow
        | PortalAct::Decline
        | PortalAct::Complete
        | PortalAct::Edit
        | PortalAct::Delete => Err("HubSpot has no such act".to_owned()),
    }?;
    Ok(ids.into_iter().map(|id| id.to_string()).collect())
}
