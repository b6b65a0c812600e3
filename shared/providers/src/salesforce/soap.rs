//! Outbound Messages: SOAP 1.1 with up to a hundred notifications of one kind of record.
//!
//! Of a notification only the record's id is read; its fields, which are personal data and which anybody
//! may have written who knows the address, are passed over (Salesforce SOAP API guide, "Understanding
//! Notifications" and "Understanding the Outbound Messaging WSDL", read 2026-11-20). It says neither
//! what happened to the record nor which fields changed.

use quick_xml::events::BytesStart;
use sync_domain::model::{ChangeKind, ObjectType};
use sync_domain::ports::{DeliveredEvents, UnreadableDelivery};

use super::ids::{long_id, long_org_id};
use super::soap_reader::{BoundedXml, Node, Refused};
use super::webhook::{Skipped, Subject, type_of_object};

const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const OUTBOUND: &str = "http://soap.sforce.com/2005/09/outbound";
const OBJECTS: &str = "urn:sobject.enterprise.soap.sforce.com";
const SCHEMA_INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";
/// Salesforce puts up to this many notifications into a message.
const NOTIFICATIONS_MAX: usize = 100;

/// What a message says.
#[derive(Default)]
struct Message {
    org_id: Option<String>,
    action_id: Option<String>,
    records: Vec<Record>,
}

/// A record by its kind and its id, 18 characters.
type Record = Result<(ObjectType, String), Skipped>;

/// Reads a message.
///
/// # Errors
/// See [`UnreadableDelivery`].
pub fn events(body: &[u8]) -> Result<DeliveredEvents, UnreadableDelivery> {
    let message = message_of(body).map_err(|Refused| UnreadableDelivery::NotAList)?;
    if message.records.len() > NOTIFICATIONS_MAX {
        return Err(UnreadableDelivery::TooMany);
    }
    let mut events =
        DeliveredEvents { hook_ids: message.action_id.into_iter().collect(), ..Default::default() };
    for record in message.records {
        match (record, &message.org_id) {
            (Ok((object_type, record_id)), Some(org_id)) => {
                let org_id = org_id.clone();
                let subject = Subject { org_id, object_type, record_id, occurred_at: None };
                events.changes.push(subject.changed(ChangeKind::Properties, None));
                if subject.keeps_associations() {
                    events.changes.push(subject.changed(ChangeKind::Associations, None));
                }
            }
            (Err(Skipped::NotOurs), _) => events.ignored += 1,
            (Ok(_), None) | (Err(Skipped::Unreadable), _) => events.unreadable += 1,
        }
    }
    Ok(events)
}

/// The one message of an envelope.
fn message_of(body: &[u8]) -> Result<Message, Refused> {
    let mut xml = BoundedXml::of(body)?;
    let Node::Open(root) = xml.next()? else { return Err(Refused) };
    if !xml.is(&root, SOAP, "Envelope") {
        return Err(Refused);
    }
    let mut message = None;
    while let Some(tag) = child(&mut xml)? {
        if !xml.is(&tag, SOAP, "Body") {
            xml.skip()?;
            continue;
        }
        while let Some(tag) = child(&mut xml)? {
            // Two would have to agree on whose they are.
            if message.is_some() || !xml.is(&tag, OUTBOUND, "notifications") {
                return Err(Refused);
            }
            message = Some(notifications(&mut xml)?);
        }
    }
    match xml.next()? {
        Node::End => message.ok_or(Refused),
        Node::Open(_) | Node::Text(_) | Node::Close => Err(Refused),
    }
}

/// The next element within the one that began last; `None` at its end. Text between elements means
/// nothing.
fn child<'a>(xml: &mut BoundedXml<'a>) -> Result<Option<BytesStart<'a>>, Refused> {
    loop {
        match xml.next()? {
            Node::Open(tag) => return Ok(Some(tag)),
            Node::Text(_) => {}
            Node::Close => return Ok(None),
            Node::End => return Err(Refused),
        }
    }
}

fn notifications(xml: &mut BoundedXml<'_>) -> Result<Message, Refused> {
    let mut message = Message::default();
    let mut org_ids = 0;
    while let Some(tag) = child(xml)? {
        if xml.is(&tag, OUTBOUND, "OrganizationId") {
            org_ids += 1;
            message.org_id = xml.short_text()?.and_then(|id| long_org_id(id.trim()));
        } else if xml.is(&tag, OUTBOUND, "ActionId") {
            message.action_id = xml.short_text()?.and_then(|id| long_id(id.trim()));
        } else if xml.is(&tag, OUTBOUND, "Notification") {
            let record = record_of(xml)?;
            // One more than may be shows that there were too many; the rest is only read to its end.
            if message.records.len() <= NOTIFICATIONS_MAX {
                message.records.push(record);
            }
        } else {
            xml.skip()?;
        }
    }
    if org_ids == 1 { Ok(message) } else { Err(Refused) }
}

/// The record of a notification.
fn record_of(xml: &mut BoundedXml<'_>) -> Result<Record, Refused> {
    let mut record = None;
    while let Some(tag) = child(xml)? {
        if !xml.is(&tag, OUTBOUND, "sObject") {
            xml.skip()?;
            continue;
        }
        let name = xml.qualified_value(&tag, (SCHEMA_INSTANCE, "type"), OBJECTS);
        let id = id_of(xml)?;
        let found = match name {
            None => Err(Skipped::Unreadable),
            Some(name) => type_of_object(&name)
                .ok_or(Skipped::NotOurs)
                .and_then(|object_type| Ok((object_type, id.ok_or(Skipped::Unreadable)?))),
        };
        record = Some(if record.is_none() { found } else { Err(Skipped::Unreadable) });
    }
    Ok(record.unwrap_or(Err(Skipped::Unreadable)))
}

/// The id of an object, 18 characters; `None` without exactly one.
fn id_of(xml: &mut BoundedXml<'_>) -> Result<Option<String>, Refused> {
    let mut ids = 0;
    let mut id = None;
    while let Some(tag) = child(xml)? {
        if xml.is(&tag, OBJECTS, "Id") {
            ids += 1;
            id = xml.short_text()?.and_then(|text| long_id(text.trim()));
        } else {
            xml.skip()?;
        }
    }
    Ok(id.filter(|_| ids == 1))
}
