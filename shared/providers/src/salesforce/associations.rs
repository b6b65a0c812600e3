//! Associations of a record: the account of a contact or an opportunity is a field of it, the contacts
//! of an opportunity are records of their own (`OpportunityContactRole`).

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use sync_domain::model::{CrmDraft, ExternalId, ObjectType};
use sync_domain::ports::{Called, Connection, ProviderError, RemoteEffect};

use super::calls::{Calls, bad_answer, done_by, success_of};
use super::client::SalesforceGateway;
use super::error::is_gone;
use super::wire::{Fields, Record, SaveAnswer};
use super::{ids, mapping, soql};

/// How long a look may miss a role whose creation nobody saw end. Salesforce waits for a lock for up
/// to 10 s, so the creation may still be on its way; another one in that time would make a second role.
const ROLES_SETTLE: Duration = Duration::from_secs(30);

/// Records of one type to create; up to 200 ("Create records with sObject Collections").
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Roles<'a> {
    all_or_none: bool,
    records: Vec<Role<'a>>,
}

/// A contact's part in an opportunity. `attributes` must come first.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Role<'a> {
    #[serde(rename = "attributes")]
    kind: Kind,
    opportunity_id: &'a str,
    contact_id: &'a str,
}

#[derive(Serialize)]
struct Kind {
    r#type: &'static str,
}

/// The record at the other end, with its place in the request.
type End<'a> = (usize, &'a ExternalId);

impl SalesforceGateway {
    /// Makes all associations of a draft for the record `external_id`.
    pub(super) async fn associate_with_all(
        &self,
        connection: &Connection,
        draft: &CrmDraft,
        external_id: &ExternalId,
    ) -> Result<Called<()>, ProviderError> {
        let ends = |other: ObjectType| -> Vec<End<'_>> {
            let all = draft.associations.iter().enumerate();
            all.filter(|(_, it)| it.object_type == other)
                .map(|(index, it)| (index, &it.external_id))
                .collect()
        };
        let mut calls = self.calls(connection)?;
        // One after the other: both lock the opportunity, and together may lock each other out.
        if let Some(account) = ends(ObjectType::Company).first() {
            set_account(&mut calls, draft.object_type, external_id, *account).await?;
        }
        let contacts = ends(ObjectType::Contact);
        if !contacts.is_empty() {
            make_roles(&mut calls, external_id, &contacts).await?;
        }
        Ok(calls.done(()))
    }
}

/// `PATCH …/{id}` with `AccountId` alone.
async fn set_account(
    calls: &mut Calls<'_>,
    object_type: ObjectType,
    id: &ExternalId,
    (index, account): End<'_>,
) -> Result<(), ProviderError> {
    let object = mapping::object_name(object_type);
    let fields = Fields::from([("AccountId".to_owned(), Value::from(account.as_str()))]);
    let answer = calls.patch(&["sobjects", object, id.as_str()], &fields).await?;
    // What is gone is the record itself and not the account.
    done_by(&answer).map_err(|error| if is_gone(&answer) { error } else { at(index, error) })
}

/// A role is made for each contact that has none: another would be a second one.
async fn make_roles(
    calls: &mut Calls<'_>,
    opportunity: &ExternalId,
    contacts: &[End<'_>],
) -> Result<(), ProviderError> {
    let query = format!(
        "SELECT ContactId FROM OpportunityContactRole WHERE OpportunityId IN {} AND ContactId IN {}",
        soql::id_list([opportunity].into_iter())?,
        soql::id_list(contacts.iter().map(|(_, id)| *id))?,
    );
    let there = calls.query(&query).await?.records;
    let contact = |record: &Record| record.text("ContactId").and_then(ids::read);
    let there: BTreeSet<_> = there.iter().filter_map(contact).collect();
    let missing: Vec<_> = contacts.iter().filter(|(_, id)| !there.contains(*id)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let records = missing.iter().map(|(_, contact)| Role {
        kind: Kind { r#type: "OpportunityContactRole" },
        opportunity_id: opportunity.as_str(),
        contact_id: contact.as_str(),
    });
    let roles = Roles { all_or_none: false, records: records.collect() };
    let answer = calls.post(&["composite", "sobjects"], &roles).await.map_err(settling)?;
    let results: Vec<SaveAnswer> = success_of(&answer).map_err(settling)?;
    if results.len() != missing.len() {
        return Err(settling(bad_answer(&answer)));
    }
    // Failures come inside a 200, in the order of the request.
    for ((index, _), result) in missing.into_iter().zip(results) {
        if result.success != Some(true) {
            let error = result.errors.first().map(super::wire::ErrorItem::error);
            return Err(at(*index, settling(error.unwrap_or_else(|| bad_answer(&answer)))));
        }
    }
    Ok(())
}

/// Where nobody knows whether roles were made, nobody looks and makes them again before that shows.
fn settling(error: ProviderError) -> ProviderError {
    let after = |status, asked: Option<Duration>| ProviderError::Unavailable {
        status,
        retry_after: Some(asked.unwrap_or_default().max(ROLES_SETTLE)),
        effect: RemoteEffect::Unknown,
    };
    match error {
        ProviderError::TimedOut => after(None, None),
        ProviderError::Unavailable { status, retry_after, effect: RemoteEffect::Unknown } => {
            after(status, retry_after)
        }
        ProviderError::Unavailable { effect: RemoteEffect::None, .. }
        | ProviderError::Rejected { .. }
        | ProviderError::Duplicate { .. }
        | ProviderError::Unauthorized
        | ProviderError::MissingScope
        | ProviderError::Contended { .. }
        | ProviderError::RateLimited { .. }
        | ProviderError::Closed { .. } => error,
    }
}

/// A refusal with the association at fault.
fn at(index: usize, error: ProviderError) -> ProviderError {
    match error {
        ProviderError::Rejected { vendor_code, .. } => ProviderError::Rejected {
            vendor_code,
            field: Some(format!("associations[{index}].external_id")),
        },
        ProviderError::Duplicate { .. }
        | ProviderError::Unauthorized
        | ProviderError::MissingScope
        | ProviderError::Contended { .. }
        | ProviderError::RateLimited { .. }
        | ProviderError::Unavailable { .. }
        | ProviderError::TimedOut
        | ProviderError::Closed { .. } => error,
    }
}
