//! Connecting a Square account: whose token it is, what it lets us have, and the steps of OAuth with and
//! without a secret.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sync_domain::ports::{
    AccountAccess, AccountConnector, AccountDetails, AccountGap, AuthMode, Clock, GrantError,
    HookAddress, OauthApp, OauthTokens, ProviderError,
};
use sync_providers::http::ProviderHttp;
use sync_providers::square::{SquareConnector, SquareSettings};
use sync_testkit::ManualClock;

use crate::support::vendor_server::VendorServer;

const STATUS: &str = "POST /oauth2/token/status";
const LOCATIONS: &str = "GET /v2/locations";
const PROFILE: &str = "GET /v2/bookings/business-booking-profile";
const SCOPES: [&str; 5] = [
    "APPOINTMENTS_READ",
    "APPOINTMENTS_ALL_READ",
    "CUSTOMERS_READ",
    "MERCHANT_PROFILE_READ",
    "APPOINTMENTS_BUSINESS_SETTINGS_READ",
];
const DAY: Duration = Duration::from_secs(86_400);

fn connector_at(base_url: &str) -> SquareConnector {
    let settings =
        SquareSettings { base_url: base_url.to_owned(), version: "2026-05-20".to_owned() };
    let http = ProviderHttp::new(Duration::from_secs(5)).unwrap();
    SquareConnector::new(http, settings, Arc::new(ManualClock::default()))
}

fn access() -> AccountAccess {
    AccountAccess { auth: AuthMode::Oauth, token: "EAAA-token".into(), domain: None }
}

fn status(scopes: &[&str]) -> Value {
    json!({
        "scopes": scopes, "expires_at": "2026-10-21T13:33:20Z", "client_id": "sq0idp-1",
        "merchant_id": "6SSW7HV8K2ST5",
    })
}

fn without(scope: &str) -> Vec<&'static str> {
    SCOPES.into_iter().filter(|it| *it != scope).collect()
}

fn locations() -> Value {
    json!({"locations": [
        {"id": "L1", "status": "INACTIVE", "timezone": "Europe/Paris"},
        {"id": "L2", "status": "ACTIVE", "timezone": "America/Chicago", "address": {"x": "y"}},
        {"id": "L3", "status": "ACTIVE", "timezone": "America/New_York"},
    ]})
}

fn profile(supports: Value) -> Value {
    json!({"business_booking_profile": {
        "seller_id": "6SSW7HV8K2ST5", "booking_enabled": true,
        "support_seller_level_writes": supports,
    }, "errors": []})
}

fn error(category: &str, code: &str) -> Value {
    json!({"errors": [{"category": category, "code": code, "detail": "ada@example.com", "field": "x"}]})
}

fn scope(name: &str) -> AccountGap {
    AccountGap::Scope(name.to_owned())
}

fn plan() -> AccountGap {
    AccountGap::Plan("support_seller_level_writes".to_owned())
}

/// The account of these answers, and what was asked.
async fn account_of(
    answers: &[(u16, String)],
) -> (Result<AccountDetails, ProviderError>, Vec<String>) {
    let server = VendorServer::start().await;
    for (status, body) in answers {
        server.will_answer(*status, body);
    }
    let account = connector_at(&server.base_url).account(&access()).await;
    (account, server.lines())
}

fn ok(body: &Value) -> (u16, String) {
    (200, body.to_string())
}

#[tokio::test]
async fn account_is_the_tokens_with_the_zone_of_the_first_place_in_use() {
    let server = VendorServer::start().await;
    server.will_answer(200, status(&SCOPES)).will_answer(200, locations());
    server.will_answer(200, profile(json!(true)));
    // The trailing slash of a setting is no part of an address.
    let connector = connector_at(&format!("{}/", server.base_url));
    let expected = AccountDetails {
        account_id: "6SSW7HV8K2ST5".to_owned(),
        also: vec![],
        time_zone: Some("America/Chicago".to_owned()),
        gaps: vec![],
    };
    assert_eq!(connector.account(&access()).await, Ok(expected));
    let asked = server.asked();
    let lines: Vec<_> = asked.iter().map(|it| it.line.as_str()).collect();
    assert_eq!(lines, [STATUS, LOCATIONS, PROFILE]);
    for asked in asked {
        assert_eq!(asked.header("authorization"), "Bearer EAAA-token");
        assert_eq!(asked.header("square-version"), "2026-05-20");
    }
}

#[tokio::test]
async fn each_scope_that_is_missing_is_a_gap_and_what_needs_it_is_not_asked() {
    let zone = Some("America/Chicago".to_owned());
    for name in &SCOPES[..3] {
        let answers = [ok(&status(&without(name))), ok(&locations()), ok(&profile(json!(true)))];
        let (account, lines) = account_of(&answers).await;
        let account = account.unwrap();
        assert_eq!((account.gaps, account.time_zone), (vec![scope(name)], zone.clone()), "{name}");
        assert_eq!(lines, [STATUS, LOCATIONS, PROFILE]);
    }
    let answers = [ok(&status(&without("MERCHANT_PROFILE_READ"))), ok(&profile(json!(true)))];
    let (account, lines) = account_of(&answers).await;
    let account = account.unwrap();
    assert_eq!((account.gaps, account.time_zone), (vec![scope("MERCHANT_PROFILE_READ")], None));
    assert_eq!(lines, [STATUS, PROFILE]);
    let answers = [ok(&status(&without("APPOINTMENTS_BUSINESS_SETTINGS_READ"))), ok(&locations())];
    let (account, lines) = account_of(&answers).await;
    assert_eq!(account.unwrap().gaps, [], "without it the plan can't be known");
    assert_eq!(lines, [STATUS, LOCATIONS]);
    let (account, lines) = account_of(&[ok(&status(&[]))]).await;
    assert_eq!(account.unwrap().gaps, SCOPES[..4].iter().map(|it| scope(it)).collect::<Vec<_>>());
    assert_eq!(lines, [STATUS]);
}

#[tokio::test]
async fn plan_is_a_gap_only_where_square_says_so() {
    let of_merchant = "MERCHANT_SUBSCRIPTION_ERROR";
    for ((status_code, body), gaps) in [
        (ok(&profile(json!(true))), vec![]),
        (ok(&profile(json!(false))), vec![plan()]),
        (ok(&profile(Value::Null)), vec![]),
        (ok(&profile(json!("false"))), vec![]),
        (ok(&json!({})), vec![]),
        (ok(&json!({"business_booking_profile": "none"})), vec![]),
        ((403, error(of_merchant, "MERCHANT_SUBSCRIPTION_NOT_FOUND").to_string()), vec![plan()]),
        ((402, error(of_merchant, "NEW_CODE").to_string()), vec![plan()]),
        ((403, error("AUTHENTICATION_ERROR", "INSUFFICIENT_SCOPES").to_string()), vec![]),
        ((403, error("AUTHENTICATION_ERROR", "FORBIDDEN").to_string()), vec![]),
        ((404, error("INVALID_REQUEST_ERROR", "NOT_FOUND").to_string()), vec![]),
    ] {
        let answers = [ok(&status(&SCOPES)), ok(&locations()), (status_code, body.clone())];
        let (account, _) = account_of(&answers).await;
        assert_eq!(account.unwrap().gaps, gaps, "{body}");
    }
    let both =
        [ok(&status(&without("CUSTOMERS_READ"))), ok(&locations()), ok(&profile(json!(false)))];
    assert_eq!(account_of(&both).await.0.unwrap().gaps, [scope("CUSTOMERS_READ"), plan()]);
}

#[tokio::test]
async fn zone_that_nobody_tells_is_none_and_no_reason_not_to_connect() {
    for (status_code, body) in [
        ok(&json!({})),
        ok(&json!({"locations": null})),
        ok(&json!({"locations": []})),
        ok(&json!({"locations": [{"status": "INACTIVE", "timezone": "Europe/Paris"}]})),
        ok(&json!({"locations": [{"status": "ACTIVE", "timezone": "my zone <b>"}, null]})),
        ok(&json!({"locations": [{"status": "ACTIVE"}, {"status": "ACTIVE", "timezone": 5}]})),
        (403, error("AUTHENTICATION_ERROR", "INSUFFICIENT_SCOPES").to_string()),
    ] {
        let answers =
            [ok(&status(&SCOPES)), (status_code, body.clone()), ok(&profile(json!(true)))];
        let (account, lines) = account_of(&answers).await;
        let account = account.unwrap();
        assert_eq!((account.time_zone, account.gaps), (None, vec![]), "{body}");
        assert_eq!(lines.len(), 3);
    }
}

#[tokio::test]
async fn scopes_that_can_not_be_read_are_no_gaps() {
    for scopes in [Value::Null, json!("APPOINTMENTS_READ"), json!([1]), json!({})] {
        let mut odd = status(&[]);
        odd["scopes"] = scopes.clone();
        let answers = [ok(&odd), ok(&locations()), ok(&profile(json!(true)))];
        let (account, lines) = account_of(&answers).await;
        assert_eq!((account.unwrap().gaps, lines.len()), (vec![], 3), "{scopes}");
    }
}

#[tokio::test]
async fn account_without_an_id_that_may_be_one_is_none() {
    let mut bodies = vec!["{}".to_owned(), "[]".to_owned(), "<html>".to_owned(), String::new()];
    for id in [json!(""), json!(5), json!("a#b"), json!("a/b"), json!("m".repeat(129)), Value::Null]
    {
        let mut odd = status(&SCOPES);
        odd["merchant_id"] = id;
        bodies.push(odd.to_string());
    }
    for body in bodies {
        let (account, lines) = account_of(&[(200, body.clone())]).await;
        assert!(matches!(account, Err(ProviderError::Unavailable { .. })), "{body}: {account:?}");
        assert_eq!(lines, [STATUS], "{body}");
    }
}

#[tokio::test]
async fn errors_of_each_call_are_what_is_done_about_them() {
    let auth = |code| error("AUTHENTICATION_ERROR", code).to_string();
    for (status_code, body, is_expected) in [
        (401, auth("UNAUTHORIZED"), is_unauthorized as fn(&ProviderError) -> bool),
        (401, auth("ACCESS_TOKEN_EXPIRED"), is_unauthorized),
        (401, auth("ACCESS_TOKEN_REVOKED"), is_unauthorized),
        (401, String::new(), is_unauthorized),
        (401, auth("CLIENT_DISABLED"), is_unavailable),
        (429, error("RATE_LIMIT_ERROR", "RATE_LIMITED").to_string(), is_limited),
        (500, error("API_ERROR", "INTERNAL_SERVER_ERROR").to_string(), is_unavailable),
        (503, "<html>".to_owned(), is_unavailable),
        (302, String::new(), is_unavailable),
    ] {
        let good = [ok(&status(&SCOPES)), ok(&locations()), ok(&profile(json!(true)))];
        for failing in 0..3 {
            let mut answers = good.clone();
            answers[failing] = (status_code, body.clone());
            let error = account_of(&answers).await.0.unwrap_err();
            assert!(is_expected(&error), "{status_code} {body} at {failing}: {error:?}");
            assert!(!format!("{error:?}").contains("ada@"), "{error:?}");
        }
    }
}

fn is_unauthorized(error: &ProviderError) -> bool {
    *error == ProviderError::Unauthorized
}

fn is_limited(error: &ProviderError) -> bool {
    matches!(error, ProviderError::RateLimited { .. })
}

fn is_unavailable(error: &ProviderError) -> bool {
    matches!(error, ProviderError::Unavailable { .. })
}

#[test]
fn square_is_connected_by_consent_alone_and_its_webhooks_have_one_address() {
    let connector = connector_at("https://connect.squareup.com");
    assert_eq!(connector.auth_modes(), [AuthMode::Oauth]);
    assert_eq!(connector.keyed_types(), []);
    assert_eq!(connector.hook_address(), HookAddress::Shared);
    assert_eq!(connector.account_domain("acme"), None);
}

#[test]
fn token_is_replaced_after_a_week_or_half_of_its_life() {
    let connector = connector_at("https://connect.squareup.com");
    for (lifetime, ahead) in [
        (30 * DAY, 23 * DAY),
        (14 * DAY, 7 * DAY),
        (DAY, DAY / 2),
        (Duration::from_secs(1), Duration::from_millis(500)),
        (Duration::ZERO, Duration::ZERO),
    ] {
        assert_eq!(connector.refresh_ahead(lifetime), ahead, "{lifetime:?}");
    }
}

fn app() -> OauthApp {
    OauthApp {
        client_id: "sq0idp-1".to_owned(),
        client_secret: "sq0csp-secret".into(),
        previous_client_secret: None,
        redirect_uri: "https://platform.example.com/cb?a=1&b=ü".to_owned(),
        scopes: Vec::new(),
        is_public: false,
        code_verifier: None,
    }
}

/// The verifier of RFC 7636, appendix B, and its challenge.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn public_app() -> OauthApp {
    OauthApp { is_public: true, code_verifier: Some(VERIFIER.into()), ..app() }
}

fn parameters(url: &str) -> HashMap<String, String> {
    Url::parse(url).unwrap().query_pairs().into_owned().collect()
}

#[test]
fn consent_asks_for_what_is_needed_and_nothing_in_it_can_break_out() {
    let connector = connector_at("https://connect.squareup.com");
    let state = "1790000600.n&once=#.ab+c d";
    let url = connector.authorize_url(&app(), state);
    assert!(url.starts_with("https://connect.squareup.com/oauth2/authorize?"), "{url}");
    assert!(url.is_ascii() && !url.contains('#'), "{url}");
    let given = parameters(&url);
    assert_eq!(given["client_id"], "sq0idp-1");
    assert_eq!(given["scope"], SCOPES.join(" "));
    assert_eq!((given["state"].as_str(), given["session"].as_str()), (state, "false"));
    assert_eq!(given["redirect_uri"], app().redirect_uri);
    assert_eq!(given.len(), 5, "{url}");
    assert!(!url.contains("sq0csp"), "{url}");
    let scopes = vec!["APPOINTMENTS_READ".to_owned(), "ITEMS_READ".to_owned()];
    let url = connector.authorize_url(&OauthApp { scopes, ..app() }, state);
    assert_eq!(parameters(&url)["scope"], "APPOINTMENTS_READ ITEMS_READ");
}

#[test]
fn consent_to_a_public_app_shows_the_challenge_and_not_the_verifier() {
    let connector = connector_at("https://connect.squareup.com");
    let url = connector.authorize_url(&public_app(), "state");
    assert_eq!(parameters(&url)["code_challenge"], CHALLENGE);
    assert!(!url.contains(VERIFIER), "{url}");
    let odd = OauthApp { is_public: false, ..public_app() };
    assert!(!connector.authorize_url(&odd, "state").contains("challenge"));
}

fn token_answer() -> Value {
    let end = ManualClock::default().now() + 30 * DAY;
    json!({
        "access_token": "EAAA-new", "token_type": "bearer", "expires_at": end.to_string(),
        "merchant_id": "6SSW7HV8K2ST5", "refresh_token": "EQAA-refresh", "short_lived": false,
    })
}

async fn grant(
    server: &VendorServer,
    app: &OauthApp,
    is_exchange: bool,
) -> Result<OauthTokens, GrantError> {
    let connector = connector_at(&server.base_url);
    if is_exchange {
        connector.exchange(app, &"code \"1\"".into()).await
    } else {
        connector.refresh(app, &"EQAA-old".into()).await
    }
}

#[tokio::test]
async fn app_with_a_secret_shows_it_and_a_public_one_shows_a_verifier_alone() {
    let redirect_uri = app().redirect_uri;
    for (app, is_exchange, expected) in [
        (
            app(),
            true,
            json!({
                "client_id": "sq0idp-1", "client_secret": "sq0csp-secret", "code": "code \"1\"",
                "grant_type": "authorization_code", "redirect_uri": redirect_uri,
            }),
        ),
        (
            public_app(),
            true,
            json!({
                "client_id": "sq0idp-1", "code": "code \"1\"", "code_verifier": VERIFIER,
                "grant_type": "authorization_code", "redirect_uri": redirect_uri,
            }),
        ),
        (
            app(),
            false,
            json!({
                "client_id": "sq0idp-1", "client_secret": "sq0csp-secret",
                "grant_type": "refresh_token", "refresh_token": "EQAA-old",
            }),
        ),
        (
            public_app(),
            false,
            json!({
                "client_id": "sq0idp-1", "grant_type": "refresh_token", "refresh_token": "EQAA-old",
            }),
        ),
    ] {
        let server = VendorServer::start().await;
        server.will_answer(200, token_answer());
        let tokens = grant(&server, &app, is_exchange).await.unwrap();
        assert_eq!(tokens.access_token.expose_secret(), "EAAA-new");
        assert_eq!(tokens.refresh_token.unwrap().expose_secret(), "EQAA-refresh");
        assert_eq!((tokens.expires_in, tokens.domain), (Some(30 * DAY), None));
        let asked = server.asked().remove(0);
        assert_eq!(asked.line, "POST /oauth2/token");
        assert_eq!(asked.body, expected);
        assert_eq!(asked.header("authorization"), "");
        assert_eq!(asked.header("square-version"), "2026-05-20");
        assert_eq!(asked.header("content-type"), "application/json");
    }
}

/// Its secret must not stand in for what is missing.
#[tokio::test]
async fn public_app_without_a_verifier_exchanges_nothing() {
    let server = VendorServer::start().await;
    let app = OauthApp { code_verifier: None, ..public_app() };
    assert_eq!(grant(&server, &app, true).await.unwrap_err(), GrantError::AppRefused);
    assert_eq!(server.lines(), [""; 0]);
}

#[tokio::test]
async fn end_of_a_token_is_read_by_our_clock() {
    let now = ManualClock::default().now();
    let in_future = |time: Duration| json!((now + time).to_string());
    for (expires_at, expires_in) in [
        (in_future(DAY), Some(DAY)),
        (in_future(1_000 * DAY), Some(90 * DAY)),
        (Value::Null, None),
        (json!("soon"), None),
        (json!(1_790_000_000), None),
    ] {
        let server = VendorServer::start().await;
        let mut answer = token_answer();
        answer["expires_at"] = expires_at.clone();
        server.will_answer(200, answer);
        let tokens = grant(&server, &app(), false).await.unwrap();
        assert_eq!(tokens.expires_in, expires_in, "{expires_at}");
    }
}

#[tokio::test]
async fn success_that_can_not_be_true_is_a_fault_of_the_provider() {
    let now = ManualClock::default().now().to_string();
    let with = |name: &str, value: Value| {
        let mut answer = token_answer();
        answer[name] = value;
        answer.to_string()
    };
    for body in [
        with("access_token", json!("")),
        with("access_token", Value::Null),
        with("access_token", json!(["EAAA-new"])),
        with("expires_at", json!(now)),
        with("expires_at", json!("2020-01-01T00:00:00Z")),
        "{}".to_owned(),
        "<html>".to_owned(),
        String::new(),
    ] {
        let server = VendorServer::start().await;
        server.will_answer(200, &body);
        let error = grant(&server, &app(), true).await.unwrap_err();
        assert!(matches!(error, GrantError::Provider(_)), "{body}: {error:?}");
        assert!(!format!("{error:?}").contains("EAAA"), "{error:?}");
    }
    let server = VendorServer::start().await;
    let mut silent = token_answer();
    silent["refresh_token"] = json!("");
    server.will_answer(200, silent);
    assert!(grant(&server, &app(), false).await.unwrap().refresh_token.is_none());
}

/// The bodies are what integrators have measured at the token endpoint.
#[tokio::test]
async fn dead_grants_are_told_from_faults_of_our_app_and_of_square() {
    let auth = |code| error("AUTHENTICATION_ERROR", code).to_string();
    let ours = json!({"message": "Not Authorized", "type": "service.not_authorized"}).to_string();
    for (status, body, expected) in [
        (401, auth("UNAUTHORIZED"), GrantError::Refused),
        (401, auth("ACCESS_TOKEN_REVOKED"), GrantError::Refused),
        (401, auth("ACCESS_TOKEN_EXPIRED"), GrantError::Refused),
        (401, ours, GrantError::AppRefused),
        (401, auth("CLIENT_DISABLED"), GrantError::AppRefused),
        (403, auth("APPLICATION_DISABLED"), GrantError::AppRefused),
        (
            400,
            error("INVALID_REQUEST_ERROR", "MISSING_REQUIRED_PARAMETER").to_string(),
            GrantError::AppRefused,
        ),
        (400, "{}".to_owned(), GrantError::AppRefused),
        (403, "<html>".to_owned(), GrantError::AppRefused),
    ] {
        for is_exchange in [true, false] {
            let server = VendorServer::start().await;
            server.will_answer(status, &body);
            let error = grant(&server, &app(), is_exchange).await.unwrap_err();
            assert_eq!(error, expected, "{status} {body}");
        }
    }
    for status in [302, 408, 429, 500, 503] {
        let server = VendorServer::start().await;
        server.will_answer(status, auth("UNAUTHORIZED"));
        let error = grant(&server, &app(), false).await.unwrap_err();
        assert!(matches!(error, GrantError::Provider(_)), "{status}: {error:?}");
    }
}
