//! What an entry needs to be an org of Salesforce's.

use super::org::Settings;
use super::{ids, oauth};
use crate::accounts::Account;

fn check_access(account: &Account) -> Result<(), String> {
    let domain = account.domain.as_deref().unwrap_or_default();
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    if !domain.split('.').all(is_label) || matches!(domain, "login" | "test") {
        return Err("`domain` is what stands before .my.salesforce.com, such as acme".to_owned());
    }
    if account.client_id.is_none() && account.access_token.is_empty() {
        return Err("a Salesforce account needs `client_id` or `access_token`".to_owned());
    }
    if account.public_key_pem.as_deref().is_some_and(|pem| oauth::der(pem).is_none()) {
        return Err("`public_key_pem` is no public key in PEM".to_owned());
    }
    if account.public_key_pem.is_some() && account.username.is_none() {
        return Err("`public_key_pem` needs `username`".to_owned());
    }
    if account.session_lifetime_s.is_some_and(|lifetime_s| lifetime_s <= 0) {
        return Err("`session_lifetime_s` must be at least 1".to_owned());
    }
    Ok(())
}

/// Refuses an account that Salesforce could not have.
pub fn check(account: &Account) -> Result<(), String> {
    let id = &account.account;
    if id.len() != 18 || !id.starts_with("00D") || ids::long(id).is_none() {
        return Err("a Salesforce account is the id of an org with 18 characters, 00D first \
             and the right check characters last"
            .to_owned());
    }
    if account.oauth.is_some() || account.webhook_subscriptions.is_some() {
        return Err("Salesforce is played without `oauth` and `webhook_subscriptions`; see \
             `client_id` and `username`"
            .to_owned());
    }
    check_access(account)?;
    Settings::of(account).map(|_| ())
}
