//! Texts out of a body: secrets, names and keys, each of its form.

use secrecy::SecretString;
use sync_domain::model::InvalidField;
use sync_lambda::api::JsonBody;

/// A key of 4,096 bits has 3.3 KB in PEM.
const PRIVATE_KEY_MAX_BYTES: usize = 8_192;
/// What a PKCS#8 key in PEM begins and ends with (RFC 7468, section 10).
const PRIVATE_KEY_FRAME: (&str, &str) =
    ("-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----");

/// A secret that must be there, see [`secret`].
pub fn required(
    body: &JsonBody,
    name: &'static str,
    max_bytes: usize,
) -> Result<SecretString, InvalidField> {
    secret(body, name, max_bytes)?.ok_or_else(|| InvalidField::new(name, "is required"))
}

/// A secret in visible ASCII: anything else could not be sent, or not be typed again.
pub fn secret(
    body: &JsonBody,
    name: &'static str,
    max_bytes: usize,
) -> Result<Option<SecretString>, InvalidField> {
    let Some(given) = body.optional_text(name)? else { return Ok(None) };
    visible(name, given, max_bytes)?;
    Ok(Some(given.into()))
}

/// A name that is no secret and must be there, of the same form.
pub fn name(body: &JsonBody, name: &'static str, max_bytes: usize) -> Result<String, InvalidField> {
    let given = body.text(name)?;
    visible(name, given, max_bytes)?;
    Ok(given.to_owned())
}

fn visible(name: &'static str, given: &str, max_bytes: usize) -> Result<(), InvalidField> {
    let reason = if given.is_empty() {
        "must not be empty"
    } else if given.len() > max_bytes {
        "is too long"
    } else if !given.bytes().all(|byte| byte.is_ascii_graphic()) {
        "must be visible ASCII without spaces"
    } else {
        return Ok(());
    };
    Err(InvalidField::new(name, reason))
}

/// A private key, PKCS#8 in PEM with its line breaks; white space around it is dropped. What is in it
/// shows only when it is used.
pub fn private_key(body: &JsonBody) -> Result<Option<SecretString>, InvalidField> {
    let name = "private_key";
    let Some(given) = body.optional_text(name)? else { return Ok(None) };
    let key = given.trim();
    let is_text = |byte: u8| byte.is_ascii_graphic() || matches!(byte, b' ' | b'\n' | b'\r');
    let (begin, end) = PRIVATE_KEY_FRAME;
    let is_framed = key.starts_with(begin) && key.ends_with(end) && key.contains('\n');
    let reason = if given.len() > PRIVATE_KEY_MAX_BYTES {
        "is too long"
    } else if !is_framed || !key.bytes().all(is_text) {
        "must be a PKCS#8 private key in PEM, with its line breaks"
    } else {
        return Ok(Some(key.into()));
    };
    Err(InvalidField::new(name, reason))
}
