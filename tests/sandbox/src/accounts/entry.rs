//! One account as the accounts file and the control API describe it: what a token may do, where
//! webhooks go, and what else an account of its vendor can have.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::users::{AccountUser, UserId};
use crate::acuity::{AppointmentType, Calendar, EqualStarts};
use crate::hubspot::{Definition, Pipeline};
use crate::pipedrive::{FieldEntry, Plan};
use crate::salesforce::{AddedField, DuplicateRule, RecordType, Stage};
use crate::square::SellerEntry;
use crate::vagaro::{Location, Statuses};
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
    /// Life of an access token; absent means half an hour, or the vendor's own where it has one that
    /// all apps share.
    #[serde(default)]
    pub expires_in_s: Option<i64>,
    /// Whether each refresh gives a new refresh token and ends the old one.
    #[serde(default)]
    pub rotate_refresh_token: bool,
    /// Whether the answer to a refresh leaves the refresh token out.
    #[serde(default)]
    pub omit_refresh_token: bool,
    /// Whether it proves itself by a verifier in place of its secret (PKCE, RFC 7636).
    #[serde(default)]
    pub pkce: bool,
}

const HALF_AN_HOUR_S: i64 = 30 * 60;

impl OauthApp {
    /// Life of an access token, in seconds.
    pub fn lifetime_s(&self) -> i64 {
        self.expires_in_s.unwrap_or(HALF_AN_HOUR_S)
    }
}

/// One account of one vendor. Has no `Debug`: it holds secrets.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// The vendor.
    pub system: System,
    /// The vendor's id of the account.
    pub account: String,
    /// The token that acts for the account, called `api_token` by Pipedrive. May be left out if
    /// there is `oauth`.
    #[serde(default, alias = "api_token")]
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
    #[serde(default, alias = "webhook_signature_key", alias = "webhook_token")]
    pub webhook_secret: Option<String>,
    /// The one version of webhook signatures to use; absent means all that the vendor has.
    #[serde(default)]
    pub webhook_signature_version: Option<String>,
    /// Overrides the vendor's burst limit.
    #[serde(default)]
    pub rate_limit_per_10s: Option<usize>,
    /// Overrides the vendor's daily limit, of tokens where calls have prices.
    #[serde(default, alias = "daily_limit", alias = "daily_tokens")]
    pub rate_limit_daily: Option<usize>,
    /// Overrides the vendor's limit per second.
    #[serde(default)]
    pub rate_limit_per_s: Option<usize>,
    /// Overrides the vendor's limit per two seconds.
    #[serde(default)]
    pub rate_limit_per_2s: Option<usize>,
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
    /// Salesforce, Vagaro: the app that acts for the account without a person.
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
    /// Whether the token's user is an administrator of the Pipedrive company.
    #[serde(default = "yes")]
    pub is_admin: bool,
    /// What the Pipedrive company pays for; decides its limits.
    #[serde(default)]
    pub plan: Plan,
    /// Whether Pipedrive organizations have a website and the other details of firms.
    #[serde(default = "yes")]
    pub has_website: bool,
    /// Custom fields that the users of a Pipedrive company have made, by object type.
    #[serde(default)]
    pub fields: BTreeMap<String, Vec<FieldEntry>>,
    /// Overrides how many open deals the Pipedrive company may have.
    #[serde(default)]
    pub max_open_deals: Option<usize>,
    /// How many users may see each Pipedrive record, as webhooks list them; absent means three.
    #[serde(default)]
    pub permitted_users: Option<u64>,
    /// Overrides how many webhooks one user of Pipedrive can have.
    #[serde(default)]
    pub webhook_limit: Option<usize>,
    /// How long Pipedrive sends nothing to a webhook that failed too often.
    #[serde(default)]
    pub webhook_ban_ms: Option<i64>,
    /// After so many calls over a limit within a minute Pipedrive's API token is blocked.
    #[serde(default)]
    pub block_after_429s: Option<usize>,
    /// How long such a block lasts.
    #[serde(default)]
    pub block_ms: Option<i64>,
    /// What a Square seller is made of, and what is said of them in no vendor's documentation.
    #[serde(default)]
    pub square: SellerEntry,
    /// The group that a Vagaro account is in; the first segment of its paths.
    #[serde(default)]
    pub region: Option<String>,
    /// The locations of a Vagaro account; absent means one with the account's own id.
    #[serde(default)]
    pub businesses: Option<Vec<Location>>,
    /// The HTTP statuses of Vagaro's refusals, by `responseCode`.
    #[serde(default)]
    pub response_statuses: Statuses,
    /// Whether Vagaro's `deleted` events tell ids only.
    #[serde(default)]
    pub thin_deleted_events: bool,
}

const fn yes() -> bool {
    true
}

impl Account {
    /// What its webhooks are signed with.
    pub fn signing_secret(&self) -> Option<&str> {
        let of_app = self.oauth.as_ref().map(|app| app.client_secret.as_str());
        self.webhook_secret.as_deref().or(of_app)
    }

    /// Whether the token holds at least one of `any_of`.
    pub fn has_scope(&self, any_of: &[&str]) -> bool {
        self.scopes
            .as_ref()
            .is_none_or(|held| held.iter().any(|scope| any_of.contains(&scope.as_str())))
    }
}
