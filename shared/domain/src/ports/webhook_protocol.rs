//! A vendor's webhooks: how a delivery proves where it comes from, and what it says.
//!
//! A delivery is untrusted until one of its signatures was checked against a secret. Only what must
//! be known to find that secret is read before.

use std::collections::BTreeSet;
use std::net::IpAddr;

use jiff::Timestamp;
use secrecy::SecretString;

use super::{AuthMode, SecretHolder};
use crate::model::{BookingSnapshot, ChangeKind, ExternalId, ObjectType, System};

/// A request that claims to be a vendor's. It has no `Debug`: the body is personal data.
pub struct WebhookDelivery {
    /// The HTTP method, upper case.
    pub method: String,
    /// The address as the vendor called it, its query not decoded.
    pub url: String,
    /// Every header, names in lower case, repeated ones as often as they came.
    pub headers: Vec<(String, String)>,
    /// The bytes that were sent.
    pub body: Vec<u8>,
    /// Who called the gateway, if it says so.
    pub source: Option<IpAddr>,
}

/// What was sent under one name of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderValue<'a> {
    /// No such header.
    Absent,
    /// Exactly one.
    Sole(&'a str),
    /// Several, of which none can be preferred.
    Repeated,
}

impl WebhookDelivery {
    /// The value of a header by its lower-case name.
    pub fn header(&self, name: &str) -> HeaderValue<'_> {
        let mut values = self.headers.iter().filter(|(given, _)| given == name);
        match (values.next(), values.next()) {
            (None, _) => HeaderValue::Absent,
            (Some((_, value)), None) => HeaderValue::Sole(value),
            (Some(_), Some(_)) => HeaderValue::Repeated,
        }
    }
}

/// Why a delivery counts as unsigned. For logs; the sender is told nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureFault {
    /// A header of the signature is missing.
    Missing,
    /// A header of the signature came more than once.
    Repeated,
    /// A header of the signature is not of its form.
    Malformed,
    /// It was signed too long ago, or in the future.
    OutsideWindow,
    /// No secret that may sign it gives this signature.
    NoSecretFits,
    /// It came to an address of ours for which nobody has entered a secret yet.
    NoSecretStored,
    /// Its signature is right, and it does not come from where the vendor is said to send from.
    SourceNotListed,
}

impl SignatureFault {
    /// The text in logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "signature_missing",
            Self::Repeated => "signature_repeated",
            Self::Malformed => "signature_malformed",
            Self::OutsideWindow => "signature_outside_window",
            Self::NoSecretFits => "signature_fits_no_secret",
            Self::NoSecretStored => "no_secret_stored",
            Self::SourceNotListed => "source_not_listed",
        }
    }
}

/// A signature of the right form, to be tried with secrets.
pub trait DeliverySignature: Send + Sync {
    /// Whether the vendor signs in this way for accounts that are connected like that.
    fn may_come_from(&self, auth: AuthMode) -> bool;

    /// Whether it was made with `secret`. Takes the same time wherever two signatures differ.
    fn is_made_with(&self, secret: &SecretString) -> bool;

    /// Whether nothing is signed and the address alone, which nobody can guess, shows who sends. Such
    /// a delivery can be no more than a hint to look.
    fn is_of_address(&self) -> bool {
        false
    }
}

/// Whose secret signs deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignedBy {
    /// Our app's client secret, one for all accounts that have let it in.
    OurApp,
    /// The key of our app's webhook subscription, for the same accounts. What the app proves itself with
    /// signs nothing.
    OurSubscription,
    /// The connection's own.
    Tenant,
}

impl SignedBy {
    /// The holder of the secret, where that is us.
    pub const fn holder_of_ours(self, system: System) -> Option<SecretHolder> {
        match self {
            Self::OurApp => Some(SecretHolder::OurApp(system)),
            Self::OurSubscription => Some(SecretHolder::OurSubscription(system)),
            Self::Tenant => None,
        }
    }
}

/// What a vendor wants to hear of a delivery that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledgement {
    /// The content type.
    pub content_type: &'static str,
    /// The body.
    pub body: String,
}

/// One event of a delivery, as far as it concerns us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveredChange {
    /// The vendor's id of the account.
    pub account_id: String,
    /// Which kind of record.
    pub object_type: ObjectType,
    /// The vendor's id of the record; after a merge of the one that is left.
    pub external_id: ExternalId,
    /// What happened.
    pub kind: ChangeKind,
    /// The vendor's name of the property that changed.
    pub property: Option<String>,
    /// Of a merge: the ids that are no more.
    pub merged_ids: Vec<ExternalId>,
    /// When, if the event says so.
    pub occurred_at: Option<Timestamp>,
}

/// A mark on one appointment: something about it has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveredBooking {
    /// What tells the account: the vendor's id of it, or where the vendor names none, what the
    /// address of the webhook says ([`WebhookProtocol::claimed_account`]).
    pub account_id: String,
    /// The vendor's id of the appointment.
    pub external_id: ExternalId,
    /// What it says of the appointment, where that is all but who booked; else it is read anew.
    pub snapshot: Option<BookingSnapshot>,
}

/// What a body says.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct DeliveredEvents {
    /// The changes of records, in the order of the body.
    pub changes: Vec<DeliveredChange>,
    /// The appointments that have changed.
    pub bookings: Vec<DeliveredBooking>,
    /// The vendor's ids of the webhooks that the delivery says it comes from, where it says so.
    pub hook_ids: BTreeSet<String>,
    /// Events of kinds that we have no use for.
    pub ignored: usize,
    /// Events that can't be read. They don't take their neighbours with them.
    pub unreadable: usize,
}

impl DeliveredEvents {
    /// How many events the body held.
    pub const fn count(&self) -> usize {
        self.changes.len() + self.bookings.len() + self.ignored + self.unreadable
    }
}

/// Why a body as a whole is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnreadableDelivery {
    /// It is not a list of events.
    #[error("the body is not a list of events")]
    NotAList,
    /// It holds more events than the vendor sends.
    #[error("the body holds too many events")]
    TooMany,
    /// It is written as another version of the vendor's webhooks is, which is not read here.
    #[error("the body is of a version that is not read")]
    UnknownVersion,
}

/// How one vendor signs and writes its webhooks.
pub trait WebhookProtocol: Send + Sync {
    /// Which vendor.
    fn system(&self) -> System;

    /// Whose secret signs the deliveries of accounts that are connected like that.
    fn signed_by(&self, auth: AuthMode) -> SignedBy {
        if auth == AuthMode::Oauth { SignedBy::OurApp } else { SignedBy::Tenant }
    }

    /// What the vendor wants to hear of this delivery once it was accepted; `None` where any 2xx will
    /// do.
    fn acknowledgement(&self, _delivery: &WebhookDelivery) -> Option<Acknowledgement> {
        None
    }

    /// Whether the vendor gives a delivery up for good that is refused as unsigned. One that came to
    /// an address which only the vendor has been told is then answered such that it comes again: the
    /// secret that it was made with may be one that the tenant has not entered here yet. So is a proven
    /// one that can't be read.
    fn drops_refused(&self) -> bool {
        false
    }

    /// Reads the headers of the signature and checks their form and age.
    ///
    /// # Errors
    /// Any [`SignatureFault`] of the headers: a missing, repeated, malformed or old signature.
    fn signature<'a>(
        &self,
        delivery: &'a WebhookDelivery,
        now: Timestamp,
    ) -> Result<Box<dyn DeliverySignature + 'a>, SignatureFault>;

    /// The account that an unverified delivery claims to be about, to know whose secret to try: from
    /// its body, or from the address that it came to.
    fn claimed_account(&self, delivery: &WebhookDelivery) -> Option<String>;

    /// Reads a verified delivery.
    ///
    /// # Errors
    /// See [`UnreadableDelivery`].
    fn events(&self, delivery: &WebhookDelivery) -> Result<DeliveredEvents, UnreadableDelivery>;
}
