//! An export of Vagaro's appointments as a CSV file.
//!
//! No public page of the vendor's shows its export (2026), so columns are known by the names that the
//! same members have in webhooks, and any other column is ignored. What is on a row is read by
//! `mapping`, as everywhere; here is only what a file has and an answer has not: bytes that may be
//! anything (`records`), names in the first line (`header`), and times without an offset (`times`).

mod header;
mod records;
mod times;

use std::io::Read;

use jiff::tz::TimeZone;
use sync_domain::model::{ExternalId, Untold};
use sync_domain::ports::{BackfillRow, BackfillRows, ReadRow, RowFault, RowsBroken};

use self::header::{Header, PERSON};
use self::records::{Cells, Record, Records};
use self::times::Clocks;
use super::mapping::{self, CalendarEntry};
use super::row::{Member, Row};
use crate::export::{ExportColumns, ExportError};

/// What is at fault where a row has more cells or fewer than the header.
const CELL_COUNT: &str = "columns";
/// What is at fault where a cell that is read is no UTF-8. A name of which some letters are replaced
/// would be stored over the right one.
const ENCODING: &str = "encoding";

/// Reads an export row by row, in bounded memory.
pub struct VagaroExport<R> {
    records: Records<R>,
    header: Header,
    clocks: Clocks,
}

impl<R: Read> VagaroExport<R> {
    /// Reads the header. Times without an offset are taken to be on the clocks of `zone`; without one
    /// such rows can't be read.
    ///
    /// # Errors
    /// See [`ExportError`].
    pub fn open(source: R, zone: Option<TimeZone>) -> Result<Self, ExportError> {
        let mut records = Records::open(source)?;
        let header = match records.read()? {
            None => return Err(ExportError::Empty),
            Some(Record { cells: Err(_), .. }) => return Err(ExportError::UnreadableHeader),
            Some(Record { cells: Ok(cells), .. }) => Header::read(&cells)?,
        };
        Ok(Self { records, header, clocks: Clocks::new(zone) })
    }

    /// Which columns were found.
    pub fn columns(&self) -> ExportColumns {
        self.header.found()
    }
}

impl<R: Read + Send> BackfillRows for VagaroExport<R> {
    fn untold(&self) -> Untold {
        self.header.untold()
    }

    fn next_row(&mut self, default_region: Option<&str>) -> Result<Option<ReadRow>, RowsBroken> {
        loop {
            let record = self.records.read().map_err(|error| RowsBroken(Box::new(error)))?;
            let Some(Record { line, last_line, cells }) = record else { return Ok(None) };
            let fault = |external_id, field| {
                ReadRow::Fault(RowFault { line, last_line, external_id, field })
            };
            let cells = match cells {
                Err(broken) => return Ok(Some(fault(None, broken.as_str()))),
                Ok(cells) if cells.are_blank() => continue,
                Ok(cells) if cells.len() != self.header.len() => {
                    return Ok(Some(fault(None, CELL_COUNT)));
                }
                Ok(cells) => cells,
            };
            let row = match row_of(&self.header, &self.clocks, &cells) {
                Ok(row) => row,
                Err(external_id) => return Ok(Some(fault(external_id, ENCODING))),
            };
            return Ok(Some(match mapping::entry_of(&row, None) {
                Err(unreadable) => fault(unreadable.external_id, unreadable.field),
                Ok(CalendarEntry::StaffBlock) => ReadRow::NoAppointment { last_line },
                Ok(CalendarEntry::Appointment { external_id, snapshot }) => {
                    let is_told = PERSON.into_iter().any(|member| row.text(member).is_some());
                    let person = is_told.then(|| mapping::person_of(&row, default_region));
                    let booking = snapshot.with_person(external_id, person);
                    ReadRow::Booking(Box::new(BackfillRow { line, last_line, booking }))
                }
            }));
        }
    }
}

/// A row with its times in UTC. The error is the id, if that can be read, of a row that holds a cell
/// in another encoding than UTF-8.
fn row_of(header: &Header, clocks: &Clocks, cells: &Cells<'_>) -> Result<Row, Option<ExternalId>> {
    let (mut row, mut is_utf8) = (Row::default(), true);
    for (member, cell) in header.columns().zip(cells.values()) {
        match (member, str::from_utf8(cell)) {
            (Some(member), Ok(text)) => row.set(member, text),
            (Some(_), Err(_)) => is_utf8 = false,
            (None, _) => {}
        }
    }
    if !is_utf8 {
        return Err(mapping::external_id_of(&row));
    }
    // What is no time stays as it is, for the mapping to refuse.
    let starts_at = row.text(Member::StartTime).and_then(|text| clocks.moment(text, None));
    let ends_at = row.text(Member::EndTime).and_then(|text| clocks.moment(text, starts_at));
    for (member, moment) in [(Member::StartTime, starts_at), (Member::EndTime, ends_at)] {
        if let Some(moment) = moment {
            row.set(member, &moment.to_string());
        }
    }
    Ok(row)
}
