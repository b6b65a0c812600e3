//! Everything that the accounts hold: appointments, and webhook registrations.

use std::collections::BTreeMap;

use super::appointment::Appointment;
use super::hooks::Hook;

/// Drawn ids begin above those that people choose by hand.
const FIRST_DRAWN_ID: u64 = 100_000_001;

/// What one account holds.
#[derive(Default)]
pub struct Office {
    /// Appointments by id.
    pub appointments: BTreeMap<u64, Appointment>,
    /// Webhook registrations by id.
    pub hooks: BTreeMap<u64, Hook>,
    last_hook_id: u64,
}

impl Office {
    /// The first id that is free, and all behind it are.
    pub fn next_id(&self) -> u64 {
        let last = self.appointments.keys().next_back();
        last.map_or(FIRST_DRAWN_ID, |last| FIRST_DRAWN_ID.max(last + 1))
    }

    /// An id that no registration had before.
    pub fn draw_hook_id(&mut self) -> u64 {
        self.last_hook_id += 1;
        self.last_hook_id
    }

    /// Stores appointments in place of those with the same ids, and gives the ids.
    pub fn put_all(&mut self, appointments: Vec<Appointment>) -> Vec<u64> {
        let put = appointments.into_iter().map(|appointment| {
            let id = appointment.id;
            self.appointments.insert(id, appointment);
            id
        });
        put.collect()
    }
}

/// All accounts.
#[derive(Default)]
pub struct Offices(BTreeMap<String, Office>);

impl Offices {
    /// What an account holds, made on first use.
    pub fn of(&mut self, account: &str) -> &mut Office {
        self.0.entry(account.to_owned()).or_default()
    }

    /// Drops the appointments of one account, or of all. Registrations stay, as accounts do: who
    /// registered them still counts on them.
    pub fn reset(&mut self, account: Option<&str>) {
        for (of_account, office) in &mut self.0 {
            if account.is_none_or(|account| account == of_account) {
                office.appointments.clear();
            }
        }
    }
}
