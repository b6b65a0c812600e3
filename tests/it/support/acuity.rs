//! The Acuity module in front of a scripted vendor.

use std::time::Duration;

use sync_domain::model::{System, TenantId};
use sync_domain::ports::{AuthMode, BookingWindow, Connection, CustomFields};
use sync_providers::acuity::{AcuityConnector, AcuityReader, AcuitySettings};
use sync_providers::http::ProviderHttp;

use super::cloud::root;
use super::vendor_server::VendorServer;

pub fn http() -> ProviderHttp {
    ProviderHttp::new(Duration::from_secs(5)).unwrap()
}

pub fn reader(base_url: &str, rows_max: u32) -> AcuityReader {
    reader_over(&http(), base_url, rows_max)
}

/// Shares the client: to make one takes longer than a page.
pub fn reader_over(http: &ProviderHttp, base_url: &str, rows_max: u32) -> AcuityReader {
    AcuityReader::new(http.clone(), AcuitySettings { base_url: base_url.to_owned(), rows_max })
}

pub fn connector(server: &VendorServer) -> AcuityConnector {
    let settings = AcuitySettings { base_url: server.base_url.clone(), rows_max: 100 };
    AcuityConnector::new(http(), settings)
}

/// A tenant's connection to an account in that zone.
pub fn connection(time_zone: Option<&str>) -> Connection {
    Connection {
        tenant: TenantId::parse("acme").unwrap(),
        system: System::Acuity,
        auth: AuthMode::ApiKey,
        account_id: "12345".to_owned(),
        access_token: "12345:key".to_owned().into(),
        token_version: 0,
        expires_at: None,
        refresh_at: None,
        default_region: Some("US".to_owned()),
        import_horizon_days: None,
        time_zone: time_zone.map(str::to_owned),
        key_properties: Vec::new(),
        domain: None,
        custom_fields: CustomFields::new(),
    }
}

pub fn window(from: &str, until: &str) -> BookingWindow {
    BookingWindow { from: from.parse().unwrap(), until: until.parse().unwrap() }
}

pub fn fixture(name: &str) -> String {
    std::fs::read_to_string(root().join("tests/fixtures/bookings").join(name)).unwrap()
}
