//! The types of custom fields, as the API names them.

use serde::Deserialize;

/// The kinds of custom fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldType {
    /// Short text.
    Varchar,
    /// Long text.
    Text,
    /// Short text that users are helped to complete.
    VarcharAuto,
    /// A number.
    Double,
    /// A phone number.
    Phone,
    /// A day.
    Date,
    /// From one day to another.
    Daterange,
    /// A time of day.
    Time,
    /// From one time of day to another.
    Timerange,
    /// Several options.
    Set,
    /// One option.
    Enum,
    /// A place.
    Address,
    /// An amount with its currency.
    Monetary,
    /// An organization.
    Org,
    /// A person.
    People,
    /// A user.
    User,
}

impl FieldType {
    const ALL: [Self; 16] = [
        Self::Varchar,
        Self::Text,
        Self::VarcharAuto,
        Self::Double,
        Self::Phone,
        Self::Date,
        Self::Daterange,
        Self::Time,
        Self::Timerange,
        Self::Set,
        Self::Enum,
        Self::Address,
        Self::Monetary,
        Self::Org,
        Self::People,
        Self::User,
    ];

    /// As the API calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Varchar => "varchar",
            Self::Text => "text",
            Self::VarcharAuto => "varchar_auto",
            Self::Double => "double",
            Self::Phone => "phone",
            Self::Date => "date",
            Self::Daterange => "daterange",
            Self::Time => "time",
            Self::Timerange => "timerange",
            Self::Set => "set",
            Self::Enum => "enum",
            Self::Address => "address",
            Self::Monetary => "monetary",
            Self::Org => "org",
            Self::People => "people",
            Self::User => "user",
        }
    }

    /// Reads the name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether values are chosen from options.
    pub const fn has_options(self) -> bool {
        matches!(self, Self::Set | Self::Enum)
    }

    /// Whether search looks into it.
    pub const fn is_searchable(self) -> bool {
        matches!(
            self,
            Self::Address
                | Self::Varchar
                | Self::Text
                | Self::VarcharAuto
                | Self::Double
                | Self::Monetary
                | Self::Phone
        )
    }
}
