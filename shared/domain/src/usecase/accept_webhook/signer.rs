//! Who signed a delivery.
//!
//! Our own secret is tried first: our app's, or that of its webhook subscription. If it does not fit, the account that the body claims to be
//! about says whose secret to try; a claim can only lead to that account's own secret, so lying about
//! it gains nothing. If no cached secret fits, one of them may have been rotated since: those that
//! may sign are looked at once more.
//!
//! The ids of webhooks that are noted may be out of date as well: a delivery that names another one is
//! looked at once more with newer secrets. What shows the secret before comes from webhooks that are no
//! longer noted, so its ids prove nothing, and only its account does.
//!
//! A delivery that nothing signs is believed of the connection whose own address it came to, and of no
//! other: no secret is tried on it, and our app's deliveries are never of that kind.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use super::{AcceptWebhookDeps, AcceptWebhookError};
use crate::model::{System, TenantId};
use crate::ports::{
    AuthMode, DeliverySignature, HookOrigin, SecretAge, SecretError, SecretHolder, SignatureFault,
    SignedBy, SigningSecrets, WebhookDelivery,
};

/// Who has signed a delivery.
pub enum Signer {
    /// Our app, for any of the accounts that have let it in.
    OurApp,
    /// A tenant's own app, for its account.
    Tenant {
        /// The tenant.
        tenant: TenantId,
        /// What the delivery claims as its account: the vendor's id of it, or what its address gives.
        claimed: String,
        /// What else tells the tenant's own deliveries.
        origin: HookOrigin,
        /// What it is proven by.
        proof: Proof,
    },
}

/// What shows that a delivery is its signer's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// The address that it came to.
    Address,
    /// One of the secrets.
    Secret(SecretAge),
}

impl Signer {
    /// Whether a delivery names a webhook that is not among those that we have registered, if any are
    /// noted. It may be one that a person has made with the same password.
    pub fn is_of_another_hook(&self, hook_ids: &BTreeSet<String>) -> bool {
        match self {
            Self::OurApp | Self::Tenant { proof: Proof::Secret(SecretAge::Previous), .. } => false,
            Self::Tenant { origin, .. } => {
                !origin.hook_ids.is_empty()
                    && hook_ids.iter().any(|id| !origin.hook_ids.contains(id))
            }
        }
    }
}

/// Who may have signed.
pub(super) enum Candidate {
    Ours(SecretHolder),
    Tenant { tenant: TenantId, claimed: String },
}

impl Candidate {
    /// The tenant, unless it is our app.
    pub(super) const fn tenant(&self) -> Option<&TenantId> {
        match self {
            Self::Ours(_) => None,
            Self::Tenant { tenant, .. } => Some(tenant),
        }
    }

    pub(super) fn holder(&self, system: System) -> SecretHolder {
        match self {
            Self::Ours(holder) => holder.clone(),
            Self::Tenant { tenant, .. } => SecretHolder::Tenant(tenant.clone(), system),
        }
    }

    fn signer(&self, secrets: &SigningSecrets, proof: Proof) -> Signer {
        match self {
            Self::Ours(_) => Signer::OurApp,
            Self::Tenant { tenant, claimed } => Signer::Tenant {
                tenant: tenant.clone(),
                claimed: claimed.clone(),
                origin: secrets.origin().clone(),
                proof,
            },
        }
    }

    /// Whether `address_id` is the address that the delivery came to.
    fn is_at(&self, address_id: Option<&String>) -> bool {
        match self {
            Self::Ours(_) => false,
            Self::Tenant { claimed, .. } => address_id == Some(claimed),
        }
    }
}

/// One signature and the secrets that were tried on it.
struct Check<'a> {
    signature: &'a dyn DeliverySignature,
    now: Timestamp,
    /// Why a secret that might have fitted could not be tried.
    failure: Option<AcceptWebhookError>,
}

impl Check<'_> {
    /// The signer, if it is the candidate with these secrets.
    fn signer(
        &mut self,
        candidate: &Candidate,
        secrets: Result<Option<Arc<SigningSecrets>>, SecretError>,
    ) -> Option<Signer> {
        let secrets = match secrets {
            Ok(secrets) => secrets?,
            Err(error) => {
                self.failure.get_or_insert(AcceptWebhookError::Secrets(error));
                return None;
            }
        };
        let proof = if self.signature.is_of_address() {
            candidate.is_at(secrets.origin().address_id.as_ref()).then_some(Proof::Address)
        } else {
            let mut valid = secrets.valid_at(self.now);
            let fitting = valid.find(|(_, secret)| self.signature.is_made_with(secret));
            fitting.map(|(age, _)| Proof::Secret(age))
        };
        proof.map(|proof| candidate.signer(&secrets, proof))
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
    let system = deps.protocol.system();
    let mut check = Check { signature: signature.as_ref(), now, failure: None };
    let mut tried = Vec::with_capacity(2);
    let may_be_of = |signed_by: SignedBy| {
        let mut auths =
            AuthMode::ALL.iter().filter(|it| deps.protocol.signed_by(**it) == signed_by);
        auths.any(|auth| signature.may_come_from(*auth))
    };
    let ours = [SignedBy::OurApp, SignedBy::OurSubscription].into_iter();
    let ours = ours.filter(|it| !signature.is_of_address() && may_be_of(*it));
    for candidate in ours.filter_map(|it| it.holder_of_ours(system)).map(Candidate::Ours) {
        let secrets = deps.secrets.secrets(&candidate.holder(system)).await;
        if let Some(signer) = check.signer(&candidate, secrets) {
            return Ok(signer);
        }
        tried.push(candidate);
    }
    if may_be_of(SignedBy::Tenant) {
        match claimed_candidate(deps, delivery).await {
            Ok(Some(candidate)) => {
                let secrets = deps.secrets.secrets(&candidate.holder(system)).await;
                if let Some(signer) = check.signer(&candidate, secrets) {
                    return Ok(signer);
                }
                tried.push(candidate);
            }
            Ok(None) => {}
            Err(error) => drop(check.failure.get_or_insert(error)),
        }
    }
    for candidate in tried {
        let secrets = deps.secrets.newer(&candidate.holder(system)).await;
        if let Some(signer) = check.signer(&candidate, secrets) {
            return Ok(signer);
        }
    }
    let unsigned = AcceptWebhookError::Unsigned(SignatureFault::NoSecretFits);
    Err(check.failure.unwrap_or(unsigned))
}

/// The same signer by newer secrets, if there are any and the delivery is still the signer's by them.
///
/// # Errors
/// When they can't be had.
pub async fn signer_by_newer(
    deps: &AcceptWebhookDeps<'_>,
    delivery: &WebhookDelivery,
    now: Timestamp,
    signer: &Signer,
) -> Result<Option<Signer>, AcceptWebhookError> {
    let Signer::Tenant { tenant, claimed, .. } = signer else { return Ok(None) };
    let candidate = Candidate::Tenant { tenant: tenant.clone(), claimed: claimed.clone() };
    let signature = deps.protocol.signature(delivery, now).map_err(AcceptWebhookError::Unsigned)?;
    let mut check = Check { signature: signature.as_ref(), now, failure: None };
    let secrets = deps.secrets.newer(&candidate.holder(deps.protocol.system())).await;
    let signer = check.signer(&candidate, secrets);
    check.failure.map_or(Ok(signer), Err)
}

/// The tenant whose account an unverified body claims to be about, if it signs for itself.
pub(super) async fn claimed_candidate(
    deps: &AcceptWebhookDeps<'_>,
    delivery: &WebhookDelivery,
) -> Result<Option<Candidate>, AcceptWebhookError> {
    let Some(claimed) = deps.protocol.claimed_account(delivery) else {
        return Ok(None);
    };
    let owner = deps.claimed_accounts.owner(deps.protocol.system(), &claimed).await;
    let owner = owner.map_err(AcceptWebhookError::Accounts)?;
    let signs_for_itself =
        owner.filter(|owner| deps.protocol.signed_by(owner.auth) == SignedBy::Tenant);
    Ok(signs_for_itself.map(|owner| Candidate::Tenant { tenant: owner.tenant, claimed }))
}
