//! A delivery that counts as verified, through the use case, on fakes that never wait.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;
use sync_domain::model::{
    BookingChange, CorrelationId, ExternalId, ObjectChange, ObjectType, System, SystemKind, TenantId,
};
use sync_domain::ports::{
    AccountDirectory, AccountOwner, AuthMode, Clock, DeliveredEvents, DeliverySignature,
    HookOrigin, SecretError, SecretHolder, SendOutcome, SignatureFault, SigningSecretSource,
    SigningSecrets, StoreError, UnreadableDelivery, WebhookDelivery, WebhookProtocol, WorkMessage,
    WorkQueue,
};
use sync_domain::usecase::accept_webhook::{
    AcceptWebhook, AcceptWebhookDeps, AcceptWebhookError, WebhookStats, accept_webhook,
};
use sync_providers::webhook_protocol;

/// The most that a queue takes as one message.
const MESSAGE_MAX_BYTES: usize = 256 * 1024;

/// A vendor's events with a signature that anybody gives.
struct Trusting(Arc<dyn WebhookProtocol>);

struct AnySignature;

impl DeliverySignature for AnySignature {
    fn may_come_from(&self, _auth: AuthMode) -> bool {
        true
    }

    fn is_made_with(&self, _secret: &SecretString) -> bool {
        true
    }
}

impl WebhookProtocol for Trusting {
    fn system(&self) -> System {
        self.0.system()
    }

    fn signature<'a>(
        &self,
        _delivery: &'a WebhookDelivery,
        _now: Timestamp,
    ) -> Result<Box<dyn DeliverySignature + 'a>, SignatureFault> {
        Ok(Box::new(AnySignature))
    }

    fn claimed_account(&self, delivery: &WebhookDelivery) -> Option<String> {
        self.0.claimed_account(delivery)
    }

    fn events(&self, delivery: &WebhookDelivery) -> Result<DeliveredEvents, UnreadableDelivery> {
        self.0.events(delivery)
    }
}

/// Who is connected.
pub struct Connected {
    pub system: System,
    /// Whether there is an app of ours.
    pub has_app: bool,
    /// The tenant of an account.
    pub owner: fn(&str) -> Option<AccountOwner>,
    /// What is stored beside the secrets of any tenant.
    pub origin: HookOrigin,
    /// The tenant that a message about an account must be for.
    pub tenant_of: fn(&str) -> String,
}

/// Everything that the use case needs.
struct World<'a> {
    connected: &'a Connected,
    sent: Mutex<Vec<String>>,
}

#[async_trait]
impl Clock for World<'_> {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    async fn sleep(&self, _duration: Duration) {
        std::future::pending::<()>().await;
    }

    fn random(&self) -> f64 {
        0.5
    }

    fn unique_id(&self) -> String {
        "id".to_owned()
    }
}

#[async_trait]
impl SigningSecretSource for World<'_> {
    async fn secrets(
        &self,
        holder: &SecretHolder,
    ) -> Result<Option<Arc<SigningSecrets>>, SecretError> {
        let is_known = self.connected.has_app || matches!(holder, SecretHolder::Tenant(..));
        let secrets = is_known.then(|| SigningSecrets::new("any".into(), None)).flatten();
        let origin = self.connected.origin.clone();
        Ok(secrets.map(|secrets| Arc::new(secrets.with_origin(origin))))
    }

    async fn newer(
        &self,
        _holder: &SecretHolder,
    ) -> Result<Option<Arc<SigningSecrets>>, SecretError> {
        Ok(None)
    }
}

#[async_trait]
impl AccountDirectory for World<'_> {
    async fn owner(
        &self,
        _system: System,
        account_id: &str,
    ) -> Result<Option<AccountOwner>, StoreError> {
        Ok((self.connected.owner)(account_id))
    }
}

#[async_trait]
impl WorkQueue for World<'_> {
    async fn send(&self, messages: &[WorkMessage]) -> Vec<SendOutcome> {
        let bodies = messages.iter().map(|message| message.body.clone());
        self.sent.lock().unwrap().extend(bodies);
        vec![SendOutcome::Accepted; messages.len()]
    }
}

/// Runs the delivery for those who are connected.
pub fn counts_add_up_and_messages_read_back(connected: &Connected, delivery: &WebhookDelivery) {
    let world = World { connected, sent: Mutex::default() };
    let protocol = Trusting(webhook_protocol(connected.system));
    let deps = AcceptWebhookDeps {
        protocol: &protocol,
        secrets: &world,
        accounts: &world,
        claimed_accounts: &world,
        queue: &world,
        sources: &Default::default(),
        clock: &world,
    };
    let correlation_id = CorrelationId::unknown();
    let command = AcceptWebhook { delivery, answer_by: Timestamp::UNIX_EPOCH, correlation_id };
    let mut stats = WebhookStats::default();
    let result = {
        let work = pin!(accept_webhook(&deps, &command, &mut stats));
        let Poll::Ready(result) = work.poll(&mut Context::from_waker(Waker::noop())) else {
            panic!("nothing here waits");
        };
        result
    };
    check(connected, &result, &stats, &world.sent.into_inner().unwrap());
}

fn check(
    connected: &Connected,
    result: &Result<(), AcceptWebhookError>,
    stats: &WebhookStats,
    sent: &[String],
) {
    assert_eq!(sent.len(), stats.messages);
    let skipped = stats.ignored + stats.unreadable + stats.foreign + stats.unconnected;
    let taken = stats.events.checked_sub(skipped).expect("more skipped than came");
    assert!(stats.messages <= taken && (taken == 0) == sent.is_empty());
    if result.is_err() {
        assert!(sent.is_empty(), "refused, and sent");
        return;
    }
    let mut objects = BTreeSet::new();
    for body in sent {
        assert!(body.len() < MESSAGE_MAX_BYTES, "a message of {} bytes", body.len());
        let (tenant, account_id, object) = match connected.system.kind() {
            SystemKind::Crm => record_of(body),
            SystemKind::Booking => booking_of(body),
        };
        assert_eq!(tenant.as_str(), (connected.tenant_of)(&account_id));
        assert!(objects.insert((account_id, object)), "two messages for one object");
    }
}

/// Whose a message is, and what about.
type Told = (TenantId, String, (Option<ObjectType>, ExternalId));

fn record_of(body: &str) -> Told {
    let change = ObjectChange::parse(body).expect("a message that the worker can't read");
    assert!(!change.merged_ids.contains(&change.external_id), "merged into itself");
    (change.tenant, change.account_id, (Some(change.object_type), change.external_id))
}

fn booking_of(body: &str) -> Told {
    let change = BookingChange::parse(body).expect("a message that the worker can't read");
    let again = BookingChange::parse(&change.to_body().expect("a message that can't be written"));
    assert_eq!(again.as_ref(), Ok(&change), "what is read is not what was written");
    (change.tenant, change.account_id, (None, change.external_id))
}
