//! What an answer's headers say of the account's limits.
//!
//! `x-ratelimit-limit`, `-remaining` and `-reset` are about a rolling window of two seconds, and
//! `x-daily-ratelimit-token-limit` and `-remaining` about the company's tokens of the day. The first
//! are documented, the others are not and were seen in recorded answers; they may be missing
//! (pipedrive.readme.io, "Rate limiting", copy of October 2025; Nango's integration templates of
//! 2026-05-15).

use std::str::FromStr;
use std::time::Duration;

use reqwest::header::HeaderMap;
use sync_domain::gate::{RateLimit, RateReading};
use sync_domain::ports::Quota;

/// The window of the burst limit.
pub const WINDOW: Duration = Duration::from_secs(2);
/// The longest reset that is believed: the window is one of seconds.
const RESET_MAX_S: u64 = 60;

/// The burst limit of the token, `None` when the header is not there.
pub fn rate_of(headers: &HeaderMap) -> Option<RateReading> {
    let max = number(headers, "x-ratelimit-limit").filter(|max| *max > 0)?;
    let limit = RateLimit { max, window: WINDOW };
    Some(RateReading { limit, remaining: number(headers, "x-ratelimit-remaining") })
}

/// The company's tokens of the day, `None` unless both headers are there.
pub fn quota_of(headers: &HeaderMap) -> Option<Quota> {
    Some(Quota {
        max: number(headers, "x-daily-ratelimit-token-limit")?,
        remaining: tokens_left(headers)?,
    })
}

/// What is left of the company's tokens of the day.
pub fn tokens_left(headers: &HeaderMap) -> Option<u64> {
    number(headers, "x-daily-ratelimit-token-remaining")
}

/// How long until the window of the burst limit is over: seconds, as in recorded answers.
pub fn reset_of(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = number(headers, "x-ratelimit-reset")?;
    Some(Duration::from_secs(seconds.min(RESET_MAX_S)))
}

fn number<T: FromStr>(headers: &HeaderMap, name: &str) -> Option<T> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
    use sync_domain::gate::{RateLimit, RateReading};
    use sync_domain::ports::Quota;

    use super::{quota_of, rate_of, reset_of};

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn limits_are_read_as_recorded_and_left_out_where_they_are_odd() {
        let recorded = headers(&[
            ("x-ratelimit-limit", "80"),
            ("x-ratelimit-remaining", "79"),
            ("x-ratelimit-reset", "2"),
            ("x-daily-ratelimit-token-limit", "150000"),
            ("x-daily-ratelimit-token-remaining", "146932"),
        ]);
        let limit = RateLimit { max: 80, window: Duration::from_secs(2) };
        assert_eq!(rate_of(&recorded), Some(RateReading { limit, remaining: Some(79) }));
        assert_eq!(quota_of(&recorded), Some(Quota { max: 150_000, remaining: 146_932 }));
        assert_eq!(reset_of(&recorded), Some(Duration::from_secs(2)));
        let odd = headers(&[
            ("x-ratelimit-limit", "0"),
            ("x-ratelimit-reset", "1790000000"),
            ("x-daily-ratelimit-token-remaining", "0"),
        ]);
        assert_eq!((rate_of(&odd), quota_of(&odd)), (None, None));
        assert_eq!(reset_of(&odd), Some(Duration::from_secs(60)), "no moment of a clock");
    }
}
