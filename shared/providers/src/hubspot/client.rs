//! URLs and calls.
//!
//! Dated paths (`/crm/objects/{version}/…`) with the version as one setting: the undated ones are
//! unsupported from September 2027 (developers.hubspot.com, "date-based API versioning", read
//! 2026-11-22).

use async_trait::async_trait;
use serde::de::DeserializeOwned;
use sync_domain::model::{CrmDraft, ExternalId, InvalidField, ObjectType, RecordChange};
use sync_domain::ports::{
    Connection, CrmGateway, ProviderError, RemoteEffect, RemoteRecord, Written,
};

use super::error::error_of;
use super::{mapping, wire};
use crate::http::{ProviderHttp, RawAnswer, unavailable};

/// Where HubSpot is and which version of its API is spoken.
#[derive(Debug, Clone)]
pub struct HubspotSettings {
    /// `HUBSPOT_BASE_URL`, without a trailing slash; one host serves every data centre.
    pub base_url: String,
    /// `HUBSPOT_API_VERSION`, `YYYY-MM`.
    pub api_version: String,
}

/// Calls HubSpot for any tenant.
#[derive(Debug)]
pub struct HubspotGateway {
    http: ProviderHttp,
    settings: HubspotSettings,
}

impl HubspotGateway {
    /// A gateway that uses `http`.
    pub const fn new(http: ProviderHttp, settings: HubspotSettings) -> Self {
        Self { http, settings }
    }

    fn batch_url(&self, object_type: ObjectType, verb: &str) -> String {
        let HubspotSettings { base_url, api_version } = &self.settings;
        let base_url = base_url.trim_end_matches('/');
        let objects = match object_type {
            ObjectType::Contact => "contacts",
            ObjectType::Company => "companies",
            ObjectType::Deal => "deals",
        };
        format!("{base_url}/crm/objects/{api_version}/{objects}/batch/{verb}")
    }
}

#[async_trait]
impl CrmGateway for HubspotGateway {
    fn check(&self, draft: &CrmDraft) -> Result<(), InvalidField> {
        mapping::check(draft)
    }

    /// `POST …/batch/upsert` with one input: it creates or updates in one call, so there is no gap
    /// between looking and creating. The id property stays out of `properties`: on a match by a
    /// secondary email it would overwrite the primary one (seen by integrators; unverified).
    async fn upsert(
        &self,
        connection: &Connection,
        draft: &CrmDraft,
    ) -> Result<Written, ProviderError> {
        let url = self.batch_url(draft.object_type, "upsert");
        let id_property = mapping::id_property(draft.object_type);
        let input = wire::UpsertInput {
            id: draft.natural_key.expose(),
            id_property,
            properties: mapping::properties_of(draft),
        };
        let request = wire::Batch { inputs: [input] };
        let answer = self.http.post_json(&url, &connection.access_token, &request).await?;
        let batch: wire::BatchAnswer = success_of(&answer)?;
        let record = match (batch.results.into_iter().next(), batch.errors.first()) {
            (Some(record), _) => record,
            (None, Some(error)) => return Err(error.rejection()),
            (None, None) => return Err(unavailable(Some(answer.status), RemoteEffect::Unknown)),
        };
        let id = record.id.ok_or(unavailable(Some(answer.status), RemoteEffect::Unknown))?;
        // Without the flag nothing says "new", so the weaker claim is made.
        let is_new = record.new.unwrap_or(false);
        let change = if is_new { RecordChange::Created } else { RecordChange::Updated };
        Ok(Written { external_id: ExternalId::new(id), change })
    }

    /// `POST …/batch/read` by the id property. Not the search: that lags behind writes.
    async fn find(
        &self,
        connection: &Connection,
        draft: &CrmDraft,
    ) -> Result<Option<RemoteRecord>, ProviderError> {
        let url = self.batch_url(draft.object_type, "read");
        let request = wire::BatchRead {
            id_property: mapping::id_property(draft.object_type),
            properties: mapping::property_names(draft.object_type),
            inputs: [wire::ReadInput { id: draft.natural_key.expose() }],
        };
        let answer = self.http.post_json(&url, &connection.access_token, &request).await?;
        if answer.status == 404 {
            return Ok(None);
        }
        let batch: wire::BatchAnswer = success_of(&answer)?;
        let found = batch.results.into_iter().find(|record| !record.archived.unwrap_or(false));
        let region = connection.default_region.as_deref();
        Ok(found.and_then(|record| mapping::remote_record(draft.object_type, record, region)))
    }
}

/// The decoded body of a 2xx answer. A body that is no JSON (an edge's HTML page, an empty or a cut
/// one) under a success status leaves open whether anything was written.
fn success_of<T: DeserializeOwned>(answer: &RawAnswer) -> Result<T, ProviderError> {
    if !(200..300).contains(&answer.status) {
        return Err(error_of(answer));
    }
    serde_json::from_slice(&answer.body)
        .map_err(|_not_json| unavailable(Some(answer.status), RemoteEffect::Unknown))
}
