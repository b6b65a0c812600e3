//! How two words of names differ.

use super::not_typos::is_known_name;
use super::short_forms::full_form;

/// The shortest word in which two letters that changed places are a slip. `Jon` and `John`, `Ann` and
/// `Anna`, `Li` and `Lee` are names of their own.
const SWAP_MIN_LETTERS: usize = 5;
/// The shortest word that may have lost a letter: `Kiran` is not a mistyped `Kieran`.
const LOSS_MIN_LETTERS: usize = 6;
/// The shortest word in which another letter is a slip: of shorter ones there are mostly two names.
const CHANGE_MIN_LETTERS: usize = 9;

/// What stands between two words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gap {
    /// They are one word.
    None,
    /// One is a usual form of the other, as first names have them.
    ShortForm,
    /// One was mistyped.
    Slip,
    /// They are two words.
    Whole,
}

/// Compares two words of last names.
pub(super) fn gap(one: &str, two: &str) -> Gap {
    if one == two {
        return Gap::None;
    }
    if is_known_name(one) && is_known_name(two) {
        return Gap::Whole;
    }
    if plainly(one) == plainly(two) {
        return Gap::None;
    }
    if is_slip(one, two) { Gap::Slip } else { Gap::Whole }
}

/// Compares two words of first names.
pub(super) fn first_name_gap(one: &str, two: &str) -> Gap {
    if one != two && full_form(one) == full_form(two) { Gap::ShortForm } else { gap(one, two) }
}

/// A slip is rarely made in the first letter, and the last one tells Maria from Mario. Letters of
/// other scripts say more each, so that another one is another name.
fn is_slip(one: &str, two: &str) -> bool {
    let (first, last) = (|word: &str| word.chars().next(), |word: &str| word.chars().next_back());
    let is_close = one.is_ascii()
        && two.is_ascii()
        && first(one) == first(two)
        && last(one) == last(two)
        && strsim::osa_distance(one, two) == 1;
    is_close && one.len().min(two.len()) >= least_letters(one, two)
}

/// How long two words must be for what is between them to be a slip. A vowel for a vowel never is:
/// Petersen and Peterson, Lundgren and Lindgren are two.
fn least_letters(one: &str, two: &str) -> usize {
    if one.len() != two.len() {
        return LOSS_MIN_LETTERS;
    }
    let is_vowel = |letter: char| matches!(letter, 'a' | 'e' | 'i' | 'o' | 'u' | 'y');
    let mut changed = one.chars().zip(two.chars()).filter(|(ours, theirs)| ours != theirs);
    match (changed.next(), changed.next()) {
        (Some(_), Some(_)) => SWAP_MIN_LETTERS,
        (Some((ours, theirs)), None) if is_vowel(ours) && is_vowel(theirs) => usize::MAX,
        _ => CHANGE_MIN_LETTERS,
    }
}

/// One spelling where a name has two: `Mueller` is how `Müller`, which folds to `muller`, is written
/// without its dots, and `Gonzales` is `Gonzalez` in Portuguese, or by ear.
fn plainly(word: &str) -> String {
    let mut plain = String::with_capacity(word.len());
    for letter in word.chars() {
        let is_dots = match plain.chars().next_back() {
            Some('a') => matches!(letter, 'e' | 'a'),
            Some('o' | 'u') => letter == 'e',
            _ => false,
        };
        if !is_dots {
            plain.push(letter);
        }
    }
    if plain.ends_with("ez") && plain.len() >= SWAP_MIN_LETTERS {
        plain.pop();
        plain.push('s');
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::{Gap, first_name_gap, gap};

    #[test]
    fn slips_are_told_from_other_names() {
        for (one, two, expected) in [
            ("michael", "micheal", Gap::Slip),
            ("schroder", "schroeder", Gap::None),
            ("muller", "mueller", Gap::None),
            ("gonzalez", "gonzales", Gap::None),
            ("agard", "aagaard", Gap::None),
            ("johnson", "johson", Gap::Slip),
            ("featherstone", "featherstome", Gap::Slip),
            ("papadopoulos", "papadopolous", Gap::Whole),
            ("kieran", "kiran", Gap::Whole),
            ("lorena", "loreta", Gap::Whole),
            ("rosenberg", "rosenborg", Gap::Whole),
            ("maria", "mario", Gap::Whole),
            ("maria", "marina", Gap::Whole),
            ("christian", "christina", Gap::Whole),
            ("peterson", "petersen", Gap::Whole),
            ("ann", "anna", Gap::Whole),
            ("jon", "john", Gap::Whole),
            ("li", "lee", Gap::Whole),
            ("danie", "jamie", Gap::Whole),
        ] {
            assert_eq!((gap(one, two), gap(two, one)), (expected, expected), "{one} {two}");
        }
        assert_eq!(first_name_gap("bob", "robert"), Gap::ShortForm);
        assert_eq!(gap("bob", "robert"), Gap::Whole);
    }
}
