//! The deployed function's own executable as a process of the test, so that it can be stalled and
//! killed at a chosen moment. The test plays the Lambda Runtime API; everything else is the local
//! cloud's.

use std::collections::HashMap;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::cloud::{Cloud, root};
use super::tenant::Tenant;
use super::webhook_signing::{PATH, acuity_signature, v3};

struct Invocation {
    request_id: String,
    event: String,
    deadline_ms: u128,
}

type Waiting = Arc<Mutex<HashMap<String, oneshot::Sender<Value>>>>;

#[derive(Clone)]
struct RuntimeApi {
    invocations: Arc<tokio::sync::Mutex<mpsc::UnboundedReceiver<Invocation>>>,
    waiting: Waiting,
}

/// A function that serves one invocation after the other.
pub struct FunctionProcess {
    /// What its calls of AWS are marked with, so that they can be told from all others.
    mark: String,
    cloud: Cloud,
    child: Child,
    invocations: mpsc::UnboundedSender<Invocation>,
    waiting: Waiting,
}

impl FunctionProcess {
    /// Starts the executable that `make up` has deployed, in the deployed function's environment.
    pub async fn start(cloud: &Cloud, function: &str, logical_id: &str) -> Self {
        let (invocations, receiver) = mpsc::unbounded_channel();
        let waiting = Waiting::default();
        let api = RuntimeApi {
            invocations: Arc::new(tokio::sync::Mutex::new(receiver)),
            waiting: Arc::clone(&waiting),
        };
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(respond))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(respond))
            .with_state(api);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });

        let environment = cloud.function_environment(function).await;
        let variables = environment.as_object().unwrap().iter();
        let variables = variables.map(|(name, value)| (name, value.as_str().unwrap()));
        let mark = format!("{function}-{}", Uuid::new_v4().simple());
        let tap_port = std::env::var("LOCAL_TAP_PORT").unwrap_or_else(|_| "4571".into());
        let child = Command::new(root().join(".local/build").join(logical_id).join("bootstrap"))
            .env_clear()
            .envs(variables)
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", function)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", "test")
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "test")
            .env("AWS_SDK_UA_APP_ID", &mark)
            .env("AWS_REGION", cloud.text("region"))
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{tap_port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Self { mark, cloud: cloud.clone(), child, invocations, waiting }
    }

    /// Hands an event to the function, with so much time to handle it. The receiver gets the
    /// function's answer, or an error if the function dies first.
    pub fn invoke(&self, event: &Value, time: Duration) -> oneshot::Receiver<Value> {
        let request_id = Uuid::new_v4().to_string();
        let (sender, receiver) = oneshot::channel();
        self.waiting.lock().unwrap().insert(request_id.clone(), sender);
        let deadline = SystemTime::now() + time;
        let deadline_ms = deadline.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis();
        let invocation = Invocation { request_id, event: event.to_string(), deadline_ms };
        self.invocations.send(invocation).unwrap_or_else(|_| panic!("the runtime API is gone"));
        receiver
    }

    /// This process's calls of AWS since then that have this text in them.
    pub async fn aws_calls(&self, since_ms: i64, text: &str) -> Vec<Value> {
        let path = format!("aws/calls?since_ms={since_ms}&contains={text}");
        let answer = self.cloud.sandbox_get(&path).await;
        let calls = answer["calls"].as_array().unwrap().iter();
        calls.filter(|call| call["function"] == self.mark.as_str()).cloned().collect()
    }

    /// The most memory that the process has had, in KiB, as the kernel counts it.
    pub fn peak_memory_kib(&self) -> u64 {
        let status = format!("/proc/{}/status", self.child.id().unwrap());
        let status = std::fs::read_to_string(status).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        peak.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Kills the function where it stands.
    pub async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// Stops the function where it stands, as a frozen or stalled one.
    pub fn stall(&self) {
        self.signal("-STOP");
    }

    /// Lets a stalled function go on.
    pub fn resume(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let process = self.child.id().unwrap().to_string();
        let sent = std::process::Command::new("kill").args([signal, &process]).status().unwrap();
        assert!(sent.success());
    }
}

async fn next(State(api): State<RuntimeApi>) -> (HeaderMap, String) {
    let invocation = api.invocations.lock().await.recv().await;
    let Some(invocation) = invocation else { return std::future::pending().await };
    let mut headers = HeaderMap::new();
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:test";
    headers.insert("lambda-runtime-aws-request-id", invocation.request_id.parse().unwrap());
    headers
        .insert("lambda-runtime-deadline-ms", invocation.deadline_ms.to_string().parse().unwrap());
    headers.insert("lambda-runtime-invoked-function-arn", arn.parse().unwrap());
    (headers, invocation.event)
}

async fn respond(
    State(api): State<RuntimeApi>,
    Path(request_id): Path<String>,
    body: String,
) -> StatusCode {
    if let Some(sender) = api.waiting.lock().unwrap().remove(&request_id) {
        let _gone = sender.send(serde_json::from_str(&body).unwrap_or(Value::String(body)));
    }
    StatusCode::ACCEPTED
}

/// An upsert as the gateway hands it to the function.
pub fn upsert_event(tenant: &Tenant, body: &Value) -> Value {
    let route = ("POST", "/integrations/crm/{system}/upsert");
    api_event(route, &json!({"system": tenant.provider.system}), &tenant.id, "crm:write", body)
}

/// A call to import as the gateway hands it to the function.
pub fn import_event(tenant_id: &str, system: &str, body: &Value) -> Value {
    let route = ("POST", "/integrations/booking/{system}/import");
    api_event(route, &json!({ "system": system }), tenant_id, "booking:import", body)
}

fn api_event(
    (method, resource): (&str, &str),
    parameters: &Value,
    tenant_id: &str,
    scope: &str,
    body: &Value,
) -> Value {
    let mut path = resource.to_owned();
    for (name, value) in parameters.as_object().unwrap() {
        path = path.replace(&format!("{{{name}}}"), value.as_str().unwrap());
    }
    json!({
        "version": "2.0",
        "routeKey": format!("{method} {resource}"),
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"content-type": "application/json"},
        "pathParameters": parameters,
        "requestContext": {
            "accountId": "000000000000", "apiId": "test", "stage": "$default",
            "domainName": "localhost", "domainPrefix": "test", "requestId": "test",
            "routeKey": format!("{method} {resource}"),
            "time": "22/Nov/2026:00:00:00 +0000", "timeEpoch": 1_790_000_000_000_u64,
            "authorizer": {"jwt": {
                "claims": {"tenant_id": tenant_id, "scope": scope},
                "scopes": [scope],
            }},
            "http": {
                "method": method, "path": path, "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1", "userAgent": "test",
            },
        },
        "body": body.to_string(),
        "isBase64Encoded": false,
    })
}

/// The JSON body of a function's answer to the gateway.
pub fn body_of(answer: &Value) -> Value {
    serde_json::from_str(answer["body"].as_str().unwrap_or_else(|| panic!("{answer}"))).unwrap()
}

/// Messages as the queue's event source hands them to a worker, in one batch.
pub fn queue_event(bodies: &[String]) -> Value {
    let record = |(index, body): (usize, &String)| {
        json!({
            "messageId": format!("message-{index}"),
            "receiptHandle": "test",
            "body": body,
            "attributes": {"ApproximateReceiveCount": "1"},
            "messageAttributes": {},
            "eventSource": "aws:sqs",
        })
    };
    json!({"Records": bodies.iter().enumerate().map(record).collect::<Vec<_>>()})
}

/// A signed notification as the gateway hands it to the function.
pub fn webhook_event(webhook_url: &str, secret: &str, body: &str, at_ms: i64) -> Value {
    let timestamp = at_ms.to_string();
    let signature = v3(secret, "POST", webhook_url, body.as_bytes(), &timestamp);
    json!({
        "rawPath": PATH,
        "rawQueryString": "",
        "headers": {
            "x-hubspot-signature-v3": signature,
            "x-hubspot-request-timestamp": timestamp,
        },
        "requestContext": {
            "domainName": "localhost", "http": {"method": "POST"}, "timeEpoch": at_ms,
        },
        "body": body,
        "isBase64Encoded": false,
    })
}

/// A notification of Acuity's as the gateway hands it to the function. The address is the registered
/// one, with its token.
pub fn acuity_event(webhook_url: &str, api_key: &str, body: &[u8]) -> Value {
    let query = webhook_url.split_once('?').map_or("", |(_, query)| query);
    json!({
        "rawPath": "/webhooks/booking/acuity",
        "rawQueryString": query,
        "headers": {
            "content-type": "application/x-www-form-urlencoded",
            "x-acuity-signature": acuity_signature(api_key, body),
        },
        "requestContext": {"domainName": "localhost", "http": {"method": "POST"}},
        "body": STANDARD.encode(body),
        "isBase64Encoded": true,
    })
}

/// What the schedule hands to the function.
pub fn schedule_event(at: jiff::Timestamp) -> Value {
    json!({
        "version": "0",
        "id": Uuid::new_v4().to_string(),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "000000000000",
        "time": at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "region": "us-east-1",
        "resources": ["arn:aws:events:us-east-1:000000000000:rule/test"],
        "detail": {},
    })
}
