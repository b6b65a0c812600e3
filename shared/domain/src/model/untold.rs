//! What a source of appointments can't tell of any of them.

use std::collections::BTreeSet;

use super::{Booking, DetailName, Person};

/// What is no part of a source, as a column that a file does not have: of it, what is stored stays.
/// That a source tells of nothing where it could have told is something else, and counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Untold {
    /// Details that it has no place for.
    pub details: BTreeSet<DetailName>,
    /// Whether it has no place for some of who booked. Then anybody who is stored stays as a whole: half
    /// of what it tells and half of what is stored could be of two people.
    pub is_person_partial: bool,
}

impl Untold {
    /// Takes over from what is stored of a booking what could not be told of it.
    pub(crate) fn carry_over(&self, known: &Booking, booking: &mut Booking) {
        for name in &self.details {
            match known.details.get(name) {
                Some(value) => booking.details.insert(*name, value.clone()),
                None => booking.details.remove(name),
            };
        }
        if self.is_person_partial && known.person != Person::default() {
            booking.person = known.person.clone();
        }
    }
}
