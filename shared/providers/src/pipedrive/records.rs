//! Records by their ids and by their values: `GET` of one, of up to 100, and the two searches.
//!
//! The searches lag behind writes (assumed; not documented), so a hit is only a hint: the record
//! itself is read before anything is decided.

use std::collections::BTreeSet;

use sync_domain::model::{CrmDraft, ExternalId, ObjectType, normalised_remote};
use sync_domain::ports::{Connection, ProviderError};

use super::calls::{Calls, bad_answer, read};
use super::error::{is_gone, without_effect};
use super::mapping::Fields;
use super::wire::{Hit, Hits, Record};

/// The most ids of one list.
const IDS_MAX: usize = 100;
/// The most hits that are looked at; more than one is a conflict anyway.
const HITS_MAX: &str = "100";
/// The largest page of a list.
pub const PAGE: &str = "500";

/// What is looked for at whose Pipedrive.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    /// The record that is wanted.
    pub draft: &'a CrmDraft,
    /// The account's own fields.
    pub fields: Fields<'a>,
}

impl<'a> Job<'a> {
    /// For a draft.
    pub fn new(connection: &'a Connection, draft: &'a CrmDraft) -> Self {
        Self { draft, fields: Fields::of(connection, draft.object_type) }
    }

    /// The natural key.
    pub fn key(&self) -> &'a str {
        self.draft.natural_key.expose()
    }

    /// What the record has in our field, if the account has the field and the record a value.
    pub fn key_of<'r>(&self, record: &'r Record) -> Option<&'r str> {
        record.custom_fields.get(self.fields.key?)
    }

    /// Whether the record has our key.
    pub fn is_keyed(&self, record: &Record) -> bool {
        self.key_of(record) == Some(self.key())
    }
}

/// The path of a kind of record.
pub const fn path_of(object_type: ObjectType) -> &'static str {
    match object_type {
        ObjectType::Contact => "/api/v2/persons",
        ObjectType::Company => "/api/v2/organizations",
        ObjectType::Deal => "/api/v2/deals",
    }
}

/// The path of one record; `None` for an id that no record has.
pub fn record_path(object_type: ObjectType, id: &ExternalId) -> Option<String> {
    let id = id.as_str();
    let is_id = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
    is_id.then(|| format!("{}/{id}", path_of(object_type)))
}

/// Whether a person has the email.
pub fn has_email(record: &Record, email: &str) -> bool {
    let name = sync_domain::model::AttributeName::Email;
    let mut held = record.emails.iter().flatten().filter_map(|entry| entry.value.get());
    held.any(|text| normalised_remote(name, text, None) == email)
}

/// The record of an id, `None` where there is none or it is in the bin.
pub async fn by_id(
    calls: &mut Calls<'_>,
    object_type: ObjectType,
    id: &ExternalId,
    fields: &Fields<'_>,
) -> Result<Option<Record>, ProviderError> {
    let Some(path) = record_path(object_type, id) else { return Ok(None) };
    let codes = fields.codes();
    let custom = [("custom_fields", codes.as_str())];
    let answer = calls.get(&path, if codes.is_empty() { &[] } else { &custom }).await?;
    if is_gone(&answer) {
        return Ok(None);
    }
    let record = read::<Record>(&answer)?.data.filter(|record| record.id.id().is_some());
    let record = record.ok_or_else(|| without_effect(bad_answer(&answer)))?;
    Ok(Some(record).filter(|record| !record.is_deleted.is_set()))
}

/// The records of up to 100 ids in one call; those that are gone or invisible are left out.
pub async fn by_ids(
    calls: &mut Calls<'_>,
    path: &str,
    ids: &[&str],
    fields: &Fields<'_>,
) -> Result<Vec<Record>, ProviderError> {
    let (ids, codes) = (ids.join(","), fields.codes());
    let mut query = vec![("ids", ids.as_str()), ("limit", PAGE)];
    if !codes.is_empty() {
        query.push(("custom_fields", codes.as_str()));
    }
    let answer = calls.get(path, &query).await?;
    let list = read::<Vec<Record>>(&answer)?;
    // What is missing counts as gone, so a part of an answer is none.
    let is_whole = list.next_cursor().is_none();
    let records = list.data.filter(|_| is_whole);
    let mut records = records.ok_or_else(|| without_effect(bad_answer(&answer)))?;
    if records.iter().any(|record| record.id.id().is_none()) {
        return Err(without_effect(bad_answer(&answer)));
    }
    records.retain(|record| !record.is_deleted.is_set());
    Ok(records)
}

/// The records behind hits of a search, as they are now.
async fn present(
    calls: &mut Calls<'_>,
    job: &Job<'_>,
    hits: Vec<Hit>,
) -> Result<Vec<Record>, ProviderError> {
    let ids: BTreeSet<String> =
        hits.iter().filter_map(|hit| Some(hit.id()?.to_owned())).take(IDS_MAX).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let object_type = job.draft.object_type;
    match ids.as_slice() {
        [] => Ok(Vec::new()),
        [id] => {
            let record = by_id(calls, object_type, &ExternalId::new(*id), &job.fields).await?;
            Ok(record.into_iter().collect())
        }
        ids => by_ids(calls, path_of(object_type), ids, &job.fields).await,
    }
}

/// The records that have our key in `field`, by `GET /api/v2/itemSearch/field`.
pub async fn with_key(
    calls: &mut Calls<'_>,
    job: &Job<'_>,
    field: &str,
) -> Result<Vec<Record>, ProviderError> {
    let entity_type = match job.draft.object_type {
        ObjectType::Contact => "person",
        ObjectType::Company => "organization",
        ObjectType::Deal => "deal",
    };
    let query = [
        ("entity_type", entity_type),
        ("field", field),
        ("term", job.key()),
        ("match", "exact"),
        ("limit", HITS_MAX),
    ];
    let answer = calls.get("/api/v2/itemSearch/field", &query).await?;
    let hits = read::<Vec<Hit>>(&answer)?.data;
    let hits = hits.ok_or_else(|| without_effect(bad_answer(&answer)))?;
    let mut records = present(calls, job, hits).await?;
    records.retain(|record| job.is_keyed(record));
    Ok(records)
}

/// The persons that have the contact's email, by `GET /api/v2/persons/search`.
pub async fn with_email(
    calls: &mut Calls<'_>,
    job: &Job<'_>,
) -> Result<Vec<Record>, ProviderError> {
    let query =
        [("term", job.key()), ("fields", "email"), ("exact_match", "true"), ("limit", HITS_MAX)];
    let answer = calls.get("/api/v2/persons/search", &query).await?;
    let hits = read::<Hits>(&answer)?.data;
    let hits = hits.ok_or_else(|| without_effect(bad_answer(&answer)))?;
    let mut records = present(calls, job, hits.items).await?;
    records.retain(|record| has_email(record, job.key()));
    Ok(records)
}
