//! The vendor accounts (HubSpot calls them portals) that the sandbox plays: whose token is whose,
//! what a token may do, and where webhooks go.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde::Deserialize;

use crate::hubspot::{Definition, Pipeline};
use crate::lock::locked;
use crate::vendor::System;

/// An OAuth app that an account has installed, and what the account has granted it. Has no
/// `Debug`: it holds secrets.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OauthApp {
    /// The app.
    pub client_id: String,
    /// Its secret, which also signs its webhooks.
    pub client_secret: String,
    /// What a code exchange must name; absent means that any will do.
    #[serde(default)]
    pub redirect_uri: Option<String>,
    /// Authorization codes that can be exchanged, each once.
    #[serde(default)]
    pub codes: Vec<String>,
    /// The refresh token.
    pub refresh_token: String,
    /// Life of an access token.
    #[serde(default = "half_an_hour_in_s")]
    pub expires_in_s: i64,
    /// Whether each refresh gives a new refresh token and ends the old one.
    #[serde(default)]
    pub rotate_refresh_token: bool,
    /// Whether the answer to a refresh leaves the refresh token out.
    #[serde(default)]
    pub omit_refresh_token: bool,
}

const fn half_an_hour_in_s() -> i64 {
    30 * 60
}

/// One account of one vendor. Has no `Debug`: it holds secrets.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// The vendor.
    pub system: System,
    /// The vendor's id of the account.
    pub account: String,
    /// The bearer token that acts for the account. May be left out if there is `oauth`.
    #[serde(default)]
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
    /// The OAuth app that the account has installed.
    #[serde(default)]
    pub oauth: Option<OauthApp>,
    /// Where webhooks are delivered.
    #[serde(default)]
    pub webhook_url: Option<String>,
    /// What webhooks are signed with; absent means the client secret of `oauth`.
    #[serde(default)]
    pub webhook_secret: Option<String>,
    /// The one version of webhook signatures to use; absent means all that the vendor has.
    #[serde(default)]
    pub webhook_signature_version: Option<String>,
    /// Overrides the vendor's burst limit.
    #[serde(default)]
    pub rate_limit_per_10s: Option<usize>,
    /// Overrides the vendor's daily limit.
    #[serde(default)]
    pub rate_limit_daily: Option<usize>,
    /// The IANA name of its time zone; absent means `US/Eastern`.
    #[serde(default)]
    pub time_zone: Option<String>,
    /// How far its clocks are ahead of UTC; decides when its day ends. Absent means five hours
    /// behind.
    #[serde(default)]
    pub utc_offset_ms: Option<i64>,
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
        let of_app = self.oauth.as_ref().map(|app| app.client_secret.as_str());
        self.webhook_secret.as_deref().or(of_app)
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

fn shares_credentials(one: &Account, other: &Account) -> bool {
    let same_token = !one.access_token.is_empty() && one.access_token == other.access_token;
    let same_grant = one.oauth.as_ref().zip(other.oauth.as_ref()).is_some_and(|(one, other)| {
        one.refresh_token == other.refresh_token
            || one.codes.iter().any(|code| other.codes.contains(code))
    });
    same_token || same_grant
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
        if account.account.is_empty() {
            return Err("`account` must not be empty".to_owned());
        }
        let app = account.oauth.as_ref();
        if account.access_token.is_empty() && app.is_none() {
            return Err("`access_token` must not be empty, unless there is `oauth`".to_owned());
        }
        if app.is_some_and(|app| app.refresh_token.is_empty() || app.client_id.is_empty()) {
            return Err("`oauth` needs `client_id` and `refresh_token`".to_owned());
        }
        let mut accounts = locked(&self.accounts);
        let mut others = accounts
            .values()
            .filter(|other| other.system == account.system && other.account != account.account);
        if others.any(|other| shares_credentials(other, &account)) {
            return Err("another account of this system has the same `access_token`, or the same \
                 refresh token or code"
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
