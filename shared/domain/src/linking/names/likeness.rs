//! How much two names are alike.
//!
//! A name begins with all thousand thousandths and loses some for each thing that differs; one that
//! could be another person's is `UNSURE_MAX` at most, however like it looks.

use super::parts::Parts;
use super::tokens::{Gap, first_name_gap, gap};
use crate::model::ComparedName;

/// From here on two names are surely one, with a slip or in another form.
pub const ALIKE: f64 = 0.9;

/// The most that names get which only look alike.
const UNSURE_MAX: f64 = 0.89;

/// What a full name may lose, in thousandths.
const WHOLE: usize = 1000;
const SHORT_FORM_COSTS: usize = 30;
const MIDDLE_INITIAL_COSTS: usize = 20;
const MIDDLE_NAME_COSTS: usize = 40;
const HALF_OF_LAST_NAME_COSTS: usize = 60;

/// How much two names are alike, from 0 to 1 and the same both ways; [`ALIKE`] is the line. One word
/// is alike only to itself, and no name to none.
pub fn score(one: &ComparedName, other: &ComparedName) -> f64 {
    let (ours, theirs) = (Parts::of(one), Parts::of(other));
    if ours.words().next().is_none() || theirs.words().next().is_none() {
        return 0.0;
    }
    if one == other {
        return 1.0;
    }
    let (ours_read, theirs_read) = (Reading::of(&ours), Reading::of(&theirs));
    let pairs = ours_read.iter().flat_map(|ours| theirs_read.iter().map(move |it| (ours, it)));
    let costs = pairs.flat_map(|(ours, theirs)| {
        // Not both swapped: it would make first names of two last names.
        [ours.cost(theirs), ours.swapped().cost(theirs), ours.cost(&theirs.swapped())]
    });
    let left = costs.flatten().min().map_or(0, |cost| WHOLE.saturating_sub(cost));
    let score = u32::try_from(left).map_or(0.0, f64::from) / 1000.0;
    if score >= ALIKE && ours.generation == theirs.generation {
        return score;
    }
    strsim::jaro_winkler(&sorted(&ours), &sorted(&theirs)).min(UNSURE_MAX)
}

fn sorted(parts: &Parts<'_>) -> String {
    let mut words: Vec<_> = parts.words().collect();
    words.sort_unstable();
    words.join(" ")
}

/// One way to read a name as first and last: people swap the fields, or put all in one.
struct Reading<'a> {
    first: Vec<&'a str>,
    last: Vec<&'a str>,
}

impl<'a> Reading<'a> {
    /// As it stands; every way to cut it where one field holds all. None of a single word.
    fn of(parts: &Parts<'a>) -> Vec<Self> {
        if !parts.first.is_empty() && !parts.last.is_empty() {
            return vec![Self { first: parts.first.clone(), last: parts.last.clone() }];
        }
        let words: Vec<_> = parts.words().collect();
        let cut = |at: usize| {
            let (first, last) = words.split_at(at);
            Self { first: first.to_vec(), last: last.to_vec() }
        };
        (1..words.len()).map(cut).collect()
    }

    fn swapped(&self) -> Self {
        Self { first: self.last.clone(), last: self.first.clone() }
    }

    /// What tells the two apart, in thousandths; `None` if they are two names.
    fn cost(&self, other: &Self) -> Option<usize> {
        let letters =
            |it: &Self| it.first.iter().chain(&it.last).map(|word| word.chars().count()).sum();
        let letters = Ord::max(letters(self), letters(other));
        let (first, first_slips) = first_names_cost(&self.first, &other.first)?;
        let (last, last_slips) = last_names_cost(&self.last, &other.last)?;
        let slips = first_slips + last_slips;
        Some(first + last + (slips * WHOLE).div_ceil(letters))
    }
}

type Cost = (usize, usize);

/// What it costs, and how many slips there are besides. The first word is what somebody is called;
/// of the others some may be missing or be an initial.
fn first_names_cost(ours: &[&str], theirs: &[&str]) -> Option<Cost> {
    if ours.concat() == theirs.concat() {
        return Some((0, 0));
    }
    let ((our_first, ours), (their_first, theirs)) = (ours.split_first()?, theirs.split_first()?);
    let (cost, slips) = match first_name_gap(our_first, their_first) {
        Gap::None => (0, 0),
        Gap::ShortForm => (SHORT_FORM_COSTS, 0),
        Gap::Slip => (0, 1),
        Gap::Whole => return None,
    };
    Some((cost + middle_names_cost(ours, theirs)?, slips))
}

fn middle_names_cost(ours: &[&str], theirs: &[&str]) -> Option<usize> {
    let common = ours.len().min(theirs.len());
    let pairs = ours.iter().zip(theirs);
    let mut cost = if ours.len() == theirs.len() { 0 } else { MIDDLE_NAME_COSTS };
    for (ours, theirs) in pairs.take(common) {
        if is_initial_of(ours, theirs) || is_initial_of(theirs, ours) {
            cost += MIDDLE_INITIAL_COSTS;
        } else if gap(ours, theirs) != Gap::None {
            return None;
        }
    }
    Some(cost)
}

fn is_initial_of(short: &str, long: &str) -> bool {
    let mut letters = short.chars();
    let initial = letters.next();
    letters.next().is_none() && short != long && long.chars().next() == initial
}

/// Of a double name one half may be missing.
fn last_names_cost(ours: &[&str], theirs: &[&str]) -> Option<Cost> {
    if ours.concat() == theirs.concat() {
        return Some((0, 0));
    }
    if ours.len() == theirs.len() {
        let mut slips = 0;
        for (ours, theirs) in ours.iter().zip(theirs) {
            match gap(ours, theirs) {
                Gap::None => {}
                Gap::Slip => slips += 1,
                Gap::ShortForm | Gap::Whole => return None,
            }
        }
        return Some((0, slips));
    }
    let (fewer, more) = if ours.len() < theirs.len() { (ours, theirs) } else { (theirs, ours) };
    let is_there = |word: &&str| more.iter().any(|other| gap(word, other) == Gap::None);
    fewer.iter().all(is_there).then_some((HALF_OF_LAST_NAME_COSTS, 0))
}
