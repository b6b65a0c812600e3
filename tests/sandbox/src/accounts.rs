//! The vendor accounts (HubSpot calls them portals) that the sandbox plays: whose token is whose,
//! what a token may do, and where webhooks go.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde::Deserialize;

use crate::hubspot::{Definition, Pipeline};
use crate::lock::locked;
use crate::vendor::System;

/// One account of one vendor. Has no `Debug`: it holds secrets.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// The vendor.
    pub system: System,
    /// The vendor's id of the account.
    pub account: String,
    /// The bearer token that acts for the account.
    pub access_token: String,
    /// Tokens that were valid once; calls with them are told that they expired.
    #[serde(default)]
    pub expired_access_tokens: Vec<String>,
    /// From this instant on `access_token` counts as expired.
    #[serde(default)]
    pub access_token_expires_at_ms: Option<i64>,
    /// What the token may do; absent means everything.
    #[serde(default)]
    pub scopes: Option<Vec<String>>,
    /// Where webhooks are delivered.
    #[serde(default)]
    pub webhook_url: Option<String>,
    /// What webhooks are signed with.
    #[serde(default)]
    pub webhook_secret: Option<String>,
    /// Overrides the vendor's burst limit.
    #[serde(default)]
    pub rate_limit_per_10s: Option<usize>,
    /// Overrides the vendor's daily limit.
    #[serde(default)]
    pub rate_limit_daily: Option<usize>,
    /// How long a new object stays invisible to search; absent means it is found at once.
    #[serde(default)]
    pub search_lag_ms: Option<i64>,
    /// Properties that the account's users have added, by object type.
    #[serde(default)]
    pub properties: BTreeMap<String, Vec<Definition>>,
    /// The deal pipelines; absent means the vendor's default one.
    #[serde(default)]
    pub pipelines: Option<Vec<Pipeline>>,
    /// Whether changes through the API cause webhooks, too.
    #[serde(default)]
    pub webhooks_on_api_writes: bool,
    /// The events that are told; absent means the vendor's usual ones.
    #[serde(default)]
    pub webhook_subscriptions: Option<Vec<String>>,
    /// Whether a merge keeps the id of the primary record instead of giving a new one.
    #[serde(default)]
    pub merge_keeps_primary_id: bool,
}

impl Account {
    /// What its webhooks are signed with.
    pub fn signing_secret(&self) -> Option<&str> {
        self.webhook_secret.as_deref()
    }

    /// Whether the token holds at least one of `any_of`.
    pub fn has_scope(&self, any_of: &[&str]) -> bool {
        self.scopes
            .as_ref()
            .is_none_or(|held| held.iter().any(|scope| any_of.contains(&scope.as_str())))
    }
}

/// What a presented token turned out to be.
pub enum TokenMatch {
    /// Nobody's.
    Unknown,
    /// It was this account's until the given instant.
    Expired(Arc<Account>, i64),
    /// It acts for this account.
    Valid(Arc<Account>),
}

/// All accounts, by system and id.
#[derive(Default)]
pub struct AccountBook {
    accounts: Mutex<BTreeMap<(System, String), Arc<Account>>>,
}

impl AccountBook {
    /// Adds or replaces an account. Two accounts of a system can't share a token: the token is
    /// all that tells whose call it is.
    pub fn put(&self, account: Account) -> Result<Arc<Account>, String> {
        if account.account.is_empty() || account.access_token.is_empty() {
            return Err("`account` and `access_token` must not be empty".to_owned());
        }
        let mut accounts = locked(&self.accounts);
        let taken = accounts.values().any(|other| {
            other.system == account.system
                && other.account != account.account
                && other.access_token == account.access_token
        });
        if taken {
            return Err("another account of this system has the same `access_token`".to_owned());
        }
        let account = Arc::new(account);
        accounts.insert((account.system, account.account.clone()), Arc::clone(&account));
        Ok(account)
    }

    /// The account with that id.
    pub fn get(&self, system: System, account: &str) -> Option<Arc<Account>> {
        locked(&self.accounts).get(&(system, account.to_owned())).cloned()
    }

    /// Finds whose token it is.
    pub fn by_token(&self, system: System, token: &str, at_ms: i64) -> TokenMatch {
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
    use crate::vendor::System::Hubspot;

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
