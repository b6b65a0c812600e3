//! The gateway and its operations.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use sync_domain::gate::RateLimit;
use sync_domain::model::{CrmDraft, ExternalId, InvalidField, ObjectType};
use sync_domain::ports::{
    Called, Checked, Connection, CrmGateway, ProviderError, RateLimits, RemoteRecord, Wanted,
    Written,
};

use super::calls::{self, Calls};
use super::mapping;
use super::settings::SalesforceSettings;
use super::stages::StageCache;
use crate::http::ProviderHttp;

/// Salesforce has no limit of calls per second: what counts is the day, and long calls at a time.
/// This one is ours, so that no burst of one tenant uses up a small org's day (15,000 calls) within
/// minutes.
const RATE: RateLimit = RateLimit { max: 100, window: Duration::from_secs(10) };

/// Calls Salesforce for any tenant.
#[derive(Debug)]
pub struct SalesforceGateway {
    http: ProviderHttp,
    settings: SalesforceSettings,
    pub(super) stages: StageCache,
}

impl SalesforceGateway {
    /// A gateway that uses `http`.
    pub fn new(http: ProviderHttp, settings: SalesforceSettings) -> Self {
        Self { http: calls::client(http), settings, stages: StageCache::default() }
    }

    /// Begins an operation of `connection`.
    pub(super) fn calls<'a>(
        &'a self,
        connection: &'a Connection,
    ) -> Result<Calls<'a>, ProviderError> {
        Calls::new(&self.http, &self.settings, connection)
    }
}

impl RateLimits for SalesforceGateway {
    fn default_limit(&self, _connection: &Connection) -> RateLimit {
        RATE
    }
}

#[async_trait]
impl CrmGateway for SalesforceGateway {
    fn check(
        &self,
        connection: &Connection,
        draft: &CrmDraft,
        now: Timestamp,
    ) -> Result<Checked, InvalidField> {
        mapping::check(connection, draft)?;
        self.stages.check(connection, draft, now)
    }

    async fn refresh(
        &self,
        connection: &Connection,
        now: Timestamp,
    ) -> Result<Called<()>, ProviderError> {
        self.refresh_stages(connection, now).await
    }

    /// Knowing the id saves the look for the record.
    fn needs_known(&self, _connection: &Connection, _object_type: ObjectType) -> bool {
        true
    }

    /// A look and a write; a new deal without a stage also needs the org's first one.
    fn requests(&self, _connection: &Connection, wanted: &Wanted<'_>) -> u32 {
        if wanted.known.is_some() { 1 } else { 2 }
    }

    async fn upsert(
        &self,
        connection: &Connection,
        wanted: &Wanted<'_>,
    ) -> Result<Called<Written>, ProviderError> {
        self.upsert_record(connection, wanted).await
    }

    async fn find(
        &self,
        connection: &Connection,
        wanted: &Wanted<'_>,
    ) -> Result<Called<Option<RemoteRecord>>, ProviderError> {
        self.find_record(connection, wanted).await
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
