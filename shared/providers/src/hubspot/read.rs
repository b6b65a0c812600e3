//! Reading records by their ids: `batch/read` of objects and of associations.
//!
//! What is not in an answer is taken for deleted, so an answer must be whole: with its results, said
//! to be complete, and with no error but "not found".

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sync_domain::model::{Association, ExternalId, ObjectType};
use sync_domain::ports::{
    AssociationsOf, AssociationsPage, Called, Connection, CrmReader, ProviderError, RemoteObject,
};

use super::associations::id_text;
use super::calls::{bad_answer, success_of};
use super::client::{HubspotGateway, path_name};
use super::mapping;
use super::wire::{Batch, ById, ErrorBody, Record};
use crate::http::RawAnswer;

/// The property that names the records that went into one, `;` between them (see the mapping doc).
const MERGED_IDS: &str = "hs_merged_object_ids";
/// The category of what a batch read did not find, with a 207.
const NOT_FOUND: &str = "OBJECT_NOT_FOUND";
/// The status of a batch that has been carried out.
const COMPLETE: &str = "COMPLETE";

/// Records to read by their ids.
#[derive(Serialize)]
struct ReadById<'a> {
    properties: Vec<&'static str>,
    inputs: Vec<ById<'a>>,
}

/// A record whose associations are wanted, from where the last page ended.
#[derive(Serialize)]
struct AssociationsInput<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<&'a str>,
}

/// The answer to a batch read. Unlike in other answers the results must be there.
#[derive(Deserialize)]
struct ReadAnswer<T> {
    status: Option<String>,
    results: Vec<T>,
    #[serde(default)]
    errors: Vec<ErrorBody>,
}

/// The associations of one record. Ids are texts in dated versions and numbers in v4.
#[derive(Deserialize)]
struct AssociationsFound {
    from: Option<From>,
    #[serde(default)]
    to: Vec<To>,
    paging: Option<Paging>,
}

#[derive(Deserialize)]
struct From {
    id: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct To {
    to_object_id: Option<Value>,
}

#[derive(Deserialize)]
struct Paging {
    next: Option<Next>,
}

#[derive(Deserialize)]
struct Next {
    after: Option<Value>,
}

#[async_trait]
impl CrmReader for HubspotGateway {
    /// `POST …/batch/read`. An unknown property among those asked for is ignored (see the mapping doc), so
    /// our key property may be asked for in every portal.
    async fn read(
        &self,
        connection: &Connection,
        object_type: ObjectType,
        ids: &[ExternalId],
    ) -> Result<Called<Vec<RemoteObject>>, ProviderError> {
        let mut properties = mapping::property_names(object_type);
        properties.push(MERGED_IDS);
        let inputs = ids.iter().map(|id| ById { id: id.as_str() }).collect();
        let request = ReadById { properties, inputs };
        let mut calls = self.calls(connection);
        let url = self.records_url(object_type, "/batch/read");
        let answer = calls.post(&url, &request).await?;
        let records: Vec<Record> = results_of(&answer)?;
        let objects = records
            .into_iter()
            .filter(|record| !record.is_archived())
            .map(|record| object_of(object_type, record, calls.region()))
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| bad_answer(&answer))?;
        Ok(calls.done(with_asked_ids(objects, ids)))
    }

    /// `POST /crm/associations/{version}/{from}/{to}/batch/read`.
    async fn associations(
        &self,
        connection: &Connection,
        from: ObjectType,
        to: ObjectType,
        of: &[AssociationsOf],
    ) -> Result<Called<AssociationsPage>, ProviderError> {
        let inputs = of.iter().map(|it| AssociationsInput {
            id: it.external_id.as_str(),
            after: it.after.as_deref(),
        });
        let request = Batch { inputs: inputs.collect() };
        let path = format!("/{}/{}/batch/read", path_name(from), path_name(to));
        let mut calls = self.calls(connection);
        let answer = calls.post(&self.url("associations", &path), &request).await?;
        let found: Vec<AssociationsFound> = results_of(&answer)?;
        let page = page_of(to, found).ok_or_else(|| bad_answer(&answer))?;
        Ok(calls.done(page))
    }
}

/// The results of a whole answer. An error other than "not found" says nothing of the rest, so it
/// counts as a refusal of the call.
fn results_of<T: for<'de> Deserialize<'de>>(answer: &RawAnswer) -> Result<Vec<T>, ProviderError> {
    let read: ReadAnswer<T> = success_of(answer)?;
    if let Some(error) = read.errors.iter().find(|it| it.category.as_deref() != Some(NOT_FOUND)) {
        return Err(error.rejection());
    }
    if read.status.is_some_and(|status| status != COMPLETE) {
        return Err(bad_answer(answer));
    }
    Ok(read.results)
}

/// `None` for a record without an id.
fn object_of(
    object_type: ObjectType,
    record: Record,
    region: Option<&str>,
) -> Option<RemoteObject> {
    let merged_ids = record.properties.get(MERGED_IDS).and_then(Option::as_deref);
    let merged_ids = merged_ids.unwrap_or_default().split(';').map(str::trim);
    let is_id = |id: &&str| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
    let merged_ids: BTreeSet<_> = merged_ids.filter(is_id).map(ExternalId::new).collect();
    let remote = mapping::remote_record(object_type, record, region)?;
    let attributes = remote.attributes.iter().filter(|(_, value)| !value.is_empty());
    Some(RemoteObject {
        external_id: remote.external_id,
        attributes: attributes.map(|(name, value)| (name, value.to_owned())).collect(),
        updated_at: remote.provider_version,
        merged_ids,
    })
}

/// A merged record comes with its new id. Mostly the old one is among those that went into it; where
/// it is not, and one question and one answer are left over, they belong together.
fn with_asked_ids(mut objects: Vec<RemoteObject>, asked: &[ExternalId]) -> Vec<RemoteObject> {
    let is_answer = |object: &RemoteObject, id: &ExternalId| {
        object.external_id == *id || object.merged_ids.contains(id)
    };
    let mut open = asked.iter().filter(|id| !objects.iter().any(|object| is_answer(object, id)));
    let (first, second) = (open.next().cloned(), open.next());
    let (Some(id), None) = (first, second) else { return objects };
    let is_left = |object: &&mut RemoteObject| !asked.iter().any(|id| is_answer(object, id));
    let mut left = objects.iter_mut().filter(is_left);
    if let (Some(object), None) = (left.next(), left.next()) {
        object.merged_ids.insert(id);
    }
    objects
}

/// `None` when an id is missing.
fn page_of(to: ObjectType, results: Vec<AssociationsFound>) -> Option<AssociationsPage> {
    let mut page = AssociationsPage { found: BTreeMap::new(), more: Vec::new() };
    for result in results {
        let from = ExternalId::new(id_text(&result.from?.id?));
        let found = page.found.entry(from.clone()).or_default();
        for end in result.to {
            let external_id = ExternalId::new(id_text(&end.to_object_id?));
            found.insert(Association { object_type: to, external_id });
        }
        let after = result.paging.and_then(|paging| paging.next?.after);
        page.more.extend(
            after.map(|after| AssociationsOf { external_id: from, after: Some(id_text(&after)) }),
        );
    }
    Some(page)
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;
    use serde_json::{Value, json};
    use sync_domain::model::{AttributeName, ExternalId, ObjectType};
    use sync_domain::ports::{ProviderError, RemoteObject};

    use super::{AssociationsFound, object_of, page_of, results_of, with_asked_ids};
    use crate::http::RawAnswer;
    use crate::hubspot::wire::Record;

    const RECORDS: &str = include_str!("../../../../tests/fixtures/crm/hubspot_batch_read.json");
    const ASSOCIATIONS: &str =
        include_str!("../../../../tests/fixtures/crm/hubspot_associations_read.json");

    fn answer(body: &str) -> RawAnswer {
        let body = body.as_bytes().to_vec().into();
        RawAnswer { status: 207, retry_after: None, headers: HeaderMap::new(), body }
    }

    fn objects(body: &str) -> Result<Vec<RemoteObject>, ProviderError> {
        let records: Vec<Record> = results_of(&answer(body))?;
        let object = |record| object_of(ObjectType::Contact, record, Some("US")).unwrap();
        Ok(records.into_iter().map(object).collect())
    }

    fn ids(ids: &[&str]) -> Vec<ExternalId> {
        ids.iter().map(|id| ExternalId::new(*id)).collect()
    }

    #[test]
    fn records_are_read_with_our_values_and_the_ids_that_went_into_them() {
        let objects = objects(RECORDS).unwrap();
        assert_eq!(objects.len(), 2);
        let merged = &objects[1];
        assert_eq!(merged.external_id, ExternalId::new("109"));
        assert_eq!(merged.merged_ids, ids(&["105", "106"]).into_iter().collect());
        assert_eq!(merged.attributes.get(AttributeName::Phone), Some("+14155550134"));
        assert_eq!(merged.attributes.get(AttributeName::Company), None, "an empty value is none");
        assert_eq!(merged.updated_at.unwrap().to_string(), "2026-11-22T10:00:00.125Z");
    }

    #[test]
    fn answer_that_is_not_whole_is_not_taken_for_deletions() {
        let pending = json!({"status": "PENDING", "results": []}).to_string();
        for body in ["{}", "null", "<html>", pending.as_str()] {
            let error = objects(body).unwrap_err();
            assert!(matches!(error, ProviderError::Unavailable { .. }), "{body}: {error:?}");
        }
        let foreign = json!({"status": "COMPLETE", "results": [], "errors": [
            {"category": "VALIDATION_ERROR", "context": {"ids": ["105"]}}]});
        let error = objects(&foreign.to_string()).unwrap_err();
        assert!(matches!(error, ProviderError::Rejected { .. }), "{error:?}");
    }

    #[test]
    fn record_that_comes_under_another_id_is_the_one_answer_that_is_left() {
        let object = |id: &str, merged: &[&str]| RemoteObject {
            external_id: ExternalId::new(id),
            attributes: Default::default(),
            updated_at: None,
            merged_ids: ids(merged).into_iter().collect(),
        };
        let read = with_asked_ids(vec![object("1", &[]), object("9", &[])], &ids(&["1", "5"]));
        assert_eq!(read[1].merged_ids, ids(&["5"]).into_iter().collect());
        // Two questions without an answer: nothing says whose it is.
        let read = with_asked_ids(vec![object("9", &[])], &ids(&["5", "6"]));
        assert!(read[0].merged_ids.is_empty());
        let read = with_asked_ids(vec![object("9", &["5"])], &ids(&["5", "6"]));
        assert_eq!(read[0].merged_ids, ids(&["5"]).into_iter().collect());
    }

    #[test]
    fn associations_are_read_with_ids_of_either_form_and_their_next_page() {
        let found: Vec<AssociationsFound> = results_of(&answer(ASSOCIATIONS)).unwrap();
        let page = page_of(ObjectType::Company, found).unwrap();
        let stored = |id: &str| -> Vec<String> {
            page.found[&ExternalId::new(id)].iter().map(|it| it.to_stored()).collect()
        };
        assert_eq!(stored("101"), ["company:201", "company:202"]);
        assert_eq!(stored("102"), ["company:203"]);
        assert_eq!(page.more.len(), 1);
        assert_eq!(page.more[0].external_id, ExternalId::new("102"));
        assert_eq!(page.more[0].after.as_deref(), Some("500"));
        let nameless: Value = json!({"results": [{"to": [{"toObjectId": 1}]}]});
        let found: Vec<AssociationsFound> = results_of(&answer(&nameless.to_string())).unwrap();
        assert!(page_of(ObjectType::Company, found).is_none());
    }
}
