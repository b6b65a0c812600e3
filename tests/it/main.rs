//! The one test binary.
//!
//! `flow_*` run use cases on fakes, `contract_*` one suite against a fake and the real adapter,
//! `rules_*` read manifests, template, docs and code, `e2e_*` drive the compiled functions on the
//! local cloud and need `make up` first (`make test` does that).
#![expect(missing_docs, reason = "test modules say what they are for at their top")]

mod flow_publish;
mod flow_upsert;
mod flow_upsert_schedules;
mod props_keys;
mod support;
