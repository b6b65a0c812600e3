//! Which method and path lead where.

use http::Method;

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// `GET /api/v1/me`
    Me,
    /// `GET /api/v1/meta`, the one that needs no credentials.
    Meta,
    /// `GET /api/v1/calendars`
    Calendars,
    /// `GET /api/v1/appointment-types`
    AppointmentTypes,
    /// `GET /api/v1/appointments`
    Appointments,
    /// `GET /api/v1/appointments/{id}`
    Appointment(u64),
    /// `GET /api/v1/webhooks`
    Hooks,
    /// `POST /api/v1/webhooks`
    CreateHook,
    /// `DELETE /api/v1/webhooks/{id}`
    DeleteHook(u64),
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
    /// Whether it can change what is stored.
    pub const fn is_write(self) -> bool {
        match self {
            Self::CreateHook | Self::DeleteHook(_) => true,
            Self::Me
            | Self::Meta
            | Self::Calendars
            | Self::AppointmentTypes
            | Self::Appointments
            | Self::Appointment(_)
            | Self::Hooks => false,
        }
    }

    /// The path template.
    pub const fn template(self) -> &'static str {
        match self {
            Self::Me => "/api/v1/me",
            Self::Meta => "/api/v1/meta",
            Self::Calendars => "/api/v1/calendars",
            Self::AppointmentTypes => "/api/v1/appointment-types",
            Self::Appointments => "/api/v1/appointments",
            Self::Appointment(_) => "/api/v1/appointments/{id}",
            Self::Hooks | Self::CreateHook => "/api/v1/webhooks",
            Self::DeleteHook(_) => "/api/v1/webhooks/{id}",
        }
    }
}

/// An id that is no number is an id that nothing has.
fn id(segment: &str) -> Result<u64, RouteError> {
    segment.parse().map_err(|_| RouteError::NotFound)
}

/// Reads method and path.
pub fn parse(method: &Method, path: &str) -> Result<Route, RouteError> {
    let below = path.trim_end_matches('/').strip_prefix("/api/v1/").ok_or(RouteError::NotFound)?;
    let segments: Vec<&str> = below.split('/').collect();
    let (route, wanted) = match (segments.as_slice(), method) {
        (["me"], _) => (Route::Me, Method::GET),
        (["meta"], _) => (Route::Meta, Method::GET),
        (["calendars"], _) => (Route::Calendars, Method::GET),
        (["appointment-types"], _) => (Route::AppointmentTypes, Method::GET),
        (["appointments"], _) => (Route::Appointments, Method::GET),
        (["appointments", segment], _) => (Route::Appointment(id(segment)?), Method::GET),
        (["webhooks"], &Method::POST) => (Route::CreateHook, Method::POST),
        (["webhooks"], _) => (Route::Hooks, Method::GET),
        (["webhooks", segment], _) => (Route::DeleteHook(id(segment)?), Method::DELETE),
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
            (Method::GET, "/api/v1/me", Ok(Route::Me)),
            (Method::GET, "/api/v1/appointments/", Ok(Route::Appointments)),
            (Method::GET, "/api/v1/appointments/7", Ok(Route::Appointment(7))),
            (Method::GET, "/api/v1/appointments/x", Err(RouteError::NotFound)),
            (Method::POST, "/api/v1/appointments", Err(RouteError::MethodNotAllowed)),
            (Method::POST, "/api/v1/webhooks", Ok(Route::CreateHook)),
            (Method::DELETE, "/api/v1/webhooks/3", Ok(Route::DeleteHook(3))),
            (Method::GET, "/api/v1/webhooks/3", Err(RouteError::MethodNotAllowed)),
            (Method::GET, "/api/v2/me", Err(RouteError::NotFound)),
            (Method::GET, "/", Err(RouteError::NotFound)),
        ] {
            assert_eq!(parse(&method, path), expected, "{method} {path}");
        }
    }
}
