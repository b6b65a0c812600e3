//! The table of object types: names, identifiers, scopes and properties. Adding companies or deals
//! is adding a row.

/// What values a property takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// An email address, stored in lower case.
    Email,
    /// A decimal number.
    Number,
    /// Epoch milliseconds or ISO 8601.
    DateTime,
    /// `true` or `false`.
    Bool,
    /// One of these internal values.
    Choice(&'static [&'static str]),
    /// Like `Choice`, but a value never goes back to an earlier one without being cleared.
    Progress(&'static [&'static str]),
}

/// One property.
pub struct Property {
    /// Internal name.
    pub name: &'static str,
    /// Kind of its values.
    pub kind: Kind,
    /// Set by HubSpot only.
    pub is_read_only: bool,
}

const fn writable(name: &'static str, kind: Kind) -> Property {
    Property { name, kind, is_read_only: false }
}

const fn read_only(name: &'static str, kind: Kind) -> Property {
    Property { name, kind, is_read_only: true }
}

/// One object type.
pub struct ObjectType {
    /// Plural, as in paths.
    pub plural: &'static str,
    /// Singular, also accepted in paths, and the prefix of webhook events.
    pub singular: &'static str,
    /// Numeric type id.
    pub type_id: &'static str,
    /// The name in conflict messages.
    pub title: &'static str,
    /// Scope of reads.
    pub read_scope: &'static str,
    /// Scope of writes.
    pub write_scope: &'static str,
    /// Properties whose value only one live record may have.
    pub unique: &'static [&'static str],
    /// A property with more values of a unique one, separated by semicolons.
    pub more_unique: Option<(&'static str, &'static str)>,
    /// A new record needs at least one of these.
    pub one_required: &'static [&'static str],
    /// What a read without `properties` shows.
    pub shown: &'static [&'static str],
    /// What `query` of a search looks at.
    pub searched: &'static [&'static str],
    /// Where the time of the last change is kept.
    pub modified: &'static str,
    /// All properties.
    pub properties: &'static [Property],
}

const LIFECYCLE_STAGES: &[&str] = &[
    "subscriber",
    "lead",
    "marketingqualifiedlead",
    "salesqualifiedlead",
    "opportunity",
    "customer",
    "evangelist",
    "other",
];

const LEAD_STATUSES: &[&str] = &[
    "NEW",
    "OPEN",
    "IN_PROGRESS",
    "OPEN_DEAL",
    "UNQUALIFIED",
    "ATTEMPTED_TO_CONTACT",
    "CONNECTED",
    "BAD_TIMING",
];

static CONTACT_PROPERTIES: [Property; 38] = [
    writable("email", Kind::Email),
    writable("phone", Kind::Text),
    writable("mobilephone", Kind::Text),
    writable("fax", Kind::Text),
    writable("firstname", Kind::Text),
    writable("lastname", Kind::Text),
    writable("salutation", Kind::Text),
    writable("company", Kind::Text),
    writable("jobtitle", Kind::Text),
    writable("website", Kind::Text),
    writable("address", Kind::Text),
    writable("city", Kind::Text),
    writable("state", Kind::Text),
    writable("zip", Kind::Text),
    writable("country", Kind::Text),
    writable("date_of_birth", Kind::Text),
    writable("gender", Kind::Text),
    writable("industry", Kind::Text),
    writable("annualrevenue", Kind::Text),
    writable("numemployees", Kind::Text),
    writable("message", Kind::Text),
    writable("twitterhandle", Kind::Text),
    writable("hs_language", Kind::Text),
    writable("hs_timezone", Kind::Text),
    writable("hs_linkedin_url", Kind::Text),
    writable("hubspot_owner_id", Kind::Number),
    writable("closedate", Kind::DateTime),
    writable("hs_marketable_until_renewal", Kind::Bool),
    writable("lifecyclestage", Kind::Progress(LIFECYCLE_STAGES)),
    writable("hs_lead_status", Kind::Choice(LEAD_STATUSES)),
    read_only("hs_object_id", Kind::Number),
    read_only("createdate", Kind::DateTime),
    read_only("lastmodifieddate", Kind::DateTime),
    read_only("hs_additional_emails", Kind::Text),
    read_only("hs_merged_object_ids", Kind::Text),
    read_only("hs_email_domain", Kind::Text),
    read_only("hs_full_name_or_email", Kind::Text),
    read_only("num_unique_conversion_events", Kind::Number),
];

/// Contacts, type id `0-1`.
pub static CONTACT: ObjectType = ObjectType {
    plural: "contacts",
    singular: "contact",
    type_id: "0-1",
    title: "Contact",
    read_scope: "crm.objects.contacts.read",
    write_scope: "crm.objects.contacts.write",
    unique: &["email"],
    more_unique: Some(("hs_additional_emails", "email")),
    one_required: &["email", "firstname", "lastname"],
    shown: &["createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname"],
    searched: &["email", "firstname", "lastname", "phone", "company"],
    modified: "lastmodifieddate",
    properties: &CONTACT_PROPERTIES,
};

/// Every object type.
static ALL: [&ObjectType; 1] = [&CONTACT];

impl ObjectType {
    /// Every type.
    pub fn every() -> impl Iterator<Item = &'static Self> {
        ALL.into_iter()
    }

    /// By plural, singular or type id.
    pub fn from_name(name: &str) -> Option<&'static Self> {
        ALL.into_iter().find(|kind| [kind.plural, kind.singular, kind.type_id].contains(&name))
    }

    /// A property by name.
    pub fn property(&self, name: &str) -> Option<&'static Property> {
        self.properties.iter().find(|property| property.name == name)
    }

    /// Whether the property can identify a record.
    pub fn is_unique(&self, name: &str) -> bool {
        self.unique.contains(&name)
    }
}
