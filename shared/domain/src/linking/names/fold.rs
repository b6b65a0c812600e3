//! Text to plain lower-case letters: no accents, one alphabet where a name is written in several.

use icu_normalizer::DecomposingNormalizerBorrowed;
use icu_normalizer::properties::CanonicalCombiningClassMapBorrowed;

use super::FIELD_MAX_CHARS;

/// What a compatibility character can decompose into is long: 18 letters for one Arabic ligature.
const FOLDED_MAX_CHARS: usize = 2 * FIELD_MAX_CHARS;

/// A folded character: a piece of a word, or what stands between words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Folded {
    Letter(char),
    Hyphen,
    Gap,
}

/// Folds the first [`FIELD_MAX_CHARS`] characters. Apostrophes and characters without a shape join
/// what stands around them; whatever else is no letter is a gap.
pub(super) fn fold(text: &str) -> Vec<Folded> {
    let marks = CanonicalCombiningClassMapBorrowed::new();
    let shaped = text.chars().filter(|it| !joins(*it)).take(FIELD_MAX_CHARS);
    let decomposed = DecomposingNormalizerBorrowed::new_nfkd().normalize_iter(shaped);
    let mut folded = Vec::new();
    let mut before = ' ';
    for character in decomposed.take(FOLDED_MAX_CHARS) {
        match character {
            // The only marks that make another letter in a romanised name: the breve of й, and of ў.
            '\u{306}' if before == 'и' => replace_last(&mut folded, 'y'),
            _ if marks.get_u8(character) != 0 => {}
            '-' | '\u{2010}' | '\u{2011}' | '\u{2013}' => folded.push(Folded::Hyphen),
            _ if character.is_alphabetic() => {
                for lower in character.to_lowercase() {
                    push_letter(&mut folded, lower, before);
                    before = lower;
                }
            }
            _ => folded.push(Folded::Gap),
        }
        if !character.is_alphabetic() && marks.get_u8(character) == 0 {
            before = ' ';
        }
    }
    folded
}

fn push_letter(folded: &mut Vec<Folded>, letter: char, before: char) {
    match romanised(letter) {
        // ου is one sound.
        _ if letter == 'υ' && before == 'ο' => folded.push(Folded::Letter('u')),
        Some(letters) => folded.extend(letters.chars().map(Folded::Letter)),
        None => folded.push(Folded::Letter(letter)),
    }
}

fn replace_last(folded: &mut [Folded], letter: char) {
    if let Some(last) = folded.last_mut() {
        *last = Folded::Letter(letter);
    }
}

fn joins(character: char) -> bool {
    matches!(
        character,
        '\'' | '`' | '\u{b4}' | '\u{2018}' | '\u{2019}' | '\u{201b}' | '\u{2032}' | '\u{2bc}'
            | '\u{2bb}' | '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}' | '\u{feff}'
    )
}

/// Latin letters that have no decomposition, and Cyrillic and Greek as passports mostly romanise
/// them. Other scripts stay: their romanisations are too many, or lose too much.
fn romanised(letter: char) -> Option<&'static str> {
    Some(match letter {
        'ø' => "o",
        'ł' => "l",
        'đ' | 'ð' => "d",
        'þ' => "th",
        'æ' => "ae",
        'œ' => "oe",
        'ß' => "ss",
        'ı' => "i",
        'ħ' => "h",
        'ŧ' => "t",
        'ŋ' => "n",
        'ə' => "e",
        _ => return romanised_cyrillic(letter).or_else(|| romanised_greek(letter)),
    })
}

fn romanised_cyrillic(letter: char) -> Option<&'static str> {
    Some(match letter {
        'а' => "a",
        'б' => "b",
        'в' => "v",
        'г' | 'ґ' => "g",
        'д' => "d",
        'е' | 'э' => "e",
        'є' => "ye",
        'ж' => "zh",
        'з' => "z",
        'и' | 'і' => "i",
        'к' => "k",
        'л' => "l",
        'м' => "m",
        'н' => "n",
        'о' => "o",
        'п' => "p",
        'р' => "r",
        'с' => "s",
        'т' => "t",
        'у' => "u",
        'ф' => "f",
        'х' => "kh",
        'ц' => "ts",
        'ч' => "ch",
        'ш' => "sh",
        'щ' => "shch",
        'ъ' | 'ь' => "",
        'ы' => "y",
        'ю' => "yu",
        'я' => "ya",
        'ђ' => "dj",
        'ј' => "j",
        'љ' => "lj",
        'њ' => "nj",
        'ћ' => "c",
        'џ' => "dz",
        _ => return None,
    })
}

fn romanised_greek(letter: char) -> Option<&'static str> {
    Some(match letter {
        'α' => "a",
        'β' => "v",
        'γ' => "g",
        'δ' => "d",
        'ε' => "e",
        'ζ' => "z",
        'η' | 'ι' => "i",
        'θ' => "th",
        'κ' => "k",
        'λ' => "l",
        'μ' => "m",
        'ν' => "n",
        'ξ' => "x",
        'ο' | 'ω' => "o",
        'π' => "p",
        'ρ' => "r",
        'σ' | 'ς' => "s",
        'τ' => "t",
        'υ' => "y",
        'φ' => "f",
        'χ' => "ch",
        'ψ' => "ps",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::{Folded, fold};

    fn text_of(text: &str) -> String {
        let folded = fold(text).into_iter().map(|it| match it {
            Folded::Letter(letter) => letter,
            Folded::Hyphen => '-',
            Folded::Gap => ' ',
        });
        folded.collect()
    }

    #[test]
    fn letters_of_other_alphabets_and_with_accents_fold_to_plain_ones() {
        for (given, expected) in [
            ("José", "jose"),
            ("Jose\u{301}", "jose"),
            ("Łukasz Ørsted", "lukasz orsted"),
            ("Strauß", "strauss"),
            ("İbrahim Yıldız", "ibrahim yildiz"),
            ("Ｍａｒｙ", "mary"),
            ("O\u{2019}Brien", "obrien"),
            ("O\u{b4}Brien", "obrien"),
            ("Anne\u{2010}Marie", "anne-marie"),
            ("Андрей Щербаков", "andrey shcherbakov"),
            ("Παπαδόπουλος", "papadopoulos"),
            ("an\u{200b}na\u{1f}lee", "anna lee"),
            ("王芳", "王芳"),
        ] {
            assert_eq!(text_of(given), expected, "{given}");
        }
    }

    #[test]
    fn text_of_any_length_folds_to_a_bounded_one() {
        assert!(fold(&"\u{fdfa}".repeat(100_000)).len() <= 320);
        assert!(fold(&"\u{301}".repeat(100_000)).is_empty());
    }
}
