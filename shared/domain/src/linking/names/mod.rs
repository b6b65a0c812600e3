//! Names: in the form that they are compared in, how much two are alike, and where to look for
//! namesakes.
//!
//! All of it works on bounded text: what a name has beyond `FIELD_MAX_CHARS` is not looked at.

mod blocks;
mod fold;
mod likeness;
mod not_typos;
mod parts;
mod short_forms;
mod tokens;
mod words;

pub use blocks::{NameBlocks, blocks_of};
pub use likeness::{ALIKE, score};
pub use parts::compared_name;

/// The most characters of a first or a last name that are looked at.
const FIELD_MAX_CHARS: usize = 80;
/// The most words of a first or a last name that are compared.
const FIELD_MAX_WORDS: usize = 4;
/// The most letters of one word that are compared.
const WORD_MAX_LETTERS: usize = 24;
