//! Ordering webhook deliveries: repeated, reordered and lost ones too.

use axum::extract::State;
use bytes::Bytes;
use http::Uri;
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::{ControlError, JsonAnswer, answer, read_body, read_query};
use super::{Selection, Shared, known_account};
use crate::vendor::{System, WebhookOrder};
use crate::webhooks::{Delivery, Target, send as send_batches};

/// The most events that a vendor puts into one request.
const MAX_BATCH: usize = 100;

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
    #[serde(default = "once")]
    repeat: usize,
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
enum ObjectId {
    Text(String),
    Number(u64),
}

const fn once() -> usize {
    1
}

const fn full_batch() -> usize {
    MAX_BATCH
}

impl Order {
    fn check(&self) -> Result<(), ControlError> {
        let fault = if self.object_ids.is_empty() {
            "`object_ids` must not be empty"
        } else if self.repeat == 0 || self.repeat > 1_000 {
            "`repeat` must be between 1 and 1000"
        } else if self.drop_percent > 100 {
            "`drop_percent` must be between 0 and 100"
        } else if self.batch_size == 0 || self.batch_size > MAX_BATCH {
            "`batch_size` must be between 1 and 100"
        } else {
            return Ok(());
        };
        Err(ControlError::bad_request(fault))
    }

    fn for_vendor(&self) -> WebhookOrder {
        let text = |id: &ObjectId| match id {
            ObjectId::Text(id) => id.clone(),
            ObjectId::Number(id) => id.to_string(),
        };
        WebhookOrder {
            object_ids: self.object_ids.iter().map(text).collect(),
            event: self.event.clone(),
            property_name: self.property_name.clone(),
        }
    }

    /// Repeats come as deliveries of their own; shuffled, events of all repeats mix. Also says how
    /// many events were dropped.
    fn batches(&self, events: &[Value]) -> (Vec<Vec<Value>>, usize) {
        let mut rounds: Vec<Vec<Value>> = vec![events.to_vec(); self.repeat];
        if self.shuffle {
            let mut all: Vec<Value> = rounds.concat();
            fastrand::shuffle(&mut all);
            rounds = vec![all];
        }
        let mut dropped = 0;
        for round in &mut rounds {
            let before = round.len();
            round.retain(|_| fastrand::u8(0..100) >= self.drop_percent);
            dropped += before - round.len();
        }
        let chunks = rounds.iter().flat_map(|round| round.chunks(self.batch_size));
        (chunks.map(<[Value]>::to_vec).collect(), dropped)
    }
}

fn described(delivery: &Delivery) -> Value {
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
    order.check()?;
    let account = known_account(&state, order.system, &order.account)?;
    let (Some(url), Some(secret)) = (&account.webhook_url, &account.webhook_secret) else {
        return Err(ControlError::bad_request(
            "the account has no `webhook_url` and `webhook_secret`",
        ));
    };
    let target = Target {
        system: order.system,
        account: order.account.clone(),
        url: url.clone(),
        secret: secret.clone(),
    };
    let vendor = state.vendors.get(order.system);
    let events =
        vendor.webhook_events(&account, &order.for_vendor()).map_err(ControlError::bad_request)?;
    let (batches, dropped) = order.batches(&events);
    let deliveries = send_batches(&state, &target, batches).await;
    let described: Vec<Value> = deliveries.iter().map(described).collect();
    answer(&json!({ "deliveries": described, "dropped_events": dropped }))
}

pub(super) async fn list(State(state): Shared, uri: Uri) -> JsonAnswer {
    let selection: Selection = read_query(&uri)?;
    selection.check(&state)?;
    let deliveries = state.deliveries.select(selection.system, selection.account.as_deref());
    answer(&json!({ "deliveries": deliveries }))
}

#[cfg(test)]
mod tests {
    use super::Order;
    use serde_json::{Value, json};

    fn order(extra: &Value) -> Order {
        let mut order = json!({ "system": "hubspot", "account": "1", "object_ids": [1, "2"] });
        for (name, value) in extra.as_object().unwrap() {
            order[name] = value.clone();
        }
        serde_json::from_value(order).unwrap()
    }

    #[test]
    fn batches_repeat_as_deliveries_of_their_own() {
        let (batches, dropped) = order(&json!({ "repeat": 3 })).batches(&[json!(1), json!(2)]);
        assert_eq!(batches, vec![vec![json!(1), json!(2)]; 3]);
        assert_eq!(dropped, 0);
    }

    #[test]
    fn batches_split_at_the_batch_size_and_shuffle_across_repeats() {
        let events: Vec<Value> = (0..10).map(Value::from).collect();
        let order = order(&json!({ "repeat": 2, "shuffle": true, "batch_size": 6 }));
        let (batches, _) = order.batches(&events);
        assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [6, 6, 6, 2]);
    }

    #[test]
    fn batches_drop_everything_at_a_hundred_percent() {
        let (batches, dropped) = order(&json!({ "drop_percent": 100 })).batches(&[json!(1)]);
        assert!(batches.is_empty());
        assert_eq!(dropped, 1);
    }
}
