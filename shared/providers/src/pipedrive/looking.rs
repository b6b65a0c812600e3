//! Which record is the wanted one: looked for without ever picking one of several.
//!
//! Pipedrive has no unique field and no upsert. So the record is looked for by the id that we stored,
//! else by our key in a custom field, else, a contact, by its email; and after a write whose outcome
//! nobody knows first of all in the list of what is new, which does not lag as the searches may.

use std::collections::BTreeSet;

use jiff::fmt::rfc2822::DateTimeParser;
use jiff::{SignedDuration, Timestamp};
use sync_domain::model::{AttributeName, ExternalId, ObjectType};
use sync_domain::ports::{ProviderError, RemoteEffect};

use super::calls::{Calls, bad_answer, read};
use super::error::without_effect;
use super::reading::{in_words_of, remote_record};
use super::records::{Job, PAGE, has_email, path_of, with_email, with_key};
use super::wire::Record;
use crate::http::{RawAnswer, unavailable};

/// How far Pipedrive's clock may be behind ours.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_mins(2);
/// For how long after a write the searches are not believed.
const SEARCH_LAG: SignedDuration = SignedDuration::from_mins(10);
/// How long after the first attempt it may be by an answer that has no `Date`.
const LATER_MAX: SignedDuration = SignedDuration::from_hours(24);
/// The most pages of what is new: 5,000 records.
const PAGES_MAX: usize = 10;
/// Ids of matches that are told.
const MATCHES_MAX: usize = 10;

/// The record to write onto; `None` where there is none and one is to be created.
///
/// # Errors
/// [`ProviderError::Duplicate`] where several may be meant, or one that is another record's.
pub async fn look(calls: &mut Calls<'_>, job: &Job<'_>) -> Result<Option<Record>, ProviderError> {
    if let Some(field) = job.fields.key {
        let keyed = with_key(calls, job, field).await?;
        if !keyed.is_empty() {
            return sole(keyed);
        }
    }
    match job.draft.object_type {
        ObjectType::Contact => choose(job, with_email(calls, job).await?),
        // Names and titles are no keys: equal ones are common.
        ObjectType::Company | ObjectType::Deal => Ok(None),
    }
}

/// Of the persons with the contact's email the one with our key, else the only one, unless it is the
/// record of another contact of ours.
fn choose(job: &Job<'_>, found: Vec<Record>) -> Result<Option<Record>, ProviderError> {
    let (keyed, others): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|record| job.is_keyed(record));
    if !keyed.is_empty() {
        return sole(keyed);
    }
    let is_anothers = |record: &Record| is_anothers(job, record);
    if others.iter().any(is_anothers) { Err(duplicate(&others)) } else { sole(others) }
}

/// Whether a person is the record of another contact of ours: it has that one's key. A key that is no
/// longer among the emails says nothing: people have changed the email.
fn is_anothers(job: &Job<'_>, record: &Record) -> bool {
    job.key_of(record).is_some_and(|key| key != job.key() && has_email(record, key))
}

/// The person of an id that we stored, unless another contact's key is in it by now, as after a merge:
/// else each of the two would take it from the other with every upsert.
///
/// # Errors
/// [`ProviderError::Duplicate`] where it is.
pub fn unless_anothers(job: &Job<'_>, record: Record) -> Result<Record, ProviderError> {
    if is_anothers(job, &record) { Err(duplicate(&[record])) } else { Ok(record) }
}

/// A list that changes while it is read has a record on two of its pages.
fn sole(mut records: Vec<Record>) -> Result<Option<Record>, ProviderError> {
    let mut seen = BTreeSet::new();
    records.retain(|record| record.id.id().is_none_or(|id| seen.insert(id.to_owned())));
    if records.len() > 1 { Err(duplicate(&records)) } else { Ok(records.pop()) }
}

fn duplicate(records: &[Record]) -> ProviderError {
    let ids = records.iter().filter_map(|record| record.id.id());
    ProviderError::Duplicate {
        vendor_code: "MULTIPLE_MATCHES".to_owned(),
        rule: None,
        matches: ids.take(MATCHES_MAX).map(ExternalId::new).collect(),
    }
}

/// What was created since `began_at` and is ours: what a POST has made whose answer got lost. It is
/// listed from the newest on and ordered by the time of creation, which no later edit changes.
///
/// # Errors
/// Also where so much is new that the list was not read far enough back for the searches to be
/// believed of the rest; that passes.
pub async fn created_since(
    calls: &mut Calls<'_>,
    job: &Job<'_>,
    began_at: Timestamp,
) -> Result<Option<Record>, ProviderError> {
    let since = began_at - CLOCK_TOLERANCE;
    let since_text = format!("{since:.0}");
    let codes = job.fields.codes();
    let (mut ours, mut newest, mut cursor) = (Vec::new(), None, None::<String>);
    for _page in 0..PAGES_MAX {
        let mut query = vec![
            ("updated_since", since_text.as_str()),
            ("sort_by", "add_time"),
            ("sort_direction", "desc"),
            ("limit", PAGE),
        ];
        query.extend((!codes.is_empty()).then_some(("custom_fields", codes.as_str())));
        query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let answer = calls.get(path_of(job.draft.object_type), &query).await?;
        let list = read::<Vec<Record>>(&answer)?;
        let next = list.next_cursor().map(str::to_owned);
        let page = list.data.ok_or_else(|| without_effect(bad_answer(&answer)))?;
        let added = |record: &Record| record.add_time.get()?.parse::<Timestamp>().ok();
        let now = asked_at(&answer).unwrap_or(began_at + LATER_MAX);
        let added_by_now = || page.iter().filter_map(added).find(|added| *added <= now);
        newest = newest.or_else(added_by_now);
        let oldest = page.last().and_then(added);
        ours.extend(page.into_iter().filter(|record| is_made_by_us(job, record, since)));
        // What is older than the first attempt, or old enough for the searches to know it, needs no
        // look here.
        let is_old = |oldest: Timestamp| {
            oldest < since || newest.is_some_and(|newest| newest - SEARCH_LAG > oldest)
        };
        if next.is_none() || oldest.is_some_and(is_old) {
            return sole(ours);
        }
        cursor = next;
    }
    Err(unavailable(None, RemoteEffect::Unknown))
}

/// When Pipedrive answered by its own clock. What an import has dated later than that is not the
/// newest, and says nothing of what the searches know by now.
fn asked_at(answer: &RawAnswer) -> Option<Timestamp> {
    let date = answer.headers.get("date")?.to_str().ok()?;
    DateTimeParser::new().parse_timestamp(date).ok()
}

/// Without our field it is the values that tell: all that we wrote, in a record that is new.
fn is_made_by_us(job: &Job<'_>, record: &Record, since: Timestamp) -> bool {
    if record.is_deleted.is_set() {
        return false;
    }
    if job.fields.key.is_some() {
        return job.is_keyed(record);
    }
    if job.draft.object_type == ObjectType::Contact {
        return has_email(record, job.key());
    }
    let Some(mut remote) = remote_record(job.draft.object_type, record, &job.fields) else {
        return false;
    };
    in_words_of(job.draft, record, &mut remote, false);
    let has_name = remote.attributes.get(AttributeName::Name).is_some();
    let is_new = remote.created_at.is_some_and(|created| created >= since);
    has_name && is_new && remote.attributes.contains_all(&job.draft.attributes)
}
