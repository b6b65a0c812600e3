//! Whatever comes to the webhook's address, what the provider has not signed stores nothing, and what
//! can't be read harms nobody.

use std::time::Duration;

use reqwest::Response;
use serde_json::{Value, json};

use crate::support::booking_system::{Appointment, BookingSystem, noon};
use crate::support::booking_tenant::BookingTenant;
use crate::support::function_process::{FunctionProcess, acuity_event};
use crate::support::webhook_signing::acuity_signature;

const SYSTEM: BookingSystem = BookingSystem::Acuity;
const FORM: &str = "application/x-www-form-urlencoded";
const CHANGED: &[u8] = b"action=changed&id=700&calendarID=1&appointmentTypeID=11";

/// A tenant with one known appointment, which is another one by now, and nobody has told.
async fn with_secret_change() -> (BookingTenant, String) {
    let salon = BookingTenant::new(SYSTEM).await;
    salon.seed(&[Appointment::at(700, noon(3))]).await;
    salon.import_all(&json!({})).await;
    salon.tenant.events(1).await;
    salon.act_untold("cancel", 700, &Value::Null).await;
    salon.tenant.count_anew();
    let url = salon.webhook_url().await;
    (salon, url)
}

/// A delivery of these bytes with this signature, if any.
async fn deliver(salon: &BookingTenant, url: &str, body: &[u8], signature: Option<&str>) -> u16 {
    let request = salon.tenant.cloud.http.post(url).header("content-type", FORM);
    let request = match signature {
        Some(signature) => request.header("X-Acuity-Signature", signature),
        None => request,
    };
    let answer: Response = request.body(body.to_vec()).send().await.unwrap();
    answer.status().as_u16()
}

async fn signed(salon: &BookingTenant, url: &str, body: &[u8]) -> u16 {
    let signature = acuity_signature(&salon.tenant.access_token, body);
    deliver(salon, url, body, Some(&signature)).await
}

async fn assert_untold(salon: &BookingTenant) {
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(salon.versions().await, 1, "a version is stored");
    assert_eq!(salon.tenant.provider_calls_total().await, 0, "the provider was asked");
}

#[tokio::test]
async fn forged_booking_webhook_is_refused_and_the_true_one_is_taken() {
    let (salon, url) = with_secret_change().await;
    let key = salon.tenant.access_token.clone();
    let right = acuity_signature(&key, CHANGED);
    let of_another_body = acuity_signature(&key, b"action=changed&id=701");
    let of_another_key = acuity_signature("canary-key-wrong", CHANGED);
    let in_hex = hex::encode(&right);
    let other_alphabet = right.replace(['+', '/'], "-");
    for signature in [
        None,
        Some(""),
        Some("=="),
        Some("x"),
        Some(of_another_body.as_str()),
        Some(of_another_key.as_str()),
        Some(in_hex.as_str()),
        Some(right.trim_end_matches('=')),
        Some(&"A".repeat(5_000)),
    ] {
        let status = deliver(&salon, &url, CHANGED, signature).await;
        assert_eq!(status, 401, "{signature:?}");
    }
    if other_alphabet != right {
        assert_eq!(deliver(&salon, &url, CHANGED, Some(&other_alphabet)).await, 401);
    }
    // The same form in another order is another body.
    let reordered = b"id=700&action=changed&calendarID=1&appointmentTypeID=11";
    assert_eq!(deliver(&salon, &url, reordered, Some(&right)).await, 401);
    assert_untold(&salon).await;
    assert_eq!(deliver(&salon, &url, CHANGED, Some(&right)).await, 200);
    salon.until_version(700, 2).await;
    salon.tenant.events(1).await;
}

#[tokio::test]
async fn booking_webhook_to_another_address_is_refused() {
    let (salon, url) = with_secret_change().await;
    let (other, others_url) = with_secret_change().await;
    let (base, token) = url.split_once("token=").unwrap();
    let bare = base.trim_end_matches('?').to_owned();
    let addresses = [
        bare.clone(),
        format!("{bare}?token="),
        format!("{bare}?token={}", "0".repeat(32)),
        format!("{bare}?token={}", token.to_uppercase() + "A"),
        format!("{bare}?Token={token}"),
        format!("{url}&token={token}"),
        format!("{bare}?token={}", "canary".repeat(300)),
    ];
    for address in &addresses {
        assert_eq!(signed(&salon, address, CHANGED).await, 401, "an address that is nobody's");
    }
    // One tenant's key speaks for no other tenant, at whosever's address.
    assert_eq!(signed(&salon, &others_url, CHANGED).await, 401);
    assert_eq!(signed(&other, &url, CHANGED).await, 401);
    assert_untold(&salon).await;
    assert_untold(&other).await;
}

/// Another user of the account has a key, too; what that user registers is not ours.
#[tokio::test]
async fn booking_webhook_signed_by_another_user_is_refused() {
    let (salon, url) = with_secret_change().await;
    let others = json!({"users": [{"user_id": format!("8{}", salon.user_id), "api_key": "canary-key-of-staff"}]});
    salon.register(others).await;
    let signature = acuity_signature("canary-key-of-staff", CHANGED);
    assert_eq!(deliver(&salon, &url, CHANGED, Some(&signature)).await, 401);
    assert_untold(&salon).await;
}

/// Nothing in a delivery tells when it was sent, so one can be sent again: it is a mark, and says no
/// more than to look.
#[tokio::test]
async fn replayed_booking_webhook_costs_a_look_and_changes_nothing() {
    let (salon, url) = with_secret_change().await;
    assert_eq!(signed(&salon, &url, CHANGED).await, 200);
    salon.until_version(700, 2).await;
    salon.tenant.events(1).await;
    for _ in 0..5 {
        assert_eq!(signed(&salon, &url, CHANGED).await, 200);
    }
    // A change behind the replays has its version and its event, and they have none.
    salon.act_told("edit", 700, &SYSTEM.edited().0).await;
    salon.until_version(700, 3).await;
    salon.tenant.events(1).await;
    let looks = salon.tenant.provider_calls_total().await;
    println!("5 replays and 2 changes: {looks} reads");
    assert!((2..=7).contains(&looks), "{looks} reads");
}

#[tokio::test]
async fn booking_webhook_that_can_not_be_read_is_answered_and_stores_nothing() {
    let (salon, url) = with_secret_change().await;
    let large = [b"action=changed&id=700&x=".to_vec(), vec![b'a'; 1_000_000]].concat();
    let too_large = [b"action=changed&id=700&x=".to_vec(), vec![b'a'; 2_000_000]].concat();
    let many = "&id=700".repeat(1_000);
    let cases: Vec<(&str, Vec<u8>, &[u16])> = vec![
        ("nothing", b"".to_vec(), &[400]),
        ("JSON", json!({"action": "changed", "id": 700}).to_string().into_bytes(), &[400]),
        ("a form of 1 MB", large, &[400, 413]),
        ("a form of 2 MB", too_large, &[413]),
        ("no UTF-8", b"action=changed&id=\xff\xfe".to_vec(), &[200, 400]),
        ("no UTF-8, escaped", b"action=changed&id=%ff%fe".to_vec(), &[200, 400]),
        ("a broken escape", b"action=changed&id=%zz".to_vec(), &[200, 400]),
        ("no id", b"action=changed".to_vec(), &[200, 400]),
        ("an id that is text", b"action=changed&id=canary".to_vec(), &[200, 400]),
        (
            "an id that is too long",
            format!("action=changed&id={}", "7".repeat(400)).into_bytes(),
            &[200, 400],
        ),
        ("a negative id", b"action=changed&id=-700".to_vec(), &[200, 400]),
        ("an id of a path", b"action=changed&id=..%2f700".to_vec(), &[200, 400]),
        ("two ids", b"action=changed&id=700&id=701".to_vec(), &[200, 400]),
        ("a thousand ids", format!("action=changed{many}").into_bytes(), &[200, 400]),
        ("an unknown action", b"action=exploded&id=700".to_vec(), &[200]),
        ("an order", b"action=order.completed&id=700".to_vec(), &[200]),
    ];
    for (what, body, expected) in cases {
        let status = signed(&salon, &url, &body).await;
        println!("{what}: {status}");
        assert!(expected.contains(&status), "{what}: {status}");
    }
    assert_untold(&salon).await;
    // Members that we do not know are no fault, and either spelling of the action is one.
    let dotted = b"action=appointment.changed&id=700&ownerID=5&surprise=%F0%9F%8E%89";
    assert_eq!(signed(&salon, &url, dotted).await, 200);
    salon.until_version(700, 2).await;
}

/// A gateway may replace bytes that are no UTF-8 before the function sees them, so this goes to the
/// function itself.
#[tokio::test]
async fn booking_webhook_in_bytes_that_are_no_text_is_verified_as_it_came() {
    let (salon, url) = with_secret_change().await;
    let cloud = &salon.tenant.cloud;
    let function = FunctionProcess::start(cloud, "webhook-acuity", "WebhookAcuityFunction").await;
    let key = &salon.tenant.access_token;
    let time = Duration::from_secs(10);
    for (body, expected) in
        [(&b"action=changed&id=700&note=\xff\xfe"[..], 200_u64), (b"\xff\xfe", 400)]
    {
        let answer = function.invoke(&acuity_event(&url, key, body), time).await.unwrap();
        assert_eq!(answer["statusCode"].as_u64(), Some(expected), "{answer}");
    }
    let mut broken = acuity_event(&url, key, CHANGED);
    broken["body"] = json!("no base64 !");
    let answer = function.invoke(&broken, time).await.unwrap();
    assert_eq!(answer["statusCode"], 400, "{answer}");
    salon.until_version(700, 2).await;
}
