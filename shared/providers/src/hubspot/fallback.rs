//! Companies and deals of a portal that has no key property, because the token may not make one.
//!
//! Without a unique property HubSpot can't create or update in one call. What is done instead, in
//! this order: update by the id that we stored; else search by what the portal's own users would
//! look for (a company's domain, else its name; a deal's name, in its pipeline if one is given) and
//! update the oldest hit; else create.
//!
//! What that gives up:
//! - **A creation may happen twice.** A crash, or no answer, after the creation and before we have
//!   stored the id leaves the search, and the search shows new records only after some seconds.
//! - **Equal names are one record.** Two references whose deals have the same name and pipeline, or
//!   whose companies have the same domain or name, are written to the same HubSpot record.
//! - A record without any of these values, or with one longer than a search takes, is created
//!   without a search.
//! - The search allows 5 calls in a second for the whole account, tells no limit in its headers, and
//!   an upsert without a known id costs two calls.

use sync_domain::model::{AttributeName, CrmDraft, ExternalId, ObjectType, RecordChange};
use sync_domain::ports::{ProviderError, RemoteRecord, Written};

use super::calls::{Calls, success_of};
use super::client::{HubspotGateway, written_of};
use super::error::is_not_found;
use super::{mapping, wire};

/// The longest value to search for: the whole request may have 3,000 characters, and escapes take up
/// to six for one.
const SEARCH_VALUE_MAX_CHARS: usize = 300;

impl HubspotGateway {
    /// Updates the record that is known or found, else creates one.
    pub(super) async fn upsert_without_key(
        &self,
        calls: &mut Calls<'_>,
        draft: &CrmDraft,
        known: Option<&ExternalId>,
    ) -> Result<Written, ProviderError> {
        if let Some(id) = known
            && let Some(written) = self.update_by_id(calls, draft, id).await?
        {
            return Ok(written);
        }
        if let Some(found) = self.search_oldest(calls, draft).await?
            && let Some(written) = self.update_by_id(calls, draft, &found.external_id).await?
        {
            return Ok(written);
        }
        let request = wire::RecordInput { properties: mapping::properties_of(draft) };
        let url = self.records_url(draft.object_type, "");
        let answer = calls.post(&url, &request).await?;
        let record = success_of(&answer)?;
        written_of(calls, draft, record, RecordChange::Created, &answer)
    }

    /// The record that an upsert would update. It counts as having the draft's reference, which it has
    /// no property for.
    pub(super) async fn find_without_key(
        &self,
        calls: &mut Calls<'_>,
        draft: &CrmDraft,
        known: Option<&ExternalId>,
    ) -> Result<Option<RemoteRecord>, ProviderError> {
        let mut found = None;
        if let Some(id) = known {
            found = self.read_by_id(calls, draft.object_type, id).await?;
        }
        if found.is_none() {
            found = self.search_oldest(calls, draft).await?;
        }
        if let Some(record) = &mut found {
            record.attributes.set(AttributeName::Reference, draft.natural_key.expose());
        }
        Ok(found)
    }

    /// `GET …/{id}`, `None` where there is no such record. It also takes the id of a record that was
    /// merged into another.
    async fn read_by_id(
        &self,
        calls: &mut Calls<'_>,
        object_type: ObjectType,
        id: &ExternalId,
    ) -> Result<Option<RemoteRecord>, ProviderError> {
        let properties = mapping::property_names(object_type).join(",");
        let url = self.records_url(object_type, &format!("/{id}?properties={properties}"));
        let answer = calls.get(&url).await?;
        if is_not_found(&answer) {
            return Ok(None);
        }
        let record: wire::Record = success_of(&answer)?;
        if record.is_archived() {
            return Ok(None);
        }
        Ok(mapping::remote_record(object_type, record, calls.region()))
    }

    async fn search_oldest(
        &self,
        calls: &mut Calls<'_>,
        draft: &CrmDraft,
    ) -> Result<Option<RemoteRecord>, ProviderError> {
        let filters = filters_of(draft);
        if filters.is_empty() {
            return Ok(None);
        }
        let request = wire::Search {
            filter_groups: [wire::FilterGroup { filters }],
            sorts: [wire::Sort { property_name: "createdate", direction: "ASCENDING" }],
            properties: mapping::property_names(draft.object_type),
            limit: 1,
        };
        let url = self.records_url(draft.object_type, "/search");
        let answer = calls.post(&url, &request).await?;
        let hits: wire::BatchAnswer = success_of(&answer)?;
        let oldest = hits.results.into_iter().next();
        let region = calls.region();
        Ok(oldest.and_then(|record| mapping::remote_record(draft.object_type, record, region)))
    }
}

/// What identifies the record to a person; empty where nothing does.
fn filters_of(draft: &CrmDraft) -> Vec<wire::Filter<'_>> {
    let filter = |name: AttributeName| {
        let value = draft.attributes.get(name)?;
        let is_searchable = !value.is_empty() && value.chars().count() <= SEARCH_VALUE_MAX_CHARS;
        let property_name = mapping::property_name(draft.object_type, name);
        is_searchable.then_some(wire::Filter { property_name, operator: "EQ", value })
    };
    match draft.object_type {
        ObjectType::Contact => Vec::new(),
        ObjectType::Company => {
            let by_domain = filter(AttributeName::Domain);
            by_domain.or_else(|| filter(AttributeName::Name)).into_iter().collect()
        }
        ObjectType::Deal => filter(AttributeName::Name).map_or_else(Vec::new, |by_name| {
            [by_name].into_iter().chain(filter(AttributeName::Pipeline)).collect()
        }),
    }
}
