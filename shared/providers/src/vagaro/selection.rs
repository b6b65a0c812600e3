//! Reading what is named: appointments one by one, then the appointments of customers page by page, at
//! one location after the other.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};
use sync_domain::model::{ExternalId, RemoteBooking};
use sync_domain::ports::{BookingPage, PageError, ProviderError, RemoteEffect};

use super::joined::{Joined, not_found};
use super::mapping::{CalendarEntry, entry_of};
use super::position::{PAGES_MAX, Position, SelectionPosition};
use super::row::{Member, Row};
use crate::http::unavailable;

/// One step of a selection.
pub struct Selecting<'a, 'c> {
    pub joined: Joined<'a, 'c>,
    pub at: SelectionPosition,
}

impl Selecting<'_, '_> {
    /// The step's rows, and where to go on.
    pub async fn page(mut self) -> Result<BookingPage, PageError> {
        let mut page = BookingPage::default();
        if !self.at.bookings.is_empty() {
            let id = self.at.bookings.remove(0);
            match self.joined.booking(&id).await? {
                Some(Ok(booking)) => page.bookings.push(booking),
                Some(Err(unreadable)) => page.unreadable.push(unreadable),
                None => page.unreadable.push(not_found(&id)),
            }
        } else if let Some(customer) = self.at.customers.first().cloned() {
            self.customer(&customer, &mut page).await?;
        }
        if !self.at.is_over() {
            let next = Position::Selection(self.at).to_text();
            page.next = Some(next.ok_or(PageError::BadPosition)?);
        }
        Ok(page)
    }

    /// The next page of a customer's. A location's last is one that is empty or holds the appointments
    /// of the page before, as where the parameter is ignored; not one that is merely short, because the
    /// vendor may give fewer rows than it is asked for.
    async fn customer(&mut self, id: &str, page: &mut BookingPage) -> Result<(), ProviderError> {
        let Some(location) = self.location() else {
            self.next_customer();
            return Ok(());
        };
        if self.at.location.as_ref() != Some(&location) {
            self.at.page = 1;
            self.at.before = None;
        }
        let rows = self.joined.calls.appointments_of(&location, id, self.at.page).await?;
        let digest = digest_of(&rows);
        if rows.is_empty() || self.at.before.as_ref() == Some(&digest) {
            self.next_location(&location);
            return Ok(());
        }
        if self.at.page >= PAGES_MAX {
            return Err(unavailable(Some(200), RemoteEffect::None));
        }
        self.give((&location, id), rows, page).await?;
        self.at.page += 1;
        self.at.before = Some(digest);
        self.at.location = Some(location);
        Ok(())
    }

    /// The location to be read: the one of the position, if it is still there, else the next one.
    fn location(&self) -> Option<String> {
        let wanted = self.at.location.as_deref().unwrap_or_default();
        self.joined.locations.list().iter().find(|it| it.as_str() >= wanted).cloned()
    }

    fn next_location(&mut self, read: &str) {
        self.at.page = 1;
        self.at.before = None;
        self.at.location =
            self.joined.locations.list().iter().find(|it| it.as_str() > read).cloned();
        if self.at.location.is_none() {
            self.next_customer();
        }
    }

    fn next_customer(&mut self) {
        self.at.customers.remove(0);
        self.at.location = None;
        self.at.page = 1;
        self.at.before = None;
    }

    /// Gives the rows out, each appointment once: the later one counts. Who booked is asked for once;
    /// a row of somebody else is nobody's.
    async fn give(
        &mut self,
        (location, customer_id): (&str, &str),
        rows: Vec<Row>,
        page: &mut BookingPage,
    ) -> Result<(), ProviderError> {
        let person = self.joined.person(location, customer_id).await?;
        let mut ids = BTreeSet::new();
        for row in rows.iter().rev() {
            match entry_of(row, None) {
                Ok(CalendarEntry::StaffBlock) => {}
                Ok(CalendarEntry::Appointment { external_id, snapshot }) => {
                    let owner = snapshot.customer_id.as_deref();
                    let is_theirs = owner.is_none_or(|owner| owner == customer_id);
                    let person = if is_theirs { person.clone() } else { None };
                    if is_new(&mut ids, Some(&external_id)) {
                        let booking: RemoteBooking = snapshot.with_person(external_id, person);
                        page.bookings.push(booking);
                    }
                }
                Err(unreadable) => {
                    if is_new(&mut ids, unreadable.external_id.as_ref()) {
                        page.unreadable.push(unreadable);
                    }
                }
            }
        }
        page.bookings.reverse();
        page.unreadable.reverse();
        Ok(())
    }
}

/// Which appointments a page holds, in whatever order.
fn digest_of(rows: &[Row]) -> String {
    let ids: BTreeSet<_> = rows.iter().filter_map(|it| it.text(Member::AppointmentId)).collect();
    let mut digest = Sha256::new();
    for id in ids {
        digest.update(id);
        digest.update([0]);
    }
    hex::encode(digest.finalize())
}

fn is_new(ids: &mut BTreeSet<ExternalId>, id: Option<&ExternalId>) -> bool {
    id.is_none_or(|id| ids.insert(id.clone()))
}
