//! What Salesforce's two forms of delivery say, read as a verified delivery is.

use proptest::prelude::*;
use serde_json::{Value, json};
use sync_domain::hook_address;
use sync_domain::model::{ChangeKind, ObjectType, System};
use sync_domain::ports::{DeliveredEvents, UnreadableDelivery, WebhookDelivery};
use sync_providers::webhook_protocol;

use crate::support::cloud::root;
use crate::support::salesforce_signing::{
    ACCOUNT, CONTACT, ORG, apex_body, apex_change, delivery, notification, outbound_message,
    soap_delivery,
};

const DEAL: &str = "006D000000Fak1EIAR";
const TOKEN: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f0";

fn events(delivery: &WebhookDelivery) -> Result<DeliveredEvents, UnreadableDelivery> {
    webhook_protocol(System::Salesforce).events(delivery)
}

fn json_events(body: impl Into<Vec<u8>>) -> Result<DeliveredEvents, UnreadableDelivery> {
    events(&delivery(Vec::new(), body))
}

fn soap_events(body: &str) -> Result<DeliveredEvents, UnreadableDelivery> {
    events(&soap_delivery(body))
}

/// Org, type, id, kind and property of each change.
fn told(events: &DeliveredEvents) -> Value {
    let change = |change: &sync_domain::ports::DeliveredChange| {
        assert!(change.merged_ids.is_empty());
        json!([
            change.account_id,
            change.object_type.as_str(),
            change.external_id.as_str(),
            change.kind,
            change.property,
        ])
    };
    events.changes.iter().map(change).collect()
}

fn fixture(name: &str) -> String {
    std::fs::read_to_string(root().join("tests/fixtures/crm").join(name)).unwrap()
}

/// The example of Salesforce's documentation, with the declarations that a real message has.
#[test]
fn outbound_message_marks_each_record_and_carries_no_value() {
    let events = soap_events(&fixture("salesforce_outbound_message.xml")).unwrap();
    let org = "00D300000000abcEAA";
    let expected = json!([
        [org, "contact", "0033000000abcdeAAA", "properties", null],
        [org, "contact", "0033000000abcdeAAA", "associations", null],
        [org, "contact", "0033000000abcdfAAA", "properties", null],
        [org, "contact", "0033000000abcdfAAA", "associations", null],
    ]);
    assert_eq!(told(&events), expected);
    assert_eq!((events.ignored, events.unreadable), (0, 0));
    assert!(events.hook_ids.contains("04k3000000abcdeAAA"), "{:?}", events.hook_ids);
    assert!(events.changes.iter().all(|change| change.occurred_at.is_none()));
    assert!(!format!("{events:?}").contains("Lovelace"));
}

#[test]
fn outbound_message_of_each_object_is_of_its_type() {
    for (object, object_type, count) in [
        ("Contact", ObjectType::Contact, 2),
        ("Account", ObjectType::Company, 1),
        ("Opportunity", ObjectType::Deal, 2),
    ] {
        let read = soap_events(&outbound_message(ORG, &notification(object, CONTACT))).unwrap();
        assert_eq!(read.changes.len(), count, "{object}");
        assert!(read.changes.iter().all(|change| change.object_type == object_type));
    }
    for object in ["Lead", "contact", "Contact__c", ""] {
        let read = soap_events(&outbound_message(ORG, &notification(object, CONTACT))).unwrap();
        assert_eq!((read.changes.len(), read.count()), (0, 1), "{object}");
    }
}

#[test]
fn outbound_message_is_read_whatever_its_prefixes_blanks_comments_and_references() {
    let message = outbound_message(ORG, &notification("Contact", CONTACT));
    let expected = told(&soap_events(&message).unwrap());
    assert_eq!(expected.as_array().unwrap().len(), 2);
    let same = [
        message.replace("soapenv:", "S:").replace("xmlns:soapenv", "xmlns:S"),
        message.replace("sf:", "q1:").replace("xmlns:sf", "xmlns:q1"),
        message.replace(CONTACT, "003D000000QYVtZ"),
        message.replace(CONTACT, "003D000000QYVtZIA&#88;"),
        message.replace(CONTACT, "<![CDATA[003D000000QYVtZIAX]]>"),
        message.replace(CONTACT, "\n 003D000000QYVtZIAX \n"),
        message.replace(CONTACT, "003D000000<!-- half -->QYVtZIAX"),
        message.replace(ORG, "00DD000000001AB"),
        message.replace("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", ""),
        message.replace("\"UTF-8\"", "'utf-8'"),
        message.replace(
            "<soapenv:Body>",
            "<soapenv:Header><a><b/></a></soapenv:Header><soapenv:Body>",
        ),
        message.replace("<sf:Id>", "<sf:Address><sf:Id>x</sf:Id></sf:Address><sf:Id>"),
        message.replace('\n', "\r\n"),
        format!("\u{feff}{message}"),
        format!("{message}<!-- the end -->\n"),
    ];
    for (index, same) in same.iter().enumerate() {
        assert_eq!(
            soap_events(same).map(|read| told(&read)),
            Ok(expected.clone()),
            "{index}: {same}"
        );
    }
}

#[test]
fn notification_that_cannot_be_read_costs_only_itself() {
    let good = notification("Contact", CONTACT);
    let broken = [
        notification("Contact", "003D000000QYVt'"),
        notification("Contact", ""),
        good.replace("<sf:Id>", "<sf:Id>003D000000QYVtZ</sf:Id><sf:Id>"),
        good.replace("sf:Id>", "sf:ID>"),
        good.replace("sf:Id>", "Id>"),
        good.replace(CONTACT, "<b/>"),
        good.replace(CONTACT, &"0".repeat(1_000)),
        good.replace("xsi:type=\"sf:Contact\"", ""),
        good.replace("\"sf:Contact\"", "\"Contact\""),
        good.replace("\"sf:Contact\"", "\"xx:Contact\""),
        good.replace("enterprise.soap", "partner.soap"),
        good.replace("<sObject", "<sObjects").replace("</sObject", "</sObjects"),
        "<Notification/>".to_owned(),
        good.replace("</Notification>", "<sObject/></Notification>"),
    ];
    for broken in broken {
        let read = soap_events(&outbound_message(ORG, &format!("{broken}{good}"))).unwrap();
        assert_eq!((read.unreadable, read.changes.len()), (1, 2), "{broken}");
    }
}

#[test]
fn outbound_message_without_a_readable_org_names_nobodys_records() {
    for org in ["", "00D", "001A0000006Vm9uIAC", "00DD000000001ABMAY0", "<b/>"] {
        let read = soap_events(&outbound_message(org, &notification("Contact", CONTACT))).unwrap();
        assert_eq!((read.unreadable, read.changes.len()), (1, 0), "{org}");
    }
    let two = "</OrganizationId><OrganizationId>00DD000000002BCMAY</OrganizationId>";
    let message = outbound_message(ORG, &notification("Contact", CONTACT));
    let doubled = message.replace("</OrganizationId>", two);
    let none = message.replace("OrganizationId>", "OrgId>");
    let elsewhere = message.replace("2005/09/outbound", "2005/09/inbound");
    for refused in [doubled, none, elsewhere] {
        assert_eq!(soap_events(&refused), Err(UnreadableDelivery::NotAList), "{refused}");
    }
}

#[test]
fn outbound_message_holds_up_to_a_hundred_notifications() {
    let ids =
        |count: u32| (0..count).map(|id| notification("Account", &format!("001D00000{id:06}")));
    let message = |count| outbound_message(ORG, &ids(count).collect::<String>());
    assert_eq!(soap_events(&message(0)).unwrap().count(), 0);
    assert_eq!(soap_events(&message(100)).unwrap().changes.len(), 100);
    assert_eq!(soap_events(&message(101)), Err(UnreadableDelivery::TooMany));
    assert_eq!(soap_events(&message(1_000)), Err(UnreadableDelivery::TooMany));
}

#[test]
fn acknowledgement_is_the_documented_response_and_only_soap_gets_one() {
    let protocol = webhook_protocol(System::Salesforce);
    let ack = protocol.acknowledgement(&soap_delivery("")).unwrap();
    let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><soapenv:Envelope \
         xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\"><soapenv:Body>\
         <notificationsResponse xmlns=\"http://soap.sforce.com/2005/09/outbound\"><Ack>true</Ack>\
         </notificationsResponse></soapenv:Body></soapenv:Envelope>";
    assert_eq!((ack.content_type, ack.body.as_str()), ("text/xml", expected));
    assert_eq!(protocol.acknowledgement(&delivery(Vec::new(), "{}")), None);
}

#[test]
fn change_of_the_package_becomes_its_kind_and_associations_where_they_may_have_changed() {
    let cases: [(Value, Value); 11] = [
        (apex_change("Contact", "create", CONTACT, &[]), json!(["created", "associations"])),
        (apex_change("Account", "create", ACCOUNT, &[]), json!(["created"])),
        (apex_change("Contact", "update", CONTACT, &["Email"]), json!(["properties"])),
        (
            apex_change("Contact", "update", CONTACT, &["Email", "AccountId"]),
            json!(["properties", "associations"]),
        ),
        (apex_change("Contact", "update", CONTACT, &["AccountId"]), json!(["associations"])),
        (apex_change("Opportunity", "update", DEAL, &["ContactId"]), json!(["associations"])),
        (apex_change("Opportunity", "update", DEAL, &[]), json!(["properties", "associations"])),
        (apex_change("Account", "update", ACCOUNT, &["AccountId"]), json!(["properties"])),
        (apex_change("Contact", "delete", CONTACT, &["AccountId"]), json!(["deleted"])),
        (apex_change("Contact", "undelete", CONTACT, &[]), json!(["restored"])),
        (apex_change("Contact", "update", "003D000000QYVtZ", &["Name"]), json!(["properties"])),
    ];
    for (change, expected) in cases {
        let read = json_events(apex_body(ORG, &[change.clone()])).unwrap();
        let kinds: Value = read.changes.iter().map(|it| json!(it.kind)).collect();
        assert_eq!(kinds, expected, "{change}");
        for it in &read.changes {
            assert_eq!(it.account_id, ORG);
            assert_eq!(it.external_id.as_str().len(), 18);
            assert_eq!(it.occurred_at.unwrap().to_string(), "2026-11-19T20:19:58Z");
        }
    }
}

#[test]
fn change_is_read_in_spite_of_odd_members_and_its_time_in_any_of_salesforces_forms() {
    let with = |name: &str, value: Value| {
        let mut change = apex_change("Contact", "update", CONTACT, &["Email"]);
        change[name] = value;
        json_events(apex_body(ORG, &[change])).unwrap().changes.remove(0)
    };
    for time in
        ["2026-11-19T20:19:58.000+0000", "2026-11-19T20:19:58Z", "2026-11-19T21:19:58.000+01:00"]
    {
        let read = with("last_modified_date", time.into()).occurred_at.unwrap();
        assert_eq!(read.to_string(), "2026-11-19T20:19:58Z", "{time}");
    }
    for time in [json!("yesterday"), json!(1_795_119_598), Value::Null] {
        assert_eq!(with("last_modified_date", time).occurred_at, None);
    }
    for field in ["a b", "", "Email'", &"x".repeat(65)] {
        let read = with("changed_fields", json!([field, 7, "Phone", null]));
        assert_eq!(read.property.as_deref(), Some("Phone"), "{field}");
    }
    assert_eq!(with("changed_fields", json!({"a": 1})).kind, ChangeKind::Properties);
    assert_eq!(
        with("fields", json!({"Email": "ada@example.com"})).property.as_deref(),
        Some("Email")
    );
}

#[test]
fn change_that_is_not_ours_or_broken_costs_only_itself() {
    let good = apex_change("Account", "update", ACCOUNT, &["Name"]);
    let ignored = [
        apex_change("Lead", "update", CONTACT, &[]),
        apex_change("contact", "update", CONTACT, &[]),
        apex_change("Contact", "merge", CONTACT, &[]),
    ];
    let unreadable = [
        json!(null),
        json!(7),
        json!([]),
        json!({}),
        json!({"object": "Contact", "change_type": "update"}),
        json!({"object": 1, "change_type": "update", "record_id": CONTACT}),
        apex_change("Contact", "update", "003D000000QYVtZI", &[]),
        apex_change("Contact", "update", "003D000000QYVt' OR Name != ''", &[]),
    ];
    let read = |change: &Value| {
        let read = json_events(apex_body(ORG, &[change.clone(), good.clone()])).unwrap();
        (read.ignored, read.unreadable, read.changes.len())
    };
    for change in ignored {
        assert_eq!(read(&change), (1, 0, 1), "{change}");
    }
    for change in unreadable {
        assert_eq!(read(&change), (0, 1, 1), "{change}");
    }
}

#[test]
fn body_that_is_not_the_packages_is_refused_as_a_whole() {
    let body = String::from_utf8(apex_body(ORG, &[])).unwrap();
    assert_eq!(json_events(body.clone()).unwrap().count(), 0);
    assert_eq!(json_events(format!("\u{feff}{body}")).unwrap().count(), 0);
    let refused: [&[u8]; 9] = [
        b"",
        b"[]",
        b"null",
        br#"["00DD000000001ABMAY",[]]"#,
        br#"{"org_id":"00DD000000001ABMAY"}"#,
        br#"{"org_id":"00DD000000001ABMAY","changes":{}}"#,
        br#"{"org_id":"a","org_id":"b","changes":[]}"#,
        br#"{"org_id":"00DD000000001ABMAY","changes":[]"#,
        b"{\"org_id\":\"\xff\",\"changes\":[]}",
    ];
    for body in refused {
        let text = String::from_utf8_lossy(body);
        assert_eq!(json_events(body), Err(UnreadableDelivery::NotAList), "{text}");
    }
    let change = apex_change("Account", "update", ACCOUNT, &[]);
    assert_eq!(json_events(apex_body(ORG, &vec![change.clone(); 200])).unwrap().count(), 200);
    let over = apex_body(ORG, &vec![change; 201]);
    assert_eq!(json_events(over), Err(UnreadableDelivery::TooMany));
    let deep = format!("{{\"org_id\":\"{ORG}\",\"changes\":[{}", "[".repeat(500_000));
    assert_eq!(json_events(deep), Err(UnreadableDelivery::NotAList));
    for org in ["001A0000006Vm9uIAC", "", "00D"] {
        let body = apex_body(org, &[apex_change("Account", "update", ACCOUNT, &[])]);
        assert_eq!(json_events(body).unwrap().unreadable, 1, "{org}");
    }
}

#[test]
fn claimed_account_is_what_the_token_gives_and_only_without_one_a_signed_bodys_org() {
    let body = apex_body("00DD000000001AB", &[]);
    let claimed = |after: &str, headers: &[(&str, &str)]| {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let mut delivery = delivery(headers.collect(), body.clone());
        delivery.url.push_str(after);
        webhook_protocol(System::Salesforce).claimed_account(&delivery)
    };
    let of_token = Some(hook_address::account_id(TOKEN));
    let soap = [("content-type", "text/xml")];
    assert_eq!(claimed(&format!("/{TOKEN}"), &[]), of_token);
    assert_eq!(claimed(&format!("/{TOKEN}?a=b"), &soap), of_token);
    assert_eq!(claimed("", &[]).as_deref(), Some(ORG));
    assert_eq!(claimed("?token=x", &[]).as_deref(), Some(ORG));
    assert_eq!(claimed("", &soap), None);
    for after in ["/", "/wrong", &format!("/{TOKEN}/"), &format!("/{}", TOKEN.to_uppercase())] {
        assert_eq!(claimed(after, &[]), None, "{after}");
    }
}

proptest! {
    /// Whatever comes is counted or refused, and what is named has the form of Salesforce's ids.
    #[test]
    fn body_of_any_text_is_read_or_refused(body in ".{0,300}", is_soap: bool) {
        let delivery = if is_soap { soap_delivery(body) } else { delivery(Vec::new(), body) };
        if let Ok(read) = events(&delivery) {
            prop_assert!(read.changes.iter().all(|change| change.external_id.as_str().len() == 18));
        }
    }

    /// A message that is cut or damaged anywhere gives no record that it did not hold.
    #[test]
    fn damaged_message_names_no_other_record(at in 0_usize..1_000, with in any::<u8>(), is_cut: bool) {
        let mut body = outbound_message(ORG, &notification("Contact", CONTACT)).into_bytes();
        let at = at % body.len();
        if is_cut { body.truncate(at) } else { body[at] = with }
        let is_in_id = CONTACT.len() + 8;
        if let Ok(read) = events(&soap_delivery(body.clone())) {
            for change in read.changes {
                let id = change.external_id.as_str();
                let differing = id.bytes().zip(CONTACT.bytes()).filter(|(a, b)| a != b).count();
                prop_assert!(differing <= 1 && id.len() < is_in_id, "{id}");
            }
        }
    }
}
