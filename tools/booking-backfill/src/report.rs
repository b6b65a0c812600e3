//! What is printed: a line of JSON on standard error for each bad row and every so often for how far
//! it came, and one on standard output at the end. Ids and names of fields only, never a value.

use std::io::{self, Write};

use serde_json::{Value, json};
use sync_domain::ports::RowFault;
use sync_domain::usecase::backfill_bookings::{BackfillReport, BackfillWatch};

/// As many bad rows are named; all of them are counted.
const NAMED_MAX: u64 = 1_000;
/// A line tells how far it came after so many rows.
const PROGRESS_EVERY: u64 = 10_000;

/// Prints what happens on the way.
pub struct Printer<W> {
    lines: W,
    named: u64,
    told_rows: u64,
}

impl<W: Write + Send> Printer<W> {
    /// Prints on `lines`.
    pub const fn new(lines: W) -> Self {
        Self { lines, named: 0, told_rows: 0 }
    }

    /// A line. Whoever reads them may have gone; the work goes on.
    fn print(&mut self, line: &Value) {
        drop(writeln!(self.lines, "{line}"));
    }
}

impl<W: Write + Send> BackfillWatch for Printer<W> {
    fn fault(&mut self, fault: &RowFault) {
        self.named += 1;
        if self.named > NAMED_MAX {
            return;
        }
        let RowFault { line, last_line, external_id, field } = fault;
        let external_id = external_id.as_ref().map(|id| id.as_str());
        self.print(&json!({
            "line": line, "last_line": last_line, "external_id": external_id, "field": field,
        }));
        if self.named == NAMED_MAX {
            self.print(&json!({"message": "More bad rows are counted and not named."}));
        }
    }

    fn progress(&mut self, report: &BackfillReport) {
        if report.rows - self.told_rows >= PROGRESS_EVERY {
            self.told_rows = report.rows;
            self.print(&json!({
                "message": "Still at it.", "rows": report.rows,
                "done_through_line": report.done_through_line,
            }));
        }
    }
}

/// The summary's members that say what became of the rows.
pub fn counts_of(report: &BackfillReport) -> Value {
    json!({
        "rows": report.rows,
        "imported": report.counts.imported,
        "updated": report.counts.updated,
        "skipped_duplicates": report.counts.skipped_duplicates,
        "superseded": report.counts.superseded,
        "repeated": report.repeated,
        "no_appointments": report.no_appointments,
        "bad_rows": report.bad_rows,
        "done_through_line": report.done_through_line,
    })
}

/// Prints the summary.
pub fn print_summary(summary: &Value) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{summary}")
}

#[cfg(test)]
mod tests {
    use sync_domain::model::ExternalId;
    use sync_domain::ports::RowFault;
    use sync_domain::usecase::backfill_bookings::{BackfillReport, BackfillWatch};

    use super::{NAMED_MAX, Printer};

    fn lines(lines: &[u8]) -> Vec<serde_json::Value> {
        let lines = std::str::from_utf8(lines).unwrap().lines();
        lines.map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn printer_names_the_first_thousand_bad_rows() {
        let mut printer = Printer::new(Vec::new());
        let external_id = Some(ExternalId::new("a="));
        let fault = RowFault { line: 7, last_line: 9, external_id, field: "endTime" };
        for _ in 0..NAMED_MAX + 5 {
            printer.fault(&fault);
        }
        let lines = lines(&printer.lines);
        assert_eq!(lines.len(), 1_001);
        let named = serde_json::json!({
            "line": 7, "last_line": 9, "external_id": "a=", "field": "endTime"});
        assert_eq!(lines[0], named);
    }

    #[test]
    fn printer_tells_how_far_it_came_now_and_then() {
        let mut printer = Printer::new(Vec::new());
        for rows in (0..=30_000).step_by(100) {
            printer.progress(&BackfillReport { rows, ..BackfillReport::default() });
        }
        let lines = lines(&printer.lines);
        let rows: Vec<_> = lines.iter().map(|line| line["rows"].as_u64().unwrap()).collect();
        assert_eq!(rows, [10_000, 20_000, 30_000]);
    }
}
