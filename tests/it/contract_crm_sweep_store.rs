//! One suite for watermarks and turns of CRM sweeps, run against the fake and against the table of the
//! local cloud in `e2e_table_contract`.

use std::time::Duration;

use jiff::Timestamp;
use sync_domain::model::{CorrelationId, System, TenantId};
use sync_domain::ports::{CrmSweepStore, SWEEP_TURN, SweepOf, SweepTurn, SweepWatermark};
use sync_testkit::MemoryCrmSweeps;
use uuid::Uuid;

const NOW: Timestamp = Timestamp::constant(1_790_000_000, 0);
const MINUTE: Duration = Duration::from_secs(60);

/// A tenant of its own at a store.
struct Bench<'a> {
    store: &'a dyn CrmSweepStore,
    tenant: TenantId,
}

impl<'a> Bench<'a> {
    fn new(store: &'a dyn CrmSweepStore) -> Self {
        let tenant = TenantId::parse(&format!("contract-{}", Uuid::new_v4().simple())).unwrap();
        Self { store, tenant }
    }

    async fn turn_at(&self, system: System, sweep: &str, at: Timestamp) -> SweepTurn {
        let sweep = CorrelationId::parse(sweep).unwrap();
        let of = SweepOf { tenant: &self.tenant, system, sweep: &sweep };
        self.store.take_turn(of, at).await.unwrap()
    }

    async fn turn(&self, sweep: &str, at: Timestamp) -> SweepTurn {
        self.turn_at(System::Pipedrive, sweep, at).await
    }

    async fn complete(&self, sweep: &str, watermark: &SweepWatermark) {
        let sweep = CorrelationId::parse(sweep).unwrap();
        let of = SweepOf { tenant: &self.tenant, system: System::Pipedrive, sweep: &sweep };
        self.store.complete(of, watermark).await.unwrap();
    }

    async fn leave(&self, sweep: &str) {
        let sweep = CorrelationId::parse(sweep).unwrap();
        let of = SweepOf { tenant: &self.tenant, system: System::Pipedrive, sweep: &sweep };
        self.store.leave(of).await.unwrap();
    }
}

fn watermark(account_id: &str, swept_until: Timestamp) -> SweepWatermark {
    let completed_at = swept_until + MINUTE;
    SweepWatermark { account_id: account_id.to_owned(), swept_until, completed_at }
}

const fn first() -> SweepTurn {
    SweepTurn::Ours(None)
}

async fn turn_is_one_sweep_s_for_as_long_as_it_is_seen(bench: Bench<'_>) {
    assert_eq!(bench.turn("one", NOW).await, first());
    assert_eq!(bench.turn("two", NOW + MINUTE).await, SweepTurn::Taken);
    assert_eq!(bench.turn("one", NOW + SWEEP_TURN).await, first());
    assert_eq!(bench.turn("two", NOW + SWEEP_TURN + SWEEP_TURN).await, SweepTurn::Taken);
    assert_eq!(bench.turn("two", NOW + SWEEP_TURN + SWEEP_TURN + MINUTE).await, first());
    assert_eq!(bench.turn("one", NOW + SWEEP_TURN + SWEEP_TURN + MINUTE).await, SweepTurn::Taken);
}

async fn turn_is_given_back_by_its_sweep_alone(bench: Bench<'_>) {
    bench.leave("nobody").await;
    assert_eq!(bench.turn("one", NOW).await, first());
    bench.leave("two").await;
    assert_eq!(bench.turn("two", NOW).await, SweepTurn::Taken);
    bench.leave("one").await;
    assert_eq!(bench.turn("two", NOW).await, first());
    assert_eq!(bench.turn_at(System::Salesforce, "three", NOW).await, first());
}

async fn watermark_of_an_account_only_grows(bench: Bench<'_>) {
    let (early, late) = (watermark("77", NOW), watermark("77", NOW + MINUTE));
    bench.complete("one", &late).await;
    bench.complete("two", &early).await;
    assert_eq!(bench.turn("three", NOW).await, SweepTurn::Ours(Some(late.clone())));
    bench.complete("three", &late).await;
    let other = watermark("88", NOW);
    bench.complete("four", &other).await;
    assert_eq!(bench.turn("five", NOW).await, SweepTurn::Ours(Some(other)));
    assert_eq!(bench.turn_at(System::Salesforce, "six", NOW).await, first());
}

async fn completion_gives_the_turn_back_even_where_a_later_one_was_there(bench: Bench<'_>) {
    bench.complete("one", &watermark("77", NOW + MINUTE)).await;
    assert!(matches!(bench.turn("two", NOW).await, SweepTurn::Ours(Some(_))));
    bench.complete("one", &watermark("77", NOW)).await;
    assert_eq!(bench.turn("three", NOW).await, SweepTurn::Taken, "it was another one's");
    bench.complete("two", &watermark("77", NOW)).await;
    let expected = SweepTurn::Ours(Some(watermark("77", NOW + MINUTE)));
    assert_eq!(bench.turn("three", NOW).await, expected);
}

pub async fn whole_suite(store: &dyn CrmSweepStore) {
    let bench = || Bench::new(store);
    turn_is_one_sweep_s_for_as_long_as_it_is_seen(bench()).await;
    turn_is_given_back_by_its_sweep_alone(bench()).await;
    watermark_of_an_account_only_grows(bench()).await;
    completion_gives_the_turn_back_even_where_a_later_one_was_there(bench()).await;
}

#[tokio::test]
async fn memory_crm_sweeps_keep_the_contract() {
    whole_suite(&MemoryCrmSweeps::default()).await;
}
