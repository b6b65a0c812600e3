//! The pipelines of a portal and their stages: each portal has its own, by ids of its own.
//!
//! A deal that names a pipeline or a stage is checked against the portal's list before anything is
//! written. The list is kept for ten minutes. A name that is not in it leads to one fresh look,
//! unless the list is quite new: someone may just have added a stage. Where the list can't be had,
//! because HubSpot is down or the token lacks the scope, nothing is refused here and HubSpot judges.
//!
//! `GET /crm/pipelines/{version}/deals`: the dated path is derived from the other ones (unverified);
//! `/crm/v3/pipelines/deals` is the documented older one.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use sync_domain::model::{AttributeName, CrmDraft, InvalidField, ObjectType, TenantId};
use sync_domain::ports::{Called, Checked, Connection, ProviderError};

use super::calls::success_of;
use super::client::HubspotGateway;

/// How long a list is used, or the lack of one is not looked at again.
const LIST_TTL: SignedDuration = SignedDuration::from_mins(10);
/// A list that is younger is not read again for a name that it does not have.
const NEW_LIST: SignedDuration = SignedDuration::from_secs(30);
/// How long a passing failure is not tried again.
const FAILURE_TTL: SignedDuration = SignedDuration::from_secs(30);
/// An instance that serves more portals than this starts its cache anew.
const PORTALS_MAX: usize = 1_000;

#[derive(Deserialize)]
struct PipelineList {
    results: Vec<Pipeline>,
}

#[derive(Deserialize)]
struct Pipeline {
    id: String,
    #[serde(default)]
    stages: Vec<Stage>,
    #[serde(default)]
    archived: bool,
}

#[derive(Deserialize)]
struct Stage {
    id: String,
    #[serde(default)]
    archived: bool,
}

/// The stages of each pipeline.
type Pipelines = HashMap<String, HashSet<String>>;

#[derive(Debug)]
enum Known {
    /// The list as it was read then.
    List(Pipelines, Timestamp),
    /// There is none to be had until then.
    Unreadable(Timestamp),
}

/// The lists of all portals that this instance has asked for.
#[derive(Debug, Default)]
pub struct PipelineCache(Mutex<HashMap<(TenantId, String), Known>>);

impl PipelineCache {
    /// Checks the pipeline and the stage of a deal.
    ///
    /// # Errors
    /// The one that the portal does not have.
    pub fn check(
        &self,
        connection: &Connection,
        draft: &CrmDraft,
        now: Timestamp,
    ) -> Result<Checked, InvalidField> {
        if draft.object_type != ObjectType::Deal || Place::of(draft).is_nowhere() {
            return Ok(Checked::Passed);
        }
        match self.lists().get(&key_of(connection)) {
            Some(Known::Unreadable(until)) if now < *until => Ok(Checked::Passed),
            Some(Known::List(pipelines, read_at)) if now < *read_at + LIST_TTL => {
                match Place::of(draft).missing_in(pipelines) {
                    None => Ok(Checked::Passed),
                    Some(_) if now >= *read_at + NEW_LIST => Ok(Checked::Unsure),
                    Some(missing) => Err(missing),
                }
            }
            Some(Known::Unreadable(_) | Known::List(..)) | None => Ok(Checked::Unsure),
        }
    }

    fn keep(&self, connection: &Connection, known: Known) {
        let mut lists = self.lists();
        if lists.len() >= PORTALS_MAX {
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

/// Where a draft puts a deal. A value to be cleared is HubSpot's to judge.
struct Place<'a> {
    pipeline: Option<&'a str>,
    stage: Option<&'a str>,
}

impl<'a> Place<'a> {
    fn of(draft: &'a CrmDraft) -> Self {
        let value = |name| draft.attributes.get(name).filter(|value| !value.is_empty());
        Self { pipeline: value(AttributeName::Pipeline), stage: value(AttributeName::Stage) }
    }

    const fn is_nowhere(&self) -> bool {
        self.pipeline.is_none() && self.stage.is_none()
    }

    /// What the portal does not have. Without a pipeline the stage may be one of any: the deal may be
    /// in whichever.
    fn missing_in(&self, pipelines: &Pipelines) -> Option<InvalidField> {
        if let Some(pipeline) = self.pipeline
            && !pipelines.contains_key(pipeline)
        {
            return Some(InvalidField::new(
                "attributes.pipeline",
                "must be the id of a pipeline of the account",
            ));
        }
        let stage = self.stage?;
        let is_there = pipelines
            .iter()
            .filter(|(id, _stages)| self.pipeline.is_none_or(|pipeline| pipeline == id.as_str()))
            .any(|(_id, stages)| stages.contains(stage));
        let reason = if self.pipeline.is_some() {
            "must be the id of a stage of this pipeline"
        } else {
            "must be the id of a stage of a pipeline of the account"
        };
        (!is_there).then(|| InvalidField::new("attributes.stage", reason))
    }
}

impl HubspotGateway {
    /// Reads the list of a portal and keeps it, or that it can't be had.
    pub(super) async fn refresh_pipelines(
        &self,
        connection: &Connection,
        now: Timestamp,
    ) -> Result<Called<()>, ProviderError> {
        let mut calls = self.calls(connection);
        let answer = calls.get(&self.url("pipelines", "/deals")).await;
        let list = answer.and_then(|answer| success_of::<PipelineList>(&answer));
        match list {
            Ok(list) => {
                self.pipelines.keep(connection, Known::List(pipelines_of(list), now));
                Ok(calls.done(()))
            }
            Err(error) => {
                let ttl = if error.retry().is_some() { FAILURE_TTL } else { LIST_TTL };
                self.pipelines.keep(connection, Known::Unreadable(now + ttl));
                Err(error)
            }
        }
    }
}

fn pipelines_of(list: PipelineList) -> Pipelines {
    let present = list.results.into_iter().filter(|pipeline| !pipeline.archived);
    present
        .map(|pipeline| {
            let stages = pipeline.stages.into_iter().filter(|stage| !stage.archived);
            (pipeline.id, stages.map(|stage| stage.id).collect())
        })
        .collect()
}
