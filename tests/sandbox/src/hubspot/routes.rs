//! HubSpot's paths: the dated and the legacy form of each, and the operation behind them.

use http::Method;

use super::object_types::ObjectType;
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
            | Self::BatchArchive => true,
            Self::List | Self::Read(_) | Self::BatchRead | Self::Search => false,
        }
    }

    /// The scope it needs.
    pub fn scope(&self, object_type: &ObjectType) -> &'static str {
        if self.is_write() { object_type.write_scope } else { object_type.read_scope }
    }

    /// The path below the type's base path.
    pub fn template(&self) -> &'static str {
        match self {
            Self::Create | Self::List => "",
            Self::Read(_) | Self::Update(_) | Self::Archive(_) => "/{id}",
            Self::BatchCreate => "/batch/create",
            Self::BatchRead => "/batch/read",
            Self::BatchUpdate => "/batch/update",
            Self::BatchUpsert => "/batch/upsert",
            Self::BatchArchive => "/batch/archive",
            Self::Search => "/search",
        }
    }
}

/// What a path leads to.
pub enum Route {
    /// Records of a type.
    Objects {
        /// The type.
        object_type: &'static ObjectType,
        /// Whether the path carries a date as version.
        dated: bool,
        /// What is done.
        operation: Operation,
    },
    /// `GET /account-info/{version}/details`
    AccountDetails,
}

/// Why a path leads nowhere.
#[derive(Debug, PartialEq, Eq)]
pub enum RouteError {
    /// There is nothing there.
    NotFound,
    /// There is, but not for this method.
    MethodNotAllowed,
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

fn only(method: &Method, wanted: &Method, operation: Operation) -> Result<Operation, RouteError> {
    if method == wanted { Ok(operation) } else { Err(RouteError::MethodNotAllowed) }
}

fn operation(method: &Method, rest: &[&str]) -> Result<Operation, RouteError> {
    match rest {
        [] => match method.as_str() {
            "POST" => Ok(Operation::Create),
            "GET" => Ok(Operation::List),
            _ => Err(RouteError::MethodNotAllowed),
        },
        ["search"] => only(method, &Method::POST, Operation::Search),
        ["batch", name] => {
            let operation = batch_operation(name).ok_or(RouteError::NotFound)?;
            only(method, &Method::POST, operation)
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

/// Reads method and path; the path is still percent-encoded.
pub fn parse(method: &Method, path: &str) -> Result<Route, RouteError> {
    let trimmed = path.trim_matches('/');
    let segments: Vec<&str> = trimmed.split('/').collect();
    let (name, rest, dated) = match segments.as_slice() {
        ["crm", "v3", "objects", name, rest @ ..] => (name, rest, false),
        ["crm", "objects", version, name, rest @ ..] if is_dated_version(version) => {
            (name, rest, true)
        }
        ["account-info", version, "details"] if *version == "v3" || is_dated_version(version) => {
            return if method == Method::GET {
                Ok(Route::AccountDetails)
            } else {
                Err(RouteError::MethodNotAllowed)
            };
        }
        _ => return Err(RouteError::NotFound),
    };
    let object_type = ObjectType::from_name(name).ok_or(RouteError::NotFound)?;
    Ok(Route::Objects { object_type, dated, operation: operation(method, rest)? })
}

#[cfg(test)]
mod tests {
    use super::{Operation, Route, RouteError, parse};
    use http::Method;

    fn operation(method: &Method, path: &str) -> Result<Operation, RouteError> {
        parse(method, path).map(|route| match route {
            Route::Objects { operation, .. } => operation,
            Route::AccountDetails => panic!("not an object route"),
        })
    }

    #[test]
    fn parse_knows_dated_legacy_and_type_id_paths() {
        for path in [
            "/crm/objects/2026-03/contacts/batch/upsert",
            "/crm/objects/2026-09/0-1/batch/upsert",
            "/crm/objects/2026-09-beta/contact/batch/upsert",
            "/crm/v3/objects/contacts/batch/upsert",
        ] {
            assert_eq!(operation(&Method::POST, path), Ok(Operation::BatchUpsert), "{path}");
        }
    }

    #[test]
    fn parse_decodes_the_id_once() {
        let path = "/crm/objects/2026-03/contacts/a%2Bb%40x.io";
        assert_eq!(operation(&Method::GET, path), Ok(Operation::Read("a+b@x.io".to_owned())));
    }

    #[test]
    fn parse_refuses_other_versions_types_and_methods() {
        for path in ["/crm/objects/2026-04/contacts", "/crm/v4/objects/contacts", "/", "/crm"] {
            assert_eq!(operation(&Method::GET, path), Err(RouteError::NotFound), "{path}");
        }
        let path = "/crm/objects/2026-03/contacts/search";
        assert_eq!(operation(&Method::GET, path), Err(RouteError::MethodNotAllowed));
        assert_eq!(
            operation(&Method::PUT, "/crm/v3/objects/contacts/1"),
            Err(RouteError::MethodNotAllowed)
        );
    }
}
