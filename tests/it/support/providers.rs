//! The providers as the functions build them where nothing is set.

use sync_lambda::config::Settings;
use sync_providers::ProviderSettings;

/// The settings with the vendors' own addresses.
pub fn vendors_own() -> ProviderSettings {
    sync_wiring::provider_settings(&mut Settings::new(|_name| None))
}
