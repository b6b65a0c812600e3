//! The three calls that read. Appointments can be asked for by id or by customer and in no other way:
//! there is no list by date.

use serde_json::{Map, Value, json};

use super::appointment::Appointment;
use super::errors::Refusal;
use super::ids;
use super::settings::locations;
use super::store::Merchant;
use crate::accounts::Account;
use crate::vendor::VendorRequest;

/// Rows of a page unless the caller says otherwise, and the most that it can have. Neither is known.
const USUAL_PAGE_SIZE: usize = 25;
const MOST_PAGE_SIZE: usize = 100;

/// The ids that a body names.
struct Named {
    business_id: String,
    appointment_id: Option<String>,
    customer_id: Option<String>,
}

fn named_id(body: &Map<String, Value>, name: &str) -> Result<Option<String>, Refusal> {
    let Some(value) = body.get(name).filter(|value| !value.is_null()) else { return Ok(None) };
    let text = value.as_str().ok_or_else(|| Refusal::validation("ids must be text"))?;
    Ok(Some(text).filter(|text| !text.is_empty()).map(str::to_owned))
}

impl Named {
    fn of(request: &VendorRequest) -> Result<Self, Refusal> {
        let body: Map<String, Value> = serde_json::from_slice(&request.body)
            .map_err(|_| Refusal::validation("the body must be a JSON object"))?;
        let business_id = named_id(&body, "businessId")?;
        Ok(Self {
            business_id: business_id
                .ok_or_else(|| Refusal::validation("businessId is required"))?,
            appointment_id: named_id(&body, "appointmentId")?,
            customer_id: named_id(&body, "customerId")?,
        })
    }
}

/// The part of a list that is wanted.
struct Page {
    number: usize,
    size: usize,
    is_descending: bool,
}

impl Page {
    fn of(request: &VendorRequest) -> Result<Self, Refusal> {
        let number =
            |name: &str, usual: usize| match request.query_value(name) {
                None | Some("") => Ok(usual),
                Some(text) => text.parse().ok().filter(|number| *number >= 1).ok_or_else(|| {
                    Refusal::invalid_parameter("pageNumber and pageSize begin at 1")
                }),
            };
        let size = number("pageSize", USUAL_PAGE_SIZE)?;
        if size > MOST_PAGE_SIZE {
            return Err(Refusal::invalid_parameter("pageSize is at most 100"));
        }
        let is_descending = match request.query_value("orderBy") {
            None | Some("" | "asc") => false,
            Some("desc") => true,
            Some(_) => return Err(Refusal::invalid_parameter("orderBy is asc or desc")),
        };
        Ok(Self { number: number("pageNumber", 1)?, size, is_descending })
    }

    fn cut(&self, mut found: Vec<&Appointment>) -> Value {
        found.sort_by(|one, other| (one.start, &one.id).cmp(&(other.start, &other.id)));
        if self.is_descending {
            found.reverse();
        }
        let before = self.size.saturating_mul(self.number - 1);
        found.into_iter().skip(before).take(self.size).map(Appointment::row).collect()
    }
}

/// `POST …/locations`.
pub fn all_locations(account: &Account) -> Value {
    let group = ids::drawn(&account.account, "group", 0);
    let rows = locations(account).into_iter().map(|location| {
        json!({
            "businessId": location.id,
            "businessGroupId": group,
            "businessName": location.name,
        })
    });
    rows.collect()
}

/// `POST …/appointments`. An id of another account's or location's finds nothing, like any other.
pub fn appointments(merchant: &Merchant, request: &VendorRequest) -> Result<Value, Refusal> {
    let named = Named::of(request)?;
    let page = Page::of(request)?;
    let is_meant = |one: &&Appointment| {
        one.business_id == named.business_id
            && named.customer_id.as_ref().is_none_or(|id| one.customer_id.as_ref() == Some(id))
    };
    let found: Vec<&Appointment> = match (&named.appointment_id, &named.customer_id) {
        (None, None) => {
            return Err(Refusal::validation("appointmentId or customerId is required"));
        }
        (Some(id), _) => merchant.appointments.get(id).into_iter().filter(is_meant).collect(),
        (None, Some(_)) => merchant.appointments.values().filter(is_meant).collect(),
    };
    Ok(page.cut(found))
}

/// `POST …/customers`.
pub fn customers(
    account: &Account,
    merchant: &Merchant,
    request: &VendorRequest,
) -> Result<Value, Refusal> {
    let named = Named::of(request)?;
    let customer_id =
        named.customer_id.ok_or_else(|| Refusal::validation("customerId is required"))?;
    let found = merchant.customers.get(&customer_id);
    let found = found.filter(|customer| customer.is_of(&named.business_id));
    Ok(found.map(|customer| customer.row(&account.account)).into_iter().collect())
}
