//! Claims and watermarks of imports in memory, under the conditions of the table.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use sync_domain::keys::{ClaimKey, Fingerprint};
use sync_domain::model::{OwnerId, System, TenantId};
use sync_domain::ports::{
    ImportAnswer, ImportClaim, ImportClaimOutcome, ImportStore, StoreError, Watermark,
};

#[derive(Debug)]
struct Held {
    owner: OwnerId,
    fingerprint: Fingerprint,
    lease_until: Timestamp,
    answer: Option<ImportAnswer>,
    forgotten_at: Timestamp,
}

/// How long a claim is remembered.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(7 * 24);

#[derive(Debug, Default)]
struct State {
    watermarks: HashMap<(TenantId, System), Watermark>,
    claims: HashMap<(TenantId, ClaimKey), Held>,
    failures_left: u32,
}

/// The fake table.
#[derive(Debug, Default)]
pub struct MemoryImports(Mutex<State>);

impl MemoryImports {
    /// The watermark, if there is one.
    pub fn stored_watermark(&self, tenant: &TenantId, system: System) -> Option<Watermark> {
        self.state().watermarks.get(&(tenant.clone(), system)).copied()
    }

    /// How many claims there are.
    pub fn claim_count(&self) -> usize {
        self.state().claims.len()
    }

    /// Lets the next so many calls fail.
    pub fn fail_next(&self, count: u32) {
        self.state().failures_left = count;
    }

    async fn reach(&self) -> Result<(), StoreError> {
        tokio::task::yield_now().await;
        let mut state = self.state();
        if state.failures_left == 0 {
            return Ok(());
        }
        state.failures_left -= 1;
        Err(StoreError::Unavailable("the test wants it so".into()))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_ours(held: &Held, claim: &ImportClaim) -> bool {
    held.owner == claim.owner && held.answer.is_none()
}

#[async_trait]
impl ImportStore for MemoryImports {
    async fn watermark(
        &self,
        tenant: &TenantId,
        system: System,
    ) -> Result<Option<Watermark>, StoreError> {
        self.reach().await?;
        let watermark = self.stored_watermark(tenant, system);
        tokio::task::yield_now().await;
        Ok(watermark)
    }

    async fn complete(
        &self,
        tenant: &TenantId,
        system: System,
        watermark: Watermark,
    ) -> Result<(), StoreError> {
        self.reach().await?;
        {
            let mut state = self.state();
            let stored = state.watermarks.entry((tenant.clone(), system)).or_insert(watermark);
            if stored.began_at <= watermark.began_at {
                *stored = watermark;
            }
        }
        tokio::task::yield_now().await;
        Ok(())
    }

    async fn claim(&self, claim: &ImportClaim) -> Result<ImportClaimOutcome, StoreError> {
        self.reach().await?;
        let outcome = {
            let mut state = self.state();
            let key = (claim.tenant.clone(), claim.key.clone());
            let held = state.claims.get(&key).filter(|held| held.forgotten_at > claim.at);
            let refused = held.and_then(|held| match &held.answer {
                _ if held.fingerprint != claim.fingerprint => Some(ImportClaimOutcome::KeyReused),
                Some(answer) => Some(ImportClaimOutcome::Replay(answer.clone())),
                None if held.lease_until > claim.at && held.owner != claim.owner => {
                    Some(ImportClaimOutcome::InProgress(held.lease_until))
                }
                None => None,
            });
            refused.unwrap_or_else(|| {
                let held = Held {
                    owner: claim.owner.clone(),
                    fingerprint: claim.fingerprint.clone(),
                    lease_until: claim.lease_until,
                    answer: None,
                    forgotten_at: claim.at + REMEMBERED,
                };
                state.claims.insert(key, held);
                ImportClaimOutcome::Claimed
            })
        };
        tokio::task::yield_now().await;
        Ok(outcome)
    }

    async fn finish(&self, claim: &ImportClaim, answer: &ImportAnswer) -> Result<(), StoreError> {
        self.reach().await?;
        let key = (claim.tenant.clone(), claim.key.clone());
        if let Some(held) = self.state().claims.get_mut(&key).filter(|held| is_ours(held, claim)) {
            held.answer = Some(answer.clone());
        }
        tokio::task::yield_now().await;
        Ok(())
    }

    async fn release(&self, claim: &ImportClaim) -> Result<(), StoreError> {
        self.reach().await?;
        let key = (claim.tenant.clone(), claim.key.clone());
        {
            let mut state = self.state();
            if state.claims.get(&key).is_some_and(|held| is_ours(held, claim)) {
                state.claims.remove(&key);
            }
        }
        tokio::task::yield_now().await;
        Ok(())
    }
}
