//! Docs that must say what the code does.

use std::collections::BTreeSet;

use serde_json::Value;
use sync_domain::model::{AttributeName, System};
use sync_lambda::problem::ErrorCode;

use crate::support::cloud::root;

fn read(path: &str) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn api_docs_list_every_error_code_with_its_status() {
    let api = read("docs/API.md");
    for code in ErrorCode::ALL {
        let row = api
            .lines()
            .find(|line| line.starts_with('|') && line.contains(&format!("`{}`", code.as_str())));
        let row = row.unwrap_or_else(|| panic!("docs/API.md has no row for {}", code.as_str()));
        assert!(row.contains(&code.status().to_string()), "{row}: status {}", code.status());
    }
}

#[test]
fn openapi_lists_every_error_code_and_no_other() {
    let openapi: Value = serde_yaml_ng::from_str(&read("docs/openapi.yaml")).unwrap();
    let schema = &openapi["components"]["schemas"]["Problem"]["properties"]["error_code"]["enum"];
    let listed: BTreeSet<_> =
        schema.as_array().unwrap().iter().map(|code| code.as_str().unwrap()).collect();
    let ours: BTreeSet<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(listed, ours);
}

#[test]
fn every_system_has_its_mapping_doc_with_every_attribute() {
    for system in System::ALL {
        let mapping = read(&format!("docs/integrations/{system}_mapping.md"));
        for attribute in AttributeName::ALL {
            let name = attribute.as_str();
            assert!(mapping.contains(&format!("`{name}`")), "{system}: {name} is not described");
        }
    }
}

#[test]
fn every_schema_names_its_event_and_is_described() {
    let model = read("docs/Data_Model_and_Events.md");
    for entry in std::fs::read_dir(root().join("infra/schemas")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let schema: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(schema["title"], name.as_str());
        assert!(model.contains(&format!("`{name}`")), "{name} is not described");
    }
}
