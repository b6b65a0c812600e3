//! Appointments together with who booked them: two calls, as no answer about an appointment has a name.

use sync_domain::model::{DetailName, ExternalId, Person};
use sync_domain::ports::{AskedBooking, ProviderError, UnreadableBooking};

use super::calls::Calls;
use super::locations::AccountLocations;
use super::mapping::{CalendarEntry, entry_of, external_id_of, person_of};
use super::row::{Member, Row};

/// Reads of one account.
pub struct Joined<'a, 'c> {
    pub calls: &'a mut Calls<'c>,
    /// The account's locations.
    pub locations: AccountLocations<'a>,
    /// The tenant's country, for phone numbers.
    pub region: Option<&'a str>,
}

impl Joined<'_, '_> {
    /// An appointment by its id: asked for at one location after the other, until one has it, and at
    /// those that were opened lately before it counts as gone. A member of staff's absence can't be read
    /// as one, and is not taken for the appointment's deletion either: whoever asks by an id may know an
    /// appointment by it, and Vagaro has the id.
    pub async fn booking(&mut self, id: &str) -> Result<AskedBooking, ProviderError> {
        let known = self.locations.list();
        if let Some((location, row)) = self.found_at(&known, id).await? {
            return self.with_person(location, &row).await;
        }
        let opened = self.locations.newly_listed(self.calls).await?;
        match self.found_at(&opened, id).await? {
            Some((location, row)) => self.with_person(location, &row).await,
            None => Ok(None),
        }
    }

    /// The appointment, and the first of these locations that has it.
    async fn found_at<'l>(
        &mut self,
        locations: &'l [String],
        id: &str,
    ) -> Result<Option<(&'l str, Row)>, ProviderError> {
        for location in locations {
            if let Some(row) = self.calls.appointment(location, id).await? {
                return Ok(Some((location, row)));
            }
        }
        Ok(None)
    }

    async fn with_person(
        &mut self,
        location: &str,
        row: &Row,
    ) -> Result<AskedBooking, ProviderError> {
        let (external_id, snapshot) = match entry_of(row, None) {
            Ok(CalendarEntry::Appointment { external_id, snapshot }) => (external_id, snapshot),
            Ok(CalendarEntry::StaffBlock) => return Ok(Some(Err(staff_block(row)))),
            Err(unreadable) => return Ok(Some(Err(unreadable))),
        };
        // The row knows its location best.
        let told = snapshot.details.get(&DetailName::LocationId).cloned();
        let location = told.as_deref().unwrap_or(location);
        let person = match &snapshot.customer_id {
            Some(customer_id) => self.person(location, customer_id).await?,
            None => None,
        };
        Ok(Some(Ok(snapshot.with_person(external_id, person))))
    }

    /// Who a customer is; `None` where that can't be found out.
    pub async fn person(
        &mut self,
        location: &str,
        customer_id: &str,
    ) -> Result<Option<Person>, ProviderError> {
        let row = self.calls.customer(location, customer_id).await?;
        Ok(row.map(|row| person_of(&row, self.region)))
    }
}

fn staff_block(row: &Row) -> UnreadableBooking {
    UnreadableBooking { external_id: external_id_of(row), field: Member::EventType.as_str() }
}

/// An id that was asked for and is nobody's.
pub fn not_found(id: &str) -> UnreadableBooking {
    UnreadableBooking { external_id: Some(ExternalId::new(id)), field: "appointmentId" }
}
