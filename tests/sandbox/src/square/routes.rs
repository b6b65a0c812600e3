//! Which method and path lead where.

use http::Method;

use crate::percent::decode_path;

/// What a path leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// `POST /oauth2/token`
    Token,
    /// `POST /oauth2/token/status`
    TokenStatus,
    /// `POST /oauth2/revoke`
    Revoke,
    /// `GET /v2/bookings`
    Bookings,
    /// `GET /v2/bookings/{booking_id}`
    Booking(String),
    /// `POST /v2/bookings/bulk-retrieve`
    BulkBookings,
    /// `GET /v2/bookings/business-booking-profile`
    BookingProfile,
    /// `GET /v2/customers/{customer_id}`
    Customer(String),
    /// `POST /v2/customers/bulk-retrieve`
    BulkCustomers,
    /// `GET /v2/locations`
    Locations,
    /// `GET /v2/merchants/{merchant_id}`
    Merchant(String),
}

/// Why a path leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteError {
    /// There is nothing there.
    NotFound,
    /// There is, but not for this method.
    MethodNotAllowed,
}

impl Route {
    /// The permission that the caller needs; the OAuth server asks for none.
    pub const fn scope(&self) -> Option<&'static str> {
        match self {
            Self::Token | Self::TokenStatus | Self::Revoke => None,
            Self::Bookings | Self::Booking(_) | Self::BulkBookings => Some("APPOINTMENTS_READ"),
            Self::BookingProfile => Some("APPOINTMENTS_BUSINESS_SETTINGS_READ"),
            Self::Customer(_) | Self::BulkCustomers => Some("CUSTOMERS_READ"),
            Self::Locations | Self::Merchant(_) => Some("MERCHANT_PROFILE_READ"),
        }
    }

    /// Whether it is of the OAuth server, which has no part in the rate limit.
    pub const fn is_oauth(&self) -> bool {
        self.scope().is_none()
    }

    /// The path template.
    pub const fn template(&self) -> &'static str {
        match self {
            Self::Token => "/oauth2/token",
            Self::TokenStatus => "/oauth2/token/status",
            Self::Revoke => "/oauth2/revoke",
            Self::Bookings => "/v2/bookings",
            Self::Booking(_) => "/v2/bookings/{booking_id}",
            Self::BulkBookings => "/v2/bookings/bulk-retrieve",
            Self::BookingProfile => "/v2/bookings/business-booking-profile",
            Self::Customer(_) => "/v2/customers/{customer_id}",
            Self::BulkCustomers => "/v2/customers/bulk-retrieve",
            Self::Locations => "/v2/locations",
            Self::Merchant(_) => "/v2/merchants/{merchant_id}",
        }
    }
}

/// Reads method and path.
pub fn parse(method: &Method, path: &str) -> Result<Route, RouteError> {
    let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
    let (route, wanted) = match segments.as_slice() {
        ["oauth2", "token"] => (Route::Token, Method::POST),
        ["oauth2", "token", "status"] => (Route::TokenStatus, Method::POST),
        ["oauth2", "revoke"] => (Route::Revoke, Method::POST),
        ["v2", "bookings"] => (Route::Bookings, Method::GET),
        ["v2", "bookings", "bulk-retrieve"] => (Route::BulkBookings, Method::POST),
        ["v2", "bookings", "business-booking-profile"] => (Route::BookingProfile, Method::GET),
        ["v2", "bookings", id] => (Route::Booking(decode_path(id)), Method::GET),
        ["v2", "customers", "bulk-retrieve"] => (Route::BulkCustomers, Method::POST),
        ["v2", "customers", id] => (Route::Customer(decode_path(id)), Method::GET),
        ["v2", "locations"] => (Route::Locations, Method::GET),
        ["v2", "merchants", id] => (Route::Merchant(decode_path(id)), Method::GET),
        _ => return Err(RouteError::NotFound),
    };
    if method == wanted { Ok(route) } else { Err(RouteError::MethodNotAllowed) }
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::{Route, RouteError, parse};

    #[test]
    fn paths_lead_to_their_routes_and_other_methods_are_refused() {
        for (method, path, expected) in [
            (Method::GET, "/v2/bookings", Ok(Route::Bookings)),
            (Method::GET, "/v2/bookings/a%2Fb", Ok(Route::Booking("a/b".to_owned()))),
            (Method::POST, "/v2/bookings/bulk-retrieve", Ok(Route::BulkBookings)),
            (Method::GET, "/v2/bookings/business-booking-profile", Ok(Route::BookingProfile)),
            (Method::GET, "/v2/bookings/bulk-retrieve", Err(RouteError::MethodNotAllowed)),
            (Method::POST, "/v2/bookings", Err(RouteError::MethodNotAllowed)),
            (Method::GET, "/v2/merchants/me", Ok(Route::Merchant("me".to_owned()))),
            (Method::POST, "/oauth2/token/status", Ok(Route::TokenStatus)),
            (Method::GET, "/v1/bookings", Err(RouteError::NotFound)),
        ] {
            assert_eq!(parse(&method, path), expected, "{method} {path}");
        }
    }
}
