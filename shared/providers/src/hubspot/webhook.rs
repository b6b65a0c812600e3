//! What HubSpot's webhooks say: which object has changed, and how.
//!
//! Field names and their meaning: `docs/integrations/hubspot_webhooks.md`. Kinds of event that are not
//! named here are ignored, because a portal may subscribe to more than we read.

use std::collections::BTreeSet;

use jiff::Timestamp;
use sync_domain::model::{ChangeKind, ExternalId, ObjectType, System};
use sync_domain::ports::{
    DeliveredChange, DeliveredEvents, DeliverySignature, SignatureFault, UnreadableDelivery,
    WebhookDelivery, WebhookProtocol,
};

use super::signature::HubspotSignature;
use super::webhook_elements::Elements;
use super::webhook_wire::{Claim, Loose, WireEvent, text_of};

/// HubSpot sends up to this many events at once.
const EVENTS_MAX: usize = 100;
/// The longest name of a property.
const PROPERTY_MAX_BYTES: usize = 100;

/// HubSpot's webhooks.
#[derive(Debug, Clone, Copy, Default)]
pub struct HubspotWebhooks;

impl WebhookProtocol for HubspotWebhooks {
    fn system(&self) -> System {
        System::Hubspot
    }

    fn signature<'a>(
        &self,
        delivery: &'a WebhookDelivery,
        now: Timestamp,
    ) -> Result<Box<dyn DeliverySignature + 'a>, SignatureFault> {
        Ok(Box::new(HubspotSignature::read(delivery, now)?))
    }

    fn claimed_account(&self, delivery: &WebhookDelivery) -> Option<String> {
        let body = delivery.body.as_slice();
        let text = text_of(body);
        let elements = Elements::of(&text).take(EVENTS_MAX).map_while(Result::ok);
        let claims = elements.filter_map(|element| serde_json::from_str::<Claim>(element).ok());
        claims.filter_map(|claim| claim.portal_id.id()).next().map(|id| id.to_string())
    }

    fn events(&self, delivery: &WebhookDelivery) -> Result<DeliveredEvents, UnreadableDelivery> {
        let body = delivery.body.as_slice();
        let text = text_of(body);
        let mut events = DeliveredEvents::default();
        for (index, element) in Elements::of(&text).enumerate() {
            let element = element?;
            if index >= EVENTS_MAX {
                return Err(UnreadableDelivery::TooMany);
            }
            let event: Option<WireEvent> = serde_json::from_str(element).ok();
            match event.ok_or(Skipped::Unreadable).and_then(|event| change_of(&event)) {
                Ok(change) => events.changes.push(change),
                Err(Skipped::NotOurs) => events.ignored += 1,
                Err(Skipped::Unreadable) => events.unreadable += 1,
            }
        }
        Ok(events)
    }
}

/// Why an event gives no change.
enum Skipped {
    /// We have no use for its kind.
    NotOurs,
    /// It lacks something that it should have.
    Unreadable,
}

/// The object that an event is about, and what happened to it.
struct Subject {
    object_type: ObjectType,
    id: u64,
    kind: ChangeKind,
    merged_ids: BTreeSet<u64>,
}

impl Subject {
    const fn of(object_type: ObjectType, id: u64, kind: ChangeKind) -> Self {
        Self { object_type, id, kind, merged_ids: BTreeSet::new() }
    }
}

fn change_of(event: &WireEvent) -> Result<DeliveredChange, Skipped> {
    let portal_id = event.portal_id.id().ok_or(Skipped::Unreadable)?;
    let subject = subject_of(event)?;
    let external_id = |id: u64| ExternalId::new(id.to_string());
    Ok(DeliveredChange {
        account_id: portal_id.to_string(),
        object_type: subject.object_type,
        external_id: external_id(subject.id),
        kind: subject.kind,
        property: property_of(event),
        merged_ids: subject.merged_ids.into_iter().map(external_id).collect(),
        occurred_at: occurred_at(event),
    })
}

fn subject_of(event: &WireEvent) -> Result<Subject, Skipped> {
    let name = event.subscription_type.text().or_else(|| event.event_type.text());
    let name = name.ok_or(Skipped::Unreadable)?;
    let (subject, what) = name.split_once('.').ok_or(Skipped::NotOurs)?;
    if what == "associationChange" {
        return associated(event, subject);
    }
    let object_type = match subject {
        "object" => {
            let type_id = event.object_type_id.text().ok_or(Skipped::Unreadable)?;
            type_of_id(type_id).ok_or(Skipped::NotOurs)?
        }
        _ => ObjectType::parse(subject).ok_or(Skipped::NotOurs)?,
    };
    let kind = match what {
        "creation" => ChangeKind::Created,
        "propertyChange" => ChangeKind::Properties,
        "deletion" => ChangeKind::Deleted,
        "restore" => ChangeKind::Restored,
        "privacyDeletion" if object_type == ObjectType::Contact => ChangeKind::Erased,
        "merge" => return merged(event, object_type),
        _ => return Err(Skipped::NotOurs),
    };
    let id = event.object_id.id().ok_or(Skipped::Unreadable)?;
    Ok(Subject::of(object_type, id, kind))
}

/// The record that is left may be neither of those that were merged.
fn merged(event: &WireEvent, object_type: ObjectType) -> Result<Subject, Skipped> {
    let named = [&event.new_object_id, &event.primary_object_id, &event.object_id];
    let id = named.into_iter().find_map(Loose::id).ok_or(Skipped::Unreadable)?;
    let all = named.into_iter().chain(event.merged_object_ids.list());
    let merged_ids = all.filter_map(Loose::id).filter(|other| *other != id).collect();
    Ok(Subject { merged_ids, ..Subject::of(object_type, id, ChangeKind::Merged) })
}

/// An association is reported for either of its ends, and belongs to the one that we keep it at.
fn associated(event: &WireEvent, subject: &str) -> Result<Subject, Skipped> {
    if subject != "object" && ObjectType::parse(subject).is_none() {
        return Err(Skipped::NotOurs);
    }
    let (from, to) = association_ends(event)?;
    let ((keeper, _), id) = if from.associated_types().contains(&to) {
        ((from, to), &event.from_object_id)
    } else if to.associated_types().contains(&from) {
        ((to, from), &event.to_object_id)
    } else {
        return Err(Skipped::NotOurs);
    };
    let id = id.id().ok_or(Skipped::Unreadable)?;
    Ok(Subject::of(keeper, id, ChangeKind::Associations))
}

/// The kinds of the two ends: by name (`DEAL_TO_CONTACT`, perhaps with a label's words around), or by
/// the ids of the types where the event is a generic one.
fn association_ends(event: &WireEvent) -> Result<(ObjectType, ObjectType), Skipped> {
    if let Some((from, to)) = event.association_type.text().and_then(|it| it.split_once("_TO_")) {
        return type_in_words(from).zip(type_in_words(to)).ok_or(Skipped::NotOurs);
    }
    let ids = event.from_object_type_id.text().zip(event.to_object_type_id.text());
    let (from, to) = ids.ok_or(Skipped::Unreadable)?;
    type_of_id(from).zip(type_of_id(to)).ok_or(Skipped::NotOurs)
}

fn type_in_words(words: &str) -> Option<ObjectType> {
    words.split('_').find_map(|word| ObjectType::parse(&word.to_ascii_lowercase()))
}

fn type_of_id(type_id: &str) -> Option<ObjectType> {
    match type_id {
        "0-1" => Some(ObjectType::Contact),
        "0-2" => Some(ObjectType::Company),
        "0-3" => Some(ObjectType::Deal),
        _ => None,
    }
}

/// HubSpot's names are of letters, digits and underscores; what is not is no name and not passed on.
fn property_of(event: &WireEvent) -> Option<String> {
    let name = event.property_name.text()?;
    let is_name = !name.is_empty()
        && name.len() <= PROPERTY_MAX_BYTES
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_name.then(|| name.to_owned())
}

fn occurred_at(event: &WireEvent) -> Option<Timestamp> {
    let millis = event.occurred_at.id().and_then(|millis| i64::try_from(millis).ok())?;
    Timestamp::from_millisecond(millis).ok()
}
