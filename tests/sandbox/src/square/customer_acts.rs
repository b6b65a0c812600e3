//! Acts on customers by themselves: added, changed, removed and merged.

use jiff::Timestamp;
use serde_json::Value;

use super::customer::{Customer, Members};
use super::events::{self, BOOKING_UPDATED, CUSTOMER_CREATED, CUSTOMER_DELETED, CUSTOMER_UPDATED};
use super::store::Shop;
use crate::accounts::Account;
use crate::vendor::{PortalAct, PortalObject, PortalOrder, PortalOutcome};

/// The property of a merge that has the bookings follow to the new customer.
const MOVE_BOOKINGS: &str = "move_bookings";

fn existing<'a>(shop: &'a Shop, id: Option<&str>) -> Result<&'a Customer, String> {
    let id = id.ok_or("this act needs `id` or `ids`")?;
    shop.customers.get(id).ok_or_else(|| format!("no customer {id}"))
}

fn created(shop: &mut Shop, members: &Members, now: Timestamp) -> Result<Customer, String> {
    let id = Customer::id_in(members)?.unwrap_or_else(|| shop.draw_customer_id());
    if shop.customers.contains_key(&id) {
        return Err(format!("customer {id} exists"));
    }
    Customer::new(id, members, now)
}

fn changed(shop: &Shop, object: &PortalObject, now: Timestamp) -> Result<Customer, String> {
    let mut customer = existing(shop, object.id.as_deref())?.clone();
    customer.edit(&object.properties, now)?;
    Ok(customer)
}

/// Puts one customer in the place of two. Bookings go on naming those who are gone, unless they are
/// to follow.
fn merge(
    account: &Account,
    shop: &mut Shop,
    order: &PortalOrder,
    now: Timestamp,
) -> Result<PortalOutcome, String> {
    let [first] = order.objects.as_slice() else {
        return Err("`merge` needs one `id` and `merge_id`".to_owned());
    };
    let one = existing(shop, first.id.as_deref())?.clone();
    let other = existing(shop, order.merge_id.as_deref())?.clone();
    if one.id == other.id {
        return Err("`merge_id` must be another customer".to_owned());
    }
    let moves =
        first.properties.get(MOVE_BOOKINGS).is_some_and(|value| *value == Value::Bool(true));
    let merged = one.merged(&other, shop.draw_customer_id(), now);
    let from = [one.id.as_str(), other.id.as_str()];
    let context = Some((from.as_slice(), merged.id.as_str()));
    let mut told: Vec<Option<Value>> = vec![
        events::of_customer(account, CUSTOMER_CREATED, &merged, context, now),
        events::of_customer(account, CUSTOMER_DELETED, &one, context, now),
        events::of_customer(account, CUSTOMER_DELETED, &other, context, now),
    ];
    from.iter().for_each(|id| drop(shop.customers.remove(*id)));
    let bookings = shop.bookings.values_mut().filter(|_| moves);
    for booking in bookings {
        if booking.customer_id.as_deref().is_some_and(|id| from.contains(&id)) {
            booking.customer_id = Some(merged.id.clone());
            booking.touch(now);
            told.push(events::of_booking(account, BOOKING_UPDATED, booking, now));
        }
    }
    let ids = vec![merged.id.clone()];
    shop.put_customers(vec![merged]);
    Ok(PortalOutcome { ids, events: told.into_iter().flatten().collect() })
}

/// Carries an act out, wholly or not at all.
pub fn run(
    account: &Account,
    shop: &mut Shop,
    order: &PortalOrder,
    now: Timestamp,
) -> Result<PortalOutcome, String> {
    let event_type = match order.act {
        PortalAct::Merge => return merge(account, shop, order, now),
        PortalAct::Create => CUSTOMER_CREATED,
        PortalAct::Update | PortalAct::Edit => CUSTOMER_UPDATED,
        PortalAct::Delete => CUSTOMER_DELETED,
        PortalAct::Archive
        | PortalAct::Restore
        | PortalAct::GdprDelete
        | PortalAct::Associate
        | PortalAct::Dissociate
        | PortalAct::Reschedule
        | PortalAct::Cancel
        | PortalAct::NoShow
        | PortalAct::Complete
        | PortalAct::Decline => return Err("Square's customers have no such act".to_owned()),
    };
    let mut done = Vec::new();
    for object in &order.objects {
        done.push(match event_type {
            CUSTOMER_CREATED => created(shop, &object.properties, now)?,
            CUSTOMER_DELETED => existing(shop, object.id.as_deref())?.clone(),
            _ => changed(shop, object, now)?,
        });
    }
    let mut outcome = PortalOutcome { ids: Vec::new(), events: Vec::new() };
    for customer in done {
        outcome.events.extend(events::of_customer(account, event_type, &customer, None, now));
        outcome.ids.push(customer.id.clone());
        if order.act == PortalAct::Delete {
            shop.customers.remove(&customer.id);
        } else {
            shop.put_customers(vec![customer]);
        }
    }
    Ok(outcome)
}
