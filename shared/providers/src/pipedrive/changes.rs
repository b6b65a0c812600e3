//! What has changed since a moment: lists filtered by the time of the last change.
//!
//! Deleted deals stay listable for 30 days with a status of their own; deleted persons and
//! organizations are in no list, and neither is a merge (specification of v2 of 2026-08-18).

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use sync_domain::model::{ChangeKind, ExternalId, ObjectType};
use sync_domain::ports::{
    Called, ChangeSpan, ChangedObject, ChangedPage, Connection, CrmChangeFeed, ProviderError,
};

use super::calls::{bad_answer, read};
use super::error::without_effect;
use super::gateway::PipedriveGateway;
use super::records::{PAGE, path_of};
use super::wire::Record;

/// The longest cursor that is taken back.
const CURSOR_MAX_BYTES: usize = 1_024;

/// Where a page begins: in which list, and at which cursor of it.
struct Position<'p> {
    list: List,
    cursor: Option<&'p str>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum List {
    Present,
    Deleted,
}

impl List {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Present => "present",
            Self::Deleted => "deleted",
        }
    }

    /// The list behind this one.
    fn next(self, object_type: ObjectType) -> Option<Self> {
        (self == Self::Present && object_type == ObjectType::Deal).then_some(Self::Deleted)
    }

    fn position(self, cursor: &str) -> String {
        format!("{}:{cursor}", self.as_str())
    }
}

impl<'p> Position<'p> {
    const START: Self = Self { list: List::Present, cursor: None };

    /// `None` for what is no position of ours.
    fn parse(text: &'p str, object_type: ObjectType) -> Option<Self> {
        let (list, cursor) = text.split_once(':')?;
        let list = [List::Present, List::Deleted].into_iter().find(|it| it.as_str() == list)?;
        let is_listed = list == List::Present || object_type == ObjectType::Deal;
        let is_plain = cursor.bytes().all(|byte| byte.is_ascii_graphic());
        let is_ours = is_listed && is_plain && cursor.len() <= CURSOR_MAX_BYTES;
        let cursor = Some(cursor).filter(|cursor| !cursor.is_empty());
        is_ours.then_some(Self { list, cursor })
    }
}

#[async_trait]
impl CrmChangeFeed for PipedriveGateway {
    /// `GET /api/v2/{type}?updated_since=…&updated_until=…`; for deals then the same with
    /// `status=deleted`. Who has an organization or a person is named twice, because nothing tells a
    /// change of that from a change of a value.
    async fn changed(
        &self,
        connection: &Connection,
        object_type: ObjectType,
        span: ChangeSpan,
        position: Option<&str>,
    ) -> Result<Called<ChangedPage>, ProviderError> {
        let refused = || ProviderError::Rejected { vendor_code: None, field: None };
        let Position { list, cursor } = match position {
            Some(text) => Position::parse(text, object_type).ok_or_else(refused)?,
            None => Position::START,
        };
        let since = whole_seconds(span.since, SignedDuration::ZERO);
        let until = whole_seconds(span.until, SignedDuration::from_nanos(999_999_999));
        let mut query = vec![
            ("updated_since", since.as_str()),
            ("updated_until", until.as_str()),
            ("sort_by", "update_time"),
            ("sort_direction", "asc"),
            ("limit", PAGE),
        ];
        query.extend((list == List::Deleted).then_some(("status", "deleted")));
        query.extend(cursor.map(|cursor| ("cursor", cursor)));
        let mut calls = self.calls(connection);
        let answer = calls.get(path_of(object_type), &query).await?;
        let page = read::<Vec<Record>>(&answer)?;
        let next = match page.next_cursor() {
            Some(cursor) => Some(list.position(cursor)),
            None => list.next(object_type).map(|list| list.position("")),
        };
        let records = page.data.ok_or_else(|| without_effect(bad_answer(&answer)))?;
        let changed = records.iter().flat_map(|record| {
            let kinds = kinds_of(object_type, list, record, span.since);
            kinds.into_iter().filter_map(|kind| changed_object(record, kind))
        });
        Ok(calls.done(ChangedPage { changed: changed.collect(), next }))
    }
}

/// Down to the second, after adding so much.
fn whole_seconds(moment: Timestamp, added: SignedDuration) -> String {
    let moment = moment.checked_add(added).unwrap_or(moment);
    Timestamp::from_second(moment.as_second()).unwrap_or(moment).to_string()
}

fn kinds_of(
    object_type: ObjectType,
    list: List,
    record: &Record,
    since: Timestamp,
) -> Vec<ChangeKind> {
    if list == List::Deleted || record.is_deleted.is_set() {
        return vec![ChangeKind::Deleted];
    }
    let added: Option<Timestamp> = record.add_time.get().and_then(|text| text.parse().ok());
    let is_new = added.is_some_and(|added| added >= since);
    let kind = if is_new { ChangeKind::Created } else { ChangeKind::Properties };
    let has_associations = !object_type.associated_types().is_empty();
    [Some(kind), has_associations.then_some(ChangeKind::Associations)]
        .into_iter()
        .flatten()
        .collect()
}

fn changed_object(record: &Record, kind: ChangeKind) -> Option<ChangedObject> {
    Some(ChangedObject {
        external_id: ExternalId::new(record.id.id()?),
        kind,
        changed_at: record.update_time.get().and_then(|text| text.parse().ok()),
    })
}
