//! The parts of a booking: who serves what for how long, and the gap behind it.

use serde_json::{Value, json};

use super::customer::{Members, id_text};
use super::seller::Seller;

const LONGEST_SERVICE_ID: usize = 36;
const LONGEST_TEAM_MEMBER_ID: usize = 32;
/// The vendor's longest segment.
const MOST_MINUTES: u64 = 1_500;

/// Members of a segment that can stand in the booking itself, and then are those of its first one.
pub const SEGMENT_MEMBERS: [&str; 6] = [
    "duration_minutes",
    "intermission_minutes",
    "team_member_id",
    "service_variation_id",
    "service_variation_version",
    "any_team_member",
];

/// One of the first service, with the first team member.
pub fn usual(seller: &Seller<'_>) -> Members {
    let mut made = Members::new();
    made.insert("team_member_id".to_owned(), json!(seller.entry.team_members.first()));
    made.insert("any_team_member".to_owned(), json!(false));
    if let Some(service) = seller.entry.services.first() {
        take_service(seller, &mut made, &service.id);
    }
    made
}

/// The service decides length and version, unless they are given.
fn take_service(seller: &Seller<'_>, segment: &mut Members, id: &str) {
    segment.insert("service_variation_id".to_owned(), json!(id));
    if let Some(service) = seller.service(id) {
        segment.insert("duration_minutes".to_owned(), json!(service.duration_minutes));
        segment.insert("service_variation_version".to_owned(), json!(service.version));
    }
}

/// Sets one member; `null` is taken where the vendor has it, too.
pub fn set(
    seller: &Seller<'_>,
    segment: &mut Members,
    name: &str,
    value: &Value,
) -> Result<(), String> {
    let is_minutes = || value.as_u64().is_some_and(|minutes| minutes <= MOST_MINUTES);
    let fits = match name {
        "duration_minutes" => value.is_null() || is_minutes(),
        "intermission_minutes" => is_minutes(),
        "service_variation_version" => value.is_null() || value.is_i64(),
        "any_team_member" => value.is_boolean(),
        "service_variation_id" => {
            // Set before the others, so that length and version can be given besides.
            let is_new = segment.get(name) != Some(value);
            if is_new && !value.is_null() {
                take_service(seller, segment, &id_text(name, value, LONGEST_SERVICE_ID)?);
                return Ok(());
            }
            true
        }
        "team_member_id" => {
            let id = id_text(name, value, LONGEST_TEAM_MEMBER_ID)?;
            segment.insert(name.to_owned(), json!(id));
            return Ok(());
        }
        "resource_ids" => value.as_array().is_some_and(|ids| ids.iter().all(Value::is_string)),
        _ => return Err(format!("`{name}` of a segment can't be set; anything goes into `raw`")),
    };
    if !fits {
        return Err(format!("`{name}` has the wrong type; anything goes into `raw`"));
    }
    segment.insert(name.to_owned(), value.clone());
    Ok(())
}

/// Reads a list of segments, each with the usual in place of what it doesn't say.
pub fn read(seller: &Seller<'_>, value: &Value) -> Result<Vec<Members>, String> {
    let given = value.as_array().ok_or("`appointment_segments` must be a list")?;
    let segments = given.iter().map(|members| {
        let members = members.as_object().ok_or("a segment must be an object")?;
        let mut segment = usual(seller);
        let service = members.iter().filter(|(name, _)| *name == "service_variation_id");
        let others = members.iter().filter(|(name, _)| *name != "service_variation_id");
        for (name, value) in service.chain(others) {
            set(seller, &mut segment, name, value)?;
        }
        Ok(segment)
    });
    segments.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::read;
    use crate::accounts::accounts_from_json;
    use crate::square::seller::Seller;

    #[test]
    fn segments_take_length_and_version_of_their_service_unless_they_say_otherwise() {
        let json = r#"[{"system":"square","account":"M","access_token":"t","square":{
            "team_members":["ANNA"],
            "services":[{"id":"CUT","duration_minutes":30,"version":5},{"id":"DYE","version":6}]}}]"#;
        let account = accounts_from_json(json).unwrap().remove(0);
        let seller = Seller::of(&account).unwrap();
        let segments = json!([{}, { "service_variation_id": "DYE", "duration_minutes": 45,
            "intermission_minutes": 10, "team_member_id": 7 }]);
        assert_eq!(
            json!(read(&seller, &segments).unwrap()),
            json!([
                { "service_variation_id": "CUT", "duration_minutes": 30,
                  "service_variation_version": 5, "team_member_id": "ANNA",
                  "any_team_member": false },
                { "service_variation_id": "DYE", "duration_minutes": 45,
                  "service_variation_version": 6, "team_member_id": "7",
                  "any_team_member": false, "intermission_minutes": 10 },
            ])
        );
        assert!(read(&seller, &json!([{ "length": 3 }])).is_err());
        assert!(read(&seller, &json!([{ "duration_minutes": "3" }])).is_err());
    }
}
