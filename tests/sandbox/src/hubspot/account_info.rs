//! `GET /account-info/{version}/details`: the cheap call that tells whose token it is.

use http::StatusCode;
use serde_json::json;

use super::errors::Refusal;
use super::limits::DEFAULT_UTC_OFFSET_MS;
use crate::accounts::Account;
use crate::vendor::Answer;

/// Hours and minutes with a sign, as in ISO 8601.
fn offset_text(utc_offset_ms: i64) -> String {
    let sign = if utc_offset_ms < 0 { '-' } else { '+' };
    let minutes = utc_offset_ms.unsigned_abs() / 60_000;
    format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

/// The account's details.
pub fn details(account: &Account) -> Result<Answer, Refusal> {
    let portal_id: u64 = account.account.parse().map_err(|_| Refusal::object_not_found())?;
    let utc_offset_ms = account.utc_offset_ms.unwrap_or(DEFAULT_UTC_OFFSET_MS);
    let body = json!({
        "portalId": portal_id,
        "accountType": "DEVELOPER_TEST",
        "timeZone": account.time_zone.as_deref().unwrap_or("US/Eastern"),
        "utcOffset": offset_text(utc_offset_ms),
        "utcOffsetMilliseconds": utc_offset_ms,
        "companyCurrency": "USD",
        "additionalCurrencies": [],
        "uiDomain": "app.hubspot.com",
        "dataHostingLocation": "na1",
    });
    Ok(Answer::json(StatusCode::OK, &body))
}

#[cfg(test)]
mod tests {
    use super::offset_text;

    #[test]
    fn offset_text_has_a_sign_and_two_digits_each() {
        assert_eq!(offset_text(-18_000_000), "-05:00");
        assert_eq!(offset_text(20_700_000), "+05:45");
        assert_eq!(offset_text(0), "+00:00");
    }
}
