//! Our webhook among an account's: found, made anew, removed.
//!
//! An account has at most 25, and the 26th is refused with a 400; one that failed for days is
//! disabled and can't be enabled again (developers.acuityscheduling.com, "Webhooks"; the disabling is
//! known from third parties). One on `appointment.changed` tells of everything: with the others
//! beside it each change would come twice.

use sync_domain::ports::{HookRegistration, ProviderError};

use super::calls::Calls;
use super::error::check;
use super::wire::{Hook, NewHook};

const EVENT: &str = "appointment.changed";
const HOOKS_MAX: usize = 25;

/// A webhook is ours if its address is, up to the query, in which each connection has its token.
fn is_ours(hook: &Hook, url: &str) -> bool {
    let without_query = |url: &str| url.split('?').next().unwrap_or_default().to_owned();
    hook.target.text().is_some_and(|target| without_query(target) == without_query(url))
}

/// Whether a webhook does what ours must.
fn is_good(hook: &Hook, url: &str) -> bool {
    let is_active = hook.status.text().is_none_or(|status| status == "active");
    is_active && hook.event.text() == Some(EVENT) && hook.target.text() == Some(url)
}

/// Leaves exactly one good webhook of ours.
///
/// # Errors
/// See [`ProviderError`].
pub async fn ensure(calls: &mut Calls<'_>, url: &str) -> Result<HookRegistration, ProviderError> {
    let hooks: Vec<Hook> = calls.get("webhooks").await?;
    let count = hooks.len();
    let mut ours: Vec<Hook> = hooks.into_iter().filter(|hook| is_ours(hook, url)).collect();
    let others = count - ours.len();
    if let Some(kept) = ours.iter().position(|hook| is_good(hook, url)) {
        ours.remove(kept);
        remove_all(calls, &ours).await?;
        return Ok(HookRegistration::Registered { hook_ids: Vec::new() });
    }
    // The new one comes first, so that nothing goes untold between; unless there is no room for both.
    if count >= HOOKS_MAX {
        remove_all(calls, &ours).await?;
        return create(calls, url, others).await;
    }
    let created = create(calls, url, count).await?;
    remove_all(calls, &ours).await?;
    Ok(created)
}

/// Removes every webhook of ours.
///
/// # Errors
/// See [`ProviderError`].
pub async fn remove(calls: &mut Calls<'_>, url: &str) -> Result<(), ProviderError> {
    let mut hooks: Vec<Hook> = calls.get("webhooks").await?;
    hooks.retain(|hook| is_ours(hook, url));
    remove_all(calls, &hooks).await
}

async fn create(
    calls: &mut Calls<'_>,
    url: &str,
    others: usize,
) -> Result<HookRegistration, ProviderError> {
    let answer = calls.post("webhooks", &NewHook { event: EVENT, target: url }).await?;
    if answer.status == 400 && others >= HOOKS_MAX {
        return Ok(HookRegistration::NoRoom);
    }
    check(&answer)?;
    Ok(HookRegistration::Registered { hook_ids: Vec::new() })
}

async fn remove_all(calls: &mut Calls<'_>, hooks: &[Hook]) -> Result<(), ProviderError> {
    for hook in hooks {
        if let Some(id) = hook.id.number() {
            calls.delete(&format!("webhooks/{id}")).await?;
        }
    }
    Ok(())
}
