//! Push one record into a tenant's CRM: claim, call, complete.
//!
//! The order is what keeps the promises. The claim is one conditional write, so of any number of
//! callers one goes on (I1). The provider is called once it is ours. The completion is fenced by the
//! owner, so a stale owner can't overwrite a newer result (I2), and it stores record and answer
//! together, so the stream has exactly one version to tell of (I3). Whoever finds a claim that its
//! owner left behind looks at the provider first and writes only what is not there yet.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::keys::{self, SeparatorInPart};
use crate::model::{
    CorrelationId, CrmDraft, ExternalId, IdempotencyKey, InvalidField, ObjectType, OwnerId,
    RecordChange, System, TenantId, UpsertStatus, contact_draft,
};
use crate::ports::{
    Answer, Claim, ClaimOutcome, Clock, Completion, Connection, ConnectionError, ConnectionStore,
    CrmGateway, Expectation, ProviderError, Release, RemoteEffect, StoreError, UpsertStore,
    Written,
};
use crate::retry::RetryPolicy;

/// Time kept back at the end of the invocation for the completion and the answer.
const COMPLETION_RESERVE: Duration = Duration::from_millis(1_500);
/// How far the provider's clock may be behind ours when "created since we began" is decided.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(5);
/// What a caller is told to wait when it is not known when the other one ends.
const IN_PROGRESS_RETRY_AFTER: Duration = Duration::from_secs(1);

/// What the caller wants.
#[derive(Debug)]
pub struct UpsertRecord {
    /// Whose CRM.
    pub tenant: TenantId,
    /// Which CRM.
    pub system: System,
    /// Which kind of record.
    pub object_type: ObjectType,
    /// The attributes as they came.
    pub attributes: Map<String, Value>,
    /// The caller's key.
    pub idempotency_key: IdempotencyKey,
    /// The request.
    pub correlation_id: CorrelationId,
    /// When the invocation ends.
    pub deadline: Timestamp,
}

/// The ports and settings of this use case.
pub struct UpsertDeps<'a> {
    /// Where credentials come from.
    pub connections: &'a dyn ConnectionStore,
    /// Where claims and records are kept.
    pub store: &'a dyn UpsertStore,
    /// The CRM.
    pub gateway: &'a dyn CrmGateway,
    /// Time and dice.
    pub clock: &'a dyn Clock,
    /// How failed calls are repeated.
    pub retry: RetryPolicy,
}

/// The answer, with what is worth a metric.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upserted {
    /// The provider's id and what was done.
    pub answer: Answer,
    /// Whether the answer is a stored one.
    pub is_replay: bool,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum UpsertError {
    /// The caller's input is at fault.
    #[error(transparent)]
    Invalid(#[from] InvalidField),
    /// The tenant has no usable connection.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// The key was used before for something else.
    #[error("the idempotency key was used before for another payload")]
    KeyReused,
    /// The same key, or the same record, is being worked on now.
    #[error("the same key or record is in progress")]
    InProgress {
        /// When to ask again.
        retry_after: Duration,
    },
    /// The provider said no, or nothing.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// The table can't be used now.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<SeparatorInPart> for UpsertError {
    fn from(error: SeparatorInPart) -> Self {
        Self::Store(StoreError::BadKey(error))
    }
}

/// Counts for the metrics of one call; filled while it runs so that they are there on failure too.
#[derive(Debug, Default)]
pub struct UpsertStats {
    /// Calls to the provider.
    pub provider_calls: u32,
    /// Those of them that repeated a failed one.
    pub provider_retries: u32,
    /// Whether a dead owner's claim was taken over.
    pub took_over: bool,
}

/// Carries one upsert out.
///
/// # Errors
/// See [`UpsertError`]; nothing is left half-written in any of the cases.
pub async fn upsert_record(
    deps: &UpsertDeps<'_>,
    command: UpsertRecord,
    stats: &mut UpsertStats,
) -> Result<Upserted, UpsertError> {
    let connection = deps
        .connections
        .connection(&command.tenant, command.system)
        .await?;
    let draft = match command.object_type {
        ObjectType::Contact => {
            contact_draft(&command.attributes, connection.default_region.as_deref())?
        }
    };
    deps.gateway.check(&draft)?;
    let mut claim = claim_for(deps, &command, draft)?;
    let expectation = match claim_or_answer(deps, &mut claim).await? {
        Begun::Answered(upserted) => return Ok(upserted),
        Begun::Owned(expectation) => expectation,
    };
    stats.took_over = expectation != Expectation::default();
    let mut run = Run {
        deps,
        claim: &claim,
        connection: &connection,
        stats,
    };
    let is_unresolved = run.stats.took_over;
    match run.write(is_unresolved).await {
        Ok(written) => run.complete(written).await,
        Err((error, effect)) => {
            run.give_back(&error, effect).await;
            Err(error.into())
        }
    }
}

fn claim_for(
    deps: &UpsertDeps<'_>,
    command: &UpsertRecord,
    draft: CrmDraft,
) -> Result<Claim, UpsertError> {
    let route = format!("crm/{}/upsert", command.system);
    let record = keys::record_key(
        &command.tenant,
        command.system,
        draft.object_type,
        &draft.natural_key,
    )?;
    let now = deps.clock.now();
    Ok(Claim {
        key: keys::claim_key(&command.tenant, &route, &command.idempotency_key)?,
        fingerprint: keys::fingerprint(&record, &draft.attributes)?,
        tenant: command.tenant.clone(),
        system: command.system,
        record,
        draft,
        owner: OwnerId::new(deps.clock.unique_id()),
        at: now,
        lease_until: command.deadline,
        started_at: now,
        correlation_id: command.correlation_id.clone(),
    })
}

/// How a claim begins: with somebody's answer, or as ours.
enum Begun {
    Answered(Upserted),
    Owned(Expectation),
}

/// Claims; where a dead owner is in the way, takes over from it. A takeover that fails means that
/// another caller was faster, so there is no third try.
async fn claim_or_answer(deps: &UpsertDeps<'_>, claim: &mut Claim) -> Result<Begun, UpsertError> {
    let mut expectation = Expectation::default();
    for _takeover in 0..2 {
        let upserted = |answer, is_replay| Ok(Begun::Answered(Upserted { answer, is_replay }));
        match deps.store.claim(claim, &expectation).await? {
            ClaimOutcome::Claimed => return Ok(Begun::Owned(expectation)),
            ClaimOutcome::Replay(answer) => return upserted(answer, true),
            ClaimOutcome::Unchanged(external_id) => {
                return upserted(
                    Answer {
                        external_id,
                        status: UpsertStatus::Noop,
                    },
                    false,
                );
            }
            ClaimOutcome::KeyReused => return Err(UpsertError::KeyReused),
            ClaimOutcome::InProgress { lease_until } => {
                return Err(in_progress(deps.clock.now(), lease_until));
            }
            ClaimOutcome::Stale(found) => {
                let begun = [
                    found.claim.as_ref().map(|stale| stale.started_at),
                    found.lock.as_ref().map(|stale| stale.started_at),
                ];
                claim.started_at = begun.into_iter().flatten().fold(claim.started_at, Ord::min);
                expectation = found;
            }
        }
    }
    Err(in_progress(deps.clock.now(), None))
}

fn in_progress(now: Timestamp, lease_until: Option<Timestamp>) -> UpsertError {
    let retry_after = lease_until
        .map(|until| until_from(now, until).min(IN_PROGRESS_RETRY_AFTER))
        .unwrap_or(IN_PROGRESS_RETRY_AFTER)
        .max(IN_PROGRESS_RETRY_AFTER);
    UpsertError::InProgress { retry_after }
}

fn until_from(now: Timestamp, until: Timestamp) -> Duration {
    Duration::try_from(until.duration_since(now)).unwrap_or_default()
}

/// One claimed upsert on its way.
struct Run<'a, 'd> {
    deps: &'a UpsertDeps<'d>,
    claim: &'a Claim,
    connection: &'a Connection,
    stats: &'a mut UpsertStats,
}

impl Run<'_, '_> {
    /// Writes the record at the provider, at most once: wherever an earlier write may have come
    /// through, the provider is asked before it is told again. On failure it also says whether
    /// an effect may be there.
    async fn write(
        &mut self,
        mut is_unresolved: bool,
    ) -> Result<Written, (ProviderError, RemoteEffect)> {
        let mut attempt = 1;
        loop {
            let result = if is_unresolved {
                self.resolve().await
            } else {
                Ok(None)
            };
            let result = match result {
                Ok(Some(written)) => Ok(written),
                Ok(None) => {
                    is_unresolved = false;
                    self.stats.provider_calls += 1;
                    self.deps
                        .gateway
                        .upsert(self.connection, &self.claim.draft)
                        .await
                }
                Err(error) => Err(error),
            };
            let error = match result {
                Ok(written) => return Ok(written),
                Err(error) => error,
            };
            is_unresolved |= error.effect() == RemoteEffect::Unknown;
            let wait = error.retry().and_then(|asked_for| {
                let clock = self.deps.clock;
                self.deps
                    .retry
                    .wait_after(attempt, asked_for, clock.random(), self.time_left())
            });
            let Some(wait) = wait else {
                let effect = if is_unresolved {
                    RemoteEffect::Unknown
                } else {
                    RemoteEffect::None
                };
                return Err((error, effect));
            };
            self.deps.clock.sleep(wait).await;
            attempt += 1;
            self.stats.provider_retries += 1;
        }
    }

    /// Finds out whether the wanted values are already at the provider.
    async fn resolve(&mut self) -> Result<Option<Written>, ProviderError> {
        self.stats.provider_calls += 1;
        let found = self
            .deps
            .gateway
            .find(self.connection, &self.claim.draft)
            .await?;
        Ok(found
            .filter(|remote| remote.attributes.contains_all(&self.claim.draft.attributes))
            .map(|remote| {
                let began = self.claim.started_at - CLOCK_TOLERANCE;
                let is_new = remote.created_at.is_some_and(|created| created >= began);
                let change = if is_new {
                    RecordChange::Created
                } else {
                    RecordChange::Updated
                };
                Written {
                    external_id: remote.external_id,
                    change,
                }
            }))
    }

    /// What is left for calls to the provider.
    fn time_left(&self) -> Duration {
        until_from(self.deps.clock.now(), self.claim.lease_until).saturating_sub(COMPLETION_RESERVE)
    }

    async fn complete(&self, written: Written) -> Result<Upserted, UpsertError> {
        let Written {
            external_id,
            change,
        } = written;
        let now = self.deps.clock.now();
        match self
            .deps
            .store
            .complete(self.claim, &external_id, change, now)
            .await?
        {
            Completion::Stored => Ok(done(external_id, change)),
            Completion::Lost(Some(answer)) => Ok(Upserted {
                answer,
                is_replay: true,
            }),
            Completion::Lost(None) => Err(in_progress(now, None)),
        }
    }

    /// Gives the claim back after a failure. If even that fails, the lease ends by itself and the
    /// next caller takes over, so the provider's error is the one to report.
    async fn give_back(&self, error: &ProviderError, effect: RemoteEffect) {
        if matches!(error, ProviderError::Unauthorized) {
            self.deps
                .connections
                .forget(&self.claim.tenant, self.claim.system);
        }
        let release = match effect {
            RemoteEffect::None => Release::Undone,
            RemoteEffect::Unknown => Release::Unresolved,
        };
        drop(self.deps.store.release(self.claim, release).await);
    }
}

fn done(external_id: ExternalId, change: RecordChange) -> Upserted {
    Upserted {
        answer: Answer {
            external_id,
            status: change.into(),
        },
        is_replay: false,
    }
}
