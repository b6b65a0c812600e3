//! The paths of associations: below one record, and the batch calls between two types.

use http::Method;

use super::RouteError;
use crate::hubspot::object_types::ObjectType;

/// What is done to associations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AssociationVerb {
    /// `GET …/{id}/associations/{to}`
    List(String),
    /// `PUT …/{id}/associations/default/{to}/{id}`
    PutDefault([String; 2]),
    /// `PUT …/{id}/associations/{to}/{id}`
    PutLabelled([String; 2]),
    /// `DELETE …/{id}/associations/{to}/{id}`
    Delete([String; 2]),
    /// `POST …/batch/associate/default`
    BatchDefault,
    /// `POST …/batch/create`
    BatchCreate,
    /// `POST …/batch/read`
    BatchRead,
    /// `POST …/batch/archive`
    BatchArchive,
}

/// A call on associations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssociationCall {
    /// The type at the other end.
    pub to_type: &'static ObjectType,
    /// What is done.
    pub verb: AssociationVerb,
}

impl AssociationCall {
    /// Whether it can change state.
    pub fn is_write(&self) -> bool {
        match self.verb {
            AssociationVerb::List(_) | AssociationVerb::BatchRead => false,
            AssociationVerb::PutDefault(_)
            | AssociationVerb::PutLabelled(_)
            | AssociationVerb::Delete(_)
            | AssociationVerb::BatchDefault
            | AssociationVerb::BatchCreate
            | AssociationVerb::BatchArchive => true,
        }
    }

    /// Whether it is one of the batch calls, which have a base path of their own.
    pub fn is_batch(&self) -> bool {
        match self.verb {
            AssociationVerb::List(_)
            | AssociationVerb::PutDefault(_)
            | AssociationVerb::PutLabelled(_)
            | AssociationVerb::Delete(_) => false,
            AssociationVerb::BatchDefault
            | AssociationVerb::BatchCreate
            | AssociationVerb::BatchRead
            | AssociationVerb::BatchArchive => true,
        }
    }

    /// The path below the first type.
    pub fn template(&self) -> String {
        let to = self.to_type.plural;
        match self.verb {
            AssociationVerb::List(_) => format!("/{{id}}/associations/{to}"),
            AssociationVerb::PutDefault(_) => format!("/{{id}}/associations/default/{to}/{{id}}"),
            AssociationVerb::PutLabelled(_) | AssociationVerb::Delete(_) => {
                format!("/{{id}}/associations/{to}/{{id}}")
            }
            AssociationVerb::BatchDefault => format!("/{to}/batch/associate/default"),
            AssociationVerb::BatchCreate => format!("/{to}/batch/create"),
            AssociationVerb::BatchRead => format!("/{to}/batch/read"),
            AssociationVerb::BatchArchive => format!("/{to}/batch/archive"),
        }
    }

    /// The ids in the path.
    pub fn ids(&self) -> Option<[&str; 2]> {
        match &self.verb {
            AssociationVerb::PutDefault([from, to])
            | AssociationVerb::PutLabelled([from, to])
            | AssociationVerb::Delete([from, to]) => Some([from, to]),
            AssociationVerb::List(_)
            | AssociationVerb::BatchDefault
            | AssociationVerb::BatchCreate
            | AssociationVerb::BatchRead
            | AssociationVerb::BatchArchive => None,
        }
    }
}

fn to_type(name: &str) -> Result<&'static ObjectType, RouteError> {
    ObjectType::from_name(name).ok_or(RouteError::NotFound)
}

/// Reads what follows `{id}/associations/`.
pub fn parse_single(
    method: &Method,
    id: &str,
    below: &[&str],
) -> Result<AssociationCall, RouteError> {
    let ids = |to: &str| [id.to_owned(), to.to_owned()];
    let (name, verb) = match (method.as_str(), below) {
        ("GET", [name]) => (name, AssociationVerb::List(id.to_owned())),
        ("PUT", ["default", name, to]) => (name, AssociationVerb::PutDefault(ids(to))),
        ("PUT", [name, to]) => (name, AssociationVerb::PutLabelled(ids(to))),
        ("DELETE", [name, to]) => (name, AssociationVerb::Delete(ids(to))),
        (_, [_] | [_, _] | ["default", _, _]) => return Err(RouteError::MethodNotAllowed),
        (_, _) => return Err(RouteError::NotFound),
    };
    Ok(AssociationCall { to_type: to_type(name)?, verb })
}

/// Reads what follows the two types of a batch call.
pub fn parse_batch(
    method: &Method,
    to: &str,
    below: &[&str],
) -> Result<AssociationCall, RouteError> {
    let verb = match below {
        ["associate", "default"] => AssociationVerb::BatchDefault,
        ["create"] => AssociationVerb::BatchCreate,
        ["read"] => AssociationVerb::BatchRead,
        ["archive"] => AssociationVerb::BatchArchive,
        _ => return Err(RouteError::NotFound),
    };
    if method != Method::POST {
        return Err(RouteError::MethodNotAllowed);
    }
    Ok(AssociationCall { to_type: to_type(to)?, verb })
}
