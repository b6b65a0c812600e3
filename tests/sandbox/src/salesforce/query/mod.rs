//! `query` and `queryAll`: a subset of SOQL that is really parsed, rows in pages behind a locator.

mod filter;
mod lexer;
mod parser;

use std::cmp::Ordering;
use std::collections::VecDeque;

use serde_json::{Map, Value, json};

use super::errors::Refusal;
use super::sobject::Sobject;
use super::store::{Record, Tables};
use super::write::Desk;
use filter::{Filter, Path, comparable};
use parser::{Order, Query};

const ROWS_PER_PAGE: usize = 2_000;
/// More locators than these are not kept; the oldest goes.
const KEPT_CURSORS: usize = 20;

pub(super) fn malformed(message: &str) -> Refusal {
    Refusal::bad_request("MALFORMED_QUERY", message)
}

/// The rows of a query that had more than one page.
struct Cursor {
    locator: String,
    rows: Vec<Value>,
    page: usize,
}

/// The locators of an org.
#[derive(Default)]
pub struct Cursors {
    kept: VecDeque<Cursor>,
    drawn: u64,
}

fn compare(one: Option<&filter::Comparable>, other: Option<&filter::Comparable>) -> Ordering {
    one.partial_cmp(&other).unwrap_or(Ordering::Equal)
}

fn sort(tables: &Tables, rows: &mut [&Record], order: &[(Path<'_>, &Order)]) {
    rows.sort_by(|one, other| {
        order.iter().fold(Ordering::Equal, |so_far, (path, order)| {
            so_far.then_with(|| {
                let key = |row: &Record| comparable(path.field, &path.value(tables, row));
                let (one, other) = (key(one), key(other));
                if one.is_none() != other.is_none() {
                    let first = compare(one.as_ref(), other.as_ref());
                    return if order.nulls_last { first.reverse() } else { first };
                }
                let rising = compare(one.as_ref(), other.as_ref());
                if order.is_descending { rising.reverse() } else { rising }
            })
        })
    });
}

/// The head of a record in an answer.
pub fn attributes(desk: &Desk<'_>, record: &Record) -> Value {
    json!({ "type": record.sobject.name(), "url": desk.url(record.sobject, &record.id) })
}

/// Puts a field into a row, below the records on its way.
fn put(
    desk: &Desk<'_>,
    tables: &Tables,
    row: &mut Map<String, Value>,
    record: &Record,
    path: &Path<'_>,
) {
    let Some((parent, further)) = path.parents.split_first() else {
        row.insert(path.field.name.clone(), record.get(path.field));
        return;
    };
    let name = parent.relationship().unwrap_or_default().to_owned();
    let above = record.get(parent).as_str().and_then(|id| tables.any(id));
    let Some(above) = above else {
        row.insert(name, Value::Null);
        return;
    };
    let inner = row.entry(name).or_insert_with(|| json!({ "attributes": attributes(desk, above) }));
    if let Value::Object(inner) = inner {
        let path = Path { parents: further.to_vec(), field: path.field };
        put(desk, tables, inner, above, &path);
    }
}

/// A record with some of its fields, as answers give it.
fn rendered(desk: &Desk<'_>, tables: &Tables, record: &Record, paths: &[Path<'_>]) -> Value {
    let mut row = Map::new();
    row.insert("attributes".to_owned(), attributes(desk, record));
    for path in paths {
        put(desk, tables, &mut row, record, path);
    }
    Value::Object(row)
}

/// A record with the fields of these names, or with all if there are none.
pub fn record(
    desk: &Desk<'_>,
    tables: &Tables,
    record: &Record,
    names: &[String],
) -> Result<Value, Refusal> {
    let paths: Vec<Path<'_>> = if names.is_empty() {
        let all = desk.schema.fields(record.sobject).iter();
        all.map(|field| Path { parents: Vec::new(), field }).collect()
    } else {
        names
            .iter()
            .map(|name| Path::of(desk.schema, record.sobject, name))
            .collect::<Result<_, _>>()?
    };
    Ok(rendered(desk, tables, record, &paths))
}

fn selected<'a>(
    tables: &'a Tables,
    sobject: Sobject,
    filter: Option<&Filter<'_>>,
    with_deleted: bool,
) -> Vec<&'a Record> {
    let takes = |row: &&Record| {
        (with_deleted || !row.is_deleted) && filter.is_none_or(|filter| filter.takes(tables, row))
    };
    // The index knows live records only.
    let candidates =
        filter.filter(|_| !with_deleted).and_then(|filter| filter.candidates(tables, sobject));
    match candidates {
        Some(ids) => {
            let found = ids.iter().filter_map(|id| tables.any(id));
            found.filter(|row| row.sobject == sobject).filter(takes).collect()
        }
        None => tables.of(sobject).filter(takes).collect(),
    }
}

fn all_rows(
    desk: &Desk<'_>,
    tables: &Tables,
    query: &Query,
    with_deleted: bool,
) -> Result<Vec<Value>, Refusal> {
    let sobject = Sobject::from_name(&query.from).ok_or_else(|| {
        let message = format!("sObject type '{}' is not supported.", query.from);
        Refusal::bad_request("INVALID_TYPE", message)
    })?;
    let path = |name: &String| Path::of(desk.schema, sobject, name);
    let paths: Vec<Path<'_>> = query.fields.iter().map(path).collect::<Result<_, _>>()?;
    let order: Vec<(Path<'_>, &Order)> = query
        .order
        .iter()
        .map(|order| Ok((path(&order.path)?, order)))
        .collect::<Result<_, Refusal>>()?;
    let condition = query.condition.as_ref();
    let filter = condition.map(|one| Filter::of(desk.schema, sobject, one)).transpose()?;
    let mut rows = selected(tables, sobject, filter.as_ref(), with_deleted);
    sort(tables, &mut rows, &order);
    rows.truncate(query.limit.unwrap_or(usize::MAX));
    Ok(rows.into_iter().map(|row| rendered(desk, tables, row, &paths)).collect())
}

/// A page from the row at `start` on.
fn page(desk: &Desk<'_>, cursor: &Cursor, start: usize) -> Value {
    let rows = cursor.rows.iter().skip(start).take(cursor.page);
    let end = start + rows.len();
    let is_done = end >= cursor.rows.len();
    let mut page = json!({ "totalSize": cursor.rows.len(), "done": is_done,
        "records": rows.collect::<Vec<_>>() });
    if !is_done {
        let (version, locator) = (desk.version, &cursor.locator);
        page["nextRecordsUrl"] =
            json!(format!("/services/data/v{version}.0/query/{locator}-{end}"));
    }
    page
}

/// Runs a query and gives its first page.
pub fn first_page(
    desk: &Desk<'_>,
    tables: &Tables,
    cursors: &mut Cursors,
    soql: &str,
    with_deleted: bool,
    rows_per_page: Option<usize>,
) -> Result<Value, Refusal> {
    let query = parser::parse(soql)?;
    let rows = all_rows(desk, tables, &query, with_deleted)?;
    cursors.drawn += 1;
    let locator = super::ids::drawn("0r8", desk.org_id, cursors.drawn);
    let page_size = rows_per_page.unwrap_or(ROWS_PER_PAGE).clamp(200, ROWS_PER_PAGE);
    let cursor = Cursor { locator, rows, page: page_size };
    let first = page(desk, &cursor, 0);
    if cursor.rows.len() > cursor.page {
        cursors.kept.push_back(cursor);
        if cursors.kept.len() > KEPT_CURSORS {
            cursors.kept.pop_front();
        }
    }
    Ok(first)
}

/// A further page, by the end of `nextRecordsUrl`.
pub fn next_page(desk: &Desk<'_>, cursors: &Cursors, locator: &str) -> Result<Value, Refusal> {
    let invalid = || Refusal::bad_request("INVALID_QUERY_LOCATOR", "invalid query locator");
    let (name, start) = locator.rsplit_once('-').ok_or_else(invalid)?;
    let start: usize = start.parse().map_err(|_| invalid())?;
    let cursor = cursors.kept.iter().find(|cursor| cursor.locator == name).ok_or_else(invalid)?;
    if start >= cursor.rows.len() { Err(invalid()) } else { Ok(page(desk, cursor, start)) }
}
