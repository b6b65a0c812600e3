//! The state of a gate as an item, and back.
//!
//! What is not there reads as its default, and what is of a kind that this version does not know
//! (after a roll-back) reads as the nearest that is safe: a share that can't be told counts as live.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use sync_domain::gate::{
    Breaker, Class, GateState, LastError, Ledger, Pause, PauseReason, Probe, RateLimit, Share,
};
use sync_domain::ports::StoreError;

use super::item::{Item, millis, number, text, text_of, timestamp_of};

/// The attributes of `state` without those of its key. `revision` is the one to be written.
pub fn item_of(state: &GateState, revision: u64) -> Item {
    let mut item = Item::from([
        ("revision".to_owned(), number(revision)),
        ("breaker".to_owned(), breaker_map(&state.breaker)),
        ("ledger".to_owned(), ledger_map(&state.ledger)),
    ]);
    if let Some(pause) = &state.pause {
        let map = [("until_ms", millis(pause.until)), ("reason", text(pause.reason.as_str()))];
        item.insert("pause".to_owned(), map_of(map));
    }
    if let Some(at) = state.last_success_at {
        item.insert("last_success_at_ms".to_owned(), millis(at));
    }
    if let Some(error) = &state.last_error {
        let map = [("code", text(&error.code)), ("at_ms", millis(error.at))];
        item.insert("last_error".to_owned(), map_of(map));
    }
    item
}

/// The state that an item holds.
///
/// # Errors
/// Without a revision that can be read, nothing could ever be written over it.
pub fn state_of(item: &Item) -> Result<GateState, StoreError> {
    let revision = match item.get("revision") {
        None => 0,
        Some(revision) => number_of(revision).ok_or(StoreError::Malformed("a gate's revision"))?,
    };
    Ok(GateState {
        breaker: map_in(item, "breaker").map(breaker_of).unwrap_or_default(),
        pause: map_in(item, "pause").and_then(pause_of),
        ledger: map_in(item, "ledger").map(ledger_of).unwrap_or_default(),
        last_success_at: timestamp_of(item, "last_success_at_ms"),
        last_error: map_in(item, "last_error").and_then(|map| {
            let code = text_of(map, "code")?.to_owned();
            Some(LastError { code, at: timestamp_of(map, "at_ms")? })
        }),
        revision,
    })
}

fn map_of<const N: usize>(entries: [(&str, AttributeValue); N]) -> AttributeValue {
    AttributeValue::M(entries.map(|(name, value)| (name.to_owned(), value)).into())
}

fn map_in<'a>(item: &'a Item, name: &str) -> Option<&'a Item> {
    item.get(name)?.as_m().ok()
}

fn number_of<T: std::str::FromStr>(value: &AttributeValue) -> Option<T> {
    value.as_n().ok()?.parse().ok()
}

fn number_in<T: std::str::FromStr>(item: &Item, name: &str) -> Option<T> {
    number_of(item.get(name)?)
}

fn breaker_map(breaker: &Breaker) -> AttributeValue {
    let mut map = Item::from([
        ("failures".to_owned(), number(breaker.failures)),
        ("cooldown_ms".to_owned(), number(breaker.cooldown.as_millis())),
        ("epoch".to_owned(), number(breaker.epoch)),
    ]);
    for (name, at) in [
        ("failed_at_ms", breaker.failed_at),
        ("open_until_ms", breaker.open_until),
        ("changed_at_ms", breaker.changed_at),
    ] {
        if let Some(at) = at {
            map.insert(name.to_owned(), millis(at));
        }
    }
    if let Some(probe) = &breaker.probe {
        let probe = [("id", text(&probe.id)), ("until_ms", millis(probe.until))];
        map.insert("probe".to_owned(), map_of(probe));
    }
    AttributeValue::M(map)
}

fn breaker_of(map: &Item) -> Breaker {
    Breaker {
        failures: number_in(map, "failures").unwrap_or_default(),
        failed_at: timestamp_of(map, "failed_at_ms"),
        open_until: timestamp_of(map, "open_until_ms"),
        cooldown: Duration::from_millis(number_in(map, "cooldown_ms").unwrap_or_default()),
        changed_at: timestamp_of(map, "changed_at_ms"),
        epoch: number_in(map, "epoch").unwrap_or_default(),
        probe: map_in(map, "probe").and_then(|probe| {
            let id = text_of(probe, "id")?.to_owned();
            Some(Probe { id, until: timestamp_of(probe, "until_ms")? })
        }),
    }
}

fn pause_of(map: &Item) -> Option<Pause> {
    let reason = text_of(map, "reason").and_then(PauseReason::parse);
    let until = timestamp_of(map, "until_ms")?;
    Some(Pause { until, reason: reason.unwrap_or(PauseReason::RetryAfter) })
}

fn ledger_map(ledger: &Ledger) -> AttributeValue {
    let shares = ledger.shares.iter().map(|share| {
        map_of([
            ("holder", text(&share.holder)),
            ("class", text(share.class.as_str())),
            ("permits", number(share.permits)),
            ("until_ms", millis(share.until)),
            ("is_short", AttributeValue::Bool(share.is_short)),
        ])
    });
    let shares = AttributeValue::L(shares.collect());
    let mut map = HashMap::from([("shares".to_owned(), shares)]);
    if let Some(limit) = ledger.learned {
        let window_ms = number(limit.window.as_millis());
        map.insert(
            "limit".to_owned(),
            map_of([("max", number(limit.max)), ("window_ms", window_ms)]),
        );
    }
    AttributeValue::M(map)
}

fn ledger_of(map: &Item) -> Ledger {
    let learned = map_in(map, "limit").and_then(|limit| {
        let window = Duration::from_millis(number_in(limit, "window_ms")?);
        Some(RateLimit { max: number_in(limit, "max")?, window })
    });
    let shares = map.get("shares").and_then(|shares| shares.as_l().ok());
    let shares = shares.into_iter().flatten().filter_map(|share| share_of(share.as_m().ok()?));
    Ledger { learned, shares: shares.collect() }
}

fn share_of(map: &Item) -> Option<Share> {
    Some(Share {
        holder: text_of(map, "holder")?.to_owned(),
        class: text_of(map, "class").and_then(Class::parse).unwrap_or(Class::Live),
        permits: number_in(map, "permits")?,
        until: timestamp_of(map, "until_ms").unwrap_or(Timestamp::UNIX_EPOCH),
        is_short: map.get("is_short").is_some_and(|it| it.as_bool().is_ok_and(|it| *it)),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;
    use sync_domain::gate::{
        Breaker, Class, GateState, LastError, Ledger, Pause, PauseReason, Probe, RateLimit, Share,
    };

    use aws_sdk_dynamodb::types::AttributeValue;

    use super::super::item::{Item, number, text};
    use super::{item_of, map_of, state_of};

    fn full_state() -> GateState {
        let at = |second: i64| Timestamp::from_second(1_790_000_000 + second).unwrap();
        let share = |holder: &str, class| Share {
            holder: holder.to_owned(),
            class,
            permits: 9,
            until: at(60),
            is_short: class == Class::Live,
        };
        GateState {
            breaker: Breaker {
                failures: 5,
                failed_at: Some(at(1)),
                open_until: Some(at(6)),
                cooldown: Duration::from_millis(5_001),
                changed_at: Some(at(2)),
                epoch: 3,
                probe: Some(Probe { id: "p".to_owned(), until: at(20) }),
            },
            pause: Some(Pause { until: at(86_400), reason: PauseReason::DailyLimit }),
            ledger: Ledger {
                learned: Some(RateLimit { max: 190, window: Duration::from_secs(10) }),
                shares: vec![share("a", Class::Live), share("b", Class::Background)],
            },
            last_success_at: Some(at(-3)),
            last_error: Some(LastError { code: "http_503".to_owned(), at: at(1) }),
            revision: 41,
        }
    }

    #[test]
    fn state_reads_back_as_it_was_written() {
        for state in [GateState::default(), full_state()] {
            let read = state_of(&item_of(&state, state.revision)).unwrap();
            assert_eq!(read, state);
        }
    }

    #[test]
    fn what_an_item_lacks_or_nobody_knows_reads_as_the_nearest_that_is_safe() {
        assert_eq!(state_of(&Item::new()).unwrap(), GateState::default());
        let mut item = item_of(&full_state(), 41);
        item.insert("breaker".to_owned(), text("?"));
        let share = Item::from([
            ("holder".to_owned(), text("c")),
            ("class".to_owned(), text("of a later version")),
            ("permits".to_owned(), number(9)),
        ]);
        let shares = AttributeValue::L(vec![AttributeValue::M(share), text("?")]);
        item.insert("ledger".to_owned(), map_of([("shares", shares)]));
        let state = state_of(&item).unwrap();
        assert_eq!(state.breaker, Breaker::default());
        let read: Vec<_> = state.ledger.shares.iter().map(|it| (it.class, it.permits)).collect();
        assert_eq!(read, [(Class::Live, 9)]);
        item.insert("revision".to_owned(), number("x"));
        assert!(state_of(&item).is_err());
    }
}
