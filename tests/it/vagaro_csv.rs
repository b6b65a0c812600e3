//! Vagaro's exports: which rows are read and which are at fault, on which lines, in how much memory.

use std::collections::BTreeMap;
use std::process::Command;

use async_trait::async_trait;
use jiff::Timestamp;
use sync_domain::keys::BookingKey;
use sync_domain::model::{
    DetailName, ExternalId, Person, Recency, RemoteState, StoredBooking, System, TenantId, Untold,
};
use sync_domain::ports::{
    BackfillRows, BookingOutcome, BookingStore, BookingWindow, BookingWrite, ClientDirectory,
    ClientLookup, FoundClients, KnownBooking, StoreError,
};
use sync_domain::usecase::apply_bookings::ApplyPorts;
use sync_domain::usecase::backfill_bookings::{BackfillPorts, BackfillReport, backfill_bookings};
use sync_providers::export::ExportError;
use sync_providers::vagaro::VagaroExport;

use crate::support::backfill::{BackfillWorld, HEADER, MadeFile, Rows, Told, file, open, row};

const START: Timestamp = Timestamp::constant(1_790_000_000, 0);
const GOOD: &str = "ok=,2026-05-12T14:00:00Z,2026-05-12T15:00:00Z,Confirmed,Ada,a@example.com";
/// More memory than this for a hundred times the rows is not flat. What an allocator keeps for later
/// comes to less.
const GROWTH_MAX_KIB: u64 = 4 * 1_024;

#[test]
fn row_is_read_as_the_same_members_of_a_webhook_are() {
    let content = "Appointment ID,start_time,EndTime,booking status,eventType,serviceId,\
        serviceTitle,serviceProviderId,businessId,calendarEventId,customerFirstName,\
        customerLastName,email,mobilePhone,dayPhone,notes\n\
        a/b+c=~,2026-05-12T14:00:00.000Z,2026-05-12T10:45:00-0400,Need Acceptance,Class,s1=,\
        \" Cut, \"\"wash\"\" & dry \",p1=,b1=,c1=, Ada ,Lovelace,ADA@Example.com,,\
        (415) 555-2671,not kept\n";
    let rows = Rows::read(content);
    let booking = &rows.bookings[0].booking;
    assert_eq!(booking.external_id.as_str(), "a/b+c=~");
    assert_eq!(booking.starts_at.to_string(), "2026-05-12T14:00:00Z");
    assert_eq!(booking.ends_at.to_string(), "2026-05-12T14:45:00Z");
    assert_eq!(booking.state, RemoteState::Standing);
    let person = Person {
        first_name: Some("Ada".to_owned()),
        last_name: Some("Lovelace".to_owned()),
        email: Some("ada@example.com".to_owned()),
        phone: Some("+14155552671".to_owned()),
    };
    assert_eq!(booking.person, Some(person));
    let details = [
        (DetailName::ServiceId, "s1="),
        (DetailName::ServiceName, "Cut, \"wash\" & dry"),
        (DetailName::ResourceId, "p1="),
        (DetailName::LocationId, "b1="),
        (DetailName::ClassId, "c1="),
        (DetailName::IsTentative, "true"),
    ];
    assert_eq!(booking.details, details.map(|(name, value)| (name, value.to_owned())).into());
    let columns = open(content, None).unwrap().columns();
    assert_eq!(columns.ignored, ["notes"]);
    assert_eq!(columns.absent, ["customerId", "nightPhone", "countryCode"]);
}

#[test]
fn statuses_are_those_of_the_mapping_and_staff_who_are_away_are_no_appointment() {
    let statuses = ["service completed", "CANCEL", "Denied", "NoShow", "PersonalOff", "Lost"];
    let lines: Vec<_> = statuses.iter().map(|it| row("a=", START, it)).collect();
    let rows = Rows::read(file(&lines.iter().map(String::as_str).collect::<Vec<_>>()));
    let states: Vec<_> = rows.bookings.iter().map(|row| row.booking.state).collect();
    let expected = [
        RemoteState::Completed,
        RemoteState::Cancelled,
        RemoteState::Declined,
        RemoteState::NoShow,
    ];
    assert_eq!(states, expected);
    assert_eq!(rows.no_appointments, 1);
    assert_eq!(rows.faulty(), [(7, "bookingStatus")]);
}

#[test]
fn bad_rows_are_told_with_their_lines_and_their_neighbours_are_read() {
    let lines = [
        GOOD,
        ",2026-05-12T14:00:00Z,2026-05-12T15:00:00Z,Confirmed,Ada,a@example.com",
        "a b,2026-05-12T14:00:00Z,2026-05-12T15:00:00Z,Confirmed,Ada,a@example.com",
        "b=,12/05/2026 14:00,2026-05-12T15:00:00Z,Confirmed,Ada,a@example.com",
        "\"c=\",2026-05-12T14:00:00Z,2026-05-12T15:00:00Z,Confirmed,\"Ada\nof\r\nLondon\",x",
        "d=,2026-05-12T14:00:00Z,2026-05-12T14:00:00Z,Confirmed,Ada,a@example.com",
        "",
        ",, ,,,",
        "e=,2026-05-12T14:00:00Z,2026-05-12T15:00:00Z,Confirmed,Ada",
        "f=,2026-05-12T14:00:00Z,2026-05-12T15:00:00Z,Confirmed,Ada,a@example.com,more",
        GOOD,
    ];
    let rows = Rows::read(file(&lines));
    assert_eq!(rows.placed(), [(2, "ok="), (6, "c="), (14, "ok=")]);
    assert_eq!(rows.bookings[1].last_line, 8);
    let name = rows.bookings[1].booking.person.as_ref().unwrap().first_name.as_deref();
    assert_eq!(name, Some("AdaofLondon"), "line feeds are control characters");
    let faults = [
        (3, "appointmentId"),
        (4, "appointmentId"),
        (5, "startTime"),
        (9, "endTime"),
        (12, "columns"),
        (13, "columns"),
    ];
    assert_eq!(rows.faulty(), faults);
    let id = rows.faults[2].external_id.as_ref().map(ExternalId::as_str);
    assert_eq!(id, Some("b="));
}

#[test]
fn file_is_read_with_a_mark_with_quotes_with_crlf_and_without_a_last_line_feed() {
    let plain = file(&[GOOD, GOOD]);
    let quoted = |line: &str| format!("\"{}\"", line.replace(',', "\",\""));
    let variants = [
        plain.clone(),
        format!("\u{feff}{plain}"),
        format!("\u{feff}{}\n{}\n{GOOD}\n", quoted(HEADER), quoted(GOOD)),
        plain.replace('\n', "\r\n"),
        format!("{}\r\n{}\r\n{}", quoted(HEADER), quoted(GOOD), quoted(GOOD)),
        plain.trim_end().to_owned(),
        format!("{plain}\n\r\n\n"),
    ];
    for content in variants {
        let rows = Rows::read(&content);
        assert_eq!(rows.placed(), [(2, "ok="), (3, "ok=")], "{content:?}");
        assert_eq!(rows.faults, [], "{content:?}");
        assert_eq!(rows.bookings[0].booking, rows.bookings[1].booking);
    }
    let behind = Rows::read(format!("\n\n{plain}"));
    assert_eq!(behind.placed(), [(4, "ok="), (5, "ok=")]);
}

#[test]
fn cells_are_plain_text_whatever_is_in_them() {
    let times = "2026-05-12T14:00:00Z,2026-05-12T15:00:00Z,Confirmed";
    let mut content = HEADER.as_bytes().to_vec();
    content.extend(format!("\na=,{times},=cmd|' /C calc'!A0,b@x.com\n").into_bytes());
    content.extend(format!("b=,{times},Renée\0,@SUM(1)\n").into_bytes());
    content.extend(format!("c\0=,{times},x,\n").into_bytes());
    content.extend(format!("5'=,{times},5\" nail,\n").into_bytes());
    content.extend(format!("d=,{times},5\" nail,\n").into_bytes());
    let rows = Rows::read(content);
    assert_eq!(rows.placed(), [(2, "a="), (3, "b="), (6, "d=")]);
    let names: Vec<_> = rows
        .bookings
        .iter()
        .map(|row| row.booking.person.clone().unwrap().first_name.unwrap())
        .collect();
    assert_eq!(names, ["=cmd|' /C calc'!A0", "Renée", "5\" nail"]);
    let id = "appointmentId";
    assert_eq!(rows.faulty(), [(4, id), (5, id)]);
}

#[test]
fn row_of_another_encoding_is_a_bad_one_where_what_is_read_is_damaged() {
    let times = "2026-05-12T14:00:00Z,2026-05-12T15:00:00Z,Confirmed";
    let mut content = format!("{HEADER},notes,caf").into_bytes();
    content.extend(b"\xe9\n");
    for (id, name, notes) in [
        ("a=", b"Ren\xe9e".as_slice(), b"".as_slice()),
        ("b=", b"Ada", b"in the caf\xe9"),
        ("c=", "Ren\u{e9}e".as_bytes(), b""),
        ("d=", b"Zo\xeb\xe2\x82", b""),
    ] {
        content.extend(format!("{id},{times},").into_bytes());
        content.extend([name, b",x@example.com,", notes, b",\n"].concat());
    }
    content.extend(format!("e\u{e9}=,{times},x,,,\n").into_bytes());
    content.extend([b"f\xe9=,", times.as_bytes(), b",x,,,\n"].concat());
    let rows = Rows::read(&content);
    assert_eq!(rows.placed(), [(3, "b="), (4, "c=")]);
    let encoding = "encoding";
    let faults = [(2, encoding), (5, encoding), (6, "appointmentId"), (7, encoding)];
    assert_eq!(rows.faulty(), faults);
    let ids: Vec<_> = rows.faults.iter().map(|it| it.external_id.as_ref()).collect();
    let id = ExternalId::new;
    assert_eq!(ids, [Some(&id("a=")), Some(&id("d=")), None, None]);
    let name = rows.bookings[1].booking.person.as_ref().unwrap().first_name.as_deref();
    assert_eq!(name, Some("Renée"));
    assert_eq!(open(&content, None).unwrap().columns().ignored, ["notes", "caf\u{fffd}"]);
}

#[test]
fn header_that_lacks_a_column_or_has_it_twice_is_refused_by_name() {
    let error = |content: &str| open(content, None).map(|_| ()).unwrap_err().to_string();
    let missing = error("appointmentId,startTime,email\na=,b,c\n");
    assert_eq!(
        missing,
        "the header lacks endTime, bookingStatus; its names must be separated by commas"
    );
    let twice = error(&format!("{HEADER},Start Time\n"));
    assert_eq!(twice, "the header has startTime twice");
    assert!(error(&HEADER.replace(',', ";")).contains("separated by commas"));
    for (content, expected) in [
        ("", "the file is empty"),
        ("\u{feff}\n\n", "the file is empty"),
        ("\"appointmentId", "the first line is not a header of names separated by commas"),
    ] {
        assert_eq!(error(content), expected, "{content:?}");
    }
    let wide = open("a,".repeat(2_000), None);
    assert!(matches!(wide, Err(ExportError::UnreadableHeader)));
    let utf16 = open(b"\xff\xfea\0p\0", None);
    assert!(matches!(utf16, Err(ExportError::NotUtf8)));
}

#[test]
fn what_has_no_column_is_what_no_row_can_tell() {
    let untold = |more: &str| open(format!("{HEADER}{more}\n"), None).unwrap().untold();
    let narrow = untold("");
    let details = [
        DetailName::ServiceId,
        DetailName::ServiceName,
        DetailName::ResourceId,
        DetailName::LocationId,
        DetailName::ClassId,
    ];
    assert_eq!(narrow, Untold { details: details.into(), is_person_partial: true });
    let wide = untold(
        ",serviceId,serviceTitle,serviceProviderId,businessId,calendarEventId,customerLastName,\
         mobilePhone,dayPhone,nightPhone,countryCode",
    );
    let class = [DetailName::ClassId].into();
    assert_eq!(wide, Untold { details: class, is_person_partial: false }, "without eventType");
    assert!(untold(",customerLastName,mobilePhone,dayPhone,nightPhone").is_person_partial);
}

#[test]
fn unknown_columns_are_told_once_and_may_come_twice() {
    let long = "x".repeat(500);
    let export = open(format!("notes,{HEADER},notes,{long}\n"), None).unwrap();
    let ignored = export.columns().ignored;
    assert_eq!(ignored, ["notes".to_owned(), "notes".to_owned(), "x".repeat(64)]);
}

#[test]
fn wall_clock_is_read_in_the_zone_that_was_given_and_not_without_one() {
    let wall = "a=,2026-05-12 10:00,2026-05-12 11:00,Confirmed,Ada,a@example.com";
    let nights = "b=,2026-11-01 01:45,2026-11-01 01:15,Confirmed,Ada,a@example.com";
    let content = file(&[wall, nights]);
    let rows = Rows::of(&mut open(&content, Some("America/New_York")).unwrap());
    let times: Vec<_> = rows
        .bookings
        .iter()
        .map(|row| [row.booking.starts_at.to_string(), row.booking.ends_at.to_string()])
        .collect();
    let expected = [
        ["2026-05-12T14:00:00Z", "2026-05-12T15:00:00Z"],
        ["2026-11-01T05:45:00Z", "2026-11-01T06:15:00Z"],
    ];
    assert_eq!(times, expected);
    assert_eq!(Rows::read(&content).faulty(), [(2, "startTime"), (3, "startTime")]);
}

#[test]
fn record_may_have_64_kib_and_not_a_byte_more() {
    let pad = 64 * 1_024 - GOOD.len() - 1;
    for end in ["\n", "\r\n"] {
        let row = |pad: usize| format!("{GOOD},{}{end}", "x".repeat(pad));
        let content = format!("{HEADER},notes{end}{}{}{}", row(pad), row(pad + 1), row(3));
        let rows = Rows::read(content);
        assert_eq!(rows.placed(), [(2, "ok="), (4, "ok=")]);
        assert_eq!(rows.faulty(), [(3, "record_size")]);
    }
    let many = format!("{HEADER}\n{}\n{GOOD}\n", ",".repeat(2_000));
    let rows = Rows::read(many);
    assert_eq!((rows.faulty(), rows.placed()), (vec![(2, "record_size")], vec![(3, "ok=")]));
}

#[test]
fn quote_that_is_not_closed_is_told_and_makes_no_row_of_what_it_took_in() {
    let open_cell = GOOD.replace("Ada,a@example.com", "Ada,\"a@example.com");
    let closed = GOOD.replace("Ada,a@example.com", "\"Ada\",\"a@example.com\"");
    // Up to the next quote, which can't close it: something follows.
    let rows = Rows::read(file(&[GOOD, &open_cell, GOOD, &closed, GOOD]));
    assert_eq!(rows.placed(), [(2, "ok="), (6, "ok=")]);
    assert_eq!(rows.faulty(), [(3, "quotes")]);
    assert_eq!(rows.faults[0].last_line, 5);
    // Up to the end of the file.
    let rows = Rows::read(file(&[GOOD, &open_cell, GOOD, GOOD]));
    assert_eq!(rows.placed(), [(2, "ok=")]);
    assert_eq!((rows.faulty(), rows.faults[0].last_line), (vec![(3, "quotes")], 6));
    // A customer's text with what looks like a row in it stays a text.
    let note = format!("{GOOD},\"hello\n{GOOD},x\n\"");
    let rows = Rows::read(format!("{HEADER},notes\n{note}\n{GOOD},\n"));
    assert_eq!(rows.placed(), [(2, "ok="), (5, "ok=")]);
    let long = format!("{GOOD},\"{}\n{GOOD},x\n\"", "y".repeat(70_000));
    let rows = Rows::read(format!("{HEADER},notes\n{long}\n{GOOD},\n"));
    assert_eq!((rows.faulty(), rows.placed()), (vec![(2, "record_size")], vec![(5, "ok=")]));
    // A carriage return is no way around a closing quote.
    let bent = GOOD.replace("Ada", "\"Ada\"\r\"\nx\"");
    let rows = Rows::read(file(&[&bent, GOOD]));
    assert_eq!(rows.faulty()[0], (2, "quotes"));
}

/// A part of a file of so many rows; some of them are `PersonalOff`, and some are bad. One in ten
/// tells who booked: to compare people takes an unoptimised build longer than all the rest.
fn part_of(count: u64, number: u64) -> Option<String> {
    let made = |number: u64| {
        let starts_at = START + jiff::SignedDuration::from_mins(i64::try_from(number).unwrap());
        let status = if number.is_multiple_of(97) { "PersonalOff" } else { "Confirmed" };
        let id = if number.is_multiple_of(89) { "not an id" } else { "" };
        let row = row(&format!("{id}a{number}="), starts_at, status);
        let is_told = number.is_multiple_of(10);
        let row = if is_told { row } else { row.split(",Ada,").next().unwrap().to_owned() + ",," };
        row + "\n"
    };
    match number {
        0 => Some(format!("{HEADER}\n")),
        _ => (number <= count).then(|| made(number)),
    }
}

/// Keeps nothing but how much it was asked to keep.
#[derive(Default)]
struct CountingStore(std::sync::atomic::AtomicU64);

#[async_trait]
impl BookingStore for CountingStore {
    async fn load(
        &self,
        _tenant: &TenantId,
        _system: System,
        _keys: &[BookingKey],
    ) -> Result<BTreeMap<BookingKey, StoredBooking>, StoreError> {
        Ok(BTreeMap::new())
    }

    async fn store(&self, _write: &BookingWrite) -> Result<BookingOutcome, StoreError> {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Ok(BookingOutcome::Stored)
    }

    async fn refresh(
        &self,
        _tenant: &TenantId,
        _system: System,
        _stored: &StoredBooking,
        _recency: Recency,
    ) -> Result<BookingOutcome, StoreError> {
        Err(StoreError::Malformed("a backfill notes nothing that it sees again"))
    }

    async fn beginning_in(
        &self,
        _tenant: &TenantId,
        _system: System,
        _window: BookingWindow,
        _after: Option<&str>,
    ) -> Result<(Vec<KnownBooking>, Option<String>), StoreError> {
        Ok((Vec::new(), None))
    }
}

#[async_trait]
impl ClientDirectory for CountingStore {
    async fn look_up(
        &self,
        _tenant: &TenantId,
        _lookup: &ClientLookup,
    ) -> Result<FoundClients, StoreError> {
        Ok(FoundClients::default())
    }
}

/// Runs a backfill and prints how much memory this process has had at most.
async fn measure(rows: &mut dyn BackfillRows) -> BackfillReport {
    let (world, store) = (BackfillWorld::new(), CountingStore::default());
    let ports = BackfillPorts {
        connections: &world.connections,
        apply: ApplyPorts { bookings: &store, clients: &store, clock: world.clock.as_ref() },
        audit: &world.audited,
    };
    let mut report = BackfillReport::default();
    let done =
        backfill_bookings(&ports, &world.command(), rows, &mut Told::default(), &mut report).await;
    done.unwrap();
    assert_eq!(store.0.into_inner(), report.counts.imported);
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    println!("peak_kib={}", peak.trim().trim_end_matches(" kB"));
    report
}

async fn measure_made(count: u64) {
    let made = MadeFile::new(move |number| part_of(count, number));
    let report = measure(&mut VagaroExport::open(made, None).unwrap()).await;
    assert_eq!(report.rows, count);
    assert!(report.counts.imported > count * 9 / 10, "{report:?}");
    assert!(report.bad_rows > 0 && report.no_appointments > 0, "{report:?}");
}

#[tokio::test]
#[ignore = "a process of its own, which its_memory starts and measures"]
async fn process_of_2000_rows() {
    measure_made(2_000).await;
}

#[tokio::test]
#[ignore = "a process of its own, which its_memory starts and measures"]
async fn process_of_200000_rows() {
    measure_made(200_000).await;
}

#[tokio::test]
#[ignore = "a process of its own, which its_memory starts and measures"]
async fn process_of_a_quote_that_is_never_closed() {
    let made = MadeFile::new(|number| match number {
        1_000 => Some("b=,\"".to_owned()),
        _ => part_of(200_000, number),
    });
    let report = measure(&mut VagaroExport::open(made, None).unwrap()).await;
    assert_eq!(report.rows, 1_000);
}

/// The most memory that a process had which ran one of these tests alone.
fn peak_kib_of(test: &str) -> u64 {
    let test = format!("vagaro_csv::{test}");
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &test, "--ignored", "--nocapture", "--test-threads=1"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{test}: {text}{}", String::from_utf8_lossy(&output.stderr));
    let peak = text.split("peak_kib=").nth(1).and_then(|rest| rest.split_whitespace().next());
    peak.unwrap_or_else(|| panic!("{test} tells no peak: {text}")).parse().unwrap()
}

#[test]
fn memory_is_flat_over_200_000_rows_and_behind_a_quote_that_is_never_closed() {
    let few = peak_kib_of("process_of_2000_rows");
    let many = peak_kib_of("process_of_200000_rows");
    let unclosed = peak_kib_of("process_of_a_quote_that_is_never_closed");
    println!("2,000 rows: {few} KiB; 200,000: {many} KiB; unclosed quote: {unclosed} KiB");
    assert!(many < few + GROWTH_MAX_KIB, "{few} KiB, then {many} KiB");
    assert!(unclosed < few + GROWTH_MAX_KIB, "{few} KiB, then {unclosed} KiB");
}
