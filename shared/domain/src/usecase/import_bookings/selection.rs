//! Importing what is named, by ids of appointments or of customers: the only way at a system that has no
//! list by date.

use super::window::Start;
use super::{ImportBookings, ImportDeps, ImportError};
use crate::keys::{Fingerprint, SeparatorInPart, import_fingerprint};
use crate::model::{ExternalId, InvalidField};
use crate::ports::{BookingSelection, BookingWindow};

/// So many ids are taken by one request, both kinds together.
pub const SELECTED_MAX: usize = 100;
/// The longest id that is taken; those of the vendors have some 40 characters.
const ID_MAX_BYTES: usize = 128;

/// The members of a request.
const BOOKINGS: &str = "booking_ids";
const CUSTOMERS: &str = "customer_ids";

/// What a caller names, each once and in an order of its own: the same ids are the same selection.
///
/// # Errors
/// The member at fault, by index where it is one id.
pub fn selection_of(
    booking_ids: &[&str],
    customer_ids: &[&str],
) -> Result<BookingSelection, InvalidField> {
    let count = booking_ids.len() + customer_ids.len();
    if !(1..=SELECTED_MAX).contains(&count) {
        let field = if booking_ids.is_empty() && count > 0 { CUSTOMERS } else { BOOKINGS };
        return Err(InvalidField::new(field, "must be 1 to 100 ids, both members together"));
    }
    let booking_ids = ids_of(BOOKINGS, booking_ids)?;
    Ok(BookingSelection { booking_ids, customer_ids: ids_of(CUSTOMERS, customer_ids)? })
}

fn ids_of(member: &str, ids: &[&str]) -> Result<Vec<ExternalId>, InvalidField> {
    let is_id = |id: &str| {
        (1..=ID_MAX_BYTES).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
    };
    if let Some(place) = ids.iter().position(|id| !is_id(id)) {
        let reason = "must be 1 to 128 printable ASCII characters without blanks";
        return Err(InvalidField::new(format!("{member}[{place}]"), reason));
    }
    let mut ids: Vec<_> = ids.iter().map(|id| ExternalId::new(*id)).collect();
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

/// Refuses a selection where the system reads by date, and a request that names nothing where it does
/// not.
pub(super) fn check(deps: &ImportDeps<'_>, command: &ImportBookings) -> Result<(), InvalidField> {
    let lists_by_date = deps.read.reader.lists_by_date();
    match &command.selection {
        Some(selection) if lists_by_date => {
            let reason = "is not taken for this system: it is imported by since and until";
            Err(InvalidField::new(member_of(selection), reason))
        }
        Some(_) if command.since.is_some() => Err(InvalidField::new("since", BESIDE)),
        Some(_) if command.until.is_some() => Err(InvalidField::new("until", BESIDE)),
        None if !lists_by_date && command.cursor.is_none() => {
            let reason = "or customer_ids is needed: this system has no list by date";
            Err(InvalidField::new(BOOKINGS, reason))
        }
        Some(_) | None => Ok(()),
    }
}

const BESIDE: &str = "can't be given beside booking_ids or customer_ids";

/// What a cursor keeps of a selection.
pub(super) fn fingerprint_of(selection: &BookingSelection) -> Result<Fingerprint, SeparatorInPart> {
    import_fingerprint(None, None, None, Some(selection))
}

/// The start of a call that imports a selection. No watermark moves with it.
pub(super) fn begin_selection(
    deps: &ImportDeps<'_>,
    selection: &BookingSelection,
    window: BookingWindow,
) -> Result<Start, ImportError> {
    let reader = deps.read.reader;
    let Some(position) = reader.selected(selection) else {
        let reason = "is no id of this system";
        return Err(InvalidField::new(foreign_id(deps, selection), reason).into());
    };
    Ok(Start {
        window,
        began_at: deps.read.clock.now(),
        moves_watermark: false,
        selection: Some(fingerprint_of(selection)?),
        position: Some(position),
    })
}

/// The first id that is none of the system's, by member and index; the first member if it is no single
/// id.
fn foreign_id(deps: &ImportDeps<'_>, selection: &BookingSelection) -> String {
    let BookingSelection { booking_ids, customer_ids } = selection;
    let is_foreign = |booking_ids: &[&ExternalId], customer_ids: &[&ExternalId]| {
        let owned = |ids: &[&ExternalId]| ids.iter().map(|id| (*id).clone()).collect();
        let (booking_ids, customer_ids) = (owned(booking_ids), owned(customer_ids));
        deps.read.reader.selected(&BookingSelection { booking_ids, customer_ids }).is_none()
    };
    if let Some(place) = booking_ids.iter().position(|id| is_foreign(&[id], &[])) {
        return format!("{BOOKINGS}[{place}]");
    }
    let place = customer_ids.iter().position(|id| is_foreign(&[], &[id]));
    place.map_or_else(|| member_of(selection).to_owned(), |it| format!("{CUSTOMERS}[{it}]"))
}

const fn member_of(selection: &BookingSelection) -> &'static str {
    if selection.booking_ids.is_empty() { CUSTOMERS } else { BOOKINGS }
}

#[cfg(test)]
mod tests {
    use super::selection_of;
    use crate::model::InvalidField;

    fn refused(booking_ids: &[&str], customer_ids: &[&str]) -> String {
        let InvalidField { field, .. } = selection_of(booking_ids, customer_ids).unwrap_err();
        field
    }

    #[test]
    fn selection_is_1_to_100_ids_of_either_kind() {
        let many = vec!["a"; 60];
        assert_eq!(refused(&[], &[]), "booking_ids");
        assert_eq!(refused(&many, &many), "booking_ids");
        assert_eq!(refused(&[], &vec!["a"; 101]), "customer_ids");
        let (bookings, customers) = (vec!["a"; 40], vec!["b"; 60]);
        let selection = selection_of(&bookings, &customers).unwrap();
        assert_eq!((selection.booking_ids.len(), selection.customer_ids.len()), (1, 1));
        assert_eq!(selection_of(&["b", "a"], &[]), selection_of(&["a", "b", "a"], &[]));
    }

    #[test]
    fn selection_takes_ids_of_printable_ascii_alone() {
        let longest = "x".repeat(128);
        assert!(selection_of(&["L1qX+/9~ab==", "a-b_c", &longest], &[]).is_ok());
        let longer = "x".repeat(129);
        for id in ["", " ", "a b", "a\u{1f}b", "a\nb", "a\u{7f}", "ä", &longer] {
            assert_eq!(refused(&["ok", id], &[]), "booking_ids[1]", "{id:?}");
            assert_eq!(refused(&["ok"], &[id]), "customer_ids[0]", "{id:?}");
        }
    }
}
