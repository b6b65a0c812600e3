//! Which domain, method and path lead where.

use http::Method;

use crate::percent::decode_path;

/// An endpoint of OAuth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OauthCall {
    /// `POST /services/oauth2/token`
    Token,
    /// `POST /services/oauth2/introspect`
    Introspect,
    /// `POST /services/oauth2/revoke`
    Revoke,
    /// `GET /services/oauth2/userinfo`
    UserInfo,
}

impl OauthCall {
    const ALL: [Self; 4] = [Self::Token, Self::Introspect, Self::Revoke, Self::UserInfo];

    const fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Introspect => "introspect",
            Self::Revoke => "revoke",
            Self::UserInfo => "userinfo",
        }
    }
}

/// Where a call goes. Names and ids are as they came, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// `/services/oauth2/…`, which no limit counts.
    Oauth(OauthCall),
    /// `GET /services/data`
    Versions,
    /// `GET …/sobjects`
    DescribeGlobal,
    /// `GET …/sobjects/{object}/describe`
    Describe(String),
    /// `POST …/sobjects/{object}`
    Create(String),
    /// `GET`, `PATCH` or `DELETE …/sobjects/{object}/{id}`
    Row(String, String),
    /// `GET`, `PATCH` or `DELETE …/sobjects/{object}/{field}/{value}`
    Keyed(String, String, String),
    /// `GET …/query?q=`, or `queryAll`
    Query {
        /// Whether deleted records are seen.
        with_deleted: bool,
    },
    /// `GET …/query/{locator}`
    QueryMore(String),
    /// `GET …/limits`
    Limits,
    /// `POST …/composite`
    Composite,
    /// `POST`, `PATCH` or `DELETE …/composite/sobjects`
    Collection,
    /// `GET` or `POST …/composite/sobjects/{object}`
    CollectionRead(String),
    /// `PATCH …/composite/sobjects/{object}/{field}`
    CollectionUpsert(String, String),
}

/// A path, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// My Domain: what stands before `.my.salesforce.com`.
    pub domain: String,
    /// The API version, for REST.
    pub version: u32,
    /// What is called.
    pub route: Route,
}

/// Why a path leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteError {
    /// There is nothing there.
    NotFound,
    /// There is, but only for these methods.
    MethodNotAllowed(&'static str),
}

/// Summer '26 orgs have these; the older ones are gone.
pub const VERSIONS: std::ops::RangeInclusive<u32> = 31..=67;

impl Route {
    const fn methods(&self) -> &'static str {
        match self {
            Self::Oauth(OauthCall::UserInfo)
            | Self::Versions
            | Self::DescribeGlobal
            | Self::Describe(_)
            | Self::Query { .. }
            | Self::QueryMore(_)
            | Self::Limits => "GET",
            Self::Oauth(_) | Self::Create(_) | Self::Composite => "POST",
            Self::Row(..) | Self::Keyed(..) => "GET,PATCH,DELETE",
            Self::Collection => "POST,PATCH,DELETE",
            Self::CollectionRead(_) => "GET,POST",
            Self::CollectionUpsert(..) => "PATCH",
        }
    }

    /// Whether it can change records, with that method.
    pub fn is_write(&self, method: &Method) -> bool {
        match self {
            Self::Create(_) | Self::Composite | Self::Collection | Self::CollectionUpsert(..) => {
                true
            }
            Self::Row(..) | Self::Keyed(..) => method != Method::GET,
            Self::Oauth(_)
            | Self::Versions
            | Self::DescribeGlobal
            | Self::Describe(_)
            | Self::Query { .. }
            | Self::QueryMore(_)
            | Self::Limits
            | Self::CollectionRead(_) => false,
        }
    }

    /// The path template; object types and key fields stay.
    pub fn template(&self) -> String {
        let below = match self {
            Self::Oauth(call) => return format!("/services/oauth2/{}", call.name()),
            Self::Versions => return "/services/data".to_owned(),
            Self::DescribeGlobal => "sobjects".to_owned(),
            Self::Describe(object) => format!("sobjects/{object}/describe"),
            Self::Create(object) => format!("sobjects/{object}"),
            Self::Row(object, _) => format!("sobjects/{object}/{{id}}"),
            Self::Keyed(object, field, _) => format!("sobjects/{object}/{field}/{{value}}"),
            Self::Query { with_deleted: false } => "query".to_owned(),
            Self::Query { with_deleted: true } => "queryAll".to_owned(),
            Self::QueryMore(_) => "query/{locator}".to_owned(),
            Self::Limits => "limits".to_owned(),
            Self::Composite => "composite".to_owned(),
            Self::Collection => "composite/sobjects".to_owned(),
            Self::CollectionRead(object) => format!("composite/sobjects/{object}"),
            Self::CollectionUpsert(object, field) => format!("composite/sobjects/{object}/{field}"),
        };
        format!("/services/data/{{version}}/{below}")
    }
}

fn of_rest(below: &[&str]) -> Option<Route> {
    let name = |segment: &str| decode_path(segment);
    Some(match below {
        ["sobjects"] => Route::DescribeGlobal,
        ["sobjects", object] => Route::Create(name(object)),
        ["sobjects", object, "describe"] => Route::Describe(name(object)),
        ["sobjects", object, id] => Route::Row(name(object), name(id)),
        ["sobjects", object, field, value] => Route::Keyed(name(object), name(field), name(value)),
        ["query"] => Route::Query { with_deleted: false },
        ["queryAll"] => Route::Query { with_deleted: true },
        ["query" | "queryAll", locator] => Route::QueryMore(name(locator)),
        ["limits"] => Route::Limits,
        ["composite"] => Route::Composite,
        ["composite", "sobjects"] => Route::Collection,
        ["composite", "sobjects", object] => Route::CollectionRead(name(object)),
        ["composite", "sobjects", object, field] => {
            Route::CollectionUpsert(name(object), name(field))
        }
        _ => return None,
    })
}

/// Reads what stands behind the domain.
fn behind_domain(segments: &[&str]) -> Option<(u32, Route)> {
    match segments {
        ["services", "oauth2", call] => {
            let call = OauthCall::ALL.into_iter().find(|known| known.name() == *call)?;
            Some((0, Route::Oauth(call)))
        }
        ["services", "data"] => Some((0, Route::Versions)),
        ["services", "data", version, below @ ..] => {
            let number = version.strip_prefix('v')?.strip_suffix(".0")?.parse().ok()?;
            let route = of_rest(below).filter(|_| VERSIONS.contains(&number))?;
            Some((number, route))
        }
        _ => None,
    }
}

/// The domain of a path, in lower case as host names are.
pub fn domain(path: &str) -> String {
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    decode_path(first).to_ascii_lowercase()
}

/// Reads method and path.
pub fn parse(method: &Method, path: &str) -> Result<Call, RouteError> {
    let below = path.trim_matches('/').split_once('/').map_or("", |(_, below)| below);
    let segments: Vec<&str> = below.split('/').collect();
    let (version, route) = behind_domain(&segments).ok_or(RouteError::NotFound)?;
    let methods = route.methods();
    if methods.split(',').any(|allowed| allowed == method.as_str()) {
        Ok(Call { domain: domain(path), version, route })
    } else {
        Err(RouteError::MethodNotAllowed(methods))
    }
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::{Call, OauthCall, Route, RouteError, parse};

    fn route(method: &Method, path: &str) -> Result<Route, RouteError> {
        parse(method, path).map(|call| call.route)
    }

    #[test]
    fn paths_lead_to_their_routes() {
        let contact = || "Contact".to_owned();
        for (method, path, expected) in [
            (Method::POST, "/acme/services/oauth2/token", Route::Oauth(OauthCall::Token)),
            (Method::GET, "/acme/services/data/", Route::Versions),
            (Method::GET, "/acme/services/data/v67.0/limits", Route::Limits),
            (
                Method::PATCH,
                "/acme/services/data/v67.0/sobjects/Contact/K__c/a%2Fb%20c",
                Route::Keyed(contact(), "K__c".to_owned(), "a/b c".to_owned()),
            ),
            (
                Method::POST,
                "/acme/services/data/v67.0/composite/sobjects/Contact",
                Route::CollectionRead(contact()),
            ),
        ] {
            assert_eq!(route(&method, path), Ok(expected), "{method} {path}");
        }
    }

    #[test]
    fn unknown_versions_paths_and_methods_are_refused() {
        for path in [
            "/acme/services/data/v30.0/limits",
            "/acme/services/data/67.0/limits",
            "/acme/services/data/v99.0/limits",
            "/acme/services/Soap/u/67.0",
            "/acme",
        ] {
            assert_eq!(route(&Method::GET, path), Err(RouteError::NotFound), "{path}");
        }
        let put = route(&Method::PUT, "/acme/services/data/v67.0/composite/sobjects");
        assert_eq!(put, Err(RouteError::MethodNotAllowed("POST,PATCH,DELETE")));
    }

    #[test]
    fn domain_is_read_without_case() {
        let call = parse(&Method::GET, "/Acme--UAT.sandbox/services/data/v52.0/query").unwrap();
        let route = Route::Query { with_deleted: false };
        assert_eq!(call, Call { domain: "acme--uat.sandbox".to_owned(), version: 52, route });
    }
}
