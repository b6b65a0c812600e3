//! Reading records by their ids, and what they are associated with: both are in the same lists.
//!
//! What is not in an answer is taken for deleted. The lists leave archived deals out, so deals that
//! are missing are looked for among those.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use sync_domain::model::{Association, ExternalId, ObjectType};
use sync_domain::ports::{
    AssociationsOf, AssociationsPage, Called, Connection, CrmReader, ProviderError, RemoteObject,
};

use super::calls::Calls;
use super::gateway::PipedriveGateway;
use super::mapping::Fields;
use super::reading::{associated, remote_record};
use super::records::{by_ids, path_of, record_path};
use super::wire::Record;

/// The list of deals that are put away.
const ARCHIVED_DEALS: &str = "/api/v2/deals/archived";

/// The records of these ids that are there.
async fn present(
    calls: &mut Calls<'_>,
    object_type: ObjectType,
    ids: impl Iterator<Item = &ExternalId>,
    fields: &Fields<'_>,
) -> Result<Vec<Record>, ProviderError> {
    // An id that is no number is nobody's, and would make Pipedrive refuse its neighbours.
    let ids: Vec<&str> =
        ids.filter(|id| record_path(object_type, id).is_some()).map(ExternalId::as_str).collect();
    if ids.is_empty() {
        return Err(ProviderError::Rejected { vendor_code: None, field: None });
    }
    let mut records = by_ids(calls, path_of(object_type), &ids, fields).await?;
    let found: BTreeSet<&str> = records.iter().filter_map(|record| record.id.id()).collect();
    let missing: Vec<&str> = ids.into_iter().filter(|id| !found.contains(id)).collect();
    if object_type == ObjectType::Deal && !missing.is_empty() {
        records.extend(by_ids(calls, ARCHIVED_DEALS, &missing, fields).await?);
    }
    Ok(records)
}

fn object_of(
    object_type: ObjectType,
    record: &Record,
    fields: &Fields<'_>,
) -> Option<RemoteObject> {
    let remote = remote_record(object_type, record, fields)?;
    Some(RemoteObject {
        external_id: remote.external_id,
        attributes: remote.attributes,
        updated_at: remote.provider_version,
        merged_ids: BTreeSet::new(),
    })
}

#[async_trait]
impl CrmReader for PipedriveGateway {
    /// `GET /api/v2/{type}?ids=…`, and for deals that are not in there `/deals/archived`. A record
    /// that went into another one is not told from a deleted one.
    async fn read(
        &self,
        connection: &Connection,
        object_type: ObjectType,
        ids: &[ExternalId],
    ) -> Result<Called<Vec<RemoteObject>>, ProviderError> {
        let fields = Fields::of(connection, object_type);
        let mut calls = self.calls(connection);
        let records = present(&mut calls, object_type, ids.iter(), &fields).await?;
        let objects = records.iter().filter_map(|record| object_of(object_type, record, &fields));
        Ok(calls.done(objects.collect()))
    }

    /// The same call: each record names its organization and its person.
    async fn associations(
        &self,
        connection: &Connection,
        from: ObjectType,
        to: ObjectType,
        of: &[AssociationsOf],
    ) -> Result<Called<AssociationsPage>, ProviderError> {
        let fields = Fields::of(connection, from);
        let mut calls = self.calls(connection);
        let ids = of.iter().map(|it| &it.external_id);
        let records = present(&mut calls, from, ids, &fields).await?;
        let found = records.iter().filter_map(|record| {
            let ends = associated(record, to).into_iter();
            let ends = ends.map(|external_id| Association { object_type: to, external_id });
            Some((ExternalId::new(record.id.id()?), ends.collect()))
        });
        let found: BTreeMap<_, BTreeSet<_>> = found.collect();
        Ok(calls.done(AssociationsPage { found, more: Vec::new() }))
    }
}
