//! Asks the provider: through the gate, with fresh credentials where they are refused, and in halves
//! where a single id spoils the call.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt;
use futures::future::{BoxFuture, join};

use super::{CrmSystem, SyncDeps};
use crate::gate::{Caller, Class};
use crate::model::{ExternalId, ObjectType};
use crate::ports::{
    AssociationsOf, AssociationsPage, Called, Connection, CrmReader, ProviderError, RecordScope,
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
    type Answer: Send + Sync;

    async fn ask(
        &self,
        reader: &dyn CrmReader,
        connection: &Connection,
        object_type: ObjectType,
    ) -> Result<Called<Self::Answer>, ProviderError>;

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
    ) -> Result<Called<Self::Answer>, ProviderError> {
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
    ) -> Result<Called<Self::Answer>, ProviderError> {
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
pub(super) struct Provider<'a> {
    deps: &'a SyncDeps<'a>,
    scope: &'a RecordScope,
    system: CrmSystem,
    calls: AtomicU32,
    time_us: AtomicU64,
}

impl<'a> Provider<'a> {
    pub fn new(deps: &'a SyncDeps<'a>, scope: &'a RecordScope, system: CrmSystem) -> Self {
        Self { deps, scope, system, calls: AtomicU32::new(0), time_us: AtomicU64::new(0) }
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

    /// Refused credentials may have been replaced since they were cached, so they are read anew,
    /// once.
    async fn ask<Q: Question>(&self, question: &Q) -> Result<Q::Answer, Failure> {
        match self.ask_once(question).await {
            Err(Failure::Provider(ProviderError::Unauthorized)) => self.ask_once(question).await,
            result => result,
        }
    }

    /// One call; the only place from which this use case reaches the provider.
    async fn ask_once<Q: Question>(&self, question: &Q) -> Result<Q::Answer, Failure> {
        let RecordScope { tenant, system, object_type } = self.scope;
        let connection = self.deps.connections.connection(tenant, *system).await;
        let connection = connection.map_err(|error| Failure::Other(Verdict::from(&error)))?;
        let caller = Caller {
            gate: self.deps.gate,
            clock: self.deps.clock,
            limits: self.system.gateway.as_ref(),
            connection: &connection,
            class: Class::Background,
            wait_max: TURN_WAIT_MAX,
            notice: self.deps.notice,
        };
        let call = async {
            let began = self.deps.clock.monotonic();
            let called = question.ask(self.system.reader.as_ref(), &connection, *object_type).await;
            self.count(self.deps.clock.monotonic().saturating_sub(began));
            called
        };
        let called = caller.call(1, call).await;
        if matches!(called, Err(ProviderError::Unauthorized)) {
            self.deps.connections.forget(tenant, *system);
        }
        called.map(|called| called.value).map_err(Failure::Provider)
    }

    fn count(&self, took: Duration) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.time_us.fetch_add(took_us, Ordering::Relaxed);
    }
}
