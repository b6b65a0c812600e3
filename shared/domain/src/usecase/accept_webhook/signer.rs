//! Who signed a delivery.
//!
//! Our own app's secret is tried first. If it does not fit, the account that the body claims to be
//! about says whose secret to try; a claim can only lead to that account's own secret, so lying about
//! it gains nothing. If no cached secret fits, one of them may have been rotated since: those that
//! may sign are looked at once more.

use std::sync::Arc;

use jiff::Timestamp;

use super::{AcceptWebhookDeps, AcceptWebhookError};
use crate::model::TenantId;
use crate::ports::{
    AuthMode, DeliverySignature, SecretError, SecretHolder, SignatureFault, SignedBy,
    SigningSecrets, WebhookDelivery,
};

/// Who has signed a delivery.
pub enum Signer {
    /// Our app, for any of the accounts that have let it in.
    OurApp,
    /// A tenant's own app, for its account.
    Tenant {
        /// The tenant.
        tenant: TenantId,
        /// The vendor's id of the account.
        account_id: String,
    },
}

struct Candidate {
    signer: Signer,
    holder: SecretHolder,
}

/// One signature and the secrets that were tried on it.
struct Check<'a> {
    signature: &'a dyn DeliverySignature,
    now: Timestamp,
    /// Why a secret that might have fitted could not be tried.
    failure: Option<AcceptWebhookError>,
}

impl Check<'_> {
    fn fits(&mut self, secrets: Result<Option<Arc<SigningSecrets>>, SecretError>) -> bool {
        match secrets {
            Ok(secrets) => secrets.is_some_and(|secrets| {
                secrets.valid_at(self.now).any(|secret| self.signature.is_made_with(secret))
            }),
            Err(error) => {
                self.failure.get_or_insert(AcceptWebhookError::Secrets(error));
                false
            }
        }
    }
}

/// Finds the signer of a delivery.
///
/// # Errors
/// When nobody is, or when a secret that might fit can't be had.
pub async fn signer_of(
    deps: &AcceptWebhookDeps<'_>,
    delivery: &WebhookDelivery,
    now: Timestamp,
) -> Result<Signer, AcceptWebhookError> {
    let signature = deps.protocol.signature(delivery, now).map_err(AcceptWebhookError::Unsigned)?;
    let mut check = Check { signature: signature.as_ref(), now, failure: None };
    let mut tried = Vec::with_capacity(2);
    let is_ours = |auth: &AuthMode| deps.protocol.signed_by(*auth) == SignedBy::OurApp;
    if AuthMode::ALL.iter().filter(|auth| is_ours(auth)).any(|it| signature.may_come_from(*it)) {
        let holder = SecretHolder::OurApp(deps.protocol.system());
        let candidate = Candidate { signer: Signer::OurApp, holder };
        if check.fits(deps.secrets.secrets(&candidate.holder).await) {
            return Ok(candidate.signer);
        }
        tried.push(candidate);
    }
    let is_tenants = |auth: &AuthMode| deps.protocol.signed_by(*auth) == SignedBy::Tenant;
    if AuthMode::ALL.iter().filter(|auth| is_tenants(auth)).any(|it| signature.may_come_from(*it)) {
        match claimed_candidate(deps, delivery).await {
            Ok(Some(candidate)) => {
                if check.fits(deps.secrets.secrets(&candidate.holder).await) {
                    return Ok(candidate.signer);
                }
                tried.push(candidate);
            }
            Ok(None) => {}
            Err(error) => drop(check.failure.get_or_insert(error)),
        }
    }
    for candidate in tried {
        if check.fits(deps.secrets.newer(&candidate.holder).await) {
            return Ok(candidate.signer);
        }
    }
    let unsigned = AcceptWebhookError::Unsigned(SignatureFault::NoSecretFits);
    Err(check.failure.unwrap_or(unsigned))
}

/// The tenant whose account an unverified body claims to be about, if it signs for itself.
async fn claimed_candidate(
    deps: &AcceptWebhookDeps<'_>,
    delivery: &WebhookDelivery,
) -> Result<Option<Candidate>, AcceptWebhookError> {
    let Some(account_id) = deps.protocol.claimed_account(delivery) else {
        return Ok(None);
    };
    let system = deps.protocol.system();
    let owner = deps.claimed_accounts.owner(system, &account_id).await;
    let owner = owner.map_err(AcceptWebhookError::Accounts)?;
    let signs_for_itself =
        owner.filter(|owner| deps.protocol.signed_by(owner.auth) == SignedBy::Tenant);
    Ok(signs_for_itself.map(|owner| Candidate {
        holder: SecretHolder::Tenant(owner.tenant.clone(), system),
        signer: Signer::Tenant { tenant: owner.tenant, account_id },
    }))
}
