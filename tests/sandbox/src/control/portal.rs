//! Acting as a user of the vendor's own interface, and letting the webhooks of such acts go.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use bytes::Bytes;
use futures::future::join_all;
use http::Uri;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::error::{ControlError, JsonAnswer, answer, read_body, read_query};
use super::webhooks::{ObjectId, described};
use super::{Selection, Shared, known_account};
use crate::spread::{Batches, MAX_BATCH, Spread};
use crate::state::SandboxState;
use crate::vendor::{PortalAct, PortalObject, PortalOrder, System};
use crate::webhooks::{Addressed, Delivery, addressed, send, send_later};

pub(super) fn router() -> Router<Arc<SandboxState>> {
    Router::new().route("/", post(act)).route("/release", post(release)).route("/held", get(held))
}

/// What becomes of the events of an act.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Deliver {
    hold: bool,
    delay_ms: Option<u64>,
    repeat: usize,
    repeat_percent: u8,
    shuffle: bool,
    drop_percent: u8,
    batch_size: usize,
    seed: Option<u64>,
}

impl Default for Deliver {
    fn default() -> Self {
        Self {
            hold: false,
            delay_ms: None,
            repeat: 1,
            repeat_percent: 0,
            shuffle: false,
            drop_percent: 0,
            batch_size: MAX_BATCH,
            seed: None,
        }
    }
}

impl Deliver {
    fn spread(&self) -> Result<Spread, ControlError> {
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
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    system: System,
    account: String,
    act: PortalAct,
    #[serde(default, rename = "type")]
    object_type: Option<String>,
    #[serde(default)]
    id: Option<ObjectId>,
    #[serde(default)]
    ids: Vec<ObjectId>,
    #[serde(default)]
    objects: Vec<PortalObject>,
    #[serde(default)]
    properties: Map<String, Value>,
    #[serde(default)]
    merge_id: Option<ObjectId>,
    #[serde(default)]
    to_type: Option<String>,
    #[serde(default)]
    to_id: Option<ObjectId>,
    #[serde(default)]
    primary: bool,
    #[serde(default)]
    deliver: Deliver,
}

impl Order {
    /// The records in any of the three ways to name them.
    fn objects(&self) -> Result<Vec<PortalObject>, ControlError> {
        let ids: Vec<String> = self.id.iter().chain(&self.ids).map(ObjectId::text).collect();
        match (self.objects.is_empty(), ids.is_empty()) {
            (false, true) if self.properties.is_empty() => Ok(self.objects.clone()),
            (true, true) => {
                Ok(vec![PortalObject { id: None, properties: self.properties.clone() }])
            }
            (true, false) => Ok(ids
                .into_iter()
                .map(|id| PortalObject { id: Some(id), properties: self.properties.clone() })
                .collect()),
            (false, _) => Err(ControlError::bad_request(
                "give either `objects`, or `id` or `ids` with `properties`",
            )),
        }
    }

    fn for_vendor(&self) -> Result<PortalOrder, ControlError> {
        Ok(PortalOrder {
            act: self.act,
            object_type: self.object_type.clone(),
            objects: self.objects()?,
            merge_id: self.merge_id.as_ref().map(ObjectId::text),
            to: self.to_type.clone().zip(self.to_id.as_ref().map(ObjectId::text)),
            is_primary: self.primary,
        })
    }
}

/// Sends the requests now, or in the background if there is a delay.
async fn deliver(
    state: &Arc<SandboxState>,
    requests: Vec<Addressed>,
    delay_ms: Option<u64>,
) -> Vec<Delivery> {
    match delay_ms {
        None => send(state, requests).await,
        Some(delay_ms) => {
            tokio::spawn(send_later(Arc::clone(state), requests, delay_ms));
            Vec::new()
        }
    }
}

async fn act(State(state): Shared, body: Bytes) -> JsonAnswer {
    let order: Order = read_body(&body)?;
    let account = known_account(&state, order.system, &order.account)?;
    let spread = order.deliver.spread()?;
    let for_vendor = order.for_vendor()?;
    if order.deliver.hold && !state.held.has_room(for_vendor.objects.len()) {
        return Err(ControlError::bad_request("too many events are held; release some"));
    }
    let vendor = state.vendors.get(order.system);
    let outcome = vendor.act(&account, &for_vendor).map_err(ControlError::bad_request)?;
    let mut told = json!({ "ids": outcome.ids, "events": outcome.events, "held": 0,
        "dropped_events": 0, "repeated_events": 0, "deliveries": [] });
    if order.deliver.hold {
        told["held"] = json!(outcome.events.len());
        state.held.hold(order.system, &order.account, outcome.events);
        return answer(&told);
    }
    let spread = spread.within(vendor.events_per_webhook());
    let Batches { batches, dropped, repeated } = spread.batches(outcome.events);
    let requests = addressed(&state, &account, batches);
    let deliveries = deliver(&state, requests, order.deliver.delay_ms).await;
    told["dropped_events"] = json!(dropped);
    told["repeated_events"] = json!(repeated);
    told["deliveries"] = deliveries.iter().map(described).collect();
    answer(&told)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Release {
    #[serde(default)]
    system: Option<System>,
    #[serde(default)]
    account: Option<String>,
    #[serde(default)]
    deliver: Deliver,
}

async fn release(State(state): Shared, body: Bytes) -> JsonAnswer {
    let order: Release = read_body(&body)?;
    let selection = Selection { system: order.system, account: order.account };
    selection.check(&state)?;
    let spread = order.deliver.spread()?;
    if order.deliver.hold {
        return Err(ControlError::bad_request("`hold` makes no sense in a release"));
    }
    let (mut events, mut dropped, mut repeated) = (0, 0, 0);
    let mut sends = Vec::new();
    for (system, account, held) in state.held.take(selection.system, selection.account.as_deref()) {
        let account = known_account(&state, system, &account)?;
        events += held.len();
        let events_per_webhook = state.vendors.get(account.system).events_per_webhook();
        let batches = spread.clone().within(events_per_webhook).batches(held);
        dropped += batches.dropped;
        repeated += batches.repeated;
        let requests = addressed(&state, &account, batches.batches);
        sends.push(deliver(&state, requests, order.deliver.delay_ms));
    }
    let deliveries: Vec<Value> = join_all(sends).await.iter().flatten().map(described).collect();
    answer(&json!({ "events": events, "dropped_events": dropped, "repeated_events": repeated,
        "deliveries": deliveries }))
}

async fn held(State(state): Shared, uri: Uri) -> JsonAnswer {
    let selection: Selection = read_query(&uri)?;
    selection.check(&state)?;
    let counts = state.held.counts(selection.system, selection.account.as_deref());
    let total: usize = counts.values().sum();
    answer(&json!({ "total": total, "by_account": counts }))
}
