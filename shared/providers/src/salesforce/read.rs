//! Reading records by their ids, and what they are associated with.
//!
//! What is not in an answer is taken for deleted, so an answer must be whole: with one place for each
//! id that was asked for, `null` for a record that is not there.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use serde::Serialize;
use sync_domain::model::{Association, ExternalId, ObjectType};
use sync_domain::ports::{
    AssociationsOf, AssociationsPage, Called, Connection, CrmReader, ProviderError, RemoteObject,
};

use super::calls::{Calls, bad_answer, success_of};
use super::client::SalesforceGateway;
use super::wire::{QueryAnswer, Record, is_locator};
use super::{ids, mapping, soql};

/// Records to read by their ids, up to 2,000 ("Get records with a request body using sObject
/// Collections", REST API guide).
#[derive(Serialize)]
struct Retrieve<'a> {
    ids: Vec<&'a str>,
    fields: &'a [&'a str],
}

/// `POST composite/sobjects/{object}`: the records that are there, each with its id.
async fn retrieve(
    calls: &mut Calls<'_>,
    object_type: ObjectType,
    asked: &[&ExternalId],
    fields: &[&str],
) -> Result<Vec<(ExternalId, Record)>, ProviderError> {
    let ids = asked.iter().map(|id| id.as_str()).collect();
    let path = ["composite", "sobjects", mapping::object_name(object_type)];
    let answer = calls.post(&path, &Retrieve { ids, fields }).await?;
    let records: Vec<Option<Record>> = success_of(&answer)?;
    if records.len() != asked.len() {
        return Err(bad_answer(&answer));
    }
    let present = records.into_iter().flatten().filter(|record| !record.is_deleted());
    let with_id = present.map(|record| {
        let id = record.text("Id").and_then(ids::read).filter(|id| asked.contains(&id));
        id.map(|id| (id, record)).ok_or_else(|| bad_answer(&answer))
    });
    with_id.collect()
}

#[async_trait]
impl CrmReader for SalesforceGateway {
    async fn read(
        &self,
        connection: &Connection,
        object_type: ObjectType,
        ids: &[ExternalId],
    ) -> Result<Called<Vec<RemoteObject>>, ProviderError> {
        let fields = mapping::read_fields(connection, object_type);
        let mut calls = self.calls(connection)?;
        let asked: Vec<_> = ids.iter().collect();
        let records = retrieve(&mut calls, object_type, &asked, &fields).await?;
        let object = |(external_id, record): (ExternalId, Record)| RemoteObject {
            external_id,
            attributes: mapping::attributes_of(connection, object_type, &record),
            updated_at: record.text("SystemModstamp").and_then(mapping::instant_of),
            merged_ids: BTreeSet::new(),
        };
        Ok(calls.done(records.into_iter().map(object).collect()))
    }

    async fn associations(
        &self,
        connection: &Connection,
        from: ObjectType,
        to: ObjectType,
        of: &[AssociationsOf],
    ) -> Result<Called<AssociationsPage>, ProviderError> {
        let mut calls = self.calls(connection)?;
        let page = match to {
            ObjectType::Company => accounts_of(&mut calls, from, of).await?,
            ObjectType::Contact => contacts_of(&mut calls, of).await?,
            ObjectType::Deal => AssociationsPage::default(),
        };
        Ok(calls.done(page))
    }
}

/// The account of each record, which is a field of it.
async fn accounts_of(
    calls: &mut Calls<'_>,
    from: ObjectType,
    of: &[AssociationsOf],
) -> Result<AssociationsPage, ProviderError> {
    let asked: Vec<_> = of.iter().map(|it| &it.external_id).collect();
    let mut found = BTreeMap::new();
    for (id, record) in retrieve(calls, from, &asked, &["Id", "AccountId"]).await? {
        let account = record.text("AccountId").and_then(ids::read);
        found.insert(
            id,
            account.map(|id| association(ObjectType::Company, id)).into_iter().collect(),
        );
    }
    Ok(AssociationsPage { found, more: Vec::new() })
}

/// The contacts of opportunities, page by page. All records of a call have one query, so they share
/// the place where its next page begins; those that stand at another place wait for the next call.
async fn contacts_of(
    calls: &mut Calls<'_>,
    of: &[AssociationsOf],
) -> Result<AssociationsPage, ProviderError> {
    let place = of.first().and_then(|it| it.after.as_deref());
    let (asked, others): (Vec<_>, Vec<_>) = of.iter().partition(|it| it.after.as_deref() == place);
    let page = match place {
        None => {
            let ids = soql::id_list(asked.iter().map(|it| &it.external_id))?;
            let query = format!(
                "SELECT OpportunityId, ContactId FROM OpportunityContactRole WHERE OpportunityId IN {ids}"
            );
            calls.query(&query).await?
        }
        Some(locator) => next_page(calls, "query", locator).await?,
    };
    let mut found: BTreeMap<ExternalId, BTreeSet<Association>> = BTreeMap::new();
    for record in &page.records {
        let id = |field: &str| record.text(field).and_then(ids::read);
        let (Some(opportunity), Some(contact)) = (id("OpportunityId"), id("ContactId")) else {
            return Err(UNREADABLE_PAGE);
        };
        if asked.iter().any(|it| it.external_id == opportunity) {
            found.entry(opportunity).or_default().insert(association(ObjectType::Contact, contact));
        }
    }
    let mut more: Vec<_> = others.into_iter().cloned().collect();
    if let Some(after) = page.next() {
        let after = after.ok_or(UNREADABLE_PAGE)?;
        more.extend(asked.into_iter().map(|it| AssociationsOf {
            external_id: it.external_id.clone(),
            after: Some(after.clone()),
        }));
    }
    Ok(AssociationsPage { found, more })
}

/// A page with a row without its ids, or that says that there are more and not where.
pub const UNREADABLE_PAGE: ProviderError =
    crate::http::unavailable(None, sync_domain::ports::RemoteEffect::None);

const fn association(object_type: ObjectType, external_id: ExternalId) -> Association {
    Association { object_type, external_id }
}

/// The page of a query that begins at a locator.
///
/// # Errors
/// For what is no locator, a refusal.
pub async fn next_page(
    calls: &mut Calls<'_>,
    resource: &str,
    locator: &str,
) -> Result<QueryAnswer, ProviderError> {
    if !is_locator(locator) {
        return Err(ProviderError::Rejected { vendor_code: None, field: None });
    }
    let answer = calls.get(&[resource, locator], &[]).await?;
    success_of(&answer)
}
