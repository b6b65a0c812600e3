//! Which method and path lead where, below the region that every path begins with.

use http::Method;

use crate::percent::decode_path;

/// What a path leads to. Everything is a POST, reads too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// A token for credentials.
    Token,
    /// The account's locations.
    Locations,
    /// Appointments by id or by customer.
    Appointments,
    /// Customers by id.
    Customers,
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
    const ALL: [Self; 4] = [Self::Token, Self::Locations, Self::Appointments, Self::Customers];

    const fn below(self) -> &'static str {
        match self {
            Self::Token => "merchants/generate-access-token",
            Self::Locations => "locations",
            Self::Appointments => "appointments",
            Self::Customers => "customers",
        }
    }

    /// The path template.
    pub fn template(self) -> String {
        format!("/{{region}}/api/v2/{}", self.below())
    }

    /// The scope that a token needs for it.
    pub const fn scope(self) -> Option<&'static str> {
        match self {
            Self::Token => None,
            Self::Locations => Some("locations:read"),
            Self::Appointments => Some("appointments:read"),
            Self::Customers => Some("customers:read"),
        }
    }
}

/// A route under its region.
#[derive(Debug, PartialEq, Eq)]
pub struct Call {
    /// The group of accounts, such as `us02`.
    pub region: String,
    /// Where it leads.
    pub route: Route,
}

/// Reads method and path.
pub fn parse(method: &Method, path: &str) -> Result<Call, RouteError> {
    let below = path.trim_matches('/');
    let (region, below) = below.split_once('/').ok_or(RouteError::NotFound)?;
    let below = below.strip_prefix("api/v2/").ok_or(RouteError::NotFound)?;
    let route = Route::ALL.into_iter().find(|route| route.below() == below);
    let route = route.ok_or(RouteError::NotFound)?;
    if method != Method::POST {
        return Err(RouteError::MethodNotAllowed);
    }
    Ok(Call { region: decode_path(region), route })
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::{Route, RouteError, parse};

    #[test]
    fn paths_lead_to_their_routes_and_other_methods_are_refused() {
        for (method, path, expected) in [
            (Method::POST, "/us02/api/v2/merchants/generate-access-token", Ok(Route::Token)),
            (Method::POST, "/us02/api/v2/appointments/", Ok(Route::Appointments)),
            (Method::GET, "/us02/api/v2/appointments", Err(RouteError::MethodNotAllowed)),
            (Method::POST, "/us02/api/v2/appointments/a", Err(RouteError::NotFound)),
            (Method::POST, "/us02/api/v1/locations", Err(RouteError::NotFound)),
            (Method::POST, "/api/v2/locations", Err(RouteError::NotFound)),
            (Method::POST, "/", Err(RouteError::NotFound)),
        ] {
            assert_eq!(parse(&method, path).map(|call| call.route), expected, "{method} {path}");
        }
        assert_eq!(parse(&Method::POST, "/us02/api/v2/customers").unwrap().region, "us02");
    }
}
