//! Salesforce's webhooks: which form a delivery has, whose it claims to be, and what it says.
//!
//! Two forms come to one address: signed JSON from the Apex package in `infra/salesforce`, and
//! Outbound Messages, which are SOAP and unsigned ([`super::signature`]). The content type tells them
//! apart, and what is not clearly SOAP has to be signed. Values are never read out of either.
//! Evidence: `docs/integrations/salesforce_webhooks.md`.

use jiff::Timestamp;
use sync_domain::hook_address;
use sync_domain::model::{ChangeKind, ExternalId, ObjectType, System};
use sync_domain::ports::{
    Acknowledgement, DeliveredChange, DeliveredEvents, DeliverySignature, HeaderValue,
    SignatureFault, UnreadableDelivery, WebhookDelivery, WebhookProtocol,
};

use super::signature::{SalesforceSignature, UnsignedMessage};
use super::{soap, webhook_json};

/// What the address without a token ends with.
const TOKENLESS_END: &str = "/salesforce";
const SOAP_MEDIA_TYPE: &str = "text/xml";

/// What makes Salesforce take a message off its queue. A bare 200 does not, nor does a fault
/// ("Understanding Notifications", read 2026-11-20). One stands for the whole batch.
const ACK: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
<soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\">\
<soapenv:Body>\
<notificationsResponse xmlns=\"http://soap.sforce.com/2005/09/outbound\">\
<Ack>true</Ack>\
</notificationsResponse>\
</soapenv:Body>\
</soapenv:Envelope>";

/// Salesforce's webhooks.
#[derive(Debug, Clone, Copy, Default)]
pub struct SalesforceWebhooks;

/// How a delivery is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Of the Apex package.
    Json,
    /// An Outbound Message.
    Soap,
}

impl Form {
    fn of(delivery: &WebhookDelivery) -> Self {
        let HeaderValue::Sole(content_type) = delivery.header("content-type") else {
            return Self::Json;
        };
        let media_type = content_type.split(';').next().unwrap_or_default();
        if media_type.trim().eq_ignore_ascii_case(SOAP_MEDIA_TYPE) {
            Self::Soap
        } else {
            Self::Json
        }
    }
}

impl WebhookProtocol for SalesforceWebhooks {
    fn system(&self) -> System {
        System::Salesforce
    }

    fn acknowledgement(&self, delivery: &WebhookDelivery) -> Option<Acknowledgement> {
        let is_soap = Form::of(delivery) == Form::Soap;
        is_soap.then(|| Acknowledgement { content_type: SOAP_MEDIA_TYPE, body: ACK.to_owned() })
    }

    fn signature<'a>(
        &self,
        delivery: &'a WebhookDelivery,
        now: Timestamp,
    ) -> Result<Box<dyn DeliverySignature + 'a>, SignatureFault> {
        match Form::of(delivery) {
            Form::Json => Ok(Box::new(SalesforceSignature::read(delivery, now)?)),
            Form::Soap => Ok(Box::new(UnsignedMessage)),
        }
    }

    /// What the address says. Only without a token in it the org of a signed body counts: a wrong token
    /// is not made good by a body.
    fn claimed_account(&self, delivery: &WebhookDelivery) -> Option<String> {
        if let Some(token) = hook_address::token_of_path(&delivery.url) {
            return Some(hook_address::account_id(token));
        }
        let path = delivery.url.split(['?', '#']).next()?;
        let is_tokenless = path.ends_with(TOKENLESS_END) && Form::of(delivery) == Form::Json;
        is_tokenless.then(|| webhook_json::org_id(&delivery.body)).flatten()
    }

    fn events(&self, delivery: &WebhookDelivery) -> Result<DeliveredEvents, UnreadableDelivery> {
        match Form::of(delivery) {
            Form::Json => webhook_json::events(&delivery.body),
            Form::Soap => soap::events(&delivery.body),
        }
    }
}

/// Why an event gives no change.
pub enum Skipped {
    /// We have no use for it.
    NotOurs,
    /// It lacks something that it should have.
    Unreadable,
}

/// A record of which something is told.
pub struct Subject {
    /// 18 characters.
    pub org_id: String,
    /// Which kind of record.
    pub object_type: ObjectType,
    /// 18 characters.
    pub record_id: String,
    /// When it happened, if the delivery says so.
    pub occurred_at: Option<Timestamp>,
}

impl Subject {
    /// One kind of change of the record.
    pub fn changed(&self, kind: ChangeKind, property: Option<String>) -> DeliveredChange {
        DeliveredChange {
            account_id: self.org_id.clone(),
            object_type: self.object_type,
            external_id: ExternalId::new(self.record_id.clone()),
            kind,
            property,
            merged_ids: Vec::new(),
            occurred_at: self.occurred_at,
        }
    }

    /// Whether records of the kind keep associations, which may change with any of their fields.
    pub const fn keeps_associations(&self) -> bool {
        !self.object_type.associated_types().is_empty()
    }
}

/// The kind of record by the object's API name.
pub fn type_of_object(name: &str) -> Option<ObjectType> {
    match name {
        "Contact" => Some(ObjectType::Contact),
        "Account" => Some(ObjectType::Company),
        "Opportunity" => Some(ObjectType::Deal),
        _ => None,
    }
}
