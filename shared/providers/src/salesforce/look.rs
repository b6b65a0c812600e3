//! Looking for a record by what identifies it. Queries see a write at once, unlike a search index
//! ("SOQL or SOSL", SOQL and SOSL reference).

use sync_domain::model::{AttributeName, CrmDraft, ExternalId, ObjectType};
use sync_domain::ports::{Called, Connection, ProviderError, RemoteRecord, Wanted};

use super::calls::{Calls, success_of};
use super::client::SalesforceGateway;
use super::error::{distinct, is_gone};
use super::wire::Record;
use super::{ids, mapping, soql};

/// More records than a person keeps of one email or domain: ours must be among those that are read, and
/// queries tell them in no order. Of several that fit, fewer are passed on.
const ROWS_MAX: usize = 200;

/// What a look came to.
pub enum Looked {
    /// The record with our key or, where the org has no key field, the only one that fits.
    Ours(ExternalId),
    /// The only one that fits, without a key.
    Unkeyed(ExternalId),
    /// None.
    Nothing,
}

/// Looks for the record of a draft.
///
/// # Errors
/// [`ProviderError::Duplicate`] where several fit, or one that has another key.
pub async fn look(
    calls: &mut Calls<'_>,
    connection: &Connection,
    draft: &CrmDraft,
) -> Result<Looked, ProviderError> {
    let key_field = mapping::key_field(connection, draft.object_type);
    let fields: Vec<_> = ["Id"].into_iter().chain(key_field).collect();
    let records = match condition(key_field, draft)? {
        Some(condition) => rows(calls, &fields, draft.object_type, &condition).await?,
        None => return Ok(Looked::Nothing),
    };
    let id = |record: &Record| record.text("Id").and_then(ids::read);
    let with_key = |is_wanted: fn(&CrmDraft, &str) -> bool| {
        let has = |record: &Record| {
            let held = key_field.and_then(|field| record.text(field));
            held.is_some_and(|held| is_wanted(draft, held))
        };
        records.iter().find(|record| has(record))
    };
    if let Some(ours) = with_key(is_our_key) {
        return Ok(id(ours).map_or(Looked::Nothing, Looked::Ours));
    }
    let duplicate = |vendor_code: &str, of: &[&Record]| ProviderError::Duplicate {
        vendor_code: vendor_code.to_owned(),
        rule: None,
        matches: distinct(of.iter().copied().filter_map(id)),
    };
    // The key field would not take ours next to it.
    if let Some(other) = with_key(is_our_key_but_for_case) {
        return Err(duplicate("MATCH_HAS_OTHER_KEY", &[other]));
    }
    let all: Vec<_> = records.iter().collect();
    match all.as_slice() {
        [] => Ok(Looked::Nothing),
        [_only] if with_key(|_, _| true).is_some() => Err(duplicate("MATCH_HAS_OTHER_KEY", &all)),
        [only] => Ok(id(only).map_or(Looked::Nothing, |id| match key_field {
            Some(_) => Looked::Unkeyed(id),
            None => Looked::Ours(id),
        })),
        _ => Err(duplicate("MULTIPLE_MATCHES", &all)),
    }
}

/// Whether the key that a record holds is the draft's. Queries and the key field take no heed of case.
/// Neither do emails; two references that differ in case alone are two records of the platform's.
pub fn is_our_key(draft: &CrmDraft, held: &str) -> bool {
    match draft.object_type {
        ObjectType::Contact => is_our_key_but_for_case(draft, held),
        ObjectType::Company | ObjectType::Deal => held == draft.natural_key.expose(),
    }
}

fn is_our_key_but_for_case(draft: &CrmDraft, held: &str) -> bool {
    held.to_lowercase() == draft.natural_key.expose().to_lowercase()
}

async fn rows(
    calls: &mut Calls<'_>,
    fields: &[&str],
    object_type: ObjectType,
    condition: &str,
) -> Result<Vec<Record>, ProviderError> {
    let (fields, object) = (fields.join(", "), mapping::object_name(object_type));
    let query = format!("SELECT {fields} FROM {object} WHERE {condition} LIMIT {ROWS_MAX}");
    Ok(calls.query(&query).await?.records)
}

/// What identifies the record: its key, a contact's email, and the domain of a company in accounts
/// that were there before us and so have no key. Where the org has no key field, what a
/// person would look for; `None` where nothing does.
fn condition(key_field: Option<&str>, draft: &CrmDraft) -> Result<Option<String>, ProviderError> {
    let key = soql::literal(draft.natural_key.expose())?;
    let value = |name| draft.attributes.get(name).filter(|value| !value.is_empty());
    if let Some(field) = key_field {
        let by_other = match (draft.object_type, value(AttributeName::Domain)) {
            (ObjectType::Contact, _) => format!(" OR Email = {key}"),
            // Companies may share a domain, so another one's account of it is nothing to us. SOQL takes
            // AND next to OR in parentheses only.
            (ObjectType::Company, Some(domain)) => {
                format!(" OR (Website IN ({}) AND {field} = null)", websites(domain)?)
            }
            (ObjectType::Company, None) | (ObjectType::Deal, _) => String::new(),
        };
        return Ok(Some(format!("{field} = {key}{by_other}")));
    }
    let by_name = || value(AttributeName::Name).map(soql::literal).transpose();
    match draft.object_type {
        ObjectType::Contact => Ok(Some(format!("Email = {key}"))),
        ObjectType::Deal => Ok(by_name()?.map(|name| format!("Name = {name}"))),
        ObjectType::Company => match value(AttributeName::Domain) {
            Some(domain) => Ok(Some(format!("Website IN ({})", websites(domain)?))),
            None => Ok(by_name()?.map(|name| format!("Name = {name}"))),
        },
    }
}

/// The forms in which people write a domain down.
fn websites(domain: &str) -> Result<String, ProviderError> {
    let forms = ["", "https://", "http://"].into_iter().flat_map(|scheme| {
        let hosts = ["", "www."].into_iter().map(move |www| format!("{scheme}{www}{domain}"));
        hosts.flat_map(|host| [format!("{host}/"), host])
    });
    let literals = forms.map(|form| soql::literal(&form)).collect::<Result<Vec<_>, _>>()?;
    Ok(literals.join(", "))
}

impl SalesforceGateway {
    /// The record that is known, else the one with the key of the draft.
    pub(super) async fn find_record(
        &self,
        connection: &Connection,
        wanted: &Wanted<'_>,
    ) -> Result<Called<Option<RemoteRecord>>, ProviderError> {
        let draft = wanted.draft;
        let mut calls = self.calls(connection)?;
        let mut found = None;
        if let Some(id) = wanted.known {
            found = by_id(&mut calls, connection, draft.object_type, id).await?;
        }
        if found.is_none() {
            found = by_key(&mut calls, connection, draft).await?;
        }
        let mut remote =
            found.and_then(|record| mapping::remote_record(connection, draft, &record));
        let is_keyed = mapping::key_field(connection, draft.object_type).is_some();
        if let Some(remote) = remote.as_mut().filter(|_| !is_keyed)
            && draft.object_type != ObjectType::Contact
        {
            // It has no field for the reference, and counts as having the draft's.
            remote.attributes.set(AttributeName::Reference, draft.natural_key.expose());
        }
        Ok(calls.done(remote))
    }
}

async fn by_id(
    calls: &mut Calls<'_>,
    connection: &Connection,
    object_type: ObjectType,
    id: &ExternalId,
) -> Result<Option<Record>, ProviderError> {
    let fields = mapping::read_fields(connection, object_type).join(",");
    let path = ["sobjects", mapping::object_name(object_type), id.as_str()];
    let answer = calls.get(&path, &[("fields", fields.as_str())]).await?;
    if is_gone(&answer) {
        return Ok(None);
    }
    success_of(&answer).map(Some)
}

/// Several that fit are none: which of them was written can't be told.
async fn by_key(
    calls: &mut Calls<'_>,
    connection: &Connection,
    draft: &CrmDraft,
) -> Result<Option<Record>, ProviderError> {
    let key_field = mapping::key_field(connection, draft.object_type);
    let condition = match key_field {
        Some(field) => Some(format!("{field} = {}", soql::literal(draft.natural_key.expose())?)),
        None => condition(None, draft)?,
    };
    let Some(condition) = condition else { return Ok(None) };
    let fields = mapping::read_fields(connection, draft.object_type);
    let records = rows(calls, &fields, draft.object_type, &condition).await?;
    // Of contacts the key is not read, and the query's own comparison is the right one.
    let is_another = |record: &Record| {
        let held = key_field.and_then(|field| record.text(field));
        draft.object_type != ObjectType::Contact
            && held.is_some_and(|held| !is_our_key(draft, held))
    };
    let mut records = records.into_iter().filter(|record| !is_another(record));
    Ok(records.next().filter(|_| records.next().is_none()))
}
