//! AT-003, random schedules: users of the portal and callers of ours at work, notifications
//! duplicated, reordered and late. In the end the table holds what the portal holds, and every
//! version was told of once.

use std::time::{Duration, Instant};

use fastrand::Rng;
use futures::StreamExt;
use serde_json::{Value, json};

use crate::support::tenant::Tenant;

const SEEDS: u64 = 20;
const SIDE_BY_SIDE: usize = 4;
const ACTS: usize = 24;
const CONTACTS: usize = 6;
/// Two cores have a lot to do, and a change that meets an upsert waits for its turn.
const SETTLED_WITHIN: Duration = Duration::from_secs(120);
/// An upsert that has to wait is done by then.
const DONE_WITHIN: Duration = Duration::from_secs(60);

/// Contacts that a schedule works on, by what they are.
#[derive(Default)]
struct Cast {
    live: Vec<Person>,
    archived: Vec<Person>,
    companies: Vec<String>,
    deals: Vec<String>,
    merges: usize,
    erasures: usize,
}

#[derive(Clone)]
struct Person {
    id: String,
    name: String,
}

struct Schedule {
    tenant: Tenant,
    rng: Rng,
    cast: Cast,
    keys: usize,
    events: u64,
}

impl Schedule {
    async fn begin(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let settings = json!({
            "webhooks_on_api_writes": rng.bool(), "merge_keeps_primary_id": rng.bool(),
        });
        let tenant = Tenant::with(settings).await;
        let mut schedule = Self { tenant, rng, cast: Cast::default(), keys: 0, events: 0 };
        for number in 0..CONTACTS {
            schedule.new_contact(&format!("c{number}")).await;
        }
        for (object_type, name) in [("company", "name"), ("deal", "dealname")] {
            let mut properties = json!({name: "Canary Works"});
            if object_type == "deal" {
                properties["dealstage"] = json!("appointmentscheduled");
                properties["pipeline"] = json!("default");
            }
            let objects = vec![json!({ "properties": properties }); 2];
            let ids = schedule
                .held(json!({"act": "create", "type": object_type, "objects": objects}))
                .await;
            match object_type {
                "company" => schedule.cast.companies = ids,
                _ => schedule.cast.deals = ids,
            }
        }
        schedule
    }

    /// By an upsert of ours or by a user of the portal.
    async fn new_contact(&mut self, name: &str) {
        let email = self.tenant.email(name);
        let id = if self.rng.bool() {
            let attributes = json!({"email": email, "firstname": "Canaryours"});
            self.upsert(&attributes).await
        } else {
            let properties = json!({"email": email, "firstname": "Canarytheirs"});
            let act = json!({"act": "create", "type": "contact", "properties": properties});
            self.held(act).await.remove(0)
        };
        self.cast.live.push(Person { id, name: name.to_owned() });
    }

    async fn upsert(&mut self, attributes: &Value) -> String {
        self.keys += 1;
        let key = format!("k{}", self.keys);
        let began = Instant::now();
        while began.elapsed() < DONE_WITHIN {
            let answer = self.tenant.upsert(&key, attributes).await;
            match answer.status {
                200 => return answer.body["external_id"].as_str().unwrap().to_owned(),
                // It waits for others of its record: the same key gives the answer when there is one.
                202 => {}
                // The worker has the record at this moment.
                _ => drop(answer.problem(409, "in_progress")),
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        panic!("an upsert is in progress for ever");
    }

    /// A user's act; its notifications come late, at once and reordered, or when they are released.
    async fn held(&mut self, mut act: Value) -> Vec<String> {
        act["deliver"] = match self.rng.u8(0..4) {
            0 => json!({"delay_ms": self.rng.u64(1..3_000), "shuffle": true}),
            1 => json!({"repeat_percent": 30, "shuffle": true, "seed": self.rng.u64(..1_000)}),
            _ => json!({"hold": true}),
        };
        let done = self.tenant.portal(act).await;
        self.events += done["events"].as_array().unwrap().len() as u64;
        done["ids"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect()
    }

    async fn act(&mut self) {
        let person = self.rng.usize(0..self.cast.live.len());
        let id = self.cast.live[person].id.clone();
        let number = self.rng.u32(1_000..10_000);
        match self.rng.u8(0..100) {
            0..30 => {
                let properties = json!({"phone": format!("+1415555{number}"), "lastname": format!("Canary{number}")});
                self.held(
                    json!({"act": "update", "type": "contact", "id": id, "properties": properties}),
                )
                .await;
            }
            30..50 => {
                let email = self.tenant.email(&self.cast.live[person].name);
                self.upsert(&json!({"email": email, "company": format!("Works {number}")})).await;
            }
            50..60 => {
                let deal = self.rng.choice(&self.cast.deals).unwrap().clone();
                let properties = json!({"amount": number.to_string()});
                self.held(
                    json!({"act": "update", "type": "deal", "id": deal, "properties": properties}),
                )
                .await;
            }
            60..75 => {
                let act = if self.rng.bool() { "associate" } else { "dissociate" };
                let company = self.rng.choice(&self.cast.companies).unwrap().clone();
                self.held(json!({"act": act, "type": "contact", "id": id, "to_type": "company", "to_id": company})).await;
            }
            75..83 if self.cast.live.len() > 2 => {
                self.held(json!({"act": "archive", "type": "contact", "id": id})).await;
                let gone = self.cast.live.remove(person);
                self.cast.archived.push(gone);
            }
            83..91 if !self.cast.archived.is_empty() => {
                let back = self.cast.archived.remove(0);
                self.held(json!({"act": "restore", "type": "contact", "id": back.id})).await;
                self.cast.live.push(back);
            }
            91..95 if self.cast.merges == 0 && self.cast.live.len() > 2 => {
                self.cast.merges += 1;
                let other = self.cast.live.remove((person + 1) % self.cast.live.len());
                let act =
                    json!({"act": "merge", "type": "contact", "id": id, "merge_id": other.id});
                let left = self.held(act).await.remove(0);
                let primary = self.cast.live.iter_mut().find(|it| it.id == id).unwrap();
                primary.id = left;
            }
            95.. if self.cast.erasures == 0 && self.cast.live.len() > 2 => {
                self.cast.erasures += 1;
                self.held(json!({"act": "gdpr_delete", "type": "contact", "id": id})).await;
                self.cast.live.remove(person);
            }
            _ => {
                let release = json!({
                    "shuffle": true, "repeat_percent": 20, "seed": self.rng.u64(..1_000),
                    "batch_size": self.rng.u32(3..40),
                });
                self.tenant.release(release).await;
            }
        }
    }
}

async fn assert_seed(seed: u64) {
    let mut schedule = Schedule::begin(seed).await;
    for _act in 0..ACTS {
        schedule.act().await;
    }
    schedule.tenant.release(json!({"shuffle": true, "repeat_percent": 50, "seed": seed})).await;
    let Schedule { tenant, events: notifications, cast, .. } = schedule;
    tenant.until_told().await;
    tenant.until_in_step(SETTLED_WITHIN).await;
    // The last word is one more contact's.
    tenant.settle("last").await;
    tenant.until_in_step(SETTLED_WITHIN).await;
    let versions = usize::try_from(tenant.versions().await).unwrap();
    tenant.events(versions).await;
    assert_eq!(tenant.out_of_step().await, Vec::<String>::new(), "seed {seed}");
    assert_eq!(
        tenant.versions().await,
        versions as u64,
        "seed {seed}: a version after the last event"
    );
    tenant.assert_associations_in_step().await;
    assert_eq!(tenant.health().await["dead_letters"], 0, "seed {seed}");
    println!(
        "seed {seed}: {ACTS} acts, {} merges, {} erasures, {notifications} notifications: {versions} versions, {versions} events",
        cast.merges, cast.erasures
    );
}

#[tokio::test]
async fn at_003_random_schedules_end_in_the_portals_state() {
    let seeds = futures::stream::iter(0..SEEDS).map(assert_seed);
    seeds.buffer_unordered(SIDE_BY_SIDE).collect::<Vec<_>>().await;
    println!("{SEEDS} seeds ended in the portal's state");
}
