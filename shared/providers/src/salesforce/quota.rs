//! What is left of the org's calls of the last 24 hours, as every answer tells it.

use reqwest::header::HeaderMap;
use sync_domain::ports::Quota;

/// `api-usage=73/15000`, with a limit of the app's own also `; per-app-api-usage=17/250(appName=x)`
/// ("Limit info header", REST API guide; seen in live answers of 2026-05).
const HEADER: &str = "sforce-limit-info";
/// The names of the counts, whatever else the header holds.
const COUNTS: [&str; 2] = ["api-usage", "per-app-api-usage"];

/// The scarcer of the counts that an answer tells.
pub fn quota_of(headers: &HeaderMap) -> Option<Quota> {
    let told = headers.get(HEADER)?.to_str().ok()?;
    told.split(';').filter_map(count_of).min_by_key(|quota| quota.remaining)
}

/// Salesforce lets an org go over its limit for a while, so more may be used than there is.
fn count_of(part: &str) -> Option<Quota> {
    let (name, count) = part.trim().split_once('=')?;
    if !COUNTS.contains(&name) {
        return None;
    }
    let (used, rest) = count.split_once('/')?;
    let max: String = rest.chars().take_while(char::is_ascii_digit).collect();
    let (used, max) = (used.trim().parse::<u64>().ok()?, max.parse::<u64>().ok()?);
    (max > 0).then(|| Quota { max, remaining: max.saturating_sub(used) })
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderMap, HeaderValue};
    use sync_domain::ports::Quota;

    use super::quota_of;

    fn quota(text: &'static str) -> Option<Quota> {
        let mut headers = HeaderMap::new();
        headers.insert("sforce-limit-info", HeaderValue::from_static(text));
        quota_of(&headers)
    }

    #[test]
    fn quota_is_the_scarcer_of_the_counts() {
        let of = |max, remaining| Some(Quota { max, remaining });
        assert_eq!(quota("api-usage=73/15000"), of(15_000, 14_927));
        let per_app = "api-usage=25/5000; per-app-api-usage=17/250(appName=sample-connected-app)";
        assert_eq!(quota(per_app), of(250, 233));
        assert_eq!(quota("api-usage=5000/5000; per-app-api-usage=1/250(appName=x)"), of(5_000, 0));
        assert_eq!(quota("api-usage=15012/15000"), of(15_000, 0), "the limit may be exceeded");
    }

    #[test]
    fn quota_that_can_not_be_read_is_none() {
        for text in ["", "api-usage", "api-usage=1", "api-usage=x/y", "api-usage=1/0", "other=1/2"]
        {
            assert_eq!(quota(text), None, "{text}");
        }
        assert_eq!(quota_of(&HeaderMap::new()), None);
    }
}
