//! What an answer's headers say of the account's rate limit.
//!
//! `X-HubSpot-RateLimit-*` come with every answer but those of the search (developers.hubspot.com,
//! "API usage guidelines", read 2026-11-22). The daily headers are not read: the day's end shows in a
//! refusal, and other clients use the day up too.

use std::str::FromStr;
use std::time::Duration;

use reqwest::header::HeaderMap;
use sync_domain::gate::{RateLimit, RateReading};

/// The burst limit, `None` when its size or its window is not said.
pub fn reading_of(headers: &HeaderMap) -> Option<RateReading> {
    let window_ms = number(headers, "x-hubspot-ratelimit-interval-milliseconds")?;
    let max = number(headers, "x-hubspot-ratelimit-max")?;
    Some(RateReading {
        limit: RateLimit { max, window: Duration::from_millis(window_ms) },
        remaining: number(headers, "x-hubspot-ratelimit-remaining"),
    })
}

fn number<T: FromStr>(headers: &HeaderMap, name: &str) -> Option<T> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
    use sync_domain::gate::{RateLimit, RateReading};

    use super::reading_of;

    const MAX: (&str, &str) = ("x-hubspot-ratelimit-max", "190");
    const WINDOW: (&str, &str) = ("x-hubspot-ratelimit-interval-milliseconds", "10000");
    const REMAINING: (&str, &str) = ("x-hubspot-ratelimit-remaining", "0");

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn reading_needs_the_limit_and_its_window() {
        let limit = RateLimit { max: 190, window: Duration::from_secs(10) };
        let full = reading_of(&headers(&[MAX, WINDOW, REMAINING]));
        assert_eq!(full, Some(RateReading { limit, remaining: Some(0) }));
        let partial = reading_of(&headers(&[MAX, WINDOW]));
        assert_eq!(partial, Some(RateReading { limit, remaining: None }));
        assert_eq!(reading_of(&headers(&[MAX, REMAINING])), None);
        assert_eq!(reading_of(&headers(&[MAX, (WINDOW.0, "-1"), REMAINING])), None);
    }
}
