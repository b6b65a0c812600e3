//! The item of a connection (`CONN#…`), written and read.
//!
//! It may be there without a `status`: locked for the first connect, or left by one that died.

use aws_sdk_dynamodb::types::AttributeValue;
use sync_domain::model::ObjectType;
use sync_domain::ports::{
    AccountGap, AuthMode, ConnectionEntry, ConnectionLock, ConnectionStatus, Found, HookStatus,
    StoreError, sweep_slot,
};

use super::expression::Values;
use super::item::{Item, number, number_of, slot_text, text, text_of};

/// What every entry has.
const SET_ALWAYS: &str = "SET #status = :status, #auth = :auth, #account_id = :account_id, \
     #connected_at = :connected_at, #token_version = :token_version, \
     #key_properties = :key_properties";

/// An update to an entry as a whole.
pub struct EntryUpdate {
    /// The clause `SET`.
    pub set: String,
    /// What goes, to be added to a clause `REMOVE`: `, #name` for each.
    pub remove: String,
    /// The values, with those that were there.
    pub values: Values,
}

/// Writes an entry: what it has is set, what it has not is removed.
pub fn entry_update(lock: &ConnectionLock, entry: &ConnectionEntry, values: Values) -> EntryUpdate {
    let types = entry.key_properties.iter().map(|object_type| text(object_type.as_str()));
    let mut update = EntryUpdate {
        set: SET_ALWAYS.to_owned(),
        remove: String::new(),
        values: values
            .with("status", text(entry.status.as_str()))
            .with("auth", text(entry.auth.as_str()))
            .with("account_id", text(&entry.account_id))
            .with("connected_at", text(entry.connected_at.to_string()))
            .with("token_version", number(entry.token_version))
            .with("key_properties", AttributeValue::L(types.collect())),
    };
    for (name, value) in [
        ("token_expires_at", entry.token_expires_at.map(|at| text(at.to_string()))),
        ("webhook", entry.webhook.map(|status| text(status.as_str()))),
        ("gaps", gaps_value(entry)),
        ("sweep_slot", slot_of(lock, entry).map(text)),
    ] {
        match value {
            Some(value) => {
                update.set.push_str(&format!(", #{name} = :{name}"));
                update.values = update.values.with(name, value);
            }
            None => update.remove.push_str(&format!(", #{name}")),
        }
    }
    update
}

/// The slot under which the sweeps find a connection, only while there is a use in asking. Which
/// systems can be swept is known to who sweeps, and not here.
fn slot_of(lock: &ConnectionLock, entry: &ConnectionEntry) -> Option<String> {
    let works = matches!(entry.status, ConnectionStatus::Connected);
    works.then(|| slot_text(lock.system.kind(), sweep_slot(&lock.tenant, lock.system)))
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
            webhook: text_of(item, "webhook").and_then(HookStatus::parse),
            gaps: gaps_of(item),
        })
    };
    read().map(Some).ok_or(StoreError::Malformed("a connection"))
}

fn types_of(item: &Item) -> Vec<ObjectType> {
    texts_of(item, "key_properties").filter_map(|name| ObjectType::parse(name)).collect()
}

fn gaps_value(entry: &ConnectionEntry) -> Option<AttributeValue> {
    let gaps = entry.gaps.iter().map(|gap| text(gap.to_text()));
    (!entry.gaps.is_empty()).then(|| AttributeValue::L(gaps.collect()))
}

fn gaps_of(item: &Item) -> Vec<AccountGap> {
    texts_of(item, "gaps").filter_map(|gap| AccountGap::parse(gap)).collect()
}

fn texts_of<'a>(item: &'a Item, name: &str) -> impl Iterator<Item = &'a String> {
    let listed = item.get(name).and_then(|value| value.as_l().ok());
    listed.into_iter().flatten().filter_map(|value| value.as_s().ok())
}

/// What a lock found: the item as it was before.
pub fn found_in(item: &Item, owner: &str) -> Result<Found, StoreError> {
    Ok(Found {
        entry: entry_of(item)?,
        claiming: text_of(item, "claiming_account_id").map(str::to_owned),
        took_over: text_of(item, "lock_owner").is_some_and(|holder| holder != owner),
    })
}
