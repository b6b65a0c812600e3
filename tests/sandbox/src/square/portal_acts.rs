//! What sellers and their customers do in Square's own interface, and what webhooks tell of it.
//! Acts on customers by themselves are in `customer_acts`.

use jiff::Timestamp;
use serde_json::Value;

use super::booking::{Booking, Status};
use super::customer::{Customer, Members, is_customers};
use super::customer_acts;
use super::events::{self, BOOKING_CREATED, BOOKING_UPDATED, CUSTOMER_UPDATED};
use super::intake;
use super::seller::Seller;
use super::store::{Deferred, Shop, StaleCopy};
use crate::accounts::Account;
use crate::vendor::{PortalAct, PortalObject, PortalOrder, PortalOutcome};

/// The property that has an act wait until so many more pages of lists were read.
const AFTER_PAGES: &str = "after_pages";
/// The property that has lists show the booking as it was before the act, so many calls long.
const STALE_READS: &str = "stale_reads";

/// A booking after an act, and the customer if they were changed with it.
struct Done {
    before: Option<Booking>,
    booking: Booking,
    customer: Option<Customer>,
    stale_reads: u64,
}

fn take_count(members: &mut Members, name: &str) -> Result<u64, String> {
    let read = |value: Value| value.as_u64().filter(|count| *count > 0);
    match members.remove(name) {
        None => Ok(0),
        Some(value) => read(value).ok_or_else(|| format!("`{name}` must be a positive number")),
    }
}

fn nothing_else(members: &Members) -> Result<(), String> {
    match members.keys().next() {
        None => Ok(()),
        Some(name) => Err(format!("this act takes no `{name}`")),
    }
}

fn cancelled(members: &mut Members) -> Result<Status, String> {
    let by = members.remove("by");
    match by.as_ref().map_or(Some("seller"), Value::as_str) {
        Some("seller") => Ok(Status::CancelledBySeller),
        Some("customer") => Ok(Status::CancelledByCustomer),
        Some(_) | None => Err("`by` must be seller or customer".to_owned()),
    }
}

/// Changes of the customer are made where the customer is kept, and so hold for all their bookings.
fn edit(
    seller: &Seller<'_>,
    shop: &Shop,
    booking: &mut Booking,
    members: Members,
    now: Timestamp,
) -> Result<Option<Customer>, String> {
    if members.is_empty() {
        return Err("`edit` needs `properties`".to_owned());
    }
    let (of_customer, of_booking): (Members, Members) =
        members.into_iter().partition(|(name, _)| is_customers(name));
    booking.edit(seller, &of_booking)?;
    if of_customer.is_empty() {
        return Ok(None);
    }
    let id = booking.customer_id.as_deref().ok_or("the booking has no customer")?;
    let mut customer = shop.customers.get(id).cloned().ok_or("the booking's customer is gone")?;
    customer.edit(&of_customer, now)?;
    Ok(Some(customer))
}

fn act_on(
    seller: &Seller<'_>,
    shop: &Shop,
    act: PortalAct,
    object: &PortalObject,
    now: Timestamp,
) -> Result<Done, String> {
    let id = object.id.as_deref().ok_or("this act needs `id` or `ids`")?;
    let before = shop.bookings.get(id).ok_or_else(|| format!("no booking {id}"))?;
    let mut members = object.properties.clone();
    let stale_reads = take_count(&mut members, STALE_READS)?;
    let (mut booking, mut customer) = (before.clone(), None);
    match act {
        PortalAct::Reschedule => booking.reschedule(seller, &members)?,
        PortalAct::Cancel => {
            booking.status = cancelled(&mut members)?;
            nothing_else(&members)?;
        }
        PortalAct::NoShow => {
            booking.status = Status::NoShow;
            nothing_else(&members)?;
        }
        PortalAct::Decline => {
            if !booking.status.stands() {
                return Err(format!("booking {id} is {}", booking.status.name()));
            }
            booking.status = Status::Declined;
            nothing_else(&members)?;
        }
        PortalAct::Edit => customer = edit(seller, shop, &mut booking, members, now)?,
        PortalAct::Delete => {
            return Err("Square deletes no bookings; `cancel` calls them off".to_owned());
        }
        PortalAct::Create
        | PortalAct::Update
        | PortalAct::Archive
        | PortalAct::Restore
        | PortalAct::GdprDelete
        | PortalAct::Merge
        | PortalAct::Associate
        | PortalAct::Dissociate
        | PortalAct::Complete => return Err("Square's bookings have no such act".to_owned()),
    }
    booking.touch(now);
    Ok(Done { before: Some(before.clone()), booking, customer, stale_reads })
}

fn create(
    seller: &Seller<'_>,
    shop: &mut Shop,
    order: &PortalOrder,
    now: Timestamp,
) -> Result<(Vec<Done>, Vec<Customer>), String> {
    if order.objects.iter().any(|object| object.id.is_some()) {
        return Err("this act takes no ids".to_owned());
    }
    let objects = order.objects.iter().map(|object| Value::Object(object.properties.clone()));
    let read = intake::read(seller, shop, &objects.collect::<Vec<_>>(), now)?;
    let is_taken = |one: &&Booking| shop.bookings.contains_key(&one.id);
    if let Some(taken) = read.bookings.iter().find(is_taken) {
        return Err(format!("booking {} exists", taken.id));
    }
    let done = read.bookings.into_iter().map(|booking| Done {
        before: None,
        booking,
        customer: None,
        stale_reads: 0,
    });
    Ok((done.collect(), read.customers))
}

/// Puts the act aside, if that is wanted; it is found out only later whether it can be done.
fn deferred(shop: &mut Shop, order: &PortalOrder) -> Result<Option<PortalOutcome>, String> {
    let mut order = order.clone();
    let mut pages_left = 0;
    for object in &mut order.objects {
        pages_left = pages_left.max(take_count(&mut object.properties, AFTER_PAGES)?);
    }
    if pages_left == 0 {
        return Ok(None);
    }
    let ids = order.objects.iter().filter_map(|object| object.id.clone()).collect();
    shop.deferred.push(Deferred { pages_left, order });
    Ok(Some(PortalOutcome { ids, events: Vec::new() }))
}

fn apply(account: &Account, shop: &mut Shop, done: Vec<Done>, now: Timestamp) -> PortalOutcome {
    let mut outcome = PortalOutcome { ids: Vec::new(), events: Vec::new() };
    for Done { before, booking, customer, stale_reads } in done {
        let event_type = if before.is_some() { BOOKING_UPDATED } else { BOOKING_CREATED };
        outcome.events.extend(events::of_booking(account, event_type, &booking, now));
        if let Some(customer) = customer {
            let told = events::of_customer(account, CUSTOMER_UPDATED, &customer, None, now);
            outcome.events.extend(told);
            shop.put_customers(vec![customer]);
        }
        if let Some(before) = before.filter(|_| stale_reads > 0) {
            let copy = StaleCopy { booking: before, reads_left: stale_reads };
            shop.stale.insert(booking.id.clone(), copy);
        }
        outcome.ids.push(booking.id.clone());
        shop.bookings.insert(booking.id.clone(), booking);
    }
    outcome
}

/// Carries an act out, wholly or not at all, now or in the middle of a list to come.
pub fn run(
    account: &Account,
    shop: &mut Shop,
    order: &PortalOrder,
    now: Timestamp,
) -> Result<PortalOutcome, String> {
    if let Some(outcome) = deferred(shop, order)? {
        return Ok(outcome);
    }
    match order.object_type.as_deref() {
        Some("customer") => return customer_acts::run(account, shop, order, now),
        None | Some("booking" | "appointment") => {}
        Some(other) => return Err(format!("`type` can't be `{other}`")),
    }
    let seller = Seller::of(account)?;
    let done = if order.act == PortalAct::Create {
        let (done, customers) = create(&seller, shop, order, now)?;
        shop.put_customers(customers);
        done
    } else {
        let each = order.objects.iter().enumerate().map(|(index, object)| {
            act_on(&seller, shop, order.act, object, now)
                .map_err(|reason| format!("object {index}: {reason}"))
        });
        each.collect::<Result<_, _>>()?
    };
    Ok(apply(account, shop, done, now))
}

/// A page of a list was read: acts that have waited for it happen. Gives what is told of them.
pub fn page_read(account: &Account, shop: &mut Shop, now: Timestamp) -> Vec<Value> {
    let mut events = Vec::new();
    for mut deferred in std::mem::take(&mut shop.deferred) {
        deferred.pages_left -= 1;
        if deferred.pages_left > 0 {
            shop.deferred.push(deferred);
            continue;
        }
        match run(account, shop, &deferred.order, now) {
            Ok(outcome) => events.extend(outcome.events),
            Err(reason) => tracing::warn!(reason, "A deferred act of Square could not be done."),
        }
    }
    events
}
