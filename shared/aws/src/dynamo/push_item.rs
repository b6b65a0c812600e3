//! A waiting push as an item, both ways.
//!
//! It stands in the tenant's partition under `QUEUED#…` while it waits and under `REFUSED#…` when it
//! was given up. The key begins with the record, so the pushes of one record are one range of keys,
//! in the order of their arrival.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use sync_domain::keys::{ClaimKey, Fingerprint, RecordKey};
use sync_domain::model::{
    Association, AttributeName, Attributes, CorrelationId, CrmDraft, ObjectType, Sensitive, System,
    TenantId,
};
use sync_domain::ports::{Claim, QueuedPush, RemoteEffect, StoreError};

use super::expression::Key;
use super::item::{
    ENTITY_QUEUED_PUSH, Item, millis, number, queued_sk, refused_sk, tenant_pk, text, text_of,
    timestamp_of,
};

/// Where a waiting push stands.
pub fn queued_key(push: &QueuedPush) -> Key {
    let sk = queued_sk(push.system, &push.record, push.queued_at, &push.key);
    Key { pk: tenant_pk(&push.tenant), sk }
}

/// Where a push stands that was given up.
pub fn refused_key(tenant: &TenantId, system: System, record: &RecordKey, key: &ClaimKey) -> Key {
    Key { pk: tenant_pk(tenant), sk: refused_sk(system, record, key) }
}

/// The push that a claim becomes when it has to wait.
pub fn push_of(claim: &Claim, effect: RemoteEffect, queued_at: Timestamp) -> QueuedPush {
    QueuedPush {
        tenant: claim.tenant.clone(),
        system: claim.system,
        key: claim.key.clone(),
        record: claim.record.clone(),
        fingerprint: claim.fingerprint.clone(),
        draft: claim.draft.clone(),
        correlation_id: claim.correlation_id.clone(),
        started_at: claim.started_at,
        queued_at,
        effect,
        tries: 0,
    }
}

/// The push as an item, without its key.
pub fn item_of(push: &QueuedPush) -> Item {
    let wanted = push
        .draft
        .attributes
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), text(value)))
        .collect();
    let associations =
        push.draft.associations.iter().map(|it| text(it.to_stored())).collect::<Vec<_>>();
    Item::from([
        ("entity".to_owned(), text(ENTITY_QUEUED_PUSH)),
        ("record_key".to_owned(), text(push.record.as_str())),
        ("claim_key".to_owned(), text(push.key.as_str())),
        ("fingerprint".to_owned(), text(push.fingerprint.as_str())),
        ("type".to_owned(), text(push.draft.object_type.as_str())),
        ("natural_key".to_owned(), text(push.draft.natural_key.expose())),
        ("wanted".to_owned(), AttributeValue::M(wanted)),
        ("associations".to_owned(), AttributeValue::L(associations)),
        ("correlation_id".to_owned(), text(push.correlation_id.as_str())),
        ("started_at_ms".to_owned(), millis(push.started_at)),
        ("queued_at_ms".to_owned(), millis(push.queued_at)),
        ("is_unresolved".to_owned(), AttributeValue::Bool(push.effect == RemoteEffect::Unknown)),
        ("tries".to_owned(), number(push.tries)),
    ])
}

/// Reads an item.
pub fn push_from(tenant: &TenantId, system: System, item: &Item) -> Result<QueuedPush, StoreError> {
    let read = || {
        let object_type = ObjectType::parse(text_of(item, "type")?)?;
        let associations = item.get("associations")?.as_l().ok()?.iter();
        let is_unresolved = *item.get("is_unresolved")?.as_bool().ok()?;
        Some(QueuedPush {
            tenant: tenant.clone(),
            system,
            key: ClaimKey::from_stored(text_of(item, "claim_key")?),
            record: RecordKey::from_stored(text_of(item, "record_key")?),
            fingerprint: Fingerprint::from_stored(text_of(item, "fingerprint")?),
            draft: CrmDraft {
                object_type,
                natural_key: Sensitive::new(text_of(item, "natural_key")?.to_owned()),
                attributes: attributes_of(item)?,
                associations: associations
                    .map(|it| Association::from_stored(it.as_s().ok()?))
                    .collect::<Option<_>>()?,
            },
            correlation_id: CorrelationId::parse(text_of(item, "correlation_id")?)?,
            started_at: timestamp_of(item, "started_at_ms")?,
            queued_at: timestamp_of(item, "queued_at_ms")?,
            effect: if is_unresolved { RemoteEffect::Unknown } else { RemoteEffect::None },
            tries: item.get("tries")?.as_n().ok()?.parse().ok()?,
        })
    };
    read().ok_or(StoreError::Malformed("a waiting push"))
}

fn attributes_of(item: &Item) -> Option<Attributes> {
    let wanted = item.get("wanted")?.as_m().ok()?.iter();
    wanted
        .map(|(name, value)| Some((AttributeName::parse(name)?, value.as_s().ok()?.clone())))
        .collect()
}
