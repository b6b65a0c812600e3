//! What an answer's headers say of the account's limits.
//!
//! `X-HubSpot-RateLimit-*` come with every answer but those of the search; the daily ones are absent
//! with OAuth apps (developers.hubspot.com, "API usage guidelines", read 2026-11-22).

use std::str::FromStr;
use std::time::Duration;

use reqwest::header::HeaderMap;
use sync_domain::ports::RateLimit;

/// The account's limit, `None` when the headers of the burst limit are not all there.
pub fn rate_limit_of(headers: &HeaderMap) -> Option<RateLimit> {
    Some(RateLimit {
        calls_max: number(headers, "x-hubspot-ratelimit-max")?,
        calls_left: number(headers, "x-hubspot-ratelimit-remaining")?,
        window: Duration::from_millis(number(
            headers,
            "x-hubspot-ratelimit-interval-milliseconds",
        )?),
        daily_calls_left: number(headers, "x-hubspot-ratelimit-daily-remaining"),
    })
}

fn number<T: FromStr>(headers: &HeaderMap, name: &str) -> Option<T> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
    use sync_domain::ports::RateLimit;

    use super::rate_limit_of;

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
        let mut expected = RateLimit {
            calls_max: 190,
            calls_left: 0,
            window: Duration::from_secs(10),
            daily_calls_left: None,
        };
        assert_eq!(rate_limit_of(&headers(&burst)), Some(expected));
        let daily = [&burst[..], &[("x-hubspot-ratelimit-daily-remaining", "7")]].concat();
        expected.daily_calls_left = Some(7);
        assert_eq!(rate_limit_of(&headers(&daily)), Some(expected));
        assert_eq!(rate_limit_of(&headers(&burst[..2])), None);
        let odd = [&burst[..2], &[("x-hubspot-ratelimit-interval-milliseconds", "-1")]].concat();
        assert_eq!(rate_limit_of(&headers(&odd)), None);
    }
}
