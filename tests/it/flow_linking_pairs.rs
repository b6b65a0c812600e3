//! Linking measured on labelled pairs of people: tests/fixtures/bookings/README.md says how they were
//! made and labelled. The first of a pair is stored, then the second is linked.

use std::collections::BTreeMap;

use serde_json::Value;
use sync_domain::linking::lookup_of;
use sync_domain::model::{LinkRule, Person};

use crate::support::cloud::root;
use crate::support::linking_world::{LinkingWorld, person};

/// Kinds of which the product says one client, though they are two people: whose mailbox it is;
/// where no mailbox tells, whose number; where nothing at all tells, whose name.
const ONE_BY_DEFINITION: [&str; 3] = ["family_email", "family_phone", "namesake_nothing_against"];

struct Pair {
    kind: String,
    is_same: bool,
    /// Written when the tables of names were done, and not looked at for them.
    is_held_out: bool,
    people: [Person; 2],
    text: String,
}

impl Pair {
    fn read(line: &str) -> Self {
        let row: Value = serde_json::from_str(line).unwrap();
        let people = ["a", "b"].map(|side| {
            let field = |index: usize| row[side][index].as_str().unwrap();
            person(field(0), field(1), field(2), field(3))
        });
        let is_same = match row["label"].as_str().unwrap() {
            "same" => true,
            "different" => false,
            other => panic!("{other} is no label"),
        };
        let kind = row["kind"].as_str().unwrap().to_owned();
        let is_held_out = row["held_out"].as_bool().unwrap_or_default();
        Self { kind, is_same, is_held_out, people, text: line.to_owned() }
    }

    fn is_measured(&self) -> bool {
        !ONE_BY_DEFINITION.contains(&self.kind.as_str())
    }

    /// The rule that made one client of the two.
    fn merged_by(&self) -> Option<LinkRule> {
        let [first, second] = &self.people;
        merged_by(first, second)
    }

    /// Whether an identifier is the same, and whether one that both have is another.
    fn identifiers(&self) -> (bool, bool) {
        let world = LinkingWorld::default();
        let keys = |person: &Person, kind: usize| {
            let only = match kind {
                0 => Person { email: person.email.clone(), ..Person::default() },
                _ => Person { phone: person.phone.clone(), ..Person::default() },
            };
            lookup_of(&world.tenant, &only).unwrap().identifiers
        };
        let [first, second] = &self.people;
        let kinds = [0, 1].map(|kind| (keys(first, kind), keys(second, kind)));
        let known = kinds.iter().filter(|(ours, theirs)| !ours.is_empty() && !theirs.is_empty());
        let equal: Vec<bool> = known.map(|(ours, theirs)| ours == theirs).collect();
        (equal.contains(&true), equal.contains(&false))
    }
}

fn merged_by(first: &Person, second: &Person) -> Option<LinkRule> {
    let world = LinkingWorld::default();
    let (client, _) = world.book(first)?;
    world.book(second).filter(|linked| linked.0 == client).map(|(_, rule)| rule)
}

fn pairs() -> Vec<Pair> {
    let path = root().join("tests/fixtures/bookings/client_pairs.jsonl");
    std::fs::read_to_string(path).unwrap().lines().map(Pair::read).collect()
}

/// How many of the merged are one, and how many of those that are one were merged.
#[derive(Clone, Copy, Default)]
struct Tally {
    merged: u32,
    merged_rightly: u32,
    same: u32,
}

impl Tally {
    fn add(&mut self, is_same: bool, is_merged: bool) {
        self.merged += u32::from(is_merged);
        self.merged_rightly += u32::from(is_merged && is_same);
        self.same += u32::from(is_same);
    }

    fn precision(&self) -> f64 {
        f64::from(self.merged_rightly) / f64::from(self.merged)
    }

    fn recall(&self) -> f64 {
        f64::from(self.merged_rightly) / f64::from(self.same)
    }

    fn print(&self, what: &str) {
        println!(
            "{what}: precision {:.3} ({} of {}), recall {:.3} (of {})",
            self.precision(),
            self.merged_rightly,
            self.merged,
            self.recall(),
            self.same,
        );
    }
}

#[test]
fn link_of_labelled_pairs_is_as_precise_and_complete_as_was_measured() {
    let pairs = pairs();
    assert!(pairs.len() >= 500, "{}", pairs.len());
    let [mut all, mut measured, mut named, mut held_out] = [Tally::default(); 4];
    let mut kinds: BTreeMap<&str, (Tally, u32)> = BTreeMap::new();
    for pair in &pairs {
        let rule = pair.merged_by();
        all.add(pair.is_same, rule.is_some());
        let (kind, count) = kinds.entry(&pair.kind).or_default();
        kind.add(pair.is_same, rule.is_some());
        *count += 1;
        if pair.is_measured() {
            measured.add(pair.is_same, rule.is_some());
            if pair.is_held_out {
                held_out.add(pair.is_same, rule.is_some());
            }
            if rule.is_some() != pair.is_same {
                println!("{}: {}", rule.map_or("apart", LinkRule::as_str), pair.text);
            }
        }
        if pair.is_measured() && pair.identifiers() == (false, false) {
            named.add(pair.is_same, rule.is_some());
        }
    }
    for (kind, (tally, count)) in &kinds {
        println!("{kind}: {} of {count} merged", tally.merged);
    }
    all.print("with what is one client by definition");
    measured.print("all rules");
    named.print("name rule alone");
    held_out.print("held out");
    assert!(measured.precision() >= 0.97, "{}", measured.precision());
    assert!(measured.recall() >= 0.80, "{}", measured.recall());
    assert!(named.precision() >= 0.97, "{}", named.precision());
    assert!(named.recall() >= 0.80, "{}", named.recall());
    assert!(held_out.precision() >= 0.90, "{}", held_out.precision());
    assert!(held_out.recall() >= 0.85, "{}", held_out.recall());
}

#[test]
fn link_by_name_merges_no_labelled_pair_with_another_identifier() {
    let mut count = 0;
    for pair in pairs() {
        let (_, is_conflicting) = pair.identifiers();
        if is_conflicting {
            let [first, second] = &pair.people;
            assert_ne!(merged_by(first, second), Some(LinkRule::Name), "{}", pair.text);
            assert_ne!(merged_by(second, first), Some(LinkRule::Name), "{}", pair.text);
            count += 1;
        }
    }
    assert!(count >= 80, "{count}");
}
