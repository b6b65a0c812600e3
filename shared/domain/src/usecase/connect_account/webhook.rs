//! The webhook's part of a connect: what signs it, and what becomes of the former account's.

use secrecy::{ExposeSecret, SecretString};

use super::super::locked_connection::ManageError;
use super::super::registered_hook;
use super::ConnectMethod;
use super::run::Run;
use crate::ports::{AuthMode, Credentials, ProviderError, WebhookSecretPair};

impl Run<'_, '_> {
    /// Stores what signs the account's webhooks and returns the token of their address, if they have
    /// one. A private app signs with its own secret, an API key signs itself, and an OAuth app signs
    /// with ours.
    pub(super) async fn store_webhook_secret(
        &self,
        account_id: &str,
    ) -> Result<Option<SecretString>, ManageError> {
        let request = &self.command.request;
        let (tenant, system) = (&request.tenant, request.system);
        let store = self.deps.credentials;
        let is_same_account = self.former_account() == Some(account_id);
        let given = match &self.command.method {
            ConnectMethod::PrivateApp { webhook_secret: Some(secret), .. } => secret,
            ConnectMethod::PrivateApp { .. } if is_same_account => return Ok(None),
            ConnectMethod::ApiKey { api_key, .. } => api_key,
            ConnectMethod::PrivateApp { .. } | ConnectMethod::Oauth { .. } => {
                store.delete_webhook_secrets(tenant, system).await?;
                return Ok(None);
            }
        };
        let stored = store.webhook_secrets(tenant, system).await?;
        let url_token = registered_hook::token_for(self.deps, stored.as_ref());
        let is_stored = stored.as_ref().is_some_and(|stored| {
            stored.current.expose_secret() == given.expose_secret()
                && stored.url_token.is_some() == url_token.is_some()
        });
        if !is_stored {
            let previous = stored.and_then(|stored| self.still_good(stored, given, account_id));
            let (current, url_token) = (given.clone(), url_token.clone());
            let secrets = WebhookSecretPair { current, previous, url_token };
            store.put_webhook_secrets(tenant, system, &secrets).await?;
        }
        Ok(url_token)
    }

    /// What stays good beside a new secret: an API key that is replaced by another of the same account
    /// signs what is on its way. A private app's secret is rotated by a request of its own.
    fn still_good(
        &self,
        stored: WebhookSecretPair,
        given: &SecretString,
        account_id: &str,
    ) -> Option<(SecretString, jiff::Timestamp)> {
        let is_replaced = self.command.method.auth() == AuthMode::ApiKey
            && self.former_account() == Some(account_id);
        if !is_replaced {
            return None;
        }
        if stored.current.expose_secret() == given.expose_secret() {
            return stored.previous;
        }
        Some((stored.current, self.deps.clock.now() + self.command.grace))
    }

    /// Gives the account up that was connected before, if it is another one: its pointer, and with the
    /// credentials that were stored for it its webhook. Says why that one could not be removed.
    pub(super) async fn leave_former(
        &self,
        account_id: &str,
        stored: Option<&Credentials>,
    ) -> Result<Option<ProviderError>, ManageError> {
        let request = &self.command.request;
        let Some(former) = self.former_account().filter(|former| *former != account_id) else {
            return Ok(None);
        };
        self.deps.accounts.release(request.system, former, &request.tenant).await?;
        match stored.filter(|stored| stored.account_id == former) {
            Some(stored) => {
                Ok(registered_hook::remove(self.deps, request, &stored.access_token).await)
            }
            None => Ok(None),
        }
    }
}
