//! Square Appointments. Facts and their evidence: `docs/integrations/booking_square_mapping.md`.

/// Where Square is and which version of it is spoken.
#[derive(Debug, Clone)]
pub struct SquareSettings {
    /// Base URL, by default `https://connect.squareup.com`.
    pub base_url: String,
    /// The version of the API that every call asks for (`Square-Version`), a date.
    pub version: String,
}
