//! `GET` and `POST` of `/personFields`, `/organizationFields` and `/dealFields`.

use serde_json::{Map, Value, json};

use super::custom_fields::{Field, FieldType, MAX_VARCHAR_CHARS, new_code};
use super::errors::Refusal;
use super::object_types::{Feature, Kind, Link, Member, Object};
use super::paging;
use super::store::Company;
use crate::accounts::Account;
use crate::vendor::{Answer, VendorRequest};

/// What a body can have besides name, type and options; none of it changes what the sandbox does.
const IGNORED: [&str; 3] = ["ui_visibility", "important_fields", "required_fields"];

const fn type_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Text | Kind::Title => "varchar",
        Kind::Id(Link::User) => "user",
        Kind::Id(Link::To(Object::Organization)) => "org",
        Kind::Id(Link::To(Object::Person)) => "people",
        Kind::Id(Link::To(Object::Deal)) => "deal",
        Kind::Integer => "int",
        Kind::Number => "double",
        Kind::Flag => "boolean",
        Kind::Instant | Kind::Date => "date",
        Kind::Entries => "phone",
        Kind::Address => "address",
        Kind::Labels => "set",
        Kind::Choice(_) => "status",
        Kind::Visibility => "visible_to",
        Kind::Currency => "varchar_options",
        Kind::Pipeline | Kind::Stage => "stage",
    }
}

/// What users see of a member, made of its name.
fn label(name: &str) -> String {
    let mut words = name.replace('_', " ");
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    words
}

fn row(name: &str, code: &str, kind: &str, options: Value, is_custom: bool) -> Value {
    json!({
        "field_name": name,
        "field_code": code,
        "field_type": kind,
        "options": options,
        "subfields": null,
        "is_custom_field": is_custom,
        "is_optional_response_field": false,
    })
}

fn own_row(member: &Member) -> Value {
    // Fields keep the singular that emails and phones had in v1.
    let code = match member.name {
        "emails" => "email",
        "phones" => "phone",
        name => name,
    };
    let options = match member.kind {
        Kind::Choice(choices) => {
            let choices = choices.iter().map(|choice| json!({ "id": choice, "label": choice }));
            choices.collect()
        }
        Kind::Text
        | Kind::Title
        | Kind::Id(_)
        | Kind::Integer
        | Kind::Number
        | Kind::Flag
        | Kind::Instant
        | Kind::Date
        | Kind::Entries
        | Kind::Address
        | Kind::Labels
        | Kind::Visibility
        | Kind::Currency
        | Kind::Pipeline
        | Kind::Stage => Value::Null,
    };
    let kind = if code == "email" { "varchar" } else { type_of(member.kind) };
    row(&label(code), code, kind, options, false)
}

fn custom_row(field: &Field) -> Value {
    let options = field.options.iter().zip(1_u64..);
    let options: Value = options.map(|(label, id)| json!({ "id": id, "label": label })).collect();
    let options = if field.kind.has_options() { options } else { Value::Null };
    let mut row = row(&field.name, &field.code, field.kind.name(), options, true);
    row["description"] = json!(field.description);
    row
}

/// `GET /personFields`: the company's own members first, then custom fields.
pub fn list(
    account: &Account,
    company: &Company,
    object: Object,
    request: &VendorRequest,
) -> Result<Answer, Refusal> {
    let mut rows = vec![row("ID", "id", "int", Value::Null, false)];
    let members = object.members().iter().filter(|member| match member.feature {
        Feature::Any => true,
        Feature::FirmDetails => account.has_website,
        Feature::ContactSync | Feature::Marketing => false,
    });
    rows.extend(members.map(own_row));
    rows.push(row("Update time", "update_time", "date", Value::Null, false));
    rows.extend(company.table(object).fields.iter().map(custom_row));
    let (rows, next) = paging::counted(request, rows)?;
    Ok(paging::page(json!(rows), next))
}

fn options(kind: FieldType, given: Option<&Value>) -> Result<Vec<String>, Refusal> {
    let wrong = || Refusal::invalid("options", "expected labels for a set or enum, and only there");
    let Some(given) = given else {
        return if kind.has_options() { Err(wrong()) } else { Ok(Vec::new()) };
    };
    let given = given.as_array().filter(|given| kind.has_options() && !given.is_empty());
    let labels = given.ok_or_else(wrong)?.iter().map(|option| {
        let label = option["label"].as_str().filter(|label| !label.is_empty());
        label.map(str::to_owned).ok_or_else(wrong)
    });
    labels.collect()
}

fn read(object: Object, body: &Map<String, Value>) -> Result<Field, Refusal> {
    let takes = |name: &str| {
        ["field_name", "field_type", "options"].contains(&name)
            || IGNORED.contains(&name)
            || (object == Object::Deal && name == "description")
    };
    if let Some(unknown) = body.keys().find(|name| !takes(name)) {
        return Err(Refusal::invalid(unknown, "Unrecognized key"));
    }
    let name = body.get("field_name").and_then(Value::as_str).map(str::trim);
    let name = name.filter(|name| !name.is_empty() && name.chars().count() <= MAX_VARCHAR_CHARS);
    let name =
        name.ok_or_else(|| Refusal::invalid("field_name", "expected 1 to 255 characters"))?;
    let kind = body.get("field_type").and_then(Value::as_str).and_then(FieldType::from_name);
    let kind = kind.ok_or_else(|| Refusal::invalid("field_type", "it is missing or unknown"))?;
    let description = body.get("description").and_then(Value::as_str).unwrap_or_default();
    Ok(Field {
        name: name.to_owned(),
        code: new_code(),
        kind,
        options: options(kind, body.get("options"))?,
        description: description.to_owned(),
    })
}

/// `POST /personFields`. The same name again is another field.
pub fn create(
    account: &Account,
    company: &mut Company,
    object: Object,
    body: &Map<String, Value>,
) -> Result<Answer, Refusal> {
    if !account.is_admin {
        return Err(Refusal::forbidden("The user has no permission to add custom fields"));
    }
    let field = read(object, body)?;
    let row = custom_row(&field);
    company.table_mut(object).fields.push(field);
    Ok(paging::found(row))
}
