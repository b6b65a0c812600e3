//! The Square module in front of a scripted vendor.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use sync_domain::model::{System, TenantId};
use sync_domain::ports::{AuthMode, Clock, Connection, CustomFields};
use sync_providers::http::ProviderHttp;
use sync_providers::square::{SquareReader, SquareSettings};
use sync_testkit::ManualClock;

pub const VERSION: &str = "2026-05-20";

pub fn http() -> ProviderHttp {
    ProviderHttp::new(Duration::from_secs(5)).unwrap()
}

/// With a clock that nobody moves.
pub fn reader(base_url: &str) -> SquareReader {
    reader_over(&http(), base_url, Arc::new(ManualClock::default()))
}

/// Shares the client: to make one takes longer than a page.
pub fn reader_over(http: &ProviderHttp, base_url: &str, clock: Arc<dyn Clock>) -> SquareReader {
    let settings = SquareSettings { base_url: base_url.to_owned(), version: VERSION.to_owned() };
    SquareReader::new(http.clone(), settings, clock)
}

pub fn connection() -> Connection {
    connection_of("acme", "MERCHANT1")
}

/// A tenant's connection to a seller.
pub fn connection_of(tenant: &str, merchant_id: &str) -> Connection {
    Connection {
        tenant: TenantId::parse(tenant).unwrap(),
        system: System::Square,
        auth: AuthMode::Oauth,
        account_id: merchant_id.to_owned(),
        access_token: "seller-token".to_owned().into(),
        token_version: 0,
        expires_at: None,
        refresh_at: None,
        default_region: Some("US".to_owned()),
        import_horizon_days: None,
        time_zone: None,
        key_properties: Vec::new(),
        domain: None,
        custom_fields: CustomFields::new(),
    }
}

/// An accepted booking of half an hour, as Square shows one.
pub fn booking(id: &str, start_at: &str, customer_id: Option<&str>) -> Value {
    json!({
        "id": id,
        "version": 1,
        "status": "ACCEPTED",
        "created_at": "2026-04-01T09:00:00Z",
        "updated_at": "2026-04-02T09:00:00Z",
        "start_at": start_at,
        "location_id": "LOC1",
        "customer_id": customer_id,
        "customer_note": "canary",
        "seller_note": "canary",
        "appointment_segments": [{
            "duration_minutes": 30,
            "service_variation_id": "SERVICE1",
            "service_variation_version": 1_641_341_724_039_i64,
            "team_member_id": "TEAM1",
            "any_team_member": false,
        }],
        "transition_time_minutes": 15,
        "all_day": false,
        "location_type": "BUSINESS_LOCATION",
        "creator_details": {"creator_type": "CUSTOMER", "customer_id": "canary"},
        "source": "FIRST_PARTY_BUYER",
        "address": {"address_line_1": "canary"},
    })
}

/// The answer of a list.
pub fn listed(bookings: &[Value], cursor: Option<&str>) -> Value {
    json!({"bookings": bookings, "cursor": cursor, "errors": []})
}

/// Somebody of that first name.
pub fn customer(id: &str, given_name: &str) -> Value {
    json!({"customer": {
        "id": id,
        "created_at": "2026-01-01T00:00:00.59Z",
        "given_name": given_name,
        "family_name": "Canary",
        "nickname": "canary-nick",
        "email_address": format!("{given_name}@Example.com"),
        "phone_number": "(415) 555-2671",
        "birthday": "1980-01-01",
        "note": "canary-note",
        "version": 3,
    }})
}

/// The answer of a call for customers.
pub fn customers(entries: &[(&str, Value)]) -> Value {
    let entries: serde_json::Map<_, _> =
        entries.iter().map(|(id, entry)| ((*id).to_owned(), entry.clone())).collect();
    json!({"responses": entries, "errors": []})
}

/// The entry, or the body, of one error.
pub fn error(category: &str, code: &str) -> Value {
    json!({"errors": [{"category": category, "code": code, "detail": "canary@example.com"}]})
}

pub fn not_found() -> Value {
    error("INVALID_REQUEST_ERROR", "NOT_FOUND")
}
