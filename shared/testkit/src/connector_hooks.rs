//! The webhooks of the accounts of a scripted provider.

use secrecy::ExposeSecret;
use sync_domain::ports::{
    AccountAccess, Hook, HookAddress, HookRegistration, HookSecret, ProviderError,
};

use crate::connector::{ScriptedConnector, State};

/// A webhook that an account has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptedHook {
    /// The provider's id of it.
    pub id: String,
    /// Its address.
    pub url: String,
    /// What it shows with each delivery.
    pub secret: String,
}

impl ScriptedConnector {
    /// From now on no account has room for a webhook, or has again.
    pub fn leave_no_room(&self, has_no_room: bool) {
        self.state().has_no_room = has_no_room;
    }

    /// From now on no call that registers a webhook is answered.
    pub fn be_silent_about_hooks(&self) {
        self.state().is_silent_about_hooks = true;
    }

    /// Lets the next call about webhooks fail.
    pub fn fail_next_hook(&self, error: ProviderError) {
        self.state().hook_faults.push_back(error);
    }

    /// The addresses that an account has webhooks to.
    pub fn hooks(&self, account_id: &str) -> Vec<String> {
        self.registered(account_id).into_iter().map(|hook| hook.url).collect()
    }

    /// The webhooks that an account has.
    pub fn registered(&self, account_id: &str) -> Vec<ScriptedHook> {
        self.state().hooks.get(account_id).cloned().unwrap_or_default()
    }
}

/// Whether an address is one of those that begin like `url` up to its query.
fn is_alike(address: &str, url: &str) -> bool {
    address.split('?').next() == url.split('?').next()
}

impl State {
    fn hooks_of(
        &mut self,
        access: &AccountAccess,
    ) -> Result<&mut Vec<ScriptedHook>, ProviderError> {
        assert_eq!(self.kind.hook_address(), HookAddress::Registered, "nothing is registered here");
        if let Some(error) = self.hook_faults.pop_front() {
            return Err(error);
        }
        let account_id = self.account_of(access)?;
        Ok(self.hooks.entry(account_id).or_default())
    }

    pub(crate) fn remove_hooks(
        &mut self,
        access: &AccountAccess,
        url: &str,
    ) -> Result<(), ProviderError> {
        self.hooks_of(access)?.retain(|hook| !is_alike(&hook.url, url));
        Ok(())
    }

    /// One with another address or another secret is made anew, with another id.
    pub(crate) fn ensure_hook(
        &mut self,
        access: &AccountAccess,
        hook: &Hook,
    ) -> Result<HookRegistration, ProviderError> {
        let (has_room, next) = (!self.has_no_room, self.hooks_made + 1);
        let names_hooks = self.kind.hook_secret() == HookSecret::Drawn;
        let (url, secret) = (hook.url.expose_secret(), hook.secret.expose_secret());
        let hooks = self.hooks_of(access)?;
        hooks.retain(|it| (it.url == url && it.secret == secret) || !is_alike(&it.url, url));
        let is_there = hooks.iter().any(|it| it.url == url);
        if !is_there && !has_room {
            return Ok(HookRegistration::NoRoom);
        }
        if !is_there {
            let (url, secret) = (url.to_owned(), secret.to_owned());
            hooks.push(ScriptedHook { id: format!("hook-{next}"), url, secret });
        }
        let ids = hooks.iter().filter(|it| it.url == url && names_hooks).map(|it| it.id.clone());
        let hook_ids = ids.collect();
        self.hooks_made += u32::from(!is_there);
        Ok(HookRegistration::Registered { hook_ids })
    }
}
