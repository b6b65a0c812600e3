//! The operations of the gateway: create or update, look up, associate.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use sync_domain::gate::RateLimit;
use sync_domain::model::{CrmDraft, ExternalId, InvalidField, ObjectType, RecordChange};
use sync_domain::ports::{
    AuthMode, Called, Checked, Connection, CrmGateway, ProviderError, RateLimits, RemoteEffect,
    RemoteRecord, Wanted, Written,
};

use super::calls::{Calls, bad_answer, written};
use super::error::is_gone;
use super::host::PipedriveSettings;
use super::looking::{created_since, look, unless_anothers};
use super::mapping::{Onto, body_of};
use super::rate::WINDOW;
use super::reading::{in_words_of, remote_record};
use super::records::{Job, by_id, path_of, record_path};
use super::stages::StageLists;
use super::wire::Record;
use super::{associating, check};
use crate::http::{ProviderHttp, RawAnswer, unavailable};

/// What the smallest plan lets a user's own token send per window (pipedrive.readme.io, "Rate
/// limiting", copy of October 2025); larger ones are learned from answers.
const TOKEN_CALLS_MAX: u32 = 20;
/// The same for an OAuth app.
const OAUTH_CALLS_MAX: u32 = 80;
/// How long a creation is left alone whose outcome nobody knows: it may still be running there, and
/// nothing there would refuse the second record.
const SETTLE: Duration = Duration::from_secs(30);

/// Calls Pipedrive for any tenant.
#[derive(Debug)]
pub struct PipedriveGateway {
    http: ProviderHttp,
    settings: PipedriveSettings,
    stages: StageLists,
}

impl PipedriveGateway {
    /// A gateway that uses `http`.
    pub fn new(http: ProviderHttp, settings: PipedriveSettings) -> Self {
        Self { http, settings, stages: StageLists::default() }
    }

    /// Begins an operation of `connection`.
    pub(super) fn calls<'a>(&'a self, connection: &'a Connection) -> Calls<'a> {
        Calls::of(&self.http, &self.settings, connection)
    }
}

/// One upsert on its way.
struct Upsert<'a, 'c> {
    calls: &'c mut Calls<'a>,
    job: Job<'a>,
    /// Of the draft's stage, where only that is named.
    stage_pipeline: Option<u64>,
}

impl Upsert<'_, '_> {
    async fn run(&mut self, known: Option<&ExternalId>) -> Result<Written, ProviderError> {
        if let Some(id) = known
            && let Some(written) = self.onto_known(id).await?
        {
            return Ok(written);
        }
        if let Some(record) = look(self.calls, &self.job).await? {
            let id = ExternalId::new(record.id.id().unwrap_or_default());
            if let Some(written) = self.patch(&id, Onto::Read(&record)).await? {
                return Ok(written);
            }
        }
        self.create().await
    }

    /// Onto the record of an id, `None` where it is gone. A person is read first: its lists are merged.
    async fn onto_known(&mut self, id: &ExternalId) -> Result<Option<Written>, ProviderError> {
        let object_type = self.job.draft.object_type;
        if object_type != ObjectType::Contact {
            return self.patch(id, Onto::Unread).await;
        }
        match by_id(self.calls, object_type, id, &self.job.fields).await? {
            Some(record) => {
                let record = unless_anothers(&self.job, record)?;
                self.patch(id, Onto::Read(&record)).await
            }
            None => Ok(None),
        }
    }

    /// `PATCH …/{id}`, `None` where there is no such record. It takes nothing out of the bin, so a
    /// record that is in there is none. One that was read a moment ago is not gone because it can't
    /// be written, as an archived deal may not: creating it anew would make a second one.
    async fn patch(
        &mut self,
        id: &ExternalId,
        onto: Onto<'_>,
    ) -> Result<Option<Written>, ProviderError> {
        let Job { draft, fields } = &self.job;
        let Some(path) = record_path(draft.object_type, id) else { return Ok(None) };
        let body = body_of(draft, fields, onto, self.stage_pipeline)?;
        let answer = self.calls.patch(&path, &body).await?;
        if is_gone(&answer) {
            return match onto {
                Onto::Read(_) => Err(unavailable(Some(answer.status), RemoteEffect::None)),
                Onto::Unread | Onto::Nothing => Ok(None),
            };
        }
        let record: Record = written(&answer)?;
        if record.is_deleted.is_set() {
            return Ok(None);
        }
        self.written_of(&record, RecordChange::Updated, &answer).map(Some)
    }

    async fn create(&mut self) -> Result<Written, ProviderError> {
        self.post().await.map_err(to_settle)
    }

    async fn post(&mut self) -> Result<Written, ProviderError> {
        let Job { draft, fields } = &self.job;
        let body = body_of(draft, fields, Onto::Nothing, self.stage_pipeline)?;
        let answer = self.calls.post(path_of(draft.object_type), &body).await?;
        let record: Record = written(&answer)?;
        self.written_of(&record, RecordChange::Created, &answer)
    }

    /// An answer without an id leaves open what happened.
    fn written_of(
        &self,
        record: &Record,
        change: RecordChange,
        answer: &RawAnswer,
    ) -> Result<Written, ProviderError> {
        let remote = remote_of(&self.job, record).ok_or_else(|| bad_answer(answer))?;
        Ok(Written {
            external_id: remote.external_id,
            change,
            attributes: remote.attributes,
            provider_version: remote.provider_version,
        })
    }
}

/// The failure of a creation. Where it may have come through, the wait is too long for another try
/// within the same upsert: the look for it comes later.
fn to_settle(error: ProviderError) -> ProviderError {
    let (status, asked) = match error {
        ProviderError::TimedOut => (None, None),
        ProviderError::Unavailable { status, retry_after, effect: RemoteEffect::Unknown } => {
            (status, retry_after)
        }
        ProviderError::Unavailable { effect: RemoteEffect::None, .. }
        | ProviderError::Rejected { .. }
        | ProviderError::Duplicate { .. }
        | ProviderError::Unauthorized
        | ProviderError::MissingScope
        | ProviderError::Contended { .. }
        | ProviderError::RateLimited { .. }
        | ProviderError::Closed { .. } => return error,
    };
    let retry_after = Some(asked.unwrap_or_default().max(SETTLE));
    ProviderError::Unavailable { status, retry_after, effect: RemoteEffect::Unknown }
}

fn remote_of(job: &Job<'_>, record: &Record) -> Option<RemoteRecord> {
    let mut remote = remote_record(job.draft.object_type, record, &job.fields)?;
    in_words_of(job.draft, record, &mut remote, job.fields.key.is_some());
    Some(remote)
}

/// The record that an upsert has written or would update. One that lacks our key, although the account
/// has the field, is not written yet: the next upsert finds it and gives it the key.
async fn find(
    calls: &mut Calls<'_>,
    job: &Job<'_>,
    wanted: &Wanted<'_>,
) -> Result<Option<Record>, ProviderError> {
    let is_done = |record: &Record| job.fields.key.is_none() || job.is_keyed(record);
    if let Some(id) = wanted.known
        && let Some(record) = by_id(calls, job.draft.object_type, id, &job.fields).await?
    {
        return Ok(Some(record).filter(is_done));
    }
    if let Some(record) = created_since(calls, job, wanted.began_at).await? {
        return Ok(Some(record));
    }
    Ok(look(calls, job).await?.filter(is_done))
}

impl RateLimits for PipedriveGateway {
    fn default_limit(&self, connection: &Connection) -> RateLimit {
        let max = match connection.auth {
            AuthMode::Oauth => OAUTH_CALLS_MAX,
            AuthMode::PrivateApp
            | AuthMode::ApiKey
            | AuthMode::ApiToken
            | AuthMode::ClientCredentials
            | AuthMode::JwtBearer => TOKEN_CALLS_MAX,
        };
        RateLimit { max, window: WINDOW }
    }
}

#[async_trait]
impl CrmGateway for PipedriveGateway {
    fn check(
        &self,
        connection: &Connection,
        draft: &CrmDraft,
        now: Timestamp,
    ) -> Result<Checked, InvalidField> {
        check::check(draft)?;
        self.stages.check(connection, draft, now)
    }

    async fn refresh(
        &self,
        connection: &Connection,
        now: Timestamp,
    ) -> Result<Called<()>, ProviderError> {
        let mut calls = self.calls(connection);
        self.stages.refresh(connection, &mut calls, now).await?;
        Ok(calls.done(()))
    }

    /// Always: a read or a write by id costs a fraction of a search.
    fn needs_known(&self, _connection: &Connection, _object_type: ObjectType) -> bool {
        true
    }

    fn requests(&self, connection: &Connection, wanted: &Wanted<'_>) -> u32 {
        let is_contact = wanted.draft.object_type == ObjectType::Contact;
        if wanted.known.is_some() {
            return 1 + u32::from(is_contact);
        }
        let job = Job::new(connection, wanted.draft);
        searches(&job) + 1
    }

    async fn upsert(
        &self,
        connection: &Connection,
        wanted: &Wanted<'_>,
    ) -> Result<Called<Written>, ProviderError> {
        let Wanted { draft, known, .. } = *wanted;
        let mut calls = self.calls(connection);
        let stage_pipeline = self.stages.pipeline_of(connection, draft);
        let job = Job::new(connection, draft);
        let mut upsert = Upsert { calls: &mut calls, job, stage_pipeline };
        let written = upsert.run(known).await?;
        Ok(calls.done(written))
    }

    fn find_requests(&self, connection: &Connection, wanted: &Wanted<'_>) -> u32 {
        let job = Job::new(connection, wanted.draft);
        if wanted.known.is_some() { 1 } else { 1 + searches(&job) }
    }

    async fn find(
        &self,
        connection: &Connection,
        wanted: &Wanted<'_>,
    ) -> Result<Called<Option<RemoteRecord>>, ProviderError> {
        let mut calls = self.calls(connection);
        let job = Job::new(connection, wanted.draft);
        let found = find(&mut calls, &job, wanted).await?;
        let found = found.and_then(|record| remote_of(&job, &record));
        Ok(calls.done(found))
    }

    async fn associate(
        &self,
        connection: &Connection,
        draft: &CrmDraft,
        external_id: &ExternalId,
    ) -> Result<Called<()>, ProviderError> {
        let mut calls = self.calls(connection);
        let job = Job::new(connection, draft);
        associating::associate(&mut calls, &job, external_id).await?;
        Ok(calls.done(()))
    }
}

/// How many searches a look costs that finds nothing.
fn searches(job: &Job<'_>) -> u32 {
    let by_email = job.draft.object_type == ObjectType::Contact;
    u32::from(job.fields.key.is_some()) + u32::from(by_email)
}
