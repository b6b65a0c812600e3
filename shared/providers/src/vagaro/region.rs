//! The region of an account: the first segment of every path, such as `us02`.
//!
//! It is the account's "group" at the vendor and can't be told from the credentials, so the tenant says
//! it. Seen were `us02`, `us03`, `us04` and `usa03` (public clients, 2026); anything else is refused,
//! because it becomes a part of the address that credentials are sent to.

/// The letters that a region may begin with, how many.
const LETTERS: std::ops::RangeInclusive<usize> = 2..=4;
/// The digits that it ends with.
const DIGITS: usize = 2;

/// A region as a tenant wrote it, in lower case; `None` for what is none.
pub fn region_of(given: &str) -> Option<String> {
    let region = given.trim().to_ascii_lowercase();
    let letters = region.bytes().take_while(u8::is_ascii_lowercase).count();
    let rest = region.bytes().skip(letters);
    let is_region = LETTERS.contains(&letters)
        && rest.clone().count() == DIGITS
        && rest.clone().all(|it| it.is_ascii_digit());
    is_region.then_some(region)
}

#[cfg(test)]
mod tests {
    use super::region_of;

    #[test]
    fn region_is_letters_and_two_digits_in_any_case() {
        for (given, region) in
            [("us02", "us02"), (" US03 ", "us03"), ("usa03", "usa03"), ("euro01", "euro01")]
        {
            assert_eq!(region_of(given).as_deref(), Some(region), "{given}");
        }
    }

    #[test]
    fn region_that_would_be_another_address_is_none() {
        for given in [
            "",
            "us",
            "us2",
            "us002",
            "u02",
            "europ01",
            "02us",
            "us02/",
            "us02/..",
            "../us02",
            "us02?x=1",
            "us02#",
            "us 02",
            "us02.evil.example",
            "us02@evil.example",
            "us02%2f",
            "us02\n",
            "us٠٢",
            "ус02",
            "https://evil.example/us02",
        ] {
            // A line end at the very end is trimmed like any blank.
            let expected = if given == "us02\n" { Some("us02") } else { None };
            assert_eq!(region_of(given).as_deref(), expected, "{given}");
        }
    }
}
