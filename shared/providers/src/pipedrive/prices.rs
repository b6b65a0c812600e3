//! What a call costs of an account's daily tokens: the one place with the prices.
//!
//! Source: `x-token-cost` of each operation in Pipedrive's specifications (v2 and v1 as of
//! 2026-08-18). The smallest plan has 30,000 tokens a day for each seat, shared by all integrations of
//! the company (pipedrive.readme.io, "Rate limiting", copy of October 2025).

/// One record by its id.
const READ_ONE: u32 = 1;
/// A page of records, also up to 100 by their ids.
const LIST: u32 = 10;
/// A page of archived deals.
const LIST_ARCHIVED: u32 = 20;
/// Any search.
const SEARCH: u32 = 20;
/// Creating or changing a record.
const WRITE: u32 = 5;
/// The stages of all pipelines.
const STAGES: u32 = 5;
/// A page of the definitions of fields.
const FIELDS: u32 = 10;
/// Making a field.
const NEW_FIELD: u32 = 5;
/// Whose token it is.
const OWN_USER: u32 = 2;
/// Listing the webhooks, or making one.
const WEBHOOK: u32 = 10;
/// Deleting a webhook.
const DELETE_WEBHOOK: u32 = 6;

/// The tokens of a call by its method and its path, from `/api/` on, without a query; `None` for a
/// call that this module does not make.
pub fn token_price(method: &str, path: &str) -> Option<u32> {
    let (_host, path) = path.split_once("/api/")?;
    let path: Vec<&str> = path.split('/').collect();
    let is_id = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let price = match (method, path.as_slice()) {
        ("GET", ["v2", "deals", "archived"]) => LIST_ARCHIVED,
        ("GET", ["v2", "persons", "search"] | ["v2", "itemSearch", "field"]) => SEARCH,
        ("GET", ["v2", "persons" | "organizations" | "deals"]) => LIST,
        ("POST", ["v2", "persons" | "organizations" | "deals"]) => WRITE,
        ("GET", ["v2", "persons" | "organizations" | "deals", id]) if is_id(id) => READ_ONE,
        ("PATCH", ["v2", "persons" | "organizations" | "deals", id]) if is_id(id) => WRITE,
        ("GET", ["v2", "stages"]) => STAGES,
        ("GET", ["v2", "personFields" | "organizationFields" | "dealFields"]) => FIELDS,
        ("POST", ["v2", "personFields" | "organizationFields" | "dealFields"]) => NEW_FIELD,
        ("GET", ["v1", "users", "me"]) => OWN_USER,
        ("GET" | "POST", ["v1", "webhooks"]) => WEBHOOK,
        ("DELETE", ["v1", "webhooks", id]) if is_id(id) => DELETE_WEBHOOK,
        _ => return None,
    };
    Some(price)
}

#[cfg(test)]
mod tests {
    use super::token_price;

    #[test]
    fn token_price_is_known_for_calls_of_this_module_alone() {
        assert_eq!(token_price("GET", "https://acme.pipedrive.com/api/v2/persons/17"), Some(1));
        assert_eq!(token_price("GET", "/api/v2/persons/search"), Some(20));
        assert_eq!(token_price("GET", "/api/v2/deals/archived"), Some(20));
        assert_eq!(token_price("PATCH", "/api/v2/deals/17"), Some(5));
        assert_eq!(token_price("DELETE", "/api/v1/webhooks/3"), Some(6));
        for (method, path) in [
            ("PUT", "/api/v2/persons/17"),
            ("GET", "/api/v2/persons/17/followers"),
            ("GET", "/api/v1/persons"),
            ("GET", "/v2/persons"),
        ] {
            assert_eq!(token_price(method, path), None, "{method} {path}");
        }
    }
}
