//! Associations: a person's organization, a deal's person and organization. Each is one member of the
//! record, so there is room for one of a kind and setting it replaces what was there.
//!
//! The record is read first: that costs a fifth of a write, and mostly all is as it should be.

use serde_json::{Map, Value};
use sync_domain::model::{ExternalId, ObjectType};
use sync_domain::ports::ProviderError;

use super::calls::{Calls, bad_answer, written};
use super::error::{error_of, names};
use super::reading::associated;
use super::records::{Job, by_id, record_path};
use super::wire::Record;
use crate::http::RawAnswer;

/// The member that names the other end.
const fn member_of(object_type: ObjectType) -> &'static str {
    match object_type {
        ObjectType::Contact => "person_id",
        ObjectType::Company | ObjectType::Deal => "org_id",
    }
}

/// Makes all associations of the draft for the record.
///
/// # Errors
/// See [`ProviderError`]; a refusal names the association, if the answer does or there is just one.
pub async fn associate(
    calls: &mut Calls<'_>,
    job: &Job<'_>,
    external_id: &ExternalId,
) -> Result<(), ProviderError> {
    let object_type = job.draft.object_type;
    let gone = || ProviderError::Rejected { vendor_code: None, field: None };
    let record = by_id(calls, object_type, external_id, &job.fields).await?.ok_or_else(gone)?;
    let body = missing(job, &record);
    if body.is_empty() {
        return Ok(());
    }
    let path = record_path(object_type, external_id).ok_or_else(gone)?;
    let answer = calls.patch(&path, &body).await?;
    if (400..500).contains(&answer.status) {
        return Err(refusal(job, &body, &answer));
    }
    let record: Record = written(&answer)?;
    // An answer that takes the ids and does not show them may have dropped them.
    if missing(job, &record).is_empty() { Ok(()) } else { Err(bad_answer(&answer)) }
}

/// The members that are to be set.
fn missing(job: &Job<'_>, record: &Record) -> Map<String, Value> {
    let wanted = job.draft.associations.iter();
    wanted
        .filter(|it| associated(record, it.object_type).as_ref() != Some(&it.external_id))
        .filter_map(|it| {
            let id: u64 = it.external_id.as_str().parse().ok()?;
            Some((member_of(it.object_type).to_owned(), id.into()))
        })
        .collect()
}

fn refusal(job: &Job<'_>, body: &Map<String, Value>, answer: &RawAnswer) -> ProviderError {
    let ProviderError::Rejected { vendor_code, .. } = error_of(answer) else {
        return error_of(answer);
    };
    let is_written = |member: &str| body.contains_key(member);
    let mut at_fault = job.draft.associations.iter().enumerate().filter(|(_index, it)| {
        let member = member_of(it.object_type);
        is_written(member) && (body.len() == 1 || names(answer, member))
    });
    let field = at_fault.next().map(|(index, _it)| format!("associations[{index}].external_id"));
    ProviderError::Rejected { vendor_code, field }
}
