//! Queues, what reads them and what watches them: nothing can wait, fail or be given up unseen, and
//! the runbook says what to do about every alarm.

use std::collections::{BTreeMap, BTreeSet};

use serde_yaml_ng::Value;
use sync_domain::model::{System, SystemKind};

use crate::support::cloud::root;
use crate::support::template::resources_in;

const STAGE_PREFIX: &str = "integrations-${Stage}-";

/// A name without its stage, as alarms and the runbook use it.
fn short(value: &Value) -> String {
    let name = value.as_str().unwrap_or_default();
    name.strip_prefix(STAGE_PREFIX)
        .unwrap_or_else(|| panic!("{name}: not by convention"))
        .to_owned()
}

fn queues() -> BTreeMap<String, Value> {
    let queues = resources_in("template.yaml", "AWS::SQS::Queue");
    queues.into_iter().map(|(id, queue)| (id, queue["Properties"].clone())).collect()
}

fn functions() -> BTreeMap<String, Value> {
    let functions = resources_in("template.yaml", "AWS::Serverless::Function");
    functions.into_iter().map(|(id, function)| (id, function["Properties"].clone())).collect()
}

/// Properties of every alarm, by its name without the stage.
fn alarms() -> BTreeMap<String, Value> {
    let alarms = resources_in("infra/alarms.yaml", "AWS::CloudWatch::Alarm");
    let named = alarms.into_iter().map(|(_, alarm)| alarm["Properties"].clone());
    named.map(|properties| (short(&properties["AlarmName"]), properties)).collect()
}

/// What an alarm looks at: metric and the value of its one dimension, without the stage.
fn watched() -> BTreeSet<(String, String)> {
    let of = |alarm: Value| {
        let dimension = alarm["Dimensions"][0]["Value"].as_str().unwrap_or_default().to_owned();
        let subject = dimension.strip_prefix(STAGE_PREFIX).map_or(dimension.clone(), str::to_owned);
        (alarm["MetricName"].as_str().unwrap().to_owned(), subject)
    };
    alarms().into_values().map(of).collect()
}

fn is_watched(metric: &str, subject: &str) -> bool {
    watched().contains(&(metric.to_owned(), subject.to_owned()))
}

/// Queues with a redrive policy are worked on; the others hold what was given up.
fn is_worked_on(queue: &Value) -> bool {
    !queue["RedrivePolicy"].is_null()
}

#[test]
fn queue_keeps_what_it_holds_for_the_longest_time_and_encrypted() {
    assert!(queues().len() >= 5);
    for (id, queue) in queues() {
        assert_eq!(queue["MessageRetentionPeriod"], 1_209_600, "{id}");
        assert_eq!(queue["SqsManagedSseEnabled"], true, "{id}");
    }
}

#[test]
fn queue_that_is_read_has_dead_letters_of_its_own_and_time_for_its_reader() {
    let queues = queues();
    let mappings = resources_in("template.yaml", "AWS::Lambda::EventSourceMapping");
    let mut read = BTreeSet::new();
    for (id, mapping) in mappings {
        let mapping = &mapping["Properties"];
        let source = mapping["EventSourceArn"].as_str().unwrap().trim_end_matches(".Arn");
        let Some(queue) = queues.get(source) else { continue };
        read.insert(source.to_owned());
        assert_eq!(mapping["FunctionResponseTypes"][0], "ReportBatchItemFailures", "{id}");
        let most = mapping["ScalingConfig"]["MaximumConcurrency"].as_u64();
        assert!(most.is_some_and(|most| most <= 20), "{id}: the table and HubSpot are shared");
        let function = &functions()[mapping["FunctionName"].as_str().unwrap()];
        let visibility_s = queue["VisibilityTimeout"].as_u64().unwrap();
        assert!(
            visibility_s >= 6 * function["Timeout"].as_u64().unwrap(),
            "{id}: {visibility_s} s"
        );
        let target = queue["RedrivePolicy"]["deadLetterTargetArn"].as_str().unwrap();
        let dead_letters = &queues[target.trim_end_matches(".Arn")];
        let expected = format!("{}-dlq", short(&queue["QueueName"]));
        assert_eq!(short(&dead_letters["QueueName"]), expected, "make dlq goes by the name");
    }
    let worked_on: BTreeSet<_> =
        queues.iter().filter(|(_, queue)| is_worked_on(queue)).map(|(id, _)| id.clone()).collect();
    assert_eq!(read, worked_on, "a queue without a reader, or a reader without dead letters");
}

#[test]
fn queue_is_watched_for_what_waits_and_for_what_was_given_up() {
    for (id, queue) in queues() {
        let name = short(&queue["QueueName"]);
        assert!(is_watched("ApproximateAgeOfOldestMessage", &name), "{id}: nobody sees its age");
        if !is_worked_on(&queue) {
            let metric = "ApproximateNumberOfMessagesVisible";
            assert!(is_watched(metric, &name), "{id}: nobody sees a dead letter");
        }
    }
    for worker in ["crm-sync", "crm-push", "crm-sweep", "booking-sync", "booking-sweep"] {
        assert!(is_watched("WorkAge", worker), "{worker}: nobody sees parked work");
    }
}

#[test]
fn booking_system_is_watched_for_drift() {
    for system in System::ALL.iter().filter(|system| system.kind() == SystemKind::Booking) {
        assert!(is_watched("BookingDrift", system.as_str()), "{system}: nobody sees lost webhooks");
    }
}

#[test]
fn function_is_watched_for_errors_and_throttles() {
    for (id, function) in functions() {
        let name = short(&function["FunctionName"]);
        assert!(is_watched("Errors", &name), "{id}");
        assert!(is_watched("Throttles", &name), "{id}");
    }
}

#[test]
fn alarm_names_a_function_a_queue_or_a_system_that_exists() {
    let functions = functions().into_values().map(|it| short(&it["FunctionName"]));
    let names: BTreeSet<_> =
        functions.chain(queues().into_values().map(|it| short(&it["QueueName"]))).collect();
    for (name, alarm) in alarms() {
        let subject = alarm["Dimensions"][0]["Value"].as_str().unwrap();
        let subject = subject.strip_prefix(STAGE_PREFIX).unwrap_or(subject);
        let is_system = System::parse(subject).is_some();
        let is_known = subject == "HttpApiId" || is_system || names.contains(subject);
        assert!(is_known, "{name} watches {subject}");
        assert!(!alarm["AlarmActions"].is_null(), "{name} tells nobody");
    }
}

#[test]
fn runbook_says_what_to_do_about_every_alarm() {
    let runbook = std::fs::read_to_string(root().join("docs/RUNBOOK.md")).unwrap();
    let headings: BTreeSet<_> = runbook
        .lines()
        .filter(|line| line.starts_with('|') || line.starts_with("### "))
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .collect();
    for (name, _) in alarms() {
        assert!(headings.contains(name.as_str()), "docs/RUNBOOK.md does not tell of {name}");
    }
}

#[test]
fn runbook_says_what_to_do_about_every_cause_of_a_dead_letter() {
    let source =
        std::fs::read_to_string(root().join("shared/domain/src/ports/work_queue.rs")).unwrap();
    let names = source.split_once("const fn as_str").unwrap().1.split_once("\n    }\n").unwrap().0;
    let causes: Vec<_> = names.split('"').skip(1).step_by(2).collect();
    assert!(causes.len() >= 9, "{causes:?}");
    let runbook = std::fs::read_to_string(root().join("docs/RUNBOOK.md")).unwrap();
    for cause in causes.into_iter().chain(["receives_exhausted"]) {
        let row = format!("| `{cause}` | ");
        assert!(runbook.contains(&row), "docs/RUNBOOK.md does not tell of {cause}");
    }
}
