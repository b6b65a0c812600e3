//! The ledger's rules, over random courses of requests by holders that behave and some that vanish.

use std::time::Duration;

use fastrand::Rng;
use jiff::Timestamp;
use sync_domain::gate::{Ask, AskKind, Class, Grant, Ledger, RateLimit};

const LEASE: Duration = Duration::from_secs(60);
const GRACE: Duration = Duration::from_secs(20);
const WINDOW: Duration = Duration::from_secs(10);

fn start() -> Timestamp {
    Timestamp::from_second(1_790_000_000).unwrap()
}

fn limit(max: u32) -> RateLimit {
    RateLimit { max, window: WINDOW }
}

fn ask(holder: &str, class: Class, kind: AskKind, busy: u32, now: Timestamp) -> Ask<'_> {
    Ask { holder, class, kind, busy, requests: 1, now, lease: LEASE, grace: GRACE }
}

fn held(ledger: &Ledger, now: Timestamp, is_counted: impl Fn(Class) -> bool) -> u32 {
    let live = ledger.shares.iter().filter(|share| share.until > now && is_counted(share.class));
    live.map(|share| share.permits).sum()
}

#[test]
fn sum_of_shares_stays_within_the_limit_in_any_course_of_requests() {
    for seed in 0..300 {
        let mut random = Rng::with_seed(seed);
        let limit = limit(random.u32(1..250));
        let (mut ledger, mut now) = (Ledger::default(), start());
        for _ in 0..400 {
            now += Duration::from_millis(random.u64(0..5_000));
            let holder = format!("h{}", random.u32(0..30));
            let class = Class::ALL[random.usize(0..2)];
            let own = ledger.share_of(&holder, class).filter(|share| share.until > now);
            let permits = own.map_or(0, |own| own.permits);
            let promised = own.map_or(now, |own| own.until);
            let busy = random.u32(0..=permits);
            if random.u32(0..8) == 0 {
                ledger = ledger.handed_back((&holder, class), busy, now + WINDOW);
                let left = ledger.share_of(&holder, class).map_or(0, |share| share.permits);
                assert_eq!(left, busy, "seed {seed}: what calls still count against");
                assert!(held(&ledger, now, |_| true) <= limit.usable(), "seed {seed}: {ledger:?}");
                continue;
            }
            let kind = match random.u32(0..3) {
                0 => AskKind::First,
                1 => AskKind::Grow,
                _ => AskKind::Renew { peak: random.u32(busy..=permits) },
            };
            let requests = random.u32(1..4);
            let request = Ask { requests, ..ask(&holder, class, kind, busy, now) };
            let (next, grant) = ledger.answer(limit, &request);
            ledger = next;
            let until = ledger.share_of(&holder, class).unwrap().until;
            assert!(until >= promised, "seed {seed}: the holder may believe in the longer lease");
            assert!(grant.permits >= busy, "seed {seed}: calls are under way");
            assert!(held(&ledger, now, |_| true) <= limit.usable(), "seed {seed}: {ledger:?}");
            let background = held(&ledger, now, |class| class == Class::Background);
            assert!(background <= limit.usable_by(Class::Background), "seed {seed}");
        }
    }
}

#[test]
fn lowered_limit_is_kept_as_soon_as_every_holder_has_renewed_once() {
    for seed in 0..300 {
        let mut random = Rng::with_seed(seed);
        let (mut ledger, now) = (Ledger::default(), start());
        let holders: Vec<_> = (0..random.u32(1..12)).map(|index| format!("h{index}")).collect();
        for _ in 0..60 {
            let holder = &holders[random.usize(0..holders.len())];
            let request = ask(holder, Class::Live, AskKind::Grow, 0, now);
            ledger = ledger.answer(limit(190), &request).0;
        }
        let lowered = limit(60);
        for holder in &holders {
            let peak = ledger.share_of(holder, Class::Live).map_or(0, |share| share.permits);
            let request = ask(holder, Class::Live, AskKind::Renew { peak }, 0, now);
            ledger = ledger.answer(lowered, &request).0;
        }
        let held = held(&ledger, now, |_| true);
        assert!(held <= lowered.usable(), "seed {seed}: {held} given out");
        assert!(held > 40, "seed {seed}: only {held} left of {}", lowered.usable());
    }
}

#[test]
fn share_grows_by_doubling_and_leaves_something_to_the_next() {
    let (mut ledger, now) = (Ledger::default(), start());
    let mut permits = Vec::new();
    for kind in [AskKind::First, AskKind::Grow, AskKind::Grow, AskKind::Grow, AskKind::Grow] {
        let (next, grant) = ledger.answer(limit(100), &ask("a", Class::Live, kind, 0, now));
        ledger = next;
        permits.push(grant.permits);
    }
    assert_eq!(permits, [9, 18, 36, 65, 80]);
    let (_, other) = ledger.answer(limit(100), &ask("b", Class::Live, AskKind::First, 0, now));
    // Little is free, so the lease is short.
    let small = Grant { permits: 1, lease: LEASE / 6, is_short: false, is_large: false };
    assert_eq!(other, small);
}

#[test]
fn unused_permits_go_back_at_renewal_and_a_needy_holder_gets_its_fair_part() {
    let now = start();
    let mut ledger = Ledger::default();
    let mut answer = |holder: &str, kind, now| {
        let (next, grant) = ledger.answer(limit(100), &ask(holder, Class::Live, kind, 0, now));
        ledger = next;
        grant
    };
    answer("a", AskKind::First, now);
    (0..20).for_each(|_| _ = answer("a", AskKind::Grow, now));
    let waiting = answer("b", AskKind::First, now);
    let nothing = Grant { permits: 0, lease: LEASE / 6, is_short: true, is_large: false };
    assert_eq!(waiting, nothing);
    assert_eq!(answer("a", AskKind::Renew { peak: 95 }, now).permits, 47, "half of 95");
    assert_eq!(answer("b", AskKind::First, now).permits, 4, "a tenth of what is free");
    (0..20).for_each(|_| _ = answer("b", AskKind::Grow, now));
    assert_eq!(answer("a", AskKind::Renew { peak: 3 }, now).permits, 4, "what it used");
    let late = now + LEASE + GRACE + Duration::from_secs(1);
    assert_eq!(answer("c", AskKind::First, late).permits, 9, "all is free again");
}
