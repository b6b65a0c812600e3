//! Bookings and customers put in from outside as if they had long been there, given one by one in
//! the vendor's own shape. Many at once are made in `generate`.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;

use super::booking::Booking;
use super::customer::{Customer, Members};
use super::seller::Seller;
use super::store::Shop;

/// What was read.
#[derive(Default)]
pub struct Read {
    /// Bookings.
    pub bookings: Vec<Booking>,
    /// Customers, those among them who came inside of a booking.
    pub customers: Vec<Customer>,
}

impl Read {
    /// Stores all and gives the ids of the bookings and then of the customers who came by
    /// themselves.
    pub fn put(self, shop: &mut Shop) -> Vec<String> {
        let inline: BTreeSet<&str> =
            self.bookings.iter().filter_map(|booking| booking.customer_id.as_deref()).collect();
        let ids = self.customers.iter().map(|customer| customer.id.clone());
        let alone: Vec<String> = ids.filter(|id| !inline.contains(id.as_str())).collect();
        shop.put_customers(self.customers);
        let mut ids = shop.put_bookings(self.bookings);
        ids.extend(alone);
        ids
    }
}

/// A customer as the account's entry has them.
pub fn standing(members: &Members, now: Timestamp) -> Result<Customer, String> {
    let id = Customer::id_in(members)?.ok_or("a customer of the account needs `id`")?;
    Customer::new(id, members, now)
}

/// The customer inside of a booking; without an id of their own they are this booking's only.
fn inline(booking_id: &str, members: &Members, now: Timestamp) -> Result<Customer, String> {
    let id = Customer::id_in(members)?;
    let id = id.unwrap_or_else(|| format!("CUSTOMER{}", booking_id.to_uppercase()));
    Customer::new(id, members, now)
}

fn booking(
    seller: &Seller<'_>,
    shop: &mut Shop,
    members: &Members,
    now: Timestamp,
) -> Result<(Booking, Option<Customer>), String> {
    let id = Booking::id_in(members)?.unwrap_or_else(|| shop.draw_id());
    let mut booking = Booking::new(seller, id, members, now)?;
    let Some(customer) = members.get("customer") else { return Ok((booking, None)) };
    if members.contains_key("customer_id") {
        return Err("give either `customer` or `customer_id`".to_owned());
    }
    let members = customer.as_object().ok_or("`customer` must be an object")?;
    let customer = inline(&booking.id, members, now)?;
    booking.customer_id = Some(customer.id.clone());
    Ok((booking, Some(customer)))
}

/// Reads objects of the vendor's shape; all or none.
pub fn read(
    seller: &Seller<'_>,
    shop: &mut Shop,
    objects: &[Value],
    now: Timestamp,
) -> Result<Read, String> {
    let mut read = Read::default();
    for (index, object) in objects.iter().enumerate() {
        let told = |reason: String| format!("objects[{index}]: {reason}");
        let members = object.as_object().ok_or_else(|| told("must be an object".to_owned()))?;
        match members.get("type").and_then(Value::as_str).unwrap_or("booking") {
            "booking" | "appointment" => {
                let (booking, customer) = booking(seller, shop, members, now).map_err(told)?;
                read.bookings.push(booking);
                read.customers.extend(customer);
            }
            "customer" => {
                let id = Customer::id_in(members).map_err(told)?;
                let id = id.unwrap_or_else(|| shop.draw_customer_id());
                read.customers.push(Customer::new(id, members, now).map_err(told)?);
            }
            other => return Err(told(format!("`type` can't be `{other}`"))),
        }
    }
    Ok(read)
}
