//! Entries of dead letters in their tenant's partition: counted by the health of a connection, gone
//! when the letter's work is done, when it is discarded, or when the queue has forgotten it.

use jiff::SignedDuration;
use sync_domain::model::{System, TenantId};
use sync_domain::ports::{DeadLetter, StoreError};

use super::DynamoTable;
use super::item::{ENTITY_DEAD_LETTER, PK, SK, dead_letter_sk, number, tenant_pk, text};

/// As long as the dead-letter queue keeps the message.
const ENTRY_TTL: SignedDuration = SignedDuration::from_hours(14 * 24);

impl DynamoTable {
    /// Notes a letter; one of no known tenant or system has no partition to be noted in.
    pub(crate) async fn note_dead_letter(
        &self,
        letter: &DeadLetter,
        queue: &str,
    ) -> Result<(), StoreError> {
        let (Some(tenant), Some(system)) = (&letter.tenant, letter.system) else { return Ok(()) };
        self.client
            .put_item()
            .table_name(&self.table_name)
            .item(PK, text(tenant_pk(tenant)))
            .item(SK, text(dead_letter_sk(system, &letter.id)))
            .item("entity", text(ENTITY_DEAD_LETTER))
            .item("cause", text(letter.cause.as_str()))
            .item("queue", text(queue))
            .item("failed_at", text(letter.failed_at.to_string()))
            .item("expires_at", number((letter.failed_at + ENTRY_TTL).as_second()))
            .send()
            .await
            .map_err(|error| StoreError::Unavailable(Box::new(error)))?;
        Ok(())
    }

    /// Takes the note away.
    pub(crate) async fn forget_dead_letter(
        &self,
        tenant: &TenantId,
        system: System,
        id: &str,
    ) -> Result<(), StoreError> {
        self.client
            .delete_item()
            .table_name(&self.table_name)
            .key(PK, text(tenant_pk(tenant)))
            .key(SK, text(dead_letter_sk(system, id)))
            .send()
            .await
            .map_err(|error| StoreError::Unavailable(Box::new(error)))?;
        Ok(())
    }
}
