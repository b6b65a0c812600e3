//! The one test binary.
//!
//! `flow_*` run use cases on fakes, `contract_*` one suite against a fake and the real adapter,
//! `rules_*` read manifests, template, docs and code, `e2e_*` drive the compiled functions on the
//! local cloud and need `make up` first (`make test` does that).
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that can't go on says where"
)]

mod acuity_connector;
mod acuity_mapping;
mod acuity_moves;
mod acuity_reader;
mod acuity_walk;
mod acuity_webhook;
mod after_suite_canary;
mod at_003_crm;
mod at_003_schedules;
mod at_004_apart;
mod at_004_booking;
mod contract_booking_index;
mod contract_booking_store;
mod contract_client_directory;
mod contract_connection_registry;
mod contract_gate_store;
mod contract_import_store;
mod contract_push_again;
mod contract_push_store;
mod contract_record_locks;
mod contract_record_store;
mod contract_sweep_directory;
mod contract_upsert_store;
mod contract_upsert_versions;
mod e2e_auth;
mod e2e_bad_input;
mod e2e_booking_bad_input;
mod e2e_booking_costs;
mod e2e_booking_faults;
mod e2e_booking_import;
mod e2e_booking_webhook_input;
mod e2e_booking_year;
mod e2e_burst;
mod e2e_concurrency;
mod e2e_connections;
mod e2e_contention;
mod e2e_costs;
mod e2e_crash;
mod e2e_dead_letters;
mod e2e_event_files;
mod e2e_oauth;
mod e2e_outage;
mod e2e_provider_faults;
mod e2e_publisher;
mod e2e_table_contract;
mod e2e_upsert;
mod e2e_upsert_company;
mod e2e_upsert_deal;
mod e2e_upsert_queued;
mod flow_booking_schedules;
mod flow_booking_sync;
mod flow_connections;
mod flow_connections_api_key;
mod flow_connections_crash;
mod flow_connections_health;
mod flow_connections_oauth;
mod flow_connections_rotate;
mod flow_gate_breaker;
mod flow_gate_budget;
mod flow_gate_pause;
mod flow_gate_second_window;
mod flow_gate_wire;
mod flow_import;
mod flow_import_claims;
mod flow_import_faults;
mod flow_linking;
mod flow_linking_pairs;
mod flow_linking_texts;
mod flow_publish;
mod flow_publish_bookings;
mod flow_push;
mod flow_push_crash;
mod flow_push_refused;
mod flow_push_schedules;
mod flow_settle_work;
mod flow_sweep;
mod flow_sync;
mod flow_sync_faults;
mod flow_sync_gone;
mod flow_sync_order;
mod flow_sync_schedules;
mod flow_token_refresh;
mod flow_upsert;
mod flow_upsert_associations;
mod flow_upsert_schedules;
mod flow_webhook;
mod flow_webhook_acuity;
mod flow_webhook_bookings;
mod flow_webhook_events;
mod flow_webhook_limits;
mod flow_webhook_pipedrive;
mod flow_webhook_signers;
mod hubspot_associations;
mod hubspot_pipelines;
mod hubspot_reads;
mod hubspot_records;
mod pipedrive_webhook;
mod props_acuity_walk;
mod props_gate_ledger;
mod props_keys;
mod props_webhook;
mod rules_docs;
mod rules_links;
mod rules_queues;
mod rules_rooms;
mod rules_salesforce;
mod rules_template;
mod support;
mod vectors_acuity_signature;
mod vectors_hubspot_headers;
mod vectors_hubspot_signature;
