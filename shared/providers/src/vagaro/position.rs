//! What a walk remembers between two pages: moments, or the ids that are still to be read, in compact
//! JSON with a version. It holds no personal data: ids are the vendor's, and opaque.

use serde::{Deserialize, Serialize};
use sync_domain::model::ExternalId;
use sync_domain::ports::BookingSelection;

use super::mapping::is_id;

/// The version of the shapes.
const VERSION: u32 = 1;
/// The longest text that is taken for a position: what is left of a hundred of the longest ids is
/// shorter.
const POSITION_MAX_BYTES: usize = 24 * 1024;
/// The longest digest of a page.
const DIGEST_MAX_BYTES: usize = 64;
/// The most ids of a selection.
const IDS_MAX: usize = 100;
/// The most pages of one customer at one location; a hundred thousand appointments of one customer are
/// no answer of the vendor's.
pub const PAGES_MAX: u32 = 1_000;

/// Where a walk is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Position {
    /// In a window, in which nothing can be listed.
    Window(WindowPosition),
    /// In a selection.
    Selection(SelectionPosition),
}

/// Where a walk through a window is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowPosition {
    #[serde(rename = "v")]
    version: u32,
    /// When the walk began, in milliseconds since 1970: it decides which days are due.
    pub began_ms: i64,
    /// The first moment that is not complete, in the same.
    pub at_ms: i64,
}

impl WindowPosition {
    pub const fn new(began_ms: i64, at_ms: i64) -> Self {
        Self { version: VERSION, began_ms, at_ms }
    }
}

/// What is left of a selection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SelectionPosition {
    #[serde(rename = "v")]
    version: u32,
    /// Appointments that are still to be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bookings: Vec<String>,
    /// Customers whose appointments are still to be read; of the first one, some may have been.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub customers: Vec<String>,
    /// The location at which the first customer's are being read; none before the first location.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The next page of that location, from 1.
    pub page: u32,
    /// A digest of the appointments of the page before, behind the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
}

impl SelectionPosition {
    /// The beginning; `None` for a selection that is none, or too much for a position.
    pub fn first(selection: &BookingSelection) -> Option<Self> {
        let texts = |ids: &[ExternalId]| ids.iter().map(|id| id.as_str().to_owned()).collect();
        let position = Self {
            version: VERSION,
            bookings: texts(&selection.booking_ids),
            customers: texts(&selection.customer_ids),
            location: None,
            page: 1,
            before: None,
        };
        position.is_sound().then_some(position)
    }

    /// Whether nothing is left.
    pub fn is_over(&self) -> bool {
        self.bookings.is_empty() && self.customers.is_empty()
    }

    fn is_sound(&self) -> bool {
        let mut ids = self.bookings.iter().chain(&self.customers).chain(&self.location);
        let count = self.bookings.len() + self.customers.len();
        let is_in_customer = self.location.is_some() || self.page > 1;
        let is_digest = |it: &String| it.len() <= DIGEST_MAX_BYTES;
        self.version == VERSION
            && (1..=IDS_MAX).contains(&count)
            && ids.all(|id| is_id(id))
            && (1..=PAGES_MAX).contains(&self.page)
            && self.before.as_ref().is_none_or(|it| self.page > 1 && is_digest(it))
            && !(is_in_customer && (self.customers.is_empty() || !self.bookings.is_empty()))
    }
}

impl Position {
    /// Reads a position; `None` for a text that is none.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > POSITION_MAX_BYTES {
            return None;
        }
        let position: Self = serde_json::from_str(text).ok()?;
        let is_sound = match &position {
            Self::Window(window) => window.version == VERSION && window.began_ms >= 0,
            Self::Selection(selection) => selection.is_sound(),
        };
        is_sound.then_some(position)
    }

    /// The text. `None` if it can't be written, which no value of these types causes.
    pub fn to_text(&self) -> Option<String> {
        serde_json::to_string(self).ok()
    }
}
