//! The Vagaro module in front of a scripted vendor, and deliveries as Vagaro makes them.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use sync_domain::model::{ExternalId, System, TenantId};
use sync_domain::ports::{AuthMode, BookingSelection, BookingWindow, Connection, CustomFields};
use sync_providers::http::ProviderHttp;
use sync_providers::vagaro::{VagaroConnector, VagaroReader, VagaroSettings};
use sync_testkit::ManualClock;

use super::vendor_server::VendorServer;
use super::webhook_signing::Sent;

/// Ids as Vagaro has them: opaque, with every sign of theirs.
pub const SHOP: &str = "Zk9+a/b~c_d-e==";
pub const OTHER_SHOP: &str = "zk9+A/b~c_d-e==";
pub const APPOINTMENT: &str = "q+W/e~r_t-Y1==";
pub const CUSTOMER: &str = "C+u/s~t_o-m==";

pub const VAGARO_PATH: &str = "/webhooks/booking/vagaro";
pub const SIGNATURE: &str = "X-Vagaro-Signature";

fn settings(base_url: &str) -> VagaroSettings {
    VagaroSettings { base_url: base_url.to_owned() }
}

fn http() -> ProviderHttp {
    ProviderHttp::new(Duration::from_secs(5)).unwrap()
}

pub fn reader(server: &VendorServer) -> VagaroReader {
    reader_at(&server.base_url, Arc::default())
}

pub fn reader_at(base_url: &str, clock: Arc<ManualClock>) -> VagaroReader {
    VagaroReader::new(http(), settings(base_url), clock)
}

pub fn connector(server: &VendorServer) -> VagaroConnector {
    VagaroConnector::new(http(), settings(&server.base_url))
}

pub fn connection() -> Connection {
    Connection {
        tenant: TenantId::parse("acme").unwrap(),
        system: System::Vagaro,
        auth: AuthMode::ClientCredentials,
        account_id: SHOP.to_owned(),
        access_token: "minted-token".into(),
        token_version: 0,
        expires_at: None,
        refresh_at: None,
        default_region: Some("US".to_owned()),
        import_horizon_days: None,
        time_zone: None,
        key_properties: Vec::new(),
        domain: Some("us02".to_owned()),
        custom_fields: CustomFields::new(),
    }
}

/// A success with these rows.
pub fn listed(data: impl Into<Value>) -> Value {
    let data: Value = data.into();
    json!({"status": 200, "responseCode": 1000, "message": "Success", "data": data})
}

/// A success without rows.
pub fn nothing() -> Value {
    listed(Vec::<Value>::new())
}

/// Some month.
pub fn window() -> BookingWindow {
    BookingWindow {
        from: "2026-09-01T00:00:00Z".parse().unwrap(),
        until: "2026-10-01T00:00:00Z".parse().unwrap(),
    }
}

/// A failure that comes with any status.
pub fn failure(code: u32) -> Value {
    json!({"status": 200, "responseCode": code, "message": "canary@example.com", "data": null})
}

pub fn shops(ids: &[&str]) -> Value {
    listed(ids.iter().map(|id| json!({"businessId": id, "businessName": "x"})).collect::<Vec<_>>())
}

/// An appointment as a delivery or a read has it.
pub fn appointment(id: &str) -> Value {
    json!({
        "appointmentId": id, "startTime": "2026-09-22T15:00:00Z",
        "endTime": "2026-09-22T15:45:00.000Z", "bookingStatus": "Confirmed",
        "serviceTitle": "Cut & colour", "serviceId": "s+1/2~3==", "serviceCategory": "Hair",
        "calendarEventId": null, "amount": 45.5, "eventType": "Appointment",
        "onlineVsInhouse": "Online", "appointmentTypeCode": "NR", "bookingSource": "Yelp",
        "customerId": CUSTOMER, "serviceProviderId": "p+1/2~3==", "businessId": SHOP,
        "formResponseIds": ["f1"], "createdDate": "2026-09-01T08:00:00Z", "modifiedDate": null,
    })
}

/// The same with other members.
pub fn appointment_with(id: &str, members: &[(&str, Value)]) -> Value {
    let mut row = appointment(id);
    for (name, value) in members {
        row[*name] = value.clone();
    }
    row
}

pub fn customer(id: &str) -> Value {
    json!({
        "customerId": id, "businessIds": [SHOP], "customerFirstName": " Ada ",
        "customerLastName": "Lovelace", "email": "Ada@Example.COM", "mobilePhone": "",
        "dayPhone": "(415) 555-2671", "nightPhone": "(415) 555-2672",
        "streetAddress": "canary street", "countryCode": "US",
    })
}

pub fn selection(bookings: &[&str], customers: &[&str]) -> BookingSelection {
    let ids = |ids: &[&str]| ids.iter().map(|id| ExternalId::new(*id)).collect();
    BookingSelection { booking_ids: ids(bookings), customer_ids: ids(customers) }
}

/// A delivery's body.
pub fn event(action: &str, created_at: &str, payload: impl Into<Value>) -> Value {
    let payload: Value = payload.into();
    json!({
        "id": "evt-1", "createdDate": created_at, "type": "appointment", "action": action,
        "payload": payload,
    })
}

impl Sent {
    /// As Vagaro sends it to an address with a token.
    pub fn vagaro(body: impl Into<Vec<u8>>, secret: &str, token: &str) -> Self {
        let sent = Self::unsigned(body).header(SIGNATURE, secret);
        Self { path: format!("{VAGARO_PATH}/{token}").into(), ..sent }
    }
}
