//! The custom fields that we need: found again by their names, or made once.
//!
//! Each account gives a field a code of its own, 40 hexadecimal digits. Pipedrive has no unique
//! fields: what keeps a key from being there twice is our own lease per record.

use serde::{Deserialize, Serialize};
use sync_domain::model::{AttributeName, ObjectType};
use sync_domain::ports::{KeyProperty, ProviderError};

use super::calls::{Calls, bad_answer, read, written};
use super::error::{error_of, without_effect};
use super::records::PAGE;
use super::wire::{Flag, Text};

/// The field of the natural key.
const REFERENCE: &str = "Integration reference";
/// The field of a company's domain, where organizations have no `website`.
const DOMAIN: &str = "Integration domain";
/// The member that organizations have in accounts with the feature.
const WEBSITE: &str = "website";
/// Text of up to 255 characters, searchable.
const FIELD_TYPE: &str = "varchar";
/// No account has more fields than this many pages hold.
const PAGES_MAX: usize = 10;

/// The kinds of record that need fields.
pub const KEYED_TYPES: [ObjectType; 3] = ObjectType::ALL;

#[derive(Serialize)]
struct NewField {
    field_name: &'static str,
    field_type: &'static str,
}

#[derive(Deserialize)]
struct Field {
    #[serde(default)]
    field_name: Text,
    #[serde(default)]
    field_code: Text,
    #[serde(default)]
    field_type: Text,
    #[serde(default)]
    is_custom_field: Flag,
}

impl Field {
    fn is_ours(&self, name: &str) -> bool {
        self.field_name.get() == Some(name)
            && self.field_type.get() == Some(FIELD_TYPE)
            && !self.is_custom_field.is_unset()
    }
}

const fn path_of(object_type: ObjectType) -> &'static str {
    match object_type {
        ObjectType::Contact => "/api/v2/personFields",
        ObjectType::Company => "/api/v2/organizationFields",
        ObjectType::Deal => "/api/v2/dealFields",
    }
}

/// Sees to it that the account has our fields for a kind of record.
///
/// # Errors
/// When it could not be found out, and where a field may have been made whose answer got lost: then
/// the next try finds it.
pub async fn ensure(
    calls: &mut Calls<'_>,
    object_type: ObjectType,
) -> Result<KeyProperty, ProviderError> {
    let path = path_of(object_type);
    let fields = all(calls, path).await?;
    let Some(reference) = found_or_made(calls, path, &fields, REFERENCE).await? else {
        return Ok(KeyProperty::NotAvailable);
    };
    let mut named = vec![(AttributeName::Reference, reference)];
    let has_website = fields.iter().any(|field| field.field_code.get() == Some(WEBSITE));
    if object_type == ObjectType::Company && !has_website {
        let domain = found_or_made(calls, path, &fields, DOMAIN).await?;
        named.extend(domain.map(|code| (AttributeName::Domain, code)));
    }
    Ok(KeyProperty::Named(named))
}

async fn all(calls: &mut Calls<'_>, path: &str) -> Result<Vec<Field>, ProviderError> {
    let (mut fields, mut cursor) = (Vec::new(), None::<String>);
    for _page in 0..PAGES_MAX {
        let mut query = vec![("limit", PAGE)];
        query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let answer = calls.get(path, &query).await?;
        let page = read::<Vec<Field>>(&answer)?;
        let next = page.next_cursor().map(str::to_owned);
        fields.extend(page.data.ok_or_else(|| without_effect(bad_answer(&answer)))?);
        if next.is_none() {
            break;
        }
        cursor = next;
    }
    Ok(fields)
}

/// The code of a field; `None` where it may not be made.
async fn found_or_made(
    calls: &mut Calls<'_>,
    path: &str,
    fields: &[Field],
    name: &'static str,
) -> Result<Option<String>, ProviderError> {
    if let Some(field) = fields.iter().find(|field| field.is_ours(name))
        && let Some(code) = field.field_code.get()
    {
        return Ok(Some(code.to_owned()));
    }
    let definition = NewField { field_name: name, field_type: FIELD_TYPE };
    let answer = calls.post(path, &definition).await?;
    match error_unless_made(&answer)? {
        Made::Refused => Ok(None),
        Made::Yes => {
            let field: Field = written(&answer)?;
            let code = field.field_code.get().ok_or_else(|| bad_answer(&answer))?;
            Ok(Some(code.to_owned()))
        }
    }
}

enum Made {
    Yes,
    /// Not permitted, or the plan has no room for another field.
    Refused,
}

fn error_unless_made(answer: &crate::http::RawAnswer) -> Result<Made, ProviderError> {
    if (200..300).contains(&answer.status) {
        return Ok(Made::Yes);
    }
    match error_of(answer) {
        ProviderError::Rejected { .. } | ProviderError::MissingScope => Ok(Made::Refused),
        error @ (ProviderError::Duplicate { .. }
        | ProviderError::Unauthorized
        | ProviderError::Contended { .. }
        | ProviderError::RateLimited { .. }
        | ProviderError::Unavailable { .. }
        | ProviderError::TimedOut
        | ProviderError::Closed { .. }) => Err(error),
    }
}
