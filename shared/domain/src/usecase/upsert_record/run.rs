//! A claimed upsert: call the provider, complete, or give the claim back.

use std::time::Duration;

use jiff::Timestamp;

use super::claiming::{in_progress, until_from};
use super::{UpsertDeps, UpsertError, UpsertStats, Upserted};
use crate::model::{ExternalId, RecordChange};
use crate::ports::{
    Answer, Claim, Completion, Connection, ProviderError, Release, RemoteEffect, Written,
};
use crate::retry::RetryPolicy;

/// Time kept back at the end of the invocation for the completion and the answer.
const COMPLETION_RESERVE: Duration = Duration::from_millis(1_500);
/// A refused completion is most often another caller's claim on the same item at the same moment.
const COMPLETION_RETRY: RetryPolicy = RetryPolicy {
    attempts_max: 6,
    backoff_max: Duration::from_millis(500),
    wait_max: Duration::from_millis(500),
};
/// How far the provider's clock may be behind ours when "created since we began" is decided.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(5);

/// One claimed upsert on its way.
pub(super) struct Run<'a, 'd> {
    pub(super) deps: &'a UpsertDeps<'d>,
    pub(super) claim: &'a Claim,
    pub(super) connection: &'a Connection,
    pub(super) stats: &'a mut UpsertStats,
}

impl Run<'_, '_> {
    /// Writes the record at the provider, at most once: wherever an earlier write may have come
    /// through, the provider is asked before it is told again. On failure it also says whether
    /// an effect may be there.
    pub(super) async fn write(
        &mut self,
        mut is_unresolved: bool,
    ) -> Result<Written, (ProviderError, RemoteEffect)> {
        let mut attempt = 1;
        loop {
            let error = match self.attempt(&mut is_unresolved).await {
                Ok(written) => return Ok(written),
                Err(error) => error,
            };
            let wait = error.retry().and_then(|asked_for| {
                let random = self.deps.clock.random();
                self.deps.retry.wait_after(attempt, asked_for, random, self.time_to_wait())
            });
            let Some(wait) = wait else {
                let effect = if is_unresolved { RemoteEffect::Unknown } else { RemoteEffect::None };
                return Err((error, effect));
            };
            self.deps.clock.sleep(wait).await;
            attempt += 1;
            self.stats.provider_retries += 1;
        }
    }

    /// One try: if an earlier one may have come through, look first; then write.
    async fn attempt(&mut self, is_unresolved: &mut bool) -> Result<Written, ProviderError> {
        if *is_unresolved {
            if let Some(written) = self.resolve().await? {
                return Ok(written);
            }
            *is_unresolved = false;
        }
        let began = self.deps.clock.now();
        let result = self.deps.gateway.upsert(self.connection, &self.claim.draft).await;
        self.count_call(began);
        if let Err(error) = &result {
            *is_unresolved = error.effect() == RemoteEffect::Unknown;
        }
        result
    }

    /// Finds out whether the wanted values are already at the provider.
    async fn resolve(&mut self) -> Result<Option<Written>, ProviderError> {
        let began = self.deps.clock.now();
        let found = self.deps.gateway.find(self.connection, &self.claim.draft).await;
        self.count_call(began);
        let wanted = &self.claim.draft.attributes;
        let there = found?.filter(|remote| remote.attributes.contains_all(wanted));
        Ok(there.map(|remote| {
            let began = self.claim.started_at - CLOCK_TOLERANCE;
            let is_new = remote.created_at.is_some_and(|created| created >= began);
            let change = if is_new { RecordChange::Created } else { RecordChange::Updated };
            Written { external_id: remote.external_id, change }
        }))
    }

    fn count_call(&mut self, began: Timestamp) {
        self.stats.provider_calls += 1;
        self.stats.provider_time += until_from(began, self.deps.clock.now());
    }

    /// How long a wait may be so that another try, which is a look and a write, and the completion
    /// still fit.
    fn time_to_wait(&self) -> Duration {
        until_from(self.deps.clock.now(), self.claim.lease_until)
            .saturating_sub(COMPLETION_RESERVE)
            .saturating_sub(self.deps.call_timeout * 2)
    }

    pub(super) async fn complete(&self, written: Written) -> Result<Upserted, UpsertError> {
        let Written { external_id, change } = written;
        let mut attempt = 1;
        loop {
            let now = self.deps.clock.now();
            let completed = self.deps.store.complete(self.claim, &external_id, change, now).await;
            let error = match completed {
                Ok(Completion::Stored) => return Ok(done(external_id, change)),
                Ok(Completion::Lost(Some(answer))) => {
                    return Ok(Upserted { answer, is_replay: true });
                }
                Ok(Completion::Lost(None)) => return Err(in_progress(now, None)),
                Err(error) => error,
            };
            // The provider has the record: what is left is worth every moment of the lease.
            let random = self.deps.clock.random();
            let time_left = until_from(now, self.claim.lease_until);
            let wait = COMPLETION_RETRY.wait_after(attempt, None, random, time_left);
            let Some(wait) = wait else { return Err(error.into()) };
            self.deps.clock.sleep(wait).await;
            attempt += 1;
        }
    }

    /// Gives the claim back after a failure. If even that fails, the lease ends by itself and the
    /// next caller takes over, so the provider's error is the one to report.
    pub(super) async fn give_back(&self, error: &ProviderError, effect: RemoteEffect) {
        if matches!(error, ProviderError::Unauthorized) {
            self.deps.connections.forget(&self.claim.tenant, self.claim.system);
        }
        let release = match effect {
            RemoteEffect::None => Release::Undone,
            RemoteEffect::Unknown => Release::Unresolved,
        };
        drop(self.deps.store.release(self.claim, release).await);
    }
}

fn done(external_id: ExternalId, change: RecordChange) -> Upserted {
    Upserted { answer: Answer { external_id, status: change.into() }, is_replay: false }
}
