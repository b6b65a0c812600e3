//! What becomes of a delivery that is not proven.
//!
//! Most vendors deliver again whatever they are answered, so it is refused. One that gives up for good
//! what was refused is to deliver again while people mend what it is about: a secret that was made anew
//! there and is not entered here yet, or a list of addresses that is out of date. That goes for
//! addresses of a connection's own alone, which nobody can guess; any other is nobody's.

use jiff::Timestamp;

use super::signer::{Candidate, claimed_candidate};
use super::{AcceptWebhookDeps, AcceptWebhookError, WebhookStats};
use crate::ports::{SignatureFault, WebhookDelivery};

/// Checks where an otherwise proven delivery comes from, if that is known of the vendor.
///
/// # Errors
/// [`AcceptWebhookError::Unsigned`] when it comes from elsewhere, or nobody says from where.
pub(super) fn check_source(
    deps: &AcceptWebhookDeps<'_>,
    delivery: &WebhookDelivery,
) -> Result<(), AcceptWebhookError> {
    let source = delivery.source.map(|source| source.to_canonical());
    if deps.sources.is_empty() || source.is_some_and(|source| deps.sources.contains(&source)) {
        return Ok(());
    }
    Err(AcceptWebhookError::Unsigned(SignatureFault::SourceNotListed))
}

/// How a delivery that counts as unsigned is refused. Whose address it came to is noted, so that it can
/// be told who must mend it.
pub(super) async fn refused(
    deps: &AcceptWebhookDeps<'_>,
    delivery: &WebhookDelivery,
    fault: SignatureFault,
    now: Timestamp,
    stats: &mut WebhookStats,
) -> AcceptWebhookError {
    if !deps.protocol.drops_refused() {
        return AcceptWebhookError::Unsigned(fault);
    }
    match claimed_candidate(deps, delivery).await {
        Ok(Some(candidate)) => {
            stats.tenants.extend(candidate.tenant().cloned());
            let has_secret = has_secret(deps, &candidate, now).await;
            let fault = if has_secret { fault } else { SignatureFault::NoSecretStored };
            AcceptWebhookError::Unproven(fault)
        }
        Ok(None) => AcceptWebhookError::Unsigned(fault),
        Err(error) => error,
    }
}

/// Whether there is a secret that could have fitted. Where nobody can say, there may be one.
async fn has_secret(deps: &AcceptWebhookDeps<'_>, candidate: &Candidate, now: Timestamp) -> bool {
    let secrets = deps.secrets.secrets(&candidate.holder(deps.protocol.system())).await;
    let secrets = secrets.map(|it| it.is_some_and(|it| it.valid_at(now).next().is_some()));
    secrets.unwrap_or(true)
}
