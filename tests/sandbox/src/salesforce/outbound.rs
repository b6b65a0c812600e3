//! Outbound Messages: unsigned SOAP with the records as they are when it is sent, sent again until
//! the receiver says the right words.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;

use super::ids;
use super::orgs::Org;
use super::sobject::Sobject;
use super::store::Record;
use crate::accounts::Account;
use crate::vendor::SignedWebhook;

const OUTBOUND: &str = "http://soap.sforce.com/2005/09/outbound";
const ENVELOPE: &str = "http://schemas.xmlsoap.org/soap/envelope/";

/// Notifications are numbered over all orgs and never twice, whatever is reset.
static NOTIFICATIONS: AtomicU64 = AtomicU64::new(1);

/// The id of a new notification; it stays through all attempts.
pub fn new_notification_id(account: &Account) -> String {
    ids::drawn("04l", &account.account, NOTIFICATIONS.fetch_add(1, Ordering::Relaxed))
}

/// The fields ticked in the set-up of the message, where a record has a value.
const fn ticked(sobject: Sobject) -> &'static [&'static str] {
    match sobject {
        Sobject::Account => &["Name", "Phone", "Website"],
        Sobject::Contact => &["AccountId", "Email", "FirstName", "LastName", "Phone"],
        Sobject::Opportunity => &["AccountId", "Amount", "CloseDate", "Name", "StageName"],
        Sobject::OpportunityContactRole
        | Sobject::OpportunityStage
        | Sobject::RecordType
        | Sobject::Organization
        | Sobject::User => &[],
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            other => escaped.push(other),
        }
    }
    escaped
}

fn fields(sobject: Sobject, record: &Record) -> String {
    let elements = ticked(sobject).iter().filter_map(|name| {
        let value = record.values.get(*name)?;
        let value = value.as_str().map_or_else(|| value.to_string(), escaped);
        Some(format!("<sf:{name}>{value}</sf:{name}>"))
    });
    elements.collect()
}

fn notification(event: &Value, org: &Org) -> String {
    let text = |name: &str| escaped(event[name].as_str().unwrap_or_default());
    let record = org.tables.any(event["record_id"].as_str().unwrap_or_default());
    let fields = record.map(|record| fields(record.sobject, record)).unwrap_or_default();
    format!(
        "<Notification><Id>{}</Id>\
         <sObject xsi:type=\"sf:{}\" xmlns:sf=\"urn:sobject.enterprise.soap.sforce.com\">\
         <sf:Id>{}</sf:Id>{fields}</sObject></Notification>",
        text("uid"),
        text("object"),
        text("record_id"),
    )
}

/// The notifications of a request, with the records as they are now.
pub fn rendered(org: &Org, events: &[Value]) -> String {
    events.iter().map(|event| notification(event, org)).collect()
}

/// The definition of the message of an object type.
fn action_id(org_id: &str, object: &str) -> String {
    let place = Sobject::ALL.into_iter().position(|sobject| sobject.name() == object);
    let number = u64::try_from(place.unwrap_or_default()).unwrap_or_default() + 1;
    ids::drawn("04k", org_id, number)
}

/// The request. Nothing signs it, and its session id has been empty since February 2026.
pub fn request(account: &str, events: &[Value], notifications: &str) -> SignedWebhook {
    let first = events.first().unwrap_or(&Value::Null);
    let org_id = first["org_id"].as_str().unwrap_or(account);
    let object = first["object"].as_str().unwrap_or_default();
    let action_id =
        first["action_id"].as_str().map_or_else(|| action_id(account, object), str::to_owned);
    let (org_id, action_id) = (escaped(org_id), escaped(&action_id));
    let short = org_id.get(..15).unwrap_or(&org_id);
    let soap = "https://example.my.salesforce.com/services/Soap";
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <soapenv:Envelope xmlns:soapenv=\"{ENVELOPE}\" \
         xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\n\
         <soapenv:Body><notifications xmlns=\"{OUTBOUND}\">\
         <OrganizationId>{org_id}</OrganizationId><ActionId>{action_id}</ActionId>\
         <SessionId xsi:nil=\"true\"/>\
         <EnterpriseUrl>{soap}/c/67.0/{short}</EnterpriseUrl>\
         <PartnerUrl>{soap}/u/67.0/{short}</PartnerUrl>\
         {notifications}</notifications></soapenv:Body></soapenv:Envelope>"
    );
    let headers = vec![
        ("content-type", "text/xml; charset=utf-8".to_owned()),
        ("soapaction", "\"\"".to_owned()),
        ("user-agent", "Jakarta Commons-HttpClient/3.1".to_owned()),
    ];
    SignedWebhook { headers, body: body.into_bytes() }
}

/// Whether an answer has the element `notificationsResponse` of the right namespace in a SOAP body,
/// with `Ack` true. Anything else is a failure, whatever its status.
pub fn is_acknowledged(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body);
    let inner = |text: &str, name: &str| -> Option<(String, String)> {
        let mut tags = text.match_indices('<');
        tags.find_map(|(at, _)| {
            let (tag, behind) = text.get(at + 1..)?.split_once('>')?;
            let full_name = tag.split_whitespace().next()?;
            let is_it = full_name.rsplit(':').next() == Some(name) && !tag.starts_with('/');
            let end = behind.find(&format!("</{full_name}>")).filter(|_| is_it)?;
            Some((tag.to_owned(), behind.get(..end)?.to_owned()))
        })
    };
    let Some((envelope, within)) = inner(&text, "Envelope") else { return false };
    let response =
        inner(&within, "Body").and_then(|(_, body)| inner(&body, "notificationsResponse"));
    let Some((response, within)) = response else { return false };
    let ack = inner(&within, "Ack").map(|(_, ack)| ack.trim().to_owned());
    envelope.contains(ENVELOPE)
        && (response.contains(OUTBOUND) || envelope.contains(OUTBOUND))
        && ack.as_deref() == Some("true")
}

#[cfg(test)]
mod tests {
    use super::{escaped, is_acknowledged};

    const ACK: &str = "<?xml version=\"1.0\"?>\n\
        <soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\">\
        <soapenv:Body>\n<notificationsResponse xmlns=\"http://soap.sforce.com/2005/09/outbound\">\
        <Ack>true</Ack></notificationsResponse></soapenv:Body></soapenv:Envelope>";

    #[test]
    fn only_the_exact_response_is_an_acknowledgement() {
        assert!(is_acknowledged(ACK.as_bytes()));
        let prefixed = ACK
            .replace("notificationsResponse xmlns=", "o:notificationsResponse xmlns:o=")
            .replace("</notificationsResponse", "</o:notificationsResponse")
            .replace("Ack>", "o:Ack>");
        assert!(is_acknowledged(prefixed.as_bytes()));
        for wrong in [
            String::new(),
            "{}".to_owned(),
            ACK.replace("true", "false"),
            ACK.replace("notificationsResponse", "notifications"),
            ACK.replace("2005/09", "2006/09"),
            ACK.replace("soapenv:Body", "soapenv:Fault"),
        ] {
            assert!(!is_acknowledged(wrong.as_bytes()), "{wrong}");
        }
    }

    #[test]
    fn text_is_escaped_for_xml() {
        assert_eq!(escaped("a<b>&\"'"), "a&lt;b&gt;&amp;&quot;&apos;");
    }
}
