//! The object types that the sandbox's orgs have.

/// An object type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sobject {
    /// Companies.
    Account,
    /// People.
    Contact,
    /// Deals.
    Opportunity,
    /// Which person has to do with which deal.
    OpportunityContactRole,
    /// The stages that a deal can be in.
    OpportunityStage,
    /// Kinds of records, the nearest thing to a pipeline.
    RecordType,
    /// The org itself, one record.
    Organization,
    /// Who can log in.
    User,
}

impl Sobject {
    /// Every type.
    pub const ALL: [Self; 8] = [
        Self::Account,
        Self::Contact,
        Self::Opportunity,
        Self::OpportunityContactRole,
        Self::OpportunityStage,
        Self::RecordType,
        Self::Organization,
        Self::User,
    ];

    /// API name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Account => "Account",
            Self::Contact => "Contact",
            Self::Opportunity => "Opportunity",
            Self::OpportunityContactRole => "OpportunityContactRole",
            Self::OpportunityStage => "OpportunityStage",
            Self::RecordType => "RecordType",
            Self::Organization => "Organization",
            Self::User => "User",
        }
    }

    /// The first three characters of its ids.
    pub const fn key_prefix(self) -> &'static str {
        match self {
            Self::Account => "001",
            Self::Contact => "003",
            Self::Opportunity => "006",
            Self::OpportunityContactRole => "00K",
            Self::OpportunityStage => "01J",
            Self::RecordType => "012",
            Self::Organization => "00D",
            Self::User => "005",
        }
    }

    /// Reads the API name, whose case doesn't matter.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|sobject| sobject.name().eq_ignore_ascii_case(name))
    }

    /// Reads the API name or, for the control API, what other vendors call the type.
    pub fn from_control_name(name: &str) -> Result<Self, String> {
        let found = match name {
            "company" => Some(Self::Account),
            "deal" => Some(Self::Opportunity),
            _ => Self::from_name(name),
        };
        found.ok_or_else(|| format!("unknown object type `{name}`"))
    }

    /// Whether the API makes and changes records of it; the others are settings.
    pub const fn is_data(self) -> bool {
        match self {
            Self::Account | Self::Contact | Self::Opportunity | Self::OpportunityContactRole => {
                true
            }
            Self::OpportunityStage | Self::RecordType | Self::Organization | Self::User => false,
        }
    }

    /// Whether its changes are told to webhooks.
    pub const fn is_told(self) -> bool {
        matches!(self, Self::Account | Self::Contact | Self::Opportunity)
    }
}
