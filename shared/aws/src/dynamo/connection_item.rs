//! The item of a connection (`CONN#…`), written and read.
//!
//! It may be there without a `status`: locked for the first connect, or left by one that died.

use aws_sdk_dynamodb::types::AttributeValue;
use sync_domain::model::ObjectType;
use sync_domain::ports::{AuthMode, ConnectionEntry, ConnectionStatus, Found, StoreError};

use super::expression::Values;
use super::item::{Item, number, number_of, text, text_of};

/// Sets all of an entry; `token_expires_at` is set or removed by [`expiry_update`].
pub const SET_ENTRY: &str = "SET #status = :status, #auth = :auth, #account_id = :account_id, \
     #connected_at = :connected_at, #token_version = :token_version, \
     #key_properties = :key_properties";

/// The values of [`SET_ENTRY`].
pub fn values_of(entry: &ConnectionEntry, values: Values) -> Values {
    let types = entry.key_properties.iter().map(|object_type| text(object_type.as_str()));
    let values = values
        .with("status", text(entry.status.as_str()))
        .with("auth", text(entry.auth.as_str()))
        .with("account_id", text(&entry.account_id))
        .with("connected_at", text(entry.connected_at.to_string()))
        .with("token_version", number(entry.token_version))
        .with("key_properties", AttributeValue::L(types.collect()));
    match entry.token_expires_at {
        Some(at) => values.with("token_expires_at", text(at.to_string())),
        None => values,
    }
}

/// What is set and what is removed besides: a token that does not end has no end.
pub const fn expiry_update(entry: &ConnectionEntry) -> (&'static str, &'static str) {
    match entry.token_expires_at {
        Some(_) => (", #token_expires_at = :token_expires_at", ""),
        None => ("", ", #token_expires_at"),
    }
}

/// The entry of an item, `None` while nothing is connected.
pub fn entry_of(item: &Item) -> Result<Option<ConnectionEntry>, StoreError> {
    let Some(status) = text_of(item, "status") else { return Ok(None) };
    let read = || {
        Some(ConnectionEntry {
            status: ConnectionStatus::parse(status)?,
            auth: AuthMode::parse(text_of(item, "auth")?)?,
            account_id: text_of(item, "account_id")?.to_owned(),
            connected_at: text_of(item, "connected_at")?.parse().ok()?,
            token_version: number_of(item, "token_version")?,
            token_expires_at: text_of(item, "token_expires_at").and_then(|at| at.parse().ok()),
            key_properties: types_of(item),
        })
    };
    read().map(Some).ok_or(StoreError::Malformed("a connection"))
}

fn types_of(item: &Item) -> Vec<ObjectType> {
    let listed = item.get("key_properties").and_then(|value| value.as_l().ok());
    let names = listed.into_iter().flatten().filter_map(|value| value.as_s().ok());
    names.filter_map(|name| ObjectType::parse(name)).collect()
}

/// What a lock found: the item as it was before.
pub fn found_in(item: &Item, owner: &str) -> Result<Found, StoreError> {
    Ok(Found {
        entry: entry_of(item)?,
        claiming: text_of(item, "claiming_account_id").map(str::to_owned),
        took_over: text_of(item, "lock_owner").is_some_and(|holder| holder != owner),
    })
}
