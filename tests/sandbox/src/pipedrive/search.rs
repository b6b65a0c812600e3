//! Search over the content that search knows, which may be older than the records: by words in
//! several members, and by one field alone.

use serde_json::{Value, json};

use super::errors::Refusal;
use super::object_types::{Kind, Object};
use super::paging::{self, flag, number, text};
use super::pipelines::Pipeline;
use super::store::{Company, Content, Record, Table};
use crate::vendor::{Answer, VendorRequest};

const MIN_TERM_CHARS: usize = 2;
/// What every hit scores; callers are told nothing of how scores come about.
const SCORE: f64 = 0.5;

/// The entity types of `itemSearch/field` that the sandbox has nothing of.
const EMPTY_TYPES: [&str; 3] = ["lead", "product", "project"];

/// The texts of a member: of emails and phones each value.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Number(number) => vec![number.to_string()],
        Value::Array(entries) => entries.iter().flat_map(|entry| texts(&entry["value"])).collect(),
        Value::Object(place) => place.get("value").map(texts).unwrap_or_default(),
        Value::Null | Value::Bool(_) => Vec::new(),
    }
}

fn custom_texts(table: &Table, content: &Content) -> Vec<String> {
    let set = content.custom.iter();
    set.filter_map(|(code, value)| table.field(code)?.searched_text(value)).collect()
}

/// The fields that can be searched, with the member behind each.
const fn searched_members(object: Object) -> &'static [(&'static str, &'static str)] {
    match object {
        Object::Person => {
            &[("name", "name"), ("email", "emails"), ("phone", "phones"), ("notes", "notes")]
        }
        Object::Organization => &[("name", "name"), ("address", "address"), ("notes", "notes")],
        Object::Deal => &[("title", "title"), ("notes", "notes")],
    }
}

/// What to look for, and where.
struct Query {
    term: String,
    is_exact: bool,
    fields: Vec<String>,
}

fn term(request: &VendorRequest, is_exact: bool) -> Result<String, Refusal> {
    let term = text(request, "term").unwrap_or_default().trim();
    let least = if is_exact { 1 } else { MIN_TERM_CHARS };
    if term.chars().count() < least {
        return Err(Refusal::invalid("term", &format!("it needs at least {least} characters")));
    }
    Ok(term.to_owned())
}

impl Query {
    fn read(object: Object, request: &VendorRequest) -> Result<Self, Refusal> {
        let is_exact = flag(request, "exact_match")?;
        let fields = request.query_list("fields");
        let is_known = |field: &String| {
            field == "custom_fields"
                || searched_members(object).iter().any(|(known, _)| known == field)
        };
        if let Some(unknown) = fields.iter().find(|field| !is_known(field)) {
            return Err(Refusal::invalid("fields", &format!("{unknown} can't be searched")));
        }
        Ok(Self { term: term(request, is_exact)?.to_lowercase(), is_exact, fields })
    }

    fn looks_into(&self, field: &str) -> bool {
        self.fields.is_empty() || self.fields.iter().any(|wanted| wanted == field)
    }

    /// Case makes no difference here.
    fn hits(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        if self.is_exact { text == self.term } else { text.contains(&self.term) }
    }

    fn finds(&self, object: Object, table: &Table, content: &Content) -> bool {
        let mut members = searched_members(object).iter();
        let in_members = members.any(|(field, member)| {
            self.looks_into(field) && texts(content.get(member)).iter().any(|text| self.hits(text))
        });
        let in_custom = || custom_texts(table, content).iter().any(|text| self.hits(text));
        in_members || (self.looks_into("custom_fields") && in_custom())
    }
}

fn named(company: &Company, object: Object, id: Option<u64>) -> Value {
    let record = id.and_then(|id| company.table(object).records.get(&id));
    record.map_or(
        Value::Null,
        |record| json!({ "id": record.id, "name": record.content.get("name") }),
    )
}

fn item(
    company: &Company,
    pipelines: &[Pipeline],
    object: Object,
    record: &Record,
    content: &Content,
) -> Value {
    let mut item = json!({
        "id": record.id,
        "type": object.name(),
        "visible_to": content.get("visible_to"),
        "owner": { "id": content.get("owner_id") },
        "custom_fields": custom_texts(company.table(object), content),
        "notes": texts(content.get("notes")),
    });
    item[object.title_member()] = content.get(object.title_member()).clone();
    let organization = named(company, Object::Organization, content.id("org_id"));
    match object {
        Object::Person => {
            item["emails"] = json!(texts(content.get("emails")));
            item["phones"] = json!(texts(content.get("phones")));
            item["organization"] = organization;
        }
        Object::Organization => item["address"] = content.get("address")["value"].clone(),
        Object::Deal => {
            let stages = pipelines.iter().flat_map(|pipeline| &pipeline.stages);
            let id = content.id("stage_id");
            let stage = stages.into_iter().find(|stage| Some(stage.id) == id);
            item["stage"] =
                stage.map_or(Value::Null, |one| json!({ "id": one.id, "name": one.name }));
            item["person"] = named(company, Object::Person, content.id("person_id"));
            item["organization"] = organization;
            for name in ["value", "currency", "status", "is_archived"] {
                item[name] = content.get(name).clone();
            }
        }
    }
    json!({ "result_score": SCORE, "item": item })
}

/// `GET /persons/search` and its siblings.
pub fn search(
    company: &Company,
    pipelines: &[Pipeline],
    object: Object,
    request: &VendorRequest,
    now_ms: i64,
) -> Result<Answer, Refusal> {
    let query = Query::read(object, request)?;
    let of_organization = number(request, "organization_id")?;
    let of_person = number(request, "person_id")?;
    let status = text(request, "status");
    let table = company.table(object);
    let hits = table.records.values().filter_map(|record| {
        let content = record.searched(now_ms)?;
        let is_meant = of_organization.is_none_or(|id| content.id("org_id") == Some(id))
            && of_person.is_none_or(|id| content.id("person_id") == Some(id))
            && status.is_none_or(|status| *content.get("status") == status);
        (is_meant && query.finds(object, table, content))
            .then(|| item(company, pipelines, object, record, content))
    });
    let (items, next) = paging::counted(request, hits.collect())?;
    Ok(paging::page(json!({ "items": items }), next))
}

/// The texts of one field of a record.
fn field_texts(object: Object, table: &Table, field: &str, content: &Content) -> Vec<String> {
    if let Some(custom) = table.field(field) {
        let value = content.custom.get(field).unwrap_or(&Value::Null);
        return custom.searched_text(value).into_iter().collect();
    }
    let member = match field {
        "email" => "emails",
        "phone" => "phones",
        _ => field,
    };
    let is_text = object.member(member).is_some_and(|known| {
        matches!(known.kind, Kind::Text | Kind::Title | Kind::Entries | Kind::Address)
    });
    if is_text { texts(content.get(member)) } else { Vec::new() }
}

/// `GET /itemSearch/field`: one field of one type, and case makes a difference.
pub fn by_field(
    company: &Company,
    request: &VendorRequest,
    now_ms: i64,
) -> Result<Answer, Refusal> {
    let matching = paging::choice(request, "match", &["exact", "beginning", "middle"])?;
    let term = term(request, matching == "exact")?;
    let entity = text(request, "entity_type").unwrap_or_default();
    let field = text(request, "field").ok_or_else(|| Refusal::invalid("field", "Required"))?;
    let Some(object) = Object::from_name(entity) else {
        if EMPTY_TYPES.contains(&entity) {
            return Ok(paging::page(json!([]), json!({ "next_cursor": null })));
        }
        return Err(Refusal::invalid("entity_type", "it is missing or unknown"));
    };
    let table = company.table(object);
    let is_known = table.field(field).map_or_else(
        || ["email", "phone"].contains(&field) || object.member(field).is_some(),
        |custom| custom.kind.is_searchable(),
    );
    if !is_known {
        return Err(Refusal::invalid("field", "it can't be searched"));
    }
    let hits = |text: &String| match matching {
        "beginning" => text.starts_with(&term),
        "middle" => text.contains(&term),
        _ => *text == term,
    };
    let found = table.records.values().filter_map(|record| {
        let content = record.searched(now_ms)?;
        let is_hit = field_texts(object, table, field, content).iter().any(hits);
        is_hit.then(|| json!({ "id": record.id, "name": content.get(object.title_member()) }))
    });
    let (rows, next) = paging::counted(request, found.collect())?;
    Ok(paging::page(json!(rows), next))
}
