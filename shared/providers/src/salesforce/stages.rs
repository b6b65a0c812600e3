//! The stages that an org's opportunities go through: each org has its own.
//!
//! An opportunity that names a stage is checked against the org's list before anything is written:
//! Salesforce itself takes any text for a stage. The list is kept for ten minutes. A name that is not
//! in it leads to one fresh look, unless the list is quite new: someone may just have added a stage.
//! Where the list can't be had, nothing is refused here and Salesforce judges.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use sync_domain::model::{AttributeName, CrmDraft, InvalidField, ObjectType, TenantId};
use sync_domain::ports::{Called, Checked, Connection, ProviderError};

use super::calls::Calls;
use super::client::SalesforceGateway;
use super::wire::Record;

/// How long a list is used, or the lack of one is not looked at again.
const LIST_TTL: SignedDuration = SignedDuration::from_mins(10);
/// A list that is younger is not read again for a name that it does not have.
const NEW_LIST: SignedDuration = SignedDuration::from_secs(30);
/// How long a passing failure is not tried again.
const FAILURE_TTL: SignedDuration = SignedDuration::from_secs(30);
/// An instance that serves more orgs than this starts its cache anew.
const ORGS_MAX: usize = 1_000;
/// The stages in the order in which people see them. An org has at most some hundred.
const QUERY: &str = "SELECT ApiName, IsActive, IsClosed FROM OpportunityStage ORDER BY SortOrder";
/// The first stage of a new org, for one whose stages may not be read.
const STANDARD_STAGE: &str = "Prospecting";

/// An org's active stages, in their order.
#[derive(Debug)]
struct Stages {
    names: Vec<String>,
    first_open: Option<String>,
}

impl Stages {
    fn of(records: &[Record]) -> Self {
        let is =
            |record: &Record, field: &str| record.value(field).and_then(serde_json::Value::as_bool);
        let active = records.iter().filter(|record| is(record, "IsActive") != Some(false));
        let name = |record: &Record| record.text("ApiName").map(str::to_owned);
        let mut open = active.clone().filter(|record| is(record, "IsClosed") != Some(true));
        Self { names: active.filter_map(name).collect(), first_open: open.find_map(name) }
    }
}

#[derive(Debug)]
enum Known {
    /// The list as it was read then.
    List(Stages, Timestamp),
    /// There is none to be had until then.
    Unreadable(Timestamp),
}

/// The lists of all orgs that this instance has asked for.
#[derive(Debug, Default)]
pub struct StageCache(Mutex<HashMap<(TenantId, String), Known>>);

impl StageCache {
    /// Checks the stage of a deal.
    ///
    /// # Errors
    /// When the org does not have it.
    pub fn check(
        &self,
        connection: &Connection,
        draft: &CrmDraft,
        now: Timestamp,
    ) -> Result<Checked, InvalidField> {
        let stage = draft.attributes.get(AttributeName::Stage).filter(|stage| !stage.is_empty());
        let Some(stage) = stage.filter(|_| draft.object_type == ObjectType::Deal) else {
            return Ok(Checked::Passed);
        };
        match self.lists().get(&key_of(connection)) {
            Some(Known::Unreadable(until)) if now < *until => Ok(Checked::Passed),
            Some(Known::List(stages, read_at)) if now < *read_at + LIST_TTL => {
                if stages.names.iter().any(|name| name == stage) {
                    Ok(Checked::Passed)
                } else if now >= *read_at + NEW_LIST {
                    Ok(Checked::Unsure)
                } else {
                    let reason = "must be the API name of an active stage of the org";
                    Err(InvalidField::new("attributes.stage", reason))
                }
            }
            Some(Known::Unreadable(_) | Known::List(..)) | None => Ok(Checked::Unsure),
        }
    }

    /// The first stage of the last list, however old: `None` where there is no list.
    fn first_open(&self, connection: &Connection) -> Option<String> {
        match self.lists().get(&key_of(connection)) {
            Some(Known::List(stages, _)) => stages.first_open.clone(),
            Some(Known::Unreadable(_)) | None => None,
        }
    }

    fn keep(&self, connection: &Connection, known: Known) {
        let mut lists = self.lists();
        if lists.len() >= ORGS_MAX {
            lists.clear();
        }
        lists.insert(key_of(connection), known);
    }

    fn lists(&self) -> MutexGuard<'_, HashMap<(TenantId, String), Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key_of(connection: &Connection) -> (TenantId, String) {
    (connection.tenant.clone(), connection.account_id.clone())
}

impl SalesforceGateway {
    /// Reads the list of an org and keeps it, or that it can't be had.
    pub(super) async fn refresh_stages(
        &self,
        connection: &Connection,
        now: Timestamp,
    ) -> Result<Called<()>, ProviderError> {
        let mut calls = self.calls(connection)?;
        self.read_stages(&mut calls, connection, now).await?;
        Ok(calls.done(()))
    }

    async fn read_stages(
        &self,
        calls: &mut Calls<'_>,
        connection: &Connection,
        now: Timestamp,
    ) -> Result<(), ProviderError> {
        match calls.query(QUERY).await {
            Ok(page) => {
                self.stages.keep(connection, Known::List(Stages::of(&page.records), now));
                Ok(())
            }
            Err(error) => {
                let ttl = if error.retry().is_some() { FAILURE_TTL } else { LIST_TTL };
                self.stages.keep(connection, Known::Unreadable(now + ttl));
                Err(error)
            }
        }
    }

    /// The stage of a new opportunity whose stage nobody said.
    pub(super) async fn first_stage(
        &self,
        calls: &mut Calls<'_>,
        connection: &Connection,
        now: Timestamp,
    ) -> Result<String, ProviderError> {
        if let Some(stage) = self.stages.first_open(connection) {
            return Ok(stage);
        }
        match self.read_stages(calls, connection, now).await {
            Ok(()) | Err(ProviderError::Rejected { .. } | ProviderError::MissingScope) => {}
            Err(error) => return Err(error),
        }
        let first = self.stages.first_open(connection);
        Ok(first.unwrap_or_else(|| STANDARD_STAGE.to_owned()))
    }
}
