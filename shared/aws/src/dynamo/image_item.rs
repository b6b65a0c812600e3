//! Images of the stream, which are JSON in DynamoDB's own notation, as the SDK has items.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::Value;

use super::item::Item;

/// The item of an image. An attribute in a notation that we never write is left out.
pub fn item_of_image(image: &Value) -> Item {
    let attributes = image.as_object().into_iter().flatten();
    attributes.filter_map(|(name, value)| Some((name.clone(), value_of(value)?))).collect()
}

fn value_of(value: &Value) -> Option<AttributeValue> {
    let (kind, value) = value.as_object()?.iter().next()?;
    let text = || value.as_str().map(str::to_owned);
    match kind.as_str() {
        "S" => text().map(AttributeValue::S),
        "N" => text().map(AttributeValue::N),
        "BOOL" => value.as_bool().map(AttributeValue::Bool),
        "M" => Some(AttributeValue::M(item_of_image(value))),
        "L" => value.as_array()?.iter().map(value_of).collect::<Option<_>>().map(AttributeValue::L),
        "SS" => {
            let texts = value.as_array()?.iter().map(|text| text.as_str().map(str::to_owned));
            texts.collect::<Option<_>>().map(AttributeValue::Ss)
        }
        _ => None,
    }
}
