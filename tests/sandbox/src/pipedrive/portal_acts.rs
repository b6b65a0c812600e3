//! A user's acts in Pipedrive's own interface: the same changes as through the API, without its
//! limits, and restoring and merging of every type.

use serde_json::json;

use super::drafts::{self, Draft};
use super::object_types::Object;
use super::records::{Change, Desk};
use crate::vendor::{PortalAct, PortalObject, PortalOrder};

fn type_of(name: &str) -> Result<Object, String> {
    Object::from_control_name(name).ok_or_else(|| format!("unknown object type `{name}`"))
}

fn number(id: &str) -> Result<u64, String> {
    id.parse().map_err(|_| format!("id `{id}` is not a decimal number"))
}

fn id_of(object: &PortalObject) -> Result<u64, String> {
    number(object.id.as_deref().ok_or("this act needs `id` or `ids`")?)
}

fn told<T>(result: Result<T, super::errors::Refusal>) -> Result<T, String> {
    result.map_err(|refusal| refusal.message())
}

fn draft(desk: &Desk<'_>, object: Object, given: &PortalObject) -> Result<Draft, String> {
    let is_new = given.id.is_none();
    told(drafts::read(desk.account, desk.company, object, &given.properties, is_new))
}

/// The member that holds the link between two types, and whether it is on the first one.
fn link_member(object: Object, to: Object) -> Result<(&'static str, bool), String> {
    match (object, to) {
        (Object::Person | Object::Deal, Object::Organization) => Ok(("org_id", true)),
        (Object::Organization, Object::Person | Object::Deal) => Ok(("org_id", false)),
        (Object::Deal, Object::Person) => Ok(("person_id", true)),
        (Object::Person, Object::Deal) => Ok(("person_id", false)),
        (Object::Person, Object::Person)
        | (Object::Organization, Object::Organization)
        | (Object::Deal, Object::Deal) => {
            Err(format!("a {} can't be associated with a {}", object.name(), to.name()))
        }
    }
}

fn link(
    desk: &mut Desk<'_>,
    object: Object,
    order: &PortalOrder,
    id: u64,
) -> Result<Option<Change>, String> {
    let (to_name, to_id) = order.to.as_ref().ok_or("this act needs `to_type` and `to_id`")?;
    let (to, to_id) = (type_of(to_name)?, number(to_id)?);
    let (member, is_on_first) = link_member(object, to)?;
    told(desk.present(to, to_id))?;
    told(desk.present(object, id))?;
    let (holder, held, named) = if is_on_first { (object, id, to_id) } else { (to, to_id, id) };
    let current = told(desk.present(holder, held))?.content.id(member);
    let wanted = if order.act == PortalAct::Associate {
        Some(named)
    } else {
        current.filter(|current| *current != named)
    };
    let mut draft = Draft::default();
    draft.values.insert(member.to_owned(), json!(wanted));
    told(desk.update(holder, held, &draft))
}

fn act_on(
    desk: &mut Desk<'_>,
    object: Object,
    order: &PortalOrder,
    given: &PortalObject,
) -> Result<(u64, Option<Change>), String> {
    if order.act == PortalAct::Create {
        if given.id.is_some() {
            return Err("this act takes no ids".to_owned());
        }
        let draft = draft(desk, object, given)?;
        let change = told(desk.create(object, &draft))?;
        let id = change.after.as_ref().map(|record| record.id).unwrap_or_default();
        return Ok((id, Some(change)));
    }
    let id = id_of(given)?;
    let change = match order.act {
        PortalAct::Update => {
            let draft = draft(desk, object, given)?;
            told(desk.update(object, id, &draft))?
        }
        PortalAct::Archive => Some(told(desk.bin(object, id))?),
        PortalAct::Restore => Some(told(desk.restore(object, id))?),
        PortalAct::Associate | PortalAct::Dissociate => link(desk, object, order, id)?,
        PortalAct::Create
        | PortalAct::Merge
        | PortalAct::GdprDelete
        | PortalAct::Reschedule
        | PortalAct::Cancel
        | PortalAct::NoShow
        | PortalAct::Decline
        | PortalAct::Complete
        | PortalAct::Edit
        | PortalAct::Delete => return Err("Pipedrive has no such act".to_owned()),
    };
    Ok((id, change))
}

/// Carries an act out, and gives its records and the changes. After an error some of them may have
/// been changed.
pub fn run(desk: &mut Desk<'_>, order: &PortalOrder) -> Result<(Vec<u64>, Vec<Change>), String> {
    let object = type_of(order.object_type.as_deref().ok_or("this act needs `type`")?)?;
    if order.act == PortalAct::Merge {
        let (Some(kept), Some(other)) = (order.objects.first(), &order.merge_id) else {
            return Err("`merge` needs `id` and `merge_id`".to_owned());
        };
        let kept = id_of(kept)?;
        let changes = told(desk.merge(object, kept, number(other)?))?;
        return Ok((vec![kept], changes));
    }
    let mut done = (Vec::new(), Vec::new());
    for (index, given) in order.objects.iter().enumerate() {
        let (id, change) = act_on(desk, object, order, given)
            .map_err(|reason| format!("object {index}: {reason}"))?;
        done.0.push(id);
        done.1.extend(change);
    }
    Ok(done)
}
