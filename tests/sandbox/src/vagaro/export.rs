//! The account's appointments as a file: CSV by RFC 4180, with a header of the vendor's member names.
//! What a real export looks like is documented nowhere.

use serde_json::Value;

/// The columns, and whether each is the customer's.
const COLUMNS: [(&str, bool); 14] = [
    ("appointmentId", false),
    ("startTime", false),
    ("endTime", false),
    ("bookingStatus", false),
    ("serviceId", false),
    ("serviceTitle", false),
    ("serviceProviderId", false),
    ("businessId", false),
    ("customerId", false),
    ("customerFirstName", true),
    ("customerLastName", true),
    ("email", true),
    ("mobilePhone", true),
    ("modifiedDate", false),
];

fn quoted(text: &str) -> String {
    let needs_quotes = text.contains([',', '"', '\r', '\n']);
    if needs_quotes { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

fn text(value: &Value) -> String {
    if value.is_null() {
        return String::new();
    }
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn line(fields: impl Iterator<Item = String>) -> String {
    let mut line = fields.map(|field| quoted(&field)).collect::<Vec<_>>().join(",");
    line.push_str("\r\n");
    line
}

/// The file, from appointments with their `customer`.
pub fn csv(rows: &[Value]) -> String {
    let mut file = line(COLUMNS.iter().map(|(name, _)| (*name).to_owned()));
    for row in rows {
        file.push_str(&line(COLUMNS.iter().map(|(name, is_customers)| {
            text(if *is_customers { &row["customer"][name] } else { &row[name] })
        })));
    }
    file
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::csv;

    #[test]
    fn fields_are_quoted_where_they_must_be_and_lines_end_as_the_rfc_says() {
        let rows = [json!({ "appointmentId": "a+/=", "serviceTitle": "Cut, \"long\"\nhair",
            "customer": { "customerFirstName": "Zoë", "email": null } })];
        let file = csv(&rows);
        let (header, line) = file.split_once("\r\n").unwrap();
        assert!(header.starts_with("appointmentId,startTime,endTime,bookingStatus,serviceId,"));
        assert!(header.ends_with(",email,mobilePhone,modifiedDate"));
        assert_eq!(line, "a+/=,,,,,\"Cut, \"\"long\"\"\nhair\",,,,Zoë,,,,\r\n");
    }

    #[test]
    fn empty_account_is_a_header() {
        assert_eq!(csv(&[]).matches("\r\n").count(), 1);
    }
}
