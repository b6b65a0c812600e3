//! Associations between the records of a portal, kept in both directions under HubSpot's own
//! association type ids.

use std::collections::{BTreeMap, BTreeSet};

use super::changes::{Change, Noted};
use super::object_types::ObjectType;

/// How two types can be associated.
struct Pair {
    from: &'static str,
    to: &'static str,
    unlabelled: u32,
    primary: Option<u32>,
}

const fn pair(from: &'static str, to: &'static str, unlabelled: u32, primary: Option<u32>) -> Pair {
    Pair { from, to, unlabelled, primary }
}

static PAIRS: [Pair; 6] = [
    pair("contact", "company", 279, Some(1)),
    pair("company", "contact", 280, Some(2)),
    pair("deal", "contact", 3, None),
    pair("contact", "deal", 4, None),
    pair("deal", "company", 341, Some(5)),
    pair("company", "deal", 342, Some(6)),
];

fn pair_of(from: &ObjectType, to: &ObjectType) -> Option<&'static Pair> {
    PAIRS.iter().find(|pair| pair.from == from.singular && pair.to == to.singular)
}

/// The association type id of a plain association; absent if the types can't be associated.
pub fn unlabelled_id(from: &ObjectType, to: &ObjectType) -> Option<u32> {
    pair_of(from, to).map(|pair| pair.unlabelled)
}

/// Whether the id stands for the primary company.
pub fn is_primary(from: &ObjectType, to: &ObjectType, type_id: u32) -> bool {
    pair_of(from, to).is_some_and(|pair| pair.primary == Some(type_id))
}

/// Whether the types can be associated under that id.
pub fn is_known(from: &ObjectType, to: &ObjectType, type_id: u32) -> bool {
    unlabelled_id(from, to) == Some(type_id) || is_primary(from, to, type_id)
}

/// The name of an association type where HubSpot gives no number.
pub fn type_name(from: &ObjectType, to: &ObjectType, type_id: u32) -> String {
    let name = format!("{}_to_{}", from.singular, to.singular);
    match pair_of(from, to) {
        Some(Pair { primary: Some(primary), .. }) if *primary != type_id => {
            format!("{name}_unlabeled")
        }
        Some(_) | None => name,
    }
}

/// One record of one type.
#[derive(Clone, Copy)]
pub struct End {
    /// Its type.
    pub object_type: &'static ObjectType,
    /// Its id.
    pub id: u64,
}

type Side = (&'static str, u64);

fn side(end: End) -> Side {
    (end.object_type.type_id, end.id)
}

/// The associations of one portal.
#[derive(Default)]
pub struct Links {
    by_side: BTreeMap<Side, BTreeMap<Side, BTreeSet<u32>>>,
    changes: Vec<Noted>,
}

impl Links {
    fn put(&mut self, from: End, to: End, type_id: u32) -> bool {
        let links = self.by_side.entry(side(from)).or_default();
        links.entry(side(to)).or_default().insert(type_id)
    }

    fn note(&mut self, ends: [End; 2], at_ms: i64, is_primary: bool, removed: bool) {
        for [from, to] in [ends, [ends[1], ends[0]]] {
            let (to_type, to) = (to.object_type, to.id);
            let change = Change::Linked { to_type, to, is_primary, removed };
            let (object_type, id) = (from.object_type, from.id);
            self.changes.push(Noted { object_type, id, at_ms, change });
        }
    }

    /// Drops the primary mark of every other company of `from`.
    fn demote_others(&mut self, from: End, to: End, primary: u32) {
        let Some(links) = self.by_side.get_mut(&side(from)) else { return };
        let mut demoted = Vec::new();
        for (other, types) in links.iter_mut().filter(|(other, _)| **other != side(to)) {
            if other.0 == to.object_type.type_id && types.remove(&primary) {
                demoted.push(*other);
            }
        }
        let reverse = pair_of(to.object_type, from.object_type).and_then(|pair| pair.primary);
        for other in demoted {
            if let (Some(back), Some(reverse)) = (self.by_side.get_mut(&other), reverse) {
                back.entry(side(from)).or_default().remove(&reverse);
            }
        }
    }

    /// Associates two records in both directions; says whether anything is different now. The
    /// primary association brings the plain one with it. Types that can't be associated stay as
    /// they are.
    pub fn associate(&mut self, from: End, to: End, as_primary: bool, at_ms: i64) -> bool {
        let forth = pair_of(from.object_type, to.object_type);
        let back = pair_of(to.object_type, from.object_type);
        let (Some(forth), Some(back)) = (forth, back) else { return false };
        let mut changed = self.put(from, to, forth.unlabelled);
        self.put(to, from, back.unlabelled);
        if changed {
            self.note([from, to], at_ms, false, false);
        }
        if let (true, Some(primary), Some(reverse)) = (as_primary, forth.primary, back.primary)
            && self.put(from, to, primary)
        {
            self.put(to, from, reverse);
            // A contact or deal has one primary company; a company is that of many.
            let (owner, company, id) = if from.object_type.singular == "company" {
                (to, from, reverse)
            } else {
                (from, to, primary)
            };
            self.demote_others(owner, company, id);
            self.note([from, to], at_ms, true, false);
            changed = true;
        }
        changed
    }

    /// Takes an association away with all its labels; says whether there was one.
    pub fn dissociate(&mut self, from: End, to: End, at_ms: i64) -> bool {
        let mut taken = None;
        if let Some(links) = self.by_side.get_mut(&side(from)) {
            taken = links.remove(&side(to));
        }
        if let Some(links) = self.by_side.get_mut(&side(to)) {
            links.remove(&side(from));
        }
        let Some(types) = taken else { return false };
        let mut types = types.into_iter();
        let was_primary = types.any(|id| is_primary(from.object_type, to.object_type, id));
        self.note([from, to], at_ms, was_primary, true);
        true
    }

    /// The records of a type that are associated with `from`, by id, and how.
    pub fn of(&self, from: End, to_type: &'static ObjectType) -> Vec<(u64, Vec<u32>)> {
        let links = self.by_side.get(&side(from)).into_iter().flatten();
        links
            .filter(|((type_id, _), _)| *type_id == to_type.type_id)
            .map(|((_, id), types)| (*id, types.iter().copied().collect()))
            .collect()
    }

    /// Moves all associations of one record to another of the same type, without notes: a merge
    /// is told as such.
    pub fn move_all(&mut self, from: End, to: End) {
        for (other, types) in self.by_side.remove(&side(from)).unwrap_or_default() {
            self.by_side.entry(side(to)).or_default().entry(other).or_default().extend(types);
            if let Some(back) = self.by_side.get_mut(&other)
                && let Some(types) = back.remove(&side(from))
            {
                back.entry(side(to)).or_default().extend(types);
            }
        }
    }

    /// Forgets all associations of a record, without notes.
    pub fn forget(&mut self, end: End) {
        for other in self.by_side.remove(&side(end)).unwrap_or_default().into_keys() {
            if let Some(back) = self.by_side.get_mut(&other) {
                back.remove(&side(end));
            }
        }
    }

    /// Gives and forgets the noted changes.
    pub fn take_changes(&mut self) -> Vec<Noted> {
        std::mem::take(&mut self.changes)
    }
}

#[cfg(test)]
mod tests {
    use super::{End, Links};
    use crate::hubspot::object_types::{COMPANY, CONTACT, DEAL};

    const ADA: End = End { object_type: &CONTACT, id: 1 };
    const ACME: End = End { object_type: &COMPANY, id: 1 };
    const BETA: End = End { object_type: &COMPANY, id: 2 };

    #[test]
    fn associate_keeps_both_directions_and_is_noted_once() {
        let mut links = Links::default();
        assert!(links.associate(ADA, ACME, false, 5));
        assert!(!links.associate(ACME, ADA, false, 6));
        assert_eq!(links.of(ADA, &COMPANY), [(1, vec![279])]);
        assert_eq!(links.of(ACME, &CONTACT), [(1, vec![280])]);
        assert!(links.of(ADA, &DEAL).is_empty());
        assert_eq!(links.take_changes().len(), 2);
        assert!(links.dissociate(ACME, ADA, 7));
        assert!(links.of(ADA, &COMPANY).is_empty());
    }

    #[test]
    fn primary_company_replaces_the_earlier_one_and_keeps_the_plain_link() {
        let mut links = Links::default();
        links.associate(ADA, ACME, true, 5);
        links.associate(BETA, ADA, true, 6);
        assert_eq!(links.of(ADA, &COMPANY), [(1, vec![279]), (2, vec![1, 279])]);
        assert_eq!(links.of(ACME, &CONTACT), [(1, vec![280])]);
    }

    #[test]
    fn move_all_joins_the_associations_of_two_records() {
        let mut links = Links::default();
        let bob = End { id: 2, ..ADA };
        links.associate(ADA, ACME, false, 5);
        links.associate(bob, BETA, true, 5);
        links.move_all(bob, ADA);
        assert_eq!(links.of(ADA, &COMPANY), [(1, vec![279]), (2, vec![1, 279])]);
        assert_eq!(links.of(BETA, &CONTACT), [(1, vec![2, 280])]);
        links.forget(ADA);
        assert!(links.of(BETA, &CONTACT).is_empty());
    }
}
