//! The two secrets that may sign a connection's webhooks: the newest, and for some time the one before.

use std::time::Duration;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use crate::ports::WebhookSecretPair;

/// Until when the one before is good, if there is one and it still is.
pub(super) fn end_of_previous(
    secrets: Option<&WebhookSecretPair>,
    now: Timestamp,
) -> Option<Timestamp> {
    let (_, until) = secrets?.previous.as_ref()?;
    Some(*until).filter(|until| *until > now)
}

/// The secrets after a rotation, `None` when the new one is in use already. What was in use becomes
/// the one before; the one before that is good no longer.
pub(super) fn rotated(
    stored: Option<&WebhookSecretPair>,
    next: &SecretString,
    now: Timestamp,
    grace: Duration,
) -> Option<WebhookSecretPair> {
    let Some(stored) = stored else {
        return Some(WebhookSecretPair::sole(next.clone()));
    };
    if stored.signs_with(next) {
        return None;
    }
    // Where nothing signed, there is nothing on its way that was signed.
    let has_signed = !stored.current.expose_secret().is_empty();
    let previous = has_signed.then(|| (stored.current.clone(), now + grace));
    Some(WebhookSecretPair { current: next.clone(), previous, ..stored.clone() })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;
    use secrecy::ExposeSecret;

    use super::rotated;
    use crate::ports::WebhookSecretPair;

    const GRACE: Duration = Duration::from_secs(86_400);
    const NOW: Timestamp = Timestamp::constant(1_790_000_000, 0);

    fn after(stored: Option<WebhookSecretPair>, next: &str, now: Timestamp) -> WebhookSecretPair {
        rotated(stored.as_ref(), &next.into(), now, GRACE).or(stored).unwrap()
    }

    fn parts(secrets: &WebhookSecretPair) -> (String, Option<(String, Timestamp)>) {
        let previous = secrets.previous.as_ref();
        let previous = previous.map(|(secret, until)| (secret.expose_secret().to_owned(), *until));
        (secrets.current.expose_secret().to_owned(), previous)
    }

    #[test]
    fn rotation_keeps_the_newest_two_and_nothing_older() {
        let first = after(None, "a", NOW);
        assert_eq!(parts(&first), ("a".into(), None));
        let second = after(Some(first), "b", NOW);
        assert_eq!(parts(&second), ("b".into(), Some(("a".into(), NOW + GRACE))));
        let later = NOW + Duration::from_secs(60);
        let third = after(Some(second), "c", later);
        assert_eq!(parts(&third), ("c".into(), Some(("b".into(), later + GRACE))));
    }

    #[test]
    fn rotation_keeps_the_address_of_the_webhook() {
        let url_token = Some("t".into());
        let stored = WebhookSecretPair { url_token, ..after(None, "a", NOW) };
        let token = after(Some(stored), "b", NOW).url_token.unwrap();
        assert_eq!(token.expose_secret(), "t");
    }

    #[test]
    fn rotation_of_an_address_that_nothing_signed_keeps_no_empty_secret() {
        let first = after(Some(after(None, "", NOW)), "a", NOW);
        assert_eq!(parts(&first), ("a".into(), None));
    }

    #[test]
    fn rotation_to_the_same_secret_changes_nothing_not_even_the_end() {
        let second = after(Some(after(None, "a", NOW)), "b", NOW);
        let again = after(Some(second.clone()), "b", NOW + Duration::from_secs(60));
        assert_eq!(parts(&again), parts(&second));
    }

    #[test]
    fn rotation_back_to_the_one_before_swaps_the_two() {
        let second = after(Some(after(None, "a", NOW)), "b", NOW);
        let back = after(Some(second), "a", NOW);
        assert_eq!(parts(&back), ("a".into(), Some(("b".into(), NOW + GRACE))));
    }
}
