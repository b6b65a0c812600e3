//! The template: each function has its block with what every function must have, no action is a
//! wildcard, settings are the same in code, template and `.env.example`. Queues and their alarms are
//! in `rules_queues`.

use std::collections::BTreeSet;

use serde_yaml_ng::Value;

use crate::support::cloud::root;
use crate::support::template::{resources_in, template_of};

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

fn template() -> Value {
    template_of("template.yaml")
}

fn resources_of(kind: &str) -> Vec<(String, Value)> {
    resources_in("template.yaml", kind)
}

fn function_folders() -> BTreeSet<String> {
    let entries = std::fs::read_dir(root().join("functions")).unwrap();
    entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn template_has_one_block_per_function_with_all_that_a_function_needs() {
    let functions = resources_of("AWS::Serverless::Function");
    let folders: BTreeSet<_> = functions
        .iter()
        .map(|(_, function)| {
            let code_uri = function["Properties"]["CodeUri"].as_str().unwrap();
            code_uri.trim_end_matches('/').trim_start_matches("functions/").to_owned()
        })
        .collect();
    assert_eq!(folders, function_folders());
    for (id, function) in functions {
        assert_eq!(function["Metadata"]["BuildMethod"], "rust-cargolambda", "{id}");
        for property in ["MemorySize", "Timeout", "Policies", "LoggingConfig", "Environment"] {
            assert!(!function["Properties"][property].is_null(), "{id} has no {property}");
        }
    }
    assert_eq!(template()["Globals"]["Function"]["Tracing"], "Active");
}

#[test]
fn template_grants_named_actions_only() {
    for (id, function) in resources_of("AWS::Serverless::Function") {
        for policy in function["Properties"]["Policies"].as_sequence().unwrap() {
            let statements = policy["Statement"].as_sequence();
            let statements = statements.unwrap_or_else(|| panic!("{id} has a canned policy"));
            for statement in statements {
                let sid = statement["Sid"].as_str().unwrap_or_else(|| panic!("{id}: no Sid"));
                let actions = one_or_many(&statement["Action"]);
                assert!(!actions.is_empty(), "{id} {sid}");
                assert!(!actions.iter().any(|it| it.contains('*')), "{id} {sid}: {actions:?}");
                let resources = one_or_many(&statement["Resource"]);
                assert!(!resources.contains(&"*".to_owned()), "{id} {sid} reaches everything");
            }
        }
    }
}

fn one_or_many(value: &Value) -> Vec<String> {
    match value {
        Value::String(one) => vec![one.clone()],
        Value::Sequence(many) => many.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Mapping(_) | Value::Tagged(_) => {
            Vec::new()
        }
    }
}

#[test]
fn template_lets_webhooks_read_no_credentials_and_call_no_provider() {
    let functions = resources_of("AWS::Serverless::Function");
    let webhooks = functions.iter().filter(|(id, _)| id.starts_with("Webhook"));
    for (id, function) in webhooks {
        for statement in function["Properties"]["Policies"][0]["Statement"].as_sequence().unwrap() {
            for action in one_or_many(&statement["Action"]) {
                let is_reading = action.contains(":Get") || action.contains(":BatchGet");
                assert!(is_reading || action == "sqs:SendMessage", "{id} may {action}");
            }
            let secrets = one_or_many(&statement["Resource"]);
            for secret in secrets.iter().filter(|it| it.contains(":secret:")) {
                let is_allowed = secret.contains("/webhook*") || secret.contains("/apps/");
                assert!(is_allowed, "{id} may read {secret}");
            }
        }
        let variables = function["Properties"]["Environment"]["Variables"].as_mapping().unwrap();
        assert!(!variables.contains_key("INTEGRATION_TIMEOUT_MS"), "{id} calls a provider");
    }
}

#[test]
fn template_keeps_what_holds_state() {
    for (id, table) in resources_of("AWS::DynamoDB::Table") {
        assert_eq!(table["DeletionPolicy"], "Retain", "{id}");
        assert_eq!(table["UpdateReplacePolicy"], "Retain", "{id}");
        let properties = &table["Properties"];
        let recovery = &properties["PointInTimeRecoverySpecification"];
        assert_eq!(recovery["PointInTimeRecoveryEnabled"], true, "{id}");
        assert_eq!(properties["SSESpecification"]["SSEEnabled"], true, "{id}");
        assert_eq!(properties["TimeToLiveSpecification"]["AttributeName"], "expires_at", "{id}");
    }
}

#[test]
fn template_reports_item_failures_of_streams_and_bounds_their_retries() {
    let mut mappings = resources_of("AWS::Lambda::EventSourceMapping");
    mappings.retain(|(_, mapping)| !mapping["Properties"]["StartingPosition"].is_null());
    assert!(!mappings.is_empty());
    for (id, mapping) in mappings {
        let properties = &mapping["Properties"];
        assert_eq!(properties["FunctionResponseTypes"][0], "ReportBatchItemFailures", "{id}");
        assert_eq!(properties["BisectBatchOnFunctionError"], true, "{id}");
        assert!(properties["MaximumRetryAttempts"].as_u64().is_some_and(|it| it < 1_000), "{id}");
        assert!(properties["MaximumRecordAgeInSeconds"].as_u64().is_some(), "{id}");
        assert!(!properties["DestinationConfig"]["OnFailure"].is_null(), "{id}");
    }
}

/// The sources of what operators run.
fn tool_files() -> Vec<String> {
    let tools = std::fs::read_dir(root().join("tools")).unwrap();
    let sources = tools.flat_map(|tool| {
        let folder = tool.unwrap().path().join("src");
        std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path())
    });
    let files = sources.map(|path| path.strip_prefix(root()).unwrap().to_owned());
    files.map(|path| path.to_string_lossy().into_owned()).collect()
}

/// The names that are read through `Settings`, in functions, tools and shared code.
fn settings_in_code() -> BTreeSet<String> {
    let mut names = BTreeSet::from(["LOG_LEVEL".to_owned(), "METRICS_NAMESPACE".to_owned()]);
    let mains = function_folders();
    let mains = mains.iter().map(|function| format!("functions/{function}/src/main.rs"));
    let wiring = ["lib", "webhook"].map(|file| format!("shared/wiring/src/{file}.rs"));
    for file in mains.chain(wiring).chain(tool_files()) {
        let main = read(&file);
        for call in ["required(\"", "optional(\"", "parsed(\"", "addresses(\"", "queue_setting: \""]
        {
            let reads = main.split(call).skip(1).filter_map(|rest| rest.split('"').next());
            names.extend(reads.map(str::to_owned));
        }
    }
    names
}

#[test]
fn settings_are_the_same_in_code_template_and_example() {
    let template = template();
    let of = |owner: &Value| -> BTreeSet<String> {
        let variables = owner["Environment"]["Variables"].as_mapping();
        let names = variables.into_iter().flat_map(|variables| variables.keys());
        names.map(|name| name.as_str().unwrap().to_owned()).collect()
    };
    let mut in_template = of(&template["Globals"]["Function"]);
    for (_, function) in resources_of("AWS::Serverless::Function") {
        in_template.extend(of(&function["Properties"]));
    }
    // Read by the TLS library and by whoever looks at a function's configuration.
    for not_ours in ["SSL_CERT_FILE", "STAGE"] {
        in_template.remove(not_ours);
    }
    assert_eq!(settings_in_code(), in_template);
    let example = read(".env.example");
    for name in &in_template {
        assert!(example.contains(name), ".env.example does not tell of {name}");
    }
    for name in ["HUBSPOT_TOKEN", "ACUITY_KEY", "WEBHOOK_SECRET_"] {
        assert!(example.contains(name), ".env.example does not tell of {name}");
    }
}
