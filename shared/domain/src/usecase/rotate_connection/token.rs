//! The new token of a rotation: made of what was given, tested, and stored.

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::super::api_key;
use super::super::locked_connection::{
    ConnectionDeps, ConnectionRequest, ManageError, with_retries,
};
use super::super::renewed_token::{TokenTerm, minted};
use super::RotateConnection;
use super::secrets::SecretKind;
use crate::model::InvalidField;
use crate::ports::{ConnectionEntry, ConnectionError, ConnectionStatus, Credentials};

/// Credentials with another secret, which was tested.
pub(super) struct NewToken {
    /// What is to be stored.
    pub(super) credentials: Credentials,
    /// Whether the secret is another one than is stored.
    is_new: bool,
}

/// The credentials with what was given to call with; `None` when nothing was. It must be good, and of
/// the same account.
pub(super) async fn tested(
    deps: &ConnectionDeps<'_>,
    command: &RotateConnection,
    entry: &ConnectionEntry,
) -> Result<Option<NewToken>, ManageError> {
    let request = &command.request;
    let Some((kind, secret)) = command.secrets.calling() else { return Ok(None) };
    let stored = deps.credentials.credentials(&request.tenant, request.system).await?;
    let mut new = with_secret(deps, request, stored, kind, secret).await?;
    let access = new.credentials.access();
    let call = || deps.connector.account(&access);
    let account = with_retries(deps, request.deadline, call).await?;
    if !account.goes_by(&entry.account_id) {
        let reason = "is of another account: connect that one instead";
        return Err(InvalidField::new(kind.as_str(), reason).into());
    }
    if account.time_zone.is_some() {
        new.credentials.time_zone = account.time_zone;
    }
    Ok(Some(new))
}

async fn with_secret(
    deps: &ConnectionDeps<'_>,
    request: &ConnectionRequest,
    stored: Credentials,
    kind: SecretKind,
    secret: &SecretString,
) -> Result<NewToken, ManageError> {
    let token = match kind {
        SecretKind::ClientSecret | SecretKind::PrivateKey => {
            return with_proof(deps, request, stored, kind, secret).await;
        }
        SecretKind::ApiKey => {
            let user_id = api_key::user_of(&stored.access_token)
                .ok_or(ConnectionError::Malformed("the access token names no user"))?;
            api_key::token_of(user_id, secret)
        }
        SecretKind::AccessToken | SecretKind::ApiToken | SecretKind::WebhookSecret => {
            secret.clone()
        }
    };
    let is_new = stored.access_token.expose_secret() != token.expose_secret();
    Ok(NewToken { credentials: Credentials { access_token: token, ..stored }, is_new })
}

/// The app's proof is tested by minting a token with it, which is stored with it.
async fn with_proof(
    deps: &ConnectionDeps<'_>,
    request: &ConnectionRequest,
    stored: Credentials,
    kind: SecretKind,
    proof: &SecretString,
) -> Result<NewToken, ManageError> {
    let grant = stored.grant.as_ref().zip(stored.domain.as_ref());
    let (grant, domain) = grant.ok_or(ConnectionError::Malformed("nothing mints tokens"))?;
    let is_new = grant.proof().expose_secret() != proof.expose_secret();
    let grant = grant.with_proof(proof.clone());
    let began: Timestamp = deps.clock.now();
    let tokens = minted(deps, request.deadline, &grant, domain, kind.as_str()).await?;
    let term = TokenTerm::of(deps.connector, began, tokens.expires_in);
    let credentials = Credentials {
        access_token: tokens.access_token,
        expires_at: term.expires_at,
        refresh_at: term.refresh_at,
        grant: Some(grant),
        ..stored
    };
    Ok(NewToken { credentials, is_new })
}

impl NewToken {
    /// Stores it, if it is new or the connection was broken, and says whether it is new.
    pub(super) async fn store(
        &mut self,
        deps: &ConnectionDeps<'_>,
        request: &ConnectionRequest,
        entry: &mut ConnectionEntry,
    ) -> Result<bool, ManageError> {
        let credentials = &mut self.credentials;
        if self.is_new || entry.status == ConnectionStatus::Broken {
            credentials.token_version = credentials.token_version.max(entry.token_version) + 1;
            deps.credentials.put_credentials(&request.tenant, request.system, credentials).await?;
            entry.token_expires_at = credentials.expires_at;
        }
        entry.token_version = credentials.token_version;
        entry.status = ConnectionStatus::Connected;
        Ok(self.is_new)
    }
}
