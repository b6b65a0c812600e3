//! What is kept of texts that people typed about who booked, in the form that clients are linked by.

use sync_domain::model::{AttributeName, normalised, normalised_remote};

/// The longest name that is kept, of a person or a service.
const NAME_MAX_BYTES: usize = 256;
/// The longest email and the longest phone number that are kept.
const CONTACT_MAX_BYTES: usize = 320;
/// The longest name of a time zone.
const ZONE_MAX_BYTES: usize = 64;

fn clipped(mut text: String, bytes_max: usize) -> Option<String> {
    text.truncate(text.floor_char_boundary(bytes_max));
    text.truncate(text.trim_end().len());
    (!text.is_empty()).then_some(text)
}

/// Trimmed, without control characters; also for the names of services.
pub fn name_of(text: &str) -> Option<String> {
    clipped(normalised_remote(AttributeName::Name, text, None), NAME_MAX_BYTES)
}

/// A valid email or none: what is typed to fill the field ("none", "n/a") would make one client of
/// many people.
pub fn email_of(text: &str) -> Option<String> {
    let text = normalised_remote(AttributeName::Email, text, None);
    let email = normalised(AttributeName::Email, &text, None).ok()?;
    (email.len() <= CONTACT_MAX_BYTES).then_some(email)
}

/// E.164 where it can be read as a number, with `default_region` for those without a prefix; else what
/// was typed.
pub fn phone_of(text: &str, default_region: Option<&str>) -> Option<String> {
    clipped(normalised_remote(AttributeName::Phone, text, default_region), CONTACT_MAX_BYTES)
}

/// A text that looks like the name of a time zone, `None` for any other.
pub fn zone_of(text: &str) -> Option<String> {
    let zone = text.trim();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/_+-".contains(&byte);
    let is_zone = (1..=ZONE_MAX_BYTES).contains(&zone.len()) && zone.bytes().all(is_plain);
    is_zone.then(|| zone.to_owned())
}
