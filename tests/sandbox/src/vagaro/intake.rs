//! Appointments and customers put in from outside, given one by one in the vendor's own shape.

use jiff::Timestamp;
use serde_json::Value;

use super::appointment::Appointment;
use super::customer::Customer;
use super::ids;
use super::members::{Members, object};
use super::store::Draft;
use crate::accounts::Account;

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordType {
    /// An appointment, unless something else is said.
    Appointment,
    /// A customer.
    Customer,
}

impl RecordType {
    /// Reads the name of the control API.
    pub fn from_name(name: Option<&str>) -> Result<Self, String> {
        match name {
            None | Some("appointment") => Ok(Self::Appointment),
            Some("customer") => Ok(Self::Customer),
            Some(_) => Err("`type` can only be appointment or customer".to_owned()),
        }
    }
}

/// An id among members, if they have it.
pub fn given_id(members: &Members, name: &str) -> Result<Option<String>, String> {
    members.get(name).map(|value| ids::read(name, value)).transpose()
}

/// Drafts an appointment with who booked it: by `customerId`, by the members of `customer`, by both,
/// or nobody. A `customerId` alone need not be anybody's.
pub fn appointment(
    draft: &mut Draft<'_>,
    account: &Account,
    members: &Members,
    now: Timestamp,
) -> Result<Appointment, String> {
    let id = match given_id(members, "appointmentId")? {
        Some(id) => id,
        None => draft.draw_id("appointment"),
    };
    let mut made = Appointment::new(id, &account.account, members, now)?;
    let customer_id = given_id(members, "customerId")?;
    let given = members.get("customer").map(|value| object("customer", value)).transpose()?;
    let known = customer_id.as_deref().and_then(|id| draft.customer(id));
    let customer = match (known, given) {
        (Some(known), _) => Some(known),
        (None, Some(_)) => {
            let id = customer_id.clone().unwrap_or_else(|| draft.draw_id("customer"));
            Some(Customer::new(id, now))
        }
        (None, None) => None,
    };
    made.customer_id = customer.as_ref().map(|customer| customer.id.clone()).or(customer_id);
    if let Some(mut customer) = customer {
        customer.belongs_to(&made.business_id);
        customer.set(given.unwrap_or(&Members::new()))?;
        draft.put_customer(customer);
    }
    draft.put_appointment(made.clone());
    Ok(made)
}

/// Drafts a customer, of the account's first location unless the members say otherwise.
pub fn customer(
    draft: &mut Draft<'_>,
    account: &Account,
    members: &Members,
    now: Timestamp,
) -> Result<Customer, String> {
    let id = match given_id(members, "customerId")? {
        Some(id) => id,
        None => draft.draw_id("customer"),
    };
    let mut made = Customer::new(id, now);
    made.belongs_to(&account.account);
    made.set(members)?;
    draft.put_customer(made.clone());
    Ok(made)
}

/// Drafts objects of the vendor's shape, and gives their ids.
pub fn read(
    draft: &mut Draft<'_>,
    account: &Account,
    objects: &[Value],
    now: Timestamp,
) -> Result<Vec<String>, String> {
    let read = objects.iter().enumerate().map(|(index, object)| {
        let members = object.as_object().ok_or("must be an object".to_owned());
        let read = members.and_then(|members| {
            Ok(match RecordType::from_name(members.get("type").and_then(Value::as_str))? {
                RecordType::Appointment => appointment(draft, account, members, now)?.id,
                RecordType::Customer => customer(draft, account, members, now)?.id,
            })
        });
        read.map_err(|reason| format!("objects[{index}]: {reason}"))
    });
    read.collect()
}
