//! The first line of an export: which column holds what.

use sync_domain::model::{DetailName, Untold};

use super::records::Cells;
use crate::export::{ExportColumns, ExportError};
use crate::vagaro::row::Member;

/// Columns without which there is no booking.
const REQUIRED: [Member; 4] =
    [Member::AppointmentId, Member::StartTime, Member::EndTime, Member::BookingStatus];
/// Of whom a row tells, if any of these is filled in.
pub const PERSON: [Member; 6] = [
    Member::FirstName,
    Member::LastName,
    Member::Email,
    Member::MobilePhone,
    Member::DayPhone,
    Member::NightPhone,
];
/// Which columns the details are read from that are not on every row; as in `mapping`.
const DETAILS: [(DetailName, &[Member]); 5] = [
    (DetailName::ServiceId, &[Member::ServiceId]),
    (DetailName::ServiceName, &[Member::ServiceTitle]),
    (DetailName::ResourceId, &[Member::ServiceProviderId]),
    (DetailName::LocationId, &[Member::BusinessId]),
    (DetailName::ClassId, &[Member::EventType, Member::CalendarEventId]),
];
/// As many unknown names are told, and so much of each.
const IGNORED_MAX: usize = 100;
const IGNORED_NAME_MAX_CHARS: usize = 64;

/// The columns in their order; `None` for one that is not known.
#[derive(Debug)]
pub struct Header {
    columns: Vec<Option<Member>>,
    found: ExportColumns,
}

impl Header {
    /// Finds the columns by their names.
    ///
    /// # Errors
    /// [`ExportError::MissingColumns`], [`ExportError::DoubledColumn`].
    pub fn read(cells: &Cells<'_>) -> Result<Self, ExportError> {
        let (mut columns, mut ignored) = (Vec::<Option<Member>>::new(), Vec::new());
        for name in cells.values() {
            // A name that is no UTF-8 is none of those that are known.
            let name = String::from_utf8_lossy(name);
            let column = Member::named(&name);
            if let Some(column) = column.filter(|it| columns.contains(&Some(*it))) {
                return Err(ExportError::DoubledColumn(column.as_str()));
            }
            if column.is_none() && ignored.len() < IGNORED_MAX {
                ignored.push(name.trim().chars().take(IGNORED_NAME_MAX_CHARS).collect());
            }
            columns.push(column);
        }
        let known = Member::ALL.into_iter();
        let absent: Vec<_> = known.filter(|it| !columns.contains(&Some(*it))).collect();
        let is_required = |it: &&Member| REQUIRED.contains(it);
        let missing: Vec<_> = absent.iter().filter(is_required).map(|it| it.as_str()).collect();
        if !missing.is_empty() {
            return Err(ExportError::MissingColumns(missing));
        }
        let absent = absent.into_iter().map(Member::as_str).collect();
        Ok(Self { columns, found: ExportColumns { ignored, absent } })
    }

    /// How many columns there are.
    pub const fn len(&self) -> usize {
        self.columns.len()
    }

    /// The columns in their order.
    pub fn columns(&self) -> impl Iterator<Item = Option<Member>> {
        self.columns.iter().copied()
    }

    /// What no row can tell. A number without its country may be read as another one, or not at all:
    /// `countryCode` is as much of the person as the phones.
    pub fn untold(&self) -> Untold {
        let is_absent = |member: &Member| !self.columns.contains(&Some(*member));
        let details = DETAILS.into_iter().filter(|(_, members)| members.iter().any(is_absent));
        Untold {
            details: details.map(|(name, _)| name).collect(),
            is_person_partial: PERSON.iter().chain([&Member::CountryCode]).any(is_absent),
        }
    }

    /// Which columns are there, and which are not.
    pub fn found(&self) -> ExportColumns {
        self.found.clone()
    }
}
