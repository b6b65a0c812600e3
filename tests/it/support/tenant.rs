//! A tenant of a test's own: its account at the sandbox, its secret, its events, its calls. Tests
//! run at the same time and share nothing but the machine.
//!
//! Personal data of every test carries a mark (`canary`, or the number range of [`PHONE`]);
//! `after_suite_canary` looks for the marks wherever they must not be.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use uuid::Uuid;

use super::cloud::Cloud;
use super::schemas;

/// The marked phone number, as a caller writes it, and in E.164.
pub const PHONE: (&str, &str) = ("(415) 555-2671", "+14155552671");
/// How long events may take. The emulator polls the stream, and two cores have a lot to do.
const EVENTS_TIMEOUT: Duration = Duration::from_secs(60);

pub struct Tenant {
    pub cloud: Cloud,
    pub id: String,
    pub account: String,
    pub access_token: String,
    queue_url: String,
}

impl Tenant {
    /// A new tenant with a HubSpot connection.
    pub async fn new() -> Self {
        let cloud = Cloud::open();
        let unique = Uuid::new_v4().simple().to_string();
        let id = format!("test-{}", unique.split_at(12).0);
        let account = format!("7{:08}", Uuid::new_v4().as_u128() % 100_000_000);
        let access_token = format!("pat-na1-canary-{unique}");
        let scopes = ["crm.objects.contacts.read", "crm.objects.contacts.write"];
        let queue_url = create_tap(&cloud, &id).await;
        let tenant = Self { cloud, id, account, access_token, queue_url };
        tenant.register(json!({ "scopes": scopes })).await;
        let secret = json!({
            "access_token": tenant.access_token,
            "account_id": tenant.account,
            "default_region": "US",
        });
        tenant.put_secret(&secret.to_string()).await;
        tenant
    }

    /// A new tenant whose account takes companies and deals, too, and has our key property.
    pub async fn with_companies_and_deals() -> Self {
        let tenant = Self::new().await;
        let key = json!([{"name": "integration_reference", "hasUniqueValue": true}]);
        let properties = json!({"company": key, "deal": key});
        tenant.register(json!({ "properties": properties })).await;
        tenant
    }

    /// The same, but the account has no key property, as the credentials say.
    pub async fn without_key_properties() -> Self {
        let tenant = Self::new().await;
        tenant.register(json!({})).await;
        let secret = json!({
            "access_token": tenant.access_token,
            "account_id": tenant.account,
            "default_region": "US",
            "key_properties": [],
        });
        let environment = tenant.cloud.function_environment("crm-upsert").await;
        let prefix = environment["SECRET_PREFIX"].as_str().unwrap();
        let secret = json!({
            "SecretId": format!("{prefix}/{}/hubspot", tenant.id),
            "SecretString": secret.to_string(),
            "ClientRequestToken": Uuid::new_v4().to_string(),
        });
        tenant.cloud.aws("secretsmanager/secretsmanager.PutSecretValue", secret).await;
        tenant
    }

    /// Registers the account again, with other settings.
    pub async fn register(&self, settings: Value) {
        let mut account = json!({
            "system": "hubspot",
            "account": self.account,
            "access_token": self.access_token,
            "webhook_url": "http://127.0.0.1:9/",
            "webhook_secret": "canary-webhook-secret",
        });
        account.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        self.cloud.sandbox_post("accounts", account).await;
    }

    async fn put_secret(&self, value: &str) {
        let environment = self.cloud.function_environment("crm-upsert").await;
        let prefix = environment["SECRET_PREFIX"].as_str().unwrap();
        let secret = json!({
            "Name": format!("{prefix}/{}/hubspot", self.id),
            "SecretString": value,
            "ClientRequestToken": Uuid::new_v4().to_string(),
        });
        self.cloud.aws("secretsmanager/secretsmanager.CreateSecret", secret).await;
    }

    /// An email of this tenant, marked.
    pub fn email(&self, name: &str) -> String {
        format!("canary-{name}@{}.example.com", self.id)
    }

    /// A full contact with marked values.
    pub fn contact(&self, name: &str) -> Value {
        json!({
            "email": self.email(name),
            "phone": PHONE.0,
            "firstname": "Canaryfirst",
            "lastname": "Canarylast",
            "company": "Example Works",
            "lifecyclestage": "lead",
        })
    }

    /// Lets the account's next calls fail.
    pub async fn fault(&self, fault: Value) {
        let mut body = json!({"system": "hubspot", "account": self.account, "times": 1});
        body.as_object_mut().unwrap().extend(fault.as_object().unwrap().clone());
        self.cloud.sandbox_post("faults", body).await;
    }

    /// What the account's API was asked so far.
    pub async fn provider_calls(&self) -> Value {
        let path = format!("calls?system=hubspot&account={}", self.account);
        self.cloud.sandbox_get(&path).await
    }

    /// How many calls changed something at the provider.
    pub async fn provider_writes(&self) -> u64 {
        self.provider_calls().await["totals"]["applied"].as_u64().unwrap()
    }

    /// The account's contacts.
    pub async fn remote_contacts(&self) -> Vec<Value> {
        self.remote_objects("contact").await
    }

    /// The account's records of a kind.
    pub async fn remote_objects(&self, object_type: &str) -> Vec<Value> {
        let path = format!("objects?system=hubspot&account={}&type={object_type}", self.account);
        let answer = self.cloud.sandbox_get(&path).await;
        answer["objects"].as_array().unwrap_or_else(|| panic!("{answer}")).clone()
    }

    /// The functions' calls of an AWS service that name this tenant, by operation.
    pub async fn aws_calls(&self, service: &str) -> Value {
        let path = format!("aws/calls?service={service}&contains={}", self.id);
        self.cloud.sandbox_get(&path).await["totals"].clone()
    }

    /// All items of this tenant in the table.
    pub async fn items(&self) -> Vec<Value> {
        let query = json!({
            "TableName": self.cloud.text("table"),
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": format!("T#{}", self.id)}},
            "ConsistentRead": true,
        });
        let answer = self.cloud.aws("dynamodb/DynamoDB_20120810.Query", query).await;
        answer["Items"].as_array().unwrap().clone()
    }

    /// The items of one kind.
    pub async fn items_of(&self, entity: &str) -> Vec<Value> {
        let items = self.items().await;
        items.into_iter().filter(|item| item["entity"]["S"] == entity).collect()
    }

    /// Waits until `expected` different events of this tenant are on the bus, lets stragglers come,
    /// and returns all, each one checked against its schema. An event that came twice counts once,
    /// as for any subscriber.
    pub async fn events(&self, expected: usize) -> Vec<Value> {
        let began = Instant::now();
        let mut events: Vec<Value> = Vec::new();
        let mut quiet_since = Instant::now();
        loop {
            for event in self.receive().await {
                schemas::assert_valid(&event);
                let is_new =
                    |seen: &Value| seen["detail"]["event_id"] != event["detail"]["event_id"];
                if events.iter().all(is_new) {
                    events.push(event);
                    quiet_since = Instant::now();
                }
            }
            let is_quiet = quiet_since.elapsed() > Duration::from_secs(2);
            if (events.len() >= expected && is_quiet) || began.elapsed() > EVENTS_TIMEOUT {
                assert_eq!(events.len(), expected, "events on the bus: {events:#?}");
                return events;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    async fn receive(&self) -> Vec<Value> {
        let request = json!({"QueueUrl": self.queue_url, "MaxNumberOfMessages": 10});
        let answer = self.cloud.aws("sqs/AmazonSQS.ReceiveMessage", request).await;
        let messages = answer["Messages"].as_array().cloned().unwrap_or_default();
        let mut events = Vec::new();
        for message in messages {
            let delete =
                json!({"QueueUrl": self.queue_url, "ReceiptHandle": message["ReceiptHandle"]});
            self.cloud.aws("sqs/AmazonSQS.DeleteMessage", delete).await;
            events.push(serde_json::from_str(message["Body"].as_str().unwrap()).unwrap());
        }
        events
    }
}

/// A queue that gets the tenant's events only.
async fn create_tap(cloud: &Cloud, tenant_id: &str) -> String {
    let name = format!("tap-{tenant_id}");
    let queue = cloud.aws("sqs/AmazonSQS.CreateQueue", json!({ "QueueName": name })).await;
    let pattern = json!({"source": ["integrations"], "detail": {"tenant_id": [tenant_id]}});
    let bus = cloud.text("bus");
    let rule = json!({"Name": name, "EventBusName": bus, "EventPattern": pattern.to_string()});
    cloud.aws("events/AWSEvents.PutRule", rule).await;
    let arn = format!("arn:aws:sqs:{}:000000000000:{name}", cloud.text("region"));
    let targets =
        json!({"Rule": name, "EventBusName": bus, "Targets": [{"Id": "tap", "Arn": arn}]});
    cloud.aws("events/AWSEvents.PutTargets", targets).await;
    queue["QueueUrl"].as_str().unwrap().to_owned()
}
