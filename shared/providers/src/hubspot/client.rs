//! URLs and the operations of the gateway.
//!
//! Dated paths (`/crm/objects/{version}/…`) with the version as one setting: the undated ones are
//! unsupported from September 2027 (developers.hubspot.com, "date-based API versioning", read
//! 2026-11-22).

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use sync_domain::gate::RateLimit;
use sync_domain::model::{CrmDraft, ExternalId, InvalidField, ObjectType, RecordChange};
use sync_domain::ports::{
    AuthMode, Called, Checked, Connection, CrmGateway, ProviderError, RateLimits, RemoteRecord,
    Wanted, Written,
};

use super::calls::{Calls, bad_answer, success_of};
use super::error::{existing_id_of, is_not_found};
use super::pipelines::PipelineCache;
use super::{mapping, wire};
use crate::http::{ProviderHttp, RawAnswer};

/// Where HubSpot is and which version of its API is spoken.
#[derive(Debug, Clone)]
pub struct HubspotSettings {
    /// `HUBSPOT_BASE_URL`, without a trailing slash; one host serves every data centre.
    pub base_url: String,
    /// `HUBSPOT_API_VERSION`, `YYYY-MM`.
    pub api_version: String,
}

/// The window of the burst limits below (developers.hubspot.com, "API usage guidelines", read
/// 2026-11-22).
const RATE_WINDOW: Duration = Duration::from_secs(10);
/// What the smallest plan lets a private app send per window; larger ones are learned from answers.
const PRIVATE_APP_CALLS_MAX: u32 = 100;
/// What an OAuth app may send per window and installing account.
const OAUTH_CALLS_MAX: u32 = 110;

/// Calls HubSpot for any tenant.
#[derive(Debug)]
pub struct HubspotGateway {
    http: ProviderHttp,
    settings: HubspotSettings,
    pub(super) pipelines: PipelineCache,
}

/// The name of a kind of record in paths.
pub(super) const fn path_name(object_type: ObjectType) -> &'static str {
    match object_type {
        ObjectType::Contact => "contacts",
        ObjectType::Company => "companies",
        ObjectType::Deal => "deals",
    }
}

impl HubspotGateway {
    /// A gateway that uses `http`.
    pub fn new(http: ProviderHttp, settings: HubspotSettings) -> Self {
        Self { http, settings, pipelines: PipelineCache::default() }
    }

    /// Begins an operation of `connection`.
    pub(super) const fn calls<'a>(&'a self, connection: &'a Connection) -> Calls<'a> {
        Calls::new(&self.http, connection)
    }

    /// A path of one of the CRM's APIs: `/crm/{api}/{version}{path}`.
    pub(super) fn url(&self, api: &str, path: &str) -> String {
        let HubspotSettings { base_url, api_version } = &self.settings;
        format!("{}/crm/{api}/{api_version}{path}", base_url.trim_end_matches('/'))
    }

    /// A path below the records of a kind.
    pub(super) fn records_url(&self, object_type: ObjectType, path: &str) -> String {
        self.url("objects", &format!("/{}{path}", path_name(object_type)))
    }

    /// `POST …/batch/upsert` with one input: it creates or updates in one call, so there is no gap
    /// between looking and creating. The id property stays out of `properties`: on a match by a
    /// secondary email it would overwrite the primary one (seen by integrators; unverified).
    async fn upsert_by_key(
        &self,
        calls: &mut Calls<'_>,
        draft: &CrmDraft,
    ) -> Result<Written, ProviderError> {
        let input = wire::UpsertInput {
            id: draft.natural_key.expose(),
            id_property: mapping::id_property(draft.object_type),
            properties: mapping::properties_of(draft),
        };
        let request = wire::Batch { inputs: vec![input] };
        let url = self.records_url(draft.object_type, "/batch/upsert");
        let answer = calls.post(&url, &request).await?;
        if let Some(id) = existing_id_of(&answer) {
            // Someone created it meanwhile, and the answer names it.
            let updated = self.update_by_id(calls, draft, &id).await?;
            return updated.ok_or_else(|| super::error::error_of(&answer));
        }
        let batch: wire::BatchAnswer = success_of(&answer)?;
        let ours = |record: &wire::Record| mapping::is_of(draft, record);
        match (batch.results.into_iter().find(ours), batch.errors.first()) {
            // Without the flag nothing says "new", so the weaker claim is made.
            (Some(record), _) if record.new == Some(true) => {
                written_of(calls, draft, record, RecordChange::Created, &answer)
            }
            (Some(record), _) => written_of(calls, draft, record, RecordChange::Updated, &answer),
            (None, Some(error)) => Err(error.rejection()),
            (None, None) => Err(bad_answer(&answer)),
        }
    }

    /// `PATCH …/{id}`, `None` where there is no such record. Unlike a batch update it also takes the
    /// id of a record that was merged into another (see the mapping doc).
    pub(super) async fn update_by_id(
        &self,
        calls: &mut Calls<'_>,
        draft: &CrmDraft,
        id: &ExternalId,
    ) -> Result<Option<Written>, ProviderError> {
        let request = wire::RecordInput { properties: mapping::properties_of(draft) };
        let url = self.records_url(draft.object_type, &format!("/{id}"));
        let answer = calls.patch(&url, &request).await?;
        if is_not_found(&answer) {
            return Ok(None);
        }
        let record = success_of(&answer)?;
        written_of(calls, draft, record, RecordChange::Updated, &answer).map(Some)
    }

    /// `POST …/batch/read` by the id property. Not the search: that lags behind writes.
    async fn find_by_key(
        &self,
        calls: &mut Calls<'_>,
        draft: &CrmDraft,
    ) -> Result<Option<RemoteRecord>, ProviderError> {
        let request = wire::BatchRead {
            id_property: mapping::id_property(draft.object_type),
            properties: mapping::property_names(draft.object_type),
            inputs: vec![wire::ById { id: draft.natural_key.expose() }],
        };
        let url = self.records_url(draft.object_type, "/batch/read");
        let answer = calls.post(&url, &request).await?;
        if is_not_found(&answer) {
            return Ok(None);
        }
        let batch: wire::BatchAnswer = success_of(&answer)?;
        let ours = |record: &wire::Record| mapping::is_of(draft, record) && !record.is_archived();
        let found = batch.results.into_iter().find(ours);
        let region = calls.region();
        Ok(found.and_then(|record| mapping::remote_record(draft.object_type, record, region)))
    }
}

/// What was written, from the record in the answer. An answer without an id leaves open what
/// happened.
pub(super) fn written_of(
    calls: &Calls<'_>,
    draft: &CrmDraft,
    record: wire::Record,
    change: RecordChange,
    answer: &RawAnswer,
) -> Result<Written, ProviderError> {
    let remote = mapping::remote_record(draft.object_type, record, calls.region())
        .ok_or_else(|| bad_answer(answer))?;
    Ok(Written {
        external_id: remote.external_id,
        change,
        attributes: remote.attributes,
        provider_version: remote.provider_version,
    })
}

impl RateLimits for HubspotGateway {
    fn default_limit(&self, connection: &Connection) -> RateLimit {
        let max = match connection.auth {
            AuthMode::Oauth => OAUTH_CALLS_MAX,
            AuthMode::PrivateApp
            | AuthMode::ApiKey
            | AuthMode::ApiToken
            | AuthMode::ClientCredentials
            | AuthMode::JwtBearer => PRIVATE_APP_CALLS_MAX,
        };
        RateLimit { max, window: RATE_WINDOW }
    }
}

#[async_trait]
impl CrmGateway for HubspotGateway {
    fn check(
        &self,
        connection: &Connection,
        draft: &CrmDraft,
        now: Timestamp,
    ) -> Result<Checked, InvalidField> {
        mapping::check(draft)?;
        self.pipelines.check(connection, draft, now)
    }

    async fn refresh(
        &self,
        connection: &Connection,
        now: Timestamp,
    ) -> Result<Called<()>, ProviderError> {
        self.refresh_pipelines(connection, now).await
    }

    async fn upsert(
        &self,
        connection: &Connection,
        wanted: &Wanted<'_>,
    ) -> Result<Called<Written>, ProviderError> {
        let Wanted { draft, known, .. } = *wanted;
        let mut calls = self.calls(connection);
        let written = if connection.has_key_property(draft.object_type) {
            self.upsert_by_key(&mut calls, draft).await?
        } else {
            self.upsert_without_key(&mut calls, draft, known).await?
        };
        Ok(calls.done(written))
    }

    async fn find(
        &self,
        connection: &Connection,
        wanted: &Wanted<'_>,
    ) -> Result<Called<Option<RemoteRecord>>, ProviderError> {
        let Wanted { draft, known, .. } = *wanted;
        let mut calls = self.calls(connection);
        let found = if connection.has_key_property(draft.object_type) {
            self.find_by_key(&mut calls, draft).await?
        } else {
            self.find_without_key(&mut calls, draft, known).await?
        };
        Ok(calls.done(found))
    }

    async fn associate(
        &self,
        connection: &Connection,
        draft: &CrmDraft,
        external_id: &ExternalId,
    ) -> Result<Called<()>, ProviderError> {
        self.associate_with_all(connection, draft, external_id).await
    }
}
