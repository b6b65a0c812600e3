//! Everything that the orgs hold. Settings are records, too, so that they are queried like any.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::ids;
use super::org::Settings;
use super::query::Cursors;
use super::schema::Schema;
use super::sobject::Sobject;
use super::store::{Record, Tables};
use super::user_id;
use crate::accounts::Account;

/// What an org's admin has set up, in the two forms that it is needed in.
pub struct Setup {
    /// As the account's entry tells it.
    pub settings: Settings,
    /// As object types.
    pub schema: Schema,
}

/// One org.
pub struct Org {
    /// What its admin has set up.
    pub setup: Arc<Setup>,
    /// Its records.
    pub tables: Tables,
    /// Pages of queries that wait to be fetched.
    pub cursors: Cursors,
}

type Row<'a> = &'a [(&'a str, Value)];

/// Settings have been there since the org was made.
const LONG_AGO_MS: i64 = 1_577_836_800_000;

fn settings_record(account: &Account, sobject: Sobject, id: String, row: Row<'_>) -> Record {
    let filled = row.iter().filter(|(_, value)| !value.is_null());
    Record {
        id,
        sobject,
        values: filled.map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
        created_ms: LONG_AGO_MS,
        modified_ms: LONG_AGO_MS,
        stamp_ms: LONG_AGO_MS,
        created_by: user_id(account),
        modified_by: user_id(account),
        is_deleted: false,
        deleted_with: None,
    }
}

/// The time zone that accounts have unless they say otherwise.
const USUAL_TIME_ZONE: &str = "America/New_York";

fn zone(account: &Account) -> Value {
    json!(account.time_zone.as_deref().unwrap_or(USUAL_TIME_ZONE))
}

fn users(account: &Account) -> Vec<Record> {
    let api_user = account.username.as_deref().unwrap_or("integration@example.com");
    let person = super::portal_user_id(account);
    let all =
        [(user_id(account), api_user, "Integration User"), (person, "admin@example.com", "Admin")];
    let records = all.into_iter().map(|(id, username, name)| {
        let row = [
            ("Username", json!(username)),
            ("Name", json!(name)),
            ("IsActive", json!(true)),
            ("TimeZoneSidKey", zone(account)),
        ];
        settings_record(account, Sobject::User, id, &row)
    });
    records.collect()
}

fn organization(account: &Account) -> Record {
    let domain = account.domain.as_deref().unwrap_or_default();
    let edition =
        if domain.ends_with(".develop") { "Developer Edition" } else { "Enterprise Edition" };
    let row = [
        ("Name", json!(domain)),
        ("TimeZoneSidKey", zone(account)),
        ("DefaultLocaleSidKey", json!("en_US")),
        ("OrganizationType", json!(edition)),
        ("IsSandbox", json!(domain.ends_with(".sandbox"))),
    ];
    settings_record(account, Sobject::Organization, account.account.clone(), &row)
}

fn stages(account: &Account, settings: &Settings) -> Vec<Record> {
    let numbered = (1_u64..).zip(&settings.stages);
    let records = numbered.map(|(number, stage)| {
        let id = ids::drawn(Sobject::OpportunityStage.key_prefix(), &account.account, number);
        let row = [
            ("MasterLabel", json!(stage.label.as_ref().unwrap_or(&stage.api_name))),
            ("ApiName", json!(stage.api_name)),
            ("IsActive", json!(stage.is_active)),
            ("IsClosed", json!(stage.is_closed)),
            ("IsWon", json!(stage.is_won)),
            ("SortOrder", json!(number)),
            ("DefaultProbability", json!(stage.probability)),
        ];
        settings_record(account, Sobject::OpportunityStage, id, &row)
    });
    records.collect()
}

fn record_types(account: &Account, settings: &Settings) -> Vec<Record> {
    let records = settings.record_types().map(|(of, one)| {
        let row = [
            ("Name", json!(one.name)),
            ("DeveloperName", json!(one.developer_name)),
            ("SobjectType", json!(of.name())),
            ("IsActive", json!(one.is_active)),
        ];
        settings_record(account, Sobject::RecordType, one.id.clone(), &row)
    });
    records.collect()
}

impl Org {
    /// Takes over the settings of the account's entry; data records stay.
    fn set_up(&mut self, account: &Account, settings: Settings) {
        self.tables.clear_settings();
        let mut all = users(account);
        all.push(organization(account));
        all.extend(stages(account, &settings));
        all.extend(record_types(account, &settings));
        let schema = Schema::of(&settings);
        for record in all {
            self.tables.put(&schema, record);
        }
        self.tables.reindex(&schema);
        self.setup = Arc::new(Setup { settings, schema });
    }
}

/// All orgs, by the account's id.
#[derive(Default)]
pub struct Orgs(BTreeMap<String, Org>);

impl Orgs {
    /// Adds or changes an org.
    pub fn put(&mut self, account: &Account, settings: Settings) {
        let org = self.0.entry(account.account.clone()).or_insert_with(|| Org {
            setup: Arc::new(Setup { schema: Schema::of(&settings), settings: settings.clone() }),
            tables: Tables::default(),
            cursors: Cursors::default(),
        });
        org.set_up(account, settings);
    }

    /// The org of an account.
    pub fn get(&mut self, account: &str) -> Option<&mut Org> {
        self.0.get_mut(account)
    }

    /// Drops the records of one org, or of all; settings stay.
    pub fn reset(&mut self, account: Option<&str>) {
        for (of_account, org) in &mut self.0 {
            if account.is_none_or(|account| account == of_account) {
                org.tables.clear();
                org.cursors = Cursors::default();
            }
        }
    }
}
