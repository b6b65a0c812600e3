//! Clients, their identifiers and the blocks of their names as items, both ways.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use sync_domain::keys::IdentifierKey;
use sync_domain::model::{BlockEntry, BlockWrite, ClientBlock, ClientId, ComparedName, Person};
use sync_domain::ports::StoreError;

use super::item::{
    ENTITY_CLIENT, ENTITY_CLIENT_BLOCK, ENTITY_CLIENT_IDENTIFIER, Item, item_of, number, number_of,
    text, text_of,
};

const UNREADABLE_BLOCK: StoreError = StoreError::Malformed("a block of clients");

/// The item of a new client, without its key.
pub fn client_item(person: &Person, created_at: Timestamp) -> Item {
    let optional = |value: &Option<String>| value.as_ref().map(text);
    item_of([
        ("entity", Some(text(ENTITY_CLIENT))),
        ("first_name", optional(&person.first_name)),
        ("last_name", optional(&person.last_name)),
        ("email", optional(&person.email)),
        ("phone", optional(&person.phone)),
        ("created_at", Some(text(created_at.to_string()))),
    ])
}

/// The item that leads from an identifier to a client, without its key.
pub fn identifier_item(client: &ClientId) -> Item {
    item_of([
        ("entity", Some(text(ENTITY_CLIENT_IDENTIFIER))),
        ("client_id", Some(text(client.as_str()))),
    ])
}

/// Whose an identifier is.
///
/// # Errors
/// When the item is none of an identifier.
pub fn owner_of(item: &Item) -> Result<ClientId, StoreError> {
    let client = text_of(item, "client_id");
    client.map(ClientId::new).ok_or(StoreError::Malformed("an identifier of a client"))
}

/// The item of a block's next state, without its key.
pub fn block_item(write: &BlockWrite) -> Item {
    let entries = write.entries.iter().map(entry_value).collect();
    item_of([
        ("entity", Some(text(ENTITY_CLIENT_BLOCK))),
        ("revision", Some(number(write.seen + 1))),
        ("entries", Some(AttributeValue::L(entries))),
    ])
}

fn entry_value(entry: &BlockEntry) -> AttributeValue {
    let key = |key: &Option<IdentifierKey>| key.as_ref().map(|key| text(key.as_str()));
    AttributeValue::M(item_of([
        ("client_id", Some(text(entry.client.as_str()))),
        ("name", Some(text(entry.name.expose()))),
        ("email", key(&entry.email)),
        ("phone", key(&entry.phone)),
    ]))
}

/// Reads a block.
///
/// # Errors
/// When the item is none of a block, or one of its entries can't be read: the whole of it would be
/// written again without that one.
pub fn block_of(item: &Item) -> Result<ClientBlock, StoreError> {
    let entries = item.get("entries").and_then(|value| value.as_l().ok());
    let entries = entries.ok_or(UNREADABLE_BLOCK)?.iter().map(entry_of);
    Ok(ClientBlock {
        revision: number_of(item, "revision").ok_or(UNREADABLE_BLOCK)?,
        entries: entries.collect::<Option<_>>().ok_or(UNREADABLE_BLOCK)?,
    })
}

fn entry_of(value: &AttributeValue) -> Option<BlockEntry> {
    let entry: &HashMap<_, _> = value.as_m().ok()?;
    let key = |name| text_of(entry, name).map(IdentifierKey::from_stored);
    Some(BlockEntry {
        client: ClientId::new(text_of(entry, "client_id")?),
        name: ComparedName::new(text_of(entry, "name")?),
        email: key("email"),
        phone: key("phone"),
    })
}
