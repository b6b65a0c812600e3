//! `GET /account-info/{version}/details`: the cheap call that tells whose token it is.

use http::StatusCode;
use serde_json::json;

use super::errors::Refusal;
use crate::accounts::Account;
use crate::vendor::Answer;

/// The account's details.
pub fn details(account: &Account) -> Result<Answer, Refusal> {
    let portal_id: u64 = account.account.parse().map_err(|_| Refusal::object_not_found())?;
    let body = json!({
        "portalId": portal_id,
        "accountType": "DEVELOPER_TEST",
        "timeZone": "US/Eastern",
        "utcOffset": "-05:00",
        "utcOffsetMilliseconds": -18_000_000,
        "companyCurrency": "USD",
        "additionalCurrencies": [],
        "uiDomain": "app.hubspot.com",
        "dataHostingLocation": "na1",
    });
    Ok(Answer::json(StatusCode::OK, &body))
}
