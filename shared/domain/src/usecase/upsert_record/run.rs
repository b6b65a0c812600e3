//! A claimed upsert: write the record, associate it, complete, or give the claim back.
//!
//! Record and associations are one unit of work under one claim. It is complete only when both are
//! done. Where the record is written and an association is not, the claim stays unresolved: whoever
//! comes next finds the record as it should be and only associates, which can be done twice
//! without harm.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::calling::{COMPLETION_RESERVE, called, ended_by, time_for};
use super::claiming::{in_progress, until_from};
use super::{UpsertDeps, UpsertError, UpsertStats, Upserted};
use crate::gate::ClosedReason;
use crate::model::{ExternalId, RecordChange};
use crate::ports::{
    Answer, Called, Claim, Completion, Connection, Finished, ProviderError, Release, RemoteEffect,
    StoreError, Wanted, Written,
};
use crate::retry::RetryPolicy;
use crate::usecase::fresh_connection::after_refusal;

/// A refused completion is most often another caller's claim on the same item at the same moment.
const COMPLETION_RETRY: RetryPolicy = RetryPolicy {
    attempts_max: 6,
    backoff_max: Duration::from_millis(500),
    wait_max: Duration::from_millis(500),
};
/// How far the provider's clock may be behind ours when "created since we began" is decided.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(5);

/// What is at the provider now, and when the call began that showed it.
#[derive(Clone)]
pub(super) struct Done {
    written: Written,
    read_at: Timestamp,
}

/// What stopped an upsert, and how its claim is to be given back.
pub(super) struct Stopped {
    pub(super) error: UpsertError,
    pub(super) release: Release,
}

impl Stopped {
    /// Whether something may be at the provider already.
    pub(super) const fn effect(&self) -> RemoteEffect {
        match self.release {
            Release::Undone => RemoteEffect::None,
            Release::Unresolved => RemoteEffect::Unknown,
        }
    }
}

/// What stops an upsert before its first call where there is no token to call with.
pub(super) fn no_token(is_unresolved: bool) -> Stopped {
    let error =
        ProviderError::Unavailable { status: None, retry_after: None, effect: RemoteEffect::None };
    Progress { is_unresolved, record: None, known: None }.stop(error.into())
}

/// How far the work has come at the provider.
struct Progress {
    /// An earlier write may have come through: look before the next one.
    is_unresolved: bool,
    /// The record is as it should be; what is left are its associations.
    record: Option<Done>,
    /// The provider's id of the record, where the gateway wants to know it.
    known: Option<ExternalId>,
}

impl Progress {
    fn stop(&self, error: UpsertError) -> Stopped {
        let has_effect = self.is_unresolved || self.record.is_some();
        let release = if has_effect { Release::Unresolved } else { Release::Undone };
        Stopped { error, release }
    }
}

/// One claimed upsert on its way.
pub(super) struct Run<'a, 'd> {
    pub(super) deps: &'a UpsertDeps<'d>,
    pub(super) claim: &'a Claim,
    pub(super) connection: Arc<Connection>,
    pub(super) stats: &'a mut UpsertStats,
}

impl Run<'_, '_> {
    /// Writes the record at the provider, at most once, and associates it: wherever an earlier
    /// write may have come through, the provider is asked before it is told again.
    pub(super) async fn write(&mut self, is_unresolved: bool) -> Result<Done, Stopped> {
        let mut progress = Progress { is_unresolved, record: None, known: None };
        progress.known = self.known().await.map_err(|error| progress.stop(error.into()))?;
        let mut attempt = 1;
        let mut has_other_token = false;
        loop {
            let error = match self.attempt(&mut progress).await {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            if error == ProviderError::Unauthorized && !has_other_token && self.renew_token().await
            {
                has_other_token = true;
                continue;
            }
            let wait = error.retry().and_then(|asked_for| {
                let random = self.deps.clock.random();
                self.deps.retry.wait_after(attempt, asked_for, random, self.time_to_wait())
            });
            let Some(wait) = wait else { return Err(progress.stop(error.into())) };
            self.deps.clock.sleep(wait).await;
            attempt += 1;
            self.stats.provider_retries += 1;
        }
    }

    /// After refused credentials: goes on with others, where there are others by now.
    async fn renew_token(&mut self) -> bool {
        if self.time_to_wait().is_zero() {
            self.deps.connections.forget(&self.claim.tenant, self.claim.system);
            return false;
        }
        match after_refusal(self.deps.connections, &self.connection).await {
            Ok(Some(other)) => {
                self.connection = other;
                true
            }
            Ok(None) | Err(_) => false,
        }
    }

    /// The record's id from our own table, where the gateway wants to know it.
    async fn known(&self) -> Result<Option<ExternalId>, StoreError> {
        if !self.needs_known() {
            return Ok(None);
        }
        self.deps.store.known_external_id(self.claim).await
    }

    fn needs_known(&self) -> bool {
        self.deps.gateway.needs_known(&self.connection, self.claim.draft.object_type)
    }

    /// One try of whatever is left to do.
    async fn attempt(&mut self, progress: &mut Progress) -> Result<Done, ProviderError> {
        let done = match progress.record.clone() {
            Some(done) => done,
            None => self.write_record(progress).await?,
        };
        progress.record = Some(done.clone());
        self.associate(&done.written.external_id).await?;
        Ok(done)
    }

    /// If an earlier write may have come through, looks first; then writes.
    async fn write_record(&mut self, progress: &mut Progress) -> Result<Done, ProviderError> {
        if progress.is_unresolved {
            if let Some(done) = self.resolve(progress).await? {
                return Ok(done);
            }
            progress.is_unresolved = false;
        }
        let read_at = self.deps.clock.now();
        let (gateway, connection, claim) =
            (self.deps.gateway, Arc::clone(&self.connection), self.claim);
        let wanted = wanted(claim, progress.known.as_ref());
        let requests = gateway.requests(&connection, &wanted);
        let upsert = gateway.upsert(&connection, &wanted);
        match self.called(requests, requests, upsert).await {
            Ok(written) => Ok(Done { written, read_at }),
            Err(error) => {
                progress.is_unresolved = error.effect() == RemoteEffect::Unknown;
                Err(error)
            }
        }
    }

    /// Finds out whether the wanted values are already at the provider. A record that has others is
    /// kept in mind: it is the one to write to.
    async fn resolve(&mut self, progress: &mut Progress) -> Result<Option<Done>, ProviderError> {
        let read_at = self.deps.clock.now();
        let (gateway, connection, claim) =
            (self.deps.gateway, Arc::clone(&self.connection), self.claim);
        let found = {
            let wanted = wanted(claim, progress.known.as_ref());
            let requests = gateway.find_requests(&connection, &wanted);
            let find = gateway.find(&connection, &wanted);
            self.called(requests, requests, find).await?
        };
        if let Some(remote) = &found
            && self.needs_known()
        {
            progress.known = Some(remote.external_id.clone());
        }
        let wanted = &self.claim.draft.attributes;
        let there = found.filter(|remote| remote.attributes.contains_all(wanted));
        Ok(there.map(|remote| {
            let began = self.claim.started_at - CLOCK_TOLERANCE;
            let is_new = remote.created_at.is_some_and(|created| created >= began);
            let written = Written {
                external_id: remote.external_id,
                change: if is_new { RecordChange::Created } else { RecordChange::Updated },
                attributes: remote.attributes,
                provider_version: remote.provider_version,
            };
            Done { written, read_at }
        }))
    }

    async fn associate(&mut self, external_id: &ExternalId) -> Result<(), ProviderError> {
        let draft = &self.claim.draft;
        let types: BTreeSet<_> = draft.associations.iter().map(|it| it.object_type).collect();
        if types.is_empty() {
            return Ok(());
        }
        let requests = u32::try_from(types.len()).unwrap_or(u32::MAX);
        let connection = Arc::clone(&self.connection);
        let associate = self.deps.gateway.associate(&connection, draft, external_id);
        self.called(requests, 1, associate).await
    }

    /// A call that is surely over before the lease is: who takes over then must find what it did.
    /// `rounds` is how many of its requests come one after the other.
    async fn called<T>(
        &mut self,
        requests: u32,
        rounds: u32,
        call: impl Future<Output = Result<Called<T>, ProviderError>>,
    ) -> Result<T, ProviderError> {
        let left = until_from(self.deps.clock.now(), self.claim.lease_until);
        let needed = time_for(self.deps, rounds);
        let Some(spare) = left.checked_sub(needed) else {
            let reason = ClosedReason::NoTimeLeft;
            return Err(ProviderError::Closed { retry_after: Duration::ZERO, reason });
        };
        let wait_max = spare.min(self.deps.retry.wait_max);
        let connection = Arc::clone(&self.connection);
        // An operation may turn out to be more requests than it said: none of them may be under way
        // when another worker takes over.
        let call = ended_by(self.deps.clock, self.claim.lease_until - COMPLETION_RESERVE, call);
        called(self.deps, &connection, self.stats, (requests, wait_max), call).await
    }

    /// How long a wait may be so that another try, which is a look, a write and the associations,
    /// and the completion still fit.
    fn time_to_wait(&self) -> Duration {
        let calls = if self.claim.draft.associations.is_empty() { 2 } else { 3 };
        let left = until_from(self.deps.clock.now(), self.claim.lease_until);
        left.saturating_sub(time_for(self.deps, calls))
    }

    pub(super) async fn complete(&self, done: Done) -> Result<Upserted, UpsertError> {
        let Done { written, read_at } = done;
        let mut finished = Finished { written, read_at, at: read_at };
        let mut attempt = 1;
        loop {
            finished.at = self.deps.clock.now();
            let error = match self.deps.store.complete(self.claim, &finished).await {
                Ok(Completion::Stored) => return Ok(upserted(finished.written)),
                Ok(Completion::Lost(Some(answer))) => {
                    return Ok(Upserted { answer, is_replay: true });
                }
                Ok(Completion::Lost(None)) => return Err(in_progress(finished.at, None)),
                Err(error) => error,
            };
            // The provider has the record: what is left is worth every moment of the lease.
            let random = self.deps.clock.random();
            let time_left = until_from(finished.at, self.claim.lease_until);
            let wait = COMPLETION_RETRY.wait_after(attempt, None, random, time_left);
            let Some(wait) = wait else { return Err(error.into()) };
            self.deps.clock.sleep(wait).await;
            attempt += 1;
        }
    }

    /// Gives the claim back after a failure. If even that fails, the lease ends by itself and the
    /// next caller takes over, so what stopped the upsert is the one to report.
    pub(super) async fn give_back(&self, stopped: &Stopped) {
        drop(self.deps.store.release(self.claim, stopped.release).await);
    }
}

const fn wanted<'a>(claim: &'a Claim, known: Option<&'a ExternalId>) -> Wanted<'a> {
    Wanted { draft: &claim.draft, known, began_at: claim.started_at }
}

fn upserted(written: Written) -> Upserted {
    let answer = Answer { external_id: written.external_id, status: written.change.into() };
    Upserted { answer, is_replay: false }
}
