//! Refusing accounts that Pipedrive could not have, and reading what their entries add.

use super::custom_fields::Field;
use super::object_types::Object;
use super::{limits, pipelines};
use crate::accounts::Account;

/// The custom fields of the account's entry.
pub fn fields(account: &Account) -> Result<Vec<(Object, Field)>, String> {
    let mut fields = Vec::new();
    for (name, entries) in &account.fields {
        let object = Object::from_name(name)
            .ok_or_else(|| format!("`fields`: unknown object type `{name}`"))?;
        for entry in entries {
            fields.push((object, Field::of_entry(&account.account, object, entry)?));
        }
    }
    Ok(fields)
}

fn check_credentials(account: &Account) -> Result<(), String> {
    let app = account.oauth.as_ref();
    if account.access_token.is_empty() && app.is_none() {
        return Err("a Pipedrive account needs `api_token` or `oauth`".to_owned());
    }
    if app.is_some_and(|app| app.refresh_token.is_empty() || app.client_id.is_empty()) {
        return Err("`oauth` needs `client_id` and `refresh_token`".to_owned());
    }
    if account.users().next().is_some() {
        return Err("Pipedrive has tokens, no `api_key` and no `users`".to_owned());
    }
    Ok(())
}

fn check_domain(account: &Account) -> Result<(), String> {
    let domain = account.domain.as_deref().unwrap_or_default();
    let is_label =
        |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    if domain.is_empty() || !domain.chars().all(is_label) {
        return Err("a Pipedrive account needs `domain`, such as acme".to_owned());
    }
    Ok(())
}

/// Refuses an account that could not be a company.
pub fn check(account: &Account) -> Result<(), String> {
    account.account.parse::<u64>().map_err(|_| {
        "a Pipedrive account is a company id, a decimal number such as 13515001".to_owned()
    })?;
    let user_id = account.user_id.as_ref().map(|id| id.text().parse::<u64>());
    if user_id.is_some_and(|id| id.is_err()) {
        return Err("a `user_id` is a decimal number such as 12345".to_owned());
    }
    check_domain(account)?;
    check_credentials(account)?;
    limits::server_zone(account)?;
    pipelines::of(account)?;
    fields(account).map(|_| ())
}
