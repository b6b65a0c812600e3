//! The webhook's part of a connect: what signs it, and what becomes of the former account's.

use secrecy::{ExposeSecret, SecretString};

use super::super::locked_connection::ManageError;
use super::super::registered_hook;
use super::super::signing_rotation::rotated;
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
        let has_token = |secrets: &WebhookSecretPair| secrets.url_token.is_some();
        let signs =
            |secrets: &WebhookSecretPair| secrets.current.expose_secret() == given.expose_secret();
        if stored.as_ref().is_some_and(|it| signs(it) && has_token(it) == url_token.is_some()) {
            return Ok(url_token);
        }
        let next = match stored {
            // What is on its way is still signed with the key that is replaced. A private app's secret
            // is rotated by a request of its own.
            Some(stored) if is_same_account && self.command.method.auth() == AuthMode::ApiKey => {
                let now = self.deps.clock.now();
                rotated(Some(&stored), given, now, self.command.grace).unwrap_or(stored)
            }
            Some(stored) if signs(&stored) => stored,
            Some(_) | None => WebhookSecretPair::sole(given.clone()),
        };
        let next = WebhookSecretPair { url_token: url_token.clone(), ..next };
        store.put_webhook_secrets(tenant, system, &next).await?;
        Ok(url_token)
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
            Some(stored) => Ok(registered_hook::remove(self.deps, request, &stored.access()).await),
            None => Ok(None),
        }
    }
}
