//! A person's lists of emails and phone numbers: ours becomes the primary one, the others stay.
//!
//! Whether a PATCH replaces a list is not documented, so a list is always sent whole, and only when
//! it would change.

use super::wire::{Entry, NewEntry};

/// The label of an entry that has none; it is the vendor's own default.
const DEFAULT_LABEL: &str = "work";

/// What becomes of a list.
#[derive(Debug, PartialEq, Eq)]
pub enum Merged {
    /// It is as it should be.
    Unchanged,
    /// It is to be written so.
    Changed(Vec<NewEntry>),
    /// Which entry is meant can't be told.
    Ambiguous,
}

/// The entry that counts: the primary one, else the first; placeholders without a value don't.
pub fn primary(entries: &[Entry]) -> Option<&str> {
    let mut real = entries.iter().filter(|entry| entry.value.get().is_some());
    let first = real.clone().next();
    real.find(|entry| entry.primary.is_set()).or(first).and_then(|entry| entry.value.get())
}

/// The list in which the wanted value is the primary one. `is_same` tells it in another spelling,
/// which is kept.
pub fn with_primary(entries: &[Entry], wanted: &str, is_same: impl Fn(&str) -> bool) -> Merged {
    if primary(entries).is_some_and(&is_same) {
        return Merged::Unchanged;
    }
    let ours_at = entries.iter().position(|entry| entry.value.get().is_some_and(&is_same));
    let ours = ours_at.and_then(|at| entries.get(at)).map_or_else(
        || NewEntry { value: wanted.to_owned(), primary: true, label: DEFAULT_LABEL.to_owned() },
        |entry| new_entry(entry, true),
    );
    // By its place: further spellings of the same, with labels of their own, are people's.
    let others = entries.iter().enumerate().filter(|(at, _entry)| Some(*at) != ours_at);
    let others = others.map(|(_at, entry)| entry).filter(|entry| entry.value.get().is_some());
    let others = others.map(|entry| new_entry(entry, false));
    Merged::Changed([ours].into_iter().chain(others).collect())
}

/// The list without its only entry. Of several, nobody can say which one the caller means, and what
/// people have entered is not thrown away.
pub fn cleared(entries: &[Entry]) -> Merged {
    match entries.iter().filter(|entry| entry.value.get().is_some()).count() {
        0 => Merged::Unchanged,
        1 => Merged::Changed(Vec::new()),
        _ => Merged::Ambiguous,
    }
}

fn new_entry(entry: &Entry, primary: bool) -> NewEntry {
    NewEntry {
        value: entry.value.get().unwrap_or_default().to_owned(),
        primary,
        label: entry.label.get().unwrap_or(DEFAULT_LABEL).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Merged, cleared, primary, with_primary};
    use crate::pipedrive::wire::Entry;

    fn entries(entries: Value) -> Vec<Entry> {
        serde_json::from_value(entries).unwrap()
    }

    fn changed(merged: &Merged) -> Value {
        let Merged::Changed(entries) = merged else { panic!("{merged:?}") };
        serde_json::to_value(entries).unwrap()
    }

    #[test]
    fn wanted_value_becomes_primary_and_the_others_stay() {
        let present = entries(json!([
            {"value": "", "primary": true},
            {"value": "old@b.co", "primary": true, "label": "home"},
            {"value": "A@b.co", "primary": false, "label": "other"},
        ]));
        assert_eq!(primary(&present), Some("old@b.co"));
        let same = |text: &str| text.eq_ignore_ascii_case("a@b.co");
        assert_eq!(
            changed(&with_primary(&present, "a@b.co", same)),
            json!([
                {"value": "A@b.co", "primary": true, "label": "other"},
                {"value": "old@b.co", "primary": false, "label": "home"},
            ])
        );
        assert_eq!(
            changed(&with_primary(&present, "new@b.co", |text| text == "new@b.co"))[0],
            json!({"value": "new@b.co", "primary": true, "label": "work"})
        );
        let first = entries(json!([{"value": "a@b.co"}, {"value": "x@b.co"}]));
        assert_eq!(with_primary(&first, "a@b.co", same), Merged::Unchanged);
    }

    #[test]
    fn further_spellings_of_the_wanted_value_stay() {
        let present = entries(json!([
            {"value": "old@b.co", "primary": true},
            {"value": "A@b.co", "label": "home"},
            {"value": "a@B.co", "label": "other"},
        ]));
        let same = |text: &str| text.eq_ignore_ascii_case("a@b.co");
        assert_eq!(
            changed(&with_primary(&present, "a@b.co", same)),
            json!([
                {"value": "A@b.co", "primary": true, "label": "home"},
                {"value": "old@b.co", "primary": false, "label": "work"},
                {"value": "a@B.co", "primary": false, "label": "other"},
            ])
        );
    }

    #[test]
    fn list_of_several_is_not_cleared() {
        assert_eq!(cleared(&entries(json!([{"value": "", "primary": true}]))), Merged::Unchanged);
        assert_eq!(changed(&cleared(&entries(json!([{"value": "1"}])))), json!([]));
        let several = entries(json!([{"value": "1"}, {"value": "2"}]));
        assert_eq!(cleared(&several), Merged::Ambiguous);
    }
}
