//! Access tokens: minted for credentials, good for an hour, never refreshed. They outlive a reset of
//! the records, as they do a real one.

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde_json::{Value, json};

use crate::accounts::Account;
use crate::clock::new_uuid;
use crate::lock::locked;
use crate::vendor::OauthAct;

const USUAL_LIFETIME_S: i64 = 60 * 60;
/// So long a token that is over is still known as one.
const REMEMBERED_MS: i64 = 24 * 60 * 60 * 1_000;

/// What a token stands for.
#[derive(Clone)]
pub struct Lease {
    /// Whose token it is.
    pub account: String,
    /// When it ends.
    pub expires_at_ms: i64,
    scopes: Vec<String>,
}

impl Lease {
    /// Whether it was minted for that scope.
    pub fn covers(&self, scope: &str) -> bool {
        self.scopes.iter().any(|own| own == scope)
    }
}

/// What an account lets its credentials do.
#[derive(Default)]
struct Access {
    is_refused: bool,
    minted: u64,
}

#[derive(Default)]
struct Known {
    leases: BTreeMap<String, Lease>,
    by_account: BTreeMap<String, Access>,
}

/// The tokens of all accounts.
#[derive(Default)]
pub struct Tokens(Mutex<Known>);

/// A token as it is given out.
pub struct Minted {
    /// The token.
    pub token: String,
    /// How long it is good.
    pub expires_in_s: i64,
}

impl Tokens {
    /// Makes a token; none if the account's API access is switched off.
    pub fn mint(&self, account: &Account, scopes: Vec<String>, now_ms: i64) -> Option<Minted> {
        let mut known = locked(&self.0);
        known.leases.retain(|_, lease| lease.expires_at_ms + REMEMBERED_MS > now_ms);
        let access = known.by_account.entry(account.account.clone()).or_default();
        if access.is_refused {
            return None;
        }
        access.minted += 1;
        let expires_in_s = account.session_lifetime_s.unwrap_or(USUAL_LIFETIME_S);
        let token = format!("{}.{}", new_uuid().replace('-', ""), new_uuid().replace('-', ""));
        let lease = Lease {
            account: account.account.clone(),
            expires_at_ms: now_ms.saturating_add(expires_in_s.saturating_mul(1_000)),
            scopes,
        };
        known.leases.insert(token.clone(), lease);
        Some(Minted { token, expires_in_s })
    }

    /// What a token stands for, good or over.
    pub fn find(&self, token: &str) -> Option<Lease> {
        locked(&self.0).leases.get(token).cloned()
    }

    /// What the control API orders.
    pub fn act(&self, account: &Account, act: &OauthAct, now_ms: i64) -> Result<(), String> {
        let mut known = locked(&self.0);
        let access = known.by_account.entry(account.account.clone()).or_default();
        match act {
            OauthAct::Revoke => access.is_refused = true,
            OauthAct::Restore => access.is_refused = false,
            OauthAct::Uninstall => {
                access.is_refused = true;
                known.leases.retain(|_, lease| lease.account != account.account);
            }
            OauthAct::ExpireAccessTokens => {
                let own = known.leases.values_mut().filter(|it| it.account == account.account);
                own.for_each(|lease| lease.expires_at_ms = lease.expires_at_ms.min(now_ms));
            }
            OauthAct::AddCode { .. } => {
                return Err("Vagaro is played without authorization codes".to_owned());
            }
        }
        Ok(())
    }

    /// What the control API shows.
    pub fn state(&self, account: &Account, now_ms: i64) -> Value {
        let known = locked(&self.0);
        let own = known.leases.values().filter(|lease| lease.account == account.account);
        let access = known.by_account.get(&account.account);
        json!({
            "refresh_token": null,
            "revoked": access.is_some_and(|access| access.is_refused),
            "live_access_tokens": own.filter(|lease| lease.expires_at_ms > now_ms).count(),
            "minted": access.map_or(0, |access| access.minted),
        })
    }
}
