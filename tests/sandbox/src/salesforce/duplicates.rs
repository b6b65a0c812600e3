//! Duplicate rules: they look at names and emails, know nothing of keys, and refuse what they find.

use serde_json::{Value, json};

use super::errors::Refusal;
use super::org::{DuplicateAction, DuplicateRule};
use super::store::{Record, Tables};
use super::write::Desk;

const MESSAGE: &str = "Use one of these records?";

/// The member `duplicateResult` of the error. Each match is the path and the id of a record.
pub fn result(rule: &str, sobject: &str, is_alert: bool, matches: &[(String, String)]) -> Value {
    let records: Vec<Value> = matches
        .iter()
        .map(|(url, id)| {
            json!({
                "additionalInformation": [],
                "fieldDiffs": [],
                "matchConfidence": 100.0,
                "record": { "attributes": { "type": sobject, "url": url }, "Id": id },
            })
        })
        .collect();
    json!({
        "allowSave": is_alert,
        "duplicateRule": rule,
        "duplicateRuleEntityType": sobject,
        "errorMessage": MESSAGE,
        "matchResults": [{
            "entityType": sobject,
            "errors": [],
            "matchEngine": "ExactMatchEngine",
            "matchRecords": records,
            "rule": format!("{rule}_Match"),
            "size": matches.len(),
            "success": true,
        }],
    })
}

fn are_alike(rule: &DuplicateRule, one: &Record, other: &Record) -> bool {
    rule.match_on.iter().all(|name| {
        let (one, other) = (one.text(name), other.text(name));
        one.zip(other).is_some_and(|(one, other)| one.to_lowercase() == other.to_lowercase())
    })
}

/// Refuses a record that a rule finds alike another one. Only what was written is looked at: an
/// edit of other fields passes.
pub fn check(
    desk: &Desk<'_>,
    tables: &Tables,
    record: &Record,
    written: &[&str],
) -> Result<(), Refusal> {
    if !desk.asks_duplicate_rules {
        return Ok(());
    }
    let rules = desk.settings.duplicate_rules.iter().map(|(of, rule)| (*of, rule));
    for (_, rule) in rules.filter(|(of, _)| *of == record.sobject) {
        let is_alert = rule.action == DuplicateAction::Alert;
        let is_asked = rule.match_on.iter().any(|name| written.contains(&name.as_str()));
        if !is_asked || (is_alert && desk.saves_through_alerts) {
            continue;
        }
        let others = tables.live(record.sobject).filter(|other| other.id != record.id);
        let matches: Vec<(String, String)> = others
            .filter(|other| are_alike(rule, record, other))
            .map(|other| (desk.url(other.sobject, &other.id), other.id.clone()))
            .collect();
        if !matches.is_empty() {
            let result = result(&rule.name, record.sobject.name(), is_alert, &matches);
            return Err(Refusal::duplicates(MESSAGE, result));
        }
    }
    Ok(())
}
