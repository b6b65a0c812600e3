//! Our webhooks among an account's: three, one for each kind of record, found, made anew, removed.
//!
//! A user has at most 40, and one that was not answered well for three days is deleted without a word
//! (pipedrive.readme.io, "Guide for webhooks v2", copy of October 2025), so they are looked at again
//! and again. Each shows our secret by HTTP Basic with every delivery: there is no signature.

use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use sync_domain::ports::{Hook, HookRegistration, ProviderError};

use super::calls::{Calls, bad_answer, read, written};
use super::error::{error_of, is_gone, without_effect};
use super::signature::HOOK_USER;
use super::wire::{Flag, Text};

const PATH: &str = "/api/v1/webhooks";
const VERSION: &str = "2.0";
/// Created, changed, deleted.
const ACTION: &str = "*";
/// What people see in the list of webhooks.
const NAME: &str = "CRM integration";
/// The kinds of record, by the vendor's nouns.
const OBJECTS: [&str; 3] = ["person", "organization", "deal"];

#[derive(Deserialize)]
struct Webhook {
    #[serde(default)]
    id: Text,
    #[serde(default)]
    subscription_url: Text,
    #[serde(default)]
    event_action: Text,
    #[serde(default)]
    event_object: Text,
    #[serde(default)]
    version: Text,
    #[serde(default)]
    is_active: Flag,
    #[serde(default)]
    http_auth_user: Text,
    #[serde(default)]
    http_auth_password: Text,
}

/// There is no `Debug`: it has the secret.
#[derive(Serialize)]
struct NewWebhook<'a> {
    subscription_url: &'a str,
    event_action: &'static str,
    event_object: &'static str,
    name: &'static str,
    http_auth_user: &'static str,
    http_auth_password: &'a str,
    version: &'static str,
}

impl Webhook {
    /// A webhook is ours if its address is, up to the query, in which each connection has its token.
    fn is_ours(&self, url: &str) -> bool {
        let without_query = |url: &str| url.split('?').next().unwrap_or_default().to_owned();
        let its = self.subscription_url.get().unwrap_or_default();
        without_query(its) == without_query(url)
    }

    /// Whether it does for a kind of record what ours must.
    fn is_good(&self, object: &str, hook: &Hook) -> bool {
        self.id.id().is_some()
            && !self.is_active.is_unset()
            && self.event_action.get() == Some(ACTION)
            && self.event_object.get() == Some(object)
            && self.version.get() == Some(VERSION)
            && self.subscription_url.get() == Some(hook.url.expose_secret())
            && self.http_auth_user.get() == Some(HOOK_USER)
            && self.http_auth_password.get() == Some(hook.secret.expose_secret())
    }
}

/// What making one came to.
enum Made {
    Id(String),
    NoRoom,
}

/// Leaves exactly one good webhook for each kind of record.
///
/// # Errors
/// See [`ProviderError`].
pub async fn ensure(calls: &mut Calls<'_>, hook: &Hook) -> Result<HookRegistration, ProviderError> {
    let mut stale = ours(calls, hook.url.expose_secret()).await?;
    let kept = OBJECTS.map(|object| {
        let at = stale.iter().position(|webhook| webhook.is_good(object, hook))?;
        stale.swap_remove(at).id.id().map(str::to_owned)
    });
    let mut hook_ids = Vec::new();
    for (object, kept) in OBJECTS.into_iter().zip(kept) {
        if let Some(id) = kept {
            hook_ids.push(id);
            continue;
        }
        // The new one comes first, so that nothing goes untold between; unless there is no room.
        let mut made = make(calls, object, hook).await?;
        if matches!(made, Made::NoRoom) && !stale.is_empty() {
            remove_all(calls, &std::mem::take(&mut stale)).await?;
            made = make(calls, object, hook).await?;
        }
        match made {
            Made::Id(id) => hook_ids.push(id),
            Made::NoRoom => return Ok(HookRegistration::NoRoom),
        }
    }
    remove_stale(calls, &stale).await;
    Ok(HookRegistration::Registered { hook_ids })
}

/// Removes every webhook of ours.
///
/// # Errors
/// See [`ProviderError`].
pub async fn remove(calls: &mut Calls<'_>, url: &str) -> Result<(), ProviderError> {
    let webhooks = ours(calls, url).await?;
    remove_all(calls, &webhooks).await
}

async fn ours(calls: &mut Calls<'_>, url: &str) -> Result<Vec<Webhook>, ProviderError> {
    let answer = calls.get(PATH, &[]).await?;
    let list = read::<Vec<Webhook>>(&answer)?;
    // v1 says `null` where it has nothing to list.
    let none = (list.success == Some(true)).then(Vec::new);
    let webhooks = list.data.or(none);
    let mut webhooks = webhooks.ok_or_else(|| without_effect(bad_answer(&answer)))?;
    webhooks.retain(|webhook| webhook.is_ours(url));
    Ok(webhooks)
}

async fn make(
    calls: &mut Calls<'_>,
    event_object: &'static str,
    hook: &Hook,
) -> Result<Made, ProviderError> {
    let webhook = NewWebhook {
        subscription_url: hook.url.expose_secret(),
        event_action: ACTION,
        event_object,
        name: NAME,
        http_auth_user: HOOK_USER,
        http_auth_password: hook.secret.expose_secret(),
        version: VERSION,
    };
    let answer = calls.post(PATH, &webhook).await?;
    if answer.status == 422 {
        drop(error_of(&answer));
        return Ok(Made::NoRoom);
    }
    let made: Webhook = written(&answer)?;
    made.id.id().map(|id| Made::Id(id.to_owned())).ok_or_else(|| bad_answer(&answer))
}

/// Removes what is left over where all that is needed is there: a webhook that another user has made
/// may not be deleted, and that is no reason to do without the new ones. The next look tries again.
async fn remove_stale(calls: &mut Calls<'_>, stale: &[Webhook]) {
    for webhook in stale {
        let Err(error) = remove_one(calls, webhook).await else { continue };
        tracing::warn!(
            system = "pipedrive",
            error = error.kind(),
            "A webhook of ours that is no longer used can't be deleted."
        );
        // Only a refusal is about this webhook alone.
        if !matches!(error, ProviderError::MissingScope | ProviderError::Rejected { .. }) {
            break;
        }
    }
}

async fn remove_all(calls: &mut Calls<'_>, webhooks: &[Webhook]) -> Result<(), ProviderError> {
    for webhook in webhooks {
        remove_one(calls, webhook).await?;
    }
    Ok(())
}

/// What is gone already is removed.
async fn remove_one(calls: &mut Calls<'_>, webhook: &Webhook) -> Result<(), ProviderError> {
    let Some(id) = webhook.id.id() else { return Ok(()) };
    let answer = calls.delete(&format!("{PATH}/{id}")).await?;
    let is_removed = (200..300).contains(&answer.status) || is_gone(&answer);
    if is_removed { Ok(()) } else { Err(error_of(&answer)) }
}
