//! Everything that the accounts hold: appointments, customers and webhooks. What an order changes is
//! drafted first, so that it is done wholly or not at all.

use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;

use super::appointment::Appointment;
use super::customer::Customer;
use super::hooks::Hook;
use super::ids;

/// So many lost events are remembered.
const KEPT_DROPPED: usize = 10_000;

/// What one account holds.
#[derive(Default)]
pub struct Merchant {
    /// Appointments by id.
    pub appointments: BTreeMap<String, Appointment>,
    /// Customers by id.
    pub customers: BTreeMap<String, Customer>,
    /// Webhooks by number.
    pub hooks: BTreeMap<u64, Hook>,
    /// The number of the last webhook that was added.
    pub last_hook_id: u64,
    /// What no webhook will tell again, oldest first.
    pub dropped: VecDeque<Value>,
    drawn: u64,
}

impl Merchant {
    /// Takes a draft over.
    pub fn apply(&mut self, changes: Changes) {
        for (id, appointment) in changes.appointments {
            match appointment {
                Some(appointment) => drop(self.appointments.insert(id, appointment)),
                None => drop(self.appointments.remove(&id)),
            }
        }
        for (id, customer) in changes.customers {
            match customer {
                Some(customer) => drop(self.customers.insert(id, customer)),
                None => drop(self.customers.remove(&id)),
            }
        }
        self.drawn = changes.drawn;
    }

    /// Notes that an event will not be sent again.
    pub fn note_dropped(&mut self, event: Value) {
        self.dropped.push_back(event);
        if self.dropped.len() > KEPT_DROPPED {
            self.dropped.pop_front();
        }
    }
}

/// What is to be changed; nothing stands for what is to go.
#[derive(Default)]
pub struct Changes {
    appointments: BTreeMap<String, Option<Appointment>>,
    customers: BTreeMap<String, Option<Customer>>,
    drawn: u64,
}

/// An account as it would be.
pub struct Draft<'a> {
    merchant: &'a Merchant,
    account: &'a str,
    changes: Changes,
}

impl<'a> Draft<'a> {
    /// The account as it is.
    pub fn of(merchant: &'a Merchant, account: &'a str) -> Self {
        let changes = Changes { drawn: merchant.drawn, ..Changes::default() };
        Self { merchant, account, changes }
    }

    /// An appointment as it would be.
    pub fn appointment(&self, id: &str) -> Option<Appointment> {
        let drafted = self.changes.appointments.get(id).cloned();
        drafted.unwrap_or_else(|| self.merchant.appointments.get(id).cloned())
    }

    /// A customer as it would be.
    pub fn customer(&self, id: &str) -> Option<Customer> {
        let drafted = self.changes.customers.get(id).cloned();
        drafted.unwrap_or_else(|| self.merchant.customers.get(id).cloned())
    }

    /// Adds an appointment, or replaces the one with its id.
    pub fn put_appointment(&mut self, appointment: Appointment) {
        self.changes.appointments.insert(appointment.id.clone(), Some(appointment));
    }

    /// Adds a customer, or replaces the one with its id.
    pub fn put_customer(&mut self, customer: Customer) {
        self.changes.customers.insert(customer.id.clone(), Some(customer));
    }

    /// Takes an appointment away.
    pub fn remove_appointment(&mut self, id: &str) {
        self.changes.appointments.insert(id.to_owned(), None);
    }

    /// Takes a customer away.
    pub fn remove_customer(&mut self, id: &str) {
        self.changes.customers.insert(id.to_owned(), None);
    }

    /// An id that nothing has.
    pub fn draw_id(&mut self, kind: &str) -> String {
        loop {
            self.changes.drawn += 1;
            let id = ids::drawn(self.account, kind, self.changes.drawn);
            if self.appointment(&id).is_none() && self.customer(&id).is_none() {
                return id;
            }
        }
    }

    /// What is different from the account as it is.
    pub fn into_changes(self) -> Changes {
        self.changes
    }
}

/// All accounts.
#[derive(Default)]
pub struct Merchants(BTreeMap<String, Merchant>);

impl Merchants {
    /// What an account holds, made on first use.
    pub fn of(&mut self, account: &str) -> &mut Merchant {
        self.0.entry(account.to_owned()).or_default()
    }

    /// Drops the records of one account, or of all. Webhooks stay, as accounts do: who entered them
    /// still counts on them.
    pub fn reset(&mut self, account: Option<&str>) {
        for (of_account, merchant) in &mut self.0 {
            if account.is_none_or(|account| account == of_account) {
                let hooks = std::mem::take(&mut merchant.hooks);
                let last_hook_id = merchant.last_hook_id;
                *merchant = Merchant { hooks, last_hook_id, ..Merchant::default() };
            }
        }
    }
}
