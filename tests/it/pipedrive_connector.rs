//! Connecting a Pipedrive account: whose token it is, and the steps of OAuth.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sync_domain::ports::{
    AccountAccess, AccountConnector, AccountDetails, AuthMode, GrantError, HookAddress, HookSecret,
    OauthApp, ProviderError,
};

use crate::support::pipedrive::{access, connector, success};
use crate::support::vendor_server::VendorServer;

fn app() -> OauthApp {
    OauthApp {
        client_id: "app-1".to_owned(),
        client_secret: "app secret".into(),
        previous_client_secret: None,
        redirect_uri: "https://platform.example.com/callback".to_owned(),
        scopes: Vec::new(),
        is_public: false,
        code_verifier: None,
    }
}

fn tokens(server: &VendorServer, domain: &str) -> Value {
    let api_domain = format!("{}/{domain}", server.base_url);
    json!({"access_token": "at", "refresh_token": "rt", "token_type": "Bearer",
        "expires_in": 3600, "scope": "base,contacts:full", "api_domain": api_domain})
}

#[tokio::test]
async fn account_is_the_company_of_the_token() {
    for auth in [AuthMode::ApiToken, AuthMode::Oauth] {
        let server = VendorServer::start().await;
        let user = json!({"id": 1, "company_id": 54235233, "company_domain": "Acme",
            "timezone_name": "Europe/Berlin", "email": "me@example.com"});
        server.will_answer(200, success(user));
        let details = connector(&server).account(&access(auth)).await.unwrap();
        // The zone is the user's, and the tokens of the day go by the server's.
        let expected = AccountDetails {
            account_id: "54235233".to_owned(),
            also: vec![],
            time_zone: None,
            gaps: vec![],
        };
        assert_eq!(details, expected);
        let asked = server.asked().remove(0);
        assert_eq!(asked.line, "GET /acme/api/v1/users/me");
        let is_oauth = auth == AuthMode::Oauth;
        assert_eq!(asked.header("authorization"), if is_oauth { "Bearer token" } else { "" });
        assert_eq!(asked.header("x-api-token"), if is_oauth { "" } else { "token" });
    }
}

#[tokio::test]
async fn account_of_another_company_than_the_tenant_named_is_refused() {
    let server = VendorServer::start().await;
    server.will_answer(200, success(json!({"company_id": 7, "company_domain": "other"})));
    let error = connector(&server).account(&access(AuthMode::ApiToken)).await.unwrap_err();
    let field = Some("domain".to_owned());
    assert_eq!(error, ProviderError::Rejected { vendor_code: None, field });
    for body in ["<html>", "{}", "{\"success\":true,\"data\":{\"company_id\":0}}"] {
        server.will_answer(200, body);
        let error = connector(&server).account(&access(AuthMode::ApiToken)).await.unwrap_err();
        assert!(matches!(error, ProviderError::Unavailable { .. }), "{body}");
    }
    server.will_answer(401, json!({"success": false, "error": "unauthorized access"}));
    let error = connector(&server).account(&access(AuthMode::ApiToken)).await.unwrap_err();
    assert_eq!(error, ProviderError::Unauthorized);
}

#[tokio::test]
async fn domain_that_a_tenant_wrote_leads_to_no_other_host() {
    let server = VendorServer::start().await;
    let connector = connector(&server);
    assert_eq!(connector.account_domain(" Acme-1 ").as_deref(), Some("acme-1"));
    for given in [
        "https://acme.pipedrive.com",
        "acme.pipedrive.com",
        "169.254.169.254/latest",
        "evil.com#",
        "evil.com/",
        "user@evil.com",
        "acme/../other",
        "acme?x",
        "acme:80",
        "[::1]",
        "",
    ] {
        assert_eq!(connector.account_domain(given), None, "{given}");
        let access = AccountAccess { domain: Some(given.to_owned()), ..access(AuthMode::ApiToken) };
        let error = connector.account(&access).await.unwrap_err();
        assert_eq!(error, ProviderError::Unauthorized, "{given}");
    }
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn code_is_exchanged_with_the_apps_credentials_in_the_header() {
    let server = VendorServer::start().await;
    server.will_answer(200, tokens(&server, "acme"));
    let exchanged = connector(&server).exchange(&app(), &"the code".into()).await.unwrap();
    assert_eq!(exchanged.access_token.expose_secret(), "at");
    assert_eq!(exchanged.domain.as_deref(), Some("acme"));
    let asked = server.asked().remove(0);
    assert_eq!(asked.line, "POST /_oauth/oauth/token");
    let basic = format!("Basic {}", STANDARD.encode("app-1:app secret"));
    assert_eq!(asked.header("authorization"), basic);
    assert_eq!(asked.header("content-type"), "application/x-www-form-urlencoded");
    let form = "grant_type=authorization_code&code=the+code&\
        redirect_uri=https%3A%2F%2Fplatform.example.com%2Fcallback";
    assert_eq!(asked.text, form);
    server.will_answer(200, tokens(&server, "acme-new"));
    let refreshed = connector(&server).refresh(&app(), &"rt".into()).await.unwrap();
    assert_eq!(refreshed.domain.as_deref(), Some("acme-new"), "companies change their domain");
    assert_eq!(server.asked().remove(0).text, "grant_type=refresh_token&refresh_token=rt");
}

#[tokio::test]
async fn tokens_of_a_foreign_host_are_refused_and_never_sent_there() {
    let server = VendorServer::start().await;
    let elsewhere = VendorServer::start().await;
    for api_domain in [
        format!("{}/acme", elsewhere.base_url),
        format!("{}/acme@evil.com", server.base_url),
        format!("{}/acme/../other", server.base_url),
        "https://acme.pipedrive.com.evil.com".to_owned(),
    ] {
        let mut answer = tokens(&server, "acme");
        answer["api_domain"] = api_domain.clone().into();
        server.will_answer(200, &answer).will_answer(200, &answer);
        let error = connector(&server).exchange(&app(), &"code".into()).await.unwrap_err();
        assert_eq!(error, GrantError::AppRefused, "{api_domain}");
        let error = connector(&server).refresh(&app(), &"rt".into()).await.unwrap_err();
        assert_eq!(error, GrantError::AppRefused, "{api_domain}");
    }
    assert!(elsewhere.asked().is_empty());
}

#[tokio::test]
async fn consent_page_is_the_vendors_with_the_state() {
    let server = VendorServer::start().await;
    let connector = connector(&server);
    let url = connector.authorize_url(&app(), "st&ate");
    let expected = "/_oauth/oauth/authorize?client_id=app-1&\
        redirect_uri=https%3A%2F%2Fplatform.example.com%2Fcallback&state=st%26ate";
    assert_eq!(url, format!("{}{expected}", server.base_url));
    assert_eq!(connector.auth_modes(), [AuthMode::ApiToken, AuthMode::Oauth]);
    assert_eq!(connector.hook_address(), HookAddress::Registered);
    assert_eq!(connector.hook_secret(), HookSecret::Drawn);
    assert_eq!(connector.keyed_types().len(), 3);
}
