//! A name in the form that names are compared in, made and read.
//!
//! The form is text, because it is stored: words of the first name, a comma, words of the last name,
//! and behind another comma which of that name in the family, unless the first: `john paul,smith,2`.

use super::fold::{Folded, fold};
use super::words::{generation, is_degree, is_particle, is_placeholder, is_title};
use super::{FIELD_MAX_WORDS, WORD_MAX_LETTERS};
use crate::model::ComparedName;

const FIELD_END: char = ',';

/// The name in the form that names are compared in. `None` where there is none: no letter, or only
/// words that stand for one, such as `Walk-In`.
pub fn compared_name(first: Option<&str>, last: Option<&str>) -> Option<ComparedName> {
    // A hyphen makes one first name of two, and a double name of two last names.
    let mut fields = [words_of(first, ""), words_of(last, " ")];
    if fields.iter().flatten().all(|word| is_placeholder(word)) {
        return None;
    }
    let generation = strip_generation(&mut fields);
    let (first_is_all, last_is_all) = (fields[1].is_empty(), fields[0].is_empty());
    let [first, last] = fields;
    // `Dr`, `Smith` is how a form without a field for titles is filled in.
    let first = without_titles(first, if first_is_all { 1 } else { 0 });
    let fields = [
        with_particles_joined(first, first_is_all),
        with_particles_joined(without_titles(last, 1), last_is_all),
    ];
    let [first, last] = fields.map(|words| words.join(" "));
    let text = match generation {
        1 => format!("{first}{FIELD_END}{last}"),
        _ => format!("{first}{FIELD_END}{last}{FIELD_END}{generation}"),
    };
    Some(ComparedName::new(text))
}

fn words_of(text: Option<&str>, hyphen: &str) -> Vec<String> {
    let mut line = String::new();
    for folded in fold(text.unwrap_or_default()) {
        match folded {
            Folded::Letter(letter) => line.push(letter),
            Folded::Hyphen => line.push_str(hyphen),
            Folded::Gap => line.push(' '),
        }
    }
    line.split_whitespace().map(str::to_owned).collect()
}

/// Takes degrees and generations off the end of either field, as long as a word is left in it.
fn strip_generation(fields: &mut [Vec<String>; 2]) -> u8 {
    let mut found = 1;
    for words in fields {
        while words.len() > 1 {
            let Some(last) = words.last() else { break };
            match generation(last) {
                Some(number) => found = number.max(found),
                None if is_degree(last) => {}
                None => break,
            }
            words.pop();
        }
    }
    found
}

/// Leaves so many words.
fn without_titles(mut words: Vec<String>, least: usize) -> Vec<String> {
    while words.len() > least && words.first().is_some_and(|word| is_title(word)) {
        words.remove(0);
    }
    words
}

/// `is_whole`: the field holds the whole name, so that it begins with a first name and not with a
/// particle: `Al Green`.
fn with_particles_joined(words: Vec<String>, is_whole: bool) -> Vec<String> {
    let mut joined: Vec<String> = Vec::new();
    let mut prefix = String::new();
    let last = words.len().saturating_sub(1);
    for (index, word) in words.into_iter().enumerate() {
        let begins_whole = is_whole && index == 0;
        prefix.push_str(&word);
        if is_particle(&word) && index < last && !begins_whole {
            continue;
        }
        joined.push(std::mem::take(&mut prefix).chars().take(WORD_MAX_LETTERS).collect());
    }
    joined.truncate(FIELD_MAX_WORDS);
    joined
}

/// The words of a compared name.
pub(super) struct Parts<'a> {
    pub first: Vec<&'a str>,
    pub last: Vec<&'a str>,
    pub generation: &'a str,
}

impl<'a> Parts<'a> {
    pub(super) fn of(name: &'a ComparedName) -> Self {
        let mut fields = name.expose().split(FIELD_END);
        let mut words = || {
            let field: &str = fields.next().unwrap_or_default();
            field.split_whitespace().take(FIELD_MAX_WORDS).collect()
        };
        let (first, last) = (words(), words());
        Self { first, last, generation: fields.next().unwrap_or("1") }
    }

    pub(super) fn words(&self) -> impl Iterator<Item = &'a str> {
        self.first.iter().chain(&self.last).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::compared_name;

    fn form(first: &str, last: &str) -> Option<String> {
        let name = compared_name(Some(first), Some(last));
        name.map(|name| name.expose().to_owned())
    }

    #[test]
    fn name_is_freed_of_what_is_no_part_of_it() {
        for (first, last, expected) in [
            ("Dr. Anna", "O'Brien", "anna,obrien"),
            ("Jean-Paul", "Smith-Jones", "jeanpaul,smith jones"),
            ("John", "Smith, Jr.", "john,smith,2"),
            ("John III", "Smith", "john,smith,3"),
            ("Frau", "Schmidt", ",schmidt"),
            ("Mr", "", "mr,"),
            ("Michael", "Herr", "michael,herr"),
            ("Ludwig", "van der Berg PhD", "ludwig,vanderberg"),
            ("Al Green", "", "al green,"),
            ("  María\u{1f}José ", "de la Cruz", "maria jose,delacruz"),
            ("王", "芳", "王,芳"),
        ] {
            assert_eq!(form(first, last).as_deref(), Some(expected), "{first} {last}");
        }
    }

    #[test]
    fn name_that_is_none_has_no_form() {
        for (first, last) in
            [("", ""), ("-", "?"), ("Walk-In", "Client"), ("N/A", ""), ("12", "34"), ("Test", "X")]
        {
            assert_eq!(form(first, last), None, "{first} {last}");
        }
    }
}
