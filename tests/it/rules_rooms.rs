//! The rooms: who may depend on whom, and that members of the workspace pin nothing themselves.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::support::cloud::root;

fn manifest(path: &Path) -> Table {
    std::fs::read_to_string(path.join("Cargo.toml")).unwrap().parse().unwrap()
}

fn dependencies(path: &str) -> Vec<String> {
    let manifest = manifest(&root().join(path));
    let dependencies = manifest["dependencies"].as_table().unwrap();
    dependencies.keys().cloned().collect()
}

fn folders(parent: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join(parent)).unwrap();
    let folders = entries.map(|entry| entry.unwrap().path());
    folders.filter(|path| path.join("Cargo.toml").is_file()).collect()
}

fn source_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(source_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// Prefixes of crates that a room must not know.
fn forbidden(room: &str) -> &'static [&'static str] {
    match room {
        "shared/domain" => {
            &["aws", "lambda", "reqwest", "http", "tokio", "axum", "tracing", "sync-"]
        }
        "shared/providers" => {
            &["aws", "lambda", "sync-aws", "sync-lambda", "sync-testkit", "tokio"]
        }
        "shared/aws" => {
            &["lambda", "reqwest", "sync-providers", "sync-lambda", "sync-testkit", "axum"]
        }
        "shared/lambda" => {
            &["aws-", "reqwest", "sync-providers", "sync-aws", "sync-testkit", "axum"]
        }
        "shared/wiring" => &["sync-testkit", "reqwest", "aws-sdk", "axum"],
        _ => &["sync-testkit", "reqwest", "aws-sdk", "aws-config", "axum"],
    }
}

#[test]
fn rooms_know_only_what_they_may() {
    let shared =
        ["domain", "providers", "aws", "lambda", "wiring"].map(|room| format!("shared/{room}"));
    let outer = ["functions", "tools"].into_iter().flat_map(|parent| {
        let name = |path: PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
        folders(parent).into_iter().map(move |path| format!("{parent}/{}", name(path)))
    });
    for room in shared.into_iter().chain(outer) {
        for dependency in dependencies(&room) {
            let is_forbidden = forbidden(&room).iter().any(|it| dependency.starts_with(it));
            assert!(!is_forbidden, "{room} must not depend on {dependency}");
        }
    }
}

#[test]
fn members_take_versions_and_features_from_the_workspace_only() {
    let members = ["functions", "shared", "tests", "tools"].into_iter().flat_map(folders);
    for path in members.chain([root().join("tests")]) {
        let manifest = manifest(&path);
        // A workspace of its own, which needs flags of its own.
        if manifest.contains_key("workspace") {
            continue;
        }
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let Some(table) = manifest.get(section).and_then(Value::as_table) else { continue };
            for (name, dependency) in table {
                let only_workspace = dependency.as_table().is_some_and(|dependency| {
                    dependency.len() == 1 && dependency.get("workspace") == Some(&true.into())
                });
                assert!(only_workspace, "{}: {name} must be `workspace = true`", path.display());
            }
        }
        assert_eq!(manifest["lints"]["workspace"], true.into(), "{}", path.display());
    }
}

#[test]
fn providers_do_not_know_each_other() {
    let providers = root().join("shared/providers/src");
    let modules: Vec<_> = std::fs::read_dir(&providers)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    for module in &modules {
        for other in modules.iter().filter(|other| *other != module) {
            for file in source_files(module) {
                let text = std::fs::read_to_string(&file).unwrap();
                let uses_other = text.contains(&format!("crate::{}", name(other)));
                assert!(!uses_other, "{} uses {}", file.display(), name(other));
            }
        }
    }
}

#[test]
fn mains_only_wire() {
    for path in folders("functions").into_iter().chain(folders("tools")) {
        let main = std::fs::read_to_string(path.join("src/main.rs")).unwrap();
        for word in ["for ", "while ", "loop {", "if ", "match ", "unwrap(", "expect("] {
            let found = main
                .lines()
                .find(|line| !line.trim_start().starts_with("//") && line.contains(word));
            assert_eq!(found, None, "{}: a main only wires", path.display());
        }
    }
}

#[test]
fn modules_say_what_they_are_for() {
    for parent in ["functions", "shared", "tests/it", "tests/sandbox/src", "tools"] {
        for file in source_files(&root().join(parent)) {
            let text = std::fs::read_to_string(&file).unwrap();
            assert!(text.starts_with("//!"), "{} has no module doc", file.display());
        }
    }
}
