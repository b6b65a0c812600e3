//! Paths and what they lead to.

use super::{Operation, Route, RouteError, TokenCall, parse};
use http::Method;

fn operation(method: &Method, path: &str) -> Result<Operation, RouteError> {
    parse(method, path).map(|route| match route {
        Route::Objects { operation, .. } => operation,
        Route::Properties { .. }
        | Route::Pipelines(..)
        | Route::AccountDetails
        | Route::Tokens(_) => panic!("not an object route"),
    })
}

fn template(method: &Method, path: &str) -> Result<String, RouteError> {
    parse(method, path).map(|route| route.template())
}

#[test]
fn parse_knows_dated_legacy_and_type_id_paths() {
    for path in [
        "/crm/objects/2026-03/contacts/batch/upsert",
        "/crm/objects/2026-09/0-1/batch/upsert",
        "/crm/objects/2026-09-beta/contact/batch/upsert",
        "/crm/v3/objects/contacts/batch/upsert",
    ] {
        assert_eq!(operation(&Method::POST, path), Ok(Operation::BatchUpsert), "{path}");
    }
}

#[test]
fn parse_decodes_the_id_once() {
    let path = "/crm/objects/2026-03/contacts/a%2Bb%40x.io";
    assert_eq!(operation(&Method::GET, path), Ok(Operation::Read("a+b@x.io".to_owned())));
}

#[test]
fn parse_refuses_other_versions_types_and_methods() {
    for path in [
        "/crm/objects/2026-04/contacts",
        "/crm/v4/objects/contacts",
        "/crm/v3/objects/contacts/1/associations/companies",
        "/crm/v4/properties/deals",
        "/crm/objects/2026-03",
        "/oauth/v2/token",
        "/",
        "/crm",
    ] {
        assert_eq!(template(&Method::GET, path), Err(RouteError::NotFound), "{path}");
    }
    for (method, path) in [
        (Method::GET, "/crm/objects/2026-03/contacts/search"),
        (Method::PUT, "/crm/v3/objects/contacts/1"),
        (Method::GET, "/oauth/2026-03/token"),
        (Method::POST, "/crm/objects/2026-03/deals/1/associations/companies/2"),
        (Method::PUT, "/crm/properties/2026-03/deals"),
    ] {
        assert_eq!(template(&method, path), Err(RouteError::MethodNotAllowed), "{path}");
    }
    let erase_of_a_deal = "/crm/objects/2026-03/deals/gdpr-delete";
    assert!(operation(&Method::POST, erase_of_a_deal).is_err());
}

#[test]
fn template_names_every_kind_of_route() {
    for (method, path, expected) in [
        (
            Method::PUT,
            "/crm/objects/2026-03/contact/5/associations/default/0-2/7",
            "/crm/objects/{version}/contacts/{id}/associations/default/companies/{id}",
        ),
        (
            Method::POST,
            "/crm/v4/associations/deals/contacts/batch/read",
            "/crm/v4/associations/deals/contacts/batch/read",
        ),
        (
            Method::POST,
            "/crm/associations/2026-03/deals/contacts/batch/associate/default",
            "/crm/associations/{version}/deals/contacts/batch/associate/default",
        ),
        (Method::GET, "/crm/v3/properties/0-3/amount", "/crm/v3/properties/deals/{name}"),
        (Method::GET, "/crm/pipelines/2026-03/deals", "/crm/pipelines/{version}/deals"),
        (
            Method::POST,
            "/crm/objects/2026-03/0-1/gdpr-delete",
            "/crm/objects/{version}/contacts/gdpr-delete",
        ),
    ] {
        assert_eq!(template(&method, path), Ok(expected.to_owned()), "{path}");
    }
    for version in ["v1", "v3", "2026-03", "2026-09"] {
        let path = format!("/oauth/{version}/token");
        assert_eq!(parse(&Method::POST, &path), Ok(Route::Tokens(TokenCall::Grant)));
    }
}
