//! The field that records are found by, and the others that not every org has: looked for when an
//! account is connected. Nothing is made: our package, which the tenant's admin installs, does that.

use serde::Deserialize;
use sync_domain::model::{AttributeName, ObjectType};
use sync_domain::ports::{KeyProperty, ProviderError};

use super::calls::{Calls, success_of};
use super::mapping::{COMPANY_FIELD, KEY_FIELD, LIFECYCLE_FIELD, RECORD_TYPE_FIELD, object_name};

/// What an org's user may see of an object ("sObject Describe", REST API guide).
#[derive(Deserialize)]
struct Description {
    fields: Vec<Field>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Field {
    name: Option<String>,
    #[serde(default)]
    external_id: bool,
    #[serde(default)]
    unique: bool,
    #[serde(default)]
    createable: bool,
    #[serde(default)]
    updateable: bool,
}

impl Field {
    const fn is_written(&self) -> bool {
        self.createable && self.updateable
    }
}

/// Fields that an org may have besides, and what they hold.
const fn optional_fields(object_type: ObjectType) -> &'static [(AttributeName, &'static str)] {
    match object_type {
        ObjectType::Contact => &[
            (AttributeName::Company, COMPANY_FIELD),
            (AttributeName::Lifecyclestage, LIFECYCLE_FIELD),
        ],
        ObjectType::Company => &[],
        ObjectType::Deal => &[(AttributeName::Pipeline, RECORD_TYPE_FIELD)],
    }
}

/// `GET sobjects/{object}/describe`: the key field, if it is unique and may be written, and with it
/// whatever else is there. A field that may not be seen looks like one that is not there.
///
/// # Errors
/// When it could not be found out.
pub async fn look(
    calls: &mut Calls<'_>,
    object_type: ObjectType,
) -> Result<KeyProperty, ProviderError> {
    let answer = calls.get(&["sobjects", object_name(object_type), "describe"], &[]).await?;
    let description: Description = match success_of(&answer) {
        Ok(description) => description,
        Err(ProviderError::Rejected { .. } | ProviderError::MissingScope) => {
            return Ok(KeyProperty::NotAvailable);
        }
        Err(error) => return Err(error),
    };
    let field = |name: &str| description.fields.iter().find(|it| it.name.as_deref() == Some(name));
    let is_key = |field: &Field| field.external_id && field.unique && field.is_written();
    if !field(KEY_FIELD).is_some_and(is_key) {
        return Ok(KeyProperty::NotAvailable);
    }
    let others = optional_fields(object_type).iter().copied();
    let others = others.filter(|(_, name)| field(name).is_some_and(Field::is_written));
    let named = [(AttributeName::Reference, KEY_FIELD)].into_iter().chain(others);
    Ok(KeyProperty::Named(named.map(|(name, field)| (name, field.to_owned())).collect()))
}
