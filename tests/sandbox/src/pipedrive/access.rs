//! Who calls: the domain tells the company, an API token or an access token that it may.

use std::sync::{Arc, Mutex};

use super::errors::{self, Refusal};
use super::limits;
use super::routes::Call;
use super::store::Companies;
use crate::accounts::{Account, AccountBook, TokenMatch};
use crate::grants::Grants;
use crate::lock::locked;
use crate::vendor::{Caller, System, VendorRequest};

/// What a request shows to be let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential {
    /// The token of a user, with all of the user's rights.
    ApiToken,
    /// A token of an app, with scopes.
    Oauth,
}

/// The credential of a request. One with neither counts as an app's, which has fewer rights.
pub fn credential(request: &VendorRequest) -> Credential {
    if api_token(request).is_some() { Credential::ApiToken } else { Credential::Oauth }
}

fn api_token(request: &VendorRequest) -> Option<&str> {
    request.header("x-api-token").map(str::trim)
}

fn bearer_token(request: &VendorRequest) -> Option<&str> {
    let (scheme, token) = request.header("authorization")?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn by_domain(accounts: &AccountBook, domain: &str) -> Option<Arc<Account>> {
    let mut all = accounts.of(System::Pipedrive).into_iter();
    all.find(|account| account.domain.as_deref() == Some(domain))
}

/// Whether the token is one of this account and good now.
fn is_good(
    grants: &Grants,
    accounts: &AccountBook,
    account: &Account,
    request: &VendorRequest,
    now_ms: i64,
) -> bool {
    if let Some(token) = api_token(request) {
        let found = accounts.by_token(System::Pipedrive, token, now_ms);
        return matches!(found, TokenMatch::Valid(owner) if owner.account == account.account);
    }
    let of_grant = bearer_token(request).and_then(|token| grants.by_access_token(accounts, token));
    of_grant.is_some_and(|(owner, expires_at_ms)| {
        owner.account == account.account && now_ms < expires_at_ms
    })
}

/// Finds the account of the path's first segment. With bad credentials the call is that account's
/// all the same, so that the call log shows it there.
pub fn identify(
    companies: &Mutex<Companies>,
    grants: &Grants,
    accounts: &AccountBook,
    request: &VendorRequest,
    now_ms: i64,
) -> Caller {
    let refused = Some(Refusal::unauthorized().answer());
    let domain = request.path.trim_start_matches('/').split('/').next().unwrap_or_default();
    let Some(account) = by_domain(accounts, domain) else {
        return Caller { account: None, settled: refused };
    };
    let is_by_token = credential(request) == Credential::ApiToken;
    if is_by_token && limits::is_blocked(locked(companies).of(&account.account), now_ms) {
        return Caller { account: Some(account), settled: Some(errors::block_page()) };
    }
    let is_good = is_good(grants, accounts, &account, request, now_ms);
    Caller { account: Some(account), settled: if is_good { None } else { refused } }
}

/// Refuses a call that the app has no scope for; an API token has none and needs none.
pub fn check_scopes(account: &Account, credential: Credential, call: Call) -> Result<(), Refusal> {
    let needed = call.scopes();
    match credential {
        Credential::Oauth if !needed.is_empty() && !account.has_scope(&needed) => {
            Err(Refusal::scope_mismatch())
        }
        Credential::Oauth | Credential::ApiToken => Ok(()),
    }
}
