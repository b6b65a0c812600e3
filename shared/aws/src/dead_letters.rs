//! Dead letters: a message on the dead-letter queue, and an entry in the tenant's partition so that
//! the health of a connection can tell how many there are.

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_sqs::error::BuildError;
use futures::future::join_all;
use sync_domain::model::{System, TenantId};
use sync_domain::ports::{DeadLetter, DeadLetters, SendOutcome};

use crate::dynamo::DynamoTable;
use crate::work_queue::{Outgoing, SqsWorkQueue, history_attributes, number, text};

/// The dead-letter queue of one queue.
#[derive(Debug, Clone)]
pub struct SqsDeadLetters {
    queue: SqsWorkQueue,
    table: DynamoTable,
}

impl SqsDeadLetters {
    /// The dead-letter queue by its URL, and the table.
    pub fn new(config: &SdkConfig, url: String, table: DynamoTable) -> Self {
        Self { queue: SqsWorkQueue::new(config, url), table }
    }

    fn outgoing<'a>(&self, letter: &'a DeadLetter) -> Result<Outgoing<'a>, BuildError> {
        let mut attributes = history_attributes(&letter.history)?;
        attributes.push(("cause", text(letter.cause.as_str())?));
        attributes.push(("failed_at_ms", number(letter.failed_at.as_millisecond())?));
        attributes.push(("source_queue", text(self.queue.short_name())?));
        if let Some(tenant) = &letter.tenant {
            attributes.push(("tenant_id", text(tenant.as_str())?));
        }
        if let Some(system) = letter.system {
            attributes.push(("system", text(system.as_str())?));
        }
        Ok(Outgoing { body: &letter.body, delay_s: 0, attributes })
    }

    /// The entry is only counted, so a lost one is no reason to lose the letter.
    async fn note(&self, letter: &DeadLetter) {
        if let Err(error) = self.table.note_dead_letter(letter, self.queue.short_name()).await {
            tracing::error!(%error, dead_letter_id = letter.id, "A dead letter is not counted.");
        }
    }
}

#[async_trait]
impl DeadLetters for SqsDeadLetters {
    async fn bury(&self, letters: &[DeadLetter]) -> Vec<SendOutcome> {
        let outgoing: Result<Vec<_>, _> =
            letters.iter().map(|letter| self.outgoing(letter)).collect();
        let Ok(outgoing) = outgoing else {
            return vec![SendOutcome::Failed; letters.len()];
        };
        let notes = join_all(letters.iter().map(|letter| self.note(letter)));
        let (_noted, outcomes) = futures::join!(notes, self.queue.send_all(&outgoing));
        outcomes
    }

    async fn resolve(&self, tenant: &TenantId, system: System, id: &str) {
        if let Err(error) = self.table.forget_dead_letter(tenant, system, id).await {
            tracing::error!(%error, dead_letter_id = id, "A resolved dead letter is still counted.");
        }
    }
}
