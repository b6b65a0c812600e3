//! Refusing accounts that HubSpot could not have, and reading what their entries add.

use super::object_types::ObjectType;
use super::store::Preset;
use super::{events, pipelines};
use crate::accounts::Account;

/// The properties of the account's entry.
pub fn presets(account: &Account) -> Result<Vec<Preset>, String> {
    let mut presets = Vec::new();
    for (name, definitions) in &account.properties {
        let object_type = ObjectType::from_name(name)
            .ok_or_else(|| format!("`properties`: unknown object type `{name}`"))?;
        let known = definitions.iter().find(|one| object_type.property(&one.name).is_some());
        if let Some(known) = known {
            return Err(format!("`properties`: {name} has `{}` of its own", known.name));
        }
        presets.extend(definitions.iter().map(|one| (object_type, one.clone())));
    }
    Ok(presets)
}

fn check_credentials(account: &Account) -> Result<(), String> {
    let app = account.oauth.as_ref();
    if account.access_token.is_empty() && app.is_none() {
        return Err("`access_token` must not be empty, unless there is `oauth`".to_owned());
    }
    if app.is_some_and(|app| app.refresh_token.is_empty() || app.client_id.is_empty()) {
        return Err("`oauth` needs `client_id` and `refresh_token`".to_owned());
    }
    if account.users().next().is_some() {
        return Err("HubSpot has tokens, no `api_key` and no `users`".to_owned());
    }
    Ok(())
}

/// Refuses an account that could not be a portal.
pub fn check(account: &Account) -> Result<(), String> {
    check_credentials(account)?;
    account.account.parse::<u32>().map_err(|_| {
        "a HubSpot account is a portal id, a decimal number such as 62515001".to_owned()
    })?;
    let subscriptions = account.webhook_subscriptions.iter().flatten();
    if let Some(unknown) = subscriptions.into_iter().find(|name| !events::is_subscription(name)) {
        return Err(format!("unknown webhook subscription `{unknown}`"));
    }
    let version = account.webhook_signature_version.as_deref();
    if version.is_some_and(|version| !["v1", "v3"].contains(&version)) {
        return Err("`webhook_signature_version` must be v1 or v3".to_owned());
    }
    pipelines::check(account)?;
    presets(account).map(|_| ())
}
