//! Who is calling: the claims that API Gateway's JWT authorizer has verified.
//!
//! The gateway checks signature, issuer, audience, expiry and scope before a function runs. The
//! function checks the scope again, because a route may lose its authorizer by a slip in a template,
//! and takes the tenant from nowhere else.

use std::collections::HashMap;

use sync_domain::model::TenantId;

use crate::problem::{ErrorCode, Problem};

/// Verified claims of a token, empty when there was none.
#[derive(Debug, Clone, Default)]
pub struct Claims(HashMap<String, String>);

impl Claims {
    /// Claims as the gateway passes them on: all values as text.
    pub const fn new(claims: HashMap<String, String>) -> Self {
        Self(claims)
    }

    /// The tenant of a token that carries `scope`. `tenant_claim` is the name of the claim
    /// (`TENANT_CLAIM`).
    ///
    /// # Errors
    /// 401 without a usable tenant, 403 without the scope.
    pub fn tenant_with_scope(&self, tenant_claim: &str, scope: &str) -> Result<TenantId, Problem> {
        let tenant = self.0.get(tenant_claim).and_then(|text| TenantId::parse(text));
        let tenant = tenant.ok_or(Problem::new(ErrorCode::Unauthorized))?;
        // `scope` is the standard's name; some issuers send `scp`.
        let scopes = ["scope", "scp"].into_iter().find_map(|name| self.0.get(name));
        let is_granted = scopes.is_some_and(|scopes| is_listed(scopes, scope));
        if is_granted { Ok(tenant) } else { Err(ErrorCode::MissingScope.into()) }
    }
}

/// Whether a list holds a scope: separated by spaces, and in brackets where the claim was an array.
fn is_listed(scopes: &str, wanted: &str) -> bool {
    let scopes = scopes.trim_start_matches('[').trim_end_matches(']');
    scopes.split([' ', ',']).any(|scope| scope.trim_matches('"') == wanted)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::Claims;
    use crate::problem::ErrorCode;

    fn refusal(claims: &[(&str, &str)]) -> Option<ErrorCode> {
        let claims: HashMap<_, _> =
            claims.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Claims::new(claims).tenant_with_scope("tenant_id", "crm:write").err().map(|it| it.code)
    }

    #[test]
    fn claims_give_a_tenant_only_with_the_whole_scope() {
        for scopes in ["crm:write", "booking:import crm:write", "[booking:import crm:write]"] {
            assert_eq!(refusal(&[("tenant_id", "acme"), ("scope", scopes)]), None, "{scopes}");
        }
        for scopes in ["", "crm:writer", "crm:read", "xcrm:write"] {
            let refused = refusal(&[("tenant_id", "acme"), ("scope", scopes)]);
            assert_eq!(refused, Some(ErrorCode::MissingScope), "{scopes}");
        }
    }

    #[test]
    fn claims_without_a_usable_tenant_are_no_login() {
        for tenant in ["", "*", "acme globex", "acme#1"] {
            let refused = refusal(&[("tenant_id", tenant), ("scope", "crm:write")]);
            assert_eq!(refused, Some(ErrorCode::Unauthorized), "{tenant}");
        }
        assert_eq!(refusal(&[("scope", "crm:write")]), Some(ErrorCode::Unauthorized));
    }
}
