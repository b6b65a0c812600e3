//! What signs webhooks after a rotation, and the webhook that is registered with it.

use secrecy::ExposeSecret;

use super::super::locked_connection::{ConnectionDeps, ManageError};
use super::super::registered_hook;
use super::super::signing_rotation::{end_of_previous, rotated};
use super::RotateConnection;
use crate::hook_address;
use crate::ports::{ConnectionEntry, HookAddress, HookSecret, HookStatus, WebhookSecretPair};

/// What signs webhooks.
pub(super) struct Signing {
    /// Whether it is another secret than before.
    pub(super) is_changed: bool,
    /// The secrets, if the connection has any of its own.
    pub(super) secrets: Option<WebhookSecretPair>,
}

/// Replaces what signs, by what was given or by what we draw, and stores it. An address of the
/// connection's own gets a token if it has none.
pub(super) async fn renewed(
    deps: &ConnectionDeps<'_>,
    command: &RotateConnection,
    entry: &ConnectionEntry,
) -> Result<Signing, ManageError> {
    let (tenant, system) = (&command.request.tenant, command.request.system);
    let stored = deps.credentials.webhook_secrets(tenant, system).await?;
    let (now, grace) = (deps.clock.now(), command.grace);
    let replaced = |secret| rotated(stored.as_ref(), secret, now, grace);
    let next = match deps.connector.hook_secret() {
        HookSecret::Given => command.secrets.signing().and_then(replaced),
        HookSecret::Drawn if may_draw(deps, entry, stored.as_ref()) => {
            replaced(&hook_address::new_token(deps.clock))
        }
        HookSecret::Drawn => None,
    };
    let is_changed = next.is_some();
    let has_address = deps.connector.hook_address() != HookAddress::Shared;
    let none = || has_address.then(|| WebhookSecretPair::sole(secrecy::SecretString::default()));
    let Some(next) = next.or_else(|| stored.clone()).or_else(none) else {
        return Ok(Signing { is_changed, secrets: None });
    };
    let next = registered_hook::addressed(deps, next, stored.as_ref(), &entry.account_id);
    if !stored.as_ref().is_some_and(|stored| stored.is_same_as(&next)) {
        if let Some(stored) = &stored {
            registered_hook::give_up_other_token(deps, &command.request, stored, &next).await?;
        }
        deps.credentials.put_webhook_secrets(tenant, system, &next).await?;
    }
    Ok(Signing { is_changed, secrets: Some(next) })
}

/// A drawn secret is replaced only where the provider has been told the one in use. Else the provider
/// may still show the one before: with another rotation that would count no more, so this one tells
/// the provider what is in use and leaves it at that. A rotation that died before the provider's ids were
/// noted has left them out; whoever took the lock since has not changed that.
fn may_draw(
    deps: &ConnectionDeps<'_>,
    entry: &ConnectionEntry,
    stored: Option<&WebhookSecretPair>,
) -> bool {
    let Some(stored) = stored.filter(|it| !it.current.expose_secret().is_empty()) else {
        return true;
    };
    let is_told = entry.webhook == Some(HookStatus::Registered);
    let may_be_half_done =
        stored.hook_ids.is_empty() && end_of_previous(Some(stored), deps.clock.now()).is_some();
    is_told && !may_be_half_done
}
