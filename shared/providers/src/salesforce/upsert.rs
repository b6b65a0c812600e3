//! Creating or updating one record: which one it is, and what may be written to it.
//!
//! What Salesforce requires of a new record is sent to create it and never otherwise, because people
//! change it there.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use sync_domain::model::{
    AttributeName, CrmDraft, ExternalId, ObjectType, RecordChange, normalised_remote,
};
use sync_domain::ports::{Called, Connection, ProviderError, Wanted, Written};

use super::calls::{Calls, bad_answer, done_by, success_of};
use super::client::SalesforceGateway;
use super::error::{error_of, is_gone};
use super::look::{Looked, is_our_key, look};
use super::wire::{Fields, Record, SaveAnswer};
use super::{ids, mapping};
use crate::http::RawAnswer;

/// When a new opportunity is expected to be closed if nobody said.
const CLOSE_AFTER: SignedDuration = SignedDuration::from_hours(30 * 24);

/// One upsert on its way.
struct Upsert<'a> {
    gateway: &'a SalesforceGateway,
    connection: &'a Connection,
    wanted: Wanted<'a>,
    calls: Calls<'a>,
}

impl SalesforceGateway {
    /// Updates the record that is known or found, else creates it.
    pub(super) async fn upsert_record(
        &self,
        connection: &Connection,
        wanted: &Wanted<'_>,
    ) -> Result<Called<Written>, ProviderError> {
        let calls = self.calls(connection)?;
        let mut upsert = Upsert { gateway: self, connection, wanted: *wanted, calls };
        let written = upsert.run().await?;
        Ok(upsert.calls.done(written))
    }
}

impl<'a> Upsert<'a> {
    async fn run(&mut self) -> Result<Written, ProviderError> {
        let fields = mapping::fields_of(self.connection, self.wanted.draft);
        if let Some(id) = self.wanted.known
            && let Some(written) = self.update(id, &fields).await?
        {
            return Ok(written);
        }
        let looked = look(&mut self.calls, self.connection, self.wanted.draft).await?;
        let updated = match looked {
            Looked::Ours(id) => self.update(&id, &fields).await?,
            Looked::Unkeyed(id) => self.update(&id, &self.with_key(fields)).await?,
            Looked::Nothing => None,
        };
        match updated {
            Some(written) => Ok(written),
            None => self.create().await,
        }
    }

    fn object_type(&self) -> ObjectType {
        self.wanted.draft.object_type
    }

    fn key(&self) -> &'a str {
        self.wanted.draft.natural_key.expose()
    }

    /// With our key, by which the record is found from now on.
    fn with_key(&self, mut fields: Fields) -> Fields {
        if let Some(field) = mapping::key_field(self.connection, self.object_type()) {
            fields.insert(field.to_owned(), Value::from(self.key()));
        }
        fields
    }

    /// `PATCH …/{id}`; `None` where there is no such record, or no longer.
    async fn update(
        &mut self,
        id: &ExternalId,
        fields: &Fields,
    ) -> Result<Option<Written>, ProviderError> {
        let object = mapping::object_name(self.object_type());
        let answer = self.calls.patch(&["sobjects", object, id.as_str()], fields).await?;
        if is_gone(&answer) {
            return Ok(None);
        }
        done_by(&answer)?;
        Ok(Some(written(id.clone(), RecordChange::Updated)))
    }

    async fn create(&mut self) -> Result<Written, ProviderError> {
        let fields = self.new_fields().await?;
        let object = mapping::object_name(self.object_type());
        let answer = match mapping::key_field(self.connection, self.object_type()) {
            // One call that creates or updates: who was faster is not created twice.
            Some(key_field) => {
                let path = ["sobjects", object, key_field, self.key()];
                self.calls.patch(&path, &fields).await?
            }
            None => self.calls.post(&["sobjects", object], &fields).await?,
        };
        if (200..300).contains(&answer.status) {
            return self.created(&answer).await;
        }
        let error = error_of(&answer);
        if let ProviderError::Duplicate { matches, .. } = &error
            && let [only] = matches.as_slice()
            && answer.status != 300
            && let Some(written) = self.adopt(only).await?
        {
            return Ok(written);
        }
        Err(error)
    }

    /// 201, 200, or 204 as versions before 46 answered an update.
    async fn created(&mut self, answer: &RawAnswer) -> Result<Written, ProviderError> {
        if answer.body.is_empty() {
            return match look(&mut self.calls, self.connection, self.wanted.draft).await? {
                Looked::Ours(id) => Ok(written(id, RecordChange::Updated)),
                Looked::Unkeyed(_) | Looked::Nothing => Err(bad_answer(answer)),
            };
        }
        let saved: SaveAnswer = success_of(answer)?;
        let id = saved.id.as_deref().and_then(ids::read).ok_or_else(|| bad_answer(answer))?;
        // Where nothing says "new", the weaker claim is made.
        let is_new = saved.created.unwrap_or(answer.status == 201);
        Ok(written(id, if is_new { RecordChange::Created } else { RecordChange::Updated }))
    }

    /// The one record that a duplicate rule has found becomes ours, unless it is another one's: `None`.
    async fn adopt(&mut self, id: &ExternalId) -> Result<Option<Written>, ProviderError> {
        let object_type = self.object_type();
        if !id.as_str().starts_with(ids::prefix_of(object_type)) {
            return Ok(None);
        }
        let key_field = mapping::key_field(self.connection, object_type);
        let own_field = own_field(object_type);
        let names = ["Id"].into_iter().chain(key_field).chain(own_field);
        let names = names.collect::<Vec<_>>().join(",");
        let path = ["sobjects", mapping::object_name(object_type), id.as_str()];
        let answer = self.calls.get(&path, &[("fields", names.as_str())]).await?;
        if is_gone(&answer) {
            return Ok(None);
        }
        let record: Record = success_of(&answer)?;
        let draft = self.wanted.draft;
        let is_ours = match key_field.and_then(|field| record.text(field)) {
            Some(held) => is_our_key(draft, held),
            None => {
                let held = own_field.and_then(|field| record.text(field));
                held.is_none_or(|held| is_own_value(draft, held))
            }
        };
        if !is_ours {
            return Ok(None);
        }
        let mut fields = self.with_key(mapping::fields_of(self.connection, draft));
        if object_type == ObjectType::Contact && record.text("Email").is_none() {
            fields.insert("Email".to_owned(), Value::from(self.key()));
        }
        self.update(id, &fields).await
    }

    /// What a new record has: the draft's values, and where Salesforce requires one that nobody gave,
    /// one of ours.
    async fn new_fields(&mut self) -> Result<Fields, ProviderError> {
        let draft = self.wanted.draft;
        let mut fields = mapping::fields_of(self.connection, draft);
        fields.retain(|_, value| !value.is_null());
        let key = self.key().to_owned();
        let mut unless_given = |field: &str, value: String| {
            fields.entry(field.to_owned()).or_insert_with(|| Value::from(value));
        };
        match draft.object_type {
            ObjectType::Contact => {
                unless_given("Email", key);
                unless_given("LastName", mapping::NO_LAST_NAME.to_owned());
            }
            ObjectType::Company => {
                let domain = draft.attributes.get(AttributeName::Domain);
                let domain = domain.filter(|domain| !domain.is_empty()).map(str::to_owned);
                unless_given("Name", domain.unwrap_or(key));
            }
            ObjectType::Deal => {
                unless_given("Name", key);
                unless_given("CloseDate", close_date(self.wanted.began_at).to_string());
                if !fields.contains_key("StageName") {
                    let began_at = self.wanted.began_at;
                    let stage = self
                        .gateway
                        .first_stage(&mut self.calls, self.connection, began_at)
                        .await?;
                    fields.insert("StageName".to_owned(), Value::from(stage));
                }
            }
        }
        Ok(fields)
    }
}

/// The field whose value tells persons, or companies, apart. Rules compare names too, and two people of
/// one name with two emails are two.
const fn own_field(object_type: ObjectType) -> Option<&'static str> {
    match object_type {
        ObjectType::Contact => Some("Email"),
        ObjectType::Company => Some("Website"),
        ObjectType::Deal => None,
    }
}

/// Whether the value of that field is the draft's too.
fn is_own_value(draft: &CrmDraft, held: &str) -> bool {
    match draft.object_type {
        ObjectType::Contact => is_our_key(draft, held),
        ObjectType::Company => {
            let domain = normalised_remote(AttributeName::Domain, held, None);
            draft.attributes.get(AttributeName::Domain) == Some(domain.as_str())
        }
        ObjectType::Deal => true,
    }
}

/// The same however often the upsert is tried.
fn close_date(began_at: Timestamp) -> Date {
    let end = began_at.checked_add(CLOSE_AFTER).unwrap_or(began_at);
    end.to_zoned(TimeZone::UTC).date()
}

/// Answers to writes tell no values and no version.
fn written(external_id: ExternalId, change: RecordChange) -> Written {
    let attributes = sync_domain::model::Attributes::default();
    Written { external_id, change, attributes, provider_version: None }
}
