//! HubSpot's request signatures: the published vectors, and that nothing near a good one passes.

use jiff::{Timestamp, ToSpan};
use sync_domain::model::System;
use sync_domain::ports::{AuthMode, SignatureFault, WebhookDelivery};
use sync_providers::webhook_protocol;

use crate::support::signature_vectors::{
    B1, B2, B3, B4, SECRET, SIGNED_MS, TIMESTAMP, URL, V1, V3, VERSION, Vector, vector_8, vector_11,
};

#[test]
fn signature_vectors_1_to_11_pass_with_the_secret_and_with_no_other() {
    let vectors = [
        Vector::plain(
            "v1",
            "POST",
            B1,
            "232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de",
        ),
        Vector::plain(
            "v1",
            "POST",
            B3,
            "69fc6631a867edd4f9e9e627fc5c1148e3fbdd8b21837b6d2b8901c1fa57f750",
        ),
        Vector::plain(
            "v2",
            "GET",
            "",
            "eee2dddcc73c94d699f5e395f4b9d454a069a6855fbfa152e91e88823087200e",
        ),
        Vector::plain(
            "v2",
            "POST",
            B2,
            "9569219f8ba981ffa6f6f16aa0f48637d35d728c7e4d93d0d52efaa512af7900",
        ),
        Vector::plain(
            "v2",
            "POST",
            B3,
            "4fe4e3a7d3cf09db53be39d0a58130e2aaba074ec123a9e355b876a689a1c383",
        ),
        Vector::v3(B3, SIGNED_MS, "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y="),
        Vector::v3(B3, "1700000300000", "RnbPH7+UMKVkbV32P8bz450N4M56aPmcru1+D3kSDtw="),
        vector_8(),
        Vector::v3(B2, SIGNED_MS, "oaA3M5dEtt6kFsseJD/Hv/x+JNl1vsoxFj4oxmwP6Go="),
        Vector::v3(B4, SIGNED_MS, "6jGx75lPj+7jO6Z7Mhmv36vdclrSmo3yAx+AUFq78OM="),
        vector_11("uTxe3jRx4fRrveQEMqvkVTmU1cgzRQLmhOV1BEpYs6c="),
    ];
    for (index, vector) in vectors.iter().enumerate() {
        assert_eq!(vector.check(), Ok(true), "vector {}", index + 1);
        for other in ["", "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyz", "Yyyyyyyy"] {
            assert_eq!(vector.check_at(other, 0), Ok(false), "vector {}", index + 1);
        }
    }
}

#[test]
fn signature_vector_12_over_the_undecoded_query_fails() {
    assert_eq!(vector_11("q2EMu0eN2vcXgjxoZL7bjtY7zZ0+PTsmTMCT0hx3k/U=").check(), Ok(false));
}

#[test]
fn signature_decodes_no_other_escape_and_none_twice() {
    // Signed over the decoded text of vector 11; none of these addresses decodes to it.
    for query in [
        "?src=hs%3aapp%2fv3&x=%28a%29%20b",
        "?src=hs%253Aapp%2Fv3&x=%28a%29%20b",
        "?src=hs%3Aapp%2Fv3&x=%28a%29 b",
        "?src=hs%3Aapp%2Fv3%26x=%28a%29%20b",
        "?x=%28a%29%20b&src=hs%3Aapp%2Fv3",
        "?src=hs%3Aapp%2Fv3&x=%28a%29%20b%",
    ] {
        let mut vector = vector_11("uTxe3jRx4fRrveQEMqvkVTmU1cgzRQLmhOV1BEpYs6c=");
        vector.url = format!("{URL}{query}");
        assert_eq!(vector.check(), Ok(false), "{query}");
    }
    let mut decoded = vector_11("uTxe3jRx4fRrveQEMqvkVTmU1cgzRQLmhOV1BEpYs6c=");
    decoded.url = format!("{URL}?src=hs:app/v3&x=(a)%20b");
    assert_eq!(decoded.check(), Ok(true), "what HubSpot decodes may also come decoded");
}

#[test]
fn signature_fails_for_another_method_or_address() {
    for method in ["GET", "PUT", "post", ""] {
        let vector = Vector { method, ..vector_8() };
        assert_eq!(vector.check(), Ok(false), "{method}");
    }
    for url in [
        "http://www.example.com/webhook_uri",
        "https://www.example.com/webhook_uri/",
        "https://www.example.com/webhook_uri?",
        "https://www.example.com/prod/webhook_uri",
        "https://www.example.com:443/webhook_uri",
    ] {
        let vector = Vector { url: url.to_owned(), ..vector_8() };
        assert_eq!(vector.check(), Ok(false), "{url}");
    }
}

#[test]
fn signature_fails_for_any_bit_flipped_anywhere() {
    let good = vector_8();
    assert!(good.passes());
    for bit in 0..8 {
        for place in 0..good.body.len() {
            let mut bad = good.clone();
            bad.body[place] ^= 1 << bit;
            assert!(!bad.passes(), "bit {bit} of byte {place} of the body");
        }
        for header in [V3, TIMESTAMP] {
            for place in 0..good.value(header).len() {
                let mut bytes = good.value(header).as_bytes().to_vec();
                bytes[place] ^= 1 << bit;
                // A header is text: what a flipped bit leaves of it arrives as replacement or Latin-1.
                let as_latin: String = bytes.iter().map(|byte| char::from(*byte)).collect();
                let mut bad = good.clone();
                bad.set(header, &as_latin);
                assert!(!bad.passes(), "bit {bit} of byte {place} of {header}");
            }
        }
    }
}

#[test]
fn plain_signature_fails_for_any_bit_flipped_anywhere() {
    let signature = "232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de";
    let good = Vector::plain("v1", "POST", B1, signature);
    assert!(good.passes());
    for bit in 0..8 {
        for place in 0..good.body.len() {
            let mut bad = good.clone();
            bad.body[place] ^= 1 << bit;
            assert!(!bad.passes(), "bit {bit} of byte {place} of the body");
        }
        for header in [V1, VERSION] {
            for place in 0..good.value(header).len() {
                let mut bytes = good.value(header).as_bytes().to_vec();
                bytes[place] ^= 1 << bit;
                let as_latin: String = bytes.iter().map(|byte| char::from(*byte)).collect();
                let mut bad = good.clone();
                bad.set(header, &as_latin);
                assert!(!bad.passes(), "bit {bit} of byte {place} of {header}");
            }
        }
    }
}

#[test]
fn signature_fails_for_a_body_that_is_longer_shorter_or_missing() {
    for body in
        [format!("{B1} "), format!("{B1}\n"), B1.trim_start_matches('[').to_owned(), String::new()]
    {
        let vector = Vector { body: body.into_bytes(), ..vector_8() };
        assert_eq!(vector.check(), Ok(false));
    }
}

#[test]
fn signature_is_good_for_exactly_five_minutes_either_way() {
    let vector = vector_8();
    for late_ms in [0, 1, -1, 299_999, 300_000, -300_000] {
        assert_eq!(vector.check_at(SECRET, late_ms), Ok(true), "{late_ms} ms late");
    }
    for late_ms in [300_001, -300_001, 86_400_000, -86_400_000] {
        let expected = Err(SignatureFault::OutsideWindow);
        assert_eq!(vector.check_at(SECRET, late_ms), expected, "{late_ms} ms late");
    }
}

#[test]
fn plain_hashes_speak_for_private_apps_only() {
    let protocol = webhook_protocol(System::Hubspot);
    let may_come_from = |vector: &Vector| {
        let headers = vector.headers.iter();
        let delivery = WebhookDelivery {
            source: None,
            method: "POST".to_owned(),
            url: URL.to_owned(),
            headers: headers.map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
            body: vector.body.clone(),
        };
        let now = Timestamp::from_millisecond(1_693_657_560_000).unwrap();
        let signature = protocol.signature(&delivery, now).unwrap();
        [AuthMode::PrivateApp, AuthMode::Oauth].map(|auth| signature.may_come_from(auth))
    };
    let hex = "232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de";
    assert_eq!(may_come_from(&Vector::plain("v1", "POST", B1, hex)), [true, false]);
    assert_eq!(may_come_from(&Vector::plain("v2", "POST", B1, hex)), [true, false]);
    assert_eq!(may_come_from(&vector_8()), [true, true]);
}

#[test]
fn age_is_measured_without_overflow_at_the_ends_of_time() {
    let mut vector = vector_8();
    vector.set(TIMESTAMP, "999999999999999");
    for now in [Timestamp::MIN, Timestamp::MAX - 1.second(), Timestamp::UNIX_EPOCH] {
        assert_eq!(vector.check_when(SECRET, now), Err(SignatureFault::OutsideWindow));
    }
}
