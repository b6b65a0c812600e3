//! One form for each value, whichever way it comes in: from a caller, where a bad one is refused, or
//! from a provider, where it is kept as it is.

use std::str::FromStr;

use email_address::{EmailAddress, Options};
use jiff::Timestamp;
use jiff::civil::Date;
use rlibphonenumber::{PhoneNumber, PhoneNumberFormat, Region};

use super::AttributeName;

/// The longest phone number as text.
const PHONE_MAX_CHARS: usize = 100;
/// The longest key that a provider is asked to keep.
const REFERENCE_MAX_BYTES: usize = 255;
/// The most digits of an amount, before and behind the point.
const AMOUNT_MAX_DIGITS: (usize, usize) = (15, 6);

/// The one form of a trimmed value that is not empty.
///
/// # Errors
/// What is wrong with it, to be shown beside the attribute's name.
pub fn normalised(
    name: AttributeName,
    text: &str,
    default_region: Option<&str>,
) -> Result<String, &'static str> {
    match name {
        AttributeName::Email => email(text),
        AttributeName::Phone => phone(text, default_region),
        AttributeName::Domain => domain(text),
        AttributeName::Amount => amount(text).ok_or("must be a decimal number such as 1200.50"),
        AttributeName::Closedate => closedate(text).ok_or("must be an ISO 8601 date or instant"),
        AttributeName::Reference if text.len() > REFERENCE_MAX_BYTES => {
            Err("must not be longer than 255 bytes")
        }
        AttributeName::Firstname
        | AttributeName::Lastname
        | AttributeName::Company
        | AttributeName::Lifecyclestage
        | AttributeName::Reference
        | AttributeName::Name
        | AttributeName::Pipeline
        | AttributeName::Stage => Ok(text.to_owned()),
    }
}

/// A provider's value in our form where it has one, else as it came: the provider is right about
/// what it holds. Control characters are dropped, because no stored key may contain one.
pub fn normalised_remote(name: AttributeName, text: &str, default_region: Option<&str>) -> String {
    let text: String = text.trim().chars().filter(|character| !character.is_control()).collect();
    if text.is_empty() {
        return text;
    }
    normalised(name, &text, default_region).unwrap_or(text)
}

fn email(text: &str) -> Result<String, &'static str> {
    let options =
        Options::default().with_required_tld().without_display_text().without_domain_literal();
    let lowered = text.to_lowercase();
    EmailAddress::parse_with_options(&lowered, options)
        .map_err(|_invalid| "must be an email address")?;
    Ok(lowered)
}

/// E.164 where the number is valid, else the trimmed text: the provider stores what it is given,
/// and an extension or a short number is still of use to the tenant.
fn phone(text: &str, default_region: Option<&str>) -> Result<String, &'static str> {
    if text.chars().count() > PHONE_MAX_CHARS {
        return Err("must not be longer than 100 characters");
    }
    if !text.chars().any(|character| character.is_ascii_digit()) {
        return Err("must contain a digit");
    }
    let region = default_region.and_then(|code| Region::from_str(&code.to_ascii_uppercase()).ok());
    let international = PhoneNumber::parse(text, region)
        .ok()
        .filter(|number| number.extension.is_none() && number.is_valid())
        .map(|number| number.format_as(PhoneNumberFormat::E164).into_owned());
    Ok(international.unwrap_or_else(|| text.to_owned()))
}

/// The two-letter country code in upper case, if it is one whose phone numbers are known.
pub fn normalised_region(text: &str) -> Option<String> {
    let code = text.trim().to_ascii_uppercase();
    let is_two_letters = code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase());
    (is_two_letters && Region::from_str(&code).is_ok()).then_some(code)
}

/// The bare host in lower case: no scheme, no `www.`, no path, no port.
fn domain(text: &str) -> Result<String, &'static str> {
    let lowered = text.to_lowercase();
    let bare = lowered.split_once("://").map_or(lowered.as_str(), |(_scheme, rest)| rest);
    let host = bare.split(['/', '?', '#', ':']).next().unwrap_or_default();
    let host = host.strip_prefix("www.").unwrap_or(host).trim_end_matches('.');
    let is_label = |label: &str| {
        let is_plain = |character: char| character.is_alphanumeric() || character == '-';
        (1..=63).contains(&label.len()) && label.chars().all(is_plain)
    };
    let is_host = host.len() <= 253 && host.contains('.') && host.split('.').all(is_label);
    if is_host { Ok(host.to_owned()) } else { Err("must be an internet domain") }
}

/// Without leading zeros and without trailing zeros behind the point.
fn amount(text: &str) -> Option<String> {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_number = |part: &str, digits_max: usize| {
        (1..=digits_max).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    let (whole_max, fraction_max) = AMOUNT_MAX_DIGITS;
    if !is_number(whole, whole_max) || !is_number(fraction, fraction_max) {
        return None;
    }
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    let sign = if whole == "0" && fraction.is_empty() { "" } else { sign };
    Some(format!("{sign}{whole}{point}{fraction}"))
}

/// A date is midnight in UTC; an instant may also come in epoch milliseconds, as providers send it.
fn closedate(text: &str) -> Option<String> {
    let instant = if let Ok(instant) = text.parse::<Timestamp>() {
        instant
    } else if let Ok(date) = text.parse::<Date>() {
        date.at(0, 0, 0, 0).to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp()
    } else {
        Timestamp::from_millisecond(text.parse().ok()?).ok()?
    };
    Some(instant.to_string())
}

#[cfg(test)]
mod tests {
    use super::{normalised, normalised_remote};
    use crate::model::AttributeName;

    #[test]
    fn value_of_each_kind_gets_one_form() {
        for (name, given, expected) in [
            (AttributeName::Domain, "HTTP://www.Example.co.uk:8080/a?b", "example.co.uk"),
            (AttributeName::Amount, "0012.3400", "12.34"),
            (AttributeName::Amount, "-0.0", "0"),
            (AttributeName::Amount, "7", "7"),
            (AttributeName::Closedate, "2026-11-22T10:00:00+02:00", "2026-11-22T08:00:00Z"),
            (AttributeName::Closedate, "1764547200000", "2025-12-01T00:00:00Z"),
        ] {
            assert_eq!(normalised(name, given, None).unwrap(), expected, "{given}");
        }
    }

    #[test]
    fn value_that_has_no_form_is_refused_from_a_caller_and_kept_from_a_provider() {
        for (name, given) in [
            (AttributeName::Domain, "not a domain"),
            (AttributeName::Amount, "1,200"),
            (AttributeName::Amount, "1."),
            (AttributeName::Closedate, "2026-02-30"),
            (AttributeName::Email, "ada"),
        ] {
            assert!(normalised(name, given, None).is_err(), "{given}");
            assert_eq!(normalised_remote(name, given, None), given);
        }
        assert_eq!(normalised_remote(AttributeName::Name, " a\u{1f}b ", None), "ab");
    }
}
