//! What the docs point at is there: pages, headings, tests.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::support::cloud::root;

/// Every page for people, by its path from the root.
fn pages() -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> = [
        "README.md",
        "infra/local/README.md",
        "infra/salesforce/README.md",
        "tests/sandbox/README.md",
    ]
    .map(Into::into)
    .into();
    for folder in ["docs", "docs/decisions", "docs/integrations"] {
        let entries = std::fs::read_dir(root().join(folder)).unwrap();
        let files = entries.map(|entry| Path::new(folder).join(entry.unwrap().file_name()));
        pages.extend(files.filter(|path| path.extension().is_some_and(|it| it == "md")));
    }
    pages
}

fn text_of(page: &Path) -> String {
    std::fs::read_to_string(root().join(page)).unwrap_or_default()
}

/// Lines outside of fenced blocks.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut is_fenced = false;
    text.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        is_fenced ^= is_fence;
        !is_fenced && !is_fence
    })
}

/// The anchors of a page's headings, as the usual viewers make them.
fn anchors_of(text: &str) -> BTreeSet<String> {
    let headings = prose(text).filter(|line| line.starts_with('#'));
    let title = |line: &str| line.trim_start_matches('#').trim().to_lowercase();
    let is_kept = |character: &char| character.is_alphanumeric() || " -_".contains(*character);
    headings
        .map(|line| title(line).chars().filter(is_kept).collect::<String>().replace(' ', "-"))
        .collect()
}

fn links_in(text: &str) -> Vec<String> {
    let targets = prose(text).flat_map(|line| line.split("](").skip(1));
    let targets = targets.filter_map(|rest| Some(rest.split_once(')')?.0.to_owned()));
    targets.filter(|target| !target.contains("://")).collect()
}

#[test]
fn links_of_the_docs_lead_somewhere() {
    for page in pages() {
        let text = text_of(&page);
        for link in links_in(&text) {
            let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = root().join(page.parent().unwrap()).join(path);
            let target = if path.is_empty() { root().join(&page) } else { target };
            assert!(target.exists(), "{}: {link}", page.display());
            if !anchor.is_empty() {
                let anchors = anchors_of(&std::fs::read_to_string(target).unwrap());
                assert!(anchors.contains(anchor), "{}: {link}", page.display());
            }
        }
    }
}

#[test]
fn tests_that_the_docs_name_exist() {
    const FAMILIES: [&str; 9] = [
        "flow_",
        "e2e_",
        "props_",
        "contract_",
        "vectors_",
        "rules_",
        "at_0",
        "after_suite_",
        "load_",
    ];
    let is_test = |word: &&str| {
        let is_plain = word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        is_plain && FAMILIES.iter().any(|family| word.starts_with(family))
    };
    for page in pages() {
        let text = text_of(&page);
        for word in prose(&text).flat_map(|line| line.split('`').skip(1).step_by(2)).filter(is_test)
        {
            let file = root().join(format!("tests/it/{word}.rs"));
            assert!(file.exists(), "{}: there is no test {word}", page.display());
        }
    }
}
