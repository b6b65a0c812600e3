//! How two words of names differ.

use super::not_typos::is_known_name;
use super::short_forms::full_form;

/// The shortest word in which one slip is told from another name: `Ann` and `Anna`, `Li` and `Lee`,
/// `Jon` and `John` are names of their own.
const SLIP_MIN_LETTERS: usize = 5;
/// The shortest word that may have two.
const TWO_SLIPS_MIN_LETTERS: usize = 9;

/// What stands between two words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gap {
    /// They are one word.
    None,
    /// One is a usual form of the other, as first names have them.
    ShortForm,
    /// So many letters were mistyped.
    Slips(usize),
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
    if with_umlauts_bare(one) == with_umlauts_bare(two) {
        return Gap::None;
    }
    slips(one, two).map_or(Gap::Whole, Gap::Slips)
}

/// Compares two words of first names.
pub(super) fn first_name_gap(one: &str, two: &str) -> Gap {
    if one != two && full_form(one) == full_form(two) { Gap::ShortForm } else { gap(one, two) }
}

/// A slip is rarely made in the first letter, and the last one tells Maria from Mario. Letters of
/// other scripts say more each, so that another one is another name.
fn slips(one: &str, two: &str) -> Option<usize> {
    let (first, last) = (|word: &str| word.chars().next(), |word: &str| word.chars().next_back());
    let is_close = one.is_ascii()
        && two.is_ascii()
        && first(one) == first(two)
        && last(one) == last(two)
        && one.len().abs_diff(two.len()) <= 2;
    let shorter = one.len().min(two.len());
    let most = match shorter {
        TWO_SLIPS_MIN_LETTERS.. => 2,
        SLIP_MIN_LETTERS.. => 1,
        _ => 0,
    };
    let slips = is_close.then(|| strsim::osa_distance(one, two))?;
    (slips <= most).then_some(slips)
}

/// `Mueller` is how `Müller`, which folds to `muller`, is written without its dots.
fn with_umlauts_bare(word: &str) -> String {
    let mut bare = String::with_capacity(word.len());
    for letter in word.chars() {
        let is_dots = match bare.chars().next_back() {
            Some('a') => matches!(letter, 'e' | 'a'),
            Some('o' | 'u') => letter == 'e',
            _ => false,
        };
        if !is_dots {
            bare.push(letter);
        }
    }
    bare
}

#[cfg(test)]
mod tests {
    use super::{Gap, first_name_gap, gap};

    #[test]
    fn slips_are_told_from_other_names() {
        for (one, two, expected) in [
            ("michael", "micheal", Gap::Slips(1)),
            ("schroder", "schroeder", Gap::None),
            ("muller", "mueller", Gap::None),
            ("agard", "aagaard", Gap::None),
            ("johnson", "johson", Gap::Slips(1)),
            ("papadopoulos", "papadopolous", Gap::Slips(2)),
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
