//! Backfill a tenant's appointments from a file that was exported from its booking system.
//!
//! For what no API gives: a system without a list by date, or webhooks that were lost for good. Rows
//! come one at a time and are stored a page at a time, so the file may have any length. Each counts as
//! read when the export was made, so what is known from later stays, and so does what the file has no
//! column for; the same file again stores
//! nothing. A run that is stopped is therefore begun again from the front.

mod page;

use jiff::Timestamp;

use self::page::{Page, Storing};
use super::apply_bookings::{ApplyCounts, ApplyPorts, ApplyScope};
use crate::model::{AuditAction, AuditEntry, CorrelationId, System, TenantId};
use crate::ports::{
    AuditLog, BackfillRows, ConnectionError, ConnectionStore, ReadRow, RowFault, RowsBroken,
    StoreError,
};

/// The ports of this use case.
#[derive(Clone, Copy)]
pub struct BackfillPorts<'a> {
    /// Says whether the tenant is connected, and what its region is. The provider is not called.
    pub connections: &'a dyn ConnectionStore,
    /// Where bookings and clients are kept.
    pub apply: ApplyPorts<'a>,
    /// Where it is written down who did it.
    pub audit: &'a dyn AuditLog,
}

/// What the operator wants.
#[derive(Debug, Clone)]
pub struct BackfillBookings {
    /// Whose appointments.
    pub tenant: TenantId,
    /// From which system.
    pub system: System,
    /// When the export was made: every row counts as read then.
    pub as_of: Timestamp,
    /// The run.
    pub correlation_id: CorrelationId,
    /// Who wants it.
    pub operator: String,
    /// Read every row and store nothing.
    pub is_dry_run: bool,
}

/// Told of what happens on the way.
pub trait BackfillWatch: Send {
    /// A row can't be read or stored.
    fn fault(&mut self, fault: &RowFault);

    /// A page is done.
    fn progress(&mut self, report: &BackfillReport);
}

/// What a run came to; filled while it runs, so that it is there on failure too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BackfillReport {
    /// Rows that were read, whatever they are.
    pub rows: u64,
    /// Rows of the calendar that nobody has booked.
    pub no_appointments: u64,
    /// Rows whose appointment is also on another row of the same page, which counts.
    pub repeated: u64,
    /// Rows that can't be read or stored.
    pub bad_rows: u64,
    /// What became of the others; all zero in a dry run.
    pub counts: ApplyCounts,
    /// The last line of the file up to which everything is done.
    pub done_through_line: u64,
}

/// Why a run stopped. What was stored until then stays.
#[derive(Debug, thiserror::Error)]
pub enum BackfillError {
    /// The tenant has no usable connection to the system.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// An export can't be made in the future; its rows would win over all that is still to come.
    #[error("the export's time is in the future")]
    AsOfAhead,
    /// The table can't be used now: run it again.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file can't be read on.
    #[error(transparent)]
    Rows(#[from] RowsBroken),
}

/// Stores what is new in the rows.
///
/// # Errors
/// See [`BackfillError`]. `report` says how far it came.
pub async fn backfill_bookings(
    ports: &BackfillPorts<'_>,
    command: &BackfillBookings,
    rows: &mut dyn BackfillRows,
    watch: &mut dyn BackfillWatch,
    report: &mut BackfillReport,
) -> Result<(), BackfillError> {
    let began_at = ports.apply.clock.now();
    if command.as_of > began_at {
        return Err(BackfillError::AsOfAhead);
    }
    let default_region = default_region(ports, command).await?;
    if !command.is_dry_run {
        ports.audit.record(&audit_entry(ports, command)).await?;
    }
    let scope = ApplyScope {
        tenant: command.tenant.clone(),
        system: command.system,
        correlation_id: command.correlation_id.clone(),
        refreshes: false,
    };
    let storing = Storing { ports: ports.apply, scope, is_dry_run: command.is_dry_run };
    let mut page = Page::new(command.as_of, began_at, rows.untold());
    while let Some(row) = rows.next_row(default_region.as_deref())? {
        report.rows += 1;
        match row {
            ReadRow::Booking(row) => {
                report.repeated += page.take(*row);
            }
            ReadRow::NoAppointment { last_line } => {
                page.pass(last_line);
                report.no_appointments += 1;
            }
            ReadRow::Fault(fault) => {
                page.pass(fault.last_line);
                report.bad_rows += 1;
                watch.fault(&fault);
            }
        }
        if page.is_full() {
            storing.store(&mut page, watch, report).await?;
        }
    }
    storing.store(&mut page, watch, report).await?;
    Ok(())
}

/// A token that has ended does not matter: nobody is called.
async fn default_region(
    ports: &BackfillPorts<'_>,
    command: &BackfillBookings,
) -> Result<Option<String>, ConnectionError> {
    match ports.connections.connection(&command.tenant, command.system).await {
        Ok(connection) | Err(ConnectionError::NoToken { last: connection, .. }) => {
            Ok(connection.default_region.clone())
        }
        Err(error) => Err(error),
    }
}

/// Written before the first row, so that no run goes without.
fn audit_entry(ports: &BackfillPorts<'_>, command: &BackfillBookings) -> AuditEntry {
    AuditEntry {
        id: ports.apply.clock.unique_id(),
        tenant: command.tenant.clone(),
        action: AuditAction::BookingsBackfilled,
        route: format!("backfill of {}/{}", command.system.kind(), command.system),
        correlation_id: command.correlation_id.clone(),
        occurred_at: ports.apply.clock.now(),
        operator: Some(command.operator.clone()),
    }
}
