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
    /// We: the webhook subscription that we have made for our app, which has a key of its own.
    OurSubscription(System),
    /// A tenant: an app of its own.
    Tenant(TenantId, System),
}

/// Which of a holder's two secrets one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretAge {
    /// The one in use.
    Current,
    /// The one before.
    Previous,
}

/// The secret in use and, for some time after a rotation, the one before; with what else tells a
/// tenant's own deliveries from others.
#[derive(Clone)]
pub struct SigningSecrets {
    /// `None` where nothing is signed with and the address alone proves who sends.
    current: Option<SecretString>,
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
        let is_usable = !current.expose_secret().is_empty();
        is_usable.then_some(Self { current: Some(current), previous, origin })
    }

    /// No secret at all, only what else tells the tenant's own deliveries: no signature fits. `None`
    /// without an address of the connection's own, because then nothing proves anything.
    pub fn of_address(origin: HookOrigin) -> Option<Self> {
        let has_address = origin.address_id.is_some();
        has_address.then_some(Self { current: None, previous: None, origin })
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

    /// The secrets that count at `now`, at most two.
    pub fn valid_at(&self, now: Timestamp) -> impl Iterator<Item = (SecretAge, &SecretString)> {
        let current = self.current.iter().map(|secret| (SecretAge::Current, secret));
        let previous = self.previous.as_ref().filter(|(_, until)| now < *until);
        current.chain(previous.map(|(secret, _)| (SecretAge::Previous, secret)))
    }

    /// Whether both hold the same secrets for the same time. Neither side of it is a sender's.
    pub fn is_same_as(&self, other: &Self) -> bool {
        let exposed = |secrets: &Self| {
            let previous = secrets.previous.as_ref();
            let previous =
                previous.map(|(secret, until)| (secret.expose_secret().to_owned(), *until));
            let current = secrets.current.as_ref().map(|secret| secret.expose_secret().to_owned());
            (current, previous)
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

    use super::{HookOrigin, SigningSecrets};

    fn valid(secrets: &SigningSecrets, second: i64) -> Vec<&str> {
        let now = Timestamp::from_second(second).unwrap();
        secrets.valid_at(now).map(|(_, secret)| secret.expose_secret()).collect()
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
    fn secrets_of_an_address_alone_sign_nothing_and_need_the_address() {
        assert!(SigningSecrets::of_address(HookOrigin::default()).is_none());
        let address_id = Some("hook-1".to_owned());
        let origin = HookOrigin { address_id, ..HookOrigin::default() };
        let secrets = SigningSecrets::of_address(origin.clone()).unwrap();
        assert!(valid(&secrets, 0).is_empty());
        assert!(secrets.origin() == &origin);
        let signing = SigningSecrets::new("new".into(), None).unwrap().with_origin(origin);
        assert!(!secrets.is_same_as(&signing));
    }

    #[test]
    fn signing_secrets_hide_themselves_in_debug_output() {
        let secrets = SigningSecrets::new("canary".into(), None).unwrap();
        assert!(!format!("{secrets:?}").contains("canary"));
    }
}
