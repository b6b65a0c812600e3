//! Take a vendor's webhook: find out who signed it, and put what changed on the queue.
//!
//! Nothing is stored and no provider is called. What is put on the queue are hints, one message per
//! object; the worker reads the objects anew. So a delivery that comes twice does no harm, and every
//! fault of ours is answered such that the vendor delivers again.

mod owned;
mod refusal;
mod signer;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;

use self::owned::owned_by;
use self::refusal::{check_source, refused};
use self::signer::{signer_by_newer, signer_of};
use crate::model::{BookingChange, CorrelationId, ExternalId, ObjectChange, ObjectType, TenantId};
use crate::ports::{
    AccountDirectory, Clock, DeliveredBooking, DeliveredChange, SecretError, SendOutcome,
    SignatureFault, SigningSecretSource, StoreError, UnreadableDelivery, WebhookDelivery,
    WebhookProtocol, WorkHistory, WorkMessage, WorkQueue,
};
use crate::usecase::time_limit::within;

/// What is needed.
pub struct AcceptWebhookDeps<'a> {
    /// The vendor.
    pub protocol: &'a dyn WebhookProtocol,
    /// What deliveries are signed with.
    pub secrets: &'a dyn SigningSecretSource,
    /// Whose account it is, for accounts of a verified delivery.
    pub accounts: &'a dyn AccountDirectory,
    /// The same for accounts that anybody may have made up: it gives up sooner than to be made to
    /// look up thousands.
    pub claimed_accounts: &'a dyn AccountDirectory,
    /// Where the changes go.
    pub queue: &'a dyn WorkQueue,
    /// Where the vendor sends from, if that is to be checked; empty: from anywhere.
    pub sources: &'a BTreeSet<IpAddr>,
    /// Time.
    pub clock: &'a dyn Clock,
}

/// A delivery and its limits.
pub struct AcceptWebhook<'a> {
    /// What came.
    pub delivery: &'a WebhookDelivery,
    /// When there must be an answer, whatever is still under way.
    pub answer_by: Timestamp,
    /// The request.
    pub correlation_id: CorrelationId,
}

/// What is known of a delivery, for its log line; counts of events where nothing else is said.
#[derive(Debug, Default)]
pub struct WebhookStats {
    /// All.
    pub events: usize,
    /// Those of kinds that we have no use for.
    pub ignored: usize,
    /// Those that can't be read.
    pub unreadable: usize,
    /// Those of accounts that the signer has no say in.
    pub foreign: usize,
    /// Those of accounts that nobody has connected in the way that the delivery is signed.
    pub unconnected: usize,
    /// Messages: one per object.
    pub messages: usize,
    /// Messages that the queue does not surely have.
    pub not_enqueued: usize,
    /// Whose events were taken.
    pub tenants: BTreeSet<TenantId>,
}

/// Why a delivery was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum AcceptWebhookError {
    /// It is not signed by anybody we know.
    #[error("the delivery is not signed")]
    Unsigned(SignatureFault),
    /// It came to an address that only the vendor and the tenant know, of a vendor that gives up what
    /// is refused, and is not proven. The vendor is to deliver again: what it shows may be a secret
    /// that is yet to be entered here.
    #[error("the delivery is not proven")]
    Unproven(SignatureFault),
    /// It is signed, and not what the vendor sends.
    #[error(transparent)]
    Unreadable(#[from] UnreadableDelivery),
    /// The secret that may have signed it could not be read.
    #[error("the signing secrets can't be read")]
    Secrets(#[source] SecretError),
    /// The tenant of an account could not be looked up.
    #[error("the tenant of an account can't be looked up")]
    Accounts(#[source] StoreError),
    /// The queue did not take everything.
    #[error("the queue did not take every change")]
    NotEnqueued,
    /// It took too long.
    #[error("the time for an answer was over")]
    OutOfTime,
}

/// Verifies a delivery and puts its changes on the queue.
///
/// # Errors
/// See [`AcceptWebhookError`]. All but what is unsigned or unreadable are ours to mend: the vendor is to
/// deliver again, and what was put on the queue before will come twice.
pub async fn accept_webhook(
    deps: &AcceptWebhookDeps<'_>,
    command: &AcceptWebhook<'_>,
    stats: &mut WebhookStats,
) -> Result<(), AcceptWebhookError> {
    let now = deps.clock.now();
    let time_left = Duration::try_from(command.answer_by.duration_since(now)).unwrap_or_default();
    let accepted = within(deps.clock, time_left, accept(deps, command, now, stats)).await;
    accepted.unwrap_or(Err(AcceptWebhookError::OutOfTime))
}

async fn accept(
    deps: &AcceptWebhookDeps<'_>,
    command: &AcceptWebhook<'_>,
    now: Timestamp,
    stats: &mut WebhookStats,
) -> Result<(), AcceptWebhookError> {
    let signer = signer_of(deps, command.delivery, now).await;
    let signer = signer.and_then(|signer| check_source(deps, command.delivery).map(|()| signer));
    let mut signer = match signer {
        Err(AcceptWebhookError::Unsigned(fault)) => {
            return Err(refused(deps, command.delivery, fault, now, stats).await);
        }
        signer => signer?,
    };
    let events = deps.protocol.events(command.delivery)?;
    stats.events = events.count();
    stats.ignored = events.ignored;
    stats.unreadable = events.unreadable;
    if signer.is_of_another_hook(&events.hook_ids)
        && let Some(newer) = signer_by_newer(deps, command.delivery, now, &signer).await?
    {
        signer = newer;
    }
    let owned = owned_by(deps, signer, events, stats).await;
    let changes = coalesced(deps, command, now, owned.changes);
    let bookings = coalesced_bookings(deps, command, now, owned.bookings);
    stats.tenants = changes.values().map(|change| &change.tenant).cloned().collect();
    stats.tenants.extend(bookings.values().map(|change| change.tenant.clone()));
    stats.messages = changes.len() + bookings.len();
    let bodies = changes.values().map(ObjectChange::to_body);
    let bodies: Vec<_> = bodies.chain(bookings.values().map(BookingChange::to_body)).collect();
    stats.not_enqueued = enqueue(deps.queue, bodies, now).await;
    // Only now: what could be taken is not held up by the account that could not be looked up.
    owned.failure.map_or(Ok(()), |error| Err(AcceptWebhookError::Accounts(error)))?;
    if stats.not_enqueued > 0 { Err(AcceptWebhookError::NotEnqueued) } else { Ok(()) }
}

type ObjectKey = (String, ObjectType, ExternalId);

/// One change per object.
fn coalesced(
    deps: &AcceptWebhookDeps<'_>,
    command: &AcceptWebhook<'_>,
    now: Timestamp,
    changes: Vec<(TenantId, DeliveredChange)>,
) -> BTreeMap<ObjectKey, ObjectChange> {
    let mut objects: BTreeMap<ObjectKey, ObjectChange> = BTreeMap::new();
    for (tenant, change) in changes {
        let key = (change.account_id.clone(), change.object_type, change.external_id.clone());
        let change = ObjectChange {
            tenant,
            system: deps.protocol.system(),
            account_id: change.account_id,
            object_type: change.object_type,
            external_id: change.external_id,
            kinds: [change.kind].into(),
            properties: change.property.into_iter().collect(),
            merged_ids: change.merged_ids.into_iter().collect(),
            occurred_at: change.occurred_at.unwrap_or(now),
            received_at: now,
            correlation_id: command.correlation_id.clone(),
        };
        match objects.get_mut(&key) {
            Some(known) => known.absorb(change),
            None => drop(objects.insert(key, change)),
        }
    }
    objects
}

/// One change per appointment.
fn coalesced_bookings(
    deps: &AcceptWebhookDeps<'_>,
    command: &AcceptWebhook<'_>,
    now: Timestamp,
    bookings: Vec<(TenantId, DeliveredBooking)>,
) -> BTreeMap<(String, ExternalId), BookingChange> {
    let mut changes: BTreeMap<_, BookingChange> = BTreeMap::new();
    for (tenant, booking) in bookings {
        let DeliveredBooking { account_id, external_id, snapshot } = booking;
        let key = (account_id.clone(), external_id.clone());
        let change = BookingChange {
            tenant,
            system: deps.protocol.system(),
            account_id,
            external_id,
            received_at: now,
            missing_since: None,
            snapshot,
            correlation_id: command.correlation_id.clone(),
        };
        match changes.get_mut(&key) {
            Some(known) => known.absorb(change),
            None => drop(changes.insert(key, change)),
        }
    }
    changes
}

/// Sends messages and returns how many the queue does not surely have.
async fn enqueue(
    queue: &dyn WorkQueue,
    bodies: Vec<Result<String, serde_json::Error>>,
    now: Timestamp,
) -> usize {
    let total = bodies.len();
    let history = WorkHistory { attempt: 0, first_enqueued_at: now, dead_letter_id: None };
    let messages: Vec<_> = bodies
        .into_iter()
        .filter_map(Result::ok)
        .map(|body| WorkMessage { body, delay: Duration::ZERO, history: history.clone() })
        .collect();
    if messages.is_empty() {
        return total;
    }
    let outcomes = queue.send(&messages).await;
    total - outcomes.iter().filter(|outcome| **outcome == SendOutcome::Accepted).count()
}
