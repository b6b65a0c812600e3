//! What can be done to the records of one type, and the part of the path that says it.

use http::Method;

use super::RouteError;
use super::association::{self, AssociationCall};
use crate::hubspot::object_types::ObjectType;
use crate::percent::decode_path;

/// Something done to the records of one type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// `POST {base}`
    Create,
    /// `GET {base}`
    List,
    /// `GET {base}/{id}`
    Read(String),
    /// `PATCH {base}/{id}`
    Update(String),
    /// `DELETE {base}/{id}`
    Archive(String),
    /// `POST {base}/batch/create`
    BatchCreate,
    /// `POST {base}/batch/read`
    BatchRead,
    /// `POST {base}/batch/update`
    BatchUpdate,
    /// `POST {base}/batch/upsert`
    BatchUpsert,
    /// `POST {base}/batch/archive`
    BatchArchive,
    /// `POST {base}/search`
    Search,
    /// `POST {base}/merge`
    Merge,
    /// `POST {base}/gdpr-delete`
    Erase,
    /// One of the association paths
    Associations(AssociationCall),
}

impl Operation {
    /// Whether it can change state.
    pub fn is_write(&self) -> bool {
        match self {
            Self::Create
            | Self::Update(_)
            | Self::Archive(_)
            | Self::BatchCreate
            | Self::BatchUpdate
            | Self::BatchUpsert
            | Self::BatchArchive
            | Self::Merge
            | Self::Erase => true,
            Self::List | Self::Read(_) | Self::BatchRead | Self::Search => false,
            Self::Associations(call) => call.is_write(),
        }
    }

    /// The scopes it needs, all of them.
    pub fn scopes(&self, object_type: &ObjectType) -> Vec<&'static str> {
        let of = |kind: &ObjectType| {
            if self.is_write() { kind.write_scope } else { kind.read_scope }
        };
        match self {
            Self::Associations(call) => vec![of(object_type), of(call.to_type)],
            Self::Create
            | Self::List
            | Self::Read(_)
            | Self::Update(_)
            | Self::Archive(_)
            | Self::BatchCreate
            | Self::BatchRead
            | Self::BatchUpdate
            | Self::BatchUpsert
            | Self::BatchArchive
            | Self::Search
            | Self::Merge
            | Self::Erase => vec![of(object_type)],
        }
    }

    /// The path below the type's base path.
    pub fn template(&self) -> String {
        let template = match self {
            Self::Create | Self::List => "",
            Self::Read(_) | Self::Update(_) | Self::Archive(_) => "/{id}",
            Self::BatchCreate => "/batch/create",
            Self::BatchRead => "/batch/read",
            Self::BatchUpdate => "/batch/update",
            Self::BatchUpsert => "/batch/upsert",
            Self::BatchArchive => "/batch/archive",
            Self::Search => "/search",
            Self::Merge => "/merge",
            Self::Erase => "/gdpr-delete",
            Self::Associations(call) => return call.template(),
        };
        template.to_owned()
    }
}

fn batch_operation(name: &str) -> Option<Operation> {
    match name {
        "create" => Some(Operation::BatchCreate),
        "read" => Some(Operation::BatchRead),
        "update" => Some(Operation::BatchUpdate),
        "upsert" => Some(Operation::BatchUpsert),
        "archive" => Some(Operation::BatchArchive),
        _ => None,
    }
}

fn only_post(method: &Method, operation: Operation) -> Result<Operation, RouteError> {
    if method == Method::POST { Ok(operation) } else { Err(RouteError::MethodNotAllowed) }
}

/// Reads what follows the type.
pub fn parse(
    method: &Method,
    object_type: &ObjectType,
    rest: &[&str],
) -> Result<Operation, RouteError> {
    match rest {
        [] => match method.as_str() {
            "POST" => Ok(Operation::Create),
            "GET" => Ok(Operation::List),
            _ => Err(RouteError::MethodNotAllowed),
        },
        ["search"] => only_post(method, Operation::Search),
        ["merge"] => only_post(method, Operation::Merge),
        ["gdpr-delete"] if object_type.is_erasable => only_post(method, Operation::Erase),
        ["batch", name] => only_post(method, batch_operation(name).ok_or(RouteError::NotFound)?),
        [id, "associations", below @ ..] => {
            association::parse_single(method, id, below).map(Operation::Associations)
        }
        // An id may hold slashes: an email address can, and the documented segment is `.+`.
        id => {
            let id = decode_path(&id.join("/"));
            match method.as_str() {
                "GET" => Ok(Operation::Read(id)),
                "PATCH" => Ok(Operation::Update(id)),
                "DELETE" => Ok(Operation::Archive(id)),
                _ => Err(RouteError::MethodNotAllowed),
            }
        }
    }
}
