//! The calls of a company's API: what each costs, which scopes it needs, what it can change.

use super::object_types::Object;

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

impl Call {
    /// Price in tokens, as the vendor's `OpenAPI` of 2026-08-18 has them.
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

    /// The id in the path.
    pub const fn id(self) -> Option<u64> {
        match self {
            Self::Read(_, id)
            | Self::Update(_, id)
            | Self::Delete(_, id)
            | Self::Merge(id)
            | Self::DeleteHook(id) => Some(id),
            Self::List(_)
            | Self::Create(_)
            | Self::Search(_)
            | Self::FieldSearch
            | Self::Fields(_)
            | Self::CreateField(_)
            | Self::Pipelines
            | Self::Stages
            | Self::Me
            | Self::Hooks
            | Self::CreateHook => None,
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
