//! The sessions of the orgs: opaque tokens that die of idleness, or because somebody ends them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;

use serde_json::{Value, json};

use crate::accounts::Account;
use crate::clock::new_uuid;
use crate::lock::locked;
use crate::vendor::OauthAct;

/// Older sessions than the newest of these are forgotten, alive or not.
const KEPT_SESSIONS: usize = 500;
/// What an org has unless its admin says otherwise.
const USUAL_LIFETIME_S: i64 = 2 * 60 * 60;

struct Session {
    token: String,
    issued_ms: i64,
    used_ms: i64,
}

/// What one org has let in.
#[derive(Default)]
struct Access {
    sessions: VecDeque<Session>,
    /// Whether the token of the account's entry is over.
    has_ended_entry_token: bool,
    is_revoked: bool,
    is_uninstalled: bool,
    minted: u64,
}

/// Why there is no new token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoAccess {
    /// An admin has taken the app's user or their approval away.
    Revoked,
    /// The org doesn't have the app any more.
    Uninstalled,
}

/// A live session, as introspection tells it.
pub struct Lease {
    /// When it was made; absent for the token of the account's entry.
    pub issued_ms: Option<i64>,
    /// When it ends if nobody uses it.
    pub ends_ms: i64,
}

/// The sessions of all orgs. They outlive a reset of the records.
#[derive(Default)]
pub struct Sessions {
    by_org: Mutex<BTreeMap<String, Access>>,
}

fn lifetime_ms(account: &Account) -> i64 {
    account.session_lifetime_s.unwrap_or(USUAL_LIFETIME_S).saturating_mul(1_000)
}

impl Sessions {
    fn with<T>(&self, account: &Account, run: impl FnOnce(&mut Access) -> T) -> T {
        run(locked(&self.by_org).entry(account.account.clone()).or_default())
    }

    /// Makes a token.
    pub fn mint(&self, account: &Account, now_ms: i64) -> Result<String, NoAccess> {
        self.with(account, |access| {
            if access.is_uninstalled {
                return Err(NoAccess::Uninstalled);
            }
            if access.is_revoked {
                return Err(NoAccess::Revoked);
            }
            // Real tokens begin with the org and are long; whoever cuts them off shall notice.
            let parts: Vec<String> = (0..3).map(|_| new_uuid().replace('-', ".")).collect();
            let org = account.account.get(..15).unwrap_or(&account.account);
            let token = format!("{org}!AQ{}", parts.join("_"));
            let session = Session { token: token.clone(), issued_ms: now_ms, used_ms: now_ms };
            access.sessions.push_back(session);
            if access.sessions.len() > KEPT_SESSIONS {
                access.sessions.pop_front();
            }
            access.minted += 1;
            Ok(token)
        })
    }

    /// A token's session, if it is alive.
    pub fn look(&self, account: &Account, token: &str, now_ms: i64) -> Option<Lease> {
        let lifetime_ms = lifetime_ms(account);
        self.with(account, |access| {
            let is_entry = !token.is_empty() && account.access_token == token;
            let entry_ends_ms = account.access_token_expires_at_ms.unwrap_or(i64::MAX);
            if is_entry && !access.has_ended_entry_token && entry_ends_ms > now_ms {
                return Some(Lease { issued_ms: None, ends_ms: now_ms + lifetime_ms });
            }
            let session = access.sessions.iter().find(|session| session.token == token)?;
            let ends_ms = session.used_ms + lifetime_ms;
            (ends_ms > now_ms).then_some(Lease { issued_ms: Some(session.issued_ms), ends_ms })
        })
    }

    /// Whether a token is alive; its session lives on from here.
    pub fn use_token(&self, account: &Account, token: &str, now_ms: i64) -> bool {
        let is_alive = self.look(account, token, now_ms).is_some();
        self.with(account, |access| {
            let mut sessions = access.sessions.iter_mut();
            if let Some(session) = sessions.find(|session| is_alive && session.token == token) {
                session.used_ms = now_ms;
            }
        });
        is_alive
    }

    /// Ends one session.
    pub fn end(&self, account: &Account, token: &str) {
        self.with(account, |access| {
            access.sessions.retain(|session| session.token != token);
            access.has_ended_entry_token |= account.access_token == token;
        });
    }

    /// What the control API orders.
    pub fn act(&self, account: &Account, act: &OauthAct) -> Result<(), String> {
        let end_all = |access: &mut Access| {
            access.sessions.clear();
            access.has_ended_entry_token = true;
        };
        self.with(account, |access| {
            match act {
                OauthAct::Revoke => access.is_revoked = true,
                OauthAct::Restore => (access.is_revoked, access.is_uninstalled) = (false, false),
                OauthAct::Uninstall => {
                    end_all(access);
                    access.is_uninstalled = true;
                }
                OauthAct::ExpireAccessTokens => end_all(access),
                OauthAct::AddCode { .. } => {
                    return Err("Salesforce is played without authorization codes".to_owned());
                }
            }
            Ok(())
        })
    }

    /// What the control API shows.
    pub fn state(&self, account: &Account, now_ms: i64) -> Value {
        let lifetime_ms = lifetime_ms(account);
        self.with(account, |access| {
            let sessions = access.sessions.iter();
            let live = sessions.filter(|session| session.used_ms + lifetime_ms > now_ms).count();
            json!({
                "refresh_token": null,
                "revoked": access.is_revoked,
                "uninstalled": access.is_uninstalled,
                "live_access_tokens": live,
                "minted": access.minted,
            })
        })
    }
}
