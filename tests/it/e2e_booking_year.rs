//! A year of appointments through the import function's own process: its memory stays flat, and calls
//! and time grow as the number of appointments does.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::booking_system::{BookingSystem, noon};
use crate::support::booking_tenant::BookingTenant;
use crate::support::function_process::{FunctionProcess, body_of, import_event};

const SYSTEM: BookingSystem = BookingSystem::Acuity;
const TIME: Duration = Duration::from_secs(29);
const DAYS: u64 = 360;
/// The share of the year's memory that may come with its length.
const GROWTH_MAX_KIB: u64 = 25 * 1_024;
/// Time and calls of one appointment may be so much more in a full year than in an empty one. Lists
/// of empty weeks cost something too, so the full year is the cheaper one in truth.
const LINEAR: f64 = 1.5;

/// What importing a year came to.
#[derive(Debug)]
struct Year {
    appointments: u64,
    provider_calls: u64,
    table_calls: u64,
    peak_kib: u64,
    took: Duration,
}

impl Year {
    fn per_appointment(&self, calls: u64) -> f64 {
        calls as f64 / self.appointments as f64
    }
}

async fn import_year(per_day: u64) -> Year {
    let salon = BookingTenant::new(SYSTEM).await;
    let appointments = DAYS * per_day;
    let from = noon(1).to_string().split('T').next().unwrap().to_owned();
    let order = json!({"from_date": from, "days": DAYS, "per_day": per_day,
        "clients": appointments / 10, "canceled_percent": 8, "no_show_percent": 2});
    assert_eq!(salon.generate(order).await, appointments);
    let function =
        FunctionProcess::start(&salon.tenant.cloud, "booking-import", "BookingImportFunction")
            .await;
    salon.tenant.count_anew();
    let since_ms = salon.tenant.counted_since_ms();
    let (began, mut invocations, mut imported) = (Instant::now(), 0, 0);
    let mut asked = json!({});
    loop {
        let event = import_event(&salon.tenant.id, "acuity", &salon.import_body(&asked));
        let answer = function.invoke(&event, TIME).await.unwrap();
        assert_eq!(answer["statusCode"], 200, "after {imported}: {answer}");
        let body = body_of(&answer);
        invocations += 1;
        imported += body["imported"].as_u64().unwrap();
        assert_eq!((&body["updated"], &body["skipped_duplicates"]), (&json!(0), &json!(0)));
        asked["cursor"] = body["next_cursor"].clone();
        if asked["cursor"].is_null() {
            break;
        }
    }
    let took = began.elapsed();
    assert_eq!(imported, appointments);
    let table_calls = function.aws_calls(since_ms, "").await;
    let table_calls = table_calls.iter().filter(|call| call["service"] == "dynamodb").count();
    let year = Year {
        appointments,
        provider_calls: salon.tenant.provider_calls_total().await,
        table_calls: table_calls as u64,
        peak_kib: function.peak_memory_kib(),
        took,
    };
    println!(
        "{appointments} appointments: {invocations} invocations, {} provider calls, {} table calls, \
         peak {} KiB, {took:.1?}",
        year.provider_calls, year.table_calls, year.peak_kib,
    );
    assert_eq!(salon.bookings().await.len() as u64, appointments);
    assert!(salon.watermark().await["began_at"]["S"].is_string());
    assert_eq!(salon.tenant.limits().await["over_limit"], 0, "the provider's limit");
    year
}

#[tokio::test]
async fn year_of_25_000_appointments_takes_flat_memory_and_linear_calls_and_time() {
    let small = import_year(3).await;
    let large = import_year(70).await;
    assert!(large.appointments >= 25_000, "{large:?}");
    let growth = large.peak_kib.saturating_sub(small.peak_kib);
    assert!(growth < GROWTH_MAX_KIB, "{growth} KiB more for {} appointments", large.appointments);
    for (what, small_calls, large_calls) in [
        ("provider calls", small.provider_calls, large.provider_calls),
        ("table calls", small.table_calls, large.table_calls),
    ] {
        let (few, many) = (small.per_appointment(small_calls), large.per_appointment(large_calls));
        println!("{what} per appointment: {few:.3}, then {many:.3}");
        assert!(many <= few * LINEAR, "{what} grow faster than appointments");
    }
    let of = |year: &Year| year.took.as_secs_f64() / year.appointments as f64;
    // Once more behind it: the machine may have been busier by then.
    let slowest = of(&small).max(of(&import_year(3).await));
    println!("per appointment: {:.1} ms, then {:.1} ms", slowest * 1e3, of(&large) * 1e3);
    assert!(of(&large) <= slowest * LINEAR, "time grows faster than appointments");
}
