//! A tenant's clients, and people who book one after the other.

use std::cell::Cell;

use sync_domain::keys::IdentifierKind;
use sync_domain::linking::{Linked, link, lookup_of};
use sync_domain::model::{AttributeName, ClientId, LinkRule, Person, TenantId, normalised_remote};
use sync_testkit::MemoryClients;

pub struct LinkingWorld {
    pub tenant: TenantId,
    pub clients: MemoryClients,
    made: Cell<u32>,
}

impl Default for LinkingWorld {
    fn default() -> Self {
        let tenant = TenantId::parse("acme").unwrap();
        Self { tenant, clients: MemoryClients::default(), made: Cell::new(0) }
    }
}

impl LinkingWorld {
    /// Decides and writes nothing. Clients are called by the order in which they are made: `1`, `2`.
    pub fn decide(&self, person: &Person) -> Option<Linked> {
        let found = self.clients.find(&lookup_of(&self.tenant, person).unwrap());
        let id = || {
            self.made.set(self.made.get() + 1);
            ClientId::new(self.made.get().to_string())
        };
        link(&self.tenant, person, &found, id).unwrap()
    }

    /// Decides and writes; client and rule.
    pub fn book(&self, person: &Person) -> Option<(String, LinkRule)> {
        let linked = self.decide(person)?;
        if let Some(write) = &linked.write {
            assert!(self.clients.apply(write), "nobody else writes");
        }
        Some((linked.link.client.to_string(), linked.link.rule))
    }

    /// Whose an identifier is.
    pub fn owner(&self, kind: IdentifierKind, value: &str) -> Option<String> {
        let person = match kind {
            IdentifierKind::Email => person("", "", value, ""),
            IdentifierKind::Phone => person("", "", "", value),
        };
        let found = self.clients.find(&lookup_of(&self.tenant, &person).unwrap());
        found.identifiers.values().next().map(ToString::to_string)
    }
}

/// Somebody as a provider's adapter hands them on: trimmed, the email in lower case, the phone number
/// of a region of the United States in E.164 if it is one. Empty is absent.
pub fn person(first: &str, last: &str, email: &str, phone: &str) -> Person {
    let kept = |text: String| (!text.is_empty()).then_some(text);
    let normal = |name, text| kept(normalised_remote(name, text, Some("US")));
    Person {
        first_name: normal(AttributeName::Firstname, first),
        last_name: normal(AttributeName::Lastname, last),
        email: normal(AttributeName::Email, email),
        phone: normal(AttributeName::Phone, phone),
    }
}
