//! Whether our table holds what the portal holds.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};

use super::table::number_in;
use super::tenant::Tenant;
use super::waiting::until;

/// Our attribute and HubSpot's property, by type; both sides written down here anew.
const MAPPING: [(&str, &[(&str, &str)]); 3] = [
    (
        "contact",
        &[
            ("email", "email"),
            ("phone", "phone"),
            ("firstname", "firstname"),
            ("lastname", "lastname"),
            ("company", "company"),
            ("lifecyclestage", "lifecyclestage"),
        ],
    ),
    (
        "company",
        &[
            ("reference", "integration_reference"),
            ("name", "name"),
            ("domain", "domain"),
            ("phone", "phone"),
        ],
    ),
    (
        "deal",
        &[
            ("reference", "integration_reference"),
            ("name", "dealname"),
            ("amount", "amount"),
            ("pipeline", "pipeline"),
            ("stage", "dealstage"),
        ],
    ),
];
/// The associations that we keep, as the type that has them and the type at the other end.
const ASSOCIATIONS: [(&str, &str); 3] =
    [("contact", "company"), ("deal", "contact"), ("deal", "company")];

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
        for (object_type, mapping) in MAPPING {
            let remote = self.remote(object_type).await;
            let of_type = |record: &&Value| record["type"]["S"] == object_type;
            let stored: Vec<_> = records.iter().filter(of_type).collect();
            differences.extend(compare(object_type, mapping, &remote, &stored));
        }
        differences
    }

    /// Panics unless the associations of all live records are the portal's. This asks the vendor's
    /// own API, so it counts as calls.
    pub async fn assert_associations_in_step(&self) {
        let records = self.records().await;
        for (object_type, _mapping) in MAPPING {
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

    /// The ids at the other end, by the vendor's own API.
    async fn remote_associations(&self, from: &str, id: &str, to: &str) -> Vec<String> {
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
        let id_of = |it: &Value| {
            let id = &it["toObjectId"];
            id.as_str().map_or_else(|| id.to_string(), str::to_owned)
        };
        results.iter().map(id_of).collect()
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
        until("a new contact of the portal's is stored", Duration::from_secs(30), async || {
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

fn compare(
    object_type: &str,
    mapping: &[(&str, &str)],
    remote: &[Value],
    stored: &[&Value],
) -> Vec<String> {
    let mut live: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for record in stored.iter().filter(|record| record.get("deleted_at").is_none()) {
        live.entry(record["external_id"]["S"].as_str().unwrap()).or_default().push(record);
    }
    let mut differences = Vec::new();
    for object in remote.iter().filter(|object| object["archived"] == false) {
        let id = object["id"].as_str().unwrap();
        let found = live.remove(id).unwrap_or_default();
        let [record] = found.as_slice() else {
            differences.push(format!("{object_type} {id}: {} live records", found.len()));
            continue;
        };
        for (attribute, property) in mapping {
            let theirs = object["properties"][*property].as_str().unwrap_or_default();
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
