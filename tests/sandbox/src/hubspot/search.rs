//! `POST {base}/search` with its limits.

use std::cmp::Ordering;

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::errors::Refusal;
use super::schema::Schema;
use super::search_filter::{Filter, FilterGroup, compare, has_query};
use super::store::{Record, Table};
use super::{Context, Handled, objects, render};
use crate::vendor::Answer;

const MAX_BODY_CHARS: usize = 3_000;
const DEFAULT_PAGE: usize = 10;
const MAX_PAGE: usize = 200;
const MAX_DEPTH: usize = 10_000;
const MAX_GROUPS: usize = 5;
const MAX_FILTERS_OF_GROUP: usize = 6;
const MAX_FILTERS: usize = 18;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Query {
    #[serde(default)]
    filter_groups: Vec<FilterGroup>,
    #[serde(default)]
    query: Option<String>,
    #[serde(default)]
    sorts: Vec<Sort>,
    #[serde(default)]
    properties: Vec<String>,
    #[serde(default)]
    limit: Option<usize>,
    #[serde(default)]
    after: Option<Cursor>,
}

/// Cursors are numbers in the documentation and text in answers.
#[derive(Deserialize)]
#[serde(untagged)]
enum Cursor {
    Number(usize),
    Text(String),
}

/// A property name, with a minus for descending order, or an object.
#[derive(Deserialize)]
#[serde(untagged)]
enum Sort {
    Name(String),
    #[serde(rename_all = "camelCase")]
    Rule {
        property_name: String,
        #[serde(default)]
        direction: Option<String>,
    },
}

impl Sort {
    fn parts(&self) -> (&str, bool) {
        match self {
            Self::Name(name) => {
                name.strip_prefix('-').map_or((name.as_str(), false), |n| (n, true))
            }
            Self::Rule { property_name, direction } => {
                (property_name, direction.as_deref() == Some("DESCENDING"))
            }
        }
    }
}

impl Query {
    fn after(&self) -> Result<usize, Refusal> {
        match &self.after {
            None => Ok(0),
            Some(Cursor::Number(after)) => Ok(*after),
            Some(Cursor::Text(text)) if text.is_empty() => Ok(0),
            Some(Cursor::Text(text)) => {
                text.parse().map_err(|_| Refusal::validation("after must be an integer"))
            }
        }
    }

    fn check(&self, schema: &Schema, after: usize, limit: usize) -> Result<(), Refusal> {
        let filters: Vec<&Filter> =
            self.filter_groups.iter().flat_map(|group| &group.filters).collect();
        let fault = if limit == 0 || limit > MAX_PAGE {
            Some(format!("limit must be between 1 and {MAX_PAGE}"))
        } else if after.saturating_add(limit) > MAX_DEPTH {
            Some(format!("no more than {MAX_DEPTH} results can be paged through"))
        } else if self.filter_groups.len() > MAX_GROUPS {
            Some(format!("no more than {MAX_GROUPS} filter groups are allowed"))
        } else if self.filter_groups.iter().any(|g| g.filters.len() > MAX_FILTERS_OF_GROUP) {
            Some(format!("no more than {MAX_FILTERS_OF_GROUP} filters of a group are allowed"))
        } else if filters.len() > MAX_FILTERS {
            Some(format!("no more than {MAX_FILTERS} filters are allowed"))
        } else if self.sorts.len() > 1 {
            Some("no more than one sort is allowed".to_owned())
        } else {
            let names = filters.iter().map(|filter| filter.property_name.as_str());
            names
                .chain(self.sorts.iter().map(|sort| sort.parts().0))
                .find(|name| schema.property(name).is_none())
                .map(|name| format!("There was a problem with the request: no property {name}"))
                .or_else(|| filters.iter().find_map(|filter| filter.fault()))
        };
        fault.map_or(Ok(()), |fault| Err(Refusal::validation(&fault)))
    }

    fn takes(&self, schema: &Schema, record: &Record) -> bool {
        (self.filter_groups.is_empty()
            || self.filter_groups.iter().any(|group| group.takes(schema, record)))
            && self
                .query
                .as_deref()
                .is_none_or(|query| has_query(schema.object_type, record, query))
    }

    fn order(&self, schema: &Schema, left: &Record, right: &Record) -> Ordering {
        let (name, is_descending) =
            self.sorts.first().map_or(("createdate", false), |sort| sort.parts());
        let kind = schema.kind(name);
        let order = match (left.values.get(name), right.values.get(name)) {
            (Some(left), Some(right)) => compare(kind, left, right),
            (left, right) => right.is_some().cmp(&left.is_some()).reverse(),
        };
        let order = if is_descending { order.reverse() } else { order };
        order.then(left.id.cmp(&right.id))
    }
}

/// New records take a while to be found, if the account asks for that.
fn is_indexed(context: &Context<'_>, record: &Record) -> bool {
    let lag_ms = context.account.search_lag_ms.unwrap_or(0);
    record.archived_ms.is_none()
        && (record.is_indexed_at_once || context.now_ms - record.created_ms >= lag_ms)
}

pub fn search(context: &Context<'_>, table: &Table) -> Handled {
    let body_chars = String::from_utf8_lossy(&context.request.body).chars().count();
    if body_chars > MAX_BODY_CHARS {
        let message = format!("The request body must not exceed {MAX_BODY_CHARS} characters");
        return Err(Refusal::validation(&message));
    }
    let query: Query = objects::body_of(context.request)?;
    let (after, limit) = (query.after()?, query.limit.unwrap_or(DEFAULT_PAGE));
    query.check(&table.schema, after, limit)?;
    let mut found: Vec<&Record> = table
        .all()
        .filter(|record| is_indexed(context, record) && query.takes(&table.schema, record))
        .collect();
    found.sort_by(|left, right| query.order(&table.schema, left, right));
    let results: Vec<Value> = found
        .iter()
        .skip(after)
        .take(limit)
        .map(|record| {
            Value::Object(render::read(context, &table.schema, record, &query.properties))
        })
        .collect();
    let mut body = json!({ "total": found.len(), "results": results });
    if after + limit < found.len() {
        body["paging"] = json!({ "next": { "after": (after + limit).to_string() } });
    }
    Ok((Answer::json(StatusCode::OK, &body), false))
}
