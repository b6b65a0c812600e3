//! Reading the body of a create or an update: every member known, writable, of its kind, and
//! leading somewhere if it is an id.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::errors::Refusal;
use super::object_types::{Feature, Kind, Link, Member, Object, Writing};
use super::store::{Company, Table};
use super::values;
use crate::accounts::Account;

/// How many users a company has unless it says otherwise.
const USERS: u64 = 3;

/// What a caller wants a record to say.
#[derive(Debug, Default)]
pub struct Draft {
    /// Members, checked one by one.
    pub values: Map<String, Value>,
    /// Custom fields; null takes one away.
    pub custom: BTreeMap<String, Value>,
    /// When the record shall have been made.
    pub added_ms: Option<i64>,
}

/// The token's user.
pub fn user_id(account: &Account) -> u64 {
    account.user_id.as_ref().and_then(|id| id.text().parse().ok()).unwrap_or(1)
}

/// The users of a company, the token's first.
pub fn users(account: &Account) -> std::ops::Range<u64> {
    let first = user_id(account);
    first..first.saturating_add(account.permitted_users.unwrap_or(USERS).max(1))
}

/// Whether the company has the member at all.
pub fn has(account: &Account, member: &Member) -> bool {
    match member.feature {
        Feature::Any => true,
        Feature::FirmDetails => account.has_website,
        Feature::ContactSync | Feature::Marketing => false,
    }
}

fn check_link(
    account: &Account,
    company: &Company,
    name: &str,
    link: Link,
    value: &Value,
) -> Result<(), Refusal> {
    let id = value.as_u64().unwrap_or_default();
    let is_there = match link {
        Link::User => users(account).contains(&id),
        Link::To(object) => company.table(object).present(id).is_some(),
    };
    if is_there { Ok(()) } else { Err(Refusal::invalid(name, "it does not exist")) }
}

fn custom_fields(table: &Table, given: &Value) -> Result<BTreeMap<String, Value>, Refusal> {
    let wrong = || Refusal::invalid("custom_fields", "Invalid input: expected object");
    let given = given.as_object().ok_or_else(wrong)?;
    let mut custom = BTreeMap::new();
    for (code, value) in given {
        let unknown = || Refusal::invalid(&format!("custom_fields.{code}"), "Unrecognized key");
        table.field(code).ok_or_else(unknown)?.check(value)?;
        custom.insert(code.clone(), value.clone());
    }
    Ok(custom)
}

/// Reads one member.
fn value(
    account: &Account,
    company: &Company,
    member: &Member,
    given: &Value,
    is_new: bool,
) -> Result<Value, Refusal> {
    let is_writable = match member.writing {
        Writing::Always => true,
        Writing::OnCreate => is_new,
        Writing::Never => false,
    };
    if !is_writable {
        return Err(Refusal::invalid(member.name, "Unrecognized key"));
    }
    if !has(account, member) {
        let error = format!("{} is not available to this company", member.name);
        return Err(Refusal::forbidden(&error));
    }
    if given.is_null() && member.is_clearable {
        return Ok(Value::Null);
    }
    let read = values::read(member.name, member.kind, given)?;
    if let Kind::Id(link) = member.kind {
        check_link(account, company, member.name, link, &read)?;
    }
    Ok(read)
}

/// A person has a whole name or two halves of one, never both.
fn settle_names(draft: &mut Draft) -> Result<(), Refusal> {
    let text = |draft: &Draft, name: &str| {
        draft.values.get(name).and_then(Value::as_str).map(str::to_owned)
    };
    let halves = (text(draft, "first_name"), text(draft, "last_name"));
    match (text(draft, "name"), halves) {
        (None, (None, None)) => {}
        (Some(name), (None, None)) => {
            let trimmed = name.trim();
            let (first, last) = trimmed.split_once(' ').unwrap_or((trimmed, ""));
            let last = Some(last.trim()).filter(|last| !last.is_empty());
            draft.values.insert("name".to_owned(), trimmed.into());
            draft.values.insert("first_name".to_owned(), first.into());
            draft.values.insert("last_name".to_owned(), last.into());
        }
        (None, (Some(first), Some(last))) => {
            let name = format!("{} {}", first.trim(), last.trim()).trim().to_owned();
            if name.is_empty() {
                return Err(Refusal::invalid("name", "first_name and last_name are both empty"));
            }
            draft.values.insert("name".to_owned(), name.into());
        }
        (Some(_), _) => {
            return Err(Refusal::invalid("name", "it does not go with first_name and last_name"));
        }
        (None, _) => {
            return Err(Refusal::invalid("name", "first_name and last_name go together"));
        }
    }
    Ok(())
}

/// Reads a body.
pub fn read(
    account: &Account,
    company: &Company,
    object: Object,
    body: &Map<String, Value>,
    is_new: bool,
) -> Result<Draft, Refusal> {
    let mut draft = Draft::default();
    for (name, given) in body {
        match name.as_str() {
            "custom_fields" => draft.custom = custom_fields(company.table(object), given)?,
            "add_time" if is_new && object != Object::Deal => {
                let wrong =
                    || Refusal::invalid("add_time", "Invalid input: expected RFC 3339 time");
                draft.added_ms = Some(values::instant_ms(given).ok_or_else(wrong)?);
            }
            "is_deleted" if object == Object::Deal && *given == Value::Bool(false) => {}
            _ => {
                let member = object.member(name);
                let member = member.ok_or_else(|| Refusal::invalid(name, "Unrecognized key"))?;
                let read = value(account, company, member, given, is_new)?;
                draft.values.insert(name.clone(), read);
            }
        }
    }
    if object == Object::Person {
        settle_names(&mut draft)?;
    }
    if is_new && !draft.values.contains_key(object.title_member()) {
        return Err(Refusal::invalid(object.title_member(), "Required"));
    }
    Ok(draft)
}
