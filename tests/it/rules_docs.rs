//! Docs that must say what the code does: codes, attributes, routes, items, events. That the tests
//! and pages which they name are there is in `rules_links`.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;
use sync_domain::model::{
    AttributeName, AuditAction, Booking, BookingStatus, DetailName, Details, LinkRule, ObjectType,
    Person, StatusReason, System, SystemKind,
};
use sync_lambda::problem::ErrorCode;

use crate::support::cloud::root;
use crate::support::template::resources_in;

const MODEL: &str = "docs/Data_Model_and_Events.md";

fn read(path: &str) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn openapi() -> Value {
    serde_yaml_ng::from_str(&read("docs/openapi.yaml")).unwrap()
}

fn schema(name: &str) -> Value {
    serde_json::from_str(&read(&format!("infra/schemas/{name}.json"))).unwrap()
}

fn texts(list: &Value) -> BTreeSet<&str> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

/// The names in the first column of the table whose header begins so.
fn rows_of(page: &str, header: &str) -> BTreeSet<String> {
    let lines: Vec<_> = page.lines().collect();
    let is_header = |pair: &[&str]| pair[0].starts_with(header) && pair[1].starts_with("| ---");
    let at = lines.windows(2).position(is_header).unwrap_or_else(|| panic!("no table {header}"));
    let rows = lines[at + 2..].iter().take_while(|line| line.starts_with('|'));
    let first = rows.filter_map(|row| row.split('|').nth(1));
    let names = first.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    names.map(str::to_owned).collect()
}

fn attributes_of(object_type: ObjectType) -> BTreeSet<String> {
    AttributeName::of(object_type).iter().map(|name| name.as_str().to_owned()).collect()
}

#[test]
fn api_docs_list_every_error_code_with_its_status() {
    let api = read("docs/API.md");
    for code in ErrorCode::ALL {
        let row = api.lines().find(|line| line.starts_with(&format!("| `{}` |", code.as_str())));
        let row = row.unwrap_or_else(|| panic!("docs/API.md has no row for {}", code.as_str()));
        assert!(row.contains(&code.status().to_string()), "{row}: status {}", code.status());
    }
}

#[test]
fn openapi_lists_every_error_code_and_no_other() {
    let openapi = openapi();
    let schema = &openapi["components"]["schemas"]["Problem"]["properties"]["error_code"]["enum"];
    let ours: BTreeSet<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(texts(schema), ours);
}

#[test]
fn every_route_of_the_template_is_in_both_descriptions_of_the_api_and_no_other() {
    let api = read("docs/API.md");
    let mut routes = BTreeSet::new();
    for (_, function) in resources_in("template.yaml", "AWS::Serverless::Function") {
        let events = function["Properties"]["Events"].as_mapping().into_iter().flatten();
        for (_, event) in events.filter(|(_, event)| event["Type"] == "HttpApi") {
            let text = |name: &str| event["Properties"][name].as_str().unwrap().to_owned();
            routes.insert((text("Method"), text("Path")));
        }
    }
    let openapi = openapi();
    let mut described = BTreeSet::new();
    for (path, operations) in openapi["paths"].as_object().unwrap() {
        let methods = operations.as_object().unwrap().keys().filter(|key| *key != "parameters");
        described.extend(methods.map(|method| (method.to_uppercase(), path.clone())));
    }
    assert_eq!(routes, described);
    for (method, path) in routes {
        assert!(api.contains(&format!("`{method} {path}`")), "docs/API.md: {method} {path}");
    }
}

#[test]
fn every_attribute_of_every_type_is_in_both_descriptions_of_the_api() {
    let (api, openapi) = (read("docs/API.md"), openapi());
    for object_type in ObjectType::ALL {
        let attributes = attributes_of(object_type);
        assert_eq!(rows_of(&api, &format!("| `{object_type}` | Rule |")), attributes);
        let name = object_type.as_str();
        let (first, rest) = name.split_at(1);
        let name = format!("{}{rest}Attributes", first.to_uppercase());
        let properties = openapi["components"]["schemas"][&name]["properties"].as_object().unwrap();
        let properties: BTreeSet<_> = properties.keys().cloned().collect();
        assert_eq!(properties, attributes, "{name}");
    }
}

fn systems_of(kind: SystemKind) -> impl Iterator<Item = System> {
    System::ALL.into_iter().filter(move |system| system.kind() == kind)
}

#[test]
fn every_booking_system_has_its_mapping_doc_with_every_field() {
    for system in systems_of(SystemKind::Booking) {
        let mapping = read(&format!("docs/integrations/booking_{system}_mapping.md"));
        let fields = [
            "external_id",
            "start_time",
            "end_time",
            "status",
            "reason",
            "first_name",
            "last_name",
            "client_email",
            "client_phone",
        ];
        let details = DetailName::ALL.iter().map(|name| name.as_str());
        let fields = fields.into_iter().chain(details).map(str::to_owned).collect();
        assert_eq!(rows_of(&mapping, "| Booking | "), fields, "{system}");
    }
}

#[test]
fn every_crm_has_its_mapping_doc_with_every_attribute_of_every_type() {
    for system in systems_of(SystemKind::Crm) {
        let mapping = read(&format!("docs/integrations/{system}_mapping.md"));
        for object_type in ObjectType::ALL {
            let rows = rows_of(&mapping, &format!("| `{object_type}` | "));
            assert_eq!(rows, attributes_of(object_type), "{system}: {object_type}");
        }
    }
}

#[test]
fn every_schema_names_its_event_and_is_described() {
    let model = read(MODEL);
    for entry in std::fs::read_dir(root().join("infra/schemas")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let schema = schema(&name);
        assert_eq!(schema["title"], name.as_str());
        assert!(model.contains(&format!("`{name}`")), "{name} is not described");
        for member in schema["properties"].as_object().unwrap().keys() {
            let is_named =
                ["`", "\""].iter().any(|it| model.contains(&format!("{it}{member}{it}")));
            assert!(is_named, "{name}: {member} is not described");
        }
    }
}

#[test]
fn schema_of_records_knows_every_crm_type_and_attribute() {
    let properties = &schema("crm.synced")["properties"];
    let names = |names: Vec<&'static str>| names.into_iter().collect::<BTreeSet<_>>();
    assert_eq!(texts(&properties["system"]["enum"]), names_of(SystemKind::Crm));
    let types = names(ObjectType::ALL.iter().map(|it| it.as_str()).collect());
    assert_eq!(texts(&properties["type"]["enum"]), types);
    let mut attributes = names(AttributeName::ALL.iter().map(|name| name.as_str()).collect());
    attributes.insert("associations");
    assert_eq!(texts(&properties["changed_attributes"]["items"]["enum"]), attributes);
    let personal = AttributeName::ALL.into_iter().filter(|name| name.is_personal());
    let personal = names(personal.map(AttributeName::as_str).collect());
    let tokens = properties["tokens"]["properties"].as_object().unwrap();
    assert_eq!(tokens.keys().map(String::as_str).collect::<BTreeSet<_>>(), personal);
}

fn names_of(kind: SystemKind) -> BTreeSet<&'static str> {
    systems_of(kind).map(System::as_str).collect()
}

#[test]
fn schemas_of_bookings_know_every_system_status_rule_and_detail() {
    for name in ["booking.imported", "booking.updated"] {
        let properties = &schema(name)["properties"];
        let listed = |member: &str| properties[member]["enum"].clone();
        assert_eq!(texts(&listed("system")), names_of(SystemKind::Booking), "{name}");
        let statuses = BookingStatus::ALL.map(BookingStatus::as_str).into();
        assert_eq!(texts(&listed("status")), statuses, "{name}");
        let reasons = StatusReason::ALL.map(StatusReason::as_str).into();
        assert_eq!(texts(&listed("reason")), reasons, "{name}");
        assert_eq!(texts(&listed("client_rule")), LinkRule::ALL.map(LinkRule::as_str).into());
        let details = properties["details"]["properties"].as_object().unwrap();
        let details: BTreeSet<_> = details.keys().map(String::as_str).collect();
        assert_eq!(details, DetailName::ALL.map(DetailName::as_str).into(), "{name}");
    }
}

#[test]
fn schema_of_updated_bookings_knows_every_name_that_can_differ() {
    let nothing = Booking {
        starts_at: Timestamp::UNIX_EPOCH,
        ends_at: Timestamp::UNIX_EPOCH,
        status: BookingStatus::Scheduled,
        reason: None,
        person: Person::default(),
        details: Details::new(),
    };
    let names = nothing.fields().into_iter().map(|(name, _)| name).collect();
    let properties = &schema("booking.updated")["properties"];
    assert_eq!(texts(&properties["changed"]["items"]["enum"]), names);
}

#[test]
fn every_audit_action_is_described_and_in_the_schema() {
    let model = read(MODEL);
    let actions: BTreeSet<_> = AuditAction::ALL.iter().map(|action| action.as_str()).collect();
    assert_eq!(texts(&schema("audit.logged")["properties"]["action"]["enum"]), actions);
    let rows = rows_of(&model, "| `action` | When |");
    assert_eq!(rows, actions.into_iter().map(str::to_owned).collect());
}

#[test]
fn every_kind_of_item_has_its_section() {
    let model = read(MODEL);
    let source = read("shared/aws/src/dynamo/item.rs");
    let kinds: Vec<_> = source
        .lines()
        .filter(|line| line.starts_with("pub const ENTITY_"))
        .map(|line| line.split('"').nth(1).unwrap())
        .collect();
    assert!(kinds.len() >= 9, "{kinds:?}");
    for kind in kinds {
        assert!(model.contains(&format!("\n### {kind}\n")), "{MODEL}: no section {kind}");
        assert!(model.contains(&format!("| `{kind}` | ")), "{MODEL}: no key of {kind}");
    }
}

/// The names between two marks, wherever both come in a row.
fn names_between(text: &str, before: &str, after: &str) -> BTreeSet<String> {
    let is_name = |name: &&str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    let found = text.split(before).skip(1).filter_map(|rest| Some(rest.split_once(after)?.0));
    found.filter(is_name).map(str::to_owned).collect()
}

#[test]
fn every_attribute_of_an_item_is_described() {
    let model = read(MODEL);
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(root().join("shared/aws/src/dynamo")).unwrap() {
        let path = entry.unwrap().path();
        let source = std::fs::read_to_string(&path).unwrap();
        let source = source.split("#[cfg(test)]").next().unwrap();
        names.extend(names_between(source, "(\"", "\".to_owned(),"));
        names.extend(names_between(source, ".item(\"", "\","));
        if path.to_string_lossy().ends_with("_item.rs") {
            names.extend(names_between(source, "(\"", "\", "));
        }
    }
    assert!(names.len() > 60, "{names:?}");
    for name in names {
        assert!(model.contains(&format!("`{name}`")), "{MODEL} does not tell of {name}");
    }
}
