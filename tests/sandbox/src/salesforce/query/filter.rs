//! Names looked up in the schema, literals checked against the kinds of their fields, rows judged.

use std::cmp::Ordering;

use serde_json::Value;

use super::lexer::Comparison;
use super::parser::{Condition, Literal};
use crate::salesforce::errors::Refusal;
use crate::salesforce::ids;
use crate::salesforce::schema::{Field, Kind, Schema};
use crate::salesforce::sobject::Sobject;
use crate::salesforce::store::{Record, Tables};
use crate::salesforce::values::instant_ms;

/// A field of a row, or of a record above it.
#[derive(Clone)]
pub struct Path<'a> {
    /// The references on the way up.
    pub parents: Vec<&'a Field>,
    /// The field itself.
    pub field: &'a Field,
}

fn no_column(name: &str, sobject: Sobject) -> Refusal {
    let message = format!(
        "No such column '{name}' on entity '{}'. If you are attempting to use a custom field, be \
         sure to append the '__c' after the custom field name.",
        sobject.name()
    );
    Refusal::bad_request("INVALID_FIELD", message)
}

impl<'a> Path<'a> {
    /// Looks up a dotted name. The object type itself may stand before it.
    pub fn of(schema: &'a Schema, sobject: Sobject, name: &str) -> Result<Self, Refusal> {
        let mut segments: Vec<&str> = name.split('.').collect();
        if segments.len() > 1 && segments.first().is_some_and(|first| *first == sobject.name()) {
            segments.remove(0);
        }
        let last = segments.pop().unwrap_or_default();
        let (mut parents, mut at) = (Vec::new(), sobject);
        for segment in segments {
            let (field, above) = schema.parent(at, segment).ok_or_else(|| {
                let message = format!("Didn't understand relationship '{segment}' in field path");
                Refusal::bad_request("INVALID_FIELD", message)
            })?;
            parents.push(field);
            at = above;
        }
        let field = schema.field(at, last).ok_or_else(|| no_column(last, at))?;
        Ok(Self { parents, field })
    }

    /// The value in a row; null if a record on the way isn't there.
    pub fn value(&self, tables: &Tables, row: &Record) -> Value {
        let above = self
            .parents
            .iter()
            .try_fold(row, |at, parent| at.get(parent).as_str().and_then(|id| tables.any(id)));
        above.map_or(Value::Null, |record| record.get(self.field))
    }
}

/// A value that can be compared with one of its own kind.
#[derive(Clone, Debug, PartialEq, PartialOrd)]
pub enum Comparable {
    /// Text, in lower case: case doesn't matter.
    Text(String),
    /// A number or an instant.
    Number(f64),
    /// True or false.
    Boolean(bool),
}

/// Turns a stored value into what can be compared; null gives nothing.
pub fn comparable(field: &Field, value: &Value) -> Option<Comparable> {
    match (field.kind, value) {
        (Kind::Id | Kind::Reference(_), Value::String(text)) => {
            Some(Comparable::Text(text.clone()))
        }
        (Kind::DateTime, Value::String(text)) => instant_ms(text).map(number),
        (_, Value::String(text)) => Some(Comparable::Text(text.to_lowercase())),
        (_, Value::Number(given)) => given.as_f64().map(Comparable::Number),
        (_, Value::Bool(given)) => Some(Comparable::Boolean(*given)),
        (_, Value::Null | Value::Array(_) | Value::Object(_)) => None,
    }
}

/// Milliseconds are far below what a double can tell apart.
#[expect(clippy::cast_precision_loss, reason = "the instants of any org fit into 53 bits")]
fn number(at_ms: i64) -> Comparable {
    Comparable::Number(at_ms as f64)
}

fn wrong_kind(field: &Field) -> Refusal {
    let (name, kind) = (&field.name, field.kind.name());
    let hint = if matches!(field.kind, Kind::Boolean | Kind::Date | Kind::DateTime) {
        " and should not be enclosed in quotes"
    } else {
        ""
    };
    let message =
        format!("value of filter criterion for field '{name}' must be of type {kind}{hint}");
    Refusal::bad_request("INVALID_FIELD", message)
}

fn checked(field: &Field, literal: &Literal) -> Result<Option<Comparable>, Refusal> {
    if field.kind == Kind::TextArea {
        let message = format!("field '{}' can not be filtered in a query call", field.name);
        return Err(Refusal::bad_request("INVALID_FIELD", message));
    }
    Ok(Some(match (field.kind, literal) {
        (Kind::Boolean, Literal::Null) => return Err(wrong_kind(field)),
        (_, Literal::Null) => return Ok(None),
        (Kind::Id | Kind::Reference(_), Literal::Text(text)) => {
            let id = ids::long(text).ok_or_else(|| {
                let message = format!("invalid ID field: {text}");
                Refusal::bad_request("INVALID_QUERY_FILTER_OPERATOR", message)
            })?;
            Comparable::Text(id)
        }
        (
            Kind::Text | Kind::Email | Kind::Phone | Kind::Url | Kind::Picklist,
            Literal::Text(text),
        ) => Comparable::Text(text.to_lowercase()),
        (Kind::Currency | Kind::Percent | Kind::Int, Literal::Number(given)) => {
            Comparable::Number(*given)
        }
        (Kind::Date, Literal::Day(day)) => Comparable::Text(day.clone()),
        (Kind::DateTime, Literal::Instant(at_ms)) => number(*at_ms),
        (Kind::Boolean, Literal::Boolean(given)) => Comparable::Boolean(*given),
        _ => return Err(wrong_kind(field)),
    }))
}

/// A condition whose names and literals are known to be good.
pub enum Filter<'a> {
    /// All of them.
    All(Vec<Filter<'a>>),
    /// At least one of them.
    Any(Vec<Filter<'a>>),
    /// A comparison; nothing stands for null.
    Compare(Path<'a>, Comparison, Option<Comparable>),
    /// One of these; nothing stands for null.
    In(Path<'a>, Vec<Option<Comparable>>),
}

fn holds(comparison: Comparison, given: Option<&Comparable>, wanted: Option<&Comparable>) -> bool {
    let ordering = given.zip(wanted).and_then(|(given, wanted)| given.partial_cmp(wanted));
    match comparison {
        Comparison::Equal => given == wanted,
        Comparison::NotEqual => given != wanted,
        Comparison::Greater => ordering == Some(Ordering::Greater),
        Comparison::Less => ordering == Some(Ordering::Less),
        Comparison::AtLeast => ordering.is_some_and(Ordering::is_ge),
        Comparison::AtMost => ordering.is_some_and(Ordering::is_le),
    }
}

impl<'a> Filter<'a> {
    /// Checks a condition on rows of a type.
    pub fn of(
        schema: &'a Schema,
        sobject: Sobject,
        condition: &Condition,
    ) -> Result<Self, Refusal> {
        let each = |all: &[Condition]| -> Result<Vec<Self>, Refusal> {
            all.iter().map(|one| Self::of(schema, sobject, one)).collect()
        };
        Ok(match condition {
            Condition::All(all) => Self::All(each(all)?),
            Condition::Any(any) => Self::Any(each(any)?),
            Condition::Compare(name, comparison, literal) => {
                let path = Path::of(schema, sobject, name)?;
                let wanted = checked(path.field, literal)?;
                Self::Compare(path, *comparison, wanted)
            }
            Condition::In(name, literals) => {
                let path = Path::of(schema, sobject, name)?;
                let wanted = literals.iter().map(|literal| checked(path.field, literal));
                let wanted = wanted.collect::<Result<_, _>>()?;
                Self::In(path, wanted)
            }
        })
    }

    /// Whether a row satisfies it.
    pub fn takes(&self, tables: &Tables, row: &Record) -> bool {
        match self {
            Self::All(all) => all.iter().all(|one| one.takes(tables, row)),
            Self::Any(any) => any.iter().any(|one| one.takes(tables, row)),
            Self::Compare(path, comparison, wanted) => {
                let given = comparable(path.field, &path.value(tables, row));
                holds(*comparison, given.as_ref(), wanted.as_ref())
            }
            Self::In(path, wanted) => {
                wanted.contains(&comparable(path.field, &path.value(tables, row)))
            }
        }
    }

    /// The ids of all live rows that can satisfy it, if it names them by id or by an indexed field.
    pub fn candidates(&self, tables: &Tables, sobject: Sobject) -> Option<Vec<String>> {
        let of_one = |path: &Path<'_>, wanted: &Comparable| -> Option<Vec<String>> {
            let Comparable::Text(text) = wanted else { return None };
            if !path.parents.is_empty() {
                None
            } else if path.field.kind == Kind::Id {
                Some(vec![text.clone()])
            } else if path.field.is_indexed() {
                Some(tables.holders(sobject, &path.field.name, text))
            } else {
                None
            }
        };
        match self {
            Self::All(all) => all.iter().find_map(|one| one.candidates(tables, sobject)),
            Self::Compare(path, Comparison::Equal, Some(wanted)) => of_one(path, wanted),
            Self::In(path, wanted) => {
                let each = wanted.iter().map(|one| of_one(path, one.as_ref()?));
                let mut ids: Vec<String> =
                    each.collect::<Option<Vec<_>>>()?.into_iter().flatten().collect();
                ids.sort_unstable();
                ids.dedup();
                Some(ids)
            }
            Self::Any(_) | Self::Compare(..) => None,
        }
    }
}
