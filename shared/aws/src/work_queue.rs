//! SQS as queues of work and as the place for dead letters.
//!
//! What a message has been through travels in its attributes; the names are listed in
//! `docs/Data_Model_and_Events.md`. No attribute holds personal data.

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::BuildError;
use aws_sdk_sqs::types::{MessageAttributeValue, SendMessageBatchRequestEntry};
use futures::future::join_all;
use sync_domain::ports::{DELAY_MAX, SendOutcome, WorkHistory, WorkMessage, WorkQueue};

/// The most messages that one call takes.
const MESSAGES_PER_CALL_MAX: usize = 10;

/// One queue.
#[derive(Debug, Clone)]
pub struct SqsWorkQueue {
    client: Client,
    url: String,
}

/// A message on its way, whichever queue it goes to.
pub(crate) struct Outgoing<'a> {
    pub body: &'a str,
    pub delay_s: i32,
    pub attributes: Vec<(&'static str, MessageAttributeValue)>,
}

impl SqsWorkQueue {
    /// A queue by its URL.
    pub fn new(config: &SdkConfig, url: String) -> Self {
        Self { client: Client::new(config), url }
    }

    /// The last part of the queue's name, without the deployment's prefix and without `-dlq`: what a
    /// dead letter names as its source.
    pub(crate) fn short_name(&self) -> &str {
        let name = self.url.rsplit('/').next().unwrap_or_default();
        let name = name.strip_suffix("-dlq").unwrap_or(name);
        name.rfind("crm-").or_else(|| name.rfind("booking-")).map_or(name, |at| name.split_at(at).1)
    }

    /// Opens the first connection while the function starts. The result does not matter.
    pub async fn warm_up(&self) {
        drop(self.client.get_queue_url().queue_name("warm-up").send().await);
    }

    /// Sends messages ten per call, all calls in flight together.
    pub(crate) async fn send_all(&self, messages: &[Outgoing<'_>]) -> Vec<SendOutcome> {
        let calls = messages.chunks(MESSAGES_PER_CALL_MAX).map(|chunk| self.send_call(chunk));
        join_all(calls).await.concat()
    }

    async fn send_call(&self, messages: &[Outgoing<'_>]) -> Vec<SendOutcome> {
        let mut outcomes = vec![SendOutcome::Failed; messages.len()];
        let entries: Result<Vec<_>, _> = messages.iter().enumerate().map(entry).collect();
        let Ok(entries) = entries else { return outcomes };
        let call = self.client.send_message_batch().queue_url(&self.url);
        match call.set_entries(Some(entries)).send().await {
            Ok(answer) => {
                for accepted in answer.successful() {
                    let index = accepted.id().parse::<usize>().ok();
                    if let Some(outcome) = index.and_then(|index| outcomes.get_mut(index)) {
                        *outcome = SendOutcome::Accepted;
                    }
                }
                for refused in answer.failed() {
                    tracing::error!(
                        queue = self.short_name(),
                        code = refused.code(),
                        "The queue refused a message."
                    );
                }
            }
            Err(error) => {
                // The display form names the kind of fault and never the request.
                tracing::error!(%error, queue = self.short_name(), "A queue can't be reached.");
            }
        }
        outcomes
    }
}

/// Entries are numbered by their place in the call, which the answer repeats.
fn entry(
    (index, message): (usize, &Outgoing<'_>),
) -> Result<SendMessageBatchRequestEntry, BuildError> {
    let mut entry = SendMessageBatchRequestEntry::builder()
        .id(index.to_string())
        .message_body(message.body)
        .delay_seconds(message.delay_s);
    for (name, value) in &message.attributes {
        entry = entry.message_attributes(*name, value.clone());
    }
    entry.build()
}

/// The attributes that carry a message's history.
pub(crate) fn history_attributes(
    history: &WorkHistory,
) -> Result<Vec<(&'static str, MessageAttributeValue)>, BuildError> {
    let mut attributes = vec![
        ("attempt", number(history.attempt)?),
        ("first_enqueued_at_ms", number(history.first_enqueued_at.as_millisecond())?),
    ];
    if let Some(id) = &history.dead_letter_id {
        attributes.push(("dead_letter_id", text(id)?));
    }
    Ok(attributes)
}

pub(crate) fn text(value: &str) -> Result<MessageAttributeValue, BuildError> {
    MessageAttributeValue::builder().data_type("String").string_value(value).build()
}

pub(crate) fn number(value: impl ToString) -> Result<MessageAttributeValue, BuildError> {
    MessageAttributeValue::builder().data_type("Number").string_value(value.to_string()).build()
}

#[async_trait]
impl WorkQueue for SqsWorkQueue {
    async fn send(&self, messages: &[WorkMessage]) -> Vec<SendOutcome> {
        let outgoing: Result<Vec<_>, BuildError> = messages
            .iter()
            .map(|message| {
                Ok(Outgoing {
                    body: &message.body,
                    delay_s: delay_s(message),
                    attributes: history_attributes(&message.history)?,
                })
            })
            .collect();
        match outgoing {
            Ok(outgoing) => self.send_all(&outgoing).await,
            Err(_unbuildable) => vec![SendOutcome::Failed; messages.len()],
        }
    }
}

/// Whole seconds, rounded up: work that comes early comes for nothing.
fn delay_s(message: &WorkMessage) -> i32 {
    let delay = message.delay.min(DELAY_MAX);
    let seconds = delay.as_secs() + u64::from(delay.subsec_nanos() > 0);
    i32::try_from(seconds).unwrap_or(0)
}
