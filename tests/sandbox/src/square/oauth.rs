//! The OAuth server: codes and refresh tokens against access tokens, their state and their
//! revocation. An app proves itself by its secret, or by the verifier of the challenge with which
//! consent was asked for (PKCE).

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::access::authorization;
use super::errors::Refusal;
use super::seller::written;
use crate::accounts::{Account, AccountBook, OauthApp};
use crate::grants::{Grants, Minted};
use crate::vendor::{Answer, Caller, OauthAct, System, VendorRequest};

const DAY_S: i64 = 24 * 60 * 60;
const LIFETIME_S: i64 = 30 * DAY_S;
const PKCE_REFRESH_LIFETIME_S: i64 = 90 * DAY_S;

/// What an app may do that says nothing else: all that the sandbox plays.
const ALL_SCOPES: [&str; 7] = [
    "APPOINTMENTS_READ",
    "APPOINTMENTS_ALL_READ",
    "APPOINTMENTS_BUSINESS_SETTINGS_READ",
    "CUSTOMERS_READ",
    "MERCHANT_PROFILE_READ",
    "ITEMS_READ",
    "EMPLOYEES_READ",
];

/// The members of a token request, but for narrowing scopes, which isn't played.
const TOKEN_MEMBERS: [&str; 8] = [
    "client_id",
    "client_secret",
    "grant_type",
    "code",
    "redirect_uri",
    "refresh_token",
    "short_lived",
    "code_verifier",
];
const REVOKE_MEMBERS: [&str; 4] =
    ["client_id", "access_token", "merchant_id", "revoke_only_access_token"];

/// The JSON body of a request.
struct Asked(Map<String, Value>);

impl Asked {
    fn read(request: &VendorRequest, known: &[&str]) -> Result<Self, Refusal> {
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let Value::Object(members) = body else { return Err(Refusal::not_json()) };
        match members.keys().find(|name| !known.contains(&name.as_str())) {
            Some(unknown) => {
                let detail = "There is no such member, or it is not played here.";
                Err(Refusal::bad_request("UNKNOWN_BODY_PARAMETER", unknown, detail))
            }
            None => Ok(Self(members)),
        }
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    fn need(&self, name: &str) -> Result<&str, Refusal> {
        let missing =
            || Refusal::bad_request("MISSING_REQUIRED_PARAMETER", name, "It is required.");
        self.get(name).ok_or_else(missing)
    }

    fn is_true(&self, name: &str) -> bool {
        self.0.get(name) == Some(&Value::Bool(true))
    }

    fn is_code(&self) -> bool {
        self.get("grant_type") == Some("authorization_code")
    }
}

fn app_of<'a>(account: &'a Account, asked: &Asked) -> Result<&'a OauthApp, Refusal> {
    let client_id = asked.need("client_id")?;
    let app = account.oauth.as_ref().filter(|app| app.client_id == client_id);
    app.ok_or_else(Refusal::unauthorized)
}

/// Whose grant a token request is about.
fn owner(grants: &Grants, accounts: &AccountBook, asked: &Asked) -> Result<Arc<Account>, Refusal> {
    let client_id = asked.need("client_id")?;
    let mut apps = accounts.of(System::Square).into_iter();
    if !apps.any(|one| one.oauth.as_ref().is_some_and(|app| app.client_id == client_id)) {
        return Err(Refusal::unauthorized());
    }
    match asked.need("grant_type")? {
        "authorization_code" => {
            grants.by_code(accounts, asked.need("code")?).ok_or_else(Refusal::unauthorized)
        }
        "refresh_token" => {
            let found = grants.by_refresh_token(accounts, asked.need("refresh_token")?);
            found.ok_or_else(Refusal::unauthorized)
        }
        _ => {
            let detail = "It must be authorization_code or refresh_token.";
            Err(Refusal::bad_request("INVALID_VALUE", "grant_type", detail))
        }
    }
}

fn known(found: Result<Arc<Account>, Refusal>) -> Caller {
    match found {
        Ok(account) => Caller { account: Some(account), settled: None },
        Err(refusal) => Caller { account: None, settled: Some(refusal.answer()) },
    }
}

/// Finds out whose grant a token request is about.
pub fn identify_token(grants: &Grants, accounts: &AccountBook, request: &VendorRequest) -> Caller {
    known(Asked::read(request, &TOKEN_MEMBERS).and_then(|asked| owner(grants, accounts, &asked)))
}

/// Finds out whose grant an app wants to give back.
pub fn identify_revoke(grants: &Grants, accounts: &AccountBook, request: &VendorRequest) -> Caller {
    known(Asked::read(request, &REVOKE_MEMBERS).and_then(|asked| {
        let secret = authorization(request, "client").ok_or_else(Refusal::unauthorized)?;
        let found = match (asked.get("merchant_id"), asked.get("access_token")) {
            (Some(id), None) => accounts.get(System::Square, id),
            (None, Some(token)) => grants.by_access_token(accounts, token).map(|(one, _)| one),
            (Some(_), Some(_)) | (None, None) => {
                let detail = "Give either merchant_id or access_token.";
                let code = "CONFLICTING_PARAMETERS";
                return Err(Refusal::bad_request(code, "merchant_id", detail));
            }
        };
        let account = found.ok_or_else(|| Refusal::not_found("grant"))?;
        let is_right = app_of(&account, &asked)?.client_secret == secret;
        if is_right { Ok(account) } else { Err(Refusal::unauthorized()) }
    }))
}

/// 43 to 128 letters, digits and marks, as RFC 7636 has verifiers.
fn is_verifier(text: &str) -> bool {
    let is_taken = |letter: char| letter.is_ascii_alphanumeric() || "-._~".contains(letter);
    (43..=128).contains(&text.len()) && text.chars().all(is_taken)
}

/// Refuses an app that doesn't prove itself in the way of its flow.
fn check_proof(challenge: Option<&str>, app: &OauthApp, asked: &Asked) -> Result<(), Refusal> {
    if !app.pkce && challenge.is_none() {
        let is_right = asked.need("client_secret")? == app.client_secret;
        return if is_right { Ok(()) } else { Err(Refusal::unauthorized()) };
    }
    if asked.get("client_secret").is_some() {
        let detail = "An app that proves itself by a verifier keeps its secret.";
        return Err(Refusal::bad_request("CONFLICTING_PARAMETERS", "client_secret", detail));
    }
    if !asked.is_code() {
        return Ok(());
    }
    let verifier = asked.need("code_verifier")?;
    let expected = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
    let given = challenge.map(|challenge| challenge.trim_end_matches('='));
    if is_verifier(verifier) && given == Some(expected.as_str()) {
        Ok(())
    } else {
        Err(Refusal::bad_request("BAD_REQUEST", "code_verifier", "It is not the code's."))
    }
}

/// The account with the life of tokens and the kind of refresh tokens that this request leads to.
fn as_asked(account: &Account, asked: &Asked) -> Account {
    let mut account = account.clone();
    if let Some(app) = &mut account.oauth {
        let usual_s = app.expires_in_s.unwrap_or(LIFETIME_S);
        app.expires_in_s = Some(if asked.is_true("short_lived") { DAY_S } else { usual_s });
        app.rotate_refresh_token |= app.pkce;
    }
    account
}

fn after(now_ms: i64, lifetime_s: i64) -> String {
    let at = Timestamp::from_millisecond(now_ms.saturating_add(lifetime_s.saturating_mul(1_000)));
    written(at.unwrap_or(Timestamp::MAX))
}

fn granted(account: &Account, asked: &Asked, minted: Minted, now_ms: i64) -> Answer {
    let app = account.oauth.as_ref();
    let mut body = json!({
        "access_token": minted.access_token,
        "token_type": "bearer",
        "expires_at": after(now_ms, app.map_or(LIFETIME_S, OauthApp::lifetime_s)),
        "merchant_id": account.account,
        "short_lived": asked.is_true("short_lived"),
    });
    if let Some(refresh_token) = minted.refresh_token {
        body["refresh_token"] = json!(refresh_token);
    }
    if app.is_some_and(|app| app.pkce) {
        body["refresh_token_expires_at"] = json!(after(now_ms, PKCE_REFRESH_LIFETIME_S));
    }
    Answer::json(StatusCode::OK, &body)
}

/// `POST /oauth2/token` for the account that [`identify_token`] found.
pub fn token(
    grants: &Grants,
    account: &Account,
    request: &VendorRequest,
    now_ms: i64,
) -> Result<Answer, Refusal> {
    let asked = Asked::read(request, &TOKEN_MEMBERS)?;
    let app = app_of(account, &asked)?;
    let account = as_asked(account, &asked);
    if !asked.is_code() {
        check_proof(None, app, &asked)?;
        let minted = grants.refresh(&account, asked.need("refresh_token")?, now_ms);
        let minted = minted.map_err(|_| Refusal::unauthorized())?;
        return Ok(granted(&account, &asked, minted, now_ms));
    }
    let code = asked.need("code")?;
    check_proof(grants.challenge(&account, code).as_deref(), app, &asked)?;
    if let Some(expected) = app.redirect_uri.as_deref()
        && asked.need("redirect_uri")? != expected
    {
        let detail = "It is not the one that consent was asked for with.";
        return Err(Refusal::bad_request("BAD_REQUEST", "redirect_uri", detail));
    }
    let minted = grants.exchange(&account, code, now_ms).map_err(|_| Refusal::unauthorized())?;
    Ok(granted(&account, &asked, minted, now_ms))
}

/// `POST /oauth2/token/status` with a token that is good.
pub fn status(grants: &Grants, account: &Account, request: &VendorRequest) -> Answer {
    let all = || ALL_SCOPES.map(str::to_owned).to_vec();
    let token = authorization(request, "bearer").unwrap_or_default();
    let expiry_ms = grants.expiry(account, token).or(account.access_token_expires_at_ms);
    // A token of the entry without an end is one's own, which the vendor leaves without a time.
    let expires_at = expiry_ms.map(|at_ms| after(at_ms, 0));
    let mut body = json!({
        "scopes": account.scopes.clone().unwrap_or_else(all),
        "client_id": account.oauth.as_ref().map_or("sandbox", |app| app.client_id.as_str()),
        "merchant_id": account.account,
    });
    if let Some(expires_at) = expires_at {
        body["expires_at"] = json!(expires_at);
    }
    Answer::json(StatusCode::OK, &body)
}

/// `POST /oauth2/revoke` for the account that [`identify_revoke`] found.
pub fn revoke(grants: &Grants, account: &Account, request: &VendorRequest, now_ms: i64) -> Answer {
    let asked = Asked::read(request, &REVOKE_MEMBERS).unwrap_or_else(|_| Asked(Map::new()));
    match asked.get("access_token").filter(|_| asked.is_true("revoke_only_access_token")) {
        Some(token) => grants.end_access_token(account, token),
        None => grants.act(account, &OauthAct::Uninstall, now_ms),
    }
    Answer::json(StatusCode::OK, &json!({ "success": true }))
}
