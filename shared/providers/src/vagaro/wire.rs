//! Shapes of Vagaro's answers and deliveries, as far as we read them.
//!
//! Answers come as `{"status", "responseCode", "message", "data"}` (one public client, 2026); no page
//! that can be read without an account shows one, so every member may be missing or of another kind.
//! The message may hold personal data and is never read.

use serde::{Deserialize, Serialize};

use super::row::{Row, Text};

/// The `responseCode` of a success.
const OK: u32 = 1000;

/// What an answer says of itself.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Verdict {
    #[serde(rename = "responseCode")]
    response_code: Text,
}

impl Verdict {
    /// The vendor's code; `None` where there is none, or prose.
    pub fn code(&self) -> Option<u32> {
        self.response_code.0.as_deref()?.trim().parse().ok()
    }

    /// Whether the code, if there is one, is that of a success.
    pub fn is_ok(&self) -> bool {
        match self.response_code.0 {
            None => true,
            Some(_) => self.code() == Some(OK),
        }
    }
}

/// A list of an answer: none (`null`), one, or several rows.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum Rows {
    Several(Vec<Row>),
    One(Row),
    None(()),
}

impl Rows {
    pub fn into_vec(self) -> Vec<Row> {
        match self {
            Self::Several(rows) => rows,
            Self::One(row) => vec![row],
            Self::None(()) => Vec::new(),
        }
    }
}

/// An answer with a list.
#[derive(Deserialize)]
pub struct Listed {
    pub data: Rows,
}

/// Whose appointments, or which one: ids as the vendor gave them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Asked<'a> {
    pub business_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub appointment_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<&'a str>,
}

/// A question without particulars.
#[derive(Serialize)]
pub struct Nothing {}

/// A delivery (docs.vagaro.com, "Webhook events"). One example of the vendor's spells the time
/// `createdAt`.
#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
pub struct Envelope {
    #[serde(rename = "type")]
    pub kind: Text,
    pub action: Text,
    #[serde(rename = "createdDate")]
    pub created_date: Text,
    #[serde(rename = "createdAt")]
    pub created_at: Text,
    pub payload: Payload,
}

/// A row, or whatever else.
#[derive(Default, Deserialize)]
#[serde(untagged)]
pub enum Payload {
    Row(Row),
    Other(serde::de::IgnoredAny),
    #[default]
    Missing,
}
