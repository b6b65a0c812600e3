//! The CSV export of an account.

use serde_json::json;

use super::Vagaro;

#[tokio::test]
async fn export_has_every_appointment_with_its_customer_under_the_vendors_names() {
    let vagaro = Vagaro::start(&json!({})).await;
    vagaro
        .seed(json!([{ "appointmentId": "b+/=", "startTime": "2026-05-12T14:00:00Z",
            "bookingStatus": "No Show", "serviceTitle": "Cut, \"long\"", "customerId": "c1",
            "modifiedDate": "2026-05-01T10:00:00Z",
            "customer": { "customerFirstName": "Zoë\nAnn", "customerLastName": "O'Neil",
                "email": "z@example.com", "mobilePhone": "(415) 555-2671" } },
            { "appointmentId": "z9", "startTime": "2026-05-13T14:00:00Z" }]))
        .await;
    let path = "/_control/vagaro/export.csv?account=AbC%2Bd/9~1Q%3D%3D";
    let response = vagaro.sandbox.get(path).await;
    assert_eq!(response.headers()["content-type"], "text/csv; charset=utf-8");
    let file = response.text().await.unwrap();
    let lines: Vec<&str> = file.split("\r\n").collect();
    assert_eq!(
        lines[0],
        "appointmentId,startTime,endTime,bookingStatus,serviceId,serviceTitle,serviceProviderId,\
         businessId,customerId,customerFirstName,customerLastName,email,mobilePhone,modifiedDate"
    );
    assert_eq!(
        lines[1],
        "b+/=,2026-05-12T14:00:00Z,2026-05-12T15:00:00Z,No Show,service-1,\"Cut, \"\"long\"\"\",\
         provider-1,AbC+d/9~1Q==,c1,\"Zoë\nAnn\",O'Neil,z@example.com,(415) 555-2671,\
         2026-05-01T10:00:00.000Z"
    );
    assert!(lines[2].starts_with("z9,") && lines[2].contains(",,,,,"), "{}", lines[2]);
    assert_eq!((lines.len(), lines[3]), (4, ""));
    let unknown = vagaro.sandbox.get("/_control/vagaro/export.csv?account=1").await;
    assert_eq!(unknown.status(), 404);
}
