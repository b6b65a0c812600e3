//! The users of an account, where a vendor knows them: with keys of their own, or as the one who
//! stands behind a token.

use serde::Deserialize;

use super::Account;

/// A user of an account with an API key of their own.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountUser {
    /// The vendor's id of the user.
    pub user_id: UserId,
    /// The user's key.
    pub api_key: String,
    /// The calendars that the user may see; absent means all.
    #[serde(default)]
    pub calendar_ids: Option<Vec<u64>>,
}

/// The id of a user: a number, and half of a text in HTTP Basic, so both are taken.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "TextOrNumber")]
pub struct UserId(String);

impl UserId {
    /// As text.
    pub fn text(&self) -> &str {
        &self.0
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum TextOrNumber {
    Text(String),
    Number(u64),
}

impl From<TextOrNumber> for UserId {
    fn from(id: TextOrNumber) -> Self {
        match id {
            TextOrNumber::Text(text) => Self(text),
            TextOrNumber::Number(number) => Self(number.to_string()),
        }
    }
}

/// A user with a key, the main administrator or another one.
#[derive(Clone, Copy)]
pub struct User<'a> {
    /// The vendor's id.
    pub user_id: &'a str,
    /// The key.
    pub api_key: &'a str,
    /// The calendars that the user may see; absent means all.
    pub calendar_ids: Option<&'a [u64]>,
}

impl Account {
    /// The users that have a key, the main administrator first.
    pub fn users(&self) -> impl Iterator<Item = User<'_>> {
        let main = self.api_key.as_deref().map(|api_key| User {
            user_id: self.user_id.as_ref().map_or(&self.account, |id| &id.0),
            api_key,
            calendar_ids: None,
        });
        let others = self.users.iter().map(|user| User {
            user_id: &user.user_id.0,
            api_key: &user.api_key,
            calendar_ids: user.calendar_ids.as_deref(),
        });
        main.into_iter().chain(others)
    }
}
