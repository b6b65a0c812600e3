//! The operator's command for dead letters, as `make dlq` runs it.

use tokio::process::Command;

use super::api::CANARIES;
use super::cloud::root;

/// What the command said, and its exit code.
#[derive(Debug)]
pub struct Said {
    pub text: String,
    pub code: i32,
}

/// Runs the command; panics if it says anything personal.
pub async fn dlq(arguments: &[&str]) -> Said {
    let output = Command::new(root().join(".venv/bin/python"))
        .args(["-m", "infra.dlq"])
        .args(arguments)
        .env("OPERATOR", "test-operator")
        .env_remove("STAGE")
        .current_dir(root())
        .output()
        .await
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    for canary in CANARIES {
        assert!(!text.contains(canary), "the operator is shown personal data: {text}");
    }
    println!("dlq {arguments:?}: {}", text.lines().last().unwrap_or_default());
    Said { text: text.into_owned(), code: output.status.code().unwrap() }
}

/// The same, and it must do all that it was asked for.
pub async fn dlq_done(arguments: &[&str]) {
    let said = dlq(arguments).await;
    assert_eq!(said.code, 0, "{arguments:?}: {}", said.text);
}
