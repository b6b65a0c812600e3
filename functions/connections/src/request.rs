//! What callers send: which members each request has, and which forms their values.

use secrecy::SecretString;
use sync_domain::model::{InvalidField, normalised_region};
use sync_domain::ports::{AccountConnector, AuthMode};
use sync_domain::usecase::connect_account::{ConnectMethod, check_auth};
use sync_domain::usecase::rotate_connection::NewSecrets;
use sync_lambda::api::JsonBody;

/// A token, a code or a secret goes into a header or a form: longer ones are no such thing.
const TOKEN_MAX_BYTES: usize = 4_096;
/// A signing secret; the vendors' are 36 characters.
const WEBHOOK_SECRET_MAX_BYTES: usize = 255;
/// A user's id at a provider is a number.
const USER_ID_MAX_BYTES: usize = 20;
/// Four years: with what lies behind it is still a range that an import takes.
const HORIZON_DAYS_MAX: u16 = 1_460;
/// The longest state that is looked at.
const STATE_MAX_BYTES: usize = 256;

const PRIVATE_APP_MEMBERS: [&str; 6] =
    ["tenant_id", "auth", "access_token", "webhook_secret", "default_region", "correlation_id"];
const OAUTH_MEMBERS: [&str; 6] =
    ["tenant_id", "auth", "code", "state", "default_region", "correlation_id"];
const API_KEY_MEMBERS: [&str; 7] = [
    "tenant_id",
    "auth",
    "user_id",
    "api_key",
    "default_region",
    "import_horizon_days",
    "correlation_id",
];
const ROTATE_MEMBERS: [&str; 5] =
    ["tenant_id", "webhook_secret", "access_token", "api_key", "correlation_id"];

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
    let auth = AuthMode::parse(body.text("auth")?)
        .ok_or_else(|| InvalidField::new("auth", "must be private_app, oauth or api_key"))?;
    check_auth(connector, auth)?;
    let method = match auth {
        AuthMode::PrivateApp => {
            body.only(&PRIVATE_APP_MEMBERS)?;
            ConnectMethod::PrivateApp {
                access_token: required(body, "access_token", TOKEN_MAX_BYTES)?,
                webhook_secret: secret(body, "webhook_secret", WEBHOOK_SECRET_MAX_BYTES)?,
            }
        }
        AuthMode::ApiKey => {
            body.only(&API_KEY_MEMBERS)?;
            ConnectMethod::ApiKey {
                user_id: user_id(body)?,
                api_key: required(body, "api_key", WEBHOOK_SECRET_MAX_BYTES)?,
            }
        }
        AuthMode::ApiToken | AuthMode::ClientCredentials | AuthMode::JwtBearer => {
            return Err(InvalidField::new("auth", "is yet to be written"));
        }
        AuthMode::Oauth => {
            body.only(&OAUTH_MEMBERS)?;
            match consent_of(body)? {
                Some(method) => method,
                None => {
                    region(body)?;
                    return Ok(Connect::Begin);
                }
            }
        }
    };
    Ok(Connect::With {
        method,
        default_region: region(body)?,
        import_horizon_days: horizon_days(body)?,
    })
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

/// What a rotation puts in place. Whether the connection is one that has such secrets is not seen here.
pub fn rotation_of(body: &JsonBody) -> Result<NewSecrets, InvalidField> {
    body.only(&ROTATE_MEMBERS)?;
    let webhook_secret = secret(body, "webhook_secret", WEBHOOK_SECRET_MAX_BYTES)?;
    let access_token = secret(body, "access_token", TOKEN_MAX_BYTES)?;
    let api_key = secret(body, "api_key", WEBHOOK_SECRET_MAX_BYTES)?;
    match (webhook_secret, access_token, api_key) {
        (None, None, Some(key)) => Ok(NewSecrets::ApiKey(key)),
        (None, None, None) => {
            Err(InvalidField::new("webhook_secret", "or access_token or api_key is required"))
        }
        (webhook_secret, access_token, None) => {
            Ok(NewSecrets::PrivateApp { webhook_secret, access_token })
        }
        (Some(_), _, Some(_)) | (None, Some(_), Some(_)) => {
            Err(InvalidField::new("api_key", "comes alone: it also signs the webhooks"))
        }
    }
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

fn required(
    body: &JsonBody,
    name: &'static str,
    max_bytes: usize,
) -> Result<SecretString, InvalidField> {
    secret(body, name, max_bytes)?.ok_or_else(|| InvalidField::new(name, "is required"))
}

/// A secret in visible ASCII: anything else could not be sent, or not be typed again.
fn secret(
    body: &JsonBody,
    name: &'static str,
    max_bytes: usize,
) -> Result<Option<SecretString>, InvalidField> {
    let Some(given) = body.optional_text(name)? else { return Ok(None) };
    let reason = if given.is_empty() {
        "must not be empty"
    } else if given.len() > max_bytes {
        "is too long"
    } else if !given.bytes().all(|byte| byte.is_ascii_graphic()) {
        "must be visible ASCII without spaces"
    } else {
        return Ok(Some(given.into()));
    };
    Err(InvalidField::new(name, reason))
}
