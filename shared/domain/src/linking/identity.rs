//! What a person is known by: keys of identifiers, a name to compare, and the blocks to look in.

use std::collections::BTreeSet;

use rlibphonenumber::{PhoneNumber, PhoneNumberFormat};

use super::names;
use crate::keys::{
    BlockKey, IdentifierKey, IdentifierKind, SeparatorInPart, block_key, identifier_key,
};
use crate::model::{BlockEntry, ClientId, ComparedName, Person, TenantId};
use crate::ports::ClientLookup;

/// A person as the rules see them.
pub(super) struct Identity {
    pub email: Option<IdentifierKey>,
    /// Only a number in E.164 leads to somebody: what else is typed is too short or too ambiguous.
    pub phone: Option<IdentifierKey>,
    pub name: Option<ComparedName>,
    /// Where those are listed who share the phone number.
    pub phone_block: Option<BlockKey>,
    /// Where the person is listed by name.
    pub home_block: Option<BlockKey>,
    /// Where namesakes may be listed, `home_block` included.
    pub name_blocks: BTreeSet<BlockKey>,
}

impl Identity {
    pub(super) fn of(tenant: &TenantId, person: &Person) -> Result<Self, SeparatorInPart> {
        let email = cleaned(person.email.as_deref());
        let phone = cleaned(person.phone.as_deref()).filter(|phone| is_e164(phone));
        let key = |kind, value: &String| identifier_key(tenant, kind, value);
        let name = names::compared_name(person.first_name.as_deref(), person.last_name.as_deref());
        let blocks = name.as_ref().map(names::blocks_of).unwrap_or_default();
        let block = |block: &String| block_key(tenant, block);
        Ok(Self {
            email: email.as_ref().map(|it| key(IdentifierKind::Email, it)).transpose()?,
            phone: phone.as_ref().map(|it| key(IdentifierKind::Phone, it)).transpose()?,
            name,
            phone_block: phone.map(|it| block_key(tenant, &format!("phone {it}"))).transpose()?,
            home_block: blocks.home.as_ref().map(block).transpose()?,
            name_blocks: blocks.looked_up.iter().map(block).collect::<Result<_, _>>()?,
        })
    }

    pub(super) fn lookup(self) -> ClientLookup {
        let identifiers = self.email.into_iter().chain(self.phone).collect();
        let mut blocks = self.name_blocks;
        blocks.extend(self.phone_block);
        ClientLookup { identifiers, blocks }
    }

    /// A client's entry with all that this person says.
    pub(super) fn entry(&self, client: &ClientId) -> BlockEntry {
        BlockEntry { email: self.email.clone(), phone: self.phone.clone(), ..self.named(client) }
    }

    /// A client's entry with this person's name and no identifier.
    pub(super) fn named(&self, client: &ClientId) -> BlockEntry {
        let name = self.name.clone().unwrap_or_else(|| ComparedName::new(""));
        BlockEntry { client: client.clone(), name, email: None, phone: None }
    }

    /// How much an entry's name is like the person's.
    pub(super) fn likeness(&self, entry: &BlockEntry) -> f64 {
        self.name.as_ref().map_or(0.0, |name| names::score(name, &entry.name))
    }
}

/// Without control characters, none of which is part of an identifier, and one of which separates the
/// parts of keys.
fn cleaned(text: Option<&str>) -> Option<String> {
    let text: String = text?.trim().chars().filter(|it| !it.is_control()).collect();
    (!text.is_empty()).then_some(text)
}

fn is_e164(text: &str) -> bool {
    let number = PhoneNumber::parse(text, None).ok();
    let number = number.filter(|it| it.extension.is_none() && it.is_valid());
    number.is_some_and(|it| it.format_as(PhoneNumberFormat::E164) == text)
}

/// Whether two known keys differ; what is not known contradicts nothing.
pub(super) fn conflict(one: Option<&IdentifierKey>, other: Option<&IdentifierKey>) -> bool {
    matches!((one, other), (Some(one), Some(other)) if one != other)
}
