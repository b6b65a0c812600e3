//! The OAuth server: codes and refresh tokens against access tokens, and their revocation. What
//! its errors look like is not documented beyond their texts.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde_json::json;

use super::routes::TokenCall;
use crate::accounts::{Account, AccountBook, OauthApp};
use crate::grants::{Grants, Minted, NoGrant};
use crate::percent::decode_query;
use crate::vendor::{Answer, Caller, OauthAct, System, VendorRequest};

/// What an app may do that says nothing else: all that the sandbox plays.
const ALL_SCOPES: [&str; 6] = [
    "contacts:full",
    "deals:full",
    "search:read",
    "contact-fields:full",
    "deal-fields:full",
    "admin",
];

/// A call that is not served as asked. Boxed, because it travels through every `Result`.
type Refused = Box<Answer>;

fn error(code: &str, message: &str) -> Refused {
    let body = json!({ "success": false, "error": code, "message": message });
    Box::new(Answer::json(StatusCode::BAD_REQUEST, &body))
}

fn invalid_client() -> Refused {
    error("invalid_client", "Invalid client: client is invalid")
}

fn no_grant(reason: &NoGrant) -> Refused {
    let message = match reason {
        NoGrant::Code => "Invalid grant: authorization_code is invalid",
        NoGrant::RefreshToken | NoGrant::Hub => "Invalid grant: refresh_token is invalid",
    };
    error("invalid_grant", message)
}

/// A request of the token endpoint: its form, and the client behind it.
struct Asked {
    form: Vec<(String, String)>,
    client_id: String,
    client_secret: String,
}

fn basic(request: &VendorRequest) -> Option<(String, String)> {
    let (scheme, encoded) = request.header("authorization")?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    Some((id.to_owned(), secret.to_owned()))
}

impl Asked {
    /// The client is in HTTP Basic; in the body it is tolerated.
    fn read(request: &VendorRequest) -> Result<Self, Refused> {
        let is_form = request.header("content-type").is_some_and(|kind| {
            kind.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded")
        });
        if !is_form {
            let message = "Invalid request: content must be application/x-www-form-urlencoded";
            return Err(error("invalid_request", message));
        }
        let form = decode_query(&String::from_utf8_lossy(&request.body));
        let mut asked = Self { form, client_id: String::new(), client_secret: String::new() };
        let in_body = || {
            let id = asked.get("client_id")?.to_owned();
            Some((id, asked.get("client_secret")?.to_owned()))
        };
        let client = basic(request).or_else(in_body).ok_or_else(invalid_client)?;
        (asked.client_id, asked.client_secret) = client;
        Ok(asked)
    }

    fn get(&self, name: &str) -> Option<&str> {
        let found = self.form.iter().find(|(given, _)| given == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    fn need(&self, name: &str) -> Result<&str, Refused> {
        let missing = || error("invalid_request", &format!("Missing parameter: `{name}`"));
        self.get(name).ok_or_else(missing)
    }

    fn is_of(&self, app: &OauthApp) -> bool {
        app.client_id == self.client_id && app.client_secret == self.client_secret
    }
}

/// Whose grant the request is about; nobody's if the code or token is unknown.
fn owner(
    grants: &Grants,
    accounts: &AccountBook,
    call: TokenCall,
    asked: &Asked,
) -> Result<Option<Arc<Account>>, Refused> {
    match (call, asked.get("grant_type")) {
        (TokenCall::Token, Some("authorization_code")) => {
            Ok(grants.by_code(accounts, asked.need("code")?))
        }
        (TokenCall::Token, Some("refresh_token")) => {
            Ok(grants.by_refresh_token(accounts, asked.need("refresh_token")?))
        }
        (TokenCall::Token, None) => {
            Err(error("invalid_request", "Missing parameter: `grant_type`"))
        }
        (TokenCall::Token, Some(_)) => {
            let message = "Unsupported grant type: `grant_type` is invalid";
            Err(error("unsupported_grant_type", message))
        }
        (TokenCall::Revoke, _) => {
            let token = asked.need("token")?;
            let by_access = grants.by_access_token(accounts, token).map(|(account, _)| account);
            Ok(by_access.or_else(|| grants.by_refresh_token(accounts, token)))
        }
    }
}

/// Finds out whose grant it is.
pub fn identify(
    grants: &Grants,
    accounts: &AccountBook,
    call: TokenCall,
    request: &VendorRequest,
) -> Caller {
    let found = Asked::read(request).and_then(|asked| {
        let mut apps = accounts.of(System::Pipedrive).into_iter();
        let is_known =
            apps.any(|account| account.oauth.as_ref().is_some_and(|app| asked.is_of(app)));
        if !is_known {
            return Err(invalid_client());
        }
        match (owner(grants, accounts, call, &asked)?, call) {
            (Some(account), _) => Ok(account),
            (None, TokenCall::Revoke) => Err(Box::new(Answer::empty(StatusCode::OK))),
            (None, TokenCall::Token) => {
                let is_code = asked.get("grant_type") == Some("authorization_code");
                Err(no_grant(if is_code { &NoGrant::Code } else { &NoGrant::RefreshToken }))
            }
        }
    });
    match found {
        Ok(account) => Caller { account: Some(account), settled: None },
        Err(refused) => Caller { account: None, settled: Some(*refused) },
    }
}

fn granted(account: &Account, app: &OauthApp, request: &VendorRequest, minted: &Minted) -> Answer {
    let all = || ALL_SCOPES.map(str::to_owned).to_vec();
    let mut scopes = account.scopes.clone().unwrap_or_else(all);
    scopes.push("base".to_owned());
    // Where this company is found by whoever reached the sandbox under this name.
    let host = request.header("host").unwrap_or("localhost");
    let domain = account.domain.as_deref().unwrap_or_default();
    let mut body = json!({
        "access_token": minted.access_token,
        "token_type": "Bearer",
        "expires_in": app.lifetime_s(),
        "scope": scopes.join(","),
        "api_domain": format!("http://{host}/pipedrive/{domain}"),
    });
    if let Some(refresh_token) = &minted.refresh_token {
        body["refresh_token"] = json!(refresh_token);
    }
    Answer::json(StatusCode::OK, &body)
}

fn token(
    grants: &Grants,
    account: &Account,
    request: &VendorRequest,
    now_ms: i64,
) -> Result<Answer, Refused> {
    let asked = Asked::read(request)?;
    let app = account.oauth.as_ref().filter(|app| asked.is_of(app)).ok_or_else(invalid_client)?;
    let minted = if asked.get("grant_type") == Some("authorization_code") {
        let redirect_uri = asked.need("redirect_uri")?;
        if app.redirect_uri.as_deref().is_some_and(|expected| expected != redirect_uri) {
            let message = "Invalid grant: redirect_uri is not valid";
            return Err(error("invalid_grant", message));
        }
        grants.exchange(account, asked.need("code")?, now_ms)
    } else {
        grants.refresh(account, asked.need("refresh_token")?, now_ms)
    };
    Ok(granted(account, app, request, &minted.map_err(|reason| no_grant(&reason))?))
}

/// Revoking the refresh token throws the app out; says whether that has happened.
fn revoke(grants: &Grants, account: &Account, request: &VendorRequest, now_ms: i64) -> bool {
    let Ok(asked) = Asked::read(request) else { return false };
    let token = asked.get("token").unwrap_or_default();
    let state = grants.state(account, now_ms).unwrap_or_default();
    let is_refresh = state["refresh_token"] == token;
    if is_refresh {
        grants.act(account, &OauthAct::Uninstall, now_ms);
    } else {
        grants.end_access_token(account, token);
    }
    is_refresh
}

/// Carries out a call for the account that [`identify`] found, and says whether the app is gone
/// now.
pub fn handle(
    grants: &Grants,
    account: &Account,
    call: TokenCall,
    request: &VendorRequest,
    now_ms: i64,
) -> (Answer, bool) {
    match call {
        TokenCall::Token => {
            let answer = token(grants, account, request, now_ms);
            (answer.unwrap_or_else(|refused| *refused), false)
        }
        TokenCall::Revoke => {
            let is_gone = revoke(grants, account, request, now_ms);
            (Answer::empty(StatusCode::OK), is_gone)
        }
    }
}
