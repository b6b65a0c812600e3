//! Our attributes to the members of a person, an organization or a deal. The tables are also in
//! `docs/integrations/pipedrive_mapping.md`; the way back is in `reading`.

use serde_json::{Map, Value, json};
use sync_domain::model::{AttributeName, CrmDraft, ObjectType, normalised_remote};
use sync_domain::ports::{Connection, ProviderError, RemoteEffect};

use super::entries::{Merged, cleared, with_primary};
use super::values::{date_of, number_of, text_or_null};
use super::wire::{Entry, Record};
use crate::http::unavailable;

/// The member of an organization that holds its domain, unless the account has none.
const WEBSITE: &str = "website";
/// Our code for "which of several values is meant can't be told".
const SEVERAL_VALUES: &str = "SEVERAL_VALUES";

/// The fields of an account that differ from those of others, for one kind of record.
#[derive(Clone, Copy)]
pub struct Fields<'a> {
    /// Holds the natural key, if the account has the field.
    pub key: Option<&'a str>,
    /// Holds a company's domain; `None` for `website`.
    pub domain: Option<&'a str>,
    /// The tenant's two-letter country code, for phone numbers.
    pub region: Option<&'a str>,
}

impl<'a> Fields<'a> {
    /// Of this connection.
    pub fn of(connection: &'a Connection, object_type: ObjectType) -> Self {
        let field = |name| connection.custom_field(object_type, name);
        Self {
            key: field(AttributeName::Reference),
            domain: field(AttributeName::Domain).filter(|code| *code != WEBSITE),
            region: connection.default_region.as_deref(),
        }
    }

    /// The codes to ask for: without them every field of the account would come.
    pub fn codes(&self) -> String {
        [self.key, self.domain].into_iter().flatten().collect::<Vec<_>>().join(",")
    }
}

/// What a draft is written onto.
#[derive(Clone, Copy)]
pub enum Onto<'a> {
    /// Nothing: the record is created.
    Nothing,
    /// A record whose values need not be known.
    Unread,
    /// A record as it is now.
    Read(&'a Record),
}

/// The members to write. The key is among them whenever the account has a field for it, so that a
/// record that was found in another way has it from then on. `stage_pipeline` is the pipeline of the
/// draft's stage, if that is known.
///
/// # Errors
/// A value that would have to take the place of one of several, or of a list that was not told.
pub fn body_of(
    draft: &CrmDraft,
    fields: &Fields<'_>,
    onto: Onto<'_>,
    stage_pipeline: Option<u64>,
) -> Result<Map<String, Value>, ProviderError> {
    let mut body = match draft.object_type {
        ObjectType::Contact => person(draft, fields, onto)?,
        ObjectType::Company => organization(draft, fields, onto),
        ObjectType::Deal => deal(draft, onto, stage_pipeline),
    };
    let mut custom = Map::new();
    if let Some(code) = fields.key {
        custom.insert(code.to_owned(), draft.natural_key.expose().as_str().into());
    }
    if let (Some(code), Some(domain)) = (fields.domain, draft.attributes.get(AttributeName::Domain))
    {
        custom.insert(code.to_owned(), text_or_null(domain));
    }
    if !custom.is_empty() {
        body.insert("custom_fields".to_owned(), Value::Object(custom));
    }
    Ok(body)
}

/// A person's name as one text: that is what v2 documents for writing.
pub fn full_name(first: &str, last: &str) -> String {
    [first, last].map(str::trim).join(" ").trim().to_owned()
}

fn person(
    draft: &CrmDraft,
    fields: &Fields<'_>,
    onto: Onto<'_>,
) -> Result<Map<String, Value>, ProviderError> {
    let nothing = Record::default();
    let present = match onto {
        Onto::Read(record) => record,
        Onto::Nothing | Onto::Unread => &nothing,
    };
    let mut body = Map::new();
    let given = |name| draft.attributes.get(name);
    let (first, last) = (given(AttributeName::Firstname), given(AttributeName::Lastname));
    if matches!(onto, Onto::Nothing) || first.is_some() || last.is_some() {
        let (held_first, held_last) = super::reading::names_of(present);
        let name = full_name(first.unwrap_or(held_first), last.unwrap_or(held_last));
        let name = if name.is_empty() { draft.natural_key.expose().clone() } else { name };
        body.insert("name".to_owned(), name.into());
    }
    for (name, member, entries) in [
        (AttributeName::Email, "emails", &present.emails),
        (AttributeName::Phone, "phones", &present.phones),
    ] {
        let Some(wanted) = given(name) else { continue };
        let entries = match (onto, entries.as_deref()) {
            (_, Some(entries)) => entries,
            (Onto::Nothing, None) => &[],
            // A list that is written whole would end what nobody has seen.
            (Onto::Read(_) | Onto::Unread, None) => {
                return Err(unavailable(None, RemoteEffect::None));
            }
        };
        match merged(name, entries, wanted, fields.region) {
            Merged::Unchanged => {}
            Merged::Changed(entries) => {
                body.insert(member.to_owned(), json!(entries));
            }
            Merged::Ambiguous => {
                return Err(ProviderError::Rejected {
                    vendor_code: Some(SEVERAL_VALUES.to_owned()),
                    field: Some(format!("attributes.{}", name.as_str())),
                });
            }
        }
    }
    Ok(body)
}

fn merged(name: AttributeName, entries: &[Entry], wanted: &str, region: Option<&str>) -> Merged {
    if wanted.is_empty() {
        return cleared(entries);
    }
    with_primary(entries, wanted, |held| normalised_remote(name, held, region) == wanted)
}

fn organization(draft: &CrmDraft, fields: &Fields<'_>, onto: Onto<'_>) -> Map<String, Value> {
    let mut body = Map::new();
    let given = |name| draft.attributes.get(name);
    let domain = given(AttributeName::Domain);
    let name = given(AttributeName::Name).or_else(|| {
        let is_new = matches!(onto, Onto::Nothing);
        let domain = domain.filter(|domain| !domain.is_empty());
        is_new.then(|| domain.unwrap_or_else(|| draft.natural_key.expose().as_str()))
    });
    if let Some(name) = name {
        body.insert("name".to_owned(), name.into());
    }
    if let (None, Some(domain)) = (fields.domain, domain) {
        body.insert(WEBSITE.to_owned(), text_or_null(domain));
    }
    body
}

fn deal(draft: &CrmDraft, onto: Onto<'_>, stage_pipeline: Option<u64>) -> Map<String, Value> {
    let mut body = Map::new();
    let given = |name| draft.attributes.get(name);
    let is_new = matches!(onto, Onto::Nothing);
    let key = || is_new.then(|| draft.natural_key.expose().as_str());
    if let Some(title) = given(AttributeName::Name).or_else(key) {
        body.insert("title".to_owned(), title.into());
    }
    if let Some(amount) = given(AttributeName::Amount) {
        body.insert("value".to_owned(), Value::from(number_of(amount)));
    }
    let id = |name| given(name).and_then(|text| text.parse::<u64>().ok());
    let stage = id(AttributeName::Stage);
    // Whether a stage of another pipeline may come alone is not documented.
    if let Some(pipeline) = id(AttributeName::Pipeline).or(stage_pipeline) {
        body.insert("pipeline_id".to_owned(), pipeline.into());
    }
    if let Some(stage) = stage {
        body.insert("stage_id".to_owned(), stage.into());
    }
    if let Some(closedate) = given(AttributeName::Closedate) {
        body.insert("expected_close_date".to_owned(), text_or_null(&date_of(closedate)));
    }
    body
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use sync_domain::model::{ObjectType, draft_of};
    use sync_domain::ports::{ProviderError, RemoteEffect};

    use super::{Fields, Onto, body_of};
    use crate::http::unavailable;
    use crate::pipedrive::wire::Record;

    const FIELDS: Fields<'_> = Fields { key: Some("k"), domain: Some("d"), region: Some("US") };
    const BARE: Fields<'_> = Fields { key: None, domain: None, region: Some("US") };

    fn body(
        object_type: ObjectType,
        attributes: Value,
        fields: &Fields<'_>,
        onto: Onto<'_>,
    ) -> Result<Value, ProviderError> {
        let draft = draft_of(object_type, attributes.as_object().unwrap(), Some("US")).unwrap();
        body_of(&draft, fields, onto, Some(3)).map(Value::Object)
    }

    fn record(record: Value) -> Record {
        serde_json::from_value(record).unwrap()
    }

    #[test]
    fn person_that_is_new_has_name_lists_and_key() {
        let ada = json!({"email": "A@b.co", "firstname": "Ada", "lastname": "Lovelace",
            "phone": "(415) 555-2671"});
        let body = |attributes, fields: &Fields<'_>| {
            body(ObjectType::Contact, attributes, fields, Onto::Nothing).unwrap()
        };
        assert_eq!(
            body(ada, &FIELDS),
            json!({
                "name": "Ada Lovelace",
                "emails": [{"value": "a@b.co", "primary": true, "label": "work"}],
                "phones": [{"value": "+14155552671", "primary": true, "label": "work"}],
                "custom_fields": {"k": "a@b.co"},
            })
        );
        let nameless = body(json!({"email": "a@b.co", "firstname": null}), &BARE);
        assert_eq!(nameless["name"], "a@b.co");
        assert_eq!(nameless.get("custom_fields"), None);
    }

    #[test]
    fn person_that_is_there_keeps_what_the_caller_did_not_name() {
        let present = record(json!({
            "id": 1, "name": "Ada King", "first_name": "Ada", "last_name": "King",
            "emails": [{"value": "x@b.co", "primary": true, "label": "home"}],
            "phones": [{"value": "+1 415 555 2671", "primary": true}],
        }));
        let onto = Onto::Read(&present);
        let of = |attributes| body(ObjectType::Contact, attributes, &FIELDS, onto).unwrap();
        let renamed = of(json!({"email": "a@b.co", "lastname": "Lovelace", "phone": "4155552671"}));
        assert_eq!(
            renamed,
            json!({
                "name": "Ada Lovelace",
                "emails": [
                    {"value": "a@b.co", "primary": true, "label": "work"},
                    {"value": "x@b.co", "primary": false, "label": "home"},
                ],
                "custom_fields": {"k": "a@b.co"},
            })
        );
        assert_eq!(of(json!({"email": "x@b.co"})), json!({"custom_fields": {"k": "x@b.co"}}));
        assert_eq!(of(json!({"email": "x@b.co", "phone": null}))["phones"], json!([]));
    }

    #[test]
    fn person_with_several_phones_is_not_asked_to_have_none() {
        let present = record(json!({"id": 1, "emails": null,
            "phones": [{"value": "1"}, {"value": "2"}]}));
        let attributes = json!({"email": "a@b.co", "phone": null});
        let error = body(ObjectType::Contact, attributes, &FIELDS, Onto::Read(&present));
        let expected = ProviderError::Rejected {
            vendor_code: Some("SEVERAL_VALUES".to_owned()),
            field: Some("attributes.phone".to_owned()),
        };
        assert_eq!(error, Err(expected));
    }

    #[test]
    fn person_whose_lists_were_not_told_gets_none_in_their_place() {
        let of = |present: Value, attributes| {
            let present = record(present);
            body(ObjectType::Contact, attributes, &FIELDS, Onto::Read(&present))
        };
        let email = json!({"email": "a@b.co"});
        let with_phone = json!({"email": "a@b.co", "phone": "4155552671"});
        let told = json!([{"value": "a@b.co", "primary": true}]);
        let expected = Err(unavailable(None, RemoteEffect::None));
        assert_eq!(of(json!({"id": 1}), email.clone()), expected);
        assert_eq!(of(json!({"id": 1, "emails": told}), with_phone.clone()), expected);
        assert!(of(json!({"id": 1, "emails": told}), email).is_ok());
        assert!(of(json!({"id": 1, "emails": null, "phones": null}), with_phone).is_ok());
    }

    #[test]
    fn organization_has_its_domain_where_the_account_has_room_for_it() {
        let given = json!({"reference": "c-1", "domain": "example.com"});
        let of = |fields, onto| body(ObjectType::Company, given.clone(), fields, onto).unwrap();
        assert_eq!(
            of(&FIELDS, Onto::Nothing),
            json!({"name": "example.com", "custom_fields": {"k": "c-1", "d": "example.com"}})
        );
        assert_eq!(of(&BARE, Onto::Unread), json!({"website": "example.com"}));
    }

    #[test]
    fn deal_is_written_with_json_numbers_only() {
        let deal = json!({"reference": "d-1", "amount": "1200.50", "stage": "9",
            "closedate": "2026-12-24T23:30:00-02:00"});
        let of = |attributes, onto| body(ObjectType::Deal, attributes, &FIELDS, onto).unwrap();
        assert_eq!(
            of(deal, Onto::Nothing),
            json!({
                "title": "d-1", "value": 1200.5, "stage_id": 9, "pipeline_id": 3,
                "expected_close_date": "2026-12-25", "custom_fields": {"k": "d-1"},
            })
        );
        let cleared = json!({"reference": "d-1", "amount": null, "closedate": null});
        let cleared = of(cleared, Onto::Unread);
        assert_eq!((&cleared["value"], &cleared["expected_close_date"]), (&json!(0), &Value::Null));
        assert_eq!(cleared.get("title"), None);
        let whole = of(json!({"reference": "d-1", "amount": "-1200"}), Onto::Unread);
        assert_eq!(whole["value"].to_string(), "-1200");
    }
}
