//! What Pipedrive's webhooks say: which record has changed, and how.
//!
//! One event per delivery. It names the company and the webhook that it is of; both must be the
//! tenant's, because Basic credentials are all that is checked otherwise. Only version 2 is read: what
//! version 1 sends is refused, and no webhook of ours is of it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use sync_domain::hook_address;
use sync_domain::model::{ChangeKind, ExternalId, ObjectType, System};
use sync_domain::ports::{
    AuthMode, DeliveredChange, DeliveredEvents, DeliverySignature, SignatureFault, SignedBy,
    UnreadableDelivery, WebhookDelivery, WebhookProtocol,
};

use super::signature::PipedriveSignature;
use super::webhook_members::{Meta, Previous, Record};
use super::webhook_wire::WireEvent;

/// The longest name of a property.
const PROPERTY_MAX_BYTES: usize = 100;
/// The members that name another record.
const ORGANIZATION: &str = "org_id";
const PERSON: &str = "person_id";
/// The member that says that a record lies in the recycling bin.
const IS_DELETED: &str = "is_deleted";

/// Pipedrive's webhooks.
#[derive(Debug, Clone, Copy, Default)]
pub struct PipedriveWebhooks;

impl WebhookProtocol for PipedriveWebhooks {
    fn system(&self) -> System {
        System::Pipedrive
    }

    /// Pipedrive knows no signature of an app: each connection's webhooks have a password of their own.
    fn signed_by(&self, _auth: AuthMode) -> SignedBy {
        SignedBy::Tenant
    }

    fn signature<'a>(
        &self,
        delivery: &'a WebhookDelivery,
        _now: Timestamp,
    ) -> Result<Box<dyn DeliverySignature + 'a>, SignatureFault> {
        Ok(Box::new(PipedriveSignature::read(delivery)?))
    }

    fn claimed_account(&self, delivery: &WebhookDelivery) -> Option<String> {
        hook_address::token_of_query(&delivery.url).map(hook_address::account_id)
    }

    fn events(&self, delivery: &WebhookDelivery) -> Result<DeliveredEvents, UnreadableDelivery> {
        let event = WireEvent::read(&delivery.body).ok_or(UnreadableDelivery::NotAList)?;
        check_version(&event.meta)?;
        let mut events = DeliveredEvents {
            hook_ids: event.meta.webhook_id.id().map(|id| id.to_string()).into_iter().collect(),
            ..DeliveredEvents::default()
        };
        match changes_of(&event) {
            Ok(changes) => events.changes = changes,
            Err(Skipped::NotOurs) => events.ignored = 1,
            Err(Skipped::Unreadable) => events.unreadable = 1,
        }
        Ok(events)
    }
}

/// What names its version must name the second one; what names none must have what only the second
/// has. The first says `object` where the second says `entity`.
fn check_version(meta: &Meta) -> Result<(), UnreadableDelivery> {
    let is_second = match meta.version.text() {
        Some(version) => version == "2" || version.starts_with("2."),
        None => meta.entity.text().is_some(),
    };
    if is_second { Ok(()) } else { Err(UnreadableDelivery::UnknownVersion) }
}

/// Why an event gives no change.
enum Skipped {
    /// We have no use for its kind.
    NotOurs,
    /// It lacks something that it should have.
    Unreadable,
}

/// The record that an event is about.
struct Subject {
    account_id: String,
    object_type: ObjectType,
    id: u64,
    occurred_at: Option<Timestamp>,
}

impl Subject {
    fn change(&self, kind: ChangeKind, property: Option<&str>) -> DeliveredChange {
        DeliveredChange {
            account_id: self.account_id.clone(),
            object_type: self.object_type,
            external_id: ExternalId::new(self.id.to_string()),
            kind,
            property: property.map(str::to_owned),
            merged_ids: Vec::new(),
            occurred_at: self.occurred_at,
        }
    }

    /// `gone` went into `left`.
    fn merged(&self, gone: u64, left: u64) -> DeliveredChange {
        DeliveredChange {
            external_id: ExternalId::new(left.to_string()),
            merged_ids: vec![ExternalId::new(gone.to_string())],
            ..self.change(ChangeKind::Merged, None)
        }
    }

    /// Whether a member of that name says what the record is associated with.
    fn is_link(&self, name: &str) -> bool {
        let other = match name {
            ORGANIZATION => ObjectType::Company,
            PERSON => ObjectType::Contact,
            _ => return false,
        };
        self.object_type.associated_types().contains(&other)
    }
}

fn changes_of(event: &WireEvent) -> Result<Vec<DeliveredChange>, Skipped> {
    let meta = &event.meta;
    let entity = meta.entity.text().ok_or(Skipped::Unreadable)?;
    let object_type = type_of(entity).ok_or(Skipped::NotOurs)?;
    let action = meta.action.text().ok_or(Skipped::Unreadable)?;
    // Without it nothing shows that the delivery is of a webhook that we have made.
    meta.webhook_id.id().ok_or(Skipped::Unreadable)?;
    let subject = Subject {
        account_id: meta.company_id.id().ok_or(Skipped::Unreadable)?.to_string(),
        object_type,
        id: meta.entity_id.id().ok_or(Skipped::Unreadable)?,
        occurred_at: meta.timestamp.moment(),
    };
    match action {
        "create" => Ok(created(&subject, &event.data)),
        "change" => Ok(match meta.merged_from_id.id().filter(|gone| *gone != subject.id) {
            Some(gone) => vec![subject.merged(gone, subject.id)],
            None => changed(&subject, &event.previous, &event.data),
        }),
        "delete" => Ok(match meta.merged_to_id.id().filter(|left| *left != subject.id) {
            Some(left) => vec![subject.merged(subject.id, left)],
            None => vec![subject.change(ChangeKind::Deleted, None)],
        }),
        _ => Err(Skipped::NotOurs),
    }
}

fn type_of(entity: &str) -> Option<ObjectType> {
    match entity {
        "person" => Some(ObjectType::Contact),
        "organization" => Some(ObjectType::Company),
        "deal" => Some(ObjectType::Deal),
        _ => None,
    }
}

/// A new record comes with its links at once; no later event tells of them.
fn created(subject: &Subject, data: &Record) -> Vec<DeliveredChange> {
    let links = [(ORGANIZATION, data.has_organization), (PERSON, data.has_person)];
    let is_linked =
        links.iter().any(|(name, is_there)| subject.is_link(name) && (*is_there || !data.is_there));
    let mut kinds = vec![ChangeKind::Created];
    kinds.extend(is_linked.then_some(ChangeKind::Associations));
    kinds.into_iter().map(|kind| subject.change(kind, None)).collect()
}

/// One change per property that had another value, and one more where that was a link. Where
/// `previous` says nothing, all of it may have changed.
fn changed(subject: &Subject, previous: &Previous, data: &Record) -> Vec<DeliveredChange> {
    let names: BTreeSet<&str> = previous.names.iter().flatten().map(String::as_str).collect();
    let mut changes: Vec<_> = names
        .iter()
        .filter(|name| is_property(name))
        .map(|name| subject.change(ChangeKind::Properties, Some(name)))
        .collect();
    if changes.is_empty() {
        changes.push(subject.change(ChangeKind::Properties, None));
    }
    let has_links = !subject.object_type.associated_types().is_empty();
    let is_untold = has_links && previous.names.is_none();
    if is_untold || names.iter().any(|name| subject.is_link(name)) {
        changes.push(subject.change(ChangeKind::Associations, None));
    }
    if names.contains(IS_DELETED) {
        let kind = if data.is_deleted { ChangeKind::Deleted } else { ChangeKind::Restored };
        changes.push(subject.change(kind, None));
    }
    changes
}

/// Pipedrive's names and the keys of an account's own fields are of letters, digits and underscores;
/// what is not is no name and not passed on.
fn is_property(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= PROPERTY_MAX_BYTES
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
