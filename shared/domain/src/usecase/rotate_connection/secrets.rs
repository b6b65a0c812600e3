//! What a rotation is given, and which of it belongs to which way of connecting.

use std::collections::BTreeMap;

use secrecy::SecretString;

use crate::model::{InvalidField, either};
use crate::ports::{AuthMode, HookSecret};

/// A secret that a rotation can replace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecretKind {
    /// What signs webhooks, where the tenant gives it.
    WebhookSecret,
    /// A private app's token.
    AccessToken,
    /// A user's API key, which also signs webhooks.
    ApiKey,
    /// A user's API token.
    ApiToken,
    /// The secret of an app that mints tokens with it.
    ClientSecret,
    /// The key of an app that mints tokens with a signed assertion.
    PrivateKey,
}

impl SecretKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::WebhookSecret,
        Self::AccessToken,
        Self::ApiKey,
        Self::ApiToken,
        Self::ClientSecret,
        Self::PrivateKey,
    ];

    /// The member of a request that it comes with.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WebhookSecret => "webhook_secret",
            Self::AccessToken => "access_token",
            Self::ApiKey => "api_key",
            Self::ApiToken => "api_token",
            Self::ClientSecret => "client_secret",
            Self::PrivateKey => "private_key",
        }
    }

    /// The kinds that a connection has which was made like that.
    const fn of(auth: AuthMode) -> &'static [Self] {
        match auth {
            AuthMode::PrivateApp => &[Self::WebhookSecret, Self::AccessToken],
            AuthMode::Oauth => &[],
            AuthMode::ApiKey => &[Self::ApiKey],
            AuthMode::ApiToken => &[Self::ApiToken],
            AuthMode::ClientCredentials => &[Self::WebhookSecret, Self::ClientSecret],
            AuthMode::JwtBearer => &[Self::WebhookSecret, Self::PrivateKey],
        }
    }

    /// Whether the provider is called with it, or with what is got for it.
    const fn is_for_calls(self) -> bool {
        !matches!(self, Self::WebhookSecret)
    }
}

/// The new secrets. With none, what we draw ourselves is drawn anew. `Debug` can't print them.
#[derive(Debug, Default)]
pub struct NewSecrets(BTreeMap<SecretKind, SecretString>);

impl FromIterator<(SecretKind, SecretString)> for NewSecrets {
    fn from_iter<T: IntoIterator<Item = (SecretKind, SecretString)>>(given: T) -> Self {
        Self(given.into_iter().collect())
    }
}

impl NewSecrets {
    /// Checks that a connection that was made like that has such secrets.
    pub(super) fn check(&self, auth: AuthMode, hook: HookSecret) -> Result<(), InvalidField> {
        let kinds = SecretKind::of(auth);
        let foreign = self.0.keys().find(|kind| !kinds.contains(kind));
        let is_missing = self.0.is_empty() && hook == HookSecret::Given;
        if foreign.is_none() && !is_missing {
            return Ok(());
        }
        let field = foreign.or_else(|| kinds.first()).unwrap_or(&SecretKind::WebhookSecret);
        let names: Vec<_> = kinds.iter().map(|kind| kind.as_str()).collect();
        let reason = match (foreign, names.is_empty()) {
            (_, true) => "belongs to our app where the connection was made by OAuth".to_owned(),
            (Some(_), false) => {
                format!("is nothing that this connection was made with: give {}", either(&names))
            }
            (None, false) => format!("is required: give {}", either(&names)),
        };
        Err(InvalidField::new(field.as_str(), reason))
    }

    /// What is to sign webhooks, if it came with the request.
    pub(super) fn signing(&self) -> Option<&SecretString> {
        let given = |kind| self.0.get(&kind);
        given(SecretKind::WebhookSecret).or_else(|| given(SecretKind::ApiKey))
    }

    /// What the provider is to be called with, and the member that it came with.
    pub(super) fn calling(&self) -> Option<(SecretKind, &SecretString)> {
        let mut given = self.0.iter().map(|(kind, secret)| (*kind, secret));
        given.find(|(kind, _)| kind.is_for_calls())
    }
}
