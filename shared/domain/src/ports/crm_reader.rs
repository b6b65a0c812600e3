//! Reading a CRM's records by the provider's ids.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use jiff::Timestamp;

use super::{Called, Connection, ProviderError};
use crate::model::{Association, Attributes, ExternalId, ObjectType};

/// The most objects that one call reads.
pub const READ_MAX: usize = 100;

/// An object as the provider holds it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteObject {
    /// Its id now.
    pub external_id: ExternalId,
    /// The values of the attributes that we know; those without a value are left out.
    pub attributes: Attributes,
    /// When the provider last changed it, if it says so.
    pub updated_at: Option<Timestamp>,
    /// Ids that went into it. The id that was asked for is among them when it is another.
    pub merged_ids: BTreeSet<ExternalId>,
}

/// An object whose associations are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssociationsOf {
    /// The object.
    pub external_id: ExternalId,
    /// Where the last page ended.
    pub after: Option<String>,
}

/// A page of the associations of several objects with one kind of record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AssociationsPage {
    /// By object; one without associations may be left out.
    pub found: BTreeMap<ExternalId, BTreeSet<Association>>,
    /// Objects that have more.
    pub more: Vec<AssociationsOf>,
}

/// Reads one CRM. Each call is one request to the provider; the connection is an argument: nothing
/// of one tenant stays in the reader.
#[async_trait]
pub trait CrmReader: Send + Sync {
    /// The objects of these ids, up to [`READ_MAX`]. Deleted ones are left out; of a merged one the
    /// object that it went into may come, or nothing.
    ///
    /// # Errors
    /// See [`ProviderError`]; a refusal may be due to a single id.
    async fn read(
        &self,
        connection: &Connection,
        object_type: ObjectType,
        ids: &[ExternalId],
    ) -> Result<Called<Vec<RemoteObject>>, ProviderError>;

    /// A page of what these objects, up to [`READ_MAX`], are associated with.
    ///
    /// # Errors
    /// See [`ProviderError`]; a refusal may be due to a single id.
    async fn associations(
        &self,
        connection: &Connection,
        from: ObjectType,
        to: ObjectType,
        of: &[AssociationsOf],
    ) -> Result<Called<AssociationsPage>, ProviderError>;
}
