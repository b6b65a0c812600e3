//! Many instances of a function in front of one simulated provider, on simulated time.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sync_domain::gate::{
    Class, Closed, Entry, Gate, GateSettings, GateState, Outcome, RateLimit, RateReading, Reported,
    Visit,
};
use sync_domain::model::{System, TenantId};
use sync_domain::ports::{Clock, GateStore};
use sync_testkit::{MemoryGateStore, SimulatedClock, Timeline};

pub const LIMIT: RateLimit = RateLimit { max: 100, window: Duration::from_secs(10) };
pub const SYSTEM: System = System::Hubspot;
/// The longest call of these tests.
pub const CALL_MAX: Duration = Duration::from_secs(5);

/// The table takes up to so long each way.
const TABLE_WAY_MAX: Duration = Duration::from_millis(30);

/// A call as the provider sees it.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    pub at: Duration,
    pub class: Class,
}

pub struct World {
    pub timeline: Timeline,
    pub store: Arc<MemoryGateStore>,
    pub tenant: TenantId,
    pub limit: RateLimit,
    arrivals: Mutex<Vec<Arrival>>,
    pub probes_in_flight: AtomicU32,
    answer: Mutex<Outcome>,
}

/// One instance of a function.
pub struct Machine<'w> {
    pub world: &'w World,
    pub gate: Gate,
    pub clock: Arc<SimulatedClock>,
}

impl World {
    pub fn new(seed: u64) -> Self {
        let timeline = Timeline::new(seed);
        Self {
            store: Arc::new(MemoryGateStore::at_a_distance(timeline.clone(), TABLE_WAY_MAX)),
            timeline,
            tenant: TenantId::parse("acme").unwrap(),
            limit: LIMIT,
            arrivals: Mutex::default(),
            probes_in_flight: AtomicU32::new(0),
            answer: Mutex::new(Outcome::Succeeded { reading: None }),
        }
    }

    pub fn machine(&self) -> Machine<'_> {
        self.machine_off_by(0)
    }

    /// A machine whose time of day is off.
    pub fn machine_off_by(&self, skew_ms: i64) -> Machine<'_> {
        let clock = Arc::new(self.timeline.clock(SignedDuration::from_millis(skew_ms)));
        let settings = GateSettings::with_call_max(CALL_MAX);
        let gate = Gate::new(
            Arc::clone(&self.store) as Arc<dyn GateStore>,
            Arc::clone(&clock) as Arc<dyn Clock>,
            settings,
        );
        Machine { world: self, gate, clock }
    }

    /// From now on the provider answers this.
    pub fn answer(&self, outcome: Outcome) {
        *self.answer.lock().unwrap() = outcome;
    }

    pub fn answer_reading(&self, max: u32) {
        let limit = RateLimit { max, ..self.limit };
        let reading = Some(RateReading { limit, remaining: None });
        self.answer(Outcome::Succeeded { reading });
    }

    pub fn state(&self) -> GateState {
        self.store.state(&self.tenant, SYSTEM)
    }

    pub fn store_calls(&self) -> u64 {
        self.store.loads() + self.store.saves()
    }

    pub fn arrivals(&self) -> Vec<Arrival> {
        let mut arrivals = self.arrivals.lock().unwrap().clone();
        arrivals.sort_by_key(|arrival| arrival.at);
        arrivals
    }

    /// The most calls of the given ones in any rolling window.
    pub fn busiest_window(&self, is_counted: impl Fn(&Arrival) -> bool) -> u32 {
        let arrivals: Vec<_> = self.arrivals().into_iter().filter(|it| is_counted(it)).collect();
        let count_from = |(index, first): (usize, &Arrival)| {
            let end = first.at + self.limit.window;
            arrivals[index..].iter().take_while(|arrival| arrival.at <= end).count()
        };
        u32::try_from(arrivals.iter().enumerate().map(count_from).max().unwrap_or(0)).unwrap()
    }

    pub fn assert_budget_held(&self, context: &str) {
        let usable = self.limit.usable();
        let busiest = self.busiest_window(|_| true);
        assert!(busiest <= usable, "{context}: {busiest} calls in a window, {usable} allowed");
        let usable = self.limit.usable_by(Class::Background);
        let busiest = self.busiest_window(|arrival| arrival.class == Class::Background);
        assert!(busiest <= usable, "{context}: {busiest} of the background, {usable} allowed");
    }
}

/// A call on its way; dropped before it arrived, it arrives all the same.
struct OnItsWay<'w> {
    world: &'w World,
    class: Class,
    requests: u32,
    started: Duration,
    has_arrived: bool,
    is_probe: bool,
}

impl OnItsWay<'_> {
    fn arrive(&mut self, at: Duration) {
        self.has_arrived = true;
        let arrival = Arrival { at, class: self.class };
        let arrivals = (0..self.requests).map(|_| arrival);
        self.world.arrivals.lock().unwrap().extend(arrivals);
    }
}

impl Drop for OnItsWay<'_> {
    fn drop(&mut self) {
        if self.is_probe {
            self.world.probes_in_flight.fetch_sub(1, Ordering::Relaxed);
        }
        if !self.has_arrived {
            let (now, end) = (self.world.timeline.elapsed(), self.started + CALL_MAX);
            let left_ms = u64::try_from(end.saturating_sub(now).as_millis()).unwrap();
            let delay = Duration::from_millis(self.world.timeline.draw(0..left_ms + 1));
            self.arrive(now + delay);
        }
    }
}

impl Machine<'_> {
    pub fn visit(&self, class: Class, requests: u32, wait_max: Duration) -> Visit<'_> {
        let World { tenant, limit, .. } = self.world;
        Visit { tenant, system: SYSTEM, class, default_limit: *limit, requests, wait_max }
    }

    /// The time of day here.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// One call that takes up to `ms_max` and is answered as the provider does when it arrives.
    pub async fn call(
        &self,
        class: Class,
        wait_max: Duration,
        ms_max: u64,
    ) -> Result<(Outcome, Reported), Closed> {
        let call_ms = self.world.timeline.draw(1..ms_max + 1);
        let there_ms = self.world.timeline.draw(0..call_ms + 1);
        self.call_of(class, 1, wait_max, there_ms, call_ms - there_ms).await
    }

    /// One call of so many requests, which arrive after `there_ms`, and are answered `back_ms` later.
    pub async fn call_of(
        &self,
        class: Class,
        requests: u32,
        wait_max: Duration,
        there_ms: u64,
        back_ms: u64,
    ) -> Result<(Outcome, Reported), Closed> {
        let permit = match self.gate.enter(&self.visit(class, requests, wait_max)).await {
            Entry::Permit(permit) => permit,
            Entry::Closed(closed) => return Err(closed),
        };
        let timeline = &self.world.timeline;
        let is_probe = permit.is_probe();
        if is_probe {
            let others = self.world.probes_in_flight.fetch_add(1, Ordering::Relaxed);
            assert_eq!(others, 0, "two probes at once");
        }
        let started = timeline.elapsed();
        let mut way =
            OnItsWay { world: self.world, class, requests, started, has_arrived: false, is_probe };
        timeline.sleep(Duration::from_millis(there_ms)).await;
        way.arrive(timeline.elapsed());
        let outcome = self.world.answer.lock().unwrap().clone();
        timeline.sleep(Duration::from_millis(back_ms)).await;
        drop(way);
        let reported = self.gate.report(permit, outcome.clone()).await;
        Ok((outcome, reported))
    }

    /// Calls until a call succeeds, coming back when the gate says.
    pub async fn call_until_it_succeeds(&self, class: Class, wait_max: Duration, ms_max: u64) {
        loop {
            match self.call(class, wait_max, ms_max).await {
                Ok((Outcome::Succeeded { .. }, _)) => return,
                Ok(_) => {}
                Err(closed) => {
                    let wait = closed.until.duration_since(self.now());
                    assert!(wait.is_positive(), "{closed:?} is over already");
                    self.world.timeline.sleep(wait.unsigned_abs()).await;
                }
            }
        }
    }
}
