//! `GET /persons`, `/organizations` and `/deals`: filters, sorting, and pages by a cursor that
//! names the first row of the next page.

use serde_json::{Value, json};

use super::errors::Refusal;
use super::object_types::{Object, STATUSES};
use super::paging::{self, number, text};
use super::render::{self, WantedFields};
use super::store::{Company, Record};
use super::values::instant_text;
use crate::vendor::{Answer, VendorRequest};

const MAX_IDS: usize = 100;
const MAX_CUSTOM_FIELDS: usize = 15;
const SECOND_MS: i64 = 1_000;

/// Which rows are wanted.
struct Filter {
    ids: Option<Vec<u64>>,
    members: Vec<(&'static str, u64)>,
    statuses: Option<Vec<String>>,
    since_ms: Option<i64>,
    until_ms: Option<i64>,
    persons_of_deal: Option<Option<u64>>,
}

fn instant(request: &VendorRequest, name: &str) -> Result<Option<i64>, Refusal> {
    let wrong = || Refusal::invalid(name, "Invalid input: expected RFC 3339 time");
    let read = |value: &str| super::values::instant_ms(&json!(value)).ok_or_else(wrong);
    text(request, name).map(read).transpose()
}

fn ids(request: &VendorRequest) -> Result<Option<Vec<u64>>, Refusal> {
    if text(request, "ids").is_none() {
        return Ok(None);
    }
    let given = request.query_list("ids");
    let wrong = |_| Refusal::invalid("ids", "Invalid input: expected integers");
    let ids: Vec<u64> =
        given.iter().map(|id| id.parse()).collect::<Result<_, _>>().map_err(wrong)?;
    if ids.len() > MAX_IDS {
        return Err(Refusal::invalid("ids", "at most 100 are allowed"));
    }
    Ok(Some(ids))
}

fn statuses(request: &VendorRequest, object: Object) -> Result<Option<Vec<String>>, Refusal> {
    if object != Object::Deal || text(request, "status").is_none() {
        return Ok(None);
    }
    let given = request.query_list("status");
    if given.iter().any(|one| one != "deleted" && !STATUSES.contains(&one.as_str())) {
        return Err(Refusal::invalid("status", "expected open, won, lost or deleted"));
    }
    Ok(Some(given))
}

/// The members that a list can be narrowed by.
const fn narrowing(object: Object) -> &'static [&'static str] {
    match object {
        Object::Person => &["owner_id", "org_id"],
        Object::Organization => &["owner_id"],
        Object::Deal => &["owner_id", "person_id", "org_id", "pipeline_id", "stage_id"],
    }
}

impl Filter {
    fn read(company: &Company, object: Object, request: &VendorRequest) -> Result<Self, Refusal> {
        if text(request, "filter_id").is_some() {
            return Err(Refusal::not_found("Filter"));
        }
        let mut members = Vec::new();
        for name in narrowing(object) {
            members.extend(number(request, name)?.map(|id| (*name, id)));
        }
        let deal = if object == Object::Person { number(request, "deal_id")? } else { None };
        let person_of =
            |deal: u64| company.table(Object::Deal).present(deal)?.content.id("person_id");
        Ok(Self {
            ids: ids(request)?,
            members,
            statuses: statuses(request, object)?,
            since_ms: instant(request, "updated_since")?,
            until_ms: instant(request, "updated_until")?,
            persons_of_deal: deal.map(person_of),
        })
    }

    fn has_status(&self, record: &Record) -> bool {
        let content = &record.content;
        let status = content.get("status").as_str().unwrap_or_default();
        match &self.statuses {
            None => !content.is_deleted,
            Some(wanted) if content.is_deleted => wanted.iter().any(|one| one == "deleted"),
            Some(wanted) => wanted.iter().any(|one| one == status),
        }
    }

    fn takes(&self, record: &Record) -> bool {
        // Times are compared in the seconds in which they are shown.
        let updated_ms = record.updated_ms.div_euclid(SECOND_MS) * SECOND_MS;
        self.has_status(record)
            && *record.content.get("is_archived") != true
            && self.ids.as_ref().is_none_or(|ids| ids.contains(&record.id))
            && self.members.iter().all(|(name, id)| record.content.id(name) == Some(*id))
            && self.since_ms.is_none_or(|since_ms| updated_ms >= since_ms)
            && self.until_ms.is_none_or(|until_ms| updated_ms < until_ms)
            && self.persons_of_deal.is_none_or(|person| person == Some(record.id))
    }
}

/// What rows are sorted by; the id settles equal ones.
type SortKey = (i64, u64);

fn sort_key(field: &str, record: &Record) -> SortKey {
    let first = match field {
        "update_time" => record.updated_ms.div_euclid(SECOND_MS),
        "add_time" => record.added_ms.div_euclid(SECOND_MS),
        _ => 0,
    };
    (first, record.id)
}

fn shown_key(field: &str, (first, id): SortKey) -> Value {
    if field == "id" { json!(id) } else { json!(instant_text(first * SECOND_MS)) }
}

fn cursor_for(field: &str, direction: &str, key: SortKey) -> String {
    paging::cursor_text(&json!({ "field": field, "fieldValue": shown_key(field, key),
        "sortDirection": direction, "id": key.1 }))
}

/// Where the page begins. A cursor goes with the order that it was made for.
fn start(
    request: &VendorRequest,
    field: &str,
    direction: &str,
) -> Result<Option<SortKey>, Refusal> {
    let Some(cursor) = paging::cursor(request)? else { return Ok(None) };
    let id = cursor["id"].as_u64().ok_or_else(paging::broken_cursor)?;
    if cursor["field"] != field || cursor["sortDirection"] != direction {
        return Err(paging::broken_cursor());
    }
    if field == "id" {
        return Ok(Some((0, id)));
    }
    let first_ms = super::values::instant_ms(&cursor["fieldValue"]);
    Ok(Some((first_ms.ok_or_else(paging::broken_cursor)?.div_euclid(SECOND_MS), id)))
}

/// The custom fields that the caller wants to see.
pub fn wanted_fields(request: &VendorRequest) -> Result<Option<Vec<String>>, Refusal> {
    if text(request, "custom_fields").is_none() {
        return Ok(None);
    }
    let wanted = request.query_list("custom_fields");
    if wanted.len() > MAX_CUSTOM_FIELDS {
        return Err(Refusal::invalid("custom_fields", "at most 15 keys are allowed"));
    }
    Ok(Some(wanted))
}

/// Answers a list.
pub fn list(company: &Company, object: Object, request: &VendorRequest) -> Result<Answer, Refusal> {
    let filter = Filter::read(company, object, request)?;
    let field = paging::choice(request, "sort_by", &["id", "update_time", "add_time"])?;
    let direction = paging::choice(request, "sort_direction", &["asc", "desc"])?;
    let (limit, start) = (paging::limit(request)?, start(request, field, direction)?);
    let wanted = wanted_fields(request)?;
    let is_falling = direction == "desc";
    let mut rows: Vec<(SortKey, &Record)> = company
        .table(object)
        .records
        .values()
        .filter(|record| filter.takes(record))
        .map(|record| (sort_key(field, record), record))
        .filter(|(key, _)| {
            start.is_none_or(|start| if is_falling { *key <= start } else { *key >= start })
        })
        .collect();
    rows.sort_unstable_by_key(|(key, _)| *key);
    if is_falling {
        rows.reverse();
    }
    let next = rows.get(limit).map(|(key, _)| cursor_for(field, direction, *key));
    let wanted: WantedFields<'_> = wanted.as_deref();
    let shown: Value =
        rows.iter().take(limit).map(|(_, record)| render::row(record, wanted)).collect();
    Ok(paging::page(shown, json!({ "next_cursor": next })))
}
