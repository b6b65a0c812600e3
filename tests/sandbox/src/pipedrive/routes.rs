//! Which method and path lead where. Below `/pipedrive` the first segment stands for the host: a
//! company's domain, or `_oauth`.

use http::Method;

pub use super::call::Call;
use super::object_types::Object;

/// The first segment that stands for the OAuth server.
const OAUTH_HOST: &str = "_oauth";

/// A call of the token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenCall {
    /// `POST /oauth/token`
    Token,
    /// `POST /oauth/revoke`
    Revoke,
}

/// What a path leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// The OAuth server.
    Oauth(TokenCall),
    /// The company of that domain.
    Api(String, Call),
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
    pub const fn is_write(&self) -> bool {
        match self {
            Self::Oauth(_) => true,
            Self::Api(_, call) => call.is_write(),
        }
    }

    /// The path template below the host.
    pub fn template(&self) -> String {
        match self {
            Self::Oauth(TokenCall::Token) => "/oauth/token".to_owned(),
            Self::Oauth(TokenCall::Revoke) => "/oauth/revoke".to_owned(),
            Self::Api(_, call) => call.template(),
        }
    }
}

/// An id that is no number is an id that nothing has.
fn id(segment: &str) -> Result<u64, RouteError> {
    segment.parse().map_err(|_| RouteError::NotFound)
}

fn only(call: Call, method: &Method, wanted: &Method) -> Result<Call, RouteError> {
    if method == wanted { Ok(call) } else { Err(RouteError::MethodNotAllowed) }
}

fn of_record(object: Object, id: u64, method: &Method) -> Result<Call, RouteError> {
    match *method {
        Method::GET => Ok(Call::Read(object, id)),
        Method::PATCH => Ok(Call::Update(object, id)),
        Method::DELETE => Ok(Call::Delete(object, id)),
        _ => Err(RouteError::MethodNotAllowed),
    }
}

fn get_or_post(get: Call, post: Call, method: &Method) -> Result<Call, RouteError> {
    match *method {
        Method::GET => Ok(get),
        Method::POST => Ok(post),
        _ => Err(RouteError::MethodNotAllowed),
    }
}

fn call(method: &Method, segments: &[&str]) -> Result<Call, RouteError> {
    match segments {
        ["v2", "itemSearch", "field"] => only(Call::FieldSearch, method, &Method::GET),
        ["v2", "pipelines"] => only(Call::Pipelines, method, &Method::GET),
        ["v2", "stages"] => only(Call::Stages, method, &Method::GET),
        ["v2", name] => {
            if let Some(object) = Object::from_plural(name) {
                return get_or_post(Call::List(object), Call::Create(object), method);
            }
            let of_fields = name.strip_suffix("Fields").and_then(Object::from_name);
            let object = of_fields.ok_or(RouteError::NotFound)?;
            get_or_post(Call::Fields(object), Call::CreateField(object), method)
        }
        ["v2", plural, segment] => {
            let object = Object::from_plural(plural).ok_or(RouteError::NotFound)?;
            match *segment {
                "search" => only(Call::Search(object), method, &Method::GET),
                _ => of_record(object, id(segment)?, method),
            }
        }
        ["v1", "users", "me"] => only(Call::Me, method, &Method::GET),
        ["v1", "persons", segment, "merge"] => {
            only(Call::Merge(id(segment)?), method, &Method::PUT)
        }
        ["v1", "webhooks"] => get_or_post(Call::Hooks, Call::CreateHook, method),
        ["v1", "webhooks", segment] => {
            only(Call::DeleteHook(id(segment)?), method, &Method::DELETE)
        }
        _ => Err(RouteError::NotFound),
    }
}

/// Reads method and path.
pub fn parse(method: &Method, path: &str) -> Result<Route, RouteError> {
    let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
    match segments.as_slice() {
        [OAUTH_HOST, "oauth", name] => {
            let call = match *name {
                "token" => TokenCall::Token,
                "revoke" => TokenCall::Revoke,
                _ => return Err(RouteError::NotFound),
            };
            if method == Method::POST {
                Ok(Route::Oauth(call))
            } else {
                Err(RouteError::MethodNotAllowed)
            }
        }
        [domain, "api", below @ ..] if *domain != OAUTH_HOST => {
            Ok(Route::Api((*domain).to_owned(), call(method, below)?))
        }
        _ => Err(RouteError::NotFound),
    }
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::{Call, Route, RouteError, TokenCall, parse};
    use crate::pipedrive::object_types::Object::{Organization, Person};

    #[test]
    fn paths_lead_to_their_calls_and_other_methods_are_refused() {
        let api = |call| Ok(Route::Api("acme".to_owned(), call));
        for (method, path, expected) in [
            (Method::GET, "/acme/api/v2/persons", api(Call::List(Person))),
            (Method::POST, "/acme/api/v2/personFields", api(Call::CreateField(Person))),
            (Method::PATCH, "/acme/api/v2/organizations/7", api(Call::Update(Organization, 7))),
            (Method::GET, "/acme/api/v2/persons/search", api(Call::Search(Person))),
            (Method::PUT, "/acme/api/v1/persons/7/merge", api(Call::Merge(7))),
            (Method::PUT, "/acme/api/v2/persons/7", Err(RouteError::MethodNotAllowed)),
            (Method::GET, "/acme/api/v2/persons/x", Err(RouteError::NotFound)),
            (Method::GET, "/acme/api/v1/persons", Err(RouteError::NotFound)),
            (Method::GET, "/acme/v1/users/me", Err(RouteError::NotFound)),
            (Method::POST, "/_oauth/oauth/token", Ok(Route::Oauth(TokenCall::Token))),
            (Method::GET, "/_oauth/oauth/token", Err(RouteError::MethodNotAllowed)),
            (Method::GET, "/_oauth/api/v1/users/me", Err(RouteError::NotFound)),
        ] {
            assert_eq!(parse(&method, path), expected, "{method} {path}");
        }
    }
}
