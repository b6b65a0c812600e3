//! How the CRM in memory answers: it gives way before and after its effect, and fails as it was told.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use sync_domain::gate::RateLimit;
use sync_domain::model::{AttributeName, CrmDraft, ExternalId, InvalidField};
use sync_domain::ports::{
    Called, Checked, Connection, CrmGateway, ProviderError, Quota, RateLimits, RemoteRecord,
    Wanted, Written,
};

use crate::gateway::{GatewayFault, ScriptedGateway, name_of};

const fn one_call<T>(value: T, quota: Option<Quota>) -> Called<T> {
    Called { value, calls: 1, rate: None, quota }
}

impl RateLimits for ScriptedGateway {
    fn default_limit(&self, _connection: &Connection) -> RateLimit {
        RateLimit { max: 1_000, window: Duration::from_secs(10) }
    }
}

#[async_trait]
impl CrmGateway for ScriptedGateway {
    fn check(
        &self,
        _connection: &Connection,
        draft: &CrmDraft,
        _now: Timestamp,
    ) -> Result<Checked, InvalidField> {
        let stage = draft.attributes.get(AttributeName::Stage);
        let state = self.state();
        match (stage, &state.stages) {
            (None, _) | (Some(_), None) => Ok(Checked::Passed),
            (Some(_), Some(_)) if !state.is_refreshed => Ok(Checked::Unsure),
            (Some(stage), Some(stages)) if stages.contains(stage) => Ok(Checked::Passed),
            (Some(_), Some(_)) => Err(InvalidField::new("attributes.stage", "is not there")),
        }
    }

    async fn refresh(
        &self,
        _connection: &Connection,
        _now: Timestamp,
    ) -> Result<Called<()>, ProviderError> {
        tokio::task::yield_now().await;
        let mut state = self.state();
        state.refreshes += 1;
        if let Some(GatewayFault::Fail(error) | GatewayFault::FailAfterEffect(error)) =
            state.faults.pop_front()
        {
            return Err(error);
        }
        state.is_refreshed = true;
        Ok(one_call((), state.quota))
    }

    async fn upsert(
        &self,
        connection: &Connection,
        wanted: &Wanted<'_>,
    ) -> Result<Called<Written>, ProviderError> {
        let Wanted { draft, known, .. } = *wanted;
        tokio::task::yield_now().await;
        let fault = {
            let mut state = self.state();
            state.knowns.push(known.cloned());
            state.faults.pop_front()
        };
        let result = match fault {
            None | Some(GatewayFault::Pass) => {
                let written = self.apply(connection, draft);
                Ok(one_call(written, self.state().quota))
            }
            Some(GatewayFault::Fail(error)) => Err(error),
            Some(GatewayFault::FailAfterEffect(error)) => {
                self.apply(connection, draft);
                Err(error)
            }
        };
        tokio::task::yield_now().await;
        result
    }

    async fn find(
        &self,
        connection: &Connection,
        wanted: &Wanted<'_>,
    ) -> Result<Called<Option<RemoteRecord>>, ProviderError> {
        let Wanted { draft, known, .. } = *wanted;
        tokio::task::yield_now().await;
        let mut state = self.state();
        state.knowns.push(known.cloned());
        state.reads += 1;
        if let Some(GatewayFault::Fail(error) | GatewayFault::FailAfterEffect(error)) =
            state.faults.pop_front()
        {
            return Err(error);
        }
        let found = state.records.get(&name_of(connection, draft));
        let found = found.map(|remote| RemoteRecord {
            external_id: ExternalId::new(remote.id.to_string()),
            attributes: remote.attributes.clone(),
            created_at: Some(remote.created_at),
            provider_version: Some(remote.updated_at),
        });
        Ok(one_call(found, state.quota))
    }

    async fn associate(
        &self,
        connection: &Connection,
        draft: &CrmDraft,
        _external_id: &ExternalId,
    ) -> Result<Called<()>, ProviderError> {
        tokio::task::yield_now().await;
        let fault = self.state().association_faults.pop_front();
        let result = match fault {
            None | Some(GatewayFault::Pass) => {
                self.apply_associations(connection, draft).map(|()| {
                    let types = draft.associations.iter().map(|it| it.object_type);
                    let calls = types.collect::<BTreeSet<_>>().len();
                    Called {
                        value: (),
                        calls: u32::try_from(calls).unwrap_or(u32::MAX),
                        rate: None,
                        quota: self.state().quota,
                    }
                })
            }
            Some(GatewayFault::Fail(error)) => Err(error),
            Some(GatewayFault::FailAfterEffect(error)) => {
                self.apply_associations(connection, draft).and(Err(error))
            }
        };
        tokio::task::yield_now().await;
        result
    }
}
