//! Where to look for namesakes: blocks of clients whose names have the same ends.
//!
//! A block is named by the first and the last letter of one word of the first name and of one of the
//! last, in a fixed order. So it survives accents, swapped names and slips inside of a word; short
//! forms are looked up under the full name.
//!
//! A client is listed once, under the beginnings of first and last name, and is looked for under every
//! pair of words: `Maria Garcia` is found by `Maria Garcia Lopez` and the other way round. Not found
//! is who was listed under a word that the other name lacks.

use std::collections::BTreeSet;

use super::parts::Parts;
use super::short_forms::full_form;
use crate::model::ComparedName;

/// The blocks of a name; none for one that is a single word, which is too little to know anybody by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NameBlocks {
    /// Where a client of this name is listed.
    pub home: Option<String>,
    /// Where namesakes may be listed, `home` included: a handful.
    pub looked_up: BTreeSet<String>,
}

/// The blocks of a name.
pub fn blocks_of(name: &ComparedName) -> NameBlocks {
    let parts = Parts::of(name);
    let (first, last) = (forms(&parts.first), forms(&parts.last));
    let pairs: Vec<_> = if parts.first.is_empty() || parts.last.is_empty() {
        let words: Vec<_> = parts.words().map(full_form).collect();
        let behind = |index: usize| words.iter().skip(index + 1).rev();
        let pairs = words.iter().enumerate();
        pairs.flat_map(|(index, one)| behind(index).map(move |two| block(one, two))).collect()
    } else {
        first.iter().flat_map(|one| last.iter().map(move |two| block(one, two))).collect()
    };
    NameBlocks { home: pairs.first().cloned(), looked_up: pairs.into_iter().collect() }
}

/// The words of a field, the first one first, and all as one word, as some write them.
fn forms(words: &[&str]) -> Vec<String> {
    let mut forms: Vec<_> = words.iter().map(|word| full_form(word).to_owned()).collect();
    if words.len() > 1 {
        forms.push(words.concat());
    }
    forms
}

fn block(one: &str, two: &str) -> String {
    let (one, two) = (ends(one), ends(two));
    if one <= two { format!("{one} {two}") } else { format!("{two} {one}") }
}

/// A last `z` counts as an `s`, as it does between names.
fn ends(word: &str) -> String {
    let last = word.chars().next_back().map(|letter| if letter == 'z' { 's' } else { letter });
    word.chars().next().into_iter().chain(last).collect()
}
