//! What an answer's headers say of the account's limits.
//!
//! `X-HubSpot-RateLimit-*` come with every answer but those of the search; the daily ones are absent
//! with OAuth apps (developers.hubspot.com, "API usage guidelines", read 2026-11-22).

use std::str::FromStr;
use std::time::Duration;

use reqwest::header::HeaderMap;
use sync_domain::gate::{RateLimit, RateReading};

/// The account's limit, `None` when the headers of the burst limit are not all there.
pub fn rate_of(headers: &HeaderMap) -> Option<RateReading> {
    let window_ms = number(headers, "x-hubspot-ratelimit-interval-milliseconds")?;
    Some(RateReading {
        limit: RateLimit {
            max: number(headers, "x-hubspot-ratelimit-max")?,
            window: Duration::from_millis(window_ms),
        },
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

    use super::rate_of;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn rate_limit_is_read_whole_or_not_at_all() {
        let burst = [
            ("x-hubspot-ratelimit-max", "190"),
            ("x-hubspot-ratelimit-remaining", "0"),
            ("x-hubspot-ratelimit-interval-milliseconds", "10000"),
        ];
        let limit = RateLimit { max: 190, window: Duration::from_secs(10) };
        let expected = RateReading { limit, remaining: Some(0) };
        assert_eq!(rate_of(&headers(&burst)), Some(expected));
        assert_eq!(rate_of(&headers(&burst[..2])), None);
        let odd = [&burst[..2], &[("x-hubspot-ratelimit-interval-milliseconds", "-1")]].concat();
        assert_eq!(rate_of(&headers(&odd)), None);
    }
}
