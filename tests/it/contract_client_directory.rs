//! One suite for clients that are written with bookings and looked up, run against the fake and
//! against the table of the local cloud in `e2e_table_contract`.

use futures::future::join_all;
use sync_domain::keys::{BlockKey, IdentifierKey};
use sync_domain::model::{
    BlockEntry, BlockWrite, ClientBlock, ClientId, ClientWrite, ComparedName, Person,
};
use sync_domain::ports::BookingOutcome::{ClientsChanged, Overtaken, Stored};
use sync_domain::ports::{
    BookingOutcome, BookingStore, BookingWrite, ClientDirectory, ClientLookup, FoundClients,
    StoreError,
};
use sync_testkit::MemoryBookings;
use uuid::Uuid;

use crate::contract_booking_store::{Bench, at, next};

/// Identifiers of one client, two of which are more than one read takes.
const IDENTIFIERS: usize = 60;

fn identifier(name: &str) -> IdentifierKey {
    IdentifierKey::from_stored(format!("identifier-{name}"))
}

fn block_key() -> BlockKey {
    BlockKey::from_stored("block-1")
}

fn entry(client: &ClientId, email: Option<&str>) -> BlockEntry {
    BlockEntry {
        client: client.clone(),
        name: ComparedName::new("ada lovelace"),
        email: email.map(identifier),
        phone: None,
    }
}

/// A new client with one identifier, and its entry in the block.
fn newcomer(email: &str, block: Option<BlockWrite>) -> ClientWrite {
    ClientWrite {
        client: ClientId::new(Uuid::new_v4().to_string()),
        new: Some(Person { first_name: Some("Ada".to_owned()), ..Person::default() }),
        identifiers: vec![identifier(email)],
        blocks: block.into_iter().collect(),
    }
}

fn block_write(seen: u64, entries: Vec<BlockEntry>) -> BlockWrite {
    BlockWrite { key: block_key(), seen, entries }
}

async fn look_up<S>(bench: &Bench<'_, S>, names: &[&str]) -> FoundClients
where
    S: ClientDirectory,
{
    let identifiers = names.iter().map(|name| identifier(name)).collect();
    let lookup = ClientLookup { identifiers, blocks: [block_key()].into() };
    bench.store.look_up(&bench.tenant, &lookup).await.unwrap()
}

async fn client_is_found_by_all_that_leads_to_it<S>(bench: Bench<'_, S>)
where
    S: BookingStore + ClientDirectory,
{
    assert_eq!(look_up(&bench, &["a"]).await, FoundClients::default());
    let mut write = newcomer("a", None);
    let other =
        BlockEntry { phone: Some(identifier("p")), ..entry(&ClientId::new("somebody-else"), None) };
    let entries = vec![other, entry(&write.client, Some("a"))];
    write.blocks = vec![block_write(0, entries.clone())];
    let version = bench.first("1");
    assert_eq!(bench.write(&version, None, Some(write.clone())).await, Stored);
    let found = look_up(&bench, &["a", "b"]).await;
    assert_eq!(found.identifiers, [(identifier("a"), write.client)].into());
    assert_eq!(found.blocks, [(block_key(), ClientBlock { revision: 1, entries })].into());
    assert_eq!(bench.found("1").await, Some(version.stored));
    let elsewhere = Bench::new(bench.store);
    assert_eq!(look_up(&elsewhere, &["a"]).await, FoundClients::default());
}

async fn booking_and_client_are_written_together_or_not_at_all<S>(bench: Bench<'_, S>)
where
    S: BookingStore + ClientDirectory,
{
    let first = newcomer("a", Some(block_write(0, Vec::new())));
    assert_eq!(bench.write(&bench.first("1"), None, Some(first.clone())).await, Stored);
    let before = look_up(&bench, &["a", "b", "c"]).await;
    let taken = ClientWrite {
        identifiers: vec![identifier("b"), identifier("a")],
        blocks: vec![block_write(1, Vec::new())],
        ..newcomer("a", None)
    };
    assert_eq!(bench.write(&bench.first("2"), None, Some(taken)).await, ClientsChanged);
    for seen in [0, 2] {
        let stale = newcomer("c", Some(block_write(seen, Vec::new())));
        assert_eq!(bench.write(&bench.first("2"), None, Some(stale)).await, ClientsChanged);
    }
    assert_eq!(bench.found("2").await, None);
    let stored = bench.found("1").await.unwrap();
    let mut late = next(&bench.first("1"));
    late.stored.version = 1;
    let with_client = newcomer("c", Some(block_write(1, Vec::new())));
    let outcome = bench.write(&late, None, Some(with_client.clone())).await;
    assert_eq!(outcome, Overtaken(Some(Box::new(stored))));
    let both = ClientWrite { identifiers: vec![identifier("a")], ..with_client };
    let outcome = bench.write(&late, None, Some(both)).await;
    assert!(matches!(outcome, Overtaken(Some(_))), "the booking speaks first: {outcome:?}");
    assert_eq!(look_up(&bench, &["a", "b", "c"]).await, before);
}

async fn same_write_changes_clients_once<S>(bench: Bench<'_, S>)
where
    S: BookingStore + ClientDirectory,
{
    let write = newcomer("a", Some(block_write(0, Vec::new())));
    for _time in 0..2 {
        assert_eq!(bench.write(&bench.first("1"), None, Some(write.clone())).await, Stored);
    }
    assert_eq!(look_up(&bench, &[]).await.blocks[&block_key()].revision, 1);
}

async fn match_adds_what_leads_to_an_existing_client<S>(bench: Bench<'_, S>)
where
    S: BookingStore + ClientDirectory,
{
    let first = newcomer("a", Some(block_write(0, Vec::new())));
    let client = first.client.clone();
    assert_eq!(bench.write(&bench.first("1"), None, Some(first)).await, Stored);
    let entries = vec![entry(&client, Some("a"))];
    let learned = ClientWrite {
        client: client.clone(),
        new: None,
        identifiers: vec![identifier("p")],
        blocks: vec![block_write(1, entries.clone())],
    };
    let second = next(&bench.first("1"));
    assert_eq!(bench.write(&second, Some(1), Some(learned)).await, Stored);
    let found = look_up(&bench, &["a", "p"]).await;
    let expected = [(identifier("a"), client.clone()), (identifier("p"), client)];
    assert_eq!(found.identifiers, expected.into());
    assert_eq!(found.blocks[&block_key()], ClientBlock { revision: 2, entries });
}

/// A transaction in the way of another is asked for again, as the use case does.
async fn patiently<S>(bench: &Bench<'_, S>, id: &str, client: ClientWrite) -> BookingOutcome
where
    S: BookingStore,
{
    let write = BookingWrite { version: bench.first(id), seen: None, client: Some(client) };
    for _try in 0..100 {
        match bench.store.store(&write).await {
            Err(StoreError::Conflict) => tokio::task::yield_now().await,
            settled => return settled.unwrap(),
        }
    }
    panic!("always a conflict");
}

async fn one_person_is_made_once_by_many_at_a_time<S>(bench: Bench<'_, S>)
where
    S: BookingStore + ClientDirectory,
{
    let clients: Vec<_> = (0..8).map(|_| newcomer("a", Some(block_write(0, Vec::new())))).collect();
    let ids: Vec<_> = (0..clients.len()).map(|number| number.to_string()).collect();
    let writes = ids.iter().zip(&clients).map(|(id, it)| patiently(&bench, id, it.clone()));
    let outcomes = join_all(writes).await;
    let winner = outcomes.iter().position(|outcome| *outcome == Stored).unwrap();
    let losers = outcomes.iter().filter(|outcome| **outcome == ClientsChanged).count();
    assert_eq!(losers, outcomes.len() - 1, "{outcomes:?}");
    let found = look_up(&bench, &["a"]).await;
    assert_eq!(found.identifiers[&identifier("a")], clients[winner].client);
    for (index, id) in ids.iter().enumerate() {
        assert_eq!(bench.found(id).await.is_some(), index == winner, "{id}");
    }
}

async fn more_is_looked_up_than_one_read_takes<S>(bench: Bench<'_, S>)
where
    S: BookingStore + ClientDirectory,
{
    let mut expected = Vec::new();
    for id in ["1", "2"] {
        let names = (0..IDENTIFIERS).map(|number| identifier(&format!("{id}-{number}")));
        let write = ClientWrite { identifiers: names.collect(), ..newcomer("x", None) };
        expected.extend(write.identifiers.iter().map(|key| (key.clone(), write.client.clone())));
        let mut version = bench.first(id);
        version.synced_at = at(1);
        assert_eq!(bench.write(&version, None, Some(write)).await, Stored);
    }
    let identifiers = expected.iter().map(|(key, _)| key.clone()).collect();
    let lookup = ClientLookup { identifiers, ..ClientLookup::default() };
    let found = bench.store.look_up(&bench.tenant, &lookup).await.unwrap();
    assert_eq!(found.identifiers, expected.into_iter().collect());
    let nothing = bench.store.look_up(&bench.tenant, &ClientLookup::default()).await.unwrap();
    assert_eq!(nothing, FoundClients::default());
}

pub async fn whole_suite<S>(store: &S)
where
    S: BookingStore + ClientDirectory,
{
    let bench = || Bench::new(store);
    client_is_found_by_all_that_leads_to_it(bench()).await;
    booking_and_client_are_written_together_or_not_at_all(bench()).await;
    same_write_changes_clients_once(bench()).await;
    match_adds_what_leads_to_an_existing_client(bench()).await;
    one_person_is_made_once_by_many_at_a_time(bench()).await;
    more_is_looked_up_than_one_read_takes(bench()).await;
}

#[tokio::test]
async fn memory_bookings_keep_the_contract_of_clients() {
    whole_suite(&MemoryBookings::default()).await;
}
