//! The rules in their order.

use super::identity::{Identity, conflict};
use super::names::ALIKE;
use crate::model::{BlockEntry, ClientLink, LinkRule};
use crate::ports::FoundClients;

/// What the rules came to.
pub(super) enum Decision {
    /// Neither an identifier nor a name.
    Nobody,
    /// A client that is there.
    Known(ClientLink),
    /// Nobody fitted.
    New,
}

pub(super) fn decide(identity: &Identity, found: &FoundClients) -> Decision {
    if identity.email.is_none() && identity.phone.is_none() && identity.name.is_none() {
        return Decision::Nobody;
    }
    let owner = identity.email.as_ref().and_then(|email| found.identifiers.get(email)).cloned();
    let known = owner.map(|client| ClientLink { client, rule: LinkRule::Email });
    let known = known.or_else(|| by_phone(identity, found));
    known.or_else(|| by_name(identity, found)).map_or(Decision::New, Decision::Known)
}

/// Of those who share the number, the one of that name; else whom the number leads to, unless their
/// emails differ: then it is a family's number, or the number's next holder.
fn by_phone(identity: &Identity, found: &FoundClients) -> Option<ClientLink> {
    let owner = found.identifiers.get(identity.phone.as_ref()?)?;
    let sharing = identity.phone_block.as_ref().and_then(|key| found.blocks.get(key));
    let sharing = sharing.map(|block| block.entries.as_slice()).unwrap_or_default();
    let client = match best(identity, sharing.iter()) {
        Best::None => {
            // The email led to nobody, so it is not the owner's if they have one.
            let known = sharing.iter().find(|entry| entry.client == *owner);
            let is_owner = identity.email.is_none() || known.is_some_and(|it| it.email.is_none());
            is_owner.then_some(owner)?
        }
        Best::One(entry) => &entry.client,
        Best::Several(entries) => {
            let is_owner = |entry: &&&BlockEntry| entry.client == *owner;
            &entries.iter().find(is_owner).or(entries.first())?.client
        }
    };
    Some(ClientLink { client: client.clone(), rule: LinkRule::Phone })
}

/// The one client whose name is most alike, among those that no identifier speaks against.
fn by_name(identity: &Identity, found: &FoundClients) -> Option<ClientLink> {
    let blocks = identity.name_blocks.iter().filter_map(|key| found.blocks.get(key));
    let fits = |entry: &&BlockEntry| {
        !conflict(entry.email.as_ref(), identity.email.as_ref())
            && !conflict(entry.phone.as_ref(), identity.phone.as_ref())
    };
    match best(identity, blocks.flat_map(|block| &block.entries).filter(fits)) {
        Best::One(entry) => Some(ClientLink { client: entry.client.clone(), rule: LinkRule::Name }),
        Best::None | Best::Several(_) => None,
    }
}

enum Best<'a> {
    None,
    One(&'a BlockEntry),
    /// Different clients whose names are equally alike, oldest first.
    Several(Vec<&'a BlockEntry>),
}

fn best<'a>(identity: &Identity, entries: impl Iterator<Item = &'a BlockEntry>) -> Best<'a> {
    let (mut most, mut tied): (f64, Vec<&BlockEntry>) = (ALIKE, Vec::new());
    for entry in entries {
        let score = identity.likeness(entry);
        let is_listed = || tied.iter().any(|other| other.client == entry.client);
        if score > most {
            (most, tied) = (score, vec![entry]);
        } else if score >= most && !is_listed() {
            tied.push(entry);
        }
    }
    match tied.as_slice() {
        [] => Best::None,
        [entry] => Best::One(entry),
        _ => Best::Several(tied),
    }
}
