//! In-memory fakes of the ports, a clock that is set by hand, builders, and a scheduler that
//! interleaves and kills. A dev-dependency only.
//!
//! Every fake gives way before and after its effect, so that a scheduler can put another caller, or
//! a crash, at each of these points. Fakes that stand for a store enforce the same conditions as the
//! table: one contract suite (`tests/it/contract_upsert_store.rs`) runs against both.

mod accounts;
mod booking_account;
mod booking_places;
mod booking_reader;
mod booking_ways;
mod bookings;
mod bus;
mod clients;
mod clock;
mod connections;
mod connector;
mod connector_calls;
mod connector_hooks;
mod crm_sweeps;
mod gate_store;
mod gateway;
mod gateway_calls;
mod imports;
mod played_queue;
mod portal;
mod portal_acts;
mod portal_feed;
mod push_state;
mod push_store;
mod record_items;
mod record_store;
mod registry;
mod scheduler;
mod secrets;
mod stored_claim;
mod stored_record;
mod sweeps;
mod timeline;
mod upsert_store;
mod work_counts;
mod work_queue;

pub use accounts::MemoryAccounts;
pub use booking_account::{Appointment, ScriptedBookings};
pub use bookings::{BookingCosts, MemoryBookings};
pub use bus::RecordingBus;
pub use clients::MemoryClients;
pub use clock::ManualClock;
pub use connections::MemoryConnections;
pub use connector::{DOMAIN, OneConnector, ProviderKind, ScriptedConnector, TOKEN_LIFETIME};
pub use connector_hooks::ScriptedHook;
pub use crm_sweeps::MemoryCrmSweeps;
pub use gate_store::MemoryGateStore;
pub use gateway::{GatewayFault, ScriptedGateway};
pub use imports::MemoryImports;
pub use played_queue::{PlayedMessage, PlayedQueue};
pub use portal::{MemoryPortal, PortalObject};
pub use portal_acts::PortalWrite;
pub use portal_feed::PortalFeed;
pub use record_items::PlatformWrite;
pub use record_store::MemoryRecordStore;
pub use registry::MemoryRegistry;
pub use scheduler::{Schedule, Scheduled};
pub use secrets::MemorySecrets;
pub use stored_record::StoredRecord;
pub use sweeps::MemorySweepDirectory;
pub use timeline::{SimulatedClock, Timeline};
pub use upsert_store::{MemoryUpsertStore, StoreFault};
pub use work_counts::FixedWorkCounts;
pub use work_queue::{MemoryDeadLetters, MemoryWorkQueue};
