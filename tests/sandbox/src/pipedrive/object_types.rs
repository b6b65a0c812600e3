//! Persons, organizations and deals: which members they have, of which kind, and who writes them.
//! Members and kinds are those of the vendor's `OpenAPI` of 2026-08-18.

/// What another record a member names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// A user.
    User,
    /// A record.
    To(Object),
}

/// The values that a member takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// Text that isn't empty.
    Title,
    /// The id of something else.
    Id(Link),
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// `true` or `false`.
    Flag,
    /// RFC 3339.
    Instant,
    /// A day.
    Date,
    /// Emails or phones: `[{"value", "primary", "label"}]`.
    Entries,
    /// `{"value", …}`.
    Address,
    /// Ids of labels.
    Labels,
    /// One of these texts.
    Choice(&'static [&'static str]),
    /// 1, 3, 5 or 7.
    Visibility,
    /// Three capital letters.
    Currency,
    /// The id of a pipeline.
    Pipeline,
    /// The id of a stage.
    Stage,
}

/// Who writes a member, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writing {
    /// Callers, at any time.
    Always,
    /// Callers, of a new record only.
    OnCreate,
    /// Pipedrive only.
    Never,
}

/// What a company must have for a member to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// Nothing special.
    Any,
    /// The details of firms.
    FirmDetails,
    /// Contact Sync, which the sandbox's companies don't have.
    ContactSync,
    /// Campaigns, which they don't have either.
    Marketing,
}

/// A member of an object type.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// Name in the API, which is also the code of its field.
    pub name: &'static str,
    /// Kind of its values.
    pub kind: Kind,
    /// Who writes it.
    pub writing: Writing,
    /// Whether `null` clears it.
    pub is_clearable: bool,
    /// What the company needs for it.
    pub feature: Feature,
}

const fn member(name: &'static str, kind: Kind) -> Member {
    let (writing, feature) = (Writing::Always, Feature::Any);
    Member { name, kind, writing, is_clearable: false, feature }
}

impl Member {
    const fn clearable(mut self) -> Self {
        self.is_clearable = true;
        self
    }

    const fn read_only(mut self) -> Self {
        self.writing = Writing::Never;
        self
    }

    const fn on_create(mut self) -> Self {
        self.writing = Writing::OnCreate;
        self
    }

    const fn with(mut self, feature: Feature) -> Self {
        self.feature = feature;
        self
    }
}

const OWNER: Member = member("owner_id", Kind::Id(Link::User));
const TO_ORGANIZATION: Member =
    member("org_id", Kind::Id(Link::To(Object::Organization))).clearable();
const TO_PERSON: Member = member("person_id", Kind::Id(Link::To(Object::Person))).clearable();
const ADDED: Member = member("add_time", Kind::Instant).on_create();
const VISIBILITY: Member = member("visible_to", Kind::Visibility);
const LABELS: Member = member("label_ids", Kind::Labels);
const MARKETING: Kind = Kind::Choice(&["no_consent", "unsubscribed", "subscribed", "archived"]);
/// What a deal's `status` can be.
pub const STATUSES: [&str; 3] = ["open", "won", "lost"];

static PERSON: [Member; 17] = [
    member("name", Kind::Title),
    member("first_name", Kind::Text),
    member("last_name", Kind::Text),
    OWNER,
    TO_ORGANIZATION,
    member("emails", Kind::Entries),
    member("phones", Kind::Entries),
    VISIBILITY,
    LABELS,
    member("picture_id", Kind::Integer).read_only(),
    ADDED,
    member("marketing_status", MARKETING).with(Feature::Marketing),
    member("postal_address", Kind::Address).with(Feature::ContactSync),
    member("notes", Kind::Text).with(Feature::ContactSync),
    member("im", Kind::Entries).with(Feature::ContactSync),
    member("birthday", Kind::Date).with(Feature::ContactSync),
    member("job_title", Kind::Text).with(Feature::ContactSync),
];

static ORGANIZATION: [Member; 11] = [
    member("name", Kind::Title),
    OWNER,
    VISIBILITY,
    LABELS,
    member("address", Kind::Address).clearable(),
    ADDED,
    member("website", Kind::Text).clearable().with(Feature::FirmDetails),
    member("linkedin", Kind::Text).clearable().with(Feature::FirmDetails),
    member("industry", Kind::Integer).clearable().with(Feature::FirmDetails),
    member("annual_revenue", Kind::Integer).clearable().with(Feature::FirmDetails),
    member("employee_count", Kind::Integer).clearable().with(Feature::FirmDetails),
];

static DEAL: [Member; 31] = [
    member("title", Kind::Title),
    OWNER,
    member("creator_user_id", Kind::Id(Link::User)).read_only(),
    TO_PERSON,
    TO_ORGANIZATION,
    member("pipeline_id", Kind::Pipeline),
    member("stage_id", Kind::Stage),
    member("value", Kind::Number),
    member("currency", Kind::Currency),
    member("status", Kind::Choice(&STATUSES)),
    member("is_archived", Kind::Flag),
    member("archive_time", Kind::Instant),
    member("probability", Kind::Number).clearable(),
    member("lost_reason", Kind::Text).clearable(),
    VISIBILITY,
    LABELS,
    member("close_time", Kind::Instant).clearable(),
    member("won_time", Kind::Instant),
    member("lost_time", Kind::Instant),
    member("expected_close_date", Kind::Date).clearable(),
    member("stage_change_time", Kind::Instant).read_only(),
    member("local_won_date", Kind::Date).read_only(),
    member("local_lost_date", Kind::Date).read_only(),
    member("local_close_date", Kind::Date).read_only(),
    member("origin", Kind::Text).read_only(),
    member("origin_id", Kind::Text).read_only(),
    member("channel", Kind::Integer).read_only(),
    member("channel_id", Kind::Text).read_only(),
    member("arr", Kind::Number).read_only(),
    member("mrr", Kind::Number).read_only(),
    member("acv", Kind::Number).read_only(),
];

/// An object type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Object {
    /// A person.
    Person,
    /// An organization.
    Organization,
    /// A deal.
    Deal,
}

impl Object {
    /// Every type.
    pub const ALL: [Self; 3] = [Self::Person, Self::Organization, Self::Deal];

    /// As webhooks and fields call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Organization => "organization",
            Self::Deal => "deal",
        }
    }

    /// As paths call it.
    pub const fn plural(self) -> &'static str {
        match self {
            Self::Person => "persons",
            Self::Organization => "organizations",
            Self::Deal => "deals",
        }
    }

    /// As error texts call it.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Person => "Person",
            Self::Organization => "Organization",
            Self::Deal => "Deal",
        }
    }

    /// The member that a new record can't be without.
    pub const fn title_member(self) -> &'static str {
        match self {
            Self::Person | Self::Organization => "name",
            Self::Deal => "title",
        }
    }

    /// Reads the name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|object| object.name() == name)
    }

    /// Reads the plural.
    pub fn from_plural(plural: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|object| object.plural() == plural)
    }

    /// Its members, but for id, `update_time`, `is_deleted` and custom fields.
    pub fn members(self) -> &'static [Member] {
        match self {
            Self::Person => &PERSON,
            Self::Organization => &ORGANIZATION,
            Self::Deal => &DEAL,
        }
    }

    /// A member by name.
    pub fn member(self, name: &str) -> Option<&'static Member> {
        self.members().iter().find(|member| member.name == name)
    }

    /// The scopes of which one lets a token read.
    pub const fn read_scopes(self) -> &'static [&'static str] {
        match self {
            Self::Person | Self::Organization => &["contacts:read", "contacts:full"],
            Self::Deal => &["deals:read", "deals:full"],
        }
    }

    /// The scope that lets a token write.
    pub const fn write_scope(self) -> &'static str {
        match self {
            Self::Person | Self::Organization => "contacts:full",
            Self::Deal => "deals:full",
        }
    }

    /// The scopes of which one lets a token make fields.
    pub const fn field_scopes(self) -> &'static [&'static str] {
        match self {
            Self::Person | Self::Organization => &["admin", "contact-fields:full"],
            Self::Deal => &["admin", "deal-fields:full"],
        }
    }
}
