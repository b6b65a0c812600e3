//! What an appointment of Acuity's is in the platform's terms.
//!
//! Members and their meaning: developers.acuityscheduling.com, "GET appointments". Kept is what is
//! named here and nothing else: no notes, forms, prices, places or links.

use jiff::{SignedDuration, Timestamp};
use sync_domain::model::{DetailName, Details, ExternalId, Person, RemoteBooking, RemoteState};
use sync_domain::ports::UnreadableBooking;

use super::scalar::Scalar;
use super::wire::Appointment;
use crate::person_fields;

/// A year. What lasts longer is no appointment.
const MINUTES_MAX: u64 = 366 * 24 * 60;
/// The end of the year 9998: beyond it, an end could not be written down.
const STARTS_BEFORE: Timestamp = Timestamp::constant(253_370_764_800, 0);

impl Appointment {
    /// The vendor's id.
    pub fn external_id(&self) -> Option<ExternalId> {
        self.id.number().map(|id| ExternalId::new(id.to_string()))
    }

    /// When it begins: `2026-05-12T14:00:00-0400`, an offset without a colon. `time`, `endTime` and
    /// `date` are for people and in whichever zone.
    pub fn starts_at(&self) -> Option<Timestamp> {
        let starts_at: Timestamp = self.datetime.text()?.trim().parse().ok()?;
        (Timestamp::UNIX_EPOCH..STARTS_BEFORE).contains(&starts_at).then_some(starts_at)
    }

    /// `noShow` is the more exact word: it comes with cancelled appointments only.
    fn state(&self) -> RemoteState {
        if self.no_show.is_true() {
            RemoteState::NoShow
        } else if self.canceled.is_true() {
            RemoteState::Cancelled
        } else {
            RemoteState::Standing
        }
    }

    fn person(&self, default_region: Option<&str>) -> Person {
        Person {
            first_name: name_of(&self.first_name),
            last_name: name_of(&self.last_name),
            email: email_of(&self.email),
            phone: phone_of(&self.phone, default_region),
        }
    }

    fn details(&self) -> Details {
        let id = |scalar: &Scalar| scalar.number().map(|id| id.to_string());
        let details = [
            (DetailName::ServiceId, id(&self.type_id)),
            (DetailName::ServiceName, name_of(&self.type_name)),
            (DetailName::ResourceId, id(&self.calendar_id)),
            (DetailName::ClassId, id(&self.class_id)),
            (DetailName::ClientTimeZone, zone_of(&self.client_zone)),
            (DetailName::ResourceTimeZone, zone_of(&self.calendar_zone)),
        ];
        details.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

/// The booking that an appointment is. `default_region` is the tenant's, for phone numbers. There is
/// no version: Acuity has none, and `datetimeCreated` does not move.
///
/// # Errors
/// The member without which there is no booking.
pub fn booking_of(
    appointment: &Appointment,
    default_region: Option<&str>,
) -> Result<RemoteBooking, UnreadableBooking> {
    let unreadable = |field| UnreadableBooking { external_id: appointment.external_id(), field };
    let external_id = appointment.external_id().ok_or_else(|| unreadable("id"))?;
    let starts_at = appointment.starts_at().ok_or_else(|| unreadable("datetime"))?;
    let minutes = appointment.duration.number().filter(|minutes| *minutes <= MINUTES_MAX);
    let minutes = minutes.and_then(|minutes| i64::try_from(minutes).ok());
    let ends_at = minutes
        .and_then(|minutes| starts_at.checked_add(SignedDuration::from_mins(minutes)).ok())
        .ok_or_else(|| unreadable("duration"))?;
    Ok(RemoteBooking {
        external_id,
        starts_at,
        ends_at,
        state: appointment.state(),
        person: Some(appointment.person(default_region)),
        details: appointment.details(),
        provider_version: None,
    })
}

fn name_of(scalar: &Scalar) -> Option<String> {
    person_fields::name_of(scalar.text()?)
}

fn email_of(scalar: &Scalar) -> Option<String> {
    person_fields::email_of(scalar.text()?)
}

/// A phone number may come as a JSON number.
fn phone_of(scalar: &Scalar, default_region: Option<&str>) -> Option<String> {
    let digits;
    let text = match scalar {
        Scalar::Text(text) => text,
        Scalar::Number(number) => {
            digits = number.to_string();
            &digits
        }
        Scalar::Other | Scalar::Flag(_) => return None,
    };
    person_fields::phone_of(text, default_region)
}

/// A text that looks like the name of a time zone, `None` for any other.
pub fn zone_of(scalar: &Scalar) -> Option<String> {
    person_fields::zone_of(scalar.text()?)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use sync_domain::model::{DetailName, RemoteBooking, RemoteState};
    use sync_domain::ports::UnreadableBooking;

    use super::booking_of;

    fn booking(
        members: &[(&str, Value)],
        region: Option<&str>,
    ) -> Result<RemoteBooking, UnreadableBooking> {
        let mut row = json!({"id": 7, "datetime": "2026-05-12T14:00:00-0400", "duration": "60"});
        for (name, value) in members {
            row[*name] = value.clone();
        }
        booking_of(&serde_json::from_value(row).unwrap(), region)
    }

    fn field_of(name: &str, value: Value) -> Option<&'static str> {
        booking(&[(name, value)], None).err().map(|unreadable| unreadable.field)
    }

    #[test]
    fn booking_needs_an_id_a_start_and_a_duration_and_nothing_else() {
        let booking = booking(&[], None).unwrap();
        assert_eq!(booking.external_id.as_str(), "7");
        assert_eq!(booking.starts_at.to_string(), "2026-05-12T18:00:00Z");
        assert_eq!(booking.ends_at.to_string(), "2026-05-12T19:00:00Z");
        assert_eq!(booking.state, RemoteState::Standing);
        assert_eq!(booking.person, Some(Default::default()));
        assert!(booking.details.is_empty() && booking.provider_version.is_none());
    }

    #[test]
    fn unreadable_booking_names_the_member_and_keeps_the_id() {
        for value in [json!(null), json!(""), json!("x1"), json!(-4), json!(1.5)] {
            assert_eq!(field_of("id", value), Some("id"));
        }
        for value in [
            json!(null),
            json!(""),
            json!("tomorrow"),
            json!(1_790_000_000),
            json!("2026-05-12"),
            json!("2026-05-12T14:00:00"),
            json!("2026-02-30T14:00:00-0400"),
            json!("1969-12-31T23:59:59+0000"),
            json!("9999-06-01T00:00:00+0000"),
        ] {
            assert_eq!(field_of("datetime", value.clone()), Some("datetime"), "{value}");
        }
        for value in [
            json!(null),
            json!(""),
            json!("0"),
            json!(0),
            json!(-30),
            json!("-30"),
            json!("an hour"),
            json!("60.5"),
            json!(60.5),
            json!(99_999_999),
            json!(true),
        ] {
            assert_eq!(field_of("duration", value.clone()), Some("duration"), "{value}");
        }
        let id = booking(&[("duration", json!("0"))], None).unwrap_err().external_id.unwrap();
        assert_eq!(id.as_str(), "7");
    }

    #[test]
    fn start_is_read_with_every_form_of_offset() {
        for text in [
            "2026-05-12T14:00:00-0400",
            "2026-05-12T14:00:00-04:00",
            "2026-05-12T18:00:00Z",
            "2026-05-12T18:00:00+0000",
            "2026-05-12T23:45:00+0545",
        ] {
            let start = booking(&[("datetime", json!(text))], None).unwrap().starts_at;
            assert_eq!(start.to_string(), "2026-05-12T18:00:00Z", "{text}");
        }
    }

    #[test]
    fn no_show_is_told_before_cancelled() {
        for (canceled, no_show, state) in [
            (json!(false), json!(false), RemoteState::Standing),
            (json!(null), json!(null), RemoteState::Standing),
            (json!(true), json!(false), RemoteState::Cancelled),
            (json!(true), json!(null), RemoteState::Cancelled),
            (json!(true), json!(true), RemoteState::NoShow),
            (json!(false), json!(true), RemoteState::NoShow),
        ] {
            let row = booking(&[("canceled", canceled), ("noShow", no_show)], None).unwrap();
            assert_eq!(row.state, state);
        }
    }

    #[test]
    fn person_is_in_the_form_that_people_are_compared_in() {
        let long = "é".repeat(400);
        let person = booking(
            &[
                ("firstName", json!("  Ada\u{7}\r\n ")),
                ("lastName", json!(long)),
                ("email", json!(" Ada@Example.COM ")),
                ("phone", json!("(415) 555-2671")),
            ],
            Some("US"),
        );
        let person = person.unwrap().person.unwrap();
        assert_eq!(person.first_name.as_deref(), Some("Ada"));
        assert_eq!(person.last_name.map(|name| name.len()), Some(256));
        assert_eq!(person.email.as_deref(), Some("ada@example.com"));
        assert_eq!(person.phone.as_deref(), Some("+14155552671"));
    }

    #[test]
    fn person_has_no_email_where_the_text_is_none_and_keeps_a_phone_as_typed() {
        for email in [json!(""), json!("none"), json!("n/a"), json!("a@b"), json!(null), json!(7)] {
            assert_eq!(booking(&[("email", email)], None).unwrap().person.unwrap().email, None);
        }
        let phone =
            |value: Value| booking(&[("phone", value)], Some("DE")).unwrap().person.unwrap().phone;
        assert_eq!(phone(json!(" call me ")).as_deref(), Some("call me"));
        assert_eq!(phone(json!(4_930_901_820_i64)).as_deref(), Some("+4930901820"));
        assert_eq!(phone(json!(" ")), None);
    }

    #[test]
    fn details_are_ids_and_names_of_the_catalogue_and_time_zones() {
        let row = booking(
            &[
                ("appointmentTypeID", json!("11")),
                ("type", json!(" Cut\u{0} & colour ")),
                ("calendarID", json!(12)),
                ("classID", json!(13)),
                ("timezone", json!("America/New_York")),
                ("calendarTimezone", json!("my <zone>")),
                ("notes", json!("canary")),
                ("location", json!("canary")),
                ("price", json!("10.00")),
                ("formsText", json!("canary")),
            ],
            None,
        );
        let details = row.unwrap().details;
        let expected = [
            (DetailName::ServiceId, "11"),
            (DetailName::ServiceName, "Cut & colour"),
            (DetailName::ResourceId, "12"),
            (DetailName::ClassId, "13"),
            (DetailName::ClientTimeZone, "America/New_York"),
        ];
        let expected = expected.map(|(name, value)| (name, value.to_owned()));
        assert_eq!(details, expected.into());
    }
}
