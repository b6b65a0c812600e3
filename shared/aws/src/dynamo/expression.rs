//! Update expressions with their names and values.
//!
//! Every attribute name is written as `#name`: the list of reserved words is long, and a name that
//! is free today may be reserved tomorrow.

use std::collections::HashMap;

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Delete, Put, ReturnValuesOnConditionCheckFailure,
    TransactWriteItem, Update,
};

use super::item::{Item, PK, SK, text};

/// Values that expressions refer to as `:name`.
#[derive(Debug, Default, Clone)]
pub struct Values(HashMap<String, AttributeValue>);

impl Values {
    pub fn with(mut self, name: &str, value: AttributeValue) -> Self {
        self.0.insert(format!(":{name}"), value);
        self
    }

    /// The table refuses an empty map.
    pub fn into_map(self) -> Option<HashMap<String, AttributeValue>> {
        (!self.0.is_empty()).then_some(self.0)
    }
}

/// A key of the table.
#[derive(Debug, Clone)]
pub struct Key {
    pub pk: String,
    pub sk: String,
}

impl Key {
    pub fn into_item(self) -> Item {
        HashMap::from([(PK.to_owned(), text(self.pk)), (SK.to_owned(), text(self.sk))])
    }
}

/// The `#name`s of an expression, each for the attribute `name`.
pub fn names_in(expressions: &[&str]) -> HashMap<String, String> {
    expressions
        .iter()
        .flat_map(|expression| expression.split('#').skip(1))
        .map(|rest| {
            let is_part = |character: char| character.is_ascii_alphanumeric() || character == '_';
            rest.chars().take_while(|character| is_part(*character)).collect::<String>()
        })
        .map(|name| (format!("#{name}"), name))
        .collect()
}

/// A conditional update that gives the item back when the condition fails.
pub fn update(
    table: &str,
    key: Key,
    update: &str,
    condition: &str,
    values: Values,
) -> Result<TransactWriteItem, BuildError> {
    let update = Update::builder()
        .table_name(table)
        .set_key(Some(key.into_item()))
        .set_expression_attribute_names(Some(names_in(&[update, condition])))
        .update_expression(update)
        .condition_expression(condition)
        .set_expression_attribute_values(values.into_map())
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .build()?;
    Ok(TransactWriteItem::builder().update(update).build())
}

/// A conditional put that gives the item back when the condition fails.
pub fn put(
    table: &str,
    key: Key,
    mut item: Item,
    condition: &str,
    values: Values,
) -> Result<TransactWriteItem, BuildError> {
    item.extend(key.into_item());
    let put = Put::builder()
        .table_name(table)
        .set_item(Some(item))
        .set_expression_attribute_names(Some(names_in(&[condition])))
        .condition_expression(condition)
        .set_expression_attribute_values(values.into_map())
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .build()?;
    Ok(TransactWriteItem::builder().put(put).build())
}

/// A put that replaces whatever is there.
pub fn replace(table: &str, key: Key, mut item: Item) -> Result<TransactWriteItem, BuildError> {
    item.extend(key.into_item());
    let put = Put::builder().table_name(table).set_item(Some(item)).build()?;
    Ok(TransactWriteItem::builder().put(put).build())
}

/// A conditional delete that gives the item back when the condition fails.
pub fn delete(
    table: &str,
    key: Key,
    condition: &str,
    values: Values,
) -> Result<TransactWriteItem, BuildError> {
    let delete = Delete::builder()
        .table_name(table)
        .set_key(Some(key.into_item()))
        .set_expression_attribute_names(Some(names_in(&[condition])))
        .condition_expression(condition)
        .set_expression_attribute_values(values.into_map())
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .build()?;
    Ok(TransactWriteItem::builder().delete(delete).build())
}

/// A condition without a write: nothing is there.
pub fn absent(table: &str, key: Key) -> Result<TransactWriteItem, BuildError> {
    let condition = "attribute_not_exists(#pk)";
    let check = ConditionCheck::builder()
        .table_name(table)
        .set_key(Some(key.into_item()))
        .set_expression_attribute_names(Some(names_in(&[condition])))
        .condition_expression(condition)
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .build()?;
    Ok(TransactWriteItem::builder().condition_check(check).build())
}

#[cfg(test)]
mod tests {
    use super::names_in;

    #[test]
    fn names_are_found_in_paths_and_functions() {
        let names = names_in(&["SET #payload.#email = :email", "attribute_not_exists(#owner)"]);
        let mut found: Vec<_> = names.values().map(String::as_str).collect();
        found.sort_unstable();
        assert_eq!(found, ["email", "owner", "payload"]);
        assert_eq!(names["#payload"], "payload");
    }
}
