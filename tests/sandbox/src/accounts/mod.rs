//! The vendor accounts (HubSpot calls them portals) that the sandbox plays: whose token or key is
//! whose.

mod entry;
mod users;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::lock::locked;
use crate::vendor::System;
pub use entry::{Account, OauthApp};
pub use users::User;

/// What a presented token turned out to be.
pub enum TokenMatch {
    /// Nobody's.
    Unknown,
    /// It was this account's until the given instant.
    Expired(Arc<Account>, i64),
    /// It acts for this account.
    Valid(Arc<Account>),
}

fn shares_credentials(one: &Account, other: &Account) -> bool {
    let same_token = !one.access_token.is_empty() && one.access_token == other.access_token;
    let same_grant = one.oauth.as_ref().zip(other.oauth.as_ref()).is_some_and(|(one, other)| {
        one.refresh_token == other.refresh_token
            || one.codes.iter().any(|code| other.codes.contains(code))
    });
    let same_user = one.users().any(|user| other.users().any(|twin| twin.user_id == user.user_id));
    let same_host = one.domain.as_ref().zip(other.domain.as_ref());
    let same_host = same_host.is_some_and(|(one, other)| one.eq_ignore_ascii_case(other));
    // Where accounts share a host, only the app tells whose credentials they are.
    let same_app = one.region.is_some()
        && one.region == other.region
        && one.client_id.is_some()
        && one.client_id == other.client_id;
    same_token || same_grant || same_user || same_host || same_app
}

/// All accounts, by system and id.
#[derive(Default)]
pub struct AccountBook {
    accounts: Mutex<BTreeMap<(System, String), Arc<Account>>>,
}

impl AccountBook {
    /// Adds or replaces an account. Two accounts of a system can't share a token or a user: it is
    /// all that tells whose call it is.
    pub fn put(&self, account: Account) -> Result<Arc<Account>, String> {
        if account.account.is_empty() {
            return Err("`account` must not be empty".to_owned());
        }
        let mut accounts = locked(&self.accounts);
        let mut others = accounts
            .values()
            .filter(|other| other.system == account.system && other.account != account.account);
        if others.any(|other| shares_credentials(other, &account)) {
            return Err("another account of this system has the same `access_token`, the same \
                 refresh token or code, the same `user_id`, the same `domain` or the same \
                 `client_id` in its `region`"
                .to_owned());
        }
        let account = Arc::new(account);
        accounts.insert((account.system, account.account.clone()), Arc::clone(&account));
        Ok(account)
    }

    /// The account with that id.
    pub fn get(&self, system: System, account: &str) -> Option<Arc<Account>> {
        locked(&self.accounts).get(&(system, account.to_owned())).cloned()
    }

    /// All accounts of a system.
    pub fn of(&self, system: System) -> Vec<Arc<Account>> {
        let accounts = locked(&self.accounts);
        accounts.values().filter(|account| account.system == system).cloned().collect()
    }

    /// The account that has a user of that id.
    pub fn by_user(&self, system: System, user_id: &str) -> Option<Arc<Account>> {
        let accounts = locked(&self.accounts);
        let mut of_system = accounts.values().filter(|account| account.system == system);
        of_system.find(|account| account.users().any(|user| user.user_id == user_id)).cloned()
    }

    /// Finds whose token it is, among those of the accounts' entries.
    pub fn by_token(&self, system: System, token: &str, at_ms: i64) -> TokenMatch {
        if token.is_empty() {
            return TokenMatch::Unknown;
        }
        let accounts = locked(&self.accounts);
        let mut of_system = accounts.values().filter(|account| account.system == system);
        if let Some(account) = of_system.clone().find(|account| account.access_token == token) {
            return match account.access_token_expires_at_ms {
                Some(expiry_ms) if expiry_ms <= at_ms => {
                    TokenMatch::Expired(Arc::clone(account), expiry_ms)
                }
                Some(_) | None => TokenMatch::Valid(Arc::clone(account)),
            };
        }
        of_system
            .find(|account| account.expired_access_tokens.iter().any(|old| old == token))
            .map_or(TokenMatch::Unknown, |account| {
                TokenMatch::Expired(Arc::clone(account), at_ms - 60_000)
            })
    }
}

/// Reads the accounts file: a JSON array of accounts.
pub fn accounts_from_json(text: &str) -> Result<Vec<Account>, serde_json::Error> {
    serde_json::from_str(text)
}

#[cfg(test)]
mod tests {
    use super::{AccountBook, TokenMatch, accounts_from_json};
    use crate::vendor::System::{Acuity, Hubspot};

    fn book(json: &str) -> AccountBook {
        let book = AccountBook::default();
        for account in accounts_from_json(json).unwrap() {
            book.put(account).unwrap();
        }
        book
    }

    #[test]
    fn by_token_tells_valid_expired_and_unknown_apart() {
        let book = book(
            r#"[{"system":"hubspot","account":"1","access_token":"now",
                 "expired_access_tokens":["old"],"access_token_expires_at_ms":1000}]"#,
        );
        assert!(matches!(book.by_token(Hubspot, "now", 999), TokenMatch::Valid(_)));
        assert!(matches!(book.by_token(Hubspot, "now", 1_000), TokenMatch::Expired(_, 1_000)));
        assert!(matches!(book.by_token(Hubspot, "old", 0), TokenMatch::Expired(_, _)));
        assert!(matches!(book.by_token(Hubspot, "other", 0), TokenMatch::Unknown));
    }

    #[test]
    fn put_refuses_a_token_of_another_account() {
        let book = book(r#"[{"system":"hubspot","account":"1","access_token":"t"}]"#);
        let twin = accounts_from_json(r#"[{"system":"hubspot","account":"2","access_token":"t"}]"#);
        assert!(book.put(twin.unwrap().remove(0)).is_err());
    }

    #[test]
    fn by_user_finds_the_account_of_each_user_and_put_refuses_a_shared_one() {
        let book = book(
            r#"[{"system":"acuity","account":"1","user_id":11,"api_key":"k",
                 "users":[{"user_id":"12","api_key":"l"}]}]"#,
        );
        for user_id in ["11", "12"] {
            assert_eq!(book.by_user(Acuity, user_id).unwrap().account, "1");
        }
        assert!(book.by_user(Acuity, "1").is_none());
        let twin = r#"[{"system":"acuity","account":"2","user_id":"12","api_key":"m"}]"#;
        assert!(book.put(accounts_from_json(twin).unwrap().remove(0)).is_err());
    }

    #[test]
    fn account_file_refuses_a_misspelt_key() {
        let text = r#"[{"system":"hubspot","account":"1","access_token":"t","scope":[]}]"#;
        assert!(accounts_from_json(text).is_err());
    }

    #[test]
    fn absent_scopes_allow_everything_and_empty_ones_nothing() {
        let accounts = accounts_from_json(
            r#"[{"system":"hubspot","account":"1","access_token":"a"},
                {"system":"hubspot","account":"2","access_token":"b","scopes":[]}]"#,
        )
        .unwrap();
        assert!(accounts[0].has_scope(&["x"]));
        assert!(!accounts[1].has_scope(&["x"]));
    }
}
