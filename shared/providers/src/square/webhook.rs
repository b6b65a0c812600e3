//! What Square's webhooks say: a booking as it is now, with nothing of who booked but an id.
//!
//! developer.squareup.com, "booking.created", "booking.updated" (also sent for cancellations), and the
//! shapes of Square's `OpenAPI` description of 2025-08-20. `data.id` is `<booking id>:<version>` in the
//! examples, so the id is taken from the booking itself. Notes and addresses that come along are dropped
//! while the body is read.

use jiff::Timestamp;
use serde::Deserialize;
use sync_domain::model::System;
use sync_domain::ports::{
    AuthMode, DeliveredBooking, DeliveredEvents, DeliverySignature, SignatureFault, SignedBy,
    UnreadableDelivery, WebhookDelivery, WebhookProtocol,
};

use super::json::from_body;
use super::mapping::{is_id, snapshot_of};
use super::signature::SquareSignature;
use super::wire::{Booking, Lenient};

/// Square's webhooks.
#[derive(Debug, Clone, Copy, Default)]
pub struct SquareWebhooks;

/// What every event has.
#[derive(Deserialize)]
struct Event {
    #[serde(default)]
    merchant_id: Lenient<String>,
    #[serde(default, rename = "type")]
    kind: Lenient<String>,
}

/// What an event of a booking has besides.
#[derive(Deserialize)]
struct BookingEvent {
    data: EventData,
}

#[derive(Deserialize)]
struct EventData {
    object: EventObject,
}

#[derive(Deserialize)]
struct EventObject {
    booking: Booking,
}

impl WebhookProtocol for SquareWebhooks {
    fn system(&self) -> System {
        System::Square
    }

    /// The key of the subscription signs, and never the app's secret, whoever is asked about.
    fn signed_by(&self, _auth: AuthMode) -> SignedBy {
        SignedBy::OurSubscription
    }

    fn signature<'a>(
        &self,
        delivery: &'a WebhookDelivery,
        _now: Timestamp,
    ) -> Result<Box<dyn DeliverySignature + 'a>, SignatureFault> {
        Ok(Box::new(SquareSignature::read(delivery)?))
    }

    /// One key signs for all accounts, so that nothing of an unverified body needs to be read.
    fn claimed_account(&self, _delivery: &WebhookDelivery) -> Option<String> {
        None
    }

    fn events(&self, delivery: &WebhookDelivery) -> Result<DeliveredEvents, UnreadableDelivery> {
        let body = delivery.body.trim_ascii_start();
        // A list would be taken for the members in their order.
        if !body.starts_with(b"{") {
            return Err(UnreadableDelivery::NotAList);
        }
        let event: Event = from_body(body).map_err(|_no_event| UnreadableDelivery::NotAList)?;
        let mut events = DeliveredEvents::default();
        match event.kind.text() {
            None => events.unreadable = 1,
            Some("booking.created" | "booking.updated") => match booking_of(&event, body) {
                Some(booking) => events.bookings.push(booking),
                None => events.unreadable = 1,
            },
            // What changes of a customer is found by the next sweep, and that our app was shut out by the
            // next call.
            Some(_) => events.ignored = 1,
        }
        Ok(events)
    }
}

/// The mark on a booking, with what is told of it if that can be read: else it is read anew.
fn booking_of(event: &Event, body: &[u8]) -> Option<DeliveredBooking> {
    let account_id = event.merchant_id.text().filter(|id| is_id(id))?.to_owned();
    let told: BookingEvent = from_body(body).ok()?;
    let booking = told.data.object.booking;
    let external_id = booking.external_id()?;
    let snapshot = snapshot_of(&booking).ok();
    Some(DeliveredBooking { account_id, external_id, snapshot })
}
