//! The `state` of an OAuth consent: shows that the person who comes back is the one we sent.
//!
//! Nothing is stored: the state is its own proof, an HMAC over tenant, system, end and a random part.
//! So a state of one tenant is no good for another, and it ends by itself. The key is derived from
//! the secret of our app under a name of its own, so that no signature of another kind could pass.
//!
//! The verifier of a consent by PKCE (RFC 7636) is not stored either: it is an HMAC over the state, with a
//! key that is derived from the same secret under another name.

use std::fmt::Write as _;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

use crate::model::{System, TenantId};

/// How long a person may take to give their consent.
pub const STATE_TTL: Duration = Duration::from_secs(600);

/// Names what a derived key is for, and the form of the state.
const KEY_PURPOSE: &[u8] = b"integrations/oauth-state/v1";
/// The same for the key of verifiers.
const VERIFIER_PURPOSE: &[u8] = b"integrations/oauth-code-verifier/v1";
/// Joins the signed parts; none can hold it.
const SEPARATOR: &[u8] = b"\x1f";
/// A state of ours is about 120 characters.
const STATE_MAX_BYTES: usize = 256;

/// A new state, good until `expires_at`; `nonce` is something unique without a dot.
pub fn issue(
    app_secret: &SecretString,
    tenant: &TenantId,
    system: System,
    expires_at: Timestamp,
    nonce: &str,
) -> Option<String> {
    let expires_at_s = expires_at.as_second().to_string();
    let mac = signed(app_secret, &[tenant.as_str(), system.as_str(), &expires_at_s, nonce])?;
    let mut state = format!("{expires_at_s}.{nonce}.");
    for byte in mac.finalize().into_bytes() {
        write!(state, "{byte:02x}").ok()?;
    }
    Some(state)
}

/// Whether a state is one of ours for this tenant and system and has not ended. The comparison takes
/// the same time wherever it differs.
pub fn is_valid(
    app_secret: &SecretString,
    tenant: &TenantId,
    system: System,
    now: Timestamp,
    state: &str,
) -> bool {
    let verified = || {
        let mut parts = state.split('.');
        let (expires_at_s, nonce, tag) = (parts.next()?, parts.next()?, parts.next()?);
        if state.len() > STATE_MAX_BYTES || parts.next().is_some() {
            return None;
        }
        let tag = hex::decode(tag).ok()?;
        let mac = signed(app_secret, &[tenant.as_str(), system.as_str(), expires_at_s, nonce])?;
        mac.verify_slice(&tag).ok()?;
        expires_at_s.parse::<i64>().ok()
    };
    verified().is_some_and(|expires_at_s| expires_at_s > now.as_second())
}

/// The verifier of the consent that has this state, 64 characters: the same whenever it is asked for. Who
/// sees the state, which travels through a browser, can't tell it.
pub fn code_verifier(app_secret: &SecretString, state: &str) -> Option<SecretString> {
    let mac = keyed(app_secret, VERIFIER_PURPOSE)?.chain_update(state.as_bytes());
    Some(hex::encode(mac.finalize().into_bytes()).into())
}

/// An HMAC with a key that is derived for one purpose. A key may have any length, so there is always one;
/// the type says there may not.
fn keyed(app_secret: &SecretString, purpose: &[u8]) -> Option<Hmac<Sha256>> {
    let derive = Hmac::<Sha256>::new_from_slice(app_secret.expose_secret().as_bytes()).ok()?;
    let key = derive.chain_update(purpose).finalize().into_bytes();
    Hmac::<Sha256>::new_from_slice(&key).ok()
}

fn signed(app_secret: &SecretString, parts: &[&str]) -> Option<Hmac<Sha256>> {
    let mut mac = keyed(app_secret, KEY_PURPOSE)?;
    for part in parts {
        mac.update(part.as_bytes());
        mac.update(SEPARATOR);
    }
    Some(mac)
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};
    use secrecy::ExposeSecret;

    use super::{code_verifier, is_valid, issue};
    use crate::model::{System, TenantId};

    const END: Timestamp = Timestamp::constant(1_790_000_600, 0);
    const NOW: Timestamp = Timestamp::constant(1_790_000_000, 0);

    fn state_of(secret: &str, tenant: &str) -> String {
        let tenant = TenantId::parse(tenant).unwrap();
        issue(&secret.into(), &tenant, System::Hubspot, END, "nonce-1").unwrap()
    }

    fn is_good(secret: &str, tenant: &str, now: Timestamp, state: &str) -> bool {
        let tenant = TenantId::parse(tenant).unwrap();
        is_valid(&secret.into(), &tenant, System::Hubspot, now, state)
    }

    #[test]
    fn state_is_good_for_its_tenant_and_secret_until_its_end() {
        let state = state_of("secret", "acme");
        assert!(is_good("secret", "acme", NOW, &state));
        assert!(is_good("secret", "acme", END - SignedDuration::from_secs(1), &state));
        assert!(!is_good("secret", "acme", END, &state));
        assert!(!is_good("secret", "globex", NOW, &state));
        assert!(!is_good("other", "acme", NOW, &state));
    }

    #[test]
    fn state_with_one_changed_character_is_refused_wherever_it_is() {
        let state = state_of("secret", "acme");
        for index in 0..state.len() {
            let mut bytes = state.clone().into_bytes();
            bytes[index] = if bytes[index] == b'7' { b'8' } else { b'7' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(!is_good("secret", "acme", NOW, &changed), "{index}");
        }
    }

    #[test]
    fn verifier_is_told_by_secret_and_state_together() {
        let verifier = |secret: &str, state: &str| {
            code_verifier(&secret.into(), state).unwrap().expose_secret().to_owned()
        };
        let (state, other) = (state_of("secret", "acme"), state_of("secret", "globex"));
        let ours = verifier("secret", &state);
        assert_eq!(ours, verifier("secret", &state));
        assert_ne!(ours, verifier("other", &state));
        assert_ne!(ours, verifier("secret", &other));
        assert!(!state.contains(&ours), "the tag of the state is no verifier");
        // RFC 7636, section 4.1.
        let is_unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        assert!((43..=128).contains(&ours.len()) && ours.bytes().all(is_unreserved));
    }

    /// Made with Python's `hmac`, twice: a consent may begin in one version of this code and end
    /// in the next.
    #[test]
    fn verifier_stays_the_same_from_version_to_version() {
        let verifier = code_verifier(&"secret".into(), "1790000600.nonce-1.00").unwrap();
        assert_eq!(
            verifier.expose_secret(),
            "101174dccd9448348aa0808581be1cbae0cbcaf727b2eb906fa2416d2ca0b972"
        );
    }

    #[test]
    fn state_of_another_form_is_refused() {
        let state = state_of("secret", "acme");
        let longer = format!("{state}.x");
        let (start, _) = state.rsplit_once('.').unwrap();
        let endless = format!("9{state}");
        for odd in ["", ".", "..", "...", "a.b.c", &longer, start, &endless, &"x".repeat(4_000)] {
            assert!(!is_good("secret", "acme", NOW, odd), "{odd}");
        }
    }
}
