//! Push one record into a tenant's CRM: claim, call, associate, complete.
//!
//! The order is what keeps the promises. The claim is one conditional write, so of any number of
//! callers one goes on (I1). The provider is called once it is ours. The completion is fenced by the
//! owner, so a stale owner can't overwrite a newer result (I2), and it stores record and answer
//! together, so the stream has exactly one version to tell of (I3). Whoever finds a claim that its
//! owner left behind looks at the provider first and writes only what is not there yet. What the
//! provider can't take now is accepted all the same: it waits (`parking`) and is carried out later
//! (`push`).

mod calling;
mod checking;
mod claiming;
mod parking;
mod push;
mod push_line;
mod run;

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};

use self::checking::check;
pub use self::claiming::route_of;
use self::claiming::{Begun, claim_for, claim_or_answer, in_progress};
use self::parking::{may_pass, park};
pub use self::push::push_queued;
use self::run::{Run, no_token};
use crate::gate::{Class, Gate, GateNotice};
use crate::keys::SeparatorInPart;
use crate::model::{
    Association, CorrelationId, IdempotencyKey, InvalidField, ObjectType, System, TenantId,
    draft_of,
};
use crate::ports::{
    Answer, Clock, ConnectionError, ConnectionStore, CrmGateway, Expectation, Parked,
    ProviderError, PushStore, StoreError, UpsertStore, WorkQueue,
};
use crate::retry::RetryPolicy;

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
    /// The records that it is to be associated with.
    pub associations: Vec<Association>,
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
    /// What is in front of the CRM.
    pub gate: &'a Gate,
    /// Who is waiting for the calls.
    pub class: Class,
    /// Tells the operators of the gate's changes.
    pub notice: GateNotice,
    /// Where upserts wait that the CRM can't take now.
    pub pushes: &'a dyn PushStore,
    /// The queue of the messages that wake them up.
    pub push_queue: &'a dyn WorkQueue,
    /// Time and dice.
    pub clock: &'a dyn Clock,
    /// How failed calls are repeated.
    pub retry: RetryPolicy,
    /// How long one call to the provider may take (`INTEGRATION_TIMEOUT_MS`).
    pub call_timeout: Duration,
}

/// The answer, with what is worth a metric.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upserted {
    /// The provider's id and what was done.
    pub answer: Answer,
    /// Whether the answer is a stored one.
    pub is_replay: bool,
}

/// What an upsert came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpsertOutcome {
    /// It is done.
    Done(Upserted),
    /// It is accepted and waits; it is lost no more.
    Queued,
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
    /// Time spent in calls to the provider.
    pub provider_time: Duration,
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
) -> Result<UpsertOutcome, UpsertError> {
    let found = deps.connections.connection(&command.tenant, command.system).await;
    let (connection, has_token) = match found {
        Ok(connection) => (connection, true),
        Err(ConnectionError::NoToken { last, .. }) => (last, false),
        Err(error) => return Err(error.into()),
    };
    let region = connection.default_region.as_deref();
    let mut draft = draft_of(command.object_type, &command.attributes, region)?;
    draft.associations.clone_from(&command.associations);
    if has_token {
        check(deps, &connection, &draft, stats).await?;
    } else {
        // The provider judges the rest when it can be called again.
        deps.gateway.check(&connection, &draft, deps.clock.now())?;
    }
    let mut claim = claim_for(deps, &command, draft)?;
    let expectation = match claim_or_answer(deps, &mut claim).await? {
        Begun::Answered(outcome) => return Ok(outcome),
        Begun::Owned(expectation) => expectation,
    };
    stats.took_over = expectation != Expectation::default();
    let mut run = Run { deps, claim: &claim, connection, stats };
    let is_unresolved = run.stats.took_over;
    let written =
        if has_token { run.write(is_unresolved).await } else { Err(no_token(is_unresolved)) };
    let stopped = match written {
        Ok(done) => return run.complete(done).await.map(UpsertOutcome::Done),
        Err(stopped) => stopped,
    };
    if may_pass(&stopped.error) {
        match park(deps, &claim, &stopped).await {
            Ok(Parked::Queued) => return Ok(UpsertOutcome::Queued),
            Ok(Parked::Lost) => return Err(in_progress(deps.clock.now(), None)),
            Err(error) => {
                run.give_back(&stopped).await;
                return Err(error);
            }
        }
    }
    run.give_back(&stopped).await;
    Err(stopped.error)
}
