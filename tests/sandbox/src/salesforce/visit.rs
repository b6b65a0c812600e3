//! One REST call, or one of a composite, carried out in its org.

use std::sync::Arc;

use http::StatusCode;
use serde_json::{Value, json};

use super::errors::Refusal;
use super::orgs::{Org, Setup};
use super::routes::{Call, Route, VERSIONS};
use super::sobject::Sobject;
use super::values::whole_seconds;
use super::write::Desk;
use super::{collections, composite, limits, query, records_api, schema, user_id};
use crate::accounts::Account;
use crate::rates::Usage;
use crate::vendor::{Answer, VendorRequest};

/// The result of a call, and whether it changed anything.
pub type Handled = Result<(Answer, bool), Refusal>;

/// The vendor's limit for URI and headers together; only the URI is measured.
const MAX_URI_BYTES: usize = 16_384;

/// What a call works with.
pub struct Visit<'a> {
    /// The org.
    pub org: &'a mut Org,
    /// Its account.
    pub account: &'a Account,
    /// How much of the limits is left.
    pub usages: &'a [Usage],
    /// Now.
    pub now_ms: i64,
}

fn saves_through_alerts(request: &VendorRequest) -> bool {
    let given = request.header("sforce-duplicate-rule-header").unwrap_or_default();
    given.split(';').any(|part| part.trim().eq_ignore_ascii_case("allowsave=true"))
}

/// A desk for the user behind the API.
fn api_desk<'a>(
    account: &'a Account,
    setup: &'a Setup,
    version: u32,
    request: &VendorRequest,
    now_ms: i64,
) -> Desk<'a> {
    Desk {
        org_id: &account.account,
        schema: &setup.schema,
        settings: &setup.settings,
        user_id: user_id(account),
        now_ms: whole_seconds(now_ms),
        saves_through_alerts: saves_through_alerts(request),
        asks_duplicate_rules: true,
        version,
    }
}

fn found(body: &Value) -> Handled {
    Ok((Answer::json(StatusCode::OK, body), false))
}

/// `GET /services/data`
pub fn versions() -> Answer {
    let all = VERSIONS.map(|number| {
        let (season, year) = match number % 3 {
            1 => ("Summer", 2004 + (number - 1) / 3),
            2 => ("Winter", 2005 + (number - 2) / 3),
            _ => ("Spring", 2004 + number / 3),
        };
        let label = format!("{season} '{}", year % 100);
        let version = format!("{number}.0");
        json!({ "label": label, "url": format!("/services/data/v{version}"), "version": version })
    });
    Answer::json(StatusCode::OK, &Value::Array(all.collect()))
}

fn rows_per_page(request: &VendorRequest) -> Option<usize> {
    let given = request.header("sforce-query-options")?;
    let mut parts = given.split([',', ';']).filter_map(|part| part.split_once('='));
    parts.find(|(name, _)| name.trim() == "batchSize")?.1.trim().parse().ok()
}

impl Visit<'_> {
    /// Carries a call out.
    pub fn run(&mut self, call: &Call, request: &VendorRequest) -> Handled {
        if request.path.len() + request.raw_query.len() > MAX_URI_BYTES {
            return Err(Refusal::uri_too_long());
        }
        let setup = Arc::clone(&self.org.setup);
        let desk = api_desk(self.account, &setup, call.version, request, self.now_ms);
        let tables = &mut self.org.tables;
        match &call.route {
            Route::DescribeGlobal => found(&schema::global()),
            Route::Describe(object) => {
                let sobject = records_api::sobject(object)?;
                found(&schema::described(&setup.schema, &setup.settings, sobject))
            }
            Route::Create(object) => records_api::create(&desk, tables, request, object),
            Route::Row(object, id) => records_api::row(&desk, tables, request, object, id),
            Route::Keyed(object, field, value) => {
                records_api::keyed(&desk, tables, request, (object, field, value))
            }
            Route::Query { with_deleted } => {
                let soql = request.query_value("q").unwrap_or_default();
                let (cursors, page) = (&mut self.org.cursors, rows_per_page(request));
                found(&query::first_page(&desk, tables, cursors, soql, *with_deleted, page)?)
            }
            Route::QueryMore(locator) => {
                found(&query::next_page(&desk, &self.org.cursors, locator)?)
            }
            Route::Limits => Ok((limits::told(self.usages)?, false)),
            Route::Composite => composite::run(self, request),
            Route::Collection => collections::write(&desk, tables, request),
            Route::CollectionRead(object) => collections::read(&desk, tables, request, object),
            Route::CollectionUpsert(object, field) => {
                collections::upsert(&desk, tables, request, (object, field))
            }
            Route::Versions => Ok((versions(), false)),
            Route::Oauth(_) => Err(Refusal::not_found()),
        }
    }
}

/// All records of a type that aren't deleted, with all their fields, for the control API.
pub fn all_objects(org: &Org, account: &Account, sobject: Sobject) -> Result<Vec<Value>, String> {
    let setup = Arc::clone(&org.setup);
    let desk = super::portal_acts::desk(account, &setup, 0);
    let rows = org.tables.live(sobject).map(|row| query::record(&desk, &org.tables, row, &[]));
    rows.collect::<Result<_, _>>().map_err(|refusal| refusal.told())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::versions;

    #[test]
    fn versions_have_the_names_of_their_seasons() {
        let body: Value = serde_json::from_slice(&versions().body).unwrap();
        let label = |version: &str| {
            let mut all = body.as_array().unwrap().iter();
            all.find(|one| one["version"] == version).unwrap()["label"].clone()
        };
        assert_eq!(label("65.0"), "Winter '26");
        assert_eq!(label("66.0"), "Spring '26");
        assert_eq!(label("67.0"), "Summer '26");
        assert_eq!(label("31.0"), "Summer '14");
    }
}
