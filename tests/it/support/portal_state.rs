//! Whether our table holds what the CRM holds.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};

use super::crm_shapes::{ASSOCIATIONS, text_of};
use super::crm_system::CrmSystem;
use super::table::number_in;
use super::tenant::Tenant;
use super::waiting::until;

/// The kinds of record.
const TYPES: [&str; 3] = ["contact", "company", "deal"];

impl Tenant {
    /// Waits until the table holds what the portal holds; how long that took.
    pub async fn until_in_step(&self, within: Duration) -> Duration {
        let mut last = Vec::new();
        let began = std::time::Instant::now();
        while began.elapsed() < within {
            last = self.out_of_step().await;
            if last.is_empty() {
                return began.elapsed();
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let count = last.len();
        last.truncate(10);
        panic!("{}: {count} differences after {within:?}, such as {last:#?}", self.id);
    }

    /// What differs between the table and the portal, in words.
    pub async fn out_of_step(&self) -> Vec<String> {
        let records = self.records().await;
        let mut differences = Vec::new();
        for object_type in TYPES {
            let remote = self.remote(object_type).await;
            let of_type = |record: &&Value| record["type"]["S"] == object_type;
            let stored: Vec<_> = records.iter().filter(of_type).collect();
            differences.extend(compare(self.crm(), object_type, &remote, &stored));
        }
        differences
    }

    /// Panics unless the associations of all live records are the portal's. This may ask the vendor's
    /// own API, and then counts as calls.
    pub async fn assert_associations_in_step(&self) {
        let records = self.records().await;
        for object_type in TYPES {
            let others = ASSOCIATIONS.iter().filter(|(from, _)| *from == object_type);
            let others: Vec<_> = others.map(|(_, to)| *to).collect();
            let live = |record: &&Value| {
                record["type"]["S"] == object_type && record.get("deleted_at").is_none()
            };
            for record in records.iter().filter(live) {
                let id = record["external_id"]["S"].as_str().unwrap();
                let mut expected = BTreeSet::new();
                for to in &others {
                    let ids = self.remote_associations(object_type, id, to).await;
                    expected.extend(ids.into_iter().map(|other| format!("{to}:{other}")));
                }
                assert_eq!(associations_in(record), expected, "{object_type} {id}");
            }
        }
    }

    /// The ids at the other end, as the vendor has them.
    async fn remote_associations(&self, from: &str, id: &str, to: &str) -> Vec<String> {
        let crm = self.crm();
        if let Some(field) = crm.link_field(from, to) {
            let objects = self.remote(from).await;
            let object = objects.iter().find(|object| crm.id_of(object) == id).unwrap();
            return Some(text_of(&object[field])).filter(|id| !id.is_empty()).into_iter().collect();
        }
        match crm {
            CrmSystem::Salesforce => {
                let roles = self.remote("OpportunityContactRole").await;
                let own = roles.iter().filter(|role| role["OpportunityId"] == id);
                own.map(|role| text_of(&role["ContactId"])).collect()
            }
            CrmSystem::Hubspot | CrmSystem::Pipedrive => {
                self.listed_associations(from, id, to).await
            }
        }
    }

    /// The same by HubSpot's own API.
    async fn listed_associations(&self, from: &str, id: &str, to: &str) -> Vec<String> {
        let plural =
            |name: &str| if name == "company" { "companies".into() } else { format!("{name}s") };
        let base = self.cloud.text("sandbox_url");
        let url = format!(
            "{base}/hubspot/crm/objects/2026-03/{}/{id}/associations/{}",
            plural(from),
            plural(to)
        );
        let request = self.cloud.http.get(url).bearer_auth(&self.access_token);
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        let results = answer["results"].as_array().unwrap_or_else(|| panic!("{answer}"));
        results.iter().map(|it| text_of(&it["toObjectId"])).collect()
    }

    /// How many versions were ever stored of the records that are there.
    pub async fn versions(&self) -> u64 {
        self.records().await.iter().map(|record| number_in(record, "version")).sum()
    }

    /// Waits until what came before has been worked on: a new contact of the portal's is stored and
    /// told of. One more event than before is to be expected.
    pub async fn settle(&self, name: &str) {
        let properties = self.crm().new_contact(&self.email(name));
        let act = json!({"act": "create", "type": "contact", "properties": properties});
        let id = self.portal_told(act).await.remove(0);
        until("a new contact of the portal's is stored", Duration::from_secs(90), async || {
            self.records().await.iter().any(|record| record["external_id"]["S"] == id)
        })
        .await;
    }
}

/// The stored associations of a record.
pub fn associations_in(record: &Value) -> BTreeSet<String> {
    let stored = record.get("associations").and_then(|it| it["SS"].as_array());
    stored.into_iter().flatten().map(|it| it.as_str().unwrap().to_owned()).collect()
}

fn compare(crm: CrmSystem, object_type: &str, remote: &[Value], stored: &[&Value]) -> Vec<String> {
    let mut live: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for record in stored.iter().filter(|record| record.get("deleted_at").is_none()) {
        live.entry(record["external_id"]["S"].as_str().unwrap()).or_default().push(record);
    }
    let mut differences = Vec::new();
    for object in remote.iter().filter(|object| crm.is_live(object)) {
        let id = crm.id_of(object);
        let found = live.remove(id.as_str()).unwrap_or_default();
        let [record] = found.as_slice() else {
            differences.push(format!("{object_type} {id}: {} live records", found.len()));
            continue;
        };
        for (attribute, pointer) in crm.fields(object_type) {
            let theirs = object.pointer(pointer).map(text_of).unwrap_or_default();
            let ours = record["payload"]["M"].get(*attribute);
            let ours = ours.and_then(|value| value["S"].as_str()).unwrap_or_default();
            if theirs != ours {
                differences
                    .push(format!("{object_type} {id}: {attribute} {ours:?}, not {theirs:?}"));
            }
        }
    }
    let gone =
        live.into_keys().map(|id| format!("{object_type} {id}: is gone and has a live record"));
    differences.extend(gone);
    differences
}
