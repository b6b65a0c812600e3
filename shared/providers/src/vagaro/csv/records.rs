//! The records of a CSV file out of any bytes, in bounded memory, each with its lines.
//!
//! Where a record ends is found here and not left to a parser that gathers a record of any length: a
//! quote that is never closed would make one record of the rest of the file. A record that is too
//! long is walked over to its end and reported, and so is one whose quotes are not where they belong.
//! That strictness matters: with a quote too many, a lenient reader takes the rows up to the next
//! quote into one cell without a word. Whatever is between the quotes stays one record, however
//! wrong; to go on reading inside of it would make rows of what a customer typed. What is in a good
//! record is then split by `csv-core`, the parser of the csv crate.

use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};

use csv_core::{ReadRecordResult, Reader, ReaderBuilder, Terminator};

use crate::export::ExportError;

/// The longest record, in bytes, without what ends it.
pub const RECORD_MAX_BYTES: usize = 64 * 1_024;
/// The most cells of a record.
const CELLS_MAX: usize = 1_024;
const BUFFER_BYTES: usize = 64 * 1_024;
const UTF8_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];
const UTF16_MARKS: [[u8; 2]; 2] = [[0xff, 0xfe], [0xfe, 0xff]];

/// Why a record has no cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BrokenRecord {
    /// It is longer than [`RECORD_MAX_BYTES`], or has too many cells.
    TooLong,
    /// Something follows a closing quote, or a quote is not closed when the file ends.
    Quotes,
}

impl BrokenRecord {
    /// What is at fault, as rows are reported.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooLong => "record_size",
            Self::Quotes => "quotes",
        }
    }
}

/// One record with its lines; the first line of the file is 1.
pub struct Record<'a> {
    pub line: u64,
    pub last_line: u64,
    pub cells: Result<Cells<'a>, BrokenRecord>,
}

/// The cells of a record.
pub struct Cells<'a> {
    bytes: &'a [u8],
    ends: &'a [usize],
}

impl<'a> Cells<'a> {
    pub const fn len(&self) -> usize {
        self.ends.len()
    }

    /// The cells in their order, which may be no UTF-8.
    pub fn values(&self) -> impl Iterator<Item = &'a [u8]> {
        let begins = [0].into_iter().chain(self.ends.iter().copied());
        let bytes = self.bytes;
        let cells = begins.zip(self.ends);
        cells.map(move |(begin, end)| bytes.get(begin..*end).unwrap_or_default())
    }

    /// Whether there is nothing in any of them: an empty line, or one of commas alone.
    pub fn are_blank(&self) -> bool {
        self.bytes.iter().all(u8::is_ascii_whitespace)
    }
}

/// Where a byte stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    CellBegin,
    /// In a cell without quotes, where a quote is a character like any other.
    Bare,
    Quoted,
    /// Behind a quote within quotes: the closing one, or the first of a pair that stands for one.
    QuoteInQuoted,
    /// Behind the carriage return that follows a closing quote.
    LineEnd,
}

/// What was found between two ends of records; its bytes are in the buffer unless it is broken.
struct Span {
    line: u64,
    last_line: u64,
    broken: Option<BrokenRecord>,
}

/// Reads records.
pub struct Records<R> {
    source: BufReader<Chain<Cursor<Vec<u8>>, R>>,
    parser: Reader,
    /// The bytes of the record, with a line feed behind them.
    raw: Vec<u8>,
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// The line of the byte that comes next.
    line: u64,
}

impl<R: Read> Records<R> {
    /// Looks at how the file begins; a byte order mark of UTF-8 is no part of the first cell.
    ///
    /// # Errors
    /// [`ExportError::Io`], [`ExportError::NotUtf8`].
    pub fn open(mut source: R) -> Result<Self, ExportError> {
        let mut head = Vec::with_capacity(UTF8_MARK.len());
        source.by_ref().take(UTF8_MARK.len() as u64).read_to_end(&mut head)?;
        if UTF16_MARKS.iter().any(|mark| head.starts_with(mark)) {
            return Err(ExportError::NotUtf8);
        }
        if head == UTF8_MARK {
            head.clear();
        }
        Ok(Self {
            source: BufReader::with_capacity(BUFFER_BYTES, Cursor::new(head).chain(source)),
            parser: ReaderBuilder::new().terminator(Terminator::Any(b'\n')).build(),
            raw: Vec::with_capacity(RECORD_MAX_BYTES + 1),
            bytes: vec![0; RECORD_MAX_BYTES + 1],
            ends: vec![0; CELLS_MAX],
            line: 1,
        })
    }

    /// The next record that is not an empty line; `None` behind the last one.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn read(&mut self) -> io::Result<Option<Record<'_>>> {
        loop {
            let Some(Span { line, last_line, broken }) = self.span()? else { return Ok(None) };
            if broken.is_none() && self.raw.is_empty() {
                continue;
            }
            let cells = match broken {
                Some(broken) => Err(broken),
                None => self.cells(),
            };
            return Ok(Some(Record { line, last_line, cells }));
        }
    }

    /// Reads up to the end of a record and keeps as much of it as may be kept.
    fn span(&mut self) -> io::Result<Option<Span>> {
        self.raw.clear();
        let (line, mut place, mut broken, mut length) = (self.line, Place::CellBegin, None, 0);
        loop {
            let buffer = match self.source.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read?,
            };
            if buffer.is_empty() {
                if length == 0 {
                    return Ok(None);
                }
                if place == Place::Quoted {
                    broken = Some(BrokenRecord::Quotes);
                }
                let last_line = self.line;
                return Ok(Some(Span { line, last_line, broken: self.checked(broken) }));
            }
            let mut end = None;
            for (at, byte) in buffer.iter().enumerate() {
                if *byte == b'\n' {
                    self.line += 1;
                    if place != Place::Quoted {
                        end = Some(at);
                        break;
                    }
                }
                place = next_place(place, *byte, &mut broken);
            }
            let (content, used) = end.map_or((buffer.len(), buffer.len()), |at| (at, at + 1));
            // One byte more than a record may have shows that it has too many; there may be a
            // carriage return behind it as well.
            let room = (RECORD_MAX_BYTES + 2).saturating_sub(self.raw.len());
            self.raw.extend_from_slice(buffer.get(..content.min(room)).unwrap_or_default());
            length += used;
            self.source.consume(used);
            if end.is_some() {
                let last_line = self.line - 1;
                return Ok(Some(Span { line, last_line, broken: self.checked(broken) }));
            }
        }
    }

    /// Whether the record that was read may be split, without the carriage return at its end.
    fn checked(&mut self, broken: Option<BrokenRecord>) -> Option<BrokenRecord> {
        if self.raw.last() == Some(&b'\r') && self.raw.len() <= RECORD_MAX_BYTES + 1 {
            self.raw.pop();
        }
        if self.raw.len() > RECORD_MAX_BYTES { Some(BrokenRecord::TooLong) } else { broken }
    }

    fn cells(&mut self) -> Result<Cells<'_>, BrokenRecord> {
        self.raw.push(b'\n');
        self.parser.reset();
        let (result, taken, bytes, ends) =
            self.parser.read_record(&self.raw, &mut self.bytes, &mut self.ends);
        match result {
            ReadRecordResult::Record if taken == self.raw.len() => Ok(Cells {
                bytes: self.bytes.get(..bytes).unwrap_or_default(),
                ends: self.ends.get(..ends).unwrap_or_default(),
            }),
            ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                Err(BrokenRecord::TooLong)
            }
            // The scan and the parser don't agree on where the quotes end.
            ReadRecordResult::Record | ReadRecordResult::InputEmpty | ReadRecordResult::End => {
                Err(BrokenRecord::Quotes)
            }
        }
    }
}

/// Where the byte behind this one stands.
fn next_place(place: Place, byte: u8, broken: &mut Option<BrokenRecord>) -> Place {
    match (place, byte) {
        (Place::Quoted, b'"') => Place::QuoteInQuoted,
        (Place::CellBegin | Place::QuoteInQuoted, b'"') | (Place::Quoted, _) => Place::Quoted,
        (Place::CellBegin | Place::Bare | Place::QuoteInQuoted, b',') => Place::CellBegin,
        (Place::QuoteInQuoted, b'\r') => Place::LineEnd,
        (Place::QuoteInQuoted | Place::LineEnd, _) => {
            *broken = Some(BrokenRecord::Quotes);
            Place::Bare
        }
        (Place::CellBegin | Place::Bare, _) => Place::Bare,
    }
}
