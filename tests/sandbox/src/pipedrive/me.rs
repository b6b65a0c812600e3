//! `GET /users/me`: the token's user and the company.

use serde_json::{Value, json};

use super::drafts;
use crate::accounts::Account;

/// The zone that the user's clock shows. The daily budget ends at the server's midnight, which is
/// another one on purpose.
const USER_ZONE: &str = "Europe/Tallinn";
const MADE_AT: &str = "2024-01-01 08:00:00";

/// The member `data`.
pub fn data(account: &Account) -> Value {
    let access = ["sales", "global", "account_settings"].map(|app| {
        json!({ "app": app, "admin": account.is_admin,
            "permission_set_id": "00000000-0000-4000-8000-000000000001" })
    });
    let domain = account.domain.as_deref().unwrap_or_default();
    json!({
        "id": drafts::user_id(account),
        "name": "Sandbox User",
        "default_currency": "USD",
        "locale": "en_US",
        "lang": 1,
        "email": format!("user@{domain}.example.com"),
        "phone": null,
        "activated": true,
        "last_login": MADE_AT,
        "created": MADE_AT,
        "modified": null,
        "has_created_company": account.is_admin,
        "access": access,
        "active_flag": true,
        "timezone_name": USER_ZONE,
        "timezone_offset": "+02:00",
        "role_id": 1,
        "icon_url": null,
        "is_you": true,
        "is_deleted": false,
        "company_id": account.account.parse::<u64>().ok(),
        "company_name": format!("Company {domain}"),
        "company_domain": domain,
        "company_country": "US",
        "company_industry": "",
        "language": { "language_code": "en", "country_code": "US" },
    })
}
