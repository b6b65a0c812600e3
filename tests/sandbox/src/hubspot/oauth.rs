//! The token endpoint: codes and refresh tokens against access tokens, in the vendor's own error
//! shape, which is not that of the rest of the API.

use std::sync::Arc;

use http::StatusCode;
use serde_json::{Value, json};

use super::errors::Refusal;
use super::object_types::ObjectType;
use super::routes::TokenCall;
use crate::accounts::{Account, AccountBook, OauthApp};
use crate::clock::new_uuid;
use crate::grants::{Grants, Minted, NoGrant};
use crate::percent::decode_query;
use crate::vendor::{Answer, Caller, System, VendorRequest};

const USER_ID: u64 = 1_001;
const APP_ID: u64 = 1_160_452;

/// A call that is not served as asked. Boxed, because it travels through every `Result`.
type Refused = Box<Answer>;

/// The fields of the body. HubSpot doesn't take them from the query.
struct Form(Vec<(String, String)>);

impl Form {
    fn of(request: &VendorRequest) -> Result<Self, Refused> {
        let is_form = request.header("content-type").is_some_and(|kind| {
            kind.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded")
        });
        if !is_form {
            return Err(Box::new(Refusal::unsupported_media_type().answer()));
        }
        Ok(Self(decode_query(&String::from_utf8_lossy(&request.body))))
    }

    fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(given, _)| given == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    fn need(&self, name: &str) -> Result<&str, Refused> {
        self.get(name).ok_or_else(|| {
            let message = format!("missing or unknown {}", name.replace('_', " "));
            let status = match name {
                "client_id" => "BAD_CLIENT_ID",
                "client_secret" => "BAD_CLIENT_SECRET",
                "redirect_uri" => "BAD_REDIRECT_URI",
                "code" => "BAD_AUTH_CODE",
                "grant_type" => "BAD_GRANT_TYPE",
                _ => "BAD_REFRESH_TOKEN",
            };
            error("invalid_request", status, &message)
        })
    }
}

fn error(error: &str, status: &str, message: &str) -> Refused {
    let body = json!({
        "error": error,
        "error_description": message,
        "status": status,
        "message": message,
        "correlationId": new_uuid(),
    });
    Box::new(Answer::json(StatusCode::BAD_REQUEST, &body))
}

fn no_grant(reason: &NoGrant) -> Refused {
    match reason {
        NoGrant::Code => error("invalid_grant", "BAD_AUTH_CODE", "missing or unknown auth code"),
        NoGrant::RefreshToken => error(
            "invalid_grant",
            "BAD_REFRESH_TOKEN",
            "refresh token is invalid, expired or revoked",
        ),
        NoGrant::Hub => error("access_denied", "BAD_HUB", "missing or unknown hub id"),
    }
}

/// Client id and secret.
fn check_client(app: &OauthApp, form: &Form) -> Result<(), Refused> {
    if form.need("client_id")? != app.client_id {
        return Err(error("invalid_client", "BAD_CLIENT_ID", "missing or unknown client id"));
    }
    if form.need("client_secret")? != app.client_secret {
        let message = "missing or invalid client secret";
        return Err(error("invalid_client", "BAD_CLIENT_SECRET", message));
    }
    Ok(())
}

fn first_of_client(accounts: &AccountBook, form: &Form) -> Result<Arc<Account>, Refused> {
    let client_id = form.need("client_id")?;
    let of_client = accounts
        .of(System::Hubspot)
        .into_iter()
        .find(|account| account.oauth.as_ref().is_some_and(|app| app.client_id == client_id));
    of_client
        .ok_or_else(|| error("invalid_client", "BAD_CLIENT_ID", "missing or unknown client id"))
}

/// Whose grant a call of the token endpoint is about.
fn owner(
    grants: &Grants,
    accounts: &AccountBook,
    call: TokenCall,
    form: &Form,
) -> Result<Option<Arc<Account>>, Refused> {
    Ok(match (call, form.get("grant_type")) {
        (TokenCall::Grant, Some("authorization_code")) => {
            grants.by_code(accounts, form.need("code")?)
        }
        (TokenCall::Grant, Some("refresh_token")) => {
            grants.by_refresh_token(accounts, form.need("refresh_token")?)
        }
        (TokenCall::Grant, _) => {
            let message = "missing or unknown grant type";
            return Err(error("unsupported_grant_type", "BAD_GRANT_TYPE", message));
        }
        (TokenCall::Introspect | TokenCall::Revoke, _) => {
            let token = form.need("token")?;
            let by_access = grants.by_access_token(accounts, token).map(|(account, _)| account);
            by_access.or_else(|| grants.by_refresh_token(accounts, token))
        }
    })
}

/// Finds out whose grant it is; the client is known by its own credentials.
pub fn identify(
    grants: &Grants,
    accounts: &AccountBook,
    call: TokenCall,
    request: &VendorRequest,
) -> Caller {
    let found = Form::of(request).and_then(|form| {
        let of_client = first_of_client(accounts, &form)?;
        if let Some(account) = owner(grants, accounts, call, &form)? {
            return Ok(account);
        }
        let app = of_client.oauth.as_ref();
        app.map_or(Ok(()), |app| check_client(app, &form))?;
        let answer = match (call, form.get("grant_type")) {
            (TokenCall::Introspect, _) => {
                Box::new(Answer::json(StatusCode::OK, &json!({ "active": false })))
            }
            (TokenCall::Revoke, _) => Box::new(Answer::empty(StatusCode::NO_CONTENT)),
            (TokenCall::Grant, Some("authorization_code")) => no_grant(&NoGrant::Code),
            (TokenCall::Grant, _) => no_grant(&NoGrant::RefreshToken),
        };
        Err(answer)
    });
    match found {
        Ok(account) => Caller { account: Some(account), settled: None },
        Err(refused) => Caller { account: None, settled: Some(*refused) },
    }
}

/// What a token of the account may do.
fn scopes(account: &Account) -> Vec<String> {
    account.scopes.clone().unwrap_or_else(|| {
        let of_types = ObjectType::every().flat_map(|kind| {
            [kind.read_scope, kind.write_scope, kind.schema_read_scope, kind.schema_write_scope]
        });
        std::iter::once("oauth").chain(of_types).map(str::to_owned).collect()
    })
}

fn hub_id(account: &Account) -> u64 {
    account.account.parse().unwrap_or_default()
}

fn granted(account: &Account, app: &OauthApp, minted: &Minted) -> Answer {
    let mut body = json!({
        "access_token": minted.access_token,
        "expires_in": app.lifetime_s(),
        "token_type": "bearer",
        "token_use": "access_token",
        "hub_id": hub_id(account),
        "user_id": USER_ID,
        "scopes": scopes(account),
    });
    if let Some(refresh_token) = &minted.refresh_token {
        body["refresh_token"] = json!(refresh_token);
    }
    Answer::json(StatusCode::OK, &body)
}

fn grant(
    grants: &Grants,
    account: &Account,
    app: &OauthApp,
    form: &Form,
    now_ms: i64,
) -> Result<Answer, Refused> {
    let minted = if form.get("grant_type") == Some("authorization_code") {
        let redirect_uri = form.need("redirect_uri")?;
        if app.redirect_uri.as_deref().is_some_and(|expected| expected != redirect_uri) {
            let message = "missing or invalid redirect uri";
            return Err(error("invalid_request", "BAD_REDIRECT_URI", message));
        }
        grants.exchange(account, form.need("code")?, now_ms)
    } else {
        grants.refresh(account, form.need("refresh_token")?, now_ms)
    };
    let minted = minted.map_err(|reason| no_grant(&reason))?;
    Ok(granted(account, app, &minted))
}

fn introspection(grants: &Grants, token: &str, account: &Account, now_ms: i64) -> Value {
    let state = grants.state(account, now_ms).unwrap_or_default();
    let is_refresh = state["refresh_token"] == token;
    let left_ms = grants.expiry(account, token).map_or(0, |expires_at_ms| expires_at_ms - now_ms);
    let is_active = if is_refresh { state["revoked"] == false } else { left_ms > 0 };
    json!({
        "active": is_active,
        "hub_id": hub_id(account),
        "hub_domain": format!("portal-{}.example.com", account.account),
        "app_id": APP_ID,
        "user_id": USER_ID,
        "user": "admin@example.com",
        "scopes": scopes(account),
        "token_use": if is_refresh { "refresh_token" } else { "access_token" },
        "expires_in": left_ms / 1_000,
    })
}

/// Carries out a call of the token endpoint for the account that [`identify`] found.
pub fn handle(
    grants: &Grants,
    account: &Account,
    call: TokenCall,
    request: &VendorRequest,
    now_ms: i64,
) -> Result<Answer, Refused> {
    let form = Form::of(request)?;
    let Some(app) = &account.oauth else { return Err(no_grant(&NoGrant::Hub)) };
    check_client(app, &form)?;
    match call {
        TokenCall::Grant => grant(grants, account, app, &form, now_ms),
        TokenCall::Introspect => {
            let body = introspection(grants, form.need("token")?, account, now_ms);
            Ok(Answer::json(StatusCode::OK, &body))
        }
        TokenCall::Revoke => {
            grants.revoke(account, form.need("token")?);
            Ok(Answer::empty(StatusCode::NO_CONTENT))
        }
    }
}
