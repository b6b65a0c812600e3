//! Vagaro. Facts and their evidence: `docs/integrations/booking_vagaro_mapping.md`.

/// Where Vagaro is.
#[derive(Debug, Clone)]
pub struct VagaroSettings {
    /// Base URL, by default `https://api.vagaro.com`; paths begin with the account's region.
    pub base_url: String,
}
