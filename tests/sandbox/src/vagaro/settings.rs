//! What an entry needs to be an account of Vagaro's, and the locations that it has.

use serde::Deserialize;

use super::errors::check_statuses;
use super::hooks::EVENT_TYPES;
use super::ids;
use crate::accounts::Account;

/// One location of an account: what Vagaro calls a business.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Location {
    /// Its `businessId`.
    pub id: String,
    /// Name.
    #[serde(default)]
    pub name: String,
}

/// The locations of an account; one with the account's own id unless the entry tells others.
pub fn locations(account: &Account) -> Vec<Location> {
    account.businesses.clone().unwrap_or_else(|| {
        vec![Location { id: account.account.clone(), name: "Main location".to_owned() }]
    })
}

fn check_locations(account: &Account) -> Result<(), String> {
    let all = locations(account);
    let mut names: Vec<&str> = all.iter().map(|location| location.id.as_str()).collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair.first() == pair.last()) {
        return Err("each of `businesses` needs an `id` of its own".to_owned());
    }
    if !names.iter().all(|name| ids::is_id(name)) {
        return Err("the `id` of a business is 1 to 128 of A-Z, a-z, 0-9, + / = ~ _ -".to_owned());
    }
    if names.first() != Some(&account.account.as_str()) {
        return Err("a Vagaro account is the id of the first of its `businesses`, by bytes".into());
    }
    Ok(())
}

/// Refuses an account that Vagaro could not have.
pub fn check(account: &Account) -> Result<(), String> {
    let region = account.region.as_deref().unwrap_or_default();
    let letters = region.trim_end_matches(|end: char| end.is_ascii_digit());
    let is_group = letters.bytes().all(|byte| byte.is_ascii_lowercase());
    if letters.is_empty() || letters.len() == region.len() || !is_group {
        return Err("`region` is the account's group, such as us02".to_owned());
    }
    if account.client_id.is_none() || account.client_secret.is_none() {
        return Err("a Vagaro account needs `client_id` and `client_secret`".to_owned());
    }
    if !account.access_token.is_empty() || account.oauth.is_some() {
        return Err("Vagaro is played with `client_id` and `client_secret` only".to_owned());
    }
    if account.session_lifetime_s.is_some_and(|lifetime_s| lifetime_s <= 0) {
        return Err("`session_lifetime_s` must be at least 1".to_owned());
    }
    if account.webhook_url.is_some() && account.webhook_secret.is_none() {
        return Err("`webhook_url` needs `webhook_token`".to_owned());
    }
    let mut told = account.webhook_subscriptions.iter().flatten();
    if let Some(unknown) = told.find(|name| !EVENT_TYPES.contains(&name.as_str())) {
        return Err(format!("unknown webhook subscription `{unknown}`"));
    }
    check_statuses(&account.response_statuses)?;
    check_locations(account)
}
