//! An appointment as Acuity's answers show it.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::appointment::Appointment;
use super::business::Business;

/// What all rows of one answer share.
pub struct Page<'a> {
    /// Id of the account.
    pub account: &'a str,
    /// Its business.
    pub business: &'a Business,
    /// Whether intake forms are shown.
    pub with_forms: bool,
    /// The instant of the answer.
    pub now: Timestamp,
}

fn in_zone(at: Timestamp, zone: &TimeZone) -> Zoned {
    at.to_zoned(zone.clone())
}

/// With an offset that has no colon.
fn iso(at: &Zoned) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%z").to_string()
}

fn human_date(at: &Zoned) -> String {
    at.strftime("%B %-d, %Y").to_string()
}

fn clock(at: &Zoned) -> String {
    at.strftime("%-I:%M%P").to_string()
}

impl Page<'_> {
    /// One row.
    pub fn row(&self, appointment: &Appointment) -> Value {
        let mut row = self.times(appointment);
        self.add_offer(appointment, &mut row);
        self.add_client(appointment, &mut row);
        if appointment.is_canceled {
            row["noShow"] = json!(appointment.is_no_show);
        }
        let forms = appointment.details.get("forms").filter(|_| self.with_forms);
        let answers = forms.map(answers_as_text).unwrap_or_default();
        if self.with_forms {
            row["forms"] = forms.cloned().unwrap_or_else(|| json!([]));
        }
        row["formsText"] = json!(format!("{}{answers}", contact_as_text(appointment)));
        for (name, value) in &appointment.raw {
            match (row.as_object_mut(), value.is_null()) {
                (Some(members), true) => drop(members.remove(name)),
                (Some(_) | None, _) => row[name.as_str()] = value.clone(),
            }
        }
        row
    }

    fn times(&self, appointment: &Appointment) -> Value {
        let zone = self.business.zone_of(appointment.calendar_id);
        let start = in_zone(appointment.start, zone);
        let length = SignedDuration::from_mins(appointment.minutes);
        let end = appointment.start.checked_add(length).unwrap_or(appointment.start);
        let created = in_zone(appointment.created, self.business.zone());
        let is_ahead = appointment.start > self.now && !appointment.is_canceled;
        json!({
            "id": appointment.id,
            "date": human_date(&start),
            "time": clock(&start),
            "endTime": clock(&in_zone(end, zone)),
            "dateCreated": human_date(&created),
            "datetimeCreated": iso(&created),
            "datetime": iso(&start),
            "duration": appointment.minutes.to_string(),
            "calendarTimezone": zone.iana_name(),
            "timezone": self.business.zone().iana_name(),
            "canceled": appointment.is_canceled,
            "canClientCancel": is_ahead,
            "canClientReschedule": is_ahead,
        })
    }

    fn add_offer(&self, appointment: &Appointment, row: &mut Value) {
        let offered = self.business.appointment_type(appointment.type_id);
        let calendar = self.business.desk(appointment.calendar_id);
        let price = offered.map_or("0.00", |one| one.price.as_str());
        let calendar_name = calendar.map(|desk| desk.name().to_owned());
        let type_name = offered.map(|one| one.name.clone());
        row["appointmentTypeID"] = json!(appointment.type_id);
        row["type"] = json!(type_name.unwrap_or_else(|| format!("Type {}", appointment.type_id)));
        row["category"] = json!(offered.map_or("", |one| one.category.as_str()));
        row["classID"] = json!(appointment.class_id);
        row["addonIDs"] = json!([]);
        row["calendarID"] = json!(appointment.calendar_id);
        row["calendar"] =
            json!(calendar_name.unwrap_or_else(|| format!("Calendar {}", appointment.calendar_id)));
        row["price"] = json!(price);
        row["priceSold"] = json!(price);
        row["amountPaid"] = json!("0.00");
        row["paid"] = json!("no");
        row["certificate"] = Value::Null;
        row["location"] = json!("");
        row["labels"] = Value::Null;
    }

    fn add_client(&self, appointment: &Appointment, row: &mut Value) {
        let secret = format!("{}/{}", self.account, appointment.id);
        let secret = hex::encode(Sha256::digest(secret)).chars().take(32).collect::<String>();
        let page = "https://acuity.example/schedule.php";
        let page = format!("{page}?owner={}&action=appt&id%5B%5D={secret}", self.account);
        row["confirmationPagePaymentLink"] = json!(format!("{page}&paymentLink=true"));
        row["confirmationPage"] = json!(page);
        for name in ["firstName", "lastName", "phone", "email", "notes"] {
            row[name] = json!("");
        }
        row["scheduledBy"] = Value::Null;
        row["isVerified"] = json!(false);
        let details = appointment.details.iter().filter(|(name, _)| *name != "forms");
        for (name, value) in details {
            row[name.as_str()] = value.clone();
        }
    }
}

fn contact_as_text(appointment: &Appointment) -> String {
    format!(
        "Name: {} {}\nPhone: {}\nEmail: {}\n",
        appointment.text("firstName"),
        appointment.text("lastName"),
        appointment.text("phone"),
        appointment.text("email"),
    )
}

fn answers_as_text(forms: &Value) -> String {
    let forms = forms.as_array().into_iter().flatten();
    let answers = forms.flat_map(|form| form["values"].as_array().into_iter().flatten());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    answers.map(|one| format!("{}: {}\n", text(&one["name"]), text(&one["value"]))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Page;
    use crate::accounts::accounts_from_json;
    use crate::acuity::appointment::Appointment;
    use crate::acuity::business::Business;

    fn row(members: &Value, with_forms: bool) -> Value {
        let json = r#"[{"system":"acuity","account":"5","api_key":"k","time_zone":"America/Denver",
            "calendars":[{"id":1,"name":"Anna"},
                         {"id":2,"name":"Ben","timezone":"Asia/Kolkata"}],
            "appointment_types":[{"id":7,"name":"Cut","duration":30,"price":"25.00"}]}]"#;
        let account = accounts_from_json(json).unwrap().remove(0);
        let business = Business::of(&account).unwrap();
        let now = "2026-05-01T00:00:00Z".parse().unwrap();
        let members = members.as_object().unwrap();
        let appointment = Appointment::new(&business, 9, members, now).unwrap();
        Page { account: "5", business: &business, with_forms, now }.row(&appointment)
    }

    #[test]
    fn times_are_on_the_calendars_clock_and_the_offset_has_no_colon() {
        let anna = row(&json!({ "datetime": "2026-05-12T23:45:00-0600" }), true);
        for (name, expected) in [
            ("datetime", json!("2026-05-12T23:45:00-0600")),
            ("date", json!("May 12, 2026")),
            ("time", json!("11:45pm")),
            ("endTime", json!("12:15am")),
            ("duration", json!("30")),
            ("price", json!("25.00")),
            ("calendarTimezone", json!("America/Denver")),
            ("datetimeCreated", json!("2026-04-30T18:00:00-0600")),
            ("canceled", json!(false)),
            ("canClientCancel", json!(true)),
            ("paid", json!("no")),
            ("type", json!("Cut")),
        ] {
            assert_eq!(anna[name], expected, "{name}");
        }
        let ben = row(&json!({ "datetime": "2026-05-12T14:00:00", "calendarID": 2 }), true);
        assert_eq!(ben["datetime"], "2026-05-12T14:00:00+0530");
        assert_eq!(ben["datetimeCreated"], "2026-04-30T18:00:00-0600");
    }

    #[test]
    fn no_show_is_on_cancelled_rows_only() {
        let start = "2026-05-12T14:00:00Z";
        assert!(row(&json!({ "datetime": start }), true).get("noShow").is_none());
        let called_off = row(&json!({ "datetime": start, "canceled": true }), true);
        assert_eq!(called_off["noShow"], false);
        let missed = row(&json!({ "datetime": start, "noShow": true }), true);
        assert_eq!((&missed["noShow"], &missed["canceled"]), (&json!(true), &json!(true)));
    }

    #[test]
    fn forms_are_left_out_of_the_row_and_of_its_text() {
        let forms = json!([{ "id": 1, "name": "Health", "values": [
            { "id": 2, "fieldID": 3, "name": "Allergies", "value": "pollen" }] }]);
        let members = json!({ "datetime": "2026-05-12T14:00:00Z", "forms": forms,
            "email": "a@example.com" });
        let with = row(&members, true);
        assert_eq!(with["forms"], forms);
        assert!(with["formsText"].as_str().unwrap().contains("pollen"));
        let without = row(&members, false);
        assert!(without.get("forms").is_none());
        let text = without["formsText"].as_str().unwrap();
        assert!(text.contains("a@example.com") && !text.contains("pollen"));
    }

    #[test]
    fn raw_members_replace_and_remove() {
        let members = json!({ "datetime": "2026-05-12T14:00:00Z",
            "raw": { "duration": null, "datetime": "soon", "extra": 1 } });
        let broken = row(&members, true);
        assert!(broken.get("duration").is_none());
        assert_eq!((&broken["datetime"], &broken["extra"]), (&json!("soon"), &json!(1)));
    }
}
