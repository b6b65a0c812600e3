//! Marks on appointments in a delivery, by a protocol that is scripted: one message per appointment,
//! and only for accounts that the signer may speak for.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;
use sync_domain::model::{BookingChange, CorrelationId, ExternalId, System};
use sync_domain::ports::{
    AccountOwner, AuthMode, Clock, DeliveredBooking, DeliveredEvents, DeliverySignature,
    SecretError, SecretHolder, SignatureFault, SigningSecretSource, SigningSecrets,
    UnreadableDelivery, WebhookDelivery, WebhookProtocol,
};
use sync_domain::usecase::accept_webhook::{
    AcceptWebhook, AcceptWebhookDeps, AcceptWebhookError, WebhookStats, accept_webhook,
};
use sync_testkit::{ManualClock, MemoryAccounts, MemoryWorkQueue};

use crate::support::connection_world::tenant;
use crate::support::webhook_signing::unsigned;

/// Everything that it is given is signed in one way and says the same.
struct Scripted {
    auth: AuthMode,
    bookings: Mutex<Vec<DeliveredBooking>>,
}

struct Signature(AuthMode);

impl DeliverySignature for Signature {
    fn may_come_from(&self, auth: AuthMode) -> bool {
        auth == self.0
    }

    fn is_made_with(&self, _secret: &SecretString) -> bool {
        true
    }
}

impl WebhookProtocol for Scripted {
    fn system(&self) -> System {
        System::Acuity
    }

    fn signature<'a>(
        &self,
        _delivery: &'a WebhookDelivery,
        _now: Timestamp,
    ) -> Result<Box<dyn DeliverySignature + 'a>, SignatureFault> {
        Ok(Box::new(Signature(self.auth)))
    }

    fn claimed_account(&self, _delivery: &WebhookDelivery) -> Option<String> {
        Some("1".to_owned())
    }

    fn events(&self, _delivery: &WebhookDelivery) -> Result<DeliveredEvents, UnreadableDelivery> {
        let bookings = std::mem::take(&mut *self.bookings.lock().unwrap());
        Ok(DeliveredEvents { bookings, ..DeliveredEvents::default() })
    }
}

/// One secret for everybody.
struct OneSecret;

#[async_trait]
impl SigningSecretSource for OneSecret {
    async fn secrets(
        &self,
        _holder: &SecretHolder,
    ) -> Result<Option<Arc<SigningSecrets>>, SecretError> {
        Ok(SigningSecrets::new("secret".into(), None).map(Arc::new))
    }

    async fn newer(
        &self,
        _holder: &SecretHolder,
    ) -> Result<Option<Arc<SigningSecrets>>, SecretError> {
        Ok(None)
    }
}

struct Delivered {
    result: Result<(), AcceptWebhookError>,
    stats: WebhookStats,
    changes: Vec<BookingChange>,
}

/// Account 1 is acme's, 2 globex's, 3 nobody's; delivers marks on (account, appointment).
async fn deliver(auth: AuthMode, marks: &[(&str, u64)], unreadable: &[&str]) -> Delivered {
    let accounts = MemoryAccounts::default();
    for (account, name) in [("1", "acme"), ("2", "globex")] {
        accounts.connect(System::Acuity, account, AccountOwner { tenant: tenant(name), auth });
    }
    accounts.fail_for(unreadable);
    let bookings = marks.iter().map(|(account, id)| DeliveredBooking {
        account_id: (*account).to_owned(),
        external_id: ExternalId::new(id.to_string()),
        snapshot: None,
    });
    let protocol = Scripted { auth, bookings: Mutex::new(bookings.collect()) };
    let (queue, clock) = (MemoryWorkQueue::default(), ManualClock::default());
    let deps = AcceptWebhookDeps {
        protocol: &protocol,
        secrets: &OneSecret,
        accounts: &accounts,
        claimed_accounts: &accounts,
        queue: &queue,
        sources: &Default::default(),
        clock: &clock,
    };
    let delivery = unsigned(b"");
    let command = AcceptWebhook {
        delivery: &delivery,
        answer_by: clock.now() + Duration::from_secs(5),
        correlation_id: CorrelationId::parse("c-1").unwrap(),
    };
    let mut stats = WebhookStats::default();
    let result = accept_webhook(&deps, &command, &mut stats).await;
    let messages = queue.take();
    let changes = messages.iter().map(|it| BookingChange::parse(&it.body).unwrap()).collect();
    Delivered { result, stats, changes }
}

fn told(changes: &[BookingChange]) -> Vec<(&str, &str)> {
    changes.iter().map(|it| (it.tenant.as_str(), it.external_id.as_str())).collect()
}

#[tokio::test]
async fn marks_on_one_appointment_are_one_message() {
    let marks = [("1", 7), ("1", 8), ("1", 7), ("1", 7)];
    let Delivered { result, stats, changes } = deliver(AuthMode::ApiKey, &marks, &[]).await;
    result.unwrap();
    assert_eq!(told(&changes), [("acme", "7"), ("acme", "8")]);
    assert_eq!((stats.events, stats.messages, stats.foreign), (4, 2, 0));
    assert_eq!(stats.tenants.len(), 1);
    assert!(changes.iter().all(|it| it.correlation_id.as_str() == "c-1" && it.account_id == "1"));
}

#[tokio::test]
async fn key_of_a_tenant_speaks_for_its_own_account_alone() {
    let marks = [("1", 7), ("2", 7), ("3", 7)];
    let Delivered { result, stats, changes } = deliver(AuthMode::ApiKey, &marks, &[]).await;
    result.unwrap();
    assert_eq!(told(&changes), [("acme", "7")]);
    assert_eq!((stats.foreign, stats.unconnected), (2, 0));
}

#[tokio::test]
async fn app_of_ours_speaks_for_every_account_that_has_let_it_in() {
    let marks = [("1", 7), ("2", 7), ("3", 7)];
    let Delivered { result, stats, changes } = deliver(AuthMode::Oauth, &marks, &[]).await;
    result.unwrap();
    assert_eq!(told(&changes), [("acme", "7"), ("globex", "7")], "one id, two tenants");
    assert_eq!((stats.foreign, stats.unconnected, stats.tenants.len()), (0, 1, 2));
}

#[tokio::test]
async fn account_that_can_not_be_looked_up_makes_the_delivery_come_again() {
    let marks = [("1", 7), ("2", 7)];
    let Delivered { result, stats, changes } = deliver(AuthMode::Oauth, &marks, &["2"]).await;
    assert!(matches!(result, Err(AcceptWebhookError::Accounts(_))), "{result:?}");
    assert_eq!(told(&changes), [("acme", "7")], "what could be taken is");
    assert_eq!(stats.unconnected, 0);
}
