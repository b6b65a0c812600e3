//! A file of a vendor's, before its first row is read: what is wrong with it, and what it holds.

use std::io;

/// Why a file can't be read at all. Nothing was stored.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The file can't be read.
    #[error("the file can't be read: {0}")]
    Io(#[from] io::Error),
    /// There is nothing in it.
    #[error("the file is empty")]
    Empty,
    /// It begins as UTF-16 does.
    #[error("the file is in UTF-16: save it as CSV in UTF-8")]
    NotUtf8,
    /// Its first line is too long, has too many columns or broken quotes.
    #[error("the first line is not a header of names separated by commas")]
    UnreadableHeader,
    /// Columns are not there without which there is no booking.
    #[error("the header lacks {}; its names must be separated by commas", .0.join(", "))]
    MissingColumns(Vec<&'static str>),
    /// It can't be known which of two counts.
    #[error("the header has {0} twice")]
    DoubledColumn(&'static str),
}

/// What the header of a file holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExportColumns {
    /// Names that are not known, shortened, the first hundred.
    pub ignored: Vec<String>,
    /// Columns that would be read and are not there.
    pub absent: Vec<&'static str>,
}
