//! Placeholder of the rules that link bookings to clients: emails, then phone numbers, else a new
//! client. It stands in for the module of the same name and signatures.

use crate::keys::{IdentifierKey, IdentifierKind, SeparatorInPart, identifier_key};
use crate::model::{ClientId, ClientLink, ClientWrite, LinkRule, Person, TenantId};
use crate::ports::{ClientLookup, FoundClients};

/// A booking's client, and what changes about clients with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Linked {
    /// Who, and how they were found.
    pub link: ClientLink,
    /// What is written with the booking, if anything.
    pub write: Option<ClientWrite>,
}

fn identifiers(
    tenant: &TenantId,
    person: &Person,
) -> Result<Vec<(LinkRule, IdentifierKey)>, SeparatorInPart> {
    let email =
        person.email.as_deref().map(|value| (LinkRule::Email, IdentifierKind::Email, value));
    let phone =
        person.phone.as_deref().map(|value| (LinkRule::Phone, IdentifierKind::Phone, value));
    let given = [email, phone].into_iter().flatten();
    given.map(|(rule, kind, value)| Ok((rule, identifier_key(tenant, kind, value)?))).collect()
}

/// What must be known to link a person.
///
/// # Errors
/// When a value contains the separator of keys.
pub fn lookup_of(tenant: &TenantId, person: &Person) -> Result<ClientLookup, SeparatorInPart> {
    let keys = identifiers(tenant, person)?.into_iter().map(|(_, key)| key);
    Ok(ClientLookup { identifiers: keys.collect(), ..ClientLookup::default() })
}

/// Links a person; `None` where nothing tells who it is.
///
/// # Errors
/// When a value contains the separator of keys.
pub fn link(
    tenant: &TenantId,
    person: &Person,
    found: &FoundClients,
    new_id: ClientId,
) -> Result<Option<Linked>, SeparatorInPart> {
    let keys = identifiers(tenant, person)?;
    if keys.is_empty() {
        return Ok(None);
    }
    let known = keys.iter().find_map(|(rule, key)| Some((*rule, found.identifiers.get(key)?)));
    let free = keys.iter().filter(|(_, key)| !found.identifiers.contains_key(key));
    let identifiers: Vec<_> = free.map(|(_, key)| key.clone()).collect();
    Ok(Some(match known {
        Some((rule, client)) => Linked {
            link: ClientLink { client: client.clone(), rule },
            write: (!identifiers.is_empty()).then(|| ClientWrite {
                client: client.clone(),
                new: None,
                identifiers,
                block: None,
            }),
        },
        None => Linked {
            link: ClientLink { client: new_id.clone(), rule: LinkRule::Created },
            write: Some(ClientWrite {
                client: new_id,
                new: Some(person.clone()),
                identifiers,
                block: None,
            }),
        },
    }))
}
