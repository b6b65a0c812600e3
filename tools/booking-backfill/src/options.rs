//! The arguments, read and checked before anything is opened.

use std::path::PathBuf;

use clap::Parser;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use sync_domain::model::{System, SystemKind, TenantId};

/// The longest name of an operator, in bytes: an ARN is shorter.
const OPERATOR_MAX_BYTES: usize = 512;

/// Imports a booking system's export, a CSV file, for one tenant. The same file can be imported again:
/// what is stored already is skipped, and what is known from later than the export stays.
#[derive(Debug, Parser)]
#[command(name = "booking-backfill", version)]
pub struct Options {
    /// Whose appointments they are.
    #[arg(long, value_parser = tenant_of)]
    pub tenant: TenantId,
    /// The booking system that the file was exported from.
    #[arg(long, value_parser = system_of)]
    pub system: System,
    /// The file.
    #[arg(long, value_name = "FILE")]
    pub csv: PathBuf,
    /// When the export was made, as in 2026-01-31T09:00:00Z: what is known from later stays.
    // The file can't tell: a copy or a download is written later, and would win over what came between.
    #[arg(long, value_name = "TIME", required_unless_present = "dry_run")]
    pub as_of: Option<Timestamp>,
    /// Where times without an offset are meant, an IANA name such as Europe/Berlin; without it they can't be read.
    #[arg(long, value_name = "ZONE", value_parser = zone_of)]
    pub time_zone: Option<TimeZone>,
    /// Read every row and store nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Who does it, for the audit entry.
    #[arg(long, env = "OPERATOR", value_parser = operator_of)]
    pub operator: String,
}

fn tenant_of(text: &str) -> Result<TenantId, &'static str> {
    TenantId::parse(text).ok_or("letters, digits, - and _, 64 at most")
}

fn system_of(text: &str) -> Result<System, String> {
    System::of_kind(SystemKind::Booking, text).ok_or_else(|| {
        let known = System::ALL.into_iter().filter(|it| it.kind() == SystemKind::Booking);
        let known: Vec<_> = known.map(System::as_str).collect();
        format!("one of {}", known.join(", "))
    })
}

fn zone_of(text: &str) -> Result<TimeZone, &'static str> {
    TimeZone::get(text).map_err(|_unknown| "no such time zone; an IANA name is needed")
}

fn operator_of(text: &str) -> Result<String, &'static str> {
    let name = text.trim();
    let is_name = (1..=OPERATOR_MAX_BYTES).contains(&name.len());
    let is_plain = !name.chars().any(char::is_control);
    (is_name && is_plain).then(|| name.to_owned()).ok_or("a name of 1 to 512 bytes in one line")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::Options;

    const GIVEN: [&str; 11] = [
        "booking-backfill",
        "--tenant",
        "acme",
        "--system",
        "vagaro",
        "--csv",
        "export.csv",
        "--operator",
        "ann",
        "--as-of",
        "2026-01-31T09:00:00Z",
    ];

    fn refused(more: &[&str]) -> bool {
        Options::try_parse_from(GIVEN.iter().chain(more)).is_err()
    }

    #[test]
    fn options_are_refused_that_would_be_found_wrong_later() {
        assert!(!refused(&["--time-zone", "Europe/Berlin"]));
        assert!(refused(&["--time-zone", "Europe/Atlantis"]));
        for (name, value) in [
            ("--tenant", "not a tenant"),
            ("--system", "hubspot"),
            ("--system", "calendly"),
            ("--operator", "  "),
            ("--operator", "ann\nbob"),
            // A time of no place.
            ("--as-of", "2026-01-31T09:00:00"),
        ] {
            let at = GIVEN.iter().position(|it| *it == name).unwrap() + 1;
            let mut given = GIVEN;
            given[at] = value;
            assert!(Options::try_parse_from(given).is_err(), "{name} {value}");
        }
    }

    #[test]
    fn time_of_the_export_must_be_given_where_anything_is_stored() {
        let without = &GIVEN[..GIVEN.len() - 2];
        let error = Options::try_parse_from(without).unwrap_err().to_string();
        assert!(error.contains("--as-of <TIME>"), "{error}");
        let dry = Options::try_parse_from(without.iter().chain(&["--dry-run"])).unwrap();
        assert_eq!((dry.as_of, dry.dry_run), (None, true));
    }
}
