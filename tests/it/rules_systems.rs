//! The README's table of systems says what the code does.

use std::sync::Arc;
use std::time::Duration;

use sync_domain::model::{System, SystemKind};
use sync_domain::ports::{
    AccountConnector, AuthMode, Clock, ConnectorCatalog, HookAddress, HookSecret,
};
use sync_lambda::clock::SystemClock;
use sync_providers::http::ProviderHttp;
use sync_providers::{ProviderCatalog, ProviderSettings};

use crate::support::cloud::root;
use crate::support::providers::vendors_own;

fn readme() -> String {
    std::fs::read_to_string(root().join("README.md")).unwrap()
}

fn catalog(settings: ProviderSettings) -> ProviderCatalog {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    ProviderCatalog::new(&ProviderHttp::new(Duration::from_secs(5)).unwrap(), settings, &clock)
}

/// The texts between backticks.
fn quoted(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn cells(page: &str, system: System) -> Vec<String> {
    let begins = format!("| `{system}` |");
    let rows: Vec<_> = page.lines().filter(|line| line.starts_with(&begins)).collect();
    assert_eq!(rows.len(), 1, "README.md has one row for {system}");
    rows[0].trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
}

/// Whose secret stands in the column. A consent brings none of the tenant's.
fn signer(connector: &dyn AccountConnector) -> &'static str {
    let modes = connector.auth_modes();
    match connector.hook_secret() {
        HookSecret::Drawn => "drawn by us",
        HookSecret::Given if modes.iter().all(|mode| *mode == AuthMode::Oauth) => "our app's",
        HookSecret::Given if modes.contains(&AuthMode::Oauth) => {
            "given with the connection, or our app's"
        }
        HookSecret::Given => "given with the connection",
    }
}

#[test]
fn providers_table_says_what_the_code_does() {
    let (page, catalog) = (readme(), catalog(vendors_own()));
    for system in System::ALL {
        let connector = catalog.connector(system);
        let row = cells(&page, system);
        let [_, what, auth, address, signs, keyed, net, mapping] = row.as_slice() else {
            panic!("{system}: {row:?}");
        };
        let is_crm = system.kind() == SystemKind::Crm;
        assert_eq!(what, if is_crm { "contacts, companies, deals" } else { "appointments" });
        assert_eq!(catalog.crm(system).is_some(), is_crm, "{system}");
        assert_eq!(catalog.crm_reader(system).is_some(), is_crm, "{system}");
        assert_eq!(catalog.booking(system).is_some(), !is_crm, "{system}");
        let modes: Vec<_> = connector.auth_modes().iter().map(|mode| mode.as_str()).collect();
        assert_eq!(quoted(auth), modes, "{system}: how it is connected");
        let expected = match connector.hook_address() {
            HookAddress::Shared => "one for all tenants",
            HookAddress::Registered => "one per connection, registered by us",
            HookAddress::Entered => "one per connection, entered by the tenant",
        };
        assert_eq!(address, expected, "{system}: where webhooks come in");
        let expected = signer(connector.as_ref());
        assert!(signs.starts_with(expected), "{system}: {signs}");
        let types: Vec<_> = connector.keyed_types().iter().map(|it| it.as_str()).collect();
        assert_eq!(quoted(keyed), types, "{system}: key fields");
        let expected = match (catalog.crm_changes(system), catalog.booking(system)) {
            (Some(_), _) => "hourly sweep",
            (None, Some(reader)) if reader.lists_by_date() => "hourly sweep",
            (None, Some(_)) => "hourly sweep of what is known",
            (None, None) => "the vendor's retries",
        };
        assert_eq!(net, expected, "{system}: safety net");
        let link = mapping.split(['(', ')']).nth(1).unwrap();
        assert!(root().join(link).is_file(), "{system}: {link}");
    }
}
