//! One day with more rows than Acuity gives at once, read in parts.
//!
//! There is no way to go on behind a row, so the day is read by calendar, and a calendar that is
//! still too much by type. The lists of calendars and types are Acuity's, with every id that is seen
//! in any row: a deleted calendar keeps its appointments and is not listed. Then the day is read once
//! more by type, and nothing of that is given out: both sums over all rows must agree. If they do
//! not, a row has moved, or its calendar or its type is one that nobody knew, and the day is read
//! anew.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::acuity::wire::{Appointment, Listed};

/// The most calendars and types of an account that a position remembers.
pub const IDS_MAX: usize = 400;
/// How often a day is read that changes while it is read.
pub const ROUNDS_MAX: u8 = 3;

/// What is next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Acuity's lists of calendars and types.
    Lists,
    /// The rows of a calendar.
    Calendar(u64),
    /// The rows of a calendar and a type.
    CalendarAndType(u64, u64),
    /// The rows of a type, to compare.
    Type(u64),
    /// Nothing: see [`SplitDay::verdict`].
    Nothing,
}

/// What has been shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Read by calendar and by type, the day is the same.
    Complete,
    /// A type was too much to be compared. All rows were given whose calendar Acuity lists, or was
    /// seen in a row of the day's, the calendars' or the types' two ends.
    AsListed,
    /// Both readings differ.
    Changed,
}

/// The day can't be split: a row has no calendar or no type, or there are too many of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsplittable;

/// A calendar that is read by type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct ByType {
    calendar: u64,
    /// How many of the types are read.
    read: usize,
}

/// How far the reading of a day is. Ids and counts only.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitDay {
    round: u8,
    has_lists: bool,
    calendars: Vec<u64>,
    types: Vec<u64>,
    /// How many of the calendars are read, or being read by type.
    read: usize,
    by_type: Vec<ByType>,
    /// How many of the types are compared.
    compared: usize,
    /// A type could not be compared.
    is_blind: bool,
    /// Over the rows with a type, as they were read by calendar.
    calendars_sum: u64,
    /// The same by type.
    types_sum: u64,
}

impl SplitDay {
    /// Begins with what was seen of the day.
    pub fn of(seen: &[Appointment]) -> Result<Self, Unsplittable> {
        let mut day = Self::default();
        day.notice(seen)?;
        Ok(day)
    }

    /// What is next.
    pub fn part(&self) -> Part {
        let type_at = |index: usize| self.types.get(index).copied();
        let by_type = self.by_type.iter().find_map(|it| Some((it.calendar, type_at(it.read)?)));
        if !self.has_lists {
            Part::Lists
        } else if let Some((calendar, appointment_type)) = by_type {
            Part::CalendarAndType(calendar, appointment_type)
        } else if let Some(calendar) = self.calendars.get(self.read) {
            Part::Calendar(*calendar)
        } else {
            type_at(self.compared).map_or(Part::Nothing, Part::Type)
        }
    }

    /// Takes Acuity's lists.
    pub fn listed(&mut self, calendars: &[Listed], types: &[Listed]) -> Result<(), Unsplittable> {
        self.has_lists = true;
        let ids = |listed: &[Listed]| -> Vec<_> {
            listed.iter().filter_map(|entry| entry.id.number()).collect()
        };
        learn(&mut self.calendars, ids(calendars));
        learn(&mut self.types, ids(types));
        self.check()
    }

    /// Takes a part that was read completely. New calendars and types in it come up by themselves.
    pub fn read(&mut self, part: Part, rows: &[Appointment]) -> Result<(), Unsplittable> {
        self.notice(rows)?;
        let of_type = rows.iter().filter(|row| row.type_id.number().is_some());
        match part {
            Part::Calendar(calendar) => {
                let own = of_type.filter(|row| row.calendar_id.number() == Some(calendar));
                self.calendars_sum = self.calendars_sum.wrapping_add(sum_of(own));
                self.read += 1;
            }
            Part::CalendarAndType(calendar, appointment_type) => {
                let own = of_type.filter(|row| {
                    row.calendar_id.number() == Some(calendar)
                        && row.type_id.number() == Some(appointment_type)
                });
                self.calendars_sum = self.calendars_sum.wrapping_add(sum_of(own));
                let by_type = self.by_type.iter_mut().find(|it| it.calendar == calendar);
                by_type.ok_or(Unsplittable)?.read += 1;
            }
            Part::Type(appointment_type) => {
                let own = of_type.filter(|row| row.type_id.number() == Some(appointment_type));
                self.types_sum = self.types_sum.wrapping_add(sum_of(own));
                self.compared += 1;
            }
            Part::Lists | Part::Nothing => {}
        }
        Ok(())
    }

    /// Takes what was seen of a part that is too much as well.
    pub fn cut(&mut self, part: Part, seen: &[Appointment]) -> Result<(), Unsplittable> {
        self.notice(seen)?;
        match part {
            Part::Calendar(calendar) if seen.iter().all(|row| row.type_id.number().is_some()) => {
                self.by_type.push(ByType { calendar, read: 0 });
                self.read += 1;
                Ok(())
            }
            Part::Type(_) => {
                self.is_blind = true;
                self.compared += 1;
                Ok(())
            }
            Part::Calendar(_) | Part::CalendarAndType(..) | Part::Lists | Part::Nothing => {
                Err(Unsplittable)
            }
        }
    }

    /// What has been shown when nothing is left to read.
    pub const fn verdict(&self) -> Verdict {
        if self.is_blind {
            Verdict::AsListed
        } else if self.calendars_sum == self.types_sum {
            Verdict::Complete
        } else {
            Verdict::Changed
        }
    }

    /// The same day from the beginning, with the calendars and types that are known by now.
    pub fn again(self) -> Result<Self, Unsplittable> {
        let round = self.round + 1;
        if round >= ROUNDS_MAX {
            return Err(Unsplittable);
        }
        Ok(Self { round, calendars: self.calendars, types: self.types, ..Self::default() })
    }

    /// Whether it can be one of ours. A position comes back from outside.
    pub fn is_sound(&self) -> bool {
        let is_set = |ids: &[u64]| ids.iter().collect::<BTreeSet<_>>().len() == ids.len();
        let is_id = |id: &u64| *id > 0 && i64::try_from(*id).is_ok();
        let by_type: Vec<_> = self.by_type.iter().map(|it| it.calendar).collect();
        let begun = self.calendars.get(..self.read);
        self.round < ROUNDS_MAX
            && self.check().is_ok()
            && self.calendars.iter().chain(&self.types).all(is_id)
            && is_set(&self.calendars)
            && is_set(&self.types)
            && is_set(&by_type)
            && begun.is_some_and(|begun| by_type.iter().all(|calendar| begun.contains(calendar)))
            && self.by_type.iter().all(|it| it.read <= self.types.len())
            && self.compared <= self.types.len()
            && (self.has_lists || self.read == 0 && self.compared == 0)
    }

    /// Learns the calendars and types of rows.
    fn notice(&mut self, rows: &[Appointment]) -> Result<(), Unsplittable> {
        let calendars: Option<Vec<_>> = rows.iter().map(|row| row.calendar_id.number()).collect();
        learn(&mut self.calendars, calendars.ok_or(Unsplittable)?);
        learn(&mut self.types, rows.iter().filter_map(|row| row.type_id.number()).collect());
        self.check()
    }

    fn check(&self) -> Result<(), Unsplittable> {
        let count = self.calendars.len() + self.types.len();
        if count <= IDS_MAX { Ok(()) } else { Err(Unsplittable) }
    }
}

/// Appends what is not known yet.
fn learn(known: &mut Vec<u64>, ids: Vec<u64>) {
    let mut new: BTreeSet<_> = ids.into_iter().collect();
    new.retain(|id| !known.contains(id));
    known.extend(new);
}

/// The same for the same appointments in any order, however they are split up.
fn sum_of<'a>(rows: impl Iterator<Item = &'a Appointment>) -> u64 {
    rows.map(|row| {
        let id = row.id.number().unwrap_or_default();
        let digest: [u8; 32] = Sha256::digest(id.to_be_bytes()).into();
        digest.first_chunk().map_or(id, |head| u64::from_be_bytes(*head))
    })
    .fold(0, u64::wrapping_add)
}

#[cfg(test)]
mod tests;
