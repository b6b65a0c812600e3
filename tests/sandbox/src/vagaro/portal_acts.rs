//! A user's acts in Vagaro's own interface, and what webhooks tell of them.

use jiff::Timestamp;

use super::appointment::{Appointment, CANCELLED, COMPLETED, DENIED, NO_SHOW};
use super::customer::Customer;
use super::events::{self, Action, Told};
use super::intake::{self, RecordType};
use super::members::{Members, object};
use super::store::{Draft, Merchant};
use crate::accounts::Account;
use crate::vendor::{PortalAct, PortalObject, PortalOrder, PortalOutcome};

const NO_SUCH_ACT: &str = "Vagaro has no such act";

/// An act while it is being done.
struct Acting<'a> {
    account: &'a Account,
    draft: Draft<'a>,
    told: Vec<Told>,
    now: Timestamp,
}

fn id_of(object: &PortalObject) -> Result<&str, String> {
    object.id.as_deref().ok_or_else(|| "this act needs `id` or `ids`".to_owned())
}

fn without_properties(object: &PortalObject) -> Result<(), String> {
    if object.properties.is_empty() {
        Ok(())
    } else {
        Err("this act takes no `properties`".to_owned())
    }
}

fn properties(object: &PortalObject) -> Result<&Members, String> {
    if object.properties.is_empty() {
        return Err("this act needs `properties`".to_owned());
    }
    Ok(&object.properties)
}

impl Acting<'_> {
    fn existing(&self, object: &PortalObject) -> Result<Appointment, String> {
        let id = id_of(object)?;
        self.draft.appointment(id).ok_or_else(|| format!("no appointment {id}"))
    }

    fn existing_customer(&self, id: &str) -> Result<Customer, String> {
        self.draft.customer(id).ok_or_else(|| format!("no customer {id}"))
    }

    fn tell(&mut self, appointment: &Appointment, action: Action) {
        self.told.push(events::of_appointment(self.account, appointment, action));
    }

    fn tell_of_customer(&mut self, customer: &Customer, action: Action) {
        self.told.push(events::of_customer(self.account, customer, action));
    }

    fn save(&mut self, mut appointment: Appointment) {
        appointment.touch(self.now);
        self.tell(&appointment, Action::Updated);
        self.draft.put_appointment(appointment);
    }

    fn save_customer(&mut self, mut customer: Customer, given: &Members) -> Result<(), String> {
        customer.set(given)?;
        customer.touch(self.now);
        self.tell_of_customer(&customer, Action::Updated);
        self.draft.put_customer(customer);
        Ok(())
    }

    fn book(&mut self, members: &Members) -> Result<String, String> {
        let id = intake::given_id(members, "appointmentId")?;
        if let Some(known) = id.and_then(|id| self.draft.appointment(&id)) {
            return Err(format!("appointment {} exists", known.id));
        }
        let made = intake::appointment(&mut self.draft, self.account, members, self.now)?;
        self.tell(&made, Action::Created);
        Ok(made.id)
    }

    fn end_with(&mut self, object: &PortalObject, status: &str) -> Result<(), String> {
        without_properties(object)?;
        let mut appointment = self.existing(object)?;
        status.clone_into(&mut appointment.status);
        self.save(appointment);
        Ok(())
    }

    /// In its dialogue an appointment can be changed together with the customer's data.
    fn edit(&mut self, object_given: &PortalObject) -> Result<(), String> {
        let given = properties(object_given)?;
        let mut appointment = self.existing(object_given)?;
        for (name, value) in given.iter().filter(|(name, _)| *name != "customer") {
            appointment.edit(name, value)?;
        }
        if let Some(given) = given.get("customer") {
            let id = appointment.customer_id.as_deref().ok_or("nobody has booked it")?;
            self.save_customer(self.existing_customer(id)?, object("customer", given)?)?;
        }
        self.save(appointment);
        Ok(())
    }

    fn act_on(&mut self, act: PortalAct, object: &PortalObject) -> Result<String, String> {
        match act {
            PortalAct::Create if object.id.is_none() => return self.book(&object.properties),
            PortalAct::Create => return Err("this act takes no ids".to_owned()),
            PortalAct::Reschedule => {
                let mut appointment = self.existing(object)?;
                appointment.reschedule(&object.properties)?;
                self.save(appointment);
            }
            PortalAct::Cancel => self.end_with(object, CANCELLED)?,
            PortalAct::NoShow => self.end_with(object, NO_SHOW)?,
            PortalAct::Complete => self.end_with(object, COMPLETED)?,
            PortalAct::Decline => self.end_with(object, DENIED)?,
            PortalAct::Edit => self.edit(object)?,
            PortalAct::Delete => {
                without_properties(object)?;
                let mut appointment = self.existing(object)?;
                appointment.touch(self.now);
                self.tell(&appointment, Action::Deleted);
                self.draft.remove_appointment(&appointment.id);
            }
            PortalAct::Update
            | PortalAct::Archive
            | PortalAct::Restore
            | PortalAct::GdprDelete
            | PortalAct::Merge
            | PortalAct::Associate
            | PortalAct::Dissociate => return Err(NO_SUCH_ACT.to_owned()),
        }
        Ok(id_of(object)?.to_owned())
    }

    fn act_on_customer(&mut self, act: PortalAct, object: &PortalObject) -> Result<String, String> {
        match act {
            PortalAct::Create if object.id.is_none() => {
                let draft = &mut self.draft;
                let made = intake::customer(draft, self.account, &object.properties, self.now)?;
                self.tell_of_customer(&made, Action::Created);
                Ok(made.id)
            }
            PortalAct::Update | PortalAct::Edit => {
                let customer = self.existing_customer(id_of(object)?)?;
                let id = customer.id.clone();
                self.save_customer(customer, properties(object)?)?;
                Ok(id)
            }
            PortalAct::Delete => {
                without_properties(object)?;
                let mut customer = self.existing_customer(id_of(object)?)?;
                customer.touch(self.now);
                self.tell_of_customer(&customer, Action::Deleted);
                self.draft.remove_customer(&customer.id);
                Ok(customer.id)
            }
            PortalAct::Create
            | PortalAct::Archive
            | PortalAct::Restore
            | PortalAct::GdprDelete
            | PortalAct::Merge
            | PortalAct::Associate
            | PortalAct::Dissociate
            | PortalAct::Reschedule
            | PortalAct::Cancel
            | PortalAct::NoShow
            | PortalAct::Complete
            | PortalAct::Decline => Err(NO_SUCH_ACT.to_owned()),
        }
    }
}

/// Carries an act out, wholly or not at all.
pub fn run(
    account: &Account,
    merchant: &mut Merchant,
    order: &PortalOrder,
    now: Timestamp,
) -> Result<PortalOutcome, String> {
    let record_type = RecordType::from_name(order.object_type.as_deref())?;
    let draft = Draft::of(merchant, &account.account);
    let mut acting = Acting { account, draft, told: Vec::new(), now };
    let mut ids = Vec::new();
    for (index, object) in order.objects.iter().enumerate() {
        let done = match record_type {
            RecordType::Appointment => acting.act_on(order.act, object),
            RecordType::Customer => acting.act_on_customer(order.act, object),
        };
        ids.push(done.map_err(|reason| format!("object {index}: {reason}"))?);
    }
    let Acting { draft, told, .. } = acting;
    let changes = draft.into_changes();
    merchant.apply(changes);
    Ok(PortalOutcome { ids, events: events::for_each_hook(merchant, &told) })
}
