//! Connecting a Salesforce org: tokens, whose org it is, and what it has for our writes.

use std::collections::BTreeMap;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use reqwest::Url;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sync_domain::model::{AttributeName, ObjectType};
use sync_domain::ports::{
    AccountConnector, AuthMode, GrantError, HookAddress, HookSecret, KeyProperty, ProviderError,
    TenantGrant,
};

use crate::support::salesforce::{KEY, Salesforce, access, error, page};
use crate::support::vendor_server::Asked;

const TOKEN: &str = "POST /sf/acme/services/oauth2/token";

fn secret() -> TenantGrant {
    let client_secret = "app secret".to_owned().into();
    TenantGrant::ClientCredentials { client_id: "3MVG9.app".to_owned(), client_secret }
}

fn assertion(private_key: &str) -> TenantGrant {
    TenantGrant::JwtBearer {
        client_id: "3MVG9.app".to_owned(),
        username: "integration@acme.example".to_owned(),
        private_key: private_key.to_owned().into(),
    }
}

fn pem(key: &KeyPair) -> String {
    let der: Pkcs8V1Der<'_> = key.as_der().unwrap();
    let text = STANDARD.encode(der.as_ref());
    let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"))
}

fn form(asked: &Asked) -> BTreeMap<String, String> {
    let url = Url::parse(&format!("http://vendor/?{}", asked.text)).unwrap();
    url.query_pairs().into_owned().collect()
}

/// Header and claims of an assertion whose signature is good.
fn verified(asked: &Asked, key: &KeyPair) -> (Value, Value) {
    let form = form(asked);
    assert_eq!(form["grant_type"], "urn:ietf:params:oauth:grant-type:jwt-bearer");
    let (signed, signature) = form["assertion"].rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key().as_ref());
    public.verify(signed.as_bytes(), &signature).unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let json = |part: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    (json(header), json(claims))
}

fn token(instance_url: &str) -> Value {
    json!({"access_token": "00D!token", "instance_url": instance_url, "token_type": "Bearer",
        "id": "https://login.salesforce.com/id/00D000000000001EAA/005000000000001AAA",
        "issued_at": "1790000000000", "signature": "x"})
}

#[tokio::test]
async fn token_is_minted_with_the_apps_own_id_and_secret() {
    let org = Salesforce::start().await;
    let own = format!("{}/sf/acme", org.server.base_url);
    org.server.will_answer(200, token(&own));
    let tokens = org.connector.mint(&secret(), "acme").await.unwrap();
    assert_eq!(tokens.access_token.expose_secret(), "00D!token");
    assert!(tokens.refresh_token.is_none() && tokens.expires_in.is_none());
    let asked = org.server.asked().remove(0);
    assert_eq!(asked.line, TOKEN, "what is secret is in the body");
    let expected = [
        ("client_id", "3MVG9.app"),
        ("client_secret", "app secret"),
        ("grant_type", "client_credentials"),
    ];
    assert_eq!(
        form(&asked),
        expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    );
    assert!(!asked.headers.contains_key("authorization"));
}

#[tokio::test]
async fn token_is_minted_with_a_signed_assertion() {
    let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let org = Salesforce::start().await;
    for (domain, audience) in [
        ("acme", "https://login.salesforce.com"),
        ("acme--uat.sandbox", "https://test.salesforce.com"),
        ("acme-dev-ed.develop", "https://login.salesforce.com"),
    ] {
        org.server.will_answer(200, token(&format!("{}/sf/{domain}", org.server.base_url)));
        org.connector.mint(&assertion(&pem(&key)), domain).await.unwrap();
        let (header, claims) = verified(&org.server.asked()[0], &key);
        assert_eq!(header["alg"], "RS256");
        let expected = json!({"iss": "3MVG9.app", "sub": "integration@acme.example",
            "aud": audience, "exp": 1_790_000_180});
        assert_eq!(claims, expected);
    }
}

#[tokio::test]
async fn assertion_for_the_wrong_audience_is_made_once_more_for_the_my_domain() {
    let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let org = Salesforce::start().await;
    let own = format!("{}/sf/acme", org.server.base_url);
    let refused = json!({"error": "invalid_grant", "error_description": "audience is invalid"});
    org.server.will_answer(400, &refused).will_answer(200, token(&own));
    org.connector.mint(&assertion(&pem(&key)), "acme").await.unwrap();
    assert_eq!(verified(&org.server.asked()[1], &key).1["aud"], own);
    org.server.will_answer(400, &refused).will_answer(400, &refused);
    let dead = org.connector.mint(&assertion(&pem(&key)), "acme").await.unwrap_err();
    assert_eq!((dead, org.server.lines().len()), (GrantError::Refused, 2));
}

#[tokio::test]
async fn private_key_that_is_none_is_refused_without_a_call() {
    let org = Salesforce::start().await;
    let empty = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    for key in ["", "secret", empty] {
        let refused = org.connector.mint(&assertion(key), "acme").await.unwrap_err();
        assert_eq!(refused, GrantError::Refused);
    }
    assert!(org.server.lines().is_empty());
}

#[tokio::test]
async fn token_for_another_host_is_refused() {
    let org = Salesforce::start().await;
    let base = org.server.base_url.clone();
    for instance_url in [
        "https://evil.example.com".to_owned(),
        format!("{base}/sf/globex"),
        format!("{base}@evil.example.com/sf/acme"),
        "not an address".to_owned(),
    ] {
        org.server.will_answer(200, token(&instance_url));
        let refused = org.connector.mint(&secret(), "acme").await.unwrap_err();
        assert_eq!(refused, GrantError::Refused, "{instance_url}");
    }
    org.server.asked();
    for domain in ["", "acme.my.salesforce.com", "evil.example.com/", "acme/../globex"] {
        assert_eq!(org.connector.account_domain(domain), None, "{domain}");
        let refused = org.connector.mint(&secret(), domain).await.unwrap_err();
        assert_eq!(refused, GrantError::Refused, "{domain}");
    }
    assert!(org.server.lines().is_empty());
    let domain = org.connector.account_domain(" Acme--UAT.sandbox");
    assert_eq!(domain.as_deref(), Some("acme--uat.sandbox"));
}

#[tokio::test]
async fn dead_grants_are_told_from_passing_faults() {
    let org = Salesforce::start().await;
    let refusal = |error: &str, description: Option<&str>| {
        json!({"error": error, "error_description": description}).to_string()
    };
    let bare = json!({"error": "invalid_grant"}).to_string();
    for (status, body, is_dead) in [
        (400, refusal("invalid_grant", Some("user hasn't approved this consumer")), true),
        (400, refusal("invalid_grant", Some("no client credentials user enabled")), true),
        (400, refusal("invalid_client_id", None), true),
        (401, refusal("invalid_client", Some("invalid client credentials")), true),
        (400, bare, true),
        (400, refusal("invalid_grant", Some("login rate exceeded")), false),
        (400, refusal("temporarily_unavailable", None), false),
        (400, "<html>".to_owned(), false),
        (404, "<html>".to_owned(), false),
        (301, String::new(), false),
        (429, String::new(), false),
        (500, refusal("server_error", None), false),
        (503, "<html>".to_owned(), false),
        (200, "<html>".to_owned(), false),
        (200, "{\"access_token\": \"\"}".to_owned(), false),
    ] {
        org.server.will_answer(status, &body);
        let error = org.connector.mint(&secret(), "acme").await.unwrap_err();
        let is_passing = matches!(error, GrantError::Provider(_));
        assert_eq!(
            (error == GrantError::Refused, is_passing),
            (is_dead, !is_dead),
            "{status} {body}"
        );
    }
}

#[tokio::test]
async fn org_is_known_by_its_id_of_eighteen_characters() {
    let org = Salesforce::start().await;
    org.server.will_answer(
        200,
        json!({"organization_id": "00D000000000001", "zoneinfo": "Europe/Berlin"}),
    );
    let details = org.connector.account(&access()).await.unwrap();
    assert_eq!((details.account_id.as_str(), details.time_zone), ("00D000000000001EAA", None));
    assert_eq!(org.server.lines(), ["GET /sf/acme/services/oauth2/userinfo"]);

    for status in [401, 403, 404] {
        org.server.will_answer(status, "Bad_OAuth_Token");
        org.server.will_answer(200, page(&[json!({"Id": "00D000000000001EAA"})]));
        let details = org.connector.account(&access()).await.unwrap();
        assert_eq!(details.account_id, "00D000000000001EAA");
        assert_eq!(org.asked()[1].1, "SELECT Id FROM Organization LIMIT 1");
    }
}

#[tokio::test]
async fn org_without_an_id_or_with_a_bad_token_is_none() {
    let org = Salesforce::start().await;
    for body in ["<html>", "{\"organization_id\": \"001000000000001AAA\"}", "[]"] {
        org.server.will_answer(200, body);
        let error = org.connector.account(&access()).await.unwrap_err();
        assert!(matches!(error, ProviderError::Unavailable { .. }), "{body}: {error:?}");
    }
    org.server.will_answer(401, "").will_answer(401, error("INVALID_SESSION_ID", ""));
    let refused = org.connector.account(&access()).await.unwrap_err();
    assert_eq!(refused, ProviderError::Unauthorized);
    let mut homeless = access();
    homeless.domain = None;
    assert_eq!(org.connector.account(&homeless).await, Err(ProviderError::Unauthorized));
}

fn described(fields: &[(&str, bool)]) -> Value {
    let field = |(name, is_unique): &(&str, bool)| {
        json!({"name": name, "externalId": is_unique, "unique": is_unique, "createable": true,
            "updateable": true})
    };
    json!({"name": "X", "fields": fields.iter().map(field).collect::<Vec<_>>()})
}

#[tokio::test]
async fn key_field_is_looked_for_with_what_else_the_org_has() {
    let org = Salesforce::start().await;
    let named = |names: &[(AttributeName, &str)]| {
        KeyProperty::Named(names.iter().map(|(name, field)| (*name, (*field).to_owned())).collect())
    };
    let key = (AttributeName::Reference, KEY);
    for (object_type, object, body, expected) in [
        (ObjectType::Company, "Account", described(&[("Name", false), (KEY, true)]), named(&[key])),
        (
            ObjectType::Deal,
            "Opportunity",
            described(&[(KEY, true), ("RecordTypeId", false)]),
            named(&[key, (AttributeName::Pipeline, "RecordTypeId")]),
        ),
        (
            ObjectType::Contact,
            "Contact",
            described(&[("Integration_Company__c", false), (KEY, true)]),
            named(&[key, (AttributeName::Company, "Integration_Company__c")]),
        ),
        (ObjectType::Contact, "Contact", described(&[(KEY, false)]), KeyProperty::NotAvailable),
        (ObjectType::Contact, "Contact", described(&[("Email", true)]), KeyProperty::NotAvailable),
    ] {
        org.server.will_answer(200, body);
        let found = org.connector.ensure_key_property(&access(), object_type).await;
        assert_eq!(found, Ok(expected));
        assert_eq!(org.asked()[0].0, format!("GET /sobjects/{object}/describe"));
    }
    for member in ["updateable", "createable", "unique", "externalId"] {
        let mut unusable = described(&[(KEY, true)]);
        unusable["fields"][0][member] = json!(false);
        org.server.will_answer(200, unusable);
        let found = org.connector.ensure_key_property(&access(), ObjectType::Deal).await;
        assert_eq!(found, Ok(KeyProperty::NotAvailable), "{member}");
    }
    org.server.will_answer(404, error("NOT_FOUND", "")).will_answer(503, "<html>");
    let hidden = org.connector.ensure_key_property(&access(), ObjectType::Deal).await;
    assert_eq!(hidden, Ok(KeyProperty::NotAvailable));
    assert!(org.connector.ensure_key_property(&access(), ObjectType::Deal).await.is_err());
}

#[tokio::test]
async fn connector_tells_how_orgs_are_connected() {
    let org = Salesforce::start().await;
    let connector = &org.connector;
    assert_eq!(connector.auth_modes(), [AuthMode::ClientCredentials, AuthMode::JwtBearer]);
    assert_eq!(connector.keyed_types(), ObjectType::ALL);
    assert_eq!(connector.hook_address(), HookAddress::Entered);
    assert_eq!(connector.hook_secret(), HookSecret::Given);
}
