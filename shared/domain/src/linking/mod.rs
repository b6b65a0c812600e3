//! Which client a booking belongs to.
//!
//! Pure: [`lookup_of`] says what to look up for a person, [`link`] decides with what was found. The
//! rules, in their order: the same email; the same phone number, unless it is a family's; a name that
//! is much alike; else the client is new. `docs/Client_Linking.md` has a row for each case.

mod decision;
mod identity;
mod learning;
pub mod names;

use crate::keys::SeparatorInPart;
use crate::model::{ClientId, ClientLink, ClientWrite, LinkRule, Person, TenantId};
use crate::ports::{ClientLookup, FoundClients};
use decision::{Decision, decide};
use identity::Identity;

/// Whose a booking is, and what is to be written with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Linked {
    /// The client and the rule that found them.
    pub link: ClientLink,
    /// The client to be made, or what was learned of one; `None` where nothing was.
    pub write: Option<ClientWrite>,
}

/// What has to be known to decide about a person. It is empty for somebody without identifiers and
/// without a name that can be compared.
///
/// # Errors
/// When a value contains the separator of key parts, which no [`Person`] of a provider does: control
/// characters are dropped.
pub fn lookup_of(tenant: &TenantId, person: &Person) -> Result<ClientLookup, SeparatorInPart> {
    Ok(Identity::of(tenant, person)?.lookup())
}

/// Decides whose booking it is. `found` answers [`lookup_of`] of the same person; `new_id` is called
/// if a client is to be made. `None`: nothing tells who booked.
///
/// # Errors
/// As of [`lookup_of`].
pub fn link(
    tenant: &TenantId,
    person: &Person,
    found: &FoundClients,
    new_id: impl FnOnce() -> ClientId,
) -> Result<Option<Linked>, SeparatorInPart> {
    let identity = Identity::of(tenant, person)?;
    let linked = match decide(&identity, found) {
        Decision::Nobody => return Ok(None),
        Decision::Known(link) => {
            let write = learning::learned(&identity, found, &link.client);
            Linked { link, write }
        }
        Decision::New => {
            let client = new_id();
            let write = learning::made(&identity, found, &client, person);
            Linked { link: ClientLink { client, rule: LinkRule::Created }, write: Some(write) }
        }
    };
    Ok(Some(linked))
}
