//! Who calls: credentials at the token endpoint, the header `accessToken` everywhere else.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;

use super::errors::{Refusal, found};
use super::routes::{self, Call, Route};
use super::tokens::Tokens;
use crate::accounts::{Account, AccountBook};
use crate::vendor::{Answer, Caller, System, VendorRequest};

/// The body of a call for a token. Has no `Debug`: it holds a secret.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Credentials {
    client_id: String,
    client_secret_key: String,
    scope: String,
}

impl Credentials {
    /// Reads the body of a call for a token.
    pub fn of(request: &VendorRequest) -> Result<Self, Refusal> {
        serde_json::from_slice(&request.body).map_err(|_| {
            Refusal::bad_token_request("clientId, clientSecretKey and scope are required")
        })
    }

    /// The names of the scopes, as far as there are any.
    fn scopes(&self) -> Vec<String> {
        let names = self.scope.split(',').map(str::trim).filter(|name| !name.is_empty());
        names.map(str::to_owned).collect()
    }
}

fn refused(account: Option<Arc<Account>>, refusal: &Refusal) -> Caller {
    let answer = account.as_ref().map_or_else(|| refusal.plain(), |own| refusal.answer(own));
    Caller { account, settled: Some(answer) }
}

fn by_credentials(accounts: &AccountBook, region: &str, request: &VendorRequest) -> Caller {
    let credentials = match Credentials::of(request) {
        Ok(credentials) => credentials,
        Err(refusal) => return refused(None, &refusal),
    };
    let of_region = accounts.of(System::Vagaro).into_iter();
    let account = of_region
        .filter(|account| account.region.as_deref() == Some(region))
        .find(|account| account.client_id.as_ref() == Some(&credentials.client_id));
    match account {
        Some(account) if account.client_secret.as_ref() == Some(&credentials.client_secret_key) => {
            Caller { account: Some(account), settled: None }
        }
        account => refused(account, &Refusal::bad_credentials()),
    }
}

/// Finds the account. With a wrong secret and with a token that is over the call is that account's
/// all the same, so that the call log shows it there.
pub fn identify(
    accounts: &AccountBook,
    tokens: &Tokens,
    request: &VendorRequest,
    now_ms: i64,
) -> Caller {
    let call = routes::parse(&request.method, &request.path).ok();
    if let Some(Call { region, route: Route::Token }) = &call {
        return by_credentials(accounts, region, request);
    }
    let lease = request.header("accesstoken").and_then(|token| tokens.find(token));
    let owned = lease.and_then(|lease| {
        let account = accounts.get(System::Vagaro, &lease.account)?;
        Some((account, lease))
    });
    let Some((account, lease)) = owned else { return refused(None, &Refusal::unauthorized()) };
    let is_elsewhere =
        call.as_ref().is_some_and(|call| account.region.as_ref() != Some(&call.region));
    let is_outside =
        call.and_then(|call| call.route.scope()).is_some_and(|scope| !lease.covers(scope));
    if lease.expires_at_ms <= now_ms {
        refused(Some(account), &Refusal::expired_token())
    } else if is_elsewhere || is_outside {
        refused(Some(account), &Refusal::unauthorized())
    } else {
        Caller { account: Some(account), settled: None }
    }
}

/// Answers a call for a token whose credentials are right.
pub fn mint(
    tokens: &Tokens,
    account: &Account,
    request: &VendorRequest,
    now_ms: i64,
) -> Result<Answer, Refusal> {
    let scopes = Credentials::of(request)?.scopes();
    if scopes.is_empty() {
        return Err(Refusal::bad_token_request("scope is required"));
    }
    if !scopes.iter().all(|scope| account.has_scope(&[scope])) {
        return Err(Refusal::bad_token_request("scope names one that is not allowed"));
    }
    let minted = tokens.mint(account, scopes, now_ms).ok_or_else(Refusal::bad_credentials)?;
    Ok(found(&json!({ "access_token": minted.token, "expires_in": minted.expires_in_s })))
}
