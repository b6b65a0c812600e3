//! An appointment in each booking system's own shape, and what of that shape we keep.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::booking_system::{Appointment, Fate};

fn text(object: &Value, name: &str) -> String {
    object[name].as_str().unwrap_or_default().to_owned()
}

fn moment(object: &Value, name: &str) -> Timestamp {
    text(object, name).parse().unwrap_or_else(|error| panic!("{name} of {object}: {error}"))
}

/// The customer of that id; nobody where there is none.
fn customer<'a>(customers: &'a [Value], member: &str, id: &Value) -> &'a Value {
    customers.iter().find(|customer| customer[member] == *id).unwrap_or(&Value::Null)
}

/// Members that are not empty.
fn present(members: &[(&str, &str)]) -> Value {
    let present = members.iter().filter(|(_, value)| !value.is_empty());
    present.map(|(name, value)| ((*name).to_owned(), json!(value))).collect()
}

/// The calendars of an account of Acuity's.
pub fn calendars() -> Value {
    (1..=3).map(|id| json!({"id": id, "name": format!("Calendar {id}")})).collect()
}

pub fn acuity(appointment: &Appointment) -> Value {
    let mut shaped = json!({
        "id": appointment.id,
        "datetime": appointment.starts_at.to_string(),
        "duration": appointment.minutes,
        "firstName": appointment.first_name,
        "lastName": appointment.last_name,
        "email": appointment.email,
        "phone": appointment.phone,
        "canceled": appointment.fate != Fate::Standing,
        "noShow": appointment.fate == Fate::NoShow,
    });
    for (name, id) in [
        ("calendarID", appointment.calendar),
        ("appointmentTypeID", appointment.service),
        ("classID", appointment.class),
    ] {
        if let Some(id) = id {
            shaped[name] = json!(id);
        }
    }
    shaped
}

pub fn square(appointment: &Appointment) -> Value {
    json!({
        "id": appointment.id.to_string(),
        "start_at": appointment.starts_at.to_string(),
        "duration_minutes": appointment.minutes,
        "status": match appointment.fate {
            Fate::Standing => "ACCEPTED",
            Fate::Cancelled => "CANCELLED_BY_SELLER",
            Fate::NoShow => "NO_SHOW",
        },
        "customer": present(&[
            ("given_name", &appointment.first_name),
            ("family_name", &appointment.last_name),
            ("email_address", &appointment.email),
            ("phone_number", &appointment.phone),
        ]),
    })
}

pub fn vagaro(appointment: &Appointment) -> Value {
    let minutes = SignedDuration::from_mins(i64::try_from(appointment.minutes).unwrap());
    json!({
        "appointmentId": appointment.id.to_string(),
        "startTime": appointment.starts_at.to_string(),
        "endTime": (appointment.starts_at + minutes).to_string(),
        "bookingStatus": match appointment.fate {
            Fate::Standing => "Accepted",
            Fate::Cancelled => "Cancel",
            Fate::NoShow => "No Show",
        },
        "customer": present(&[
            ("customerFirstName", &appointment.first_name),
            ("customerLastName", &appointment.last_name),
            ("email", &appointment.email),
            ("mobilePhone", &appointment.phone),
        ]),
    })
}

pub fn kept_of_acuity(object: &Value) -> Value {
    let starts_at = moment(object, "datetime");
    let minutes = text(object, "duration").parse().unwrap();
    let is_off = object["canceled"] == true;
    let reason = if object["noShow"] == true { "no_show" } else { "cancelled" };
    json!({
        "external_id": object["id"].to_string(),
        "start_time": starts_at.to_string(),
        "end_time": (starts_at + SignedDuration::from_mins(minutes)).to_string(),
        "is_cancelled": is_off,
        "reason": if is_off { reason } else { "" },
        "first_name": text(object, "firstName"),
        "last_name": text(object, "lastName"),
        "client_email": text(object, "email").to_lowercase(),
    })
}

pub fn kept_of_square(object: &Value, customers: &[Value]) -> Value {
    let starts_at = moment(object, "start_at");
    let segments = object["appointment_segments"].as_array().unwrap();
    let minutes = segments.iter().map(|it| it["duration_minutes"].as_i64().unwrap()).sum();
    let reason = match object["status"].as_str().unwrap() {
        "NO_SHOW" => "no_show",
        "DECLINED" => "declined",
        "CANCELLED_BY_SELLER" | "CANCELLED_BY_CUSTOMER" => "cancelled",
        _ => "",
    };
    let person = customer(customers, "id", &object["customer_id"]);
    json!({
        "external_id": object["id"],
        "start_time": starts_at.to_string(),
        "end_time": (starts_at + SignedDuration::from_mins(minutes)).to_string(),
        "is_cancelled": !reason.is_empty(),
        "reason": reason,
        "first_name": text(person, "given_name"),
        "last_name": text(person, "family_name"),
        "client_email": text(person, "email_address").to_lowercase(),
    })
}

pub fn kept_of_vagaro(object: &Value, customers: &[Value]) -> Value {
    let reason = match object["bookingStatus"].as_str().unwrap() {
        "No Show" => "no_show",
        "Denied" => "declined",
        "Deleted" => "deleted",
        "Cancel" => "cancelled",
        _ => "",
    };
    let person = customer(customers, "customerId", &object["customerId"]);
    json!({
        "external_id": object["appointmentId"],
        "start_time": moment(object, "startTime").to_string(),
        "end_time": moment(object, "endTime").to_string(),
        "is_cancelled": !reason.is_empty(),
        "reason": reason,
        "first_name": text(person, "customerFirstName"),
        "last_name": text(person, "customerLastName"),
        "client_email": text(person, "email").to_lowercase(),
    })
}
