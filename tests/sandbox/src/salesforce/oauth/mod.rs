//! The OAuth endpoints: tokens for apps that act without a person, and what can be asked of tokens.

mod assertion;
mod form;
mod sessions;

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use http::StatusCode;
use serde_json::json;
use sha2::Sha256;

use super::routes::OauthCall;
use super::user_id;
use crate::accounts::{Account, AccountBook};
use crate::vendor::{Answer, Caller, System, VendorRequest};
pub use assertion::der;
use assertion::{Expected, check, unchecked};
pub use form::bearer;
use form::{Form, Refused, refused};
use sessions::NoAccess;
pub use sessions::Sessions;

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// Hosts that are nobody's My Domain.
const SHARED_DOMAINS: [&str; 2] = ["login", "test"];

/// The account whose My Domain a path begins with.
pub fn account_of_domain(accounts: &AccountBook, domain: &str) -> Option<Arc<Account>> {
    let mut all = accounts.of(System::Salesforce).into_iter();
    all.find(|account| account.domain.as_ref().is_some_and(|own| own.eq_ignore_ascii_case(domain)))
}

/// On the shared hosts only an assertion tells whose call it is.
fn account_of_assertion(
    accounts: &AccountBook,
    request: &VendorRequest,
) -> Result<Arc<Account>, Refused> {
    let form = Form::of(request);
    if form.get("grant_type") != Some(JWT_BEARER) {
        return Err(refused("invalid_grant", "request not supported on this domain"));
    }
    let claims = unchecked(form.need("assertion")?);
    let claims = claims.ok_or_else(|| refused("invalid_grant", "invalid assertion"))?;
    let mut all = accounts.of(System::Salesforce).into_iter();
    let found = all.find(|account| {
        account.client_id.as_ref() == Some(&claims.iss)
            && account.username.as_ref() == Some(&claims.sub)
    });
    found.ok_or_else(|| refused("invalid_client_id", "client identifier invalid"))
}

/// Finds out whose OAuth endpoint is called.
pub fn identify(accounts: &AccountBook, domain: &str, request: &VendorRequest) -> Caller {
    if SHARED_DOMAINS.contains(&domain) {
        return match account_of_assertion(accounts, request) {
            Ok(account) => Caller { account: Some(account), settled: None },
            Err(answer) => Caller { account: None, settled: Some(*answer) },
        };
    }
    let account = account_of_domain(accounts, domain);
    let settled = account.is_none().then(super::unknown_host);
    Caller { account, settled }
}

/// The base of the org's URLs: what a caller that reached the sandbox at this host can reach.
pub fn instance_url(account: &Account, request: &VendorRequest) -> String {
    let host = request.header("host").unwrap_or("localhost");
    let domain = account.domain.as_deref().unwrap_or_default();
    let of_host = || format!("http://{host}/salesforce/{domain}");
    account.instance_url.clone().unwrap_or_else(of_host)
}

/// The URLs that an assertion may be made out to: the My Domain, as the vendor writes it and as the
/// sandbox has it, and the shared host of production orgs or of sandboxes.
fn audiences(account: &Account, request: &VendorRequest) -> [String; 3] {
    let domain = account.domain.as_deref().unwrap_or_default();
    let shared = if domain.ends_with(".sandbox") { "test" } else { "login" };
    let host = request.header("host").unwrap_or("localhost");
    [
        format!("https://{domain}.my.salesforce.com"),
        format!("http://{host}/salesforce/{domain}"),
        format!("https://{shared}.salesforce.com"),
    ]
}

fn check_app(account: &Account, form: &Form) -> Result<(), Refused> {
    let (id, secret) = form.app();
    if id.is_none() || id != account.client_id.as_deref() {
        return Err(refused("invalid_client_id", "client identifier invalid"));
    }
    match &account.client_secret {
        None => Err(refused("invalid_grant", "no client credentials user enabled")),
        Some(own) if secret == Some(own) => Ok(()),
        Some(_) => Err(refused("invalid_client", "invalid client credentials")),
    }
}

fn check_assertion(
    account: &Account,
    request: &VendorRequest,
    form: &Form,
    now_ms: i64,
) -> Result<(), Refused> {
    let assertion = form.need("assertion")?;
    let approved = account.username.as_deref().zip(account.public_key_pem.as_deref());
    let Some((username, public_key_pem)) = approved else {
        return Err(refused("invalid_grant", "user hasn't approved this consumer"));
    };
    let audiences = audiences(account, request);
    let expected = Expected {
        client_id: account.client_id.as_deref().unwrap_or_default(),
        username,
        public_key_pem,
        audiences: &audiences,
        now_s: now_ms.div_euclid(1_000),
    };
    check(assertion, &expected).map_err(|(error, description)| refused(error, description))
}

/// What signs the answer of the token endpoint, over identity URL and instant.
fn signature(secret: &str, signed: &str) -> String {
    // A key of any length is allowed, so this can't fail.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return String::new();
    };
    mac.update(signed.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

fn scopes(account: &Account) -> String {
    account.scopes.as_ref().map_or_else(|| "api openid".to_owned(), |scopes| scopes.join(" "))
}

fn token(
    sessions: &Sessions,
    account: &Account,
    request: &VendorRequest,
    now_ms: i64,
) -> Result<Answer, Refused> {
    let form = Form::of(request);
    let is_assertion = match form.need("grant_type")? {
        "client_credentials" => false,
        JWT_BEARER => true,
        _ => return Err(refused("unsupported_grant_type", "grant type not supported")),
    };
    if is_assertion {
        check_assertion(account, request, &form, now_ms)?;
    } else {
        check_app(account, &form)?;
    }
    let access_token = sessions.mint(account, now_ms).map_err(|reason| match reason {
        NoAccess::Uninstalled => refused("app_not_found", "the app is not installed in this org"),
        NoAccess::Revoked if is_assertion => {
            refused("invalid_grant", "user hasn't approved this consumer")
        }
        NoAccess::Revoked => refused("invalid_grant", "no client credentials user enabled"),
    })?;
    let shared = if audiences(account, request).iter().any(|url| url.contains("//test.")) {
        "test"
    } else {
        "login"
    };
    let (org, user) = (&account.account, user_id(account));
    let id = format!("https://{shared}.salesforce.com/id/{org}/{user}");
    let secret = account.client_secret.as_deref().unwrap_or_default();
    let body = json!({
        "access_token": access_token,
        "signature": signature(secret, &format!("{id}{now_ms}")),
        "scope": scopes(account),
        "instance_url": instance_url(account, request),
        "id": id,
        "token_type": "Bearer",
        "issued_at": now_ms.to_string(),
    });
    let mut answer = Answer::json(StatusCode::OK, &body);
    answer.set_header("cache-control", "no-cache, no-store");
    Ok(answer)
}

fn introspect(
    sessions: &Sessions,
    account: &Account,
    request: &VendorRequest,
    now_ms: i64,
) -> Result<Answer, Refused> {
    let form = Form::of(request);
    check_app(account, &form)?;
    let Some(lease) = sessions.look(account, form.need("token")?, now_ms) else {
        return Ok(Answer::json(StatusCode::OK, &json!({ "active": false })));
    };
    let issued_ms = lease.issued_ms.unwrap_or(now_ms);
    let body = json!({
        "active": true,
        "scope": scopes(account),
        "client_id": account.client_id,
        "username": account.username,
        "sub": format!("https://login.salesforce.com/id/{}/{}", account.account, user_id(account)),
        "token_type": "access_token",
        "exp": lease.ends_ms.div_euclid(1_000),
        "iat": issued_ms.div_euclid(1_000),
        "nbf": issued_ms.div_euclid(1_000),
    });
    Ok(Answer::json(StatusCode::OK, &body))
}

fn revoke(
    sessions: &Sessions,
    account: &Account,
    request: &VendorRequest,
    now_ms: i64,
) -> Result<Answer, Refused> {
    let form = Form::of(request);
    let given = form.need("token")?;
    if sessions.look(account, given, now_ms).is_none() {
        return Err(refused("invalid_token", "invalid token"));
    }
    sessions.end(account, given);
    Ok(Answer::empty(StatusCode::OK))
}

fn user_info(
    sessions: &Sessions,
    account: &Account,
    request: &VendorRequest,
    now_ms: i64,
) -> Answer {
    let denied = |text: &'static str| Answer::text(StatusCode::FORBIDDEN, "text/plain", text);
    let is_alive = bearer(request).is_some_and(|token| sessions.use_token(account, token, now_ms));
    if !is_alive {
        return denied("Bad_OAuth_Token");
    }
    if !account.has_scope(&["openid", "id", "full"]) {
        return denied("Missing_OAuth_Scope");
    }
    let user_id = user_id(account);
    let body = json!({
        "sub": format!("https://login.salesforce.com/id/{}/{user_id}", account.account),
        "user_id": user_id,
        "organization_id": account.account,
        "preferred_username": account.username,
        "zoneinfo": account.time_zone,
        "urls": { "rest": format!("{}/services/data/v{{version}}/", instance_url(account, request)) },
    });
    Answer::json(StatusCode::OK, &body)
}

/// Answers a call. Errors of these endpoints have a shape of their own.
pub fn handle(
    sessions: &Sessions,
    account: &Account,
    call: OauthCall,
    request: &VendorRequest,
    now_ms: i64,
) -> Answer {
    let handled = match call {
        OauthCall::UserInfo => return user_info(sessions, account, request, now_ms),
        OauthCall::Introspect => introspect(sessions, account, request, now_ms),
        OauthCall::Revoke => revoke(sessions, account, request, now_ms),
        OauthCall::Token => token(sessions, account, request, now_ms),
    };
    handled.unwrap_or_else(|answer| *answer)
}
