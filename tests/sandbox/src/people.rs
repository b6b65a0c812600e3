//! Made-up people for records that are made in great numbers: one for each number, the same one each
//! time, and as unlike each other as people are.

const FIRST_NAMES: [&str; 12] = [
    "Ada", "Bruno", "Carla", "Dario", "Edda", "Farid", "Greta", "Hugo", "Ines", "Jonas", "Kira",
    "Luis",
];
const SYLLABLES: [&str; 16] = [
    "ba", "de", "fi", "go", "ku", "la", "me", "ni", "po", "ru", "sa", "te", "vi", "wo", "za", "lo",
];

/// Somebody who doesn't exist.
pub struct MadePerson {
    /// First name.
    pub first_name: &'static str,
    /// Last name, its own for each of 65,536 numbers.
    pub last_name: String,
    /// Email, its own for each number.
    pub email: String,
    /// Phone in international format.
    pub phone: String,
}

fn last_name(number: u64) -> String {
    let mut rest = number;
    let mut name = String::new();
    for _ in 0..4 {
        let index = usize::try_from(rest % 16).unwrap_or_default();
        name.push_str(SYLLABLES.get(index).copied().unwrap_or_default());
        rest /= 16;
    }
    let first = name.chars().next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(name.chars().skip(1)).collect()
}

/// The person of that number.
pub fn person(number: u64) -> MadePerson {
    let first_name = FIRST_NAMES.get(usize::try_from(number % 12).unwrap_or_default());
    MadePerson {
        first_name: first_name.copied().unwrap_or_default(),
        last_name: last_name(number),
        email: format!("client{number}@example.com"),
        phone: format!("+1 212 {:03} {:04}", 200 + number / 10_000 % 800, number % 10_000),
    }
}
