//! XML that is meant to do harm is refused, and what it costs is bounded: time by the processor's clock of
//! the thread, memory by the peak of the process, which is the test's own under nextest.

use std::time::{Duration, Instant};

use sync_domain::model::System;
use sync_domain::ports::{DeliveredEvents, UnreadableDelivery};
use sync_providers::webhook_protocol;

use crate::support::salesforce_signing::{
    CONTACT, ORG, notification, outbound_message, soap_delivery,
};

const MIB: usize = 1024 * 1024;
/// For a build without optimisation; the function has 4.4 s, and its build is some twenty times faster.
const CPU_MAX: Duration = Duration::from_secs(2);
/// Above what the process had, body included. The function has 256 MB.
const MEMORY_MAX_KIB: u64 = 24 * 1024;

/// Processor time of this thread; elapsed time where the system does not tell.
fn cpu_time(began: Instant) -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = stat.split(' ').next().and_then(|text| text.parse().ok());
    nanos.map_or_else(|| began.elapsed(), Duration::from_nanos)
}

fn peak_memory_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Reads a body as a verified one, within the bounds.
#[track_caller]
fn read(what: &str, body: impl Into<Vec<u8>>) -> Result<DeliveredEvents, UnreadableDelivery> {
    let delivery = soap_delivery(body);
    let (began, memory) = (Instant::now(), peak_memory_kib());
    let before = cpu_time(began);
    let result = webhook_protocol(System::Salesforce).events(&delivery);
    let took = cpu_time(began) - before;
    let grew = peak_memory_kib() - memory;
    println!("{what}: {} bytes, {took:?}, {grew} KiB", delivery.body.len());
    assert!(took < CPU_MAX, "{what}: {took:?}");
    assert!(grew < MEMORY_MAX_KIB, "{what}: {grew} KiB");
    result
}

#[track_caller]
fn assert_refused(what: &str, body: impl Into<Vec<u8>>) {
    assert_eq!(read(what, body), Err(UnreadableDelivery::NotAList), "{what}");
}

fn good() -> String {
    outbound_message(ORG, &notification("Contact", CONTACT))
}

/// A good message with something before its envelope.
fn preceded(by: &str) -> String {
    good().replace("<soapenv:Envelope", &format!("{by}<soapenv:Envelope"))
}

/// A good message with something in a field of its record.
fn with_field(content: &str) -> String {
    good().replace("</sObject>", &format!("<sf:Notes__c>{content}</sf:Notes__c></sObject>"))
}

#[test]
fn document_type_is_refused_whatever_it_says() {
    let laughs: String = (1..10)
        .map(|level| format!("<!ENTITY l{level} \"{}\">", format!("&l{};", level - 1).repeat(10)))
        .collect();
    let bomb = format!("<!DOCTYPE x [<!ENTITY l0 \"lol\">{laughs}]>");
    let blow_up = format!("<!DOCTYPE x [<!ENTITY a \"{}\">]>", "a".repeat(100_000));
    for doctype in [
        "<!DOCTYPE x>",
        "<!doctype x>",
        "<!DOCTYPE x SYSTEM \"file:///etc/passwd\">",
        "<!DOCTYPE x [<!ENTITY e SYSTEM \"http://169.254.169.254/latest/meta-data\">]>",
        "<!DOCTYPE x [<!ENTITY % p SYSTEM \"http://a.example.com/x.dtd\"> %p;]>",
        "<!DOCTYPE x PUBLIC \"-//W3C//DTD XHTML 1.0 Strict//EN\" \"xhtml1-strict.dtd\">",
        bomb.as_str(),
        blow_up.as_str(),
    ] {
        assert_refused("a document type", preceded(doctype));
        assert_refused("a document type within", with_field(doctype));
    }
    let body = preceded(&bomb).replace("Lovelace", "&l9;");
    assert_refused("a billion laughs", body);
    let uses = "&a;".repeat(100_000);
    assert_refused("a quadratic blow-up", preceded(&blow_up).replace("Lovelace", &uses));
    assert_refused(
        "a document type without an end",
        preceded(&format!("<!DOCTYPE x [{}", "<!--".repeat(200_000))),
    );
}

#[test]
fn entity_that_is_not_xmls_own_is_refused_wherever_it_is() {
    for reference in [
        "&xxe;",
        "&nbsp;",
        "&LT;",
        "&;",
        "&#0;",
        "&#xD800;",
        "&#x110000;",
        "&#;",
        "&#-1;",
        "&#8;",
        "& ",
        "&lt",
    ] {
        assert_refused(reference, with_field(reference));
        assert_refused(
            reference,
            good().replace("xsi:nil=\"true\"", &format!("a=\"{reference}\"")),
        );
    }
    for reference in ["&lt;", "&gt;", "&amp;", "&quot;", "&apos;", "&#65;", "&#x2603;"] {
        assert!(read(reference, with_field(reference)).is_ok(), "{reference}");
    }
    assert_refused("outside of the root", format!("{}&amp;", good()));
}

#[test]
fn processing_instruction_or_second_declaration_is_refused() {
    for instruction in [
        "<?xml-stylesheet href=\"http://a.example.com/x.xsl\"?>",
        "<?php system('id'); ?>",
        "<?xml version=\"1.0\"?>",
    ] {
        assert_refused(instruction, preceded(instruction));
        assert_refused(instruction, with_field(instruction));
    }
    let declared = |declaration: &str| {
        good().replace("<?xml version=\"1.0\" encoding=\"UTF-8\"?>", declaration)
    };
    for declaration in [
        "<?xml version=\"1.1\"?>",
        "<?xml version=\"1.0\" encoding=\"UTF-16\"?>",
        "<?xml version=\"1.0\" encoding=\"UTF-7\"?>",
        "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>",
        "<?xml encoding=\"UTF-8\"?>",
        " <?xml version=\"1.0\"?>",
    ] {
        assert_refused(declaration, declared(declaration));
    }
}

#[test]
fn document_that_is_too_deep_is_refused_however_it_is_written() {
    let nested = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
    // Envelope, Body, notifications, Notification, sObject and the field are six.
    assert!(read("26 more levels", with_field(&nested(26))).is_ok());
    assert_refused("27 more levels", with_field(&nested(27)));
    assert_refused("a MiB of start tags", "<a>".repeat(MIB / 3));
    assert_refused("a MiB of start tags in a field", with_field(&"<a>".repeat(MIB / 3 - 1_000)));
    assert_refused("a MiB of long names", format!("<{0}>", "a".repeat(40)).repeat(MIB / 42));
    let declares = format!("<a xmlns:b=\"{}\">", "u".repeat(1_000)).repeat(1_000);
    assert_refused("a namespace on each level", with_field(&declares));
}

#[test]
fn element_with_too_many_or_too_long_attributes_is_refused() {
    let tag = |attributes: &str| with_field(&format!("<a {attributes}/>"));
    let many = |count: usize| (0..count).map(|it| format!(" a{it}=\"\"")).collect::<String>();
    assert!(read("16 attributes", tag(&many(16))).is_ok());
    assert_refused("17 attributes", tag(&many(17)));
    assert_refused("a MiB of attributes", tag(&many(80_000)));
    assert_refused("the same attribute twice", tag("a=\"1\" a=\"2\""));
    assert_refused("a MiB of the same attribute", tag(&"a=\"\" ".repeat(200_000)));
    let namespaces: String = (0..50_000).map(|it| format!(" xmlns:a{it}=\"u\"")).collect();
    assert_refused("a MiB of namespaces", tag(&namespaces));
    assert_refused("a MiB of a value", tag(&format!("a=\"{}\"", "v".repeat(1_000_000))));
    assert_refused("a MiB of a name", with_field(&format!("<{}/>", "n".repeat(1_000_000))));
    assert_refused("a value without quotes", tag("a=b"));
    assert_refused("a value without an end", tag("a=\"b"));
}

#[test]
fn message_of_a_megabyte_is_read_in_time_or_refused() {
    let field = with_field(&"x".repeat(500_000));
    assert!(read("half a MiB of text", field).is_ok());
    assert_refused("more text than a field holds", with_field(&"x".repeat(600_000)));
    assert_refused("a MiB of CDATA", with_field(&format!("<![CDATA[{}]]>", "x".repeat(1_000_000))));
    assert!(read("40,000 elements", with_field(&"<a/>".repeat(40_000))).is_ok());
    assert_refused("50,000 elements", with_field(&"<a/>".repeat(50_000)));
    assert_refused("a MiB of elements", with_field(&"<a/>".repeat(250_000)));
    // Each is an id whose prefix has to be looked up among as many as may be declared.
    let declared: String = (0..25)
        .map(|level| {
            let names = (0..15).map(|it| format!(" xmlns:p{level}x{it}=\"u\"")).collect::<String>();
            format!("<a{names}>")
        })
        .collect();
    let ids = format!("{declared}{}{}", "<zz:Id/>".repeat(30_000), "</a>".repeat(25));
    assert!(read("unknown prefixes", with_field(&ids)).is_ok());
    let ids =
        with_field("").replace("<sf:Name>", &format!("{}<sf:Name>", "<zz:Id/>".repeat(40_000)));
    assert!(read("unknown prefixes beside the id", ids).is_ok());
    assert!(read("comments", with_field(&"<!---->".repeat(140_000))).is_ok());
    assert!(read("a comment", with_field(&format!("<!--{}-->", "- ".repeat(400_000)))).is_ok());
    assert!(read("references", with_field(&"&#65;".repeat(200_000))).is_ok());
    assert!(read("CDATA", with_field(&"<![CDATA[]]>".repeat(80_000))).is_ok());
    let id = good().replace(CONTACT, &"&#48;".repeat(200_000));
    assert_eq!(read("an id of references", id).map(|read| read.unreadable), Ok(1));
    let notifications = outbound_message(ORG, &"<Notification/>".repeat(49_000));
    assert_eq!(read("notifications", notifications), Err(UnreadableDelivery::TooMany));
    assert_refused("more than a MiB", with_field(&"<a>x</a>".repeat(140_000)));
}

#[test]
fn bytes_that_are_no_utf8_text_are_refused() {
    let utf16 = |unit: fn(u16) -> [u8; 2]| good().encode_utf16().flat_map(unit).collect::<Vec<_>>();
    let (big, little) = (utf16(u16::to_be_bytes), utf16(u16::to_le_bytes));
    assert_refused("UTF-16, big-endian", [b"\xfe\xff".as_slice(), big.as_slice()].concat());
    assert_refused("UTF-16, little-endian", [b"\xff\xfe".as_slice(), little.as_slice()].concat());
    assert_refused("UTF-16 without a mark", big);
    assert_refused("UTF-16, little-endian, without a mark", little);
    let utf32: Vec<_> = good().chars().flat_map(|it| u32::from(it).to_be_bytes()).collect();
    assert_refused("UTF-32", utf32);
    for bytes in
        [b"\xff".as_slice(), b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x98"]
    {
        let body = with_field("@").into_bytes();
        let at = body.iter().position(|byte| *byte == b'@').unwrap();
        assert_refused("no UTF-8", [&body[..at], bytes, &body[at + 1..]].concat());
    }
    for control in ["\0", "\u{1}", "\u{8}", "\u{b}", "\u{1f}"] {
        assert_refused("a control character", with_field(control));
    }
    assert_refused("UTF-7", "+ADw-soapenv:Envelope+AD4-");
}

#[test]
fn document_that_is_not_one_whole_message_is_refused() {
    let good = good();
    for (index, _) in good.char_indices().filter(|(index, _)| *index < good.trim_end().len()) {
        let result = webhook_protocol(System::Salesforce).events(&soap_delivery(&good[..index]));
        assert_eq!(result, Err(UnreadableDelivery::NotAList), "cut at {index}");
    }
    for body in [
        String::new(),
        " ".to_owned(),
        "{}".to_owned(),
        format!("{good}{good}"),
        format!("{good}<a/>"),
        format!("{good}x"),
        format!("x{good}"),
        good.replace("</sf:Id>", "</sf:Name>"),
        good.replace("</sf:Id>", ""),
        good.replace("<sf:Id>", ""),
        good.replace("xmlsoap.org/soap", "xmlsoap.org/soup"),
        good.replace(" xmlns:soapenv=", " xmlns:other="),
        good.replace("soapenv:Body", "soapenv:Fault"),
        good.replace("soapenv:Envelope", "Envelope"),
        good.replace("notifications", "notificationsResponse"),
        good.replace("</notifications>", "</notifications><notifications/>"),
    ] {
        assert_refused("not one whole message", body);
    }
}
