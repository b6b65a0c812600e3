//! When a provider's daily quota begins anew: midnight of the account's own time zone.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Time;
use jiff::tz::TimeZone;

/// Calls start again this long after midnight: two clocks are compared, and a call that comes too
/// early is refused like one that comes a day too early.
const AFTER_MIDNIGHT: Duration = Duration::from_secs(60);
/// A refusal this soon after midnight is about the day before: nobody uses up a day's quota in
/// minutes (HubSpot: 250,000 calls and more, at 10 to 25 a second).
const LATE_RESET_MAX: Duration = Duration::from_secs(15 * 60);
/// How soon such a refusal is tried again.
const LATE_RESET_RETRY: Duration = Duration::from_secs(5 * 60);

/// The next midnight after `now` in the IANA zone (aliases such as `US/Eastern` are known), UTC for
/// a zone that is unknown.
///
/// Days have 23 to 25 hours where clocks change. Where midnight itself is skipped, the day begins
/// after the gap; where it comes twice, the second one is taken, because a call that comes too early
/// is refused and may cost another day, and one that comes late costs an hour.
pub fn next_midnight(now: Timestamp, time_zone: Option<&str>) -> Timestamp {
    let zone = zone_of(time_zone).unwrap_or(TimeZone::UTC);
    midnight_after(now, &zone).unwrap_or(now + Duration::from_secs(24 * 3600))
}

/// Until when to keep away after "daily limit reached" at `now`.
///
/// Without a known zone that is the next full hour and not a guessed midnight: with a wrong guess
/// the first calls after it are refused, and the next guess is a day later although the quota may
/// have begun anew an hour after the first. One refused call per hour costs nothing next to that.
pub fn daily_limit_until(now: Timestamp, time_zone: Option<&str>) -> Timestamp {
    let Some(zone) = zone_of(time_zone) else {
        let into_hour = u64::try_from(now.as_second().rem_euclid(3600)).unwrap_or_default();
        return now + Duration::from_secs(3600 - into_hour) + AFTER_MIDNIGHT;
    };
    let is_reset_late = midnight_after(now - LATE_RESET_MAX, &zone).is_some_and(|it| it <= now);
    if is_reset_late {
        return now + LATE_RESET_RETRY;
    }
    midnight_after(now, &zone).unwrap_or(now + Duration::from_secs(24 * 3600)) + AFTER_MIDNIGHT
}

fn zone_of(name: Option<&str>) -> Option<TimeZone> {
    TimeZone::get(name?).ok()
}

/// `None` only at the end of the calendar.
fn midnight_after(now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let today = zone.to_datetime(now).date();
    // Where midnight comes twice, the second one of today may still be to come.
    [today, today.tomorrow().ok()?, today.tomorrow().ok()?.tomorrow().ok()?]
        .into_iter()
        .filter_map(|day| {
            zone.to_ambiguous_timestamp(day.to_datetime(Time::midnight())).later().ok()
        })
        .find(|midnight| *midnight > now)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;

    use super::{daily_limit_until, next_midnight};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn midnight_is_the_account_zones_own_on_days_of_any_length() {
        for (zone, now, midnight) in [
            ("Europe/Berlin", "2026-11-22T22:59:59Z", "2026-11-22T23:00:00Z"),
            ("Europe/Berlin", "2026-11-22T23:00:00Z", "2026-11-23T23:00:00Z"),
            // 23 and 25 hours.
            ("Europe/Berlin", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"),
            ("Europe/Berlin", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"),
            ("US/Eastern", "2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z"),
            ("US/Eastern", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z"),
            ("Australia/Lord_Howe", "2026-04-04T13:00:00Z", "2026-04-05T13:30:00Z"),
            ("Australia/Lord_Howe", "2026-10-03T13:30:00Z", "2026-10-04T13:00:00Z"),
            // Midnight is skipped, and midnight comes twice.
            ("Africa/Cairo", "2026-04-23T21:00:00Z", "2026-04-23T22:00:00Z"),
            ("America/Havana", "2025-11-02T03:59:00Z", "2025-11-02T05:00:00Z"),
            ("America/Havana", "2025-11-02T04:30:00Z", "2025-11-02T05:00:00Z"),
            // Beyond the precomputed tables.
            ("Europe/Berlin", "2199-07-01T12:00:00Z", "2199-07-01T22:00:00Z"),
        ] {
            assert_eq!(next_midnight(at(now), Some(zone)), at(midnight), "{zone} {now}");
        }
        for zone in [None, Some("Mars/Olympus"), Some(""), Some("../etc/passwd")] {
            assert_eq!(next_midnight(at("2026-11-22T12:00:00Z"), zone), at("2026-11-23T00:00:00Z"));
        }
    }

    #[test]
    fn daily_limit_keeps_away_until_after_midnight_and_looks_again_soon_after_it() {
        let berlin = Some("Europe/Berlin");
        for (zone, now, until) in [
            (berlin, "2026-11-22T12:00:00Z", "2026-11-22T23:01:00Z"),
            // Our clock is ahead, or the provider's reset is late.
            (berlin, "2026-11-22T23:00:00Z", "2026-11-22T23:05:00Z"),
            (berlin, "2026-11-22T23:14:59Z", "2026-11-22T23:19:59Z"),
            (berlin, "2026-11-22T23:15:01Z", "2026-11-23T23:01:00Z"),
            (None, "2026-11-22T12:34:56Z", "2026-11-22T13:01:00Z"),
            (Some("Mars/Olympus"), "2026-11-22T12:00:00Z", "2026-11-22T13:01:00Z"),
        ] {
            assert_eq!(daily_limit_until(at(now), zone), at(until), "{zone:?} {now}");
        }
    }

    #[test]
    fn midnights_are_at_most_one_long_day_apart_in_every_zone() {
        let day = Duration::from_secs(26 * 3600);
        for name in jiff::tz::db().available() {
            let mut now = at("2026-01-01T00:00:00Z");
            while now < at("2027-01-01T00:00:00Z") {
                let midnight = next_midnight(now, Some(name.as_str()));
                assert!(midnight > now && midnight <= now + day, "{name} {now} {midnight}");
                now = midnight;
            }
        }
    }
}
