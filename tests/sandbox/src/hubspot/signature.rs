//! HubSpot's request signatures, from the sender's side.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// The escapes that are decoded before the URL is signed; all others stay.
const DECODED_ESCAPES: [(&str, &str); 12] = [
    ("%3A", ":"),
    ("%2F", "/"),
    ("%3F", "?"),
    ("%40", "@"),
    ("%21", "!"),
    ("%24", "$"),
    ("%27", "'"),
    ("%28", "("),
    ("%29", ")"),
    ("%2A", "*"),
    ("%2C", ","),
    ("%3B", ";"),
];

/// Version 1: SHA-256 over secret and body, lower-case hex.
pub fn v1(secret: &str, body: &[u8]) -> String {
    hex::encode(Sha256::new().chain_update(secret).chain_update(body).finalize())
}

/// Version 3: HMAC-SHA256 over method, URL, body and timestamp, base64.
pub fn v3(secret: &str, method: &str, url: &str, body: &[u8], timestamp: &str) -> String {
    let mut signed_url = url.to_owned();
    for (escape, character) in DECODED_ESCAPES {
        signed_url = signed_url.replace(escape, character);
    }
    // A key of any length is allowed, so this can't fail.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return String::new();
    };
    for part in [method.as_bytes(), signed_url.as_bytes(), body, timestamp.as_bytes()] {
        mac.update(part);
    }
    STANDARD.encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::{v1, v3};

    const SECRET: &str = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy";
    const URL: &str = "https://www.example.com/webhook_uri";
    const B1: &str = r#"[{"eventId":1,"subscriptionId":12345,"portalId":62515,"occurredAt":1564113600000,"subscriptionType":"contact.creation","attemptNumber":0,"objectId":123,"changeSource":"CRM","changeFlag":"NEW","appId":54321}]"#;
    const B2: &str = r#"{"example_field":"example_value"}"#;
    const B3: &str = "{'example_field':'example_value'}";
    const B4: &str = r#"[{"objectId":1,"propertyName":"firstname","propertyValue":"José ☃"}]"#;

    #[test]
    fn v1_agrees_with_the_published_vectors() {
        for (body, expected) in [
            (B1, "232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de"),
            (B3, "69fc6631a867edd4f9e9e627fc5c1148e3fbdd8b21837b6d2b8901c1fa57f750"),
        ] {
            assert_eq!(v1(SECRET, body.as_bytes()), expected);
        }
    }

    #[test]
    fn v3_agrees_with_vectors_6_to_10() {
        for (body, timestamp, expected) in [
            (B3, "1693657560000", "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y="),
            (B3, "1700000300000", "RnbPH7+UMKVkbV32P8bz450N4M56aPmcru1+D3kSDtw="),
            (B1, "1693657560000", "ecWWq6SLunL3htE3leWhW3cjrE6R0rZmBOcQ2bf4D40="),
            (B2, "1693657560000", "oaA3M5dEtt6kFsseJD/Hv/x+JNl1vsoxFj4oxmwP6Go="),
            (B4, "1693657560000", "6jGx75lPj+7jO6Z7Mhmv36vdclrSmo3yAx+AUFq78OM="),
        ] {
            assert_eq!(v3(SECRET, "POST", URL, body.as_bytes(), timestamp), expected);
        }
    }

    #[test]
    fn v3_decodes_only_the_documented_escapes() {
        let url = format!("{URL}?src=hs%3Aapp%2Fv3&x=%28a%29%20b");
        let signed = v3(SECRET, "POST", &url, B3.as_bytes(), "1693657560000");
        assert_eq!(signed, "uTxe3jRx4fRrveQEMqvkVTmU1cgzRQLmhOV1BEpYs6c=");
    }
}
