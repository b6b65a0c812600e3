//! Properties of normalisation and key derivation over random input.

use proptest::prelude::*;
use serde_json::{Map, json};
use sync_domain::keys::{claim_key, fingerprint, record_key};
use sync_domain::model::{
    CrmDraft, IdempotencyKey, ObjectType, Sensitive, System, TenantId, draft_of,
};

const PART: &str = "[A-Za-z0-9_-]{1,12}";

fn tenant(text: &str) -> TenantId {
    TenantId::parse(text).unwrap()
}

fn email_key(tenant_id: &str, email: &str) -> String {
    let email = Sensitive::new(email.to_owned());
    let key = record_key(&tenant(tenant_id), System::Hubspot, ObjectType::Contact, &email);
    key.unwrap().to_string()
}

fn draft(attributes: &serde_json::Value) -> CrmDraft {
    draft_of(ObjectType::Contact, attributes.as_object().unwrap(), Some("US")).unwrap()
}

/// The same text with other letter cases and blanks around it.
fn disguised(text: &str, upper: &[bool]) -> String {
    let changed: String = text
        .chars()
        .zip(upper.iter().chain(std::iter::repeat(&false)))
        .map(|(letter, upper)| if *upper { letter.to_ascii_uppercase() } else { letter })
        .collect();
    format!("  {changed}\t ").replace('\t', " ")
}

proptest! {
    #[test]
    fn record_keys_are_equal_only_for_equal_tuples(
        first in (PART, "[ -~äß€]{0,20}"), second in (PART, "[ -~äß€]{0,20}"),
    ) {
        let keys = (email_key(&first.0, &first.1), email_key(&second.0, &second.1));
        prop_assert_eq!(keys.0 == keys.1, first == second);
    }

    #[test]
    fn record_keys_do_not_mix_the_border_of_two_parts_up(text in "[a-z0-9]{2,20}", cut in 1..19_usize) {
        let cut = cut.min(text.len() - 1);
        let (left, right) = text.split_at(cut);
        if cut + 1 < text.len() {
            let (longer, shorter) = text.split_at(cut + 1);
            prop_assert_ne!(email_key(left, right), email_key(longer, shorter));
        }
    }

    #[test]
    fn keys_refuse_the_separator_in_any_part(left in "[a-z]{0,8}", right in "[a-z]{0,8}") {
        let email = Sensitive::new(format!("{left}\u{1f}{right}"));
        prop_assert!(record_key(&tenant("acme"), System::Hubspot, ObjectType::Contact, &email).is_err());
    }

    #[test]
    fn claim_keys_differ_by_tenant_route_and_key(
        first in (PART, "[a-z/]{1,12}", "[!-~]{1,20}"), second in (PART, "[a-z/]{1,12}", "[!-~]{1,20}"),
    ) {
        let key = |(tenant_id, route, key): &(String, String, String)| {
            claim_key(&tenant(tenant_id), route, &IdempotencyKey::parse(key).unwrap()).unwrap()
        };
        prop_assert_eq!(key(&first) == key(&second), first == second);
    }

    #[test]
    fn normalised_tuples_have_one_key_however_they_are_written(
        local in "[a-z0-9]{1,10}", domain in "[a-z]{1,10}", upper in proptest::collection::vec(any::<bool>(), 0..30),
    ) {
        let email = format!("{local}@{domain}.example.com");
        let plain = draft(&json!({"email": email}));
        let other = draft(&json!({"email": disguised(&email, &upper)}));
        prop_assert_eq!(plain.natural_key.expose(), other.natural_key.expose());
        prop_assert_eq!(
            email_key("acme", plain.natural_key.expose()),
            email_key("acme", other.natural_key.expose())
        );
    }

    #[test]
    fn normalisation_is_stable_when_it_is_done_again(
        name in "[^\\p{C}]{1,30}", digits in "[0-9]{3,12}", plus in any::<bool>(),
    ) {
        prop_assume!(!name.trim().is_empty());
        let phone = format!("{}{digits}", if plus { "+" } else { "" });
        let once = draft(&json!({"email": "a@b.co", "firstname": name, "phone": phone}));
        let again: Map<_, _> = once
            .attributes
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), value.into()))
            .collect();
        let twice = draft_of(ObjectType::Contact, &again, Some("US")).unwrap();
        prop_assert_eq!(once.attributes, twice.attributes);
    }

    #[test]
    fn fingerprints_differ_when_a_value_does(first in "[a-z]{1,12}", second in "[a-z]{1,12}") {
        let print = |name: &str| {
            let draft = draft(&json!({"email": "a@b.co", "firstname": name}));
            let key = record_key(&tenant("acme"), System::Hubspot, ObjectType::Contact, &draft.natural_key);
            fingerprint(&key.unwrap(), &draft).unwrap()
        };
        prop_assert_eq!(print(&first) == print(&second), first == second);
    }

    #[test]
    fn any_json_object_is_answered_without_a_panic(text in "\\PC*", number in any::<f64>()) {
        for value in [json!(text), json!(number), json!([text]), json!({ text.clone(): number }), json!(null)] {
            for name in ["email", "phone", "firstname", text.as_str()] {
                let attributes = json!({ name: value.clone() });
                let _answer = draft_of(ObjectType::Contact, attributes.as_object().unwrap(), Some("GB"));
            }
        }
    }
}
