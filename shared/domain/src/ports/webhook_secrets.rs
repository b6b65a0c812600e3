//! The secrets that webhooks are signed with.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::SecretError;
use crate::model::{System, TenantId};

/// Who shares a secret with the vendor.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SecretHolder {
    /// We: our app, which tenants have let in. It signs for all of them.
    OurApp(System),
    /// A tenant: an app of its own.
    Tenant(TenantId, System),
}

/// The secret in use and, for some time after a rotation, the one before; with what else tells a
/// tenant's own deliveries from others.
#[derive(Clone)]
pub struct SigningSecrets {
    current: SecretString,
    previous: Option<(SecretString, Timestamp)>,
    origin: HookOrigin,
}

/// What else tells a tenant's own deliveries from others.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct HookOrigin {
    /// The provider's id of the account that the secrets sign for.
    pub account_id: Option<String>,
    /// The provider's ids of the webhooks that we have registered.
    pub hook_ids: Vec<String>,
    /// What deliveries name as their account by their address, see [`crate::hook_address`].
    pub address_id: Option<String>,
}

impl SigningSecrets {
    /// `None` when the secret in use is empty: anybody could sign with that. `previous` comes with
    /// the moment from which it no longer counts, and an empty one never counts.
    pub fn new(current: SecretString, previous: Option<(SecretString, Timestamp)>) -> Option<Self> {
        let previous = previous.filter(|(secret, _)| !secret.expose_secret().is_empty());
        let origin = HookOrigin::default();
        (!current.expose_secret().is_empty()).then_some(Self { current, previous, origin })
    }

    /// The same with what else tells the tenant's own deliveries.
    #[must_use]
    pub fn with_origin(mut self, origin: HookOrigin) -> Self {
        self.origin = origin;
        self
    }

    /// What else tells the tenant's own deliveries.
    pub const fn origin(&self) -> &HookOrigin {
        &self.origin
    }

    /// The one or two secrets that count at `now`.
    pub fn valid_at(&self, now: Timestamp) -> impl Iterator<Item = &SecretString> {
        let previous = self.previous.as_ref().filter(|(_, until)| now < *until);
        std::iter::once(&self.current).chain(previous.map(|(secret, _)| secret))
    }

    /// Whether both hold the same secrets for the same time. Neither side of it is a sender's.
    pub fn is_same_as(&self, other: &Self) -> bool {
        let exposed = |secrets: &Self| {
            let previous = secrets.previous.as_ref();
            let previous =
                previous.map(|(secret, until)| (secret.expose_secret().to_owned(), *until));
            (secrets.current.expose_secret().to_owned(), previous)
        };
        exposed(self) == exposed(other) && self.origin == other.origin
    }
}

impl fmt::Debug for SigningSecrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SigningSecrets([hidden])")
    }
}

/// Finds signing secrets. An implementation caches, also that there are none.
#[async_trait]
pub trait SigningSecretSource: Send + Sync {
    /// The holder's secrets, at most a minute old; `None` when it has none.
    ///
    /// # Errors
    /// [`SecretError::Unavailable`].
    async fn secrets(
        &self,
        holder: &SecretHolder,
    ) -> Result<Option<Arc<SigningSecrets>>, SecretError>;

    /// The holder's secrets if they are others by now than [`SigningSecretSource::secrets`] has just
    /// given. `None` when they are the same, or when somebody looked only moments ago: bad
    /// signatures must not become reads of the secret store.
    ///
    /// # Errors
    /// [`SecretError::Unavailable`].
    async fn newer(
        &self,
        holder: &SecretHolder,
    ) -> Result<Option<Arc<SigningSecrets>>, SecretError>;
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use secrecy::ExposeSecret;

    use super::SigningSecrets;

    fn valid(secrets: &SigningSecrets, second: i64) -> Vec<&str> {
        let now = Timestamp::from_second(second).unwrap();
        secrets.valid_at(now).map(ExposeSecret::expose_secret).collect()
    }

    #[test]
    fn previous_secret_counts_until_its_time_and_not_at_it() {
        let until = Timestamp::from_second(100).unwrap();
        let secrets = SigningSecrets::new("new".into(), Some(("old".into(), until))).unwrap();
        assert_eq!(valid(&secrets, 99), ["new", "old"]);
        assert_eq!(valid(&secrets, 100), ["new"]);
    }

    #[test]
    fn empty_secret_never_counts() {
        assert!(SigningSecrets::new("".into(), None).is_none());
        let until = Timestamp::from_second(100).unwrap();
        let secrets = SigningSecrets::new("new".into(), Some(("".into(), until))).unwrap();
        assert_eq!(valid(&secrets, 0), ["new"]);
    }

    #[test]
    fn signing_secrets_hide_themselves_in_debug_output() {
        let secrets = SigningSecrets::new("canary".into(), None).unwrap();
        assert!(!format!("{secrets:?}").contains("canary"));
    }
}
