//! A user's acts in Acuity's own interface, and what webhooks tell of them.

use jiff::Timestamp;
use serde_json::Value;

use super::appointment::Appointment;
use super::business::Business;
use super::events::{self, Action};
use super::intake;
use super::store::Office;
use crate::accounts::Account;
use crate::vendor::{PortalAct, PortalObject, PortalOrder, PortalOutcome};

/// An appointment as it is after the act, and what is told of it.
struct Done {
    appointment: Appointment,
    actions: Vec<Action>,
}

fn existing(office: &Office, object: &PortalObject) -> Result<Appointment, String> {
    let id = object.id.as_deref().ok_or("this act needs `id` or `ids`")?;
    let known = id.parse().ok().and_then(|id: u64| office.appointments.get(&id));
    known.cloned().ok_or_else(|| format!("no appointment {id}"))
}

fn without_properties(object: &PortalObject) -> Result<(), String> {
    if object.properties.is_empty() {
        Ok(())
    } else {
        Err("this act takes no `properties`".to_owned())
    }
}

fn call_off(office: &Office, object: &PortalObject, is_no_show: bool) -> Result<Done, String> {
    without_properties(object)?;
    let mut appointment = existing(office, object)?;
    let mut actions = vec![Action::Changed];
    if !appointment.is_canceled {
        actions.insert(0, Action::Canceled);
    }
    appointment.is_canceled = true;
    appointment.is_no_show = is_no_show;
    Ok(Done { appointment, actions })
}

fn act_on(
    business: &Business,
    office: &Office,
    act: PortalAct,
    object: &PortalObject,
) -> Result<Done, String> {
    match act {
        PortalAct::Reschedule => {
            let mut appointment = existing(office, object)?;
            appointment.reschedule(business, &object.properties)?;
            Ok(Done { appointment, actions: vec![Action::Rescheduled, Action::Changed] })
        }
        PortalAct::Cancel => call_off(office, object, false),
        PortalAct::NoShow => call_off(office, object, true),
        PortalAct::Edit => {
            let mut appointment = existing(office, object)?;
            appointment.edit(&object.properties)?;
            Ok(Done { appointment, actions: vec![Action::Changed] })
        }
        PortalAct::Delete => {
            without_properties(object)?;
            let appointment = existing(office, object)?;
            Ok(Done { appointment, actions: vec![Action::Changed] })
        }
        PortalAct::Create
        | PortalAct::Update
        | PortalAct::Archive
        | PortalAct::Restore
        | PortalAct::GdprDelete
        | PortalAct::Merge
        | PortalAct::Associate
        | PortalAct::Dissociate
        | PortalAct::Decline
        | PortalAct::Complete => Err("Acuity has no such act".to_owned()),
    }
}

fn create(
    business: &Business,
    office: &Office,
    order: &PortalOrder,
    now: Timestamp,
) -> Result<Vec<Done>, String> {
    if order.objects.iter().any(|object| object.id.is_some()) {
        return Err("this act takes no ids".to_owned());
    }
    let objects = order.objects.iter().map(|object| Value::Object(object.properties.clone()));
    let made = intake::read(business, office, &objects.collect::<Vec<_>>(), now)?;
    let is_taken = |one: &&Appointment| office.appointments.contains_key(&one.id);
    if let Some(taken) = made.iter().find(is_taken) {
        return Err(format!("appointment {} exists", taken.id));
    }
    let actions = vec![Action::Scheduled, Action::Changed];
    let done = made.into_iter().map(|appointment| Done { appointment, actions: actions.clone() });
    Ok(done.collect())
}

/// Carries an act out, wholly or not at all.
pub fn run(
    account: &Account,
    office: &mut Office,
    order: &PortalOrder,
    now: Timestamp,
) -> Result<PortalOutcome, String> {
    if order.object_type.as_deref().is_some_and(|name| name != "appointment") {
        return Err("`type` can only be appointment".to_owned());
    }
    let business = Business::of(account)?;
    let done = if order.act == PortalAct::Create {
        create(&business, office, order, now)?
    } else {
        let each = order.objects.iter().enumerate().map(|(index, object)| {
            act_on(&business, office, order.act, object)
                .map_err(|reason| format!("object {index}: {reason}"))
        });
        each.collect::<Result<_, _>>()?
    };
    let mut outcome = PortalOutcome { ids: Vec::new(), events: Vec::new() };
    for Done { appointment, actions } in done {
        let id = appointment.id;
        outcome.events.extend(events::of_act(account, office, &appointment, &actions));
        outcome.ids.push(id.to_string());
        if order.act == PortalAct::Delete {
            office.appointments.remove(&id);
        } else {
            office.appointments.insert(id, appointment);
        }
    }
    Ok(outcome)
}
