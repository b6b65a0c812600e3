//! Asks the provider: through the gate, with fresh credentials where they are refused, and in halves
//! where a single id spoils the call.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt;
use futures::future::{BoxFuture, join};

use super::SyncDeps;
use crate::gate::{Class, Entry, Outcome, Visit};
use crate::model::{ExternalId, ObjectType};
use crate::ports::{
    AssociationsOf, AssociationsPage, Connection, CrmReader, ProviderError, RecordScope,
    RemoteObject,
};
use crate::usecase::settle_work::Verdict;

/// How long a call waits here for its turn; longer waits are cheaper on the queue.
const TURN_WAIT_MAX: Duration = Duration::from_secs(2);

/// A part of a question with its answer.
pub(super) type Part<Q> = (Q, Result<<Q as Question>::Answer, Verdict>);

/// Something to ask of the provider in one call.
#[async_trait]
pub(super) trait Question: Sized + Send + Sync {
    type Answer: Send;

    async fn ask(
        &self,
        reader: &dyn CrmReader,
        connection: &Connection,
        object_type: ObjectType,
    ) -> Result<Self::Answer, ProviderError>;

    /// The two halves, `None` when it is about one object.
    fn halves(&self) -> Option<(Self, Self)>;
}

/// Objects by their ids.
pub(super) struct Objects(pub Vec<ExternalId>);

/// Associations of objects with one kind of record.
pub(super) struct Associations {
    pub to: ObjectType,
    pub of: Vec<AssociationsOf>,
}

#[async_trait]
impl Question for Objects {
    type Answer = Vec<RemoteObject>;

    async fn ask(
        &self,
        reader: &dyn CrmReader,
        connection: &Connection,
        object_type: ObjectType,
    ) -> Result<Self::Answer, ProviderError> {
        reader.read(connection, object_type, &self.0).await
    }

    fn halves(&self) -> Option<(Self, Self)> {
        let (left, right) = split(&self.0)?;
        Some((Self(left), Self(right)))
    }
}

#[async_trait]
impl Question for Associations {
    type Answer = AssociationsPage;

    async fn ask(
        &self,
        reader: &dyn CrmReader,
        connection: &Connection,
        object_type: ObjectType,
    ) -> Result<Self::Answer, ProviderError> {
        reader.associations(connection, object_type, self.to, &self.of).await
    }

    fn halves(&self) -> Option<(Self, Self)> {
        let (left, right) = split(&self.of)?;
        Some((Self { to: self.to, of: left }, Self { to: self.to, of: right }))
    }
}

fn split<T: Clone>(items: &[T]) -> Option<(Vec<T>, Vec<T>)> {
    let (left, right) = items.split_at_checked(items.len().div_ceil(2))?;
    (!right.is_empty()).then(|| (left.to_vec(), right.to_vec()))
}

enum Failure {
    Provider(ProviderError),
    Other(Verdict),
}

impl From<Failure> for Verdict {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Provider(error) => Self::from(&error),
            Failure::Other(verdict) => verdict,
        }
    }
}

/// The way to one tenant's provider, for one group.
pub(super) struct Caller<'a> {
    deps: &'a SyncDeps<'a>,
    scope: &'a RecordScope,
    reader: Arc<dyn CrmReader>,
    calls: AtomicU32,
    time_us: AtomicU64,
}

impl<'a> Caller<'a> {
    pub fn new(deps: &'a SyncDeps<'a>, scope: &'a RecordScope) -> Self {
        let reader = (deps.reader)(scope.system);
        Self { deps, scope, reader, calls: AtomicU32::new(0), time_us: AtomicU64::new(0) }
    }

    /// How many calls were made.
    pub fn calls(&self) -> u32 {
        self.calls.load(Ordering::Relaxed)
    }

    /// The time spent in calls.
    pub fn time(&self) -> Duration {
        Duration::from_micros(self.time_us.load(Ordering::Relaxed))
    }

    /// The answers, each with the part of the question that it is for. A call that the provider
    /// refuses as a whole is divided until the one at fault stands alone.
    pub fn ask_in_parts<'s, Q: Question + 's>(
        &'s self,
        question: Q,
    ) -> BoxFuture<'s, Vec<Part<Q>>> {
        async move {
            let failure = match self.ask(&question).await {
                Ok(answer) => return vec![(question, Ok(answer))],
                Err(failure) => failure,
            };
            let is_refused = matches!(failure, Failure::Provider(ProviderError::Rejected { .. }));
            match question.halves().filter(|_| is_refused) {
                None => vec![(question, Err(failure.into()))],
                Some((left, right)) => {
                    let (mut left, right) =
                        join(self.ask_in_parts(left), self.ask_in_parts(right)).await;
                    left.extend(right);
                    left
                }
            }
        }
        .boxed()
    }

    /// One call; the only place from which this use case reaches the provider. Refused credentials
    /// may have been replaced since they were cached, so they are read anew, once.
    async fn ask<Q: Question>(&self, question: &Q) -> Result<Q::Answer, Failure> {
        let RecordScope { tenant, system, object_type } = self.scope;
        let mut is_repeated = false;
        loop {
            let connection = self.deps.connections.connection(tenant, *system).await;
            let connection = connection.map_err(|error| Failure::Other(Verdict::from(&error)))?;
            let visit = Visit {
                tenant,
                system: *system,
                class: Class::Background,
                default_limit: self.deps.default_limit,
                wait_max: TURN_WAIT_MAX,
            };
            let permit = match self.deps.gate.enter(&visit).await {
                Entry::Permit(permit) => permit,
                Entry::Closed(closed) => {
                    let after = closed.until.duration_since(self.deps.clock.now());
                    let after = Duration::try_from(after).unwrap_or_default();
                    return Err(Failure::Other(Verdict::Wait { after }));
                }
            };
            let is_probe = permit.is_probe();
            let began = self.deps.clock.monotonic();
            let result = question.ask(self.reader.as_ref(), &connection, *object_type).await;
            self.count(self.deps.clock.monotonic().saturating_sub(began));
            let outcome = match &result {
                Ok(_) => Outcome::Succeeded { reading: None },
                Err(error) => Outcome::from(error),
            };
            self.deps.gate.report(permit, outcome).await;
            match result {
                Ok(answer) => return Ok(answer),
                Err(ProviderError::Unauthorized) => {
                    self.deps.connections.forget(tenant, *system);
                    if is_repeated || is_probe {
                        return Err(Failure::Provider(ProviderError::Unauthorized));
                    }
                    is_repeated = true;
                }
                Err(error) => return Err(Failure::Provider(error)),
            }
        }
    }

    fn count(&self, took: Duration) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.time_us.fetch_add(took_us, Ordering::Relaxed);
    }
}
