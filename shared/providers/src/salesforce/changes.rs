//! What has changed in a span of time: by `SystemModstamp`, which Salesforce raises with every change
//! of a record, its own included, and over `queryAll`, which also has what is in the recycle bin.

use async_trait::async_trait;
use jiff::Timestamp;
use sync_domain::model::{ChangeKind, ObjectType};
use sync_domain::ports::{
    Called, ChangeSpan, ChangedObject, ChangedPage, Connection, CrmChangeFeed, ProviderError,
};

use super::calls::success_of;
use super::client::SalesforceGateway;
use super::read::{UNREADABLE_PAGE, next_page};
use super::wire::{QueryAnswer, Record};
use super::{ids, mapping};

/// The resource that also has what is in the recycle bin.
const QUERY_ALL: &str = "queryAll";

#[async_trait]
impl CrmChangeFeed for SalesforceGateway {
    async fn changed(
        &self,
        connection: &Connection,
        object_type: ObjectType,
        span: ChangeSpan,
        position: Option<&str>,
    ) -> Result<Called<ChangedPage>, ProviderError> {
        let mut calls = self.calls(connection)?;
        let page: QueryAnswer = match position {
            Some(locator) => next_page(&mut calls, QUERY_ALL, locator).await?,
            None => {
                let query = query_of(object_type, span);
                let answer = calls.get(&[QUERY_ALL], &[("q", query.as_str())]).await?;
                success_of(&answer)?
            }
        };
        let next = page.next().map(|next| next.ok_or(UNREADABLE_PAGE)).transpose()?;
        let changed = page.records.iter().map(|record| changed_of(object_type, record));
        let changed = changed.collect::<Option<_>>().ok_or(UNREADABLE_PAGE)?;
        Ok(calls.done(ChangedPage { changed, next }))
    }
}

fn query_of(object_type: ObjectType, span: ChangeSpan) -> String {
    let object = mapping::object_name(object_type);
    let (since, until) = (span.since.as_second(), last_second(span.until));
    format!(
        "SELECT Id, IsDeleted, SystemModstamp FROM {object} \
         WHERE SystemModstamp >= {} AND SystemModstamp < {}",
        written(since),
        written(until),
    )
}

/// The first whole second that is not before the moment.
fn last_second(moment: Timestamp) -> i64 {
    moment.as_second() + i64::from(moment.subsec_nanosecond() > 0)
}

/// `2026-05-01T07:25:37Z`, without apostrophes in a query.
fn written(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap_or(Timestamp::MAX)
}

/// `None` for a row without an id. A new account of a contact or an opportunity is a change of the
/// record itself, so such a change may be one of its associations; nothing in the row tells.
fn changed_of(object_type: ObjectType, record: &Record) -> Option<ChangedObject> {
    let kind = if record.is_deleted() {
        ChangeKind::Deleted
    } else if object_type.associated_types().is_empty() {
        ChangeKind::Properties
    } else {
        ChangeKind::Associations
    };
    Some(ChangedObject {
        external_id: ids::read(record.text("Id")?)?,
        kind,
        changed_at: record.text("SystemModstamp").and_then(mapping::instant_of),
    })
}

#[cfg(test)]
mod tests {
    use sync_domain::model::ObjectType;
    use sync_domain::ports::ChangeSpan;

    use super::query_of;

    #[test]
    fn query_reaches_over_the_whole_span_in_seconds() {
        let span = ChangeSpan {
            since: "2026-05-01T07:25:37.900Z".parse().unwrap(),
            until: "2026-05-01T08:00:00.001Z".parse().unwrap(),
        };
        assert_eq!(
            query_of(ObjectType::Company, span),
            "SELECT Id, IsDeleted, SystemModstamp FROM Account \
             WHERE SystemModstamp >= 2026-05-01T07:25:37Z AND SystemModstamp < 2026-05-01T08:00:01Z"
        );
        let span = ChangeSpan { until: "2026-05-01T08:00:00Z".parse().unwrap(), ..span };
        assert!(
            query_of(ObjectType::Deal, span).ends_with("SystemModstamp < 2026-05-01T08:00:00Z")
        );
    }
}
