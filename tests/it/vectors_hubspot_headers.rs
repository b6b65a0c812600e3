//! HubSpot's signature headers: missing, doubled, malformed, contradictory.

use jiff::Timestamp;
use sync_domain::ports::SignatureFault;

use crate::support::signature_vectors::{
    B1, SECRET, SIGNED_MS, TIMESTAMP, V1, V3, VERSION, Vector, vector_8,
};

#[test]
fn signature_needs_a_timestamp_of_digits_alone() {
    for timestamp in [
        "",
        " ",
        "abc",
        "1693657560000 ",
        " 1693657560000",
        "+1693657560000",
        "-1693657560000",
        "1693657560000.0",
        "1.69365756e12",
        "0x18A5",
        "1693657560000,1693657560000",
        "NaN",
        "１６９３６５７５６００００",
        "1693657560000\0",
        "99999999999999999999",
        "9223372036854775808",
        "0000001693657560000",
    ] {
        let mut vector = vector_8();
        vector.set(TIMESTAMP, timestamp);
        assert_eq!(vector.check(), Err(SignatureFault::Malformed), "{timestamp:?}");
    }
    for timestamp in ["1693657560", "0", "999999999999999"] {
        let mut vector = vector_8();
        vector.set(TIMESTAMP, timestamp);
        let now = Timestamp::from_millisecond(1_693_657_560_000).unwrap();
        let expected = Err(SignatureFault::OutsideWindow);
        assert_eq!(vector.check_when(SECRET, now), expected, "{timestamp:?}");
    }
}

#[test]
fn signature_headers_that_are_missing_are_refused() {
    for name in [V3, TIMESTAMP] {
        let mut vector = vector_8();
        vector.headers.retain(|(given, _)| *given != name);
        assert_eq!(vector.check(), Err(SignatureFault::Missing), "without {name}");
    }
    let signature = "232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de";
    for name in [V1, VERSION] {
        let mut vector = Vector::plain("v1", "POST", B1, signature);
        vector.headers.retain(|(given, _)| *given != name);
        assert_eq!(vector.check(), Err(SignatureFault::Missing), "without {name}");
    }
    let vector = Vector { headers: vec![], ..vector_8() };
    assert_eq!(vector.check(), Err(SignatureFault::Missing));
}

#[test]
fn signature_headers_that_come_twice_are_refused_even_if_they_agree() {
    let signature = "232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de";
    for (vector, name) in [
        (vector_8(), V3),
        (vector_8(), TIMESTAMP),
        (Vector::plain("v1", "POST", B1, signature), V1),
        (Vector::plain("v1", "POST", B1, signature), VERSION),
    ] {
        let mut doubled = vector.clone();
        doubled.headers.push((name, vector.value(name).to_owned()));
        assert_eq!(doubled.check(), Err(SignatureFault::Repeated), "{name} twice");
        let mut joined = vector.clone();
        joined.set(name, &format!("{0},{0}", vector.value(name)));
        assert_eq!(joined.check(), Err(SignatureFault::Malformed), "{name} joined by the gateway");
    }
}

#[test]
fn signature_of_another_form_is_refused() {
    let good = "ecWWq6SLunL3htE3leWhW3cjrE6R0rZmBOcQ2bf4D40=";
    for signature in [
        "",
        "=",
        " ",
        good.trim_end_matches('='),
        good.trim_start_matches('e'),
        &format!("{good}="),
        &format!("{good} "),
        &format!(" {good}"),
        &format!("{good}\n"),
        &good.replace('=', ""),
        &good.replace("40=", "41="),
        &good.replace('W', "_"),
        &format!("{good}{good}"),
        "ecWWq6SLunL3htE3leWhWw==",
        "79c596aba48bba72f786d13795e5a15b7723ac4e91d2b66604e710d9b7f80f8d",
        "éééé",
        "☃",
        &"A".repeat(100_000),
    ] {
        let mut vector = vector_8();
        vector.set(V3, signature);
        assert_eq!(vector.check(), Err(SignatureFault::Malformed), "{signature:.60?}");
    }
    let hex = "232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de";
    for (version, signature) in [
        ("v1", ""),
        ("v1", hex.trim_start_matches('2')),
        ("v1", &hex.to_uppercase()),
        ("v1", &format!("{hex}00")),
        ("v1", &hex.replacen("23", "0x", 1)),
        ("v1", &hex.replace('2', "g")),
        ("v3", hex),
        ("V1", hex),
        ("", hex),
        ("v1 ", hex),
        ("v11", hex),
    ] {
        let vector = Vector::plain(version, "POST", B1, signature);
        assert_eq!(vector.check(), Err(SignatureFault::Malformed), "{version:?} {signature:?}");
    }
}

#[test]
fn bad_version_3_is_not_rescued_by_a_good_version_1() {
    let signature = "232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de";
    let good = Vector::plain("v1", "POST", B1, signature);
    assert_eq!(good.check(), Ok(true));
    let with = |headers: &[(&'static str, &str)]| {
        let mut both = good.clone();
        both.headers.extend(headers.iter().map(|(name, value)| (*name, (*value).to_owned())));
        both.check()
    };
    let other = "oaA3M5dEtt6kFsseJD/Hv/x+JNl1vsoxFj4oxmwP6Go=";
    assert_eq!(with(&[(V3, other), (TIMESTAMP, SIGNED_MS)]), Ok(false));
    assert_eq!(with(&[(V3, ""), (TIMESTAMP, SIGNED_MS)]), Err(SignatureFault::Malformed));
    assert_eq!(with(&[(V3, other)]), Err(SignatureFault::Missing));
    assert_eq!(with(&[(TIMESTAMP, SIGNED_MS)]), Err(SignatureFault::Missing));
}
