//! What Acuity's webhooks say, and how they are signed.

use jiff::Timestamp;
use sync_domain::model::System;
use sync_domain::ports::{
    DeliveredEvents, DeliverySignature, SignatureFault, UnreadableDelivery, WebhookDelivery,
    WebhookProtocol,
};

/// Acuity's webhooks.
#[derive(Debug, Clone, Copy, Default)]
pub struct AcuityWebhooks;

impl WebhookProtocol for AcuityWebhooks {
    fn system(&self) -> System {
        System::Acuity
    }

    fn signature<'a>(
        &self,
        _delivery: &'a WebhookDelivery,
        _now: Timestamp,
    ) -> Result<Box<dyn DeliverySignature + 'a>, SignatureFault> {
        Err(SignatureFault::Missing)
    }

    fn claimed_account(&self, _delivery: &WebhookDelivery) -> Option<String> {
        None
    }

    fn events(&self, _delivery: &WebhookDelivery) -> Result<DeliveredEvents, UnreadableDelivery> {
        Ok(DeliveredEvents::default())
    }
}
