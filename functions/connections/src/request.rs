//! What callers send: which members each request has, and which forms their values.

use secrecy::SecretString;
use sync_domain::model::{InvalidField, Sensitive, normalised_region};
use sync_domain::ports::{AccountConnector, AuthMode, HookSecret};
use sync_domain::usecase::connect_account::{ConnectMethod, auth_of};
use sync_domain::usecase::rotate_connection::{NewSecrets, SecretKind};
use sync_lambda::api::JsonBody;

use crate::text::{name, private_key, required, secret};

/// A token, a code or a secret goes into a header or a form: longer ones are no such thing.
const TOKEN_MAX_BYTES: usize = 4_096;
/// A signing secret; the vendors' are 36 characters.
const WEBHOOK_SECRET_MAX_BYTES: usize = 255;
/// The id, the secret or the user of an app of the tenant's own; the vendors' have up to 100
/// characters.
const APP_NAME_MAX_BYTES: usize = 255;
/// A user's id at a provider is a number.
const USER_ID_MAX_BYTES: usize = 20;
/// Four years: with what lies behind it is still a range that an import takes.
const HORIZON_DAYS_MAX: u16 = 1_460;
/// The longest state that is looked at.
const STATE_MAX_BYTES: usize = 256;

/// The members that every PUT may have.
const COMMON_MEMBERS: [&str; 4] = ["tenant_id", "auth", "default_region", "correlation_id"];

/// The members that a PUT of that way may have beside the common ones.
const fn members_of(auth: AuthMode) -> &'static [&'static str] {
    match auth {
        AuthMode::PrivateApp => &["access_token", "webhook_secret"],
        AuthMode::Oauth => &["code", "state"],
        AuthMode::ApiKey => &["user_id", "api_key", "import_horizon_days"],
        AuthMode::ApiToken => &["domain", "api_token"],
        AuthMode::ClientCredentials => &["domain", "client_id", "client_secret", "webhook_secret"],
        AuthMode::JwtBearer => {
            &["domain", "client_id", "username", "private_key", "webhook_secret"]
        }
    }
}

/// What a PUT asks for.
pub enum Connect {
    /// Begin a consent.
    Begin,
    /// Connect with what is given.
    With { method: ConnectMethod, default_region: Option<String>, import_horizon_days: Option<u16> },
}

/// Reads the body of a PUT.
pub fn connect_of(
    body: &JsonBody,
    connector: &dyn AccountConnector,
) -> Result<Connect, InvalidField> {
    let auth = auth_of(connector, body.text("auth")?)?;
    body.only(&[&COMMON_MEMBERS, members_of(auth)].concat())?;
    let Some(method) = method_of(body, auth)? else {
        region(body)?;
        return Ok(Connect::Begin);
    };
    Ok(Connect::With {
        method,
        default_region: region(body)?,
        import_horizon_days: horizon_days(body)?,
    })
}

/// What is connected with; `None` for a consent that is yet to begin.
fn method_of(body: &JsonBody, auth: AuthMode) -> Result<Option<ConnectMethod>, InvalidField> {
    let app_name = |member| name(body, member, APP_NAME_MAX_BYTES);
    let webhook_secret = || secret(body, "webhook_secret", WEBHOOK_SECRET_MAX_BYTES);
    Ok(Some(match auth {
        AuthMode::PrivateApp => ConnectMethod::PrivateApp {
            access_token: required(body, "access_token", TOKEN_MAX_BYTES)?,
            webhook_secret: webhook_secret()?,
        },
        AuthMode::ApiKey => ConnectMethod::ApiKey {
            user_id: user_id(body)?,
            api_key: required(body, "api_key", WEBHOOK_SECRET_MAX_BYTES)?,
        },
        AuthMode::ApiToken => ConnectMethod::ApiToken {
            domain: app_name("domain")?,
            api_token: required(body, "api_token", TOKEN_MAX_BYTES)?,
        },
        AuthMode::ClientCredentials => ConnectMethod::ClientCredentials {
            domain: app_name("domain")?,
            client_id: app_name("client_id")?,
            client_secret: required(body, "client_secret", TOKEN_MAX_BYTES)?,
            webhook_secret: webhook_secret()?,
        },
        AuthMode::JwtBearer => ConnectMethod::JwtBearer {
            domain: app_name("domain")?,
            client_id: app_name("client_id")?,
            username: Sensitive::new(app_name("username")?),
            private_key: required_key(body)?,
            webhook_secret: webhook_secret()?,
        },
        AuthMode::Oauth => return consent_of(body),
    }))
}

fn required_key(body: &JsonBody) -> Result<SecretString, InvalidField> {
    private_key(body)?.ok_or_else(|| InvalidField::new("private_key", "is required"))
}

/// The consent that a person has given; `None` when it is yet to begin.
fn consent_of(body: &JsonBody) -> Result<Option<ConnectMethod>, InvalidField> {
    let code = secret(body, "code", TOKEN_MAX_BYTES)?;
    let state = body.optional_text("state")?;
    match (code, state) {
        (None, None) => Ok(None),
        (Some(code), Some(state)) if state.len() <= STATE_MAX_BYTES => {
            Ok(Some(ConnectMethod::Oauth { code, state: state.to_owned() }))
        }
        (Some(_), Some(_)) => Err(InvalidField::new("state", "is too long")),
        (Some(_), None) => Err(InvalidField::new("state", "is required")),
        (None, Some(_)) => Err(InvalidField::new("code", "is required")),
    }
}

/// What a rotation puts in place; nothing, where we draw what signs the webhooks. Whether the
/// connection is one that has such secrets is not seen here.
pub fn rotation_of(
    body: &JsonBody,
    connector: &dyn AccountConnector,
) -> Result<NewSecrets, InvalidField> {
    let kinds = SecretKind::ALL.map(SecretKind::as_str);
    body.only(&[&kinds[..], &["tenant_id", "correlation_id"]].concat())?;
    let mut given = Vec::new();
    for kind in SecretKind::ALL {
        let secret = match kind {
            SecretKind::PrivateKey => private_key(body)?,
            SecretKind::AccessToken | SecretKind::ApiToken | SecretKind::ClientSecret => {
                secret(body, kind.as_str(), TOKEN_MAX_BYTES)?
            }
            SecretKind::WebhookSecret | SecretKind::ApiKey => {
                secret(body, kind.as_str(), WEBHOOK_SECRET_MAX_BYTES)?
            }
        };
        given.extend(secret.map(|secret| (kind, secret)));
    }
    if given.is_empty() && connector.hook_secret() == HookSecret::Given {
        let reason = "or another secret that the connection was made with is required";
        return Err(InvalidField::new(SecretKind::WebhookSecret.as_str(), reason));
    }
    Ok(given.into_iter().collect())
}

fn user_id(body: &JsonBody) -> Result<String, InvalidField> {
    let given = body.text("user_id")?;
    let is_number = !given.is_empty() && given.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number || given.len() > USER_ID_MAX_BYTES {
        return Err(InvalidField::new("user_id", "must be the user's number at the provider"));
    }
    Ok(given.to_owned())
}

fn region(body: &JsonBody) -> Result<Option<String>, InvalidField> {
    let Some(given) = body.optional_text("default_region")? else { return Ok(None) };
    let reason = "must be a two-letter country code";
    normalised_region(given).map(Some).ok_or_else(|| InvalidField::new("default_region", reason))
}

fn horizon_days(body: &JsonBody) -> Result<Option<u16>, InvalidField> {
    let Some(given) = body.optional("import_horizon_days").filter(|given| !given.is_null()) else {
        return Ok(None);
    };
    let days = given.as_u64().and_then(|days| u16::try_from(days).ok());
    let reason = "must be a whole number from 1 to 1460";
    days.filter(|days| (1..=HORIZON_DAYS_MAX).contains(days))
        .map(Some)
        .ok_or_else(|| InvalidField::new("import_horizon_days", reason))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use http::{HeaderMap, HeaderValue, Method};
    use jiff::Timestamp;
    use serde_json::{Value, json};
    use sync_domain::model::{CorrelationId, InvalidField};
    use sync_domain::ports::AuthMode;
    use sync_domain::usecase::connect_account::ConnectMethod;
    use sync_lambda::api::{ApiRequest, JsonBody};
    use sync_lambda::auth::Claims;
    use sync_testkit::{ProviderKind, ScriptedConnector};

    use super::{Connect, connect_of, rotation_of};

    const KEY: &str = "-----BEGIN PRIVATE KEY-----\nMC4C\r\nAQ==\n-----END PRIVATE KEY-----";

    fn body_of(members: &Value) -> JsonBody {
        let json = HeaderValue::from_static("application/json");
        let request = ApiRequest {
            method: Method::PUT,
            domain_name: String::new(),
            headers: HeaderMap::from_iter([(http::header::CONTENT_TYPE, json)]),
            body: members.to_string().into(),
            query: HashMap::new(),
            path_parameters: HashMap::new(),
            claims: Claims::default(),
            correlation_id: CorrelationId::parse("test").unwrap(),
            deadline: Timestamp::UNIX_EPOCH,
        };
        JsonBody::of(&request).unwrap()
    }

    fn connector(kind: ProviderKind) -> ScriptedConnector {
        let connector = ScriptedConnector::default();
        connector.become_kind(kind);
        connector
    }

    fn with(members: &Value, change: Value) -> Value {
        let mut members = members.as_object().unwrap().clone();
        members.extend(change.as_object().unwrap().clone());
        members.retain(|_, value| *value != "left out");
        members.into()
    }

    fn connect(kind: ProviderKind, members: &Value) -> Result<ConnectMethod, InvalidField> {
        match connect_of(&body_of(members), &connector(kind))? {
            Connect::With { method, .. } => Ok(method),
            Connect::Begin => panic!("a consent begins"),
        }
    }

    fn client_credentials() -> Value {
        json!({
            "tenant_id": "acme", "auth": "client_credentials", "domain": "acme--uat.sandbox",
            "client_id": "3MVG9", "client_secret": "s", "default_region": "US",
        })
    }

    fn jwt_bearer() -> Value {
        json!({
            "tenant_id": "acme", "auth": "jwt_bearer", "domain": "acme", "client_id": "3MVG9",
            "username": "ada@acme.example", "private_key": KEY, "webhook_secret": "w",
        })
    }

    #[test]
    fn request_of_each_way_becomes_its_method() {
        use ProviderKind::{ApiKeys, DrawnSecrets, MintedTokens, SharedHooks};
        for (kind, members, auth) in [
            (MintedTokens, client_credentials(), AuthMode::ClientCredentials),
            (MintedTokens, jwt_bearer(), AuthMode::JwtBearer),
            (
                DrawnSecrets,
                json!({"auth": "api_token", "domain": "acme", "api_token": "t"}),
                AuthMode::ApiToken,
            ),
            (DrawnSecrets, json!({"auth": "oauth", "code": "c", "state": "s"}), AuthMode::Oauth),
            (
                SharedHooks,
                json!({"auth": "private_app", "access_token": "t"}),
                AuthMode::PrivateApp,
            ),
            (ApiKeys, json!({"auth": "api_key", "user_id": "1", "api_key": "k"}), AuthMode::ApiKey),
        ] {
            assert_eq!(connect(kind, &members).unwrap().auth(), auth);
        }
    }

    #[test]
    fn private_key_keeps_its_line_breaks_and_loses_the_space_around_it() {
        let members = with(&jwt_bearer(), json!({"private_key": format!(" {KEY}\n")}));
        let method = connect(ProviderKind::MintedTokens, &members).unwrap();
        let ConnectMethod::JwtBearer { private_key, .. } = method else { panic!("{method:?}") };
        assert_eq!(secrecy::ExposeSecret::expose_secret(&private_key), KEY);
    }

    #[test]
    fn request_of_another_form_names_its_fault() {
        let one_line = KEY.replace(['\n', '\r'], " ");
        let long = KEY.replace("MC4C", &"x".repeat(8_192));
        for (members, change, field) in [
            (client_credentials(), json!({"auth": "private_app"}), "auth"),
            (client_credentials(), json!({"auth": "basic"}), "auth"),
            (client_credentials(), json!({"domain": "left out"}), "domain"),
            (client_credentials(), json!({"domain": "a b"}), "domain"),
            (client_credentials(), json!({"client_id": ""}), "client_id"),
            (client_credentials(), json!({"client_secret": null}), "client_secret"),
            (client_credentials(), json!({"client_secret": "a\nb"}), "client_secret"),
            (client_credentials(), json!({"private_key": KEY}), "private_key"),
            (client_credentials(), json!({"default_region": "USA"}), "default_region"),
            (jwt_bearer(), json!({"username": "left out"}), "username"),
            (jwt_bearer(), json!({"username": "x".repeat(256)}), "username"),
            (jwt_bearer(), json!({"private_key": "left out"}), "private_key"),
            (jwt_bearer(), json!({"private_key": "x"}), "private_key"),
            (jwt_bearer(), json!({"private_key": one_line}), "private_key"),
            (jwt_bearer(), json!({"private_key": long}), "private_key"),
            (jwt_bearer(), json!({"private_key": format!("{KEY}\u{e9}")}), "private_key"),
            (jwt_bearer(), json!({"private_key": KEY.replace("MC4C", "\u{0}")}), "private_key"),
            (
                jwt_bearer(),
                json!({"private_key": KEY.replace("BEGIN", "BEGIN RSA")}),
                "private_key",
            ),
        ] {
            let refused = connect(ProviderKind::MintedTokens, &with(&members, change.clone()));
            assert_eq!(refused.unwrap_err().field, field, "{change}");
        }
    }

    #[test]
    fn refused_way_names_those_of_the_system() {
        for (kind, names) in [
            (ProviderKind::ApiKeys, "must be api_key for this system"),
            (ProviderKind::SharedHooks, "must be private_app or oauth for this system"),
            (
                ProviderKind::MintedTokens,
                "must be client_credentials or jwt_bearer for this system",
            ),
        ] {
            let refused = connect(kind, &json!({"auth": "api_token", "domain": "a"}));
            assert_eq!(refused.unwrap_err().reason, names);
        }
    }

    #[test]
    fn rotation_takes_each_secret_in_its_form_and_none_only_where_one_is_drawn() {
        let rotation = |kind, members: &Value| rotation_of(&body_of(members), &connector(kind));
        let minted = ProviderKind::MintedTokens;
        for (members, field) in [
            (json!({"client_secret": "a b"}), "client_secret"),
            (json!({"api_token": ""}), "api_token"),
            (json!({"private_key": "x"}), "private_key"),
            (json!({"webhook_secret": "x".repeat(256)}), "webhook_secret"),
            (json!({"client_id": "x"}), "client_id"),
            (json!({"tenant_id": "acme", "client_secret": null}), "webhook_secret"),
        ] {
            assert_eq!(rotation(minted, &members).unwrap_err().field, field, "{members}");
        }
        rotation(minted, &json!({"private_key": KEY, "webhook_secret": "w"})).unwrap();
        rotation(ProviderKind::DrawnSecrets, &json!({"tenant_id": "acme"})).unwrap();
    }
}
