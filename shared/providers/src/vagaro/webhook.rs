//! What Vagaro's webhooks say: all of an appointment but who booked (docs.vagaro.com, "Webhook events"
//! and "Appointment events", 2026).
//!
//! Deliveries are made concurrently, so they come out of order and twice; the time of the event says
//! which state is newer. One that can't be read as a whole but names its appointment is a mark: the
//! appointment is then read anew.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use sync_domain::hook_address;
use sync_domain::model::{BookingSnapshot, RemoteState, System};
use sync_domain::ports::{
    DeliveredBooking, DeliveredEvents, DeliverySignature, SignatureFault, UnreadableDelivery,
    WebhookDelivery, WebhookProtocol,
};

use super::mapping::{CalendarEntry, entry_of, external_id_of, time_of};
use super::row::Text;
use super::signature::VagaroSignature;
use super::wire::{Envelope, Payload};

/// Vagaro's webhooks.
#[derive(Debug, Clone, Copy, Default)]
pub struct VagaroWebhooks;

/// What is done about an event.
enum Told {
    Booking(DeliveredBooking),
    Ignored,
    Unreadable,
}

impl WebhookProtocol for VagaroWebhooks {
    fn system(&self) -> System {
        System::Vagaro
    }

    /// Vagaro never sends again what was answered with 400, 401, 403, 404 or 406 (docs.vagaro.com,
    /// "Retry policy", 2026).
    fn drops_refused(&self) -> bool {
        true
    }

    fn signature<'a>(
        &self,
        delivery: &'a WebhookDelivery,
        _now: Timestamp,
    ) -> Result<Box<dyn DeliverySignature + 'a>, SignatureFault> {
        Ok(Box::new(VagaroSignature::read(delivery)?))
    }

    fn claimed_account(&self, delivery: &WebhookDelivery) -> Option<String> {
        hook_address::token_of_path(&delivery.url).map(hook_address::account_id)
    }

    fn events(&self, delivery: &WebhookDelivery) -> Result<DeliveredEvents, UnreadableDelivery> {
        // An array would be read as an envelope's members in their order.
        let is_object = delivery.body.trim_ascii_start().first() == Some(&b'{');
        let envelope = serde_json::from_slice::<Envelope>(&delivery.body).ok();
        let envelope = envelope.filter(|_| is_object).ok_or(UnreadableDelivery::NotAList)?;
        let mut events = DeliveredEvents::default();
        match self.claimed_account(delivery).map(|account_id| told(&envelope, account_id)) {
            Some(Told::Booking(booking)) => events.bookings.push(booking),
            Some(Told::Ignored) => events.ignored = 1,
            Some(Told::Unreadable) | None => events.unreadable = 1,
        }
        Ok(events)
    }
}

fn is(text: &Text, word: &str) -> bool {
    text.0.as_deref().is_some_and(|text| text.trim().eq_ignore_ascii_case(word))
}

fn told(envelope: &Envelope, account_id: String) -> Told {
    match &envelope.kind {
        Text(None) => return Told::Unreadable,
        kind if !is(kind, "appointment") => return Told::Ignored,
        Text(Some(_)) => {}
    }
    let Payload::Row(row) = &envelope.payload else { return Told::Unreadable };
    let deleted = is(&envelope.action, "deleted").then_some(RemoteState::Deleted);
    let is_known_action =
        deleted.is_some() || is(&envelope.action, "created") || is(&envelope.action, "updated");
    let (external_id, snapshot) = match entry_of(row, deleted) {
        Ok(CalendarEntry::StaffBlock) => return Told::Ignored,
        Ok(CalendarEntry::Appointment { external_id, snapshot }) => {
            // Without its time nobody could tell which of two events is newer.
            let as_of = event_time(envelope).filter(|_| is_known_action);
            let snapshot = as_of.map(|at| BookingSnapshot { as_of: Some(at), ..snapshot });
            (external_id, snapshot)
        }
        Err(_unreadable) => match external_id_of(row) {
            Some(external_id) => (external_id, None),
            None => return Told::Unreadable,
        },
    };
    Told::Booking(DeliveredBooking { account_id, external_id, snapshot })
}

/// When it happened. The times of events are in UTC and may lack the letter that says so.
fn event_time(envelope: &Envelope) -> Option<Timestamp> {
    let read = |text: &Text| {
        let text = text.0.as_deref()?.trim();
        time_of(text).or_else(|| {
            let time: DateTime = text.parse().ok()?;
            let time = time.to_zoned(TimeZone::UTC).ok()?.timestamp();
            time_of(&time.to_string())
        })
    };
    read(&envelope.created_date).or_else(|| read(&envelope.created_at))
}
