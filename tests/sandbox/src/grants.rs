//! What accounts have granted to OAuth apps: codes, refresh tokens and the access tokens made from
//! them, for each vendor that has such apps. Grants outlive a reset of the account's records, as
//! they do a real one.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::accounts::{Account, AccountBook, OauthApp};
use crate::clock::new_uuid;
use crate::lock::locked;
use crate::vendor::{OauthAct, System};

/// Older access tokens than the newest of these are forgotten, expired or not.
const KEPT_TOKENS: usize = 500;

struct AccessToken {
    token: String,
    expires_at_ms: i64,
}

/// One app in one portal.
struct Grant {
    /// The refresh token of the account's entry; with another one there the grant begins anew.
    entry_token: String,
    refresh_token: String,
    is_revoked: bool,
    is_uninstalled: bool,
    access_tokens: VecDeque<AccessToken>,
    /// Each with the challenge that its consent was asked for with, if there was one.
    added_codes: BTreeMap<String, Option<String>>,
    used_codes: BTreeSet<String>,
    minted: u64,
}

impl Grant {
    fn new(app: &OauthApp) -> Self {
        Self {
            entry_token: app.refresh_token.clone(),
            refresh_token: app.refresh_token.clone(),
            is_revoked: false,
            is_uninstalled: false,
            access_tokens: VecDeque::new(),
            added_codes: BTreeMap::new(),
            used_codes: BTreeSet::new(),
            minted: 0,
        }
    }

    fn has_code(&self, app: &OauthApp, code: &str) -> bool {
        let is_given = app.codes.iter().any(|given| given == code);
        (is_given || self.added_codes.contains_key(code)) && !self.used_codes.contains(code)
    }

    fn mint(&mut self, prefix: &str, app: &OauthApp, now_ms: i64) -> String {
        // Real tokens are long and of no fixed length; whoever cuts them off shall notice.
        let parts: Vec<String> = (0..10).map(|_| new_uuid()).collect();
        let token = format!("{prefix}{}", parts.join("_"));
        let expires_at_ms = now_ms.saturating_add(app.lifetime_s().saturating_mul(1_000));
        self.access_tokens.push_back(AccessToken { token: token.clone(), expires_at_ms });
        if self.access_tokens.len() > KEPT_TOKENS {
            self.access_tokens.pop_front();
        }
        self.minted += 1;
        token
    }
}

/// New tokens.
pub struct Minted {
    /// The access token.
    pub access_token: String,
    /// The refresh token, unless the account leaves it out.
    pub refresh_token: Option<String>,
}

/// Why there are no new tokens.
#[derive(Debug, PartialEq, Eq)]
pub enum NoGrant {
    /// The code is unknown or used.
    Code,
    /// The refresh token is unknown or revoked.
    RefreshToken,
    /// The app is no longer installed.
    Hub,
}

/// How a vendor's tokens begin.
pub struct TokenLook {
    /// Access tokens.
    pub access_prefix: &'static str,
    /// Refresh tokens that are drawn later than the one of the account's entry.
    pub refresh_prefix: &'static str,
}

/// The grants of all accounts of a vendor.
pub struct Grants {
    system: System,
    look: TokenLook,
    by_account: Mutex<BTreeMap<String, Grant>>,
}

impl Grants {
    /// No grants yet.
    pub fn new(system: System, look: TokenLook) -> Self {
        Self { system, look, by_account: Mutex::default() }
    }

    fn new_refresh_token(&self) -> String {
        format!("{}{}", self.look.refresh_prefix, new_uuid())
    }

    fn with<T>(
        &self,
        account: &Account,
        run: impl FnOnce(&OauthApp, &mut Grant) -> T,
    ) -> Option<T> {
        let app = account.oauth.as_ref()?;
        let mut grants = locked(&self.by_account);
        let grant = grants.entry(account.account.clone()).or_insert_with(|| Grant::new(app));
        if grant.entry_token != app.refresh_token {
            *grant = Grant::new(app);
        }
        Some(run(app, grant))
    }

    fn find(
        &self,
        accounts: &AccountBook,
        is_it: impl Fn(&OauthApp, &Grant) -> bool,
    ) -> Option<Arc<Account>> {
        let mut with_oauth = accounts.of(self.system).into_iter();
        with_oauth
            .find(|account| self.with(account, |app, grant| is_it(app, grant)).unwrap_or_default())
    }

    /// Whose code it is, used or not.
    pub fn by_code(&self, accounts: &AccountBook, code: &str) -> Option<Arc<Account>> {
        self.find(accounts, |app, grant| {
            app.codes.iter().any(|given| given == code) || grant.added_codes.contains_key(code)
        })
    }

    /// Whose refresh token it is, revoked or not.
    pub fn by_refresh_token(&self, accounts: &AccountBook, token: &str) -> Option<Arc<Account>> {
        self.find(accounts, |_, grant| grant.refresh_token == token)
    }

    /// Whose access token it is, and when it expires.
    pub fn by_access_token(
        &self,
        accounts: &AccountBook,
        token: &str,
    ) -> Option<(Arc<Account>, i64)> {
        let account = self.find(accounts, |_, grant| {
            !grant.is_uninstalled && grant.access_tokens.iter().any(|known| known.token == token)
        })?;
        let expires_at_ms = self.expiry(&account, token)?;
        Some((account, expires_at_ms))
    }

    /// When an access token of the account expires.
    pub fn expiry(&self, account: &Account, token: &str) -> Option<i64> {
        self.with(account, |_, grant| {
            let known = grant.access_tokens.iter().find(|known| known.token == token);
            known.map(|known| known.expires_at_ms)
        })?
    }

    /// Whose access token it was before the account threw the app out.
    pub fn by_lost_access_token(
        &self,
        accounts: &AccountBook,
        token: &str,
    ) -> Option<Arc<Account>> {
        self.find(accounts, |_, grant| {
            grant.is_uninstalled && grant.access_tokens.iter().any(|known| known.token == token)
        })
    }

    /// The challenge that a code's consent was asked for with, if there was one.
    pub fn challenge(&self, account: &Account, code: &str) -> Option<String> {
        self.with(account, |_, grant| grant.added_codes.get(code).cloned().flatten())?
    }

    /// Turns a code into tokens. A new code also heals a grant that was revoked.
    pub fn exchange(&self, account: &Account, code: &str, now_ms: i64) -> Result<Minted, NoGrant> {
        self.with(account, |app, grant| {
            if !grant.has_code(app, code) {
                return Err(NoGrant::Code);
            }
            grant.used_codes.insert(code.to_owned());
            if grant.is_revoked || grant.is_uninstalled {
                grant.refresh_token = self.new_refresh_token();
                (grant.is_revoked, grant.is_uninstalled) = (false, false);
            }
            let access_token = grant.mint(self.look.access_prefix, app, now_ms);
            Ok(Minted { access_token, refresh_token: Some(grant.refresh_token.clone()) })
        })
        .unwrap_or(Err(NoGrant::Code))
    }

    /// Turns a refresh token into a new access token.
    pub fn refresh(&self, account: &Account, token: &str, now_ms: i64) -> Result<Minted, NoGrant> {
        self.with(account, |app, grant| {
            if grant.is_uninstalled {
                return Err(NoGrant::Hub);
            }
            if grant.is_revoked || grant.refresh_token != token {
                return Err(NoGrant::RefreshToken);
            }
            if app.rotate_refresh_token {
                grant.refresh_token = self.new_refresh_token();
            }
            let access_token = grant.mint(self.look.access_prefix, app, now_ms);
            let shown = !app.omit_refresh_token;
            let refresh_token = shown.then(|| grant.refresh_token.clone());
            Ok(Minted { access_token, refresh_token })
        })
        .unwrap_or(Err(NoGrant::RefreshToken))
    }

    /// Revokes a refresh token; what was made from it stays good.
    pub fn revoke(&self, account: &Account, token: &str) {
        self.with(account, |_, grant| grant.is_revoked |= grant.refresh_token == token);
    }

    /// Ends one access token.
    pub fn end_access_token(&self, account: &Account, token: &str) {
        self.with(account, |_, grant| grant.access_tokens.retain(|known| known.token != token));
    }

    /// What the control API orders.
    pub fn act(&self, account: &Account, act: &OauthAct, now_ms: i64) {
        self.with(account, |_, grant| match act {
            OauthAct::Revoke => grant.is_revoked = true,
            OauthAct::Restore => (grant.is_revoked, grant.is_uninstalled) = (false, false),
            OauthAct::Uninstall => grant.is_uninstalled = true,
            OauthAct::AddCode { code, challenge } => {
                grant.used_codes.remove(code);
                grant.added_codes.insert(code.clone(), challenge.clone());
            }
            OauthAct::ExpireAccessTokens => {
                for token in &mut grant.access_tokens {
                    token.expires_at_ms = token.expires_at_ms.min(now_ms);
                }
            }
        });
    }

    /// What the control API shows.
    pub fn state(&self, account: &Account, now_ms: i64) -> Option<Value> {
        self.with(account, |_, grant| {
            let live = grant.access_tokens.iter().filter(|token| token.expires_at_ms > now_ms);
            json!({
                "refresh_token": grant.refresh_token,
                "revoked": grant.is_revoked,
                "uninstalled": grant.is_uninstalled,
                "live_access_tokens": live.count(),
                "minted": grant.minted,
            })
        })
    }
}
