//! A person, an organization or a deal as our attributes.

use jiff::Timestamp;
use sync_domain::model::{
    AttributeName, Attributes, CrmDraft, ExternalId, ObjectType, normalised_remote,
};
use sync_domain::ports::RemoteRecord;

use super::entries::primary;
use super::mapping::{Fields, full_name};
use super::values::date_of;
use super::wire::{Entry, Record};

/// The longest value that is taken over: all values of a record together must fit into one item.
const VALUE_MAX_BYTES: usize = 65_536;

/// A record as Pipedrive holds it, `None` when it comes without an id.
pub fn remote_record(
    object_type: ObjectType,
    record: &Record,
    fields: &Fields<'_>,
) -> Option<RemoteRecord> {
    let created_at = instant(record.add_time.get());
    let attributes = values_of(object_type, record, fields);
    Some(RemoteRecord {
        external_id: ExternalId::new(record.id.id()?),
        attributes: attributes
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .map(|(name, value)| (name, clipped(normalised_remote(name, value, fields.region))))
            .filter(|(_name, value)| !value.is_empty())
            .collect(),
        created_at,
        provider_version: instant(record.update_time.get()).or(created_at),
    })
}

/// First and last name; empty where Pipedrive has just the email in the place of a name.
pub fn names_of(record: &Record) -> (&str, &str) {
    let name = record.name.get().unwrap_or_default();
    let mut emails = record.emails.iter().flatten().filter_map(|entry| entry.value.get());
    if emails.any(|email| email.eq_ignore_ascii_case(name)) {
        return ("", "");
    }
    match (record.first_name.get(), record.last_name.get()) {
        (None, None) => (name, ""),
        (first, last) => (first.unwrap_or_default(), last.unwrap_or_default()),
    }
}

fn values_of<'r>(
    object_type: ObjectType,
    record: &'r Record,
    fields: &Fields<'_>,
) -> Vec<(AttributeName, Option<&'r str>)> {
    let custom = |code: Option<&str>| record.custom_fields.get(code?);
    match object_type {
        ObjectType::Contact => {
            let (first, last) = names_of(record);
            vec![
                (AttributeName::Email, first_of(record.emails.as_deref())),
                (AttributeName::Phone, first_of(record.phones.as_deref())),
                (AttributeName::Firstname, Some(first)),
                (AttributeName::Lastname, Some(last)),
            ]
        }
        ObjectType::Company => {
            let domain = match fields.domain {
                Some(code) => record.custom_fields.get(code),
                None => record.website.get(),
            };
            vec![
                (AttributeName::Reference, custom(fields.key)),
                (AttributeName::Name, record.name.get()),
                (AttributeName::Domain, domain),
            ]
        }
        ObjectType::Deal => vec![
            (AttributeName::Reference, custom(fields.key)),
            (AttributeName::Name, record.title.get()),
            (AttributeName::Amount, record.value.get()),
            (AttributeName::Pipeline, record.pipeline_id.get()),
            (AttributeName::Stage, record.stage_id.get()),
            (AttributeName::Closedate, record.expected_close_date.get()),
        ],
    }
}

fn first_of(entries: Option<&[Entry]>) -> Option<&str> {
    primary(entries?)
}

fn instant(text: Option<&str>) -> Option<Timestamp> {
    text?.parse().ok()
}

fn clipped(mut value: String) -> String {
    value.truncate(value.floor_char_boundary(VALUE_MAX_BYTES));
    value
}

/// What the record is in the draft's own words, where Pipedrive has no others: it keeps one name and
/// splits it by itself, a date without a time, 0 for no value, and, without our field, no reference.
/// Otherwise the same upsert would look like a change for ever.
pub fn in_words_of(draft: &CrmDraft, record: &Record, remote: &mut RemoteRecord, has_key: bool) {
    let (wanted, held) = (&draft.attributes, &mut remote.attributes);
    if draft.object_type == ObjectType::Contact {
        name_in_words_of(wanted, record, held);
    } else if !has_key {
        held.set(AttributeName::Reference, draft.natural_key.expose());
    }
    if let (Some(closedate), Some(date)) =
        (wanted.get(AttributeName::Closedate), record.expected_close_date.get())
        && date_of(closedate) == date
    {
        held.set(AttributeName::Closedate, closedate);
    }
    if wanted.get(AttributeName::Amount) == Some("") && held.get(AttributeName::Amount) == Some("0")
    {
        held.set(AttributeName::Amount, "");
    }
}

fn name_in_words_of(wanted: &Attributes, record: &Record, held: &mut Attributes) {
    let names = [AttributeName::Firstname, AttributeName::Lastname];
    let (first, last) = names_of(record);
    let [first, last] = [(names[0], first), (names[1], last)]
        .map(|(name, held)| wanted.get(name).unwrap_or(held).to_owned());
    let is_same = full_name(&first, &last) == full_name(record.name.get().unwrap_or_default(), "");
    if is_same {
        for (name, value) in names.into_iter().zip([first, last]) {
            held.set(name, value);
        }
    }
}

/// The company of a person or a deal, or the person of a deal.
pub fn associated(record: &Record, object_type: ObjectType) -> Option<ExternalId> {
    let id = match object_type {
        ObjectType::Contact => &record.person_id,
        ObjectType::Company => &record.org_id,
        ObjectType::Deal => return None,
    };
    id.id().map(ExternalId::new)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use sync_domain::model::{AttributeName, Attributes, ObjectType, draft_of};

    use super::{Fields, Record, in_words_of, remote_record};

    const FIELDS: Fields<'_> = Fields { key: Some("k"), domain: None, region: Some("US") };

    fn read(object_type: ObjectType, record: &Value) -> Attributes {
        let record: Record = serde_json::from_value(record.clone()).unwrap();
        remote_record(object_type, &record, &FIELDS).unwrap().attributes
    }

    fn pairs(attributes: &Attributes) -> Vec<(&'static str, String)> {
        attributes.iter().map(|(name, value)| (name.as_str(), value.to_owned())).collect()
    }

    fn in_words(object_type: ObjectType, wanted: Value, record: Value) -> bool {
        let draft = draft_of(object_type, wanted.as_object().unwrap(), Some("US")).unwrap();
        let record: Record = serde_json::from_value(record).unwrap();
        let mut remote = remote_record(object_type, &record, &FIELDS).unwrap();
        in_words_of(&draft, &record, &mut remote, true);
        remote.attributes.contains_all(&draft.attributes)
    }

    #[test]
    fn person_is_read_with_its_primary_values() {
        let person = json!({
            "id": 7, "name": "Ada Lovelace", "first_name": "Ada", "last_name": null,
            "emails": [{"value": "x@b.co"}, {"value": "A@B.co", "primary": true}],
            "phones": [{"value": "", "primary": true}, {"value": "415 555 2671"}],
        });
        let expected = [("email", "a@b.co"), ("phone", "+14155552671"), ("firstname", "Ada")];
        let read = read(ObjectType::Contact, &person);
        assert_eq!(pairs(&read), expected.map(|(name, value)| (name, value.to_owned())));
    }

    #[test]
    fn organization_and_deal_are_read_in_our_form() {
        let organization = json!({"id": 7, "name": "Works", "website": "https://www.Example.com/a",
            "custom_fields": {"k": "c-1"}});
        let read_organization = read(ObjectType::Company, &organization);
        assert_eq!(read_organization.get(AttributeName::Domain), Some("example.com"));
        assert_eq!(read_organization.get(AttributeName::Reference), Some("c-1"));
        let deal = json!({"id": 7, "title": "Big", "value": "1200.50", "stage_id": "9",
            "pipeline_id": 1, "expected_close_date": "2026-12-24", "custom_fields": null});
        let deal = read(ObjectType::Deal, &deal);
        let value = |name| deal.get(name).unwrap().to_owned();
        assert_eq!(value(AttributeName::Amount), "1200.5");
        assert_eq!(value(AttributeName::Stage), "9");
        assert_eq!(value(AttributeName::Closedate), "2026-12-24T00:00:00Z");
    }

    #[test]
    fn record_without_an_id_is_none() {
        let record: Record = serde_json::from_value(json!({"name": "x"})).unwrap();
        assert!(remote_record(ObjectType::Contact, &record, &FIELDS).is_none());
    }

    #[test]
    fn values_that_pipedrive_keeps_in_another_form_count_as_written() {
        let ada = json!({"id": 1, "name": "Mary Ann Lee", "first_name": "Mary",
            "last_name": "Ann Lee", "emails": [{"value": "a@b.co"}]});
        let wanted = |first, last| json!({"email": "a@b.co", "firstname": first, "lastname": last});
        assert!(in_words(ObjectType::Contact, wanted("Mary Ann", "Lee"), ada.clone()));
        assert!(!in_words(ObjectType::Contact, wanted("Mary", "Lee"), ada));
        let nameless = json!({"id": 1, "name": "a@b.co", "first_name": "a@b.co",
            "emails": [{"value": "a@b.co"}]});
        let cleared = json!({"email": "a@b.co", "firstname": null, "lastname": null});
        assert!(in_words(ObjectType::Contact, cleared, nameless));
        let deal = json!({"id": 1, "value": 0, "expected_close_date": "2026-12-24",
            "custom_fields": {"k": "d"}});
        for (closedate, amount, is_same) in [
            ("2026-12-24T10:00:00Z", Value::Null, true),
            ("2026-12-25", Value::Null, false),
            ("2026-12-24", json!(1), false),
        ] {
            let wanted = json!({"reference": "d", "closedate": closedate, "amount": amount});
            assert_eq!(in_words(ObjectType::Deal, wanted, deal.clone()), is_same, "{closedate}");
        }
    }
}
