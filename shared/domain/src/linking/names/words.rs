//! Words that stand in name fields beside the name, and words that stand there instead of one.

/// Forms of address, in front of a name.
const TITLES: &[&str] = &[
    "mr",
    "mrs",
    "ms",
    "miss",
    "mx",
    "dr",
    "prof",
    "professor",
    "doctor",
    "sir",
    "dame",
    "madam",
    "herr",
    "frau",
    "mme",
    "mlle",
    "monsieur",
    "madame",
    "sr",
    "sra",
    "srta",
    "senor",
    "senora",
    "signor",
    "signora",
    "rev",
];

/// Degrees and the like, behind it.
const DEGREES: &[&str] = &["phd", "md", "esq", "mba", "dds", "dvm", "rn", "cpa", "jd"];

/// What belongs to the word that follows: `van der Berg` and `Vanderberg` are one name.
const PARTICLES: &[&str] = &[
    "van", "von", "vom", "der", "den", "de", "del", "della", "di", "da", "dal", "dos", "das", "do",
    "du", "la", "le", "los", "las", "al", "el", "bin", "ibn", "abu", "ter", "ten", "zu", "zum",
    "zur", "af", "mac", "mc", "st", "saint", "san", "santa", "o", "d",
];

/// What staff type where there is no name to type.
const PLACEHOLDERS: &[&str] = &[
    "unknown",
    "none",
    "no",
    "name",
    "na",
    "n",
    "a",
    "not",
    "given",
    "guest",
    "client",
    "customer",
    "test",
    "tester",
    "walk",
    "in",
    "walkin",
    "tbd",
    "tba",
    "anonymous",
    "anon",
    "new",
    "patient",
    "hold",
    "block",
    "blocked",
    "reserved",
    "private",
    "x",
    "xx",
    "xxx",
    "asdf",
];

pub(super) fn is_title(word: &str) -> bool {
    TITLES.contains(&word)
}

pub(super) fn is_degree(word: &str) -> bool {
    DEGREES.contains(&word)
}

pub(super) fn is_particle(word: &str) -> bool {
    PARTICLES.contains(&word)
}

pub(super) fn is_placeholder(word: &str) -> bool {
    PLACEHOLDERS.contains(&word)
}

/// Which of those of one name in a family somebody is, from what stands behind the name. The first
/// says so of himself as rarely as he is told so: `Sr` is as good as nothing.
pub(super) fn generation(word: &str) -> Option<u8> {
    match word {
        "sr" | "senior" => Some(1),
        "jr" | "jnr" | "junior" | "filho" | "ii" => Some(2),
        "neto" | "iii" => Some(3),
        "iv" => Some(4),
        _ => None,
    }
}
