//! Which method and path lead where, what each call costs and which scopes it needs. Below
//! `/pipedrive` the first segment stands for the host: a company's domain, or `_oauth`.

use http::Method;

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

/// A call of a company's API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// `GET /api/v2/persons` and so on.
    List(Object),
    /// `POST /api/v2/persons`
    Create(Object),
    /// `GET /api/v2/persons/{id}`
    Read(Object, u64),
    /// `PATCH /api/v2/persons/{id}`
    Update(Object, u64),
    /// `DELETE /api/v2/persons/{id}`
    Delete(Object, u64),
    /// `GET /api/v2/persons/search`
    Search(Object),
    /// `GET /api/v2/itemSearch/field`
    FieldSearch,
    /// `GET /api/v2/personFields`
    Fields(Object),
    /// `POST /api/v2/personFields`
    CreateField(Object),
    /// `GET /api/v2/pipelines`
    Pipelines,
    /// `GET /api/v2/stages`
    Stages,
    /// `GET /api/v1/users/me`
    Me,
    /// `PUT /api/v1/persons/{id}/merge`
    Merge(u64),
    /// `GET /api/v1/webhooks`
    Hooks,
    /// `POST /api/v1/webhooks`
    CreateHook,
    /// `DELETE /api/v1/webhooks/{id}`
    DeleteHook(u64),
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

impl Call {
    /// Price in tokens, as the vendor's OpenAPI of 2026-08-18 has them.
    pub const fn cost(self) -> usize {
        match self {
            Self::Read(..) => 1,
            Self::Me => 2,
            Self::Delete(..) => 3,
            Self::Create(_)
            | Self::Update(..)
            | Self::CreateField(_)
            | Self::Pipelines
            | Self::Stages => 5,
            Self::DeleteHook(_) => 6,
            Self::List(_) | Self::Fields(_) | Self::Hooks | Self::CreateHook => 10,
            Self::Search(_) | Self::FieldSearch => 20,
            Self::Merge(_) => 40,
        }
    }

    /// Whether it counts against the limit of searches, too.
    pub const fn is_search(self) -> bool {
        matches!(self, Self::Search(_) | Self::FieldSearch)
    }

    /// Whether it can change what is stored.
    pub const fn is_write(self) -> bool {
        match self {
            Self::Create(_)
            | Self::Update(..)
            | Self::Delete(..)
            | Self::CreateField(_)
            | Self::Merge(_)
            | Self::CreateHook
            | Self::DeleteHook(_) => true,
            Self::List(_)
            | Self::Read(..)
            | Self::Search(_)
            | Self::FieldSearch
            | Self::Fields(_)
            | Self::Pipelines
            | Self::Stages
            | Self::Me
            | Self::Hooks => false,
        }
    }

    /// The scopes of which an OAuth token needs one; none for what every token may do.
    pub fn scopes(self) -> Vec<&'static str> {
        match self {
            Self::List(object) | Self::Read(object, _) => object.read_scopes().to_vec(),
            Self::Create(object) | Self::Update(object, _) | Self::Delete(object, _) => {
                vec![object.write_scope()]
            }
            Self::Search(object) => [object.read_scopes(), &["search:read"]].concat(),
            Self::FieldSearch => vec!["search:read"],
            Self::Fields(object) => [object.read_scopes(), object.field_scopes()].concat(),
            Self::CreateField(object) => object.field_scopes().to_vec(),
            Self::Pipelines | Self::Stages => [Object::Deal.read_scopes(), &["admin"]].concat(),
            Self::Me => Vec::new(),
            Self::Merge(_) => vec![Object::Person.write_scope()],
            Self::Hooks | Self::CreateHook | Self::DeleteHook(_) => vec!["admin", "webhooks:full"],
        }
    }

    /// The path template below the host.
    pub fn template(self) -> String {
        match self {
            Self::List(object) | Self::Create(object) => format!("/api/v2/{}", object.plural()),
            Self::Read(object, _) | Self::Update(object, _) | Self::Delete(object, _) => {
                format!("/api/v2/{}/{{id}}", object.plural())
            }
            Self::Search(object) => format!("/api/v2/{}/search", object.plural()),
            Self::FieldSearch => "/api/v2/itemSearch/field".to_owned(),
            Self::Fields(object) | Self::CreateField(object) => {
                format!("/api/v2/{}Fields", object.name())
            }
            Self::Pipelines => "/api/v2/pipelines".to_owned(),
            Self::Stages => "/api/v2/stages".to_owned(),
            Self::Me => "/api/v1/users/me".to_owned(),
            Self::Merge(_) => "/api/v1/persons/{id}/merge".to_owned(),
            Self::Hooks | Self::CreateHook => "/api/v1/webhooks".to_owned(),
            Self::DeleteHook(_) => "/api/v1/webhooks/{id}".to_owned(),
        }
    }
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
