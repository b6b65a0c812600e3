//! Runs after all other tests (`make test` sees to it) and looks for the marks of their personal
//! data, keys and tokens wherever they must not be: in log lines, metrics and events.

use futures::future::join_all;
use serde_json::json;

use crate::support::api::CANARIES;
use crate::support::cloud::{Cloud, root};
use crate::support::schemas;

/// People whom the sandbox makes for bookings have no mark, but all of them have these.
const MADE_PEOPLE: [&str; 2] = ["@example.com", "+1212"];

/// So many take events off the queue at the same time.
const READERS: usize = 4;

/// What must be nowhere: marks, and secrets that we draw ourselves and so can't mark.
struct Hidden(Vec<String>);

impl Hidden {
    async fn of(cloud: &Cloud) -> Self {
        let marks = CANARIES.iter().chain(&MADE_PEOPLE).map(|mark| (*mark).to_owned());
        let secrets = cloud.secrets_like("/webhook").await;
        let tokens = secrets.iter().filter_map(|it| it["url_token"].as_str().map(str::to_owned));
        Self(marks.chain(tokens).collect())
    }

    fn assert_none(&self, what: &str, text: &str) {
        for hidden in &self.0 {
            assert!(!text.contains(hidden.as_str()), "{what} carries {hidden}: {text}");
        }
    }
}

async fn log_groups(cloud: &Cloud) -> Vec<String> {
    let answer = cloud.aws("logs/Logs_20140328.DescribeLogGroups", json!({})).await;
    let groups = answer["logGroups"].as_array().unwrap();
    groups.iter().map(|group| group["logGroupName"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn after_suite_no_log_line_or_metric_carries_personal_data_or_a_token() {
    let cloud = Cloud::open();
    let hidden = Hidden::of(&cloud).await;
    let (mut own_lines, mut metrics) = (0, 0);
    for group in log_groups(&cloud).await {
        for line in cloud.log_lines_of(&group, "", 0).await {
            hidden.assert_none(&group, &line);
            own_lines += usize::from(line.contains("\"outcome\"") && line.contains("duration_ms"));
            metrics += usize::from(line.contains("\"CloudWatchMetrics\""));
        }
    }
    println!("{own_lines} outcome lines and {metrics} metric lines are clean");
    assert!(own_lines > 50 && metrics > 50, "the suite has left no logs to look at");
}

#[tokio::test]
async fn after_suite_no_log_file_of_the_functions_carries_personal_data_or_a_token() {
    let hidden = Hidden::of(&Cloud::open()).await;
    for entry in std::fs::read_dir(root().join(".local/logs")).unwrap() {
        let path = entry.unwrap().path();
        let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
        // The emulator's own lines may quote what a test has sent to it; the functions' may not.
        for line in text.lines().filter(|line| line.contains("\"level\":")) {
            hidden.assert_none(&path.display().to_string(), line);
        }
    }
}

#[tokio::test]
async fn after_suite_every_event_fits_its_schema_and_carries_no_personal_data() {
    let cloud = Cloud::open();
    let hidden = Hidden::of(&cloud).await;
    let queue = cloud.text("event_tap_queue_url");
    // A year of bookings leaves tens of thousands.
    let looks = (0..READERS).map(|_| async {
        let mut seen = 0;
        loop {
            let messages = cloud.take_messages(queue).await;
            if messages.is_empty() {
                return seen;
            }
            for message in messages {
                let body = message["Body"].as_str().unwrap();
                schemas::assert_valid(&serde_json::from_str(body).unwrap());
                hidden.assert_none("an event", body);
                seen += 1;
            }
        }
    });
    let seen: usize = join_all(looks).await.into_iter().sum();
    println!("{seen} events are clean and fit their schemas");
    assert!(seen > 20, "the suite has left no events to look at");
}
