//! Exports of Vagaro's as files, and a backfill of them on the stores in memory.

use std::io::{self, Cursor, Read};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use sync_domain::model::{
    AuditEntry, CorrelationId, ExternalId, RemoteBooking, StoredBooking, System, TenantId,
};
use sync_domain::ports::{
    AuditLog, AuthMode, BackfillRow, BackfillRows, Clock, ReadRow, RowFault, StoreError,
};
use sync_domain::usecase::apply_bookings::{Applied, ApplyPorts, ApplyScope, Look, apply_bookings};
use sync_domain::usecase::backfill_bookings::{
    BackfillBookings, BackfillError, BackfillPorts, BackfillReport, BackfillWatch,
    backfill_bookings,
};
use sync_providers::export::ExportError;
use sync_providers::vagaro::VagaroExport;
use sync_testkit::{ManualClock, MemoryBookings, MemoryConnections};

pub const SYSTEM: System = System::Vagaro;
/// A header with every column that a test fills in.
pub const HEADER: &str = "appointmentId,startTime,endTime,bookingStatus,customerFirstName,email";

/// A file of these lines under the header.
pub fn file(lines: &[&str]) -> String {
    format!("{HEADER}\n{}\n", lines.join("\n"))
}

/// One row: an hour from a moment on.
pub fn row(id: &str, starts_at: Timestamp, status: &str) -> String {
    let ends_at = starts_at + SignedDuration::from_hours(1);
    format!("{id},{starts_at},{ends_at},{status},Ada,{id}@canary.example.com")
}

/// Opens a file.
pub fn open(
    content: impl AsRef<[u8]>,
    zone: Option<&str>,
) -> Result<VagaroExport<Cursor<Vec<u8>>>, ExportError> {
    let zone = zone.map(|name| TimeZone::get(name).unwrap());
    VagaroExport::open(Cursor::new(content.as_ref().to_vec()), zone)
}

/// What is on the rows of a file.
#[derive(Debug, Default)]
pub struct Rows {
    pub bookings: Vec<BackfillRow>,
    pub faults: Vec<RowFault>,
    pub no_appointments: usize,
}

impl Rows {
    /// Reads all; no memory is spared.
    pub fn of(export: &mut dyn BackfillRows) -> Self {
        let mut rows = Self::default();
        while let Some(row) = export.next_row(Some("US")).unwrap() {
            match row {
                ReadRow::Booking(row) => rows.bookings.push(*row),
                ReadRow::Fault(fault) => rows.faults.push(fault),
                ReadRow::NoAppointment { .. } => rows.no_appointments += 1,
            }
        }
        rows
    }

    /// The rows of a file whose header is fine.
    pub fn read(content: impl AsRef<[u8]>) -> Self {
        Self::of(&mut open(content, None).unwrap())
    }

    /// Line and id of each appointment.
    pub fn placed(&self) -> Vec<(u64, &str)> {
        self.bookings.iter().map(|row| (row.line, row.booking.external_id.as_str())).collect()
    }

    /// Line and field of each fault.
    pub fn faulty(&self) -> Vec<(u64, &str)> {
        self.faults.iter().map(|fault| (fault.line, fault.field)).collect()
    }
}

/// A file of any length that is made while it is read.
pub struct MadeFile<F> {
    part: F,
    next: u64,
    rest: Cursor<Vec<u8>>,
}

impl<F: FnMut(u64) -> Option<String>> MadeFile<F> {
    /// A file of the parts that `part` gives by their number, to the first that it does not give.
    pub fn new(part: F) -> Self {
        Self { part, next: 0, rest: Cursor::default() }
    }
}

impl<F: FnMut(u64) -> Option<String>> Read for MadeFile<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.rest.read(buffer)?;
            if read > 0 {
                return Ok(read);
            }
            let Some(part) = (self.part)(self.next) else { return Ok(0) };
            self.next += 1;
            self.rest = Cursor::new(part.into_bytes());
        }
    }
}

/// Keeps what the run tells.
#[derive(Debug, Default)]
pub struct Told {
    pub faults: Vec<RowFault>,
}

impl BackfillWatch for Told {
    fn fault(&mut self, fault: &RowFault) {
        self.faults.push(fault.clone());
    }

    fn progress(&mut self, _report: &BackfillReport) {}
}

/// Keeps what was audited.
#[derive(Debug, Default)]
pub struct Audited(Mutex<Vec<AuditEntry>>);

#[async_trait]
impl AuditLog for Audited {
    async fn record(&self, entry: &AuditEntry) -> Result<(), StoreError> {
        self.0.lock().unwrap().push(entry.clone());
        Ok(())
    }
}

/// What a run came to.
#[derive(Debug)]
pub struct Ran {
    pub result: Result<(), BackfillError>,
    pub report: BackfillReport,
    pub faults: Vec<RowFault>,
}

impl Ran {
    /// Imported, updated, skipped, superseded of a run that came to its end.
    pub fn counts(&self) -> (u64, u64, u64, u64) {
        assert!(self.result.is_ok(), "{self:?}");
        let counts = &self.report.counts;
        (counts.imported, counts.updated, counts.skipped_duplicates, counts.superseded)
    }
}

pub struct BackfillWorld {
    pub clock: Arc<ManualClock>,
    pub store: Arc<MemoryBookings>,
    pub connections: MemoryConnections,
    pub audited: Audited,
    pub tenant: TenantId,
}

impl BackfillWorld {
    /// A tenant that is connected.
    pub fn new() -> Self {
        let world = Self::beside("acme", &Arc::default());
        world.connections.connect_to(&world.tenant, SYSTEM, AuthMode::ClientCredentials);
        world
    }

    /// A tenant that is not, whose bookings are in a table that others use too.
    pub fn beside(tenant: &str, store: &Arc<MemoryBookings>) -> Self {
        Self {
            clock: Arc::default(),
            store: Arc::clone(store),
            connections: MemoryConnections::default(),
            audited: Audited::default(),
            tenant: TenantId::parse(tenant).unwrap(),
        }
    }

    /// A whole second so many hours from now.
    pub fn hours(&self, from_now: i64) -> Timestamp {
        let moment = self.clock.now() + SignedDuration::from_hours(from_now);
        Timestamp::from_second(moment.as_second()).unwrap()
    }

    /// An export that was made an hour ago.
    pub fn command(&self) -> BackfillBookings {
        BackfillBookings {
            tenant: self.tenant.clone(),
            system: SYSTEM,
            as_of: self.hours(-1),
            correlation_id: CorrelationId::parse("a-backfill").unwrap(),
            operator: "ann".to_owned(),
            is_dry_run: false,
        }
    }

    pub fn apply(&self) -> ApplyPorts<'_> {
        let (bookings, clients) = (self.store.as_ref(), self.store.as_ref());
        ApplyPorts { bookings, clients, clock: self.clock.as_ref() }
    }

    pub async fn run_rows(&self, command: &BackfillBookings, rows: &mut dyn BackfillRows) -> Ran {
        let ports = BackfillPorts {
            connections: &self.connections,
            apply: self.apply(),
            audit: &self.audited,
        };
        let (mut told, mut report) = (Told::default(), BackfillReport::default());
        let result = backfill_bookings(&ports, command, rows, &mut told, &mut report).await;
        Ran { result, report, faults: told.faults }
    }

    pub async fn run(&self, command: &BackfillBookings, content: &str) -> Ran {
        self.run_rows(command, &mut open(content, None).unwrap()).await
    }

    /// Runs an export that was made an hour ago.
    pub async fn backfill(&self, content: &str) -> Ran {
        self.run(&self.command(), content).await
    }

    /// Stores a state as a webhook's worker does.
    pub async fn told(&self, remote: RemoteBooking, read_at: Timestamp) -> Applied {
        let scope = ApplyScope {
            tenant: self.tenant.clone(),
            system: SYSTEM,
            correlation_id: CorrelationId::parse("a-webhook").unwrap(),
            refreshes: true,
        };
        let looks = [Look::at(remote, read_at)];
        apply_bookings(&self.apply(), &scope, &looks).await.outcomes[0]
    }

    /// What is stored of an appointment.
    pub fn stored(&self, id: &str) -> Option<StoredBooking> {
        let all = self.store.bookings(&self.tenant);
        all.into_iter().find(|booking| booking.external_id == ExternalId::new(id))
    }

    /// The audit entries.
    pub fn entries(&self) -> Vec<AuditEntry> {
        self.audited.0.lock().unwrap().clone()
    }
}
