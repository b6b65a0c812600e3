//! The first line of an export: which column holds what.

use super::records::Cells;
use crate::export::{ExportColumns, ExportError};
use crate::vagaro::row::Member;

/// Columns without which there is no booking.
const REQUIRED: [Member; 4] =
    [Member::AppointmentId, Member::StartTime, Member::EndTime, Member::BookingStatus];
/// When the row was last changed, by the vendor's clock: the name that consumers of its webhooks know
/// (unverified).
const MODIFIED_DATE: &str = "modifiedDate";
/// As many unknown names are told, and so much of each.
const IGNORED_MAX: usize = 100;
const IGNORED_NAME_MAX_CHARS: usize = 64;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// A member of an appointment or of its customer.
    Member(Member),
    /// When the row was last changed.
    ModifiedDate,
}

impl Column {
    fn named(name: &str) -> Option<Self> {
        let is_kept = |it: &char| !it.is_whitespace() && *it != '_';
        let folded = || name.chars().filter(is_kept);
        let is_modified = folded().count() == MODIFIED_DATE.len()
            && folded().zip(MODIFIED_DATE.chars()).all(|(a, b)| a.eq_ignore_ascii_case(&b));
        match Member::named(name) {
            Some(member) => Some(Self::Member(member)),
            None => is_modified.then_some(Self::ModifiedDate),
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Member(member) => member.as_str(),
            Self::ModifiedDate => MODIFIED_DATE,
        }
    }
}

/// The columns in their order; `None` for one that is not known.
#[derive(Debug)]
pub struct Header {
    columns: Vec<Option<Column>>,
    found: ExportColumns,
}

impl Header {
    /// Finds the columns by their names.
    ///
    /// # Errors
    /// [`ExportError::MissingColumns`], [`ExportError::DoubledColumn`].
    pub fn read(cells: &Cells<'_>) -> Result<Self, ExportError> {
        let (mut columns, mut ignored) = (Vec::<Option<Column>>::new(), Vec::new());
        for name in cells.texts() {
            let column = Column::named(&name);
            if let Some(column) = column.filter(|it| columns.contains(&Some(*it))) {
                return Err(ExportError::DoubledColumn(column.as_str()));
            }
            if column.is_none() && ignored.len() < IGNORED_MAX {
                ignored.push(name.trim().chars().take(IGNORED_NAME_MAX_CHARS).collect());
            }
            columns.push(column);
        }
        let known = Member::ALL.into_iter().map(Column::Member).chain([Column::ModifiedDate]);
        let absent: Vec<_> = known.filter(|it| !columns.contains(&Some(*it))).collect();
        let is_required = |it: &&Column| REQUIRED.map(Column::Member).contains(it);
        let missing: Vec<_> = absent.iter().filter(is_required).map(|it| it.as_str()).collect();
        if !missing.is_empty() {
            return Err(ExportError::MissingColumns(missing));
        }
        let absent = absent.into_iter().map(Column::as_str).collect();
        Ok(Self { columns, found: ExportColumns { ignored, absent } })
    }

    /// How many columns there are.
    pub const fn len(&self) -> usize {
        self.columns.len()
    }

    /// The columns in their order.
    pub fn columns(&self) -> impl Iterator<Item = Option<Column>> {
        self.columns.iter().copied()
    }

    /// Which columns are there, and which are not.
    pub fn found(&self) -> ExportColumns {
        self.found.clone()
    }
}
