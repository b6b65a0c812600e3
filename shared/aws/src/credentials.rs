//! The secrets of connections: their names, their JSON, reading and merging.
//!
//! `{prefix}/{tenant}/{system}` holds the credentials:
//! `{"auth", "access_token", "refresh_token"?, "expires_at"?, "refresh_at"?, "account_id",
//! "default_region"?, "import_horizon_days"?, "time_zone"?, "token_version"?, "key_properties"?, "domain"?,
//! "custom_fields"?, "grant"?}`; `auth` is a name of [`AuthMode`], and `grant` what mints tokens:
//! `{"kind": "client_credentials", "client_id", "client_secret"}` or `{"kind": "jwt_bearer",
//! "client_id", "username", "private_key"}`. One that an operator wrote by hand may have the token
//! alone. `{prefix}/{tenant}/{system}/webhook` holds what signs the connection's webhooks, and what
//! else leads them to it: `{"current", "previous"?, "previous_until"?, "url_token"?, "account_id"?,
//! "hook_ids"?}`. Times are RFC 3339.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sync_domain::model::{AttributeName, ObjectType, System, TenantId};
use sync_domain::ports::{
    AuthMode, ConnectionError, CredentialStore, Credentials, CustomFields, SecretError,
    SecretSource, SecretWriter, TenantGrant, WebhookSecretPair,
};

#[derive(Deserialize)]
struct StoredCredentials {
    auth: Option<String>,
    access_token: SecretString,
    refresh_token: Option<SecretString>,
    expires_at: Option<Timestamp>,
    refresh_at: Option<Timestamp>,
    #[serde(default)]
    account_id: String,
    default_region: Option<String>,
    import_horizon_days: Option<u16>,
    time_zone: Option<String>,
    #[serde(default)]
    token_version: u64,
    key_properties: Option<Vec<String>>,
    domain: Option<String>,
    /// By `{type}.{attribute}`.
    #[serde(default)]
    custom_fields: BTreeMap<String, String>,
    grant: Option<StoredGrant>,
}

/// What mints tokens; the name of its kind is the name of the way to connect.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum StoredGrant {
    ClientCredentials { client_id: String, client_secret: SecretString },
    JwtBearer { client_id: String, username: String, private_key: SecretString },
}

impl From<StoredGrant> for TenantGrant {
    fn from(stored: StoredGrant) -> Self {
        match stored {
            StoredGrant::ClientCredentials { client_id, client_secret } => {
                Self::ClientCredentials { client_id, client_secret }
            }
            StoredGrant::JwtBearer { client_id, username, private_key } => {
                Self::JwtBearer { client_id, username, private_key }
            }
        }
    }
}

fn grant_value(grant: &TenantGrant) -> Value {
    match grant {
        TenantGrant::ClientCredentials { client_id, client_secret } => json!({
            "kind": AuthMode::ClientCredentials.as_str(),
            "client_id": client_id,
            "client_secret": exposed(client_secret),
        }),
        TenantGrant::JwtBearer { client_id, username, private_key } => json!({
            "kind": AuthMode::JwtBearer.as_str(),
            "client_id": client_id,
            "username": username,
            "private_key": exposed(private_key),
        }),
    }
}

/// Names of kinds or attributes that this build does not know are left out.
fn custom_fields_of(stored: BTreeMap<String, String>) -> CustomFields {
    let key = |text: &str| {
        let (object_type, attribute) = text.split_once('.')?;
        Some((ObjectType::parse(object_type)?, AttributeName::parse(attribute)?))
    };
    stored.into_iter().filter_map(|(text, field)| Some((key(&text)?, field))).collect()
}

fn custom_fields_value(fields: &CustomFields) -> Option<Value> {
    let members = fields
        .iter()
        .map(|((object_type, name), field)| {
            (format!("{object_type}.{}", name.as_str()), field.as_str().into())
        })
        .collect::<Map<String, Value>>();
    (!members.is_empty()).then_some(Value::Object(members))
}

#[derive(Deserialize)]
struct StoredPair {
    current: SecretString,
    previous: Option<SecretString>,
    previous_until: Option<Timestamp>,
    url_token: Option<SecretString>,
    account_id: Option<String>,
    #[serde(default)]
    hook_ids: Vec<String>,
}

fn parse_pair(secret: &SecretString) -> Result<WebhookSecretPair, ConnectionError> {
    let stored: StoredPair = serde_json::from_str(secret.expose_secret())
        .map_err(|_quotes_the_secret| ConnectionError::Malformed("the webhook secrets"))?;
    // A previous secret without an end would be good for ever.
    let previous = stored.previous.zip(stored.previous_until);
    Ok(WebhookSecretPair {
        current: stored.current,
        previous,
        url_token: stored.url_token,
        account_id: stored.account_id,
        hook_ids: stored.hook_ids,
    })
}

fn members_of_pair(secrets: &WebhookSecretPair) -> Vec<(&'static str, Option<Value>)> {
    let (previous, until) = secrets.previous.clone().unzip();
    vec![
        ("current", Some(exposed(&secrets.current))),
        ("previous", previous.as_ref().map(exposed)),
        ("previous_until", until.map(|at| at.to_string().into())),
        ("url_token", secrets.url_token.as_ref().map(exposed)),
        ("account_id", secrets.account_id.as_deref().map(Value::from)),
        ("hook_ids", (!secrets.hook_ids.is_empty()).then(|| secrets.hook_ids.clone().into())),
    ]
}

/// The name of the secret with a connection's credentials.
pub(crate) fn credentials_name(prefix: &str, tenant: &TenantId, system: System) -> String {
    format!("{prefix}/{tenant}/{system}")
}

/// Reads the JSON of a connection's credentials.
pub(crate) fn parse_credentials(secret: &SecretString) -> Result<Credentials, ConnectionError> {
    let stored: StoredCredentials = serde_json::from_str(secret.expose_secret())
        .map_err(|_quotes_the_secret| ConnectionError::Malformed("not the expected JSON"))?;
    if stored.access_token.expose_secret().is_empty() {
        return Err(ConnectionError::Malformed("the access token is empty"));
    }
    let auth = stored.auth.as_deref().map_or(Some(AuthMode::PrivateApp), AuthMode::parse);
    let auth = auth.ok_or(ConnectionError::Malformed("auth is not known"))?;
    let types = stored
        .key_properties
        .map(|names| names.iter().filter_map(|name| ObjectType::parse(name)).collect::<Vec<_>>());
    Ok(Credentials {
        auth,
        access_token: stored.access_token,
        refresh_token: stored.refresh_token.filter(|token| !token.expose_secret().is_empty()),
        expires_at: stored.expires_at,
        refresh_at: stored.refresh_at,
        account_id: stored.account_id,
        default_region: stored.default_region,
        import_horizon_days: stored.import_horizon_days,
        time_zone: stored.time_zone,
        token_version: stored.token_version,
        key_properties: types,
        domain: stored.domain,
        custom_fields: custom_fields_of(stored.custom_fields),
        grant: stored.grant.map(TenantGrant::from),
    })
}

/// The stored JSON with our members replaced; what else is in it stays.
fn merged(stored: Option<&SecretString>, ours: Vec<(&str, Option<Value>)>) -> SecretString {
    let stored = stored.and_then(|secret| serde_json::from_str(secret.expose_secret()).ok());
    let mut members: Map<String, Value> = stored.unwrap_or_default();
    for (name, value) in ours {
        match value {
            Some(value) => members.insert(name.to_owned(), value),
            None => members.remove(name),
        };
    }
    Value::Object(members).to_string().into()
}

fn exposed(secret: &SecretString) -> Value {
    secret.expose_secret().into()
}

fn members_of(credentials: &Credentials) -> Vec<(&'static str, Option<Value>)> {
    let text = |value: &Option<String>| value.as_deref().map(Value::from);
    let types = credentials.key_properties.as_ref().map(|types| {
        types.iter().map(|object_type| object_type.as_str().into()).collect::<Vec<Value>>()
    });
    vec![
        ("auth", Some(credentials.auth.as_str().into())),
        ("access_token", Some(exposed(&credentials.access_token))),
        ("refresh_token", credentials.refresh_token.as_ref().map(exposed)),
        ("expires_at", credentials.expires_at.map(|at| at.to_string().into())),
        ("refresh_at", credentials.refresh_at.map(|at| at.to_string().into())),
        ("account_id", Some(credentials.account_id.as_str().into())),
        ("default_region", text(&credentials.default_region)),
        ("import_horizon_days", credentials.import_horizon_days.map(Value::from)),
        ("time_zone", text(&credentials.time_zone)),
        ("token_version", Some(credentials.token_version.into())),
        ("key_properties", types.map(Value::from)),
        ("domain", text(&credentials.domain)),
        ("custom_fields", custom_fields_value(&credentials.custom_fields)),
        ("grant", credentials.grant.as_ref().map(grant_value)),
    ]
}

/// Keeps credentials in named secrets.
pub struct SecretCredentialStore {
    source: Arc<dyn SecretSource>,
    writer: Arc<dyn SecretWriter>,
    prefix: String,
}

impl SecretCredentialStore {
    /// A store of the secrets below `prefix` (`SECRET_PREFIX`).
    pub fn new(
        source: Arc<dyn SecretSource>,
        writer: Arc<dyn SecretWriter>,
        prefix: String,
    ) -> Self {
        Self { source, writer, prefix }
    }

    fn name(&self, tenant: &TenantId, system: System) -> String {
        credentials_name(&self.prefix, tenant, system)
    }

    fn webhook_name(&self, tenant: &TenantId, system: System) -> String {
        format!("{}/webhook", self.name(tenant, system))
    }

    async fn stored(&self, name: &str) -> Result<Option<SecretString>, SecretError> {
        match self.source.read(name).await {
            Ok(secret) => Ok(Some(secret)),
            Err(SecretError::NotFound) => Ok(None),
            Err(error @ SecretError::Unavailable(_)) => Err(error),
        }
    }

    async fn merge(&self, name: &str, ours: Vec<(&str, Option<Value>)>) -> Result<(), SecretError> {
        let stored = self.stored(name).await?;
        self.writer.put(name, &merged(stored.as_ref(), ours)).await
    }
}

/// What a failed read of a connection's secret means.
pub(crate) fn unreadable(error: SecretError) -> ConnectionError {
    match error {
        SecretError::NotFound => ConnectionError::NotFound,
        SecretError::Unavailable(source) => ConnectionError::Unavailable(source),
    }
}

#[async_trait]
impl CredentialStore for SecretCredentialStore {
    async fn credentials(
        &self,
        tenant: &TenantId,
        system: System,
    ) -> Result<Credentials, ConnectionError> {
        let secret = self.source.read(&self.name(tenant, system)).await.map_err(unreadable)?;
        parse_credentials(&secret)
    }

    async fn put_credentials(
        &self,
        tenant: &TenantId,
        system: System,
        credentials: &Credentials,
    ) -> Result<(), SecretError> {
        self.merge(&self.name(tenant, system), members_of(credentials)).await
    }

    async fn webhook_secrets(
        &self,
        tenant: &TenantId,
        system: System,
    ) -> Result<Option<WebhookSecretPair>, ConnectionError> {
        let name = self.webhook_name(tenant, system);
        let Some(secret) = self.stored(&name).await.map_err(unreadable)? else { return Ok(None) };
        parse_pair(&secret).map(Some)
    }

    async fn put_webhook_secrets(
        &self,
        tenant: &TenantId,
        system: System,
        secrets: &WebhookSecretPair,
    ) -> Result<(), SecretError> {
        self.merge(&self.webhook_name(tenant, system), members_of_pair(secrets)).await
    }

    async fn delete_webhook_secrets(
        &self,
        tenant: &TenantId,
        system: System,
    ) -> Result<(), SecretError> {
        self.writer.delete(&self.webhook_name(tenant, system)).await
    }

    async fn delete_all(&self, tenant: &TenantId, system: System) -> Result<(), SecretError> {
        self.delete_webhook_secrets(tenant, system).await?;
        self.writer.delete(&self.name(tenant, system)).await
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;
    use serde_json::{Value, json};
    use sync_domain::ports::AuthMode;

    use super::{members_of, members_of_pair, merged, parse_credentials, parse_pair};

    fn round_trip(stored: &Value) -> Value {
        let stored = stored.to_string().into();
        let credentials = parse_credentials(&stored).unwrap();
        let merged = merged(Some(&stored), members_of(&credentials));
        serde_json::from_str(merged.expose_secret()).unwrap()
    }

    #[test]
    fn credentials_keep_their_members_and_those_of_others() {
        let stored = json!({
            "auth": "oauth", "access_token": "a", "refresh_token": "r", "account_id": "1",
            "expires_at": "2026-11-22T10:00:00Z", "refresh_at": "2026-11-22T09:55:00Z",
            "default_region": "US", "time_zone": "UTC",
            "token_version": 3, "key_properties": ["company"], "note_of_an_operator": {"x": 1},
            "domain": "acme", "custom_fields": {"company.reference": "ab12"},
            "grant": {"kind": "client_credentials", "client_id": "c", "client_secret": "s"},
        });
        assert_eq!(round_trip(&stored), stored);
    }

    #[test]
    fn webhook_secrets_keep_their_members_and_those_of_others() {
        for stored in [
            json!({"current": "a", "note_of_an_operator": 1}),
            json!({
                "current": "a", "previous": "b", "previous_until": "2026-11-22T10:00:00Z",
                "url_token": "t", "account_id": "1", "hook_ids": ["7"],
            }),
        ] {
            let secret = stored.to_string().into();
            let pair = parse_pair(&secret).unwrap();
            let merged = merged(Some(&secret), members_of_pair(&pair));
            let merged: Value = serde_json::from_str(merged.expose_secret()).unwrap();
            assert_eq!(merged, stored);
        }
    }

    #[test]
    fn credentials_of_each_way_to_connect_keep_their_members() {
        for auth in AuthMode::ALL {
            let stored = json!({
                "auth": auth.as_str(), "access_token": "a", "account_id": "1", "token_version": 1,
            });
            assert_eq!(round_trip(&stored), stored);
        }
        let stored = json!({
            "auth": "jwt_bearer", "access_token": "a", "account_id": "1", "token_version": 1,
            "grant": {
                "kind": "jwt_bearer", "client_id": "c", "username": "u", "private_key": "-\nx\n-",
            },
        });
        assert_eq!(round_trip(&stored), stored);
    }

    #[test]
    fn credentials_of_another_way_lose_what_only_the_former_one_had() {
        let former = json!({
            "auth": "client_credentials", "access_token": "a", "domain": "acme", "kept": 1,
            "custom_fields": {"deal.reference": "x"},
            "grant": {"kind": "client_credentials", "client_id": "c", "client_secret": "s"},
        });
        let next = json!({"auth": "private_app", "access_token": "b"}).to_string().into();
        let next = parse_credentials(&next).unwrap();
        let merged = merged(Some(&former.to_string().into()), members_of(&next));
        let merged: Value = serde_json::from_str(merged.expose_secret()).unwrap();
        let names: Vec<_> = merged.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, ["access_token", "account_id", "auth", "kept", "token_version"]);
    }

    #[test]
    fn custom_fields_of_names_that_nobody_knows_are_left_out() {
        let stored = json!({
            "access_token": "a",
            "custom_fields": {"deal.reference": "x", "lead.reference": "y", "deal": "z"},
        });
        let credentials = parse_credentials(&stored.to_string().into()).unwrap();
        let fields: Vec<_> = credentials.custom_fields.into_values().collect();
        assert_eq!(fields, ["x"]);
    }

    #[test]
    fn credentials_written_by_hand_are_a_private_app_with_everything() {
        let credentials = parse_credentials(&json!({"access_token": "a"}).to_string().into());
        let credentials = credentials.unwrap();
        assert_eq!((credentials.auth, credentials.token_version), (AuthMode::PrivateApp, 0));
        assert!(credentials.key_properties.is_none() && credentials.expires_at.is_none());
    }

    #[test]
    fn credentials_that_can_not_be_read_say_so_without_the_secret() {
        for stored in ["pat-secret", "{\"access_token\": 5}", "{\"access_token\": \"\"}"] {
            let error = parse_credentials(&stored.into()).unwrap_err();
            assert!(!format!("{error:?}").contains("pat-secret"), "{error:?}");
        }
    }
}
