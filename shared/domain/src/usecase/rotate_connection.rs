//! Replace the secrets of a private app's connection: its token, what signs its webhooks, or both.
//!
//! The webhook secret before stays good for a grace period, because the provider goes on signing with
//! it for a while. Two are good at most: the newest and the one before.

use std::time::Duration;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::locked_connection::{
    ConnectionDeps, ConnectionRequest, ManageError, acquire, finish, give_back, renew, with_retries,
};
use crate::model::{AuditAction, InvalidField};
use crate::ports::{
    AccountDetails, AuthMode, ConnectionEntry, ConnectionLock, ConnectionStatus, Finish, Found,
    WebhookSecretPair,
};

/// What the caller wants; at least one of the two secrets.
#[derive(Debug)]
pub struct RotateConnection {
    /// Who asks.
    pub request: ConnectionRequest,
    /// The new webhook secret.
    pub webhook_secret: Option<SecretString>,
    /// The new token.
    pub access_token: Option<SecretString>,
    /// How long the webhook secret before stays good (`WEBHOOK_SECRET_GRACE_S`).
    pub grace: Duration,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotated {
    /// Whether anything was replaced; not, when the same secrets were given again.
    pub is_changed: bool,
    /// Until when the webhook secret before is good, if there is one.
    pub previous_until: Option<Timestamp>,
}

/// Replaces the secrets.
///
/// # Errors
/// See [`ManageError`]. The same request again completes what was half done.
pub async fn rotate_connection(
    deps: &ConnectionDeps<'_>,
    command: &RotateConnection,
) -> Result<Rotated, ManageError> {
    let (mut lock, found) = acquire(deps, &command.request).await?;
    let rotated = rotate(deps, command, &mut lock, found).await;
    if rotated.is_err() {
        give_back(deps, &lock, &Finish::Unchanged).await;
    }
    rotated
}

async fn rotate(
    deps: &ConnectionDeps<'_>,
    command: &RotateConnection,
    lock: &mut ConnectionLock,
    found: Found,
) -> Result<Rotated, ManageError> {
    let request = &command.request;
    let mut entry = found.entry.ok_or(ManageError::NotFound)?;
    check_auth(&entry, command)?;
    let account = test(deps, command, &entry).await?;
    renew(deps, lock).await?;
    let mut is_changed = false;
    if let (Some(token), Some(account)) = (&command.access_token, account) {
        is_changed |= renew_token(deps, request, &mut entry, token, account).await?;
    }
    let webhook = deps.credentials.webhook_secrets(&request.tenant, request.system).await?;
    let mut previous_until = end_of_previous(webhook.as_ref(), deps.clock.now());
    if let Some(secret) = &command.webhook_secret
        && let Some(next) = rotated(webhook.as_ref(), secret, deps.clock.now(), command.grace)
    {
        deps.credentials.put_webhook_secrets(&request.tenant, request.system, &next).await?;
        previous_until = end_of_previous(Some(&next), deps.clock.now());
        is_changed = true;
    }
    // One that died may have written everything but its audit entry.
    if is_changed || found.took_over {
        let audit = request.audit(deps.clock, AuditAction::ConnectionRotated);
        finish(deps, lock, &Finish::Updated(&entry), &audit).await?;
    } else {
        give_back(deps, lock, &Finish::Unchanged).await;
    }
    Ok(Rotated { is_changed, previous_until })
}

fn check_auth(entry: &ConnectionEntry, command: &RotateConnection) -> Result<(), InvalidField> {
    let field = match (entry.auth, &command.access_token) {
        (AuthMode::PrivateApp | AuthMode::ApiKey, _) => return Ok(()),
        (AuthMode::Oauth, Some(_)) => "access_token",
        (AuthMode::Oauth, None) => "webhook_secret",
    };
    Err(InvalidField::new(field, "belongs to our app where the connection was made by OAuth"))
}

/// A new token must be good, and of the same account.
async fn test(
    deps: &ConnectionDeps<'_>,
    command: &RotateConnection,
    entry: &ConnectionEntry,
) -> Result<Option<AccountDetails>, ManageError> {
    let Some(token) = &command.access_token else { return Ok(None) };
    let call = || deps.connector.account(token);
    let account = with_retries(deps, command.request.deadline, call).await?;
    if account.account_id != entry.account_id {
        let reason = "is of another account: connect that one instead";
        return Err(InvalidField::new("access_token", reason).into());
    }
    Ok(Some(account))
}

async fn renew_token(
    deps: &ConnectionDeps<'_>,
    request: &ConnectionRequest,
    entry: &mut ConnectionEntry,
    token: &SecretString,
    account: AccountDetails,
) -> Result<bool, ManageError> {
    let (tenant, system) = (&request.tenant, request.system);
    let mut credentials = deps.credentials.credentials(tenant, system).await?;
    let is_new = credentials.access_token.expose_secret() != token.expose_secret();
    if is_new {
        credentials.access_token = token.clone();
        credentials.time_zone = account.time_zone.or(credentials.time_zone);
        credentials.token_version = credentials.token_version.max(entry.token_version) + 1;
        deps.credentials.put_credentials(tenant, system, &credentials).await?;
    }
    entry.token_version = credentials.token_version;
    entry.status = ConnectionStatus::Connected;
    Ok(is_new)
}

fn end_of_previous(secrets: Option<&WebhookSecretPair>, now: Timestamp) -> Option<Timestamp> {
    let (_, until) = secrets?.previous.as_ref()?;
    Some(*until).filter(|until| *until > now)
}

/// The secrets after a rotation, `None` when the new one is in use already. What was in use becomes
/// the one before; the one before that is good no longer.
fn rotated(
    stored: Option<&WebhookSecretPair>,
    next: &SecretString,
    now: Timestamp,
    grace: Duration,
) -> Option<WebhookSecretPair> {
    let Some(stored) = stored else {
        let (previous, url_token) = (None, None);
        return Some(WebhookSecretPair { current: next.clone(), previous, url_token });
    };
    if stored.current.expose_secret() == next.expose_secret() {
        return None;
    }
    let previous = Some((stored.current.clone(), now + grace));
    let url_token = stored.url_token.clone();
    Some(WebhookSecretPair { current: next.clone(), previous, url_token })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;
    use secrecy::ExposeSecret;

    use super::rotated;
    use crate::ports::WebhookSecretPair;

    const GRACE: Duration = Duration::from_secs(86_400);
    const NOW: Timestamp = Timestamp::constant(1_790_000_000, 0);

    fn after(stored: Option<WebhookSecretPair>, next: &str, now: Timestamp) -> WebhookSecretPair {
        rotated(stored.as_ref(), &next.into(), now, GRACE).or(stored).unwrap()
    }

    fn parts(secrets: &WebhookSecretPair) -> (String, Option<(String, Timestamp)>) {
        let previous = secrets.previous.as_ref();
        let previous = previous.map(|(secret, until)| (secret.expose_secret().to_owned(), *until));
        (secrets.current.expose_secret().to_owned(), previous)
    }

    #[test]
    fn rotation_keeps_the_newest_two_and_nothing_older() {
        let first = after(None, "a", NOW);
        assert_eq!(parts(&first), ("a".into(), None));
        let second = after(Some(first), "b", NOW);
        assert_eq!(parts(&second), ("b".into(), Some(("a".into(), NOW + GRACE))));
        let later = NOW + Duration::from_secs(60);
        let third = after(Some(second), "c", later);
        assert_eq!(parts(&third), ("c".into(), Some(("b".into(), later + GRACE))));
    }

    #[test]
    fn rotation_keeps_the_address_of_the_webhook() {
        let url_token = Some("t".into());
        let stored = WebhookSecretPair { url_token, ..after(None, "a", NOW) };
        let token = after(Some(stored), "b", NOW).url_token.unwrap();
        assert_eq!(token.expose_secret(), "t");
    }

    #[test]
    fn rotation_to_the_same_secret_changes_nothing_not_even_the_end() {
        let second = after(Some(after(None, "a", NOW)), "b", NOW);
        let again = after(Some(second.clone()), "b", NOW + Duration::from_secs(60));
        assert_eq!(parts(&again), parts(&second));
    }

    #[test]
    fn rotation_back_to_the_one_before_swaps_the_two() {
        let second = after(Some(after(None, "a", NOW)), "b", NOW);
        let back = after(Some(second), "a", NOW);
        assert_eq!(parts(&back), ("a".into(), Some(("b".into(), NOW + GRACE))));
    }
}
