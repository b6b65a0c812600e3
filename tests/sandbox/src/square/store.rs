//! Everything that sellers hold: bookings, customers, stale copies that lists still show, and acts
//! that wait for a list to be read.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::booking::Booking;
use super::customer::Customer;
use crate::vendor::PortalOrder;

/// Length of drawn booking ids, as real ones have it.
const ID_LENGTH: usize = 14;
const ID_LETTERS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// A booking as it was, which lists go on showing for a while.
pub struct StaleCopy {
    /// The booking as it was.
    pub booking: Booking,
    /// So many list calls still show it.
    pub reads_left: u64,
}

/// An act that happens while somebody reads a list.
pub struct Deferred {
    /// After so many more pages.
    pub pages_left: u64,
    /// The act.
    pub order: PortalOrder,
}

/// What one seller holds.
#[derive(Default)]
pub struct Shop {
    /// Bookings by id.
    pub bookings: BTreeMap<String, Booking>,
    /// Customers by id.
    pub customers: BTreeMap<String, Customer>,
    /// Copies that lists show in place of the bookings with these ids.
    pub stale: BTreeMap<String, StaleCopy>,
    /// Acts that wait.
    pub deferred: Vec<Deferred>,
    /// The customers of the account's entry, who outlive a reset.
    pub standing: Vec<Customer>,
    drawn: u64,
}

/// An id that looks like the vendor's; the same one for the same number.
fn id_of(number: u64) -> String {
    let digest = Sha256::digest(number.to_be_bytes());
    let letters = digest.iter().take(ID_LENGTH).filter_map(|byte| {
        ID_LETTERS.get(usize::from(*byte) % ID_LETTERS.len()).map(|letter| char::from(*letter))
    });
    letters.collect()
}

impl Shop {
    /// An id that no booking has.
    pub fn draw_id(&mut self) -> String {
        loop {
            self.drawn += 1;
            let id = id_of(self.drawn);
            if !self.bookings.contains_key(&id) {
                return id;
            }
        }
    }

    /// An id that no customer has.
    pub fn draw_customer_id(&mut self) -> String {
        self.draw_id().to_uppercase()
    }

    /// Puts customers in, in place of those with the same ids.
    pub fn put_customers(&mut self, customers: Vec<Customer>) {
        for customer in customers {
            self.customers.insert(customer.id.clone(), customer);
        }
    }

    /// Puts bookings in, in place of those with the same ids, and gives the ids.
    pub fn put_bookings(&mut self, bookings: Vec<Booking>) -> Vec<String> {
        let put = bookings.into_iter().map(|booking| {
            let id = booking.id.clone();
            self.stale.remove(&id);
            self.bookings.insert(id.clone(), booking);
            id
        });
        put.collect()
    }

    /// A booking as lists show it.
    pub fn listed<'a>(&'a self, booking: &'a Booking) -> &'a Booking {
        self.stale.get(&booking.id).map_or(booking, |copy| &copy.booking)
    }

    fn reset(&mut self) {
        let standing = std::mem::take(&mut self.standing);
        *self = Self { standing, ..Self::default() };
        self.put_customers(self.standing.clone());
    }
}

/// All sellers.
#[derive(Default)]
pub struct Shops(BTreeMap<String, Shop>);

impl Shops {
    /// What a seller holds, made on first use.
    pub fn of(&mut self, account: &str) -> &mut Shop {
        self.0.entry(account.to_owned()).or_default()
    }

    /// Drops what one seller holds, or all.
    pub fn reset(&mut self, account: Option<&str>) {
        let sellers = self.0.iter_mut();
        let meant = sellers.filter(|(id, _)| account.is_none_or(|account| account == *id));
        meant.for_each(|(_, shop)| shop.reset());
    }
}
