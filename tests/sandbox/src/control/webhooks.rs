//! Ordering webhook deliveries: repeated, reordered and lost ones too.

use axum::extract::State;
use bytes::Bytes;
use http::Uri;
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::{ControlError, JsonAnswer, answer, read_body, read_query};
use super::{Selection, Shared, known_account};
use crate::spread::{Batches, MAX_BATCH, Spread};
use crate::vendor::{System, WebhookOrder};
use crate::webhooks::{Delivery, addressed, send as send_requests};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    system: System,
    account: String,
    object_ids: Vec<ObjectId>,
    #[serde(default)]
    event: Option<String>,
    #[serde(default)]
    property_name: Option<String>,
    #[serde(default, rename = "type")]
    object_type: Option<String>,
    #[serde(default)]
    form: Option<String>,
    #[serde(default)]
    fields: Value,
    #[serde(default)]
    secret: Option<String>,
    #[serde(default = "once")]
    repeat: usize,
    #[serde(default)]
    repeat_percent: u8,
    #[serde(default)]
    seed: Option<u64>,
    #[serde(default)]
    shuffle: bool,
    #[serde(default)]
    drop_percent: u8,
    #[serde(default = "full_batch")]
    batch_size: usize,
}

/// Ids are text in some vendors' APIs and numbers in their webhooks: both are taken.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum ObjectId {
    Text(String),
    Number(u64),
}

impl ObjectId {
    /// As text.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Text(id) => id.clone(),
            Self::Number(id) => id.to_string(),
        }
    }
}

const fn once() -> usize {
    1
}

const fn full_batch() -> usize {
    MAX_BATCH
}

impl Order {
    fn spread(&self) -> Result<Spread, ControlError> {
        if self.object_ids.is_empty() {
            return Err(ControlError::bad_request("`object_ids` must not be empty"));
        }
        if !self.fields.is_null() && !self.fields.is_object() {
            return Err(ControlError::bad_request("`fields` must be an object"));
        }
        let spread = Spread {
            repeat: self.repeat,
            repeat_percent: self.repeat_percent,
            shuffle: self.shuffle,
            drop_percent: self.drop_percent,
            batch_size: self.batch_size,
            seed: self.seed,
        };
        spread.check().map_err(ControlError::bad_request)?;
        Ok(spread)
    }

    fn for_vendor(&self) -> WebhookOrder {
        WebhookOrder {
            object_ids: self.object_ids.iter().map(ObjectId::text).collect(),
            event: self.event.clone(),
            property_name: self.property_name.clone(),
            object_type: self.object_type.clone(),
            form: self.form.clone(),
            fields: self.fields.clone(),
        }
    }
}

pub(super) fn described(delivery: &Delivery) -> Value {
    let first = delivery.attempts.first();
    json!({
        "delivery_id": delivery.delivery_id,
        "events": delivery.events.len(),
        "first_status": first.and_then(|attempt| attempt.status),
        "first_error": first.and_then(|attempt| attempt.error),
    })
}

pub(super) async fn send(State(state): Shared, body: Bytes) -> JsonAnswer {
    let order: Order = read_body(&body)?;
    let spread = order.spread()?;
    let account = known_account(&state, order.system, &order.account)?;
    let vendor = state.vendors.get(order.system);
    let events =
        vendor.webhook_events(&account, &order.for_vendor()).map_err(ControlError::bad_request)?;
    let mut each = events.iter().map(std::slice::from_ref);
    if each.any(|event| vendor.webhook_target(&account, event).is_none()) {
        return Err(ControlError::bad_request(
            "the account has no `webhook_url` with `webhook_secret`, or no URL for this form",
        ));
    }
    let spread = spread.within(vendor.events_per_webhook());
    let Batches { batches, dropped, repeated } = spread.batches(events);
    let mut requests = addressed(&state, &account, batches);
    if let Some(secret) = &order.secret {
        requests.iter_mut().for_each(|(target, _)| target.secret.clone_from(secret));
    }
    let deliveries = send_requests(&state, requests).await;
    let described: Vec<Value> = deliveries.iter().map(described).collect();
    answer(&json!({ "deliveries": described, "dropped_events": dropped,
        "repeated_events": repeated }))
}

pub(super) async fn list(State(state): Shared, uri: Uri) -> JsonAnswer {
    let selection: Selection = read_query(&uri)?;
    selection.check(&state)?;
    let deliveries = state.deliveries.select(selection.system, selection.account.as_deref());
    answer(&json!({ "deliveries": deliveries }))
}
