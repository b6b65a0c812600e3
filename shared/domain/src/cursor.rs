//! Where an import goes on: a text that its caller keeps and can neither read nor alter.
//!
//! Nothing is stored for it: the cursor is its own proof, an HMAC over what it says. It is bound to
//! tenant, system, window and beginning, and ends by itself. The key is derived from the
//! deployment's secret under a name of its own, so that no signature of another kind could pass.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::keys::Fingerprint;
use crate::model::{POSITION_MAX_BYTES, System, TenantId};
use crate::ports::BookingWindow;

/// How long a cursor can be used after it was given out.
pub const CURSOR_TTL: SignedDuration = SignedDuration::from_hours(24);

/// Names what the derived key is for, and the form of the cursor.
const KEY_PURPOSE: &[u8] = b"integrations/import-cursor/v1";
/// The length of the tag at the end.
const TAG_BYTES: usize = 32;
/// The longest cursor: one with the longest position that is carried, and room for what is said
/// beside it and for what JSON puts in front of quotes, in base64.
const CURSOR_MAX_BYTES: usize = (POSITION_MAX_BYTES + 8 * 1024) / 3 * 4;

/// The cursor is none of ours, of another tenant or system, altered, or too old.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cursor can't be used")]
pub struct InvalidCursor;

/// What a cursor says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportCursor {
    /// Whose import.
    pub tenant: TenantId,
    /// From which system.
    pub system: System,
    /// What is imported, to the millisecond.
    pub window: BookingWindow,
    /// When the import's first call began.
    pub began_at: Timestamp,
    /// Whether the window is all that a later import builds on.
    pub moves_watermark: bool,
    /// Of an import of what is named: what it was asked for.
    pub selection: Option<Fingerprint>,
    /// Where the reader goes on.
    pub position: String,
}

#[derive(Serialize, Deserialize)]
struct Payload {
    tenant: String,
    system: String,
    from_ms: i64,
    until_ms: i64,
    began_at_ms: i64,
    expires_at_ms: i64,
    moves_watermark: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    selection: Option<String>,
    position: String,
}

/// The cursor's text, given out at `now`. `None` only if it can't be written, or would be longer than
/// [`open`] takes, which no position of a reader's causes.
pub fn seal(key: &SecretString, cursor: &ImportCursor, now: Timestamp) -> Option<String> {
    let payload = Payload {
        tenant: cursor.tenant.as_str().to_owned(),
        system: cursor.system.as_str().to_owned(),
        from_ms: cursor.window.from.as_millisecond(),
        until_ms: cursor.window.until.as_millisecond(),
        began_at_ms: cursor.began_at.as_millisecond(),
        expires_at_ms: (now + CURSOR_TTL).as_millisecond(),
        moves_watermark: cursor.moves_watermark,
        selection: cursor.selection.as_ref().map(|it| it.as_str().to_owned()),
        position: cursor.position.clone(),
    };
    let mut sealed = serde_json::to_vec(&payload).ok()?;
    let tag = mac_of(key, &sealed)?.finalize().into_bytes();
    sealed.extend_from_slice(&tag);
    Some(URL_SAFE_NO_PAD.encode(sealed)).filter(|text| text.len() <= CURSOR_MAX_BYTES)
}

/// What a cursor says, if it is one of ours for this tenant and system and has not ended. The
/// comparison takes the same time wherever it differs.
///
/// # Errors
/// Without a reason: who altered a cursor learns nothing.
pub fn open(
    key: &SecretString,
    tenant: &TenantId,
    system: System,
    now: Timestamp,
    text: &str,
) -> Result<ImportCursor, InvalidCursor> {
    let payload = verified(key, text).ok_or(InvalidCursor)?;
    let is_ours = payload.tenant == tenant.as_str() && payload.system == system.as_str();
    if !is_ours || payload.expires_at_ms <= now.as_millisecond() {
        return Err(InvalidCursor);
    }
    let moment = |ms: i64| Timestamp::from_millisecond(ms).map_err(|_out_of_range| InvalidCursor);
    Ok(ImportCursor {
        tenant: tenant.clone(),
        system,
        window: BookingWindow { from: moment(payload.from_ms)?, until: moment(payload.until_ms)? },
        began_at: moment(payload.began_at_ms)?,
        moves_watermark: payload.moves_watermark,
        selection: payload.selection.map(Fingerprint::from_stored),
        position: payload.position,
    })
}

fn verified(key: &SecretString, text: &str) -> Option<Payload> {
    if text.len() > CURSOR_MAX_BYTES {
        return None;
    }
    let sealed = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (payload, tag) = sealed.split_last_chunk::<TAG_BYTES>()?;
    mac_of(key, payload)?.verify_slice(tag).ok()?;
    serde_json::from_slice(payload).ok()
}

/// An HMAC key may have any length, so there is always one; the type says there may not.
fn mac_of(key: &SecretString, payload: &[u8]) -> Option<Hmac<Sha256>> {
    let mut derive = Hmac::<Sha256>::new_from_slice(key.expose_secret().as_bytes()).ok()?;
    derive.update(KEY_PURPOSE);
    let mut mac = Hmac::<Sha256>::new_from_slice(&derive.finalize().into_bytes()).ok()?;
    mac.update(payload);
    Some(mac)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use jiff::{SignedDuration, Timestamp};

    use super::{CURSOR_MAX_BYTES, CURSOR_TTL, ImportCursor, InvalidCursor, open, seal};
    use crate::keys::Fingerprint;
    use crate::model::{System, TenantId};
    use crate::ports::BookingWindow;

    const NOW: Timestamp = Timestamp::constant(1_790_000_000, 0);

    fn cursor() -> ImportCursor {
        ImportCursor {
            tenant: TenantId::parse("acme").unwrap(),
            system: System::Acuity,
            window: BookingWindow { from: NOW, until: NOW + SignedDuration::from_hours(24) },
            began_at: NOW,
            moves_watermark: true,
            selection: None,
            position: "2026-10-01".to_owned(),
        }
    }

    fn opened(key: &str, tenant: &str, now: Timestamp, text: &str) -> Option<ImportCursor> {
        let tenant = TenantId::parse(tenant).unwrap();
        open(&key.into(), &tenant, System::Acuity, now, text).ok()
    }

    #[test]
    fn cursor_survives_its_caller_until_it_ends() {
        let text = seal(&"key".into(), &cursor(), NOW).unwrap();
        assert_eq!(opened("key", "acme", NOW, &text), Some(cursor()));
        let end = NOW + CURSOR_TTL;
        let last = end - SignedDuration::from_millis(1);
        assert!(opened("key", "acme", last, &text).is_some());
        assert_eq!(opened("key", "acme", end, &text), None);
    }

    #[test]
    fn cursor_carries_a_vendors_cursor_of_64_kib_in_its_position() {
        let position = |bytes| format!("{{\"from\":\"x\",\"cursor\":\"{}\"}}", "A".repeat(bytes));
        let long = ImportCursor { position: position(64 * 1024), ..cursor() };
        let text = seal(&"key".into(), &long, NOW).unwrap();
        assert_eq!(opened("key", "acme", NOW, &text), Some(long));
        let longer = ImportCursor { position: position(120 * 1024), ..cursor() };
        assert_eq!(seal(&"key".into(), &longer, NOW), None, "it could not be opened");
        const { assert!(CURSOR_MAX_BYTES + 16 * 1024 < 256 * 1024, "a request's body must hold it") };
    }

    #[test]
    fn cursor_keeps_what_was_selected() {
        let selection = Some(Fingerprint::from_stored("ab12"));
        let of_ids = ImportCursor { selection, ..cursor() };
        let text = seal(&"key".into(), &of_ids, NOW).unwrap();
        assert_eq!(opened("key", "acme", NOW, &text), Some(of_ids));
    }

    #[test]
    fn cursor_is_no_good_for_another_tenant_system_or_key() {
        let text = seal(&"key".into(), &cursor(), NOW).unwrap();
        assert_eq!(opened("key", "globex", NOW, &text), None);
        assert_eq!(opened("other", "acme", NOW, &text), None);
        let other = open(&"key".into(), &cursor().tenant, System::Hubspot, NOW, &text);
        assert_eq!(other, Err(InvalidCursor));
    }

    #[test]
    fn cursor_is_refused_with_any_bit_flipped_or_byte_missing() {
        let text = seal(&"key".into(), &cursor(), NOW).unwrap();
        let sealed = URL_SAFE_NO_PAD.decode(&text).unwrap();
        for place in 0..sealed.len() {
            for bit in 0..8 {
                let mut altered = sealed.clone();
                altered[place] ^= 1 << bit;
                let altered = URL_SAFE_NO_PAD.encode(altered);
                assert_eq!(opened("key", "acme", NOW, &altered), None, "{place}.{bit}");
            }
            let cut = URL_SAFE_NO_PAD.encode(&sealed[..place]);
            assert_eq!(opened("key", "acme", NOW, &cut), None, "{place}");
        }
        for text in ["", "!", "null", &"A".repeat(200_000)] {
            assert_eq!(opened("key", "acme", NOW, text), None);
        }
    }
}
