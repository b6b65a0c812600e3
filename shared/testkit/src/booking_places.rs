//! Where a reader of a [`ScriptedBookings`] is: positions in a window, and in a selection.

use jiff::SignedDuration;
use sync_domain::model::ExternalId;
use sync_domain::ports::{BookingPage, BookingSelection, BookingWindow, PageError};

use crate::booking_account::{ScriptedBookings, State};
use crate::booking_ways::customer_of;

/// The length of a part, where there is a list by date, and where there is none.
const PART: SignedDuration = SignedDuration::from_hours(7 * 24);
const EMPTY_PART: SignedDuration = SignedDuration::from_hours(4);
/// So many of a selection are on one page.
const SELECTED_PAGE: usize = 3;

/// A position, as its text says it.
enum Place {
    /// Which part of the window, and which half of its appointments.
    Half { part: i32, is_odd: bool },
    /// Which part of a window that nobody can list.
    Empty { part: i32 },
    /// What is left of a selection.
    Selected(BookingSelection),
}

impl Place {
    fn parse(text: Option<&str>, lists_by_date: bool) -> Option<Self> {
        let Some(text) = text else {
            let half = Self::Half { part: 0, is_odd: false };
            return Some(if lists_by_date { half } else { Self::Empty { part: 0 } });
        };
        let (what, rest) = text.split_once('.')?;
        match what {
            "even" => Some(Self::Half { part: rest.parse().ok()?, is_odd: false }),
            "odd" => Some(Self::Half { part: rest.parse().ok()?, is_odd: true }),
            "empty" => Some(Self::Empty { part: rest.parse().ok()? }),
            "selected" => {
                let (bookings, customers) = rest.split_once(';')?;
                let ids = |text: &str| {
                    let ids = text.split(',').filter(|id| !id.is_empty());
                    ids.map(ExternalId::new).collect()
                };
                let (booking_ids, customer_ids) = (ids(bookings), ids(customers));
                Some(Self::Selected(BookingSelection { booking_ids, customer_ids }))
            }
            _ => None,
        }
    }
}

/// The position of a selection; none if an id is none of this provider's.
pub(crate) fn position_of(selection: &BookingSelection) -> Option<String> {
    let BookingSelection { booking_ids, customer_ids } = selection;
    let is_number = |id: &ExternalId| id.as_str().parse::<u64>().is_ok();
    let is_customer = |id: &ExternalId| id.as_str().starts_with("customer-");
    let are_ours = booking_ids.iter().all(is_number) && customer_ids.iter().all(is_customer);
    let joined = |ids: &[ExternalId]| {
        let ids: Vec<_> = ids.iter().map(ExternalId::as_str).collect();
        ids.join(",")
    };
    are_ours.then(|| format!("selected.{};{}", joined(booking_ids), joined(customer_ids)))
}

/// Whether there is nothing to ask the provider for at a position.
pub(crate) fn is_empty_place(text: Option<&str>, lists_by_date: bool) -> bool {
    matches!(Place::parse(text, lists_by_date), Some(Place::Empty { .. }))
}

impl ScriptedBookings {
    /// The page at a position.
    pub(crate) fn page_at(
        &self,
        state: &State,
        window: BookingWindow,
        position: Option<&str>,
    ) -> Result<BookingPage, PageError> {
        let place = Place::parse(position, self.ways.lists_by_date);
        let part_of = |part: i32, length: SignedDuration| {
            let from = window.from + length * part;
            BookingWindow { from, until: (from + length).min(window.until) }
        };
        match place.ok_or(PageError::BadPosition)? {
            Place::Half { part: number, is_odd } => {
                let part = part_of(number, PART);
                let next = match is_odd {
                    false => Some(format!("odd.{number}")),
                    true => (part.until < window.until).then(|| format!("even.{}", number + 1)),
                };
                let here = state.appointments.iter().filter(|(id, appointment)| {
                    is_odd_id(id) == is_odd
                        && part.from <= appointment.starts_at
                        && appointment.starts_at < part.until
                });
                let ids: Vec<_> = here.map(|(id, _)| id.clone()).collect();
                let completed = if is_odd { vec![part] } else { Vec::new() };
                Ok(BookingPage { completed, next, ..self.page_of(state, &ids) })
            }
            Place::Empty { part: number } => {
                let part = part_of(number, EMPTY_PART);
                let next = (part.until < window.until).then(|| format!("empty.{}", number + 1));
                Ok(BookingPage { completed: vec![part], next, ..BookingPage::default() })
            }
            Place::Selected(selection) => Ok(self.selected_page(state, selection)),
        }
    }

    /// The next few that are named, then customer after customer.
    fn selected_page(&self, state: &State, mut selection: BookingSelection) -> BookingPage {
        let ids: Vec<_> = if selection.booking_ids.is_empty() {
            let customer =
                (!selection.customer_ids.is_empty()).then(|| selection.customer_ids.remove(0));
            let theirs = state
                .appointments
                .keys()
                .filter(|id| customer.is_some() && customer_of(state, id) == customer);
            theirs.cloned().collect()
        } else {
            let count = selection.booking_ids.len().min(SELECTED_PAGE);
            selection.booking_ids.drain(..count).collect()
        };
        let is_done = selection == BookingSelection::default();
        let next = if is_done { None } else { position_of(&selection) };
        BookingPage { next, ..self.page_of(state, &ids) }
    }

    fn page_of(&self, state: &State, ids: &[ExternalId]) -> BookingPage {
        let mut page = BookingPage::default();
        for id in ids {
            match self.read(state, id) {
                Some(Ok(remote)) => page.bookings.push(remote),
                Some(Err(unreadable)) => page.unreadable.push(unreadable),
                None => {}
            }
        }
        page
    }
}

fn is_odd_id(id: &ExternalId) -> bool {
    id.as_str().parse::<u64>().is_ok_and(|number| number % 2 == 1)
}
