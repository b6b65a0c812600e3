//! One tenant's booking account and table in memory: import, sync and sweep on fakes.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use sync_domain::gate::{Gate, GateSettings};
use sync_domain::model::{
    BookingChange, CorrelationId, Details, ExternalId, IdempotencyKey, Person, RemoteState,
    StoredBooking, SweepStep, System, TenantId,
};
use sync_domain::ports::{
    AccountOwner, AuthMode, BookingReader, Clock, ConnectionStore, ImportAnswer,
};
use sync_domain::retry::RetryPolicy;
use sync_domain::usecase::apply_bookings::ApplyPorts;
use sync_domain::usecase::import_bookings::{
    ImportBookings, ImportDeps, ImportError, ImportStats, Imported, import_bookings,
};
use sync_domain::usecase::read_bookings::ReadPorts;
use sync_domain::usecase::sweep_bookings::{SweepDeps, SweepReport, sweep_step};
use sync_domain::usecase::sync_bookings::{
    BookingSyncOutcome, SyncBookingsDeps, SyncBookingsReport, sync_bookings,
};
use sync_testkit::{
    Appointment, ManualClock, MemoryAccounts, MemoryBookings, MemoryConnections, MemoryGateStore,
    MemoryImports, ScriptedBookings,
};

pub const SYSTEM: System = System::Acuity;
pub const HOUR: SignedDuration = SignedDuration::from_hours(1);
pub const DAY: SignedDuration = SignedDuration::from_hours(24);
/// How long an import's invocation takes at most.
const IMPORT_TIME: Duration = Duration::from_secs(29);
/// How long a batch's invocation takes at most.
pub const SYNC_TIME: Duration = Duration::from_secs(30);
/// How long a sweep's invocation takes at most.
pub const SWEEP_TIME: Duration = Duration::from_secs(60);
const RETRY: RetryPolicy = RetryPolicy {
    attempts_max: 3,
    backoff_max: Duration::from_secs(60),
    wait_max: Duration::from_secs(3),
};
const CALL_TIMEOUT: Duration = Duration::from_secs(5);

pub struct BookingWorld {
    pub clock: Arc<ManualClock>,
    pub store: Arc<MemoryBookings>,
    pub imports: Arc<MemoryImports>,
    pub account: Arc<ScriptedBookings>,
    pub accounts: MemoryAccounts,
    pub connections: MemoryConnections,
    pub tenant: TenantId,
    pub cursor_key: SecretString,
    pub gate_store: Arc<MemoryGateStore>,
    gate: Gate,
}

/// Somebody with an email.
pub fn ada() -> Person {
    Person {
        first_name: Some("Ada".to_owned()),
        last_name: Some("Lovelace".to_owned()),
        email: Some("ada@example.com".to_owned()),
        phone: None,
    }
}

/// Somebody else for each number.
pub fn somebody(number: usize) -> Person {
    Person { email: Some(format!("guest-{number}@example.com")), ..ada() }
}

impl BookingWorld {
    pub fn new() -> Self {
        Self::with("acme", |account| account)
    }

    /// With an account that has its ways.
    pub fn with(tenant: &str, ways: impl FnOnce(ScriptedBookings) -> ScriptedBookings) -> Self {
        let store = Arc::new(MemoryBookings::default());
        Self::beside(tenant, Arc::new(ManualClock::default()), store, ways)
    }

    /// A tenant whose bookings are in a table that others use too.
    pub fn beside(
        tenant: &str,
        clock: Arc<ManualClock>,
        store: Arc<MemoryBookings>,
        ways: impl FnOnce(ScriptedBookings) -> ScriptedBookings,
    ) -> Self {
        let tenant = TenantId::parse(tenant).unwrap();
        let connections = MemoryConnections::default();
        connections.connect_to(&tenant, SYSTEM, AuthMode::ApiKey);
        let account = ways(ScriptedBookings::new(&tenant, Arc::clone(&clock)));
        let accounts = MemoryAccounts::default();
        let owner = AccountOwner { tenant: tenant.clone(), auth: AuthMode::ApiKey };
        accounts.connect(SYSTEM, &account.hook_account(), owner);
        let settings = GateSettings::with_call_max(Duration::from_secs(6));
        let shared = Arc::clone(&clock) as Arc<dyn Clock>;
        let gate_store = Arc::new(MemoryGateStore::default());
        Self {
            gate: Gate::new(Arc::clone(&gate_store) as _, shared, settings),
            gate_store,
            imports: Arc::default(),
            account: Arc::new(account),
            cursor_key: "cursor-key".into(),
            accounts,
            connections,
            store,
            clock,
            tenant,
        }
    }

    fn read(&self) -> ReadPorts<'_> {
        ReadPorts {
            connections: &self.connections,
            reader: self.account.as_ref(),
            gate: &self.gate,
            notice: |_connection, _reported| {},
            clock: self.clock.as_ref(),
        }
    }

    pub fn apply(&self) -> ApplyPorts<'_> {
        ApplyPorts {
            bookings: self.store.as_ref(),
            clients: self.store.as_ref(),
            clock: self.clock.as_ref(),
        }
    }

    /// An import of everything by default.
    pub fn command(&self) -> ImportBookings {
        ImportBookings {
            tenant: self.tenant.clone(),
            system: SYSTEM,
            since: None,
            until: None,
            selection: None,
            cursor: None,
            idempotency_key: None,
            correlation_id: CorrelationId::parse("an-import").unwrap(),
            deadline: self.clock.now() + IMPORT_TIME,
        }
    }

    /// The same under a caller's key.
    pub fn keyed(&self, key: &str) -> ImportBookings {
        let idempotency_key = Some(IdempotencyKey::parse(key).unwrap());
        ImportBookings { idempotency_key, ..self.command() }
    }

    /// Going on from a cursor.
    pub fn going_on(&self, cursor: &str) -> ImportBookings {
        ImportBookings { cursor: Some(cursor.to_owned()), ..self.command() }
    }

    pub async fn run(
        &self,
        command: &ImportBookings,
    ) -> (Result<Imported, ImportError>, ImportStats) {
        let deps = ImportDeps {
            read: self.read(),
            apply: self.apply(),
            imports: self.imports.as_ref(),
            retry: RETRY,
            call_timeout: CALL_TIMEOUT,
            cursor_key: &self.cursor_key,
            horizon: Duration::from_secs(20 * 24 * 3_600),
        };
        // Nothing happens at the very moment at which something else did.
        self.clock.advance(Duration::from_millis(1));
        let mut stats = ImportStats::default();
        let result = import_bookings(&deps, command, &mut stats).await;
        (result, stats)
    }

    /// The answer of an import that must have one.
    pub async fn import(&self, command: &ImportBookings) -> ImportAnswer {
        self.run(command).await.0.unwrap().answer
    }

    /// Calls until the whole window is read; the sum of the answers.
    pub async fn import_all(&self) -> ImportAnswer {
        let mut sum = self.import(&self.command()).await;
        while let Some(cursor) = sum.next_cursor.take() {
            let more = self.import(&self.going_on(&cursor)).await;
            sum.imported += more.imported;
            sum.updated += more.updated;
            sum.skipped_duplicates += more.skipped_duplicates;
            sum.next_cursor = more.next_cursor;
        }
        sum
    }

    pub async fn sync(&self, changes: Vec<BookingChange>) -> SyncBookingsReport {
        let systems = |_system| Some(Arc::clone(&self.account) as Arc<dyn BookingReader>);
        self.sync_with(&self.connections, &systems, changes).await
    }

    async fn sync_with(
        &self,
        connections: &dyn ConnectionStore,
        systems: &(dyn Fn(System) -> Option<Arc<dyn BookingReader>> + Send + Sync),
        changes: Vec<BookingChange>,
    ) -> SyncBookingsReport {
        self.clock.advance(Duration::from_millis(1));
        let deps = SyncBookingsDeps {
            connections,
            accounts: &self.accounts,
            systems,
            apply: self.apply(),
            gate: &self.gate,
            notice: |_connection, _reported| {},
            call_timeout: CALL_TIMEOUT,
            deadline: self.clock.now() + SYNC_TIME,
        };
        sync_bookings(&deps, changes).await
    }

    /// The outcome of what the account tells of one appointment.
    pub async fn told(&self, id: &ExternalId) -> BookingSyncOutcome {
        self.sync(vec![self.account.change(id)]).await.outcomes[0]
    }

    /// The first step of a sweep around now.
    pub fn step(&self) -> SweepStep {
        SweepStep {
            tenant: self.tenant.clone(),
            system: SYSTEM,
            from: self.clock.now() - 35 * DAY,
            until: self.clock.now() + 35 * DAY,
            position: None,
            checked: None,
            began_at: self.clock.now(),
            drift: 0,
            correlation_id: CorrelationId::parse("a-sweep").unwrap(),
        }
    }

    pub async fn sweep(&self, step: SweepStep) -> SweepReport {
        let deps = SweepDeps {
            read: self.read(),
            apply: self.apply(),
            retry: RETRY,
            call_timeout: CALL_TIMEOUT,
        };
        self.clock.advance(Duration::from_millis(1));
        let deadline = self.clock.now() + SWEEP_TIME;
        sweep_step(&deps, step, deadline).await
    }

    /// Books somebody an hour so far from now.
    pub fn book(&self, from_now: SignedDuration, person: Person) -> ExternalId {
        let starts_at = self.moment(from_now);
        let state = RemoteState::Standing;
        self.account.book(Appointment {
            starts_at,
            duration: HOUR,
            state,
            person,
            details: Details::default(),
        })
    }

    /// A whole second so far from now.
    pub fn moment(&self, from_now: SignedDuration) -> Timestamp {
        Timestamp::from_second((self.clock.now() + from_now).as_second()).unwrap()
    }

    /// What is stored of an appointment.
    pub fn stored(&self, id: &ExternalId) -> Option<StoredBooking> {
        let all = self.store.bookings(&self.tenant);
        all.into_iter().find(|booking| booking.external_id == *id)
    }

    /// How many versions were told of.
    pub fn told_count(&self) -> usize {
        self.store.versions().iter().filter(|version| version.tenant == self.tenant).count()
    }
}
