//! How Pipedrive shows that a webhook is one of ours: HTTP Basic with the user and the password that
//! the webhook was made with, and nothing else. Nothing is signed, neither time nor body
//! (pipedrive.readme.io, "Guide for Webhooks v2", read 2026-11-22), so whoever has the password can
//! write what they like: a delivery is never more than a hint, and says which account and which
//! webhook it is of, which must be the tenant's too.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use sync_domain::ports::{
    AuthMode, DeliverySignature, HeaderValue, SignatureFault, WebhookDelivery,
};

/// The user that our webhooks are made with (`http_auth_user`). The password is drawn for each
/// connection.
pub const HOOK_USER: &str = "integration";

const AUTHORIZATION: &str = "authorization";
const SCHEME: &str = "basic";

/// What a delivery says that its user and password are, of the right form.
pub struct PipedriveSignature {
    claimed: [u8; 32],
}

impl PipedriveSignature {
    /// Reads the one `Authorization` header.
    ///
    /// # Errors
    /// When it is missing, repeated, of another scheme or not in its one canonical form.
    pub fn read(delivery: &WebhookDelivery) -> Result<Self, SignatureFault> {
        let text = match delivery.header(AUTHORIZATION) {
            HeaderValue::Sole(text) => text,
            HeaderValue::Absent => return Err(SignatureFault::Missing),
            HeaderValue::Repeated => return Err(SignatureFault::Repeated),
        };
        let (scheme, credentials) = text.split_once(' ').ok_or(SignatureFault::Malformed)?;
        // RFC 9110: the scheme's name is written in any case.
        if !scheme.eq_ignore_ascii_case(SCHEME) {
            return Err(SignatureFault::Malformed);
        }
        // Padding and unused bits are checked: no two texts stand for one password. A gateway joins
        // two headers by a comma, which is not of the alphabet.
        let pair = STANDARD.decode(credentials).map_err(|_| SignatureFault::Malformed)?;
        if !pair.contains(&b':') {
            return Err(SignatureFault::Malformed);
        }
        Ok(Self { claimed: Sha256::digest(&pair).into() })
    }
}

impl DeliverySignature for PipedriveSignature {
    /// We make the webhooks ourselves, whichever way an account is connected.
    fn may_come_from(&self, auth: AuthMode) -> bool {
        match auth {
            AuthMode::ApiToken | AuthMode::Oauth => true,
            AuthMode::PrivateApp
            | AuthMode::ApiKey
            | AuthMode::ClientCredentials
            | AuthMode::JwtBearer => false,
        }
    }

    fn is_made_with(&self, secret: &SecretString) -> bool {
        // Digests are of one length, so that the time does not tell the password's either.
        let expected = Sha256::new()
            .chain_update(HOOK_USER)
            .chain_update(b":")
            .chain_update(secret.expose_secret())
            .finalize();
        expected.as_slice().ct_eq(&self.claimed).into()
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use sync_domain::ports::{AuthMode, DeliverySignature, SignatureFault, WebhookDelivery};

    use super::PipedriveSignature;

    const SECRET: &str = "canary-pipedrive-secret";

    fn delivery(headers: &[(&str, &str)]) -> WebhookDelivery {
        WebhookDelivery {
            source: None,
            method: "POST".to_owned(),
            url: "https://hooks.example.com/webhooks/crm/pipedrive".to_owned(),
            headers: headers
                .iter()
                .map(|(name, value)| (name.to_string(), value.to_string()))
                .collect(),
            body: b"{}".to_vec(),
        }
    }

    fn basic(pair: &[u8]) -> String {
        format!("Basic {}", STANDARD.encode(pair))
    }

    fn is_believed(value: &str) -> bool {
        let delivery = delivery(&[("authorization", value)]);
        PipedriveSignature::read(&delivery).is_ok_and(|read| read.is_made_with(&SECRET.into()))
    }

    fn fault(headers: &[(&str, &str)]) -> Option<SignatureFault> {
        PipedriveSignature::read(&delivery(headers)).err()
    }

    #[test]
    fn user_and_password_of_the_webhook_are_believed() {
        // Of `printf %s integration:canary-pipedrive-secret | base64`.
        let known = "Basic aW50ZWdyYXRpb246Y2FuYXJ5LXBpcGVkcml2ZS1zZWNyZXQ=";
        assert_eq!(basic(b"integration:canary-pipedrive-secret"), known);
        assert!(is_believed(known));
        assert!(is_believed(&known.replace("Basic", "basic")));
    }

    #[test]
    fn every_flipped_bit_of_user_and_password_is_refused() {
        let good = b"integration:canary-pipedrive-secret".to_vec();
        for bit in 0..good.len() * 8 {
            let mut altered = good.clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            assert!(!is_believed(&basic(&altered)), "bit {bit}");
        }
        for cut in 0..good.len() {
            assert!(!is_believed(&basic(&good[..cut])), "{cut} bytes");
        }
    }

    #[test]
    fn other_users_and_passwords_are_refused() {
        for pair in [
            ":canary-pipedrive-secret",
            "Integration:canary-pipedrive-secret",
            "integration:",
            "integration:canary-pipedrive-secret ",
            "integration::canary-pipedrive-secret",
            "canary-pipedrive-secret:integration",
            "integration:CANARY-PIPEDRIVE-SECRET",
        ] {
            assert!(!is_believed(&basic(pair.as_bytes())), "{pair}");
        }
        let empty = delivery(&[("authorization", &basic(b"integration:"))]);
        assert!(!PipedriveSignature::read(&empty).unwrap().is_made_with(&SECRET.into()));
    }

    #[test]
    fn header_in_another_form_is_refused() {
        let credentials = STANDARD.encode("integration:canary-pipedrive-secret");
        let url_safe = STANDARD.encode("integration:??>").replace('/', "_").replace('+', "-");
        for value in [
            String::new(),
            "Basic".to_owned(),
            "Basic ".to_owned(),
            credentials.clone(),
            format!("Bearer {credentials}"),
            format!("Digest {credentials}"),
            format!("Basic  {credentials}"),
            format!("Basic {credentials} "),
            format!(" Basic {credentials}"),
            format!("Basic\t{credentials}"),
            format!("Basic {}", credentials.trim_end_matches('=')),
            format!("Basic {credentials}="),
            format!("Basic {credentials},Basic {credentials}"),
            // The last sign holds bits that stand for nothing.
            format!("Basic {}", credentials.replace("ZXQ=", "ZXR=")),
            format!("Basic {url_safe}"),
            basic(b"integration"),
        ] {
            assert_eq!(
                fault(&[("authorization", &value)]),
                Some(SignatureFault::Malformed),
                "{value}"
            );
        }
    }

    #[test]
    fn header_must_be_there_once() {
        let good = basic(b"integration:canary-pipedrive-secret");
        assert_eq!(fault(&[]), Some(SignatureFault::Missing));
        assert_eq!(fault(&[("x-authorization", &good)]), Some(SignatureFault::Missing));
        let twice = [("authorization", good.as_str()), ("authorization", good.as_str())];
        assert_eq!(fault(&twice), Some(SignatureFault::Repeated));
    }

    #[test]
    fn password_is_of_accounts_that_pipedrive_can_be_connected_by() {
        let good = delivery(&[("authorization", &basic(b"integration:x"))]);
        let read = PipedriveSignature::read(&good).unwrap();
        let modes: Vec<_> =
            AuthMode::ALL.into_iter().filter(|it| read.may_come_from(*it)).collect();
        assert_eq!(modes.len(), 2);
        assert!(modes.contains(&AuthMode::ApiToken) && modes.contains(&AuthMode::Oauth));
    }
}
