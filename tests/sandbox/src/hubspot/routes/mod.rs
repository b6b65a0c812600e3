//! HubSpot's paths: the dated and the older forms of each, and the operation behind them.

mod association;
mod operation;

use http::Method;

use super::object_types::ObjectType;
use crate::percent::decode_path;
pub use association::AssociationVerb;
pub use operation::Operation;

/// How a path is versioned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// By a date.
    Dated,
    /// `v3`
    V3,
    /// `v4`, associations only.
    V4,
}

/// Something done to property definitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PropertyCall {
    /// `GET {base}`
    List,
    /// `POST {base}`
    Create,
    /// `GET {base}/{name}`
    Read(String),
    /// `DELETE {base}/{name}`
    Archive(String),
}

/// A call of the token endpoint's family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenCall {
    /// `POST /oauth/{version}/token`
    Grant,
    /// `POST /oauth/{version}/token/introspect`
    Introspect,
    /// `POST /oauth/{version}/token/revoke`
    Revoke,
}

/// What a path leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// Records of a type.
    Objects {
        /// The type.
        object_type: &'static ObjectType,
        /// The form of the path.
        version: Version,
        /// What is done.
        operation: Operation,
    },
    /// Property definitions of a type.
    Properties {
        /// The type.
        object_type: &'static ObjectType,
        /// The form of the path.
        version: Version,
        /// What is done.
        call: PropertyCall,
    },
    /// Deal pipelines, all or one of them.
    Pipelines(Version, Option<String>),
    /// `GET /account-info/{version}/details`
    AccountDetails,
    /// Tokens.
    Tokens(TokenCall),
}

/// Why a path leads nowhere.
#[derive(Debug, PartialEq, Eq)]
pub enum RouteError {
    /// There is nothing there.
    NotFound,
    /// There is, but not for this method.
    MethodNotAllowed,
}

impl Route {
    /// Whether it can change records or their definitions.
    pub fn is_write(&self) -> bool {
        match self {
            Self::Objects { operation, .. } => operation.is_write(),
            Self::Properties { call, .. } => match call {
                PropertyCall::Create | PropertyCall::Archive(_) => true,
                PropertyCall::List | PropertyCall::Read(_) => false,
            },
            Self::Pipelines(..) | Self::AccountDetails | Self::Tokens(_) => false,
        }
    }

    /// The path template.
    pub fn template(&self) -> String {
        let based = |version: Version, what: &str, rest: String| match version {
            Version::Dated => format!("/crm/{what}/{{version}}{rest}"),
            Version::V3 => format!("/crm/v3/{what}{rest}"),
            Version::V4 => format!("/crm/v4/{what}{rest}"),
        };
        match self {
            Self::Objects { object_type, version, operation } => {
                let is_batch = matches!(operation, Operation::Associations(c) if c.is_batch());
                let what = if is_batch { "associations" } else { "objects" };
                let rest = format!("/{}{}", object_type.plural, operation.template());
                based(*version, what, rest)
            }
            Self::Properties { object_type, version, call } => {
                let rest = match call {
                    PropertyCall::List | PropertyCall::Create => "",
                    PropertyCall::Read(_) | PropertyCall::Archive(_) => "/{name}",
                };
                based(*version, "properties", format!("/{}{rest}", object_type.plural))
            }
            Self::Pipelines(version, id) => {
                let rest = if id.is_some() { "/deals/{id}" } else { "/deals" };
                based(*version, "pipelines", rest.to_owned())
            }
            Self::AccountDetails => "/account-info/{version}/details".to_owned(),
            Self::Tokens(TokenCall::Grant) => "/oauth/{version}/token".to_owned(),
            Self::Tokens(TokenCall::Introspect) => "/oauth/{version}/token/introspect".to_owned(),
            Self::Tokens(TokenCall::Revoke) => "/oauth/{version}/token/revoke".to_owned(),
        }
    }
}

/// Versions come out in March and September; a beta carries a suffix.
fn is_dated_version(segment: &str) -> bool {
    let version = segment.strip_suffix("-beta").unwrap_or(segment);
    version.split_once('-').is_some_and(|(year, month)| {
        year.len() == 4
            && year.bytes().all(|digit| digit.is_ascii_digit())
            && ["03", "09"].contains(&month)
    })
}

/// What follows `/crm/`: the area, its version, and the rest, whichever of the first two is first.
fn area<'a>(segments: &'a [&'a str]) -> Option<(&'a str, Version, &'a [&'a str])> {
    match segments {
        ["v3", area, rest @ ..] => Some((area, Version::V3, rest)),
        ["v4", area, rest @ ..] => Some((area, Version::V4, rest)),
        [area, version, rest @ ..] if is_dated_version(version) => {
            Some((area, Version::Dated, rest))
        }
        _ => None,
    }
}

fn object_type(name: &str) -> Result<&'static ObjectType, RouteError> {
    ObjectType::from_name(name).ok_or(RouteError::NotFound)
}

fn property_call(method: &Method, rest: &[&str]) -> Result<PropertyCall, RouteError> {
    match (method.as_str(), rest) {
        ("GET", []) => Ok(PropertyCall::List),
        ("POST", []) => Ok(PropertyCall::Create),
        ("GET", [name]) => Ok(PropertyCall::Read(decode_path(name))),
        ("DELETE", [name]) => Ok(PropertyCall::Archive(decode_path(name))),
        (_, [] | [_]) => Err(RouteError::MethodNotAllowed),
        (_, _) => Err(RouteError::NotFound),
    }
}

fn crm(method: &Method, segments: &[&str]) -> Result<Route, RouteError> {
    match area(segments).ok_or(RouteError::NotFound)? {
        ("objects", version, [name, rest @ ..]) => {
            let object_type = object_type(name)?;
            let operation = operation::parse(method, object_type, rest)?;
            let is_association = matches!(operation, Operation::Associations(_));
            // Version 4 has associations only; those of version 3 are others and not played.
            let is_there = match version {
                Version::Dated => true,
                Version::V3 => !is_association,
                Version::V4 => is_association,
            };
            if !is_there {
                return Err(RouteError::NotFound);
            }
            Ok(Route::Objects { object_type, version, operation })
        }
        (
            "associations",
            version @ (Version::Dated | Version::V4),
            [from, to, "batch", rest @ ..],
        ) => {
            let call = association::parse_batch(method, to, rest)?;
            let operation = Operation::Associations(call);
            Ok(Route::Objects { object_type: object_type(from)?, version, operation })
        }
        ("properties", version @ (Version::Dated | Version::V3), [name, rest @ ..]) => {
            let call = property_call(method, rest)?;
            Ok(Route::Properties { object_type: object_type(name)?, version, call })
        }
        (
            "pipelines",
            version @ (Version::Dated | Version::V3),
            ["deals" | "deal" | "0-3", rest @ ..],
        ) => {
            let id = match rest {
                [] => None,
                [id] => Some(decode_path(id)),
                _ => return Err(RouteError::NotFound),
            };
            only(method, &Method::GET, Route::Pipelines(version, id))
        }
        (_, _, _) => Err(RouteError::NotFound),
    }
}

fn only(method: &Method, wanted: &Method, route: Route) -> Result<Route, RouteError> {
    if method == wanted { Ok(route) } else { Err(RouteError::MethodNotAllowed) }
}

/// Reads method and path; the path is still percent-encoded.
pub fn parse(method: &Method, path: &str) -> Result<Route, RouteError> {
    let trimmed = path.trim_matches('/');
    let segments: Vec<&str> = trimmed.split('/').collect();
    match segments.as_slice() {
        ["crm", rest @ ..] => crm(method, rest),
        ["account-info", version, "details"] if *version == "v3" || is_dated_version(version) => {
            only(method, &Method::GET, Route::AccountDetails)
        }
        ["oauth", version, "token", rest @ ..]
            if ["v1", "v3"].contains(version) || is_dated_version(version) =>
        {
            let call = match rest {
                [] => TokenCall::Grant,
                ["introspect"] => TokenCall::Introspect,
                ["revoke"] => TokenCall::Revoke,
                _ => return Err(RouteError::NotFound),
            };
            only(method, &Method::POST, Route::Tokens(call))
        }
        _ => Err(RouteError::NotFound),
    }
}

#[cfg(test)]
mod tests;
