//! The stages of an account and the pipelines that they belong to, kept for some minutes.
//!
//! Stage and pipeline ids differ from account to account, so a deal that names one is checked before
//! it is written. An id that the list lacks is looked for once more, unless the list has just been
//! read: somebody may have made the stage since. Where there is no list, Pipedrive is the judge.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use sync_domain::model::{AttributeName, CrmDraft, InvalidField, ObjectType, TenantId};
use sync_domain::ports::{Checked, Connection, ProviderError};

use super::calls::{Calls, bad_answer, read};
use super::error::without_effect;
use super::wire::{Flag, Text};

/// How long a list is good.
const KEPT: SignedDuration = SignedDuration::from_mins(10);
/// How long a list counts as just read.
const FRESH: SignedDuration = SignedDuration::from_secs(30);
/// How long a list that could not be had is not asked for: a passing fault, and any other.
const FAULT: SignedDuration = SignedDuration::from_secs(30);
/// More accounts than this in one instance, and it begins anew.
const ACCOUNTS_MAX: usize = 1_000;
/// The most that one page holds.
const PAGE: &str = "500";

#[derive(Deserialize)]
struct Stage {
    #[serde(default)]
    id: Text,
    #[serde(default)]
    pipeline_id: Text,
    #[serde(default)]
    is_deleted: Flag,
}

/// Pipeline by stage.
type Stages = HashMap<String, String>;

#[derive(Debug)]
enum Held {
    Read { stages: Stages, at: Timestamp },
    NoneUntil(Timestamp),
}

/// The lists that this instance has read, by tenant and account.
#[derive(Debug, Default)]
pub struct StageLists(Mutex<HashMap<(TenantId, String), Held>>);

impl StageLists {
    /// Checks the pipeline and the stage of a deal.
    ///
    /// # Errors
    /// The one that the account does not have.
    pub fn check(
        &self,
        connection: &Connection,
        draft: &CrmDraft,
        now: Timestamp,
    ) -> Result<Checked, InvalidField> {
        let (pipeline, stage) = place_of(draft);
        if draft.object_type != ObjectType::Deal || (pipeline.is_none() && stage.is_none()) {
            return Ok(Checked::Passed);
        }
        let lists = self.lists();
        let (stages, at) = match lists.get(&key_of(connection)) {
            Some(Held::NoneUntil(until)) if now < *until => return Ok(Checked::Passed),
            Some(Held::Read { stages, at }) if now < *at + KEPT => (stages, *at),
            Some(Held::NoneUntil(_) | Held::Read { .. }) | None => return Ok(Checked::Unsure),
        };
        match fault_of(stages, pipeline, stage) {
            None => Ok(Checked::Passed),
            Some(_) if now >= at + FRESH => Ok(Checked::Unsure),
            Some(fault) => Err(fault),
        }
    }

    /// The pipeline of the stage that a draft names without one, where a list tells it.
    pub fn pipeline_of(&self, connection: &Connection, draft: &CrmDraft) -> Option<u64> {
        let (None, Some(stage)) = place_of(draft) else { return None };
        match self.lists().get(&key_of(connection))? {
            Held::Read { stages, .. } => stages.get(stage)?.parse().ok(),
            Held::NoneUntil(_) => None,
        }
    }

    /// Reads the list with `GET /api/v2/stages` and keeps it, or that it can't be had.
    pub async fn refresh(
        &self,
        connection: &Connection,
        calls: &mut Calls<'_>,
        now: Timestamp,
    ) -> Result<(), ProviderError> {
        let (held, result) = match list_of(calls).await {
            Ok(stages) => (Held::Read { stages, at: now }, Ok(())),
            Err(error) => {
                let wait = if error.retry().is_some() { FAULT } else { KEPT };
                (Held::NoneUntil(now + wait), Err(error))
            }
        };
        let mut lists = self.lists();
        if lists.len() >= ACCOUNTS_MAX {
            lists.clear();
        }
        lists.insert(key_of(connection), held);
        result
    }

    fn lists(&self) -> MutexGuard<'_, HashMap<(TenantId, String), Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn list_of(calls: &mut Calls<'_>) -> Result<Stages, ProviderError> {
    let answer = calls.get("/api/v2/stages", &[("limit", PAGE)]).await?;
    let list = read::<Vec<Stage>>(&answer)?;
    // Half a list would refuse stages that are there.
    if list.next_cursor().is_some() {
        return Err(without_effect(bad_answer(&answer)));
    }
    let list = list.data.ok_or_else(|| without_effect(bad_answer(&answer)))?;
    let present = list.iter().filter(|stage| !stage.is_deleted.is_set());
    let pair =
        |stage: &Stage| Some((stage.id.id()?.to_owned(), stage.pipeline_id.id()?.to_owned()));
    Ok(present.filter_map(pair).collect())
}

fn key_of(connection: &Connection) -> (TenantId, String) {
    (connection.tenant.clone(), connection.account_id.clone())
}

fn place_of(draft: &CrmDraft) -> (Option<&str>, Option<&str>) {
    let value = |name| draft.attributes.get(name).filter(|value| !value.is_empty());
    (value(AttributeName::Pipeline), value(AttributeName::Stage))
}

fn fault_of(stages: &Stages, pipeline: Option<&str>, stage: Option<&str>) -> Option<InvalidField> {
    if let Some(pipeline) = pipeline
        && !stages.values().any(|it| it == pipeline)
    {
        let reason = "must be the id of a pipeline of the account";
        return Some(InvalidField::new("attributes.pipeline", reason));
    }
    let found = stages.get(stage?);
    let reason = match (found, pipeline) {
        (Some(its), Some(pipeline)) if its != pipeline => {
            "must be the id of a stage of this pipeline"
        }
        (Some(_), _) => return None,
        (None, _) => "must be the id of a stage of the account",
    };
    Some(InvalidField::new("attributes.stage", reason))
}
