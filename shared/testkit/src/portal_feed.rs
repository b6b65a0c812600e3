//! What has changed in a [`MemoryPortal`], asked of it page by page.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use sync_domain::gate::RateLimit;
use sync_domain::model::{ChangeKind, ExternalId, ObjectType};
use sync_domain::ports::{
    Called, ChangeSpan, ChangedObject, ChangedPage, Connection, CrmChangeFeed, ProviderError,
    Quota, RateLimits,
};

use crate::{ManualClock, MemoryPortal};

#[derive(Debug, Default)]
struct State {
    /// What the next calls end in.
    faults: VecDeque<Option<ProviderError>>,
    quota: Option<Quota>,
    spans: Vec<(ObjectType, ChangeSpan)>,
    is_stuck: bool,
}

/// The feed of a portal. Objects come in the order of their change, each of them twice.
pub struct PortalFeed {
    portal: Arc<MemoryPortal>,
    clock: Arc<ManualClock>,
    page_max: usize,
    page_time: Duration,
    state: Mutex<State>,
}

impl PortalFeed {
    /// A feed with so many objects on a page, each of which takes so long.
    pub fn new(
        portal: Arc<MemoryPortal>,
        clock: Arc<ManualClock>,
        page_max: usize,
        page_time: Duration,
    ) -> Self {
        Self { portal, clock, page_max, page_time, state: Mutex::default() }
    }

    /// Lets a call fail that comes after so many that don't.
    pub fn fail_after(&self, calls: usize, error: ProviderError) {
        let mut state = self.state();
        state.faults.extend(std::iter::repeat_n(None, calls));
        state.faults.push_back(Some(error));
    }

    /// What answers say of the day's quota from now on.
    pub fn set_quota(&self, max: u64, remaining: u64) {
        self.state().quota = Some(Quota { max, remaining });
    }

    /// From now on each page leads to itself.
    pub fn get_stuck(&self) {
        self.state().is_stuck = true;
    }

    /// What was asked for since the last time, in its order.
    pub fn take_spans(&self) -> Vec<(ObjectType, ChangeSpan)> {
        std::mem::take(&mut self.state().spans)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn page(
        &self,
        object_type: ObjectType,
        span: ChangeSpan,
        after: Option<(Timestamp, ExternalId)>,
    ) -> ChangedPage {
        let state = self.portal.state();
        let of_type = state.objects.iter().filter(|((its_type, _), _)| *its_type == object_type);
        let mut changed: Vec<_> = of_type
            .map(|((_, id), object)| (object.changed_at(), id, object.is_archived))
            .collect();
        changed.retain(|(at, id, _)| {
            (span.since..span.until).contains(at)
                && after.as_ref().is_none_or(|after| (*at, *id) > (after.0, &after.1))
        });
        changed.sort_unstable();
        let next = changed.get(self.page_max).and_then(|_more| {
            let (at, id, _) = changed.get(self.page_max - 1)?;
            Some(format!("{} {id}", at.as_nanosecond()))
        });
        let changed = changed.into_iter().take(self.page_max).flat_map(|(at, id, is_archived)| {
            let kinds = if is_archived {
                [ChangeKind::Deleted, ChangeKind::Deleted]
            } else {
                [ChangeKind::Properties, ChangeKind::Associations]
            };
            kinds.map(|kind| ChangedObject { external_id: id.clone(), kind, changed_at: Some(at) })
        });
        ChangedPage { changed: changed.collect(), next }
    }
}

/// Where a page ended; `None` for what is none of ours.
fn place_of(position: &str) -> Option<(Timestamp, ExternalId)> {
    let (at, id) = position.split_once(' ')?;
    Some((Timestamp::from_nanosecond(at.parse().ok()?).ok()?, ExternalId::new(id)))
}

impl RateLimits for PortalFeed {
    fn default_limit(&self, _connection: &Connection) -> RateLimit {
        RateLimit { max: 10_000, window: Duration::from_secs(1) }
    }
}

#[async_trait]
impl CrmChangeFeed for PortalFeed {
    async fn changed(
        &self,
        connection: &Connection,
        object_type: ObjectType,
        span: ChangeSpan,
        position: Option<&str>,
    ) -> Result<Called<ChangedPage>, ProviderError> {
        tokio::task::yield_now().await;
        self.clock.advance(self.page_time);
        let (fault, quota, is_stuck) = {
            let mut state = self.state();
            state.spans.push((object_type, span));
            (state.faults.pop_front().flatten(), state.quota, state.is_stuck)
        };
        if let Some(error) = fault {
            return Err(error);
        }
        if !self.portal.is_account_of(connection) {
            return Err(ProviderError::Unauthorized);
        }
        let refusal = ProviderError::Rejected { vendor_code: None, field: None };
        let after = match position {
            Some(position) => Some(place_of(position).ok_or(refusal)?),
            None => None,
        };
        let mut page = self.page(object_type, span, after);
        if is_stuck {
            page.next = Some(position.unwrap_or("0 0").to_owned());
        }
        tokio::task::yield_now().await;
        Ok(Called { value: page, calls: 1, rate: None, quota })
    }
}
