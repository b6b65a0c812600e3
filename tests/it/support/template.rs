//! The template and its nested stack as data.

use serde_yaml_ng::Value;

use super::cloud::root;

/// A template without the short tags, which plain YAML does not know.
pub fn template_of(file: &str) -> Value {
    let text = std::fs::read_to_string(root().join(file)).unwrap();
    let plain: String = text
        .split_inclusive([' ', '\n', '['])
        .map(|word| if word.starts_with('!') && word.len() > 2 { " " } else { word })
        .collect();
    serde_yaml_ng::from_str(&plain).unwrap()
}

/// The resources of one type, with their logical ids.
pub fn resources_in(file: &str, kind: &str) -> Vec<(String, Value)> {
    let template = template_of(file);
    let resources = template["Resources"].as_mapping().unwrap();
    let of_kind = resources.iter().filter(|(_, resource)| resource["Type"] == kind);
    of_kind.map(|(id, resource)| (id.as_str().unwrap().to_owned(), resource.clone())).collect()
}
