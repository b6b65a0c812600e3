//! The package for the tenants' orgs, `infra/salesforce`. No org is there to try it in, so what can be
//! checked from outside is: its metadata is XML and whole, and names, headers, signature and limits are
//! those of the module that takes what it sends.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use quick_xml::events::Event;
use serde_json::{Value, json};
use sha2::Sha256;
use sync_domain::model::{ChangeKind, ObjectType, System};
use sync_domain::ports::WebhookDelivery;
use sync_providers::webhook_protocol;

use crate::support::cloud::root;

const OBJECTS: [&str; 3] = ["Account", "Contact", "Opportunity"];
const KEY_FIELD: &str = "Integration_Reference__c";
const METADATA: &str = "http://soap.sforce.com/2006/04/metadata";
const SECRET: &str = "canary-salesforce-secret";
const SIGNED_AT: i64 = 1_790_000_000;
const BODY: &str = r#"{"a":1}"#;

fn package() -> PathBuf {
    root().join("infra/salesforce")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn source(path: &str) -> String {
    read(&package().join("force-app/main/default").join(path))
}

/// Every file below a folder, sorted.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

/// The text of all modules that know Salesforce.
fn module() -> String {
    files(&root().join("shared/providers/src/salesforce")).iter().map(|path| read(path)).collect()
}

/// The leaves of a document, each by the names of its elements from the root, as often as it is there.
fn leaves(path: &Path) -> BTreeMap<String, Vec<String>> {
    let text = read(path);
    let shown = path.display();
    let mut reader = quick_xml::Reader::from_str(&text);
    let (mut open, mut roots) = (Vec::new(), 0);
    let mut leaves = BTreeMap::<String, Vec<String>>::new();
    loop {
        match reader.read_event().unwrap_or_else(|error| panic!("{shown}: {error}")) {
            Event::Start(tag) => {
                let name = String::from_utf8(tag.name().as_ref().to_vec()).unwrap();
                if open.is_empty() {
                    roots += 1;
                    let namespace = tag.try_get_attribute("xmlns").unwrap().unwrap();
                    assert_eq!(namespace.value.as_ref(), METADATA.as_bytes(), "{shown}");
                }
                open.push(name);
            }
            Event::End(_) => drop(open.pop()),
            Event::Text(text) => {
                let text = std::str::from_utf8(&text).unwrap().trim().to_owned();
                if !text.is_empty() {
                    leaves.entry(open.join("/")).or_default().push(text);
                }
            }
            Event::Decl(_) | Event::Comment(_) => {}
            Event::Eof => break,
            other @ (Event::Empty(_)
            | Event::CData(_)
            | Event::PI(_)
            | Event::DocType(_)
            | Event::GeneralRef(_)) => panic!("{shown}: {other:?}"),
        }
    }
    assert_eq!((roots, open.len()), (1, 0), "{shown}: one whole element");
    leaves
}

#[test]
fn metadata_of_the_package_is_xml_and_whole() {
    let all = files(&package().join("force-app"));
    let metadata: Vec<_> = all.iter().filter(|path| name_of(path).ends_with(".xml")).collect();
    assert!(metadata.len() >= 20, "{metadata:?}");
    for path in &metadata {
        assert!(name_of(path).ends_with("-meta.xml"), "{}", path.display());
        assert!(!leaves(path).is_empty(), "{}", path.display());
    }
    // Code has its metadata beside it and no metadata is left over.
    let names: BTreeSet<_> = all.iter().map(|path| name_of(path)).collect();
    for name in &names {
        if name.ends_with(".cls") || name.ends_with(".trigger") {
            assert!(names.contains(&format!("{name}-meta.xml")), "{name}");
        }
        let code = name.strip_suffix("-meta.xml").unwrap_or(name);
        let has_code = code.ends_with(".cls") || code.ends_with(".trigger");
        assert!(!has_code || names.contains(code), "{name}");
    }
}

#[test]
fn version_of_the_api_is_one_setting() {
    let project: Value = serde_json::from_str(&read(&package().join("sfdx-project.json"))).unwrap();
    let version = project["sourceApiVersion"].as_str().unwrap();
    let mut versions = BTreeSet::new();
    for path in files(&package().join("force-app")) {
        if name_of(&path).ends_with(".xml") {
            let leaves = leaves(&path);
            versions.extend(leaves.into_iter().filter(|(name, _)| name.ends_with("/apiVersion")));
        }
    }
    assert_eq!(versions.len(), 2, "of classes and of triggers: {versions:?}");
    for (name, found) in versions {
        assert!(found.iter().all(|it| it == version), "{name}: {found:?}");
    }
}

#[test]
fn key_field_is_that_of_the_module_on_every_object() {
    assert!(module().contains(&format!("\"{KEY_FIELD}\"")), "the module knows another field");
    for object in OBJECTS {
        let path = format!("objects/{object}/fields/{KEY_FIELD}.field-meta.xml");
        let field = leaves(&package().join("force-app/main/default").join(path));
        for (name, expected) in [
            ("fullName", KEY_FIELD),
            ("type", "Text"),
            ("length", "255"),
            ("externalId", "true"),
            ("unique", "true"),
            ("caseSensitive", "false"),
            ("required", "false"),
        ] {
            assert_eq!(field[&format!("CustomField/{name}")], [expected], "{object}: {name}");
        }
    }
}

#[test]
fn integration_user_may_write_what_the_module_writes_and_delete_nothing() {
    let path = "permissionsets/Integration_User.permissionset-meta.xml";
    let rights = leaves(&package().join("force-app/main/default").join(path));
    let objects = rights["PermissionSet/objectPermissions/object"].clone();
    assert_eq!(objects, OBJECTS);
    for (right, expected) in [
        ("allowCreate", "true"),
        ("allowEdit", "true"),
        ("allowRead", "true"),
        ("viewAllRecords", "true"),
        ("allowDelete", "false"),
        ("modifyAllRecords", "false"),
    ] {
        let given = &rights[&format!("PermissionSet/objectPermissions/{right}")];
        assert_eq!(given, &[expected; 3], "{right}");
    }
    let fields = &rights["PermissionSet/fieldPermissions/field"];
    for object in OBJECTS {
        assert!(fields.contains(&format!("{object}.{KEY_FIELD}")), "{object}");
    }
    let editable = &rights["PermissionSet/fieldPermissions/editable"];
    assert!(editable.len() == fields.len() && editable.iter().all(|it| it == "true"));
    assert_eq!(rights["PermissionSet/userPermissions/name"], ["ApiEnabled"]);
}

#[test]
fn settings_that_the_code_reads_are_fields_of_the_type_and_no_others() {
    let folder = package().join("force-app/main/default");
    let fields = files(&folder.join("objects/Integration_Webhook__mdt/fields"));
    let fields: BTreeSet<_> = fields
        .iter()
        .map(|path| {
            let name = name_of(path).strip_suffix(".field-meta.xml").unwrap().to_owned();
            assert_eq!(leaves(path)["CustomField/fullName"], [name.as_str()]);
            name
        })
        .collect();
    let is_code = |path: &&PathBuf| name_of(path).ends_with(".cls");
    let code: String = files(&folder).iter().filter(is_code).map(|path| read(path)).collect();
    let words = code.split(|it: char| !it.is_ascii_alphanumeric() && it != '_');
    let used: BTreeSet<_> = words
        .filter(|word| word.ends_with("__c") && *word != KEY_FIELD)
        .map(str::to_owned)
        .collect();
    assert_eq!(used, fields);
    assert!(!folder.join("customMetadata").exists(), "a record would bring a secret");
}

#[test]
fn every_object_has_a_trigger_that_only_calls_the_handler() {
    for object in OBJECTS {
        let trigger = source(&format!("triggers/Integration{object}.trigger"));
        let head = format!(
            "trigger Integration{object} on {object} \
             (after insert, after update, after delete, after undelete) {{"
        );
        assert!(trigger.contains(&head), "{trigger}");
        let call = "IntegrationChanges.tell(Trigger.operationType, Trigger.new, Trigger.oldMap);";
        assert_eq!(trigger.matches(';').count(), 1, "{trigger}");
        assert!(trigger.contains(call), "{trigger}");
    }
    assert_eq!(files(&package().join("force-app/main/default/triggers")).len(), 6);
}

/// What stands between the quotes behind a name in Apex.
fn apex_constant(code: &str, name: &str) -> String {
    let (_, rest) = code.split_once(&format!("{name} = '")).unwrap_or_else(|| panic!("{name}"));
    rest.split('\'').next().unwrap().to_owned()
}

fn vector() -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(format!("{SIGNED_AT}.{BODY}").as_bytes());
    format!("v1={}", hex::encode(mac.finalize().into_bytes()))
}

/// A delivery with the headers as the Apex code names and makes them.
fn delivery(body: &str, signature: &str) -> WebhookDelivery {
    let code = source("classes/IntegrationSignature.cls");
    let headers = [
        (apex_constant(&code, "TIMESTAMP_HEADER"), SIGNED_AT.to_string()),
        (apex_constant(&code, "SIGNATURE_HEADER"), signature.to_owned()),
        ("content-type".to_owned(), "application/json".to_owned()),
    ];
    WebhookDelivery {
        source: None,
        method: "POST".to_owned(),
        url: "https://hooks.example.com/webhooks/crm/salesforce/t0".to_owned(),
        headers: headers.into(),
        body: body.as_bytes().to_vec(),
    }
}

#[test]
fn signature_of_the_packages_own_test_is_believed() {
    let test = source("classes/IntegrationDeliveryTest.cls");
    assert!(test.contains(&format!("'{}'", vector())), "the vector is another one: {}", vector());
    assert_eq!(apex_constant(&test, "SECRET"), SECRET);
    assert_eq!(apex_constant(&test, "BODY"), BODY);
    assert!(test.contains(&format!("'{SIGNED_AT}'")));
    let now = Timestamp::from_second(SIGNED_AT + 299).unwrap();
    let protocol = webhook_protocol(System::Salesforce);
    let good = delivery(BODY, &vector());
    let signature = protocol.signature(&good, now).unwrap();
    assert!(signature.is_made_with(&SECRET.into()));
    assert!(!signature.is_made_with(&"another".into()));
    assert!(!signature.is_of_address(), "signed JSON needs no secret address");
}

#[test]
fn body_of_the_package_is_read_by_the_module() {
    let code = source("classes/IntegrationChanges.cls");
    let names = ["object", "change_type", "record_id", "changed_fields", "last_modified_date"];
    for name in names.into_iter().chain(["event_id", "org_id", "changes"]) {
        assert!(code.contains(&format!("'{name}' => ")), "the package writes no {name}");
    }
    let kinds = ["create", "update", "delete", "undelete"];
    for kind in kinds {
        assert!(code.contains(&format!(" => '{kind}'")), "the package knows no {kind}");
    }
    let changes: Vec<_> = OBJECTS
        .into_iter()
        .flat_map(|object| kinds.map(|kind| (object, kind)))
        .map(|(object, kind)| {
            json!({
                "object": object, "change_type": kind, "record_id": "003000000000001AAA",
                "changed_fields": ["Phone"], "last_modified_date": "2026-11-20T08:15:30.000Z",
            })
        })
        .collect();
    let body = json!({"event_id": "e", "org_id": "00D000000000001EAA", "changes": changes});
    let read =
        webhook_protocol(System::Salesforce).events(&delivery(&body.to_string(), "v1=")).unwrap();
    assert_eq!((read.ignored, read.unreadable), (0, 0));
    let seen: BTreeSet<_> = read.changes.iter().map(|it| (it.object_type, it.kind)).collect();
    for object_type in ObjectType::ALL {
        let kinds = [
            ChangeKind::Created,
            ChangeKind::Properties,
            ChangeKind::Deleted,
            ChangeKind::Restored,
        ];
        for kind in kinds {
            assert!(seen.contains(&(object_type, kind)), "{object_type} {kind:?}");
        }
    }
    let at = Some("2026-11-20T08:15:30Z".parse().unwrap());
    assert!(read.changes.iter().all(|change| change.occurred_at == at));
}

#[test]
fn package_sends_no_more_than_is_taken() {
    let most = "CHANGES_MAX = 200;";
    assert!(source("classes/IntegrationChanges.cls").contains(most));
    assert!(module().contains("CHANGES_MAX: usize = 200;"), "the module takes another number");
}

#[test]
fn package_stops_before_the_limits_that_its_readme_tells() {
    let code = source("classes/IntegrationChanges.cls");
    let readme = read(&package().join("README.md"));
    for (constant, told) in [
        ("CPU_SHARE_END = 90;", "From 90 % on nothing more is collected"),
        ("HEAP_SHARE_END = 60;", "nothing more is collected from 60 % on"),
    ] {
        assert!(code.contains(constant) && readme.contains(told), "{constant}");
    }
    let (before, collecting) = code.split_once("for (SObject record : records) {").unwrap();
    assert!(before.contains("isSkipped(settings) || !mayGoOn()"), "before it begins");
    assert!(collecting.trim_start().starts_with("if (!mayGoOn()) {"), "for each record");
}
