//! One account as the accounts file and the control API describe it: what a token may do, where
//! webhooks go, and what else an account of its vendor can have.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::acuity::{AppointmentType, Calendar, EqualStarts};
use crate::hubspot::{Definition, Pipeline};
use crate::salesforce::{AddedField, DuplicateRule, RecordType, Stage};
use crate::vendor::System;

/// An OAuth app that an account has installed, and what the account has granted it. Has no
/// `Debug`: it holds secrets.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OauthApp {
    /// The app.
    pub client_id: String,
    /// Its secret, which also signs its webhooks.
    pub client_secret: String,
    /// What a code exchange must name; absent means that any will do.
    #[serde(default)]
    pub redirect_uri: Option<String>,
    /// Authorization codes that can be exchanged, each once.
    #[serde(default)]
    pub codes: Vec<String>,
    /// The refresh token.
    pub refresh_token: String,
    /// Life of an access token.
    #[serde(default = "half_an_hour_in_s")]
    pub expires_in_s: i64,
    /// Whether each refresh gives a new refresh token and ends the old one.
    #[serde(default)]
    pub rotate_refresh_token: bool,
    /// Whether the answer to a refresh leaves the refresh token out.
    #[serde(default)]
    pub omit_refresh_token: bool,
}

const fn half_an_hour_in_s() -> i64 {
    30 * 60
}

/// One account of one vendor. Has no `Debug`: it holds secrets.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// The vendor.
    pub system: System,
    /// The vendor's id of the account.
    pub account: String,
    /// The bearer token that acts for the account. May be left out if there is `oauth`.
    #[serde(default)]
    pub access_token: String,
    /// Tokens that were valid once; calls with them are told that they expired.
    #[serde(default)]
    pub expired_access_tokens: Vec<String>,
    /// From this instant on `access_token` counts as expired.
    #[serde(default)]
    pub access_token_expires_at_ms: Option<i64>,
    /// What the token may do; absent means everything.
    #[serde(default)]
    pub scopes: Option<Vec<String>>,
    /// The OAuth app that the account has installed.
    #[serde(default)]
    pub oauth: Option<OauthApp>,
    /// Where webhooks are delivered.
    #[serde(default)]
    pub webhook_url: Option<String>,
    /// What webhooks are signed with; absent means the client secret of `oauth`.
    #[serde(default)]
    pub webhook_secret: Option<String>,
    /// The one version of webhook signatures to use; absent means all that the vendor has.
    #[serde(default)]
    pub webhook_signature_version: Option<String>,
    /// Overrides the vendor's burst limit.
    #[serde(default)]
    pub rate_limit_per_10s: Option<usize>,
    /// Overrides the vendor's daily limit.
    #[serde(default, alias = "daily_limit")]
    pub rate_limit_daily: Option<usize>,
    /// Overrides the vendor's limit per second.
    #[serde(default)]
    pub rate_limit_per_s: Option<usize>,
    /// Overrides how many calls the vendor lets run at one time.
    #[serde(default)]
    pub max_concurrent: Option<usize>,
    /// The IANA name of its time zone; absent means New York's.
    #[serde(default)]
    pub time_zone: Option<String>,
    /// How far its clocks are ahead of UTC; decides when its day ends. Absent means five hours
    /// behind.
    #[serde(default)]
    pub utc_offset_ms: Option<i64>,
    /// How long a new object stays invisible to search; absent means it is found at once.
    #[serde(default)]
    pub search_lag_ms: Option<i64>,
    /// Properties that the account's users have added, by object type.
    #[serde(default)]
    pub properties: BTreeMap<String, Vec<Definition>>,
    /// The deal pipelines; absent means the vendor's default one.
    #[serde(default)]
    pub pipelines: Option<Vec<Pipeline>>,
    /// Whether changes through the API cause webhooks, too.
    #[serde(default)]
    pub webhooks_on_api_writes: bool,
    /// The events that are told; absent means the vendor's usual ones.
    #[serde(default)]
    pub webhook_subscriptions: Option<Vec<String>>,
    /// Whether a merge keeps the id of the primary record instead of giving a new one.
    #[serde(default)]
    pub merge_keeps_primary_id: bool,
    /// Id of the main administrator, where a vendor has users with keys; absent means the
    /// account's own id.
    #[serde(default)]
    pub user_id: Option<UserId>,
    /// The main administrator's API key.
    #[serde(default)]
    pub api_key: Option<String>,
    /// More users with keys of their own.
    #[serde(default)]
    pub users: Vec<AccountUser>,
    /// Acuity's calendars; absent means one.
    #[serde(default)]
    pub calendars: Option<Vec<Calendar>>,
    /// Acuity's appointment types; absent means one.
    #[serde(default)]
    pub appointment_types: Option<Vec<AppointmentType>>,
    /// The most rows that an Acuity list ever gives, whatever `max` asks for.
    #[serde(default)]
    pub max_rows: Option<usize>,
    /// The order in which an Acuity list gives appointments that begin at the same time.
    #[serde(default)]
    pub equal_starts: EqualStarts,
    /// What stands before the vendor's own domain in the account's host name, where each account
    /// has a host of its own; the first segment of its paths here.
    #[serde(default)]
    pub domain: Option<String>,
    /// What token answers say in place of the account's URL here.
    #[serde(default)]
    pub instance_url: Option<String>,
    /// Salesforce: the app that acts for the account without a person.
    #[serde(default)]
    pub client_id: Option<String>,
    /// Its secret; absent means that it can't get tokens by it.
    #[serde(default)]
    pub client_secret: Option<String>,
    /// The user that the app acts as.
    #[serde(default)]
    pub username: Option<String>,
    /// The key that proves the app's assertions; absent means that it can't get tokens by them.
    #[serde(default)]
    pub public_key_pem: Option<String>,
    /// How long a session lives without being used; absent means two hours.
    #[serde(default, alias = "session_lifetime")]
    pub session_lifetime_s: Option<i64>,
    /// Where Salesforce's Outbound Messages are delivered.
    #[serde(default)]
    pub outbound_message_url: Option<String>,
    /// Whether Salesforce's objects have the integration's key field; absent means that they do.
    #[serde(default)]
    pub has_key_fields: Option<bool>,
    /// Fields that an admin has added, by Salesforce's object type.
    #[serde(default)]
    pub sobject_fields: BTreeMap<String, Vec<AddedField>>,
    /// Salesforce's stages of opportunities; absent means those of a new org.
    #[serde(default)]
    pub stages: Option<Vec<Stage>>,
    /// Salesforce's record types; absent means one of opportunities.
    #[serde(default)]
    pub record_types: Option<Vec<RecordType>>,
    /// Salesforce's duplicate rules.
    #[serde(default)]
    pub duplicate_rules: Vec<DuplicateRule>,
}

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
    /// What its webhooks are signed with.
    pub fn signing_secret(&self) -> Option<&str> {
        let of_app = self.oauth.as_ref().map(|app| app.client_secret.as_str());
        self.webhook_secret.as_deref().or(of_app)
    }

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

    /// Whether the token holds at least one of `any_of`.
    pub fn has_scope(&self, any_of: &[&str]) -> bool {
        self.scopes
            .as_ref()
            .is_none_or(|held| held.iter().any(|scope| any_of.contains(&scope.as_str())))
    }
}
