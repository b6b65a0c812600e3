//! Publishing on fakes: batches, single refusals, a bus that is down, stable ids.

use jiff::Timestamp;
use sync_domain::event::Change;
use sync_domain::keys::RecordKey;
use sync_domain::model::{
    AttributeName, Attributes, CorrelationId, Differences, ExternalId, ObjectType, Origin,
    SyncedRecord, System, TenantId, VersionChange,
};
use sync_domain::pseudonym::Pseudonymiser;
use sync_domain::usecase::publish_changes::{PositionedChange, publish_changes};
use sync_testkit::RecordingBus;

fn change(number: usize, version: u64) -> PositionedChange {
    let attributes: Attributes = [
        (AttributeName::Email, "ada@example.com".to_owned()),
        (AttributeName::Company, "Engines".to_owned()),
    ]
    .into_iter()
    .collect();
    let record = SyncedRecord {
        tenant: TenantId::parse("acme").unwrap(),
        system: System::Hubspot,
        object_type: ObjectType::Contact,
        key: RecordKey::from_stored(format!("{number:064x}")),
        version,
        change: VersionChange::Created,
        origin: Origin::Platform,
        merged_into: None,
        external_id: ExternalId::new(number.to_string()),
        attributes,
        differences: Differences {
            attributes: [AttributeName::Email, AttributeName::Company].into(),
            associations: false,
        },
        correlation_id: CorrelationId::parse("c-1").unwrap(),
        synced_at: Timestamp::UNIX_EPOCH,
    };
    let change = Change::RecordSynced(Box::new(record));
    PositionedChange { position: number.to_string(), change }
}

fn pseudonymiser() -> Pseudonymiser {
    Pseudonymiser::new("a-key".into())
}

#[tokio::test]
async fn publisher_sends_ten_events_per_call() {
    let bus = RecordingBus::default();
    let changes: Vec<_> = (0..23).map(|number| change(number, 1)).collect();
    assert_eq!(publish_changes(&bus, &pseudonymiser(), &changes).await, []);
    let sizes: Vec<_> = bus.calls().iter().map(Vec::len).collect();
    assert_eq!(sizes, [10, 10, 3]);
}

#[tokio::test]
async fn publisher_reports_exactly_the_events_that_the_bus_refused() {
    let bus = RecordingBus::refusing(&["3", "17"]);
    let changes: Vec<_> = (0..23).map(|number| change(number, 1)).collect();
    let unpublished = publish_changes(&bus, &pseudonymiser(), &changes).await;
    let positions: Vec<_> = unpublished.iter().map(|it| it.position.as_str()).collect();
    assert_eq!(positions, ["3", "17"]);
    assert_eq!(unpublished[0].cause, "ThrottlingException");
}

#[tokio::test]
async fn publisher_reports_every_change_when_the_bus_is_down() {
    let changes: Vec<_> = (0..12).map(|number| change(number, 1)).collect();
    let unpublished = publish_changes(&RecordingBus::down(), &pseudonymiser(), &changes).await;
    assert_eq!(unpublished.len(), 12);
}

#[tokio::test]
async fn event_ids_repeat_for_the_same_version_and_differ_otherwise() {
    let bus = RecordingBus::default();
    let changes = [change(1, 1), change(1, 1), change(1, 2), change(2, 1)];
    publish_changes(&bus, &pseudonymiser(), &changes).await;
    let calls = bus.calls();
    let ids: Vec<_> = calls[0].iter().map(|event| event.event_id.as_str()).collect();
    assert_eq!(ids[0], ids[1]);
    assert!(ids[0] != ids[2] && ids[0] != ids[3] && ids[2] != ids[3]);
}

#[tokio::test]
async fn event_has_tokens_in_place_of_personal_data() {
    let bus = RecordingBus::default();
    publish_changes(&bus, &pseudonymiser(), &[change(1, 1)]).await;
    let detail = bus.calls()[0][0].detail.clone();
    assert!(!detail.to_string().contains("ada@"), "{detail}");
    assert!(detail["tokens"]["email"].as_str().is_some_and(|token| token.len() == 32));
    assert_eq!(detail["changed_attributes"], serde_json::json!(["email", "company"]));
}
