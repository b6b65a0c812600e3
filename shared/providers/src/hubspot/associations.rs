//! Associations of a record: one batch per kind of record at the other end, all in flight together.
//!
//! The default (unlabelled) association is made. Making one that is there already changes nothing
//! (consistent with a set operation; unverified). Failures also come inside a 200.

use std::collections::BTreeSet;

use futures::future::join_all;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sync_domain::model::{CrmDraft, ExternalId, ObjectType};
use sync_domain::ports::{Called, Connection, ProviderError};

use super::calls::{bad_answer, success_of};
use super::client::{HubspotGateway, path_name};
use super::error::{body_of, error_of};
use super::wire::{Batch, ById, ErrorBody};
use crate::http::RawAnswer;

#[derive(Serialize)]
struct Pair<'a> {
    from: ById<'a>,
    to: ById<'a>,
}

#[derive(Deserialize)]
struct AssociationAnswer {
    #[serde(default)]
    results: Vec<Associated>,
    #[serde(default)]
    errors: Vec<ErrorBody>,
}

/// An association that is there now. Published as `from.id` and `to.id`; the flat form is the one of
/// labelled associations and is read too.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Associated {
    from: Option<End>,
    to: Option<End>,
    from_object_id: Option<Value>,
    to_object_id: Option<Value>,
}

#[derive(Deserialize)]
struct End {
    id: Option<Value>,
}

impl Associated {
    /// The ids of both ends; each pair is reported in either direction.
    fn ends(&self) -> Option<(String, String)> {
        let nested = |end: &Option<End>| end.as_ref().and_then(|end| end.id.as_ref()).map(id_text);
        let from = nested(&self.from).or_else(|| self.from_object_id.as_ref().map(id_text))?;
        let to = nested(&self.to).or_else(|| self.to_object_id.as_ref().map(id_text))?;
        Some((from, to))
    }
}

/// Ids come as texts and, in older versions, as numbers.
pub(super) fn id_text(id: &Value) -> String {
    id.as_str().map_or_else(|| id.to_string(), str::to_owned)
}

impl HubspotGateway {
    /// Makes all associations of a draft for the record `external_id`.
    pub(super) async fn associate_with_all(
        &self,
        connection: &Connection,
        draft: &CrmDraft,
        external_id: &ExternalId,
    ) -> Result<Called<()>, ProviderError> {
        let types: BTreeSet<_> = draft.associations.iter().map(|it| it.object_type).collect();
        let batches =
            types.into_iter().map(|to| self.associate_batch(connection, draft, external_id, to));
        let mut total = Called { value: (), calls: 0, rate: None, quota: None };
        for batch in join_all(batches).await {
            let batch = batch?;
            total.calls += batch.calls;
            total.rate = batch.rate.or(total.rate);
        }
        Ok(total)
    }

    /// `POST …/{from}/{to}/batch/associate/default`.
    async fn associate_batch(
        &self,
        connection: &Connection,
        draft: &CrmDraft,
        external_id: &ExternalId,
        to: ObjectType,
    ) -> Result<Called<()>, ProviderError> {
        let wanted = Wanted { draft, external_id, to };
        let pair = |id: &'_ ExternalId| -> (String, String) {
            (external_id.as_str().to_owned(), id.as_str().to_owned())
        };
        let pairs: Vec<_> = wanted.ids().map(|(_index, id)| pair(id)).collect();
        let inputs =
            pairs.iter().map(|(from, to)| Pair { from: ById { id: from }, to: ById { id: to } });
        let request = Batch { inputs: inputs.collect() };
        let from = path_name(draft.object_type);
        let path = format!("/{from}/{}/batch/associate/default", path_name(to));
        let mut calls = self.calls(connection);
        let answer = calls.post(&self.url("associations", &path), &request).await?;
        wanted.judge(&answer)?;
        Ok(calls.done(()))
    }
}

/// The associations of a record with records of one kind.
struct Wanted<'a> {
    draft: &'a CrmDraft,
    external_id: &'a ExternalId,
    to: ObjectType,
}

impl Wanted<'_> {
    /// Place in the request and id of each.
    fn ids(&self) -> impl Iterator<Item = (usize, &ExternalId)> {
        let all = self.draft.associations.iter().enumerate();
        all.filter(|(_index, it)| it.object_type == self.to)
            .map(|(index, it)| (index, &it.external_id))
    }

    /// Success only if each one is accounted for.
    fn judge(&self, answer: &RawAnswer) -> Result<(), ProviderError> {
        let batch: AssociationAnswer = success_of(answer).map_err(|error| match error {
            ProviderError::Rejected { .. } => self.refusal(&body_of(answer), error_of(answer)),
            ProviderError::Duplicate { .. }
            | ProviderError::Unauthorized
            | ProviderError::MissingScope
            | ProviderError::Contended { .. }
            | ProviderError::RateLimited { .. }
            | ProviderError::Unavailable { .. }
            | ProviderError::TimedOut
            | ProviderError::Closed { .. } => error,
        })?;
        if let Some(error) = batch.errors.first() {
            return Err(self.refusal(error, error.rejection()));
        }
        let own = self.external_id.as_str();
        let made: BTreeSet<_> = batch
            .results
            .iter()
            .filter_map(Associated::ends)
            .filter_map(|(from, to)| match (from == own, to == own) {
                (true, _) => Some(to),
                (false, true) => Some(from),
                (false, false) => None,
            })
            .collect();
        let is_complete = self.ids().all(|(_index, id)| made.contains(id.as_str()));
        if is_complete { Ok(()) } else { Err(bad_answer(answer)) }
    }

    /// A refusal with the association at fault, where the ids in it tell, or where there is just the
    /// one.
    fn refusal(&self, body: &ErrorBody, error: ProviderError) -> ProviderError {
        let ProviderError::Rejected { vendor_code, .. } = error else { return error };
        let named = body.context_ids();
        let mut at_fault = self.ids().filter(|(_index, id)| named.contains(id.as_str()));
        let only = || {
            let mut ids = self.ids();
            ids.next()
                .filter(|_| ids.next().is_none() && !named.contains(self.external_id.as_str()))
        };
        let field = at_fault
            .next()
            .or_else(only)
            .map(|(index, _id)| format!("associations[{index}].external_id"));
        ProviderError::Rejected { vendor_code, field }
    }
}

impl ErrorBody {
    /// Every text or number of the context: ids stand under names that differ from error to error.
    fn context_ids(&self) -> BTreeSet<String> {
        let contexts = self.errors.iter().map(|detail| &detail.context).chain([&self.context]);
        let values = contexts.flat_map(|context| context.values());
        let leaves = values.flat_map(|value| match value {
            Value::Array(items) => items.iter().collect(),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Object(_) => {
                vec![value]
            }
        });
        leaves.map(id_text).collect()
    }
}
