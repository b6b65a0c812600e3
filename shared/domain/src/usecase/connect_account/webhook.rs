//! The webhook's part of a connect: what signs it, and what becomes of the former account's.

use secrecy::{ExposeSecret, SecretString};

use super::super::locked_connection::ManageError;
use super::super::registered_hook;
use super::super::signing_rotation::rotated;
use super::ConnectMethod;
use super::run::Run;
use crate::hook_address;
use crate::ports::{Credentials, HookAddress, HookSecret, ProviderError, WebhookSecretPair};

/// What signs the webhooks of an account that is being connected.
enum Signing<'a> {
    /// Our app's secret.
    OurApp,
    /// A secret that we draw.
    Drawn,
    /// The key that the account is called with.
    Key(&'a SecretString),
    /// A secret of the tenant's, if one came with the request.
    Given(Option<&'a SecretString>),
}

impl Run<'_, '_> {
    fn signing(&self) -> Signing<'_> {
        if self.deps.connector.hook_secret() == HookSecret::Drawn {
            return Signing::Drawn;
        }
        match &self.command.method {
            ConnectMethod::Oauth { .. } => Signing::OurApp,
            ConnectMethod::ApiKey { api_key, .. } => Signing::Key(api_key),
            ConnectMethod::ApiToken { .. } => Signing::Given(None),
            ConnectMethod::PrivateApp { webhook_secret, .. }
            | ConnectMethod::ClientCredentials { webhook_secret, .. }
            | ConnectMethod::JwtBearer { webhook_secret, .. } => {
                Signing::Given(webhook_secret.as_ref())
            }
        }
    }

    /// Stores what signs the account's webhooks, and what else leads them here. `None` where nothing
    /// of it is the connection's own, or was looked at.
    pub(super) async fn store_webhook_secret(
        &self,
        account_id: &str,
    ) -> Result<Option<WebhookSecretPair>, ManageError> {
        let (deps, request) = (self.deps, &self.command.request);
        let (tenant, system) = (&request.tenant, request.system);
        let store = deps.credentials;
        let signing = self.signing();
        if deps.connector.hook_address() == HookAddress::Shared {
            match signing {
                Signing::Given(None) if self.former_account() == Some(account_id) => {
                    return Ok(None);
                }
                Signing::OurApp | Signing::Given(None) => {
                    store.delete_webhook_secrets(tenant, system).await?;
                    return Ok(None);
                }
                Signing::Drawn | Signing::Key(_) | Signing::Given(Some(_)) => {}
            }
        }
        let stored = store.webhook_secrets(tenant, system).await?;
        let next = self.next_secrets(&signing, stored.as_ref(), account_id);
        let next = registered_hook::addressed(deps, next, stored.as_ref(), account_id);
        if stored.as_ref().is_some_and(|stored| stored.is_same_as(&next)) {
            return Ok(Some(next));
        }
        if let Some(stored) = &stored {
            registered_hook::give_up_other_token(deps, request, stored, &next).await?;
        }
        store.put_webhook_secrets(tenant, system, &next).await?;
        Ok(Some(next))
    }

    /// What signs from now on, and for a while what did before.
    fn next_secrets(
        &self,
        signing: &Signing<'_>,
        stored: Option<&WebhookSecretPair>,
        account_id: &str,
    ) -> WebhookSecretPair {
        let sole = |secret: &SecretString| WebhookSecretPair::sole(secret.clone());
        let same_account = stored.filter(|it| self.is_of_account(it, account_id));
        match signing {
            Signing::OurApp | Signing::Given(None) => {
                same_account.cloned().unwrap_or_else(|| sole(&SecretString::default()))
            }
            Signing::Drawn => same_account
                .filter(|it| !it.current.expose_secret().is_empty())
                .cloned()
                .unwrap_or_else(|| sole(&hook_address::new_token(self.deps.clock))),
            // What is on its way is still signed with the key that is replaced. Other secrets are
            // rotated by a request of their own.
            Signing::Key(key) => match same_account {
                Some(stored) => {
                    let (now, grace) = (self.deps.clock.now(), self.command.grace);
                    rotated(Some(stored), key, now, grace).unwrap_or_else(|| stored.clone())
                }
                None => in_use(stored, key),
            },
            Signing::Given(Some(secret)) => in_use(stored, secret),
        }
    }

    /// Whether the secrets are those of the account. Who died may have stored them for another one
    /// than the entry names.
    fn is_of_account(&self, stored: &WebhookSecretPair, account_id: &str) -> bool {
        let noted = stored.account_id.as_deref().or_else(|| self.former_account());
        noted == Some(account_id)
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
            Some(stored) => Ok(registered_hook::remove(self.deps, request, stored).await),
            None => Ok(None),
        }
    }
}

/// What is stored, if the secret is in use there, else the secret alone.
fn in_use(stored: Option<&WebhookSecretPair>, secret: &SecretString) -> WebhookSecretPair {
    let stored = stored.filter(|it| it.signs_with(secret)).cloned();
    stored.unwrap_or_else(|| WebhookSecretPair::sole(secret.clone()))
}
