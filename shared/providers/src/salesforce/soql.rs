//! The parts of queries that hold values: the one place where a value becomes a part of SOQL.

use sync_domain::model::ExternalId;
use sync_domain::ports::ProviderError;

use super::ids;

/// The longest value that is looked for; no key of ours is longer. All of an address and its headers
/// may have 16,384 bytes ("API request limits", REST API guide), and escapes take up to six for one.
const VALUE_MAX_BYTES: usize = 512;

/// A value between quotes, with `\` and `'` escaped ("Quoted string escape sequences", SOQL and SOSL
/// reference). One with control characters, which could stand for something else to the parser, or a
/// longer one is refused.
///
/// # Errors
/// [`ProviderError::Rejected`].
pub fn literal(value: &str) -> Result<String, ProviderError> {
    if value.len() > VALUE_MAX_BYTES || value.chars().any(char::is_control) {
        return Err(ProviderError::Rejected { vendor_code: None, field: None });
    }
    Ok(format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'")))
}

/// A list of ids between brackets.
///
/// # Errors
/// [`ProviderError::Rejected`] for what is no id.
pub fn id_list<'a>(ids: impl Iterator<Item = &'a ExternalId>) -> Result<String, ProviderError> {
    let id = |id: &ExternalId| {
        let is_id = ids::is_id(id.as_str());
        let refused = || ProviderError::Rejected { vendor_code: None, field: None };
        is_id.then(|| format!("'{id}'")).ok_or_else(refused)
    };
    let ids = ids.map(id).collect::<Result<Vec<_>, _>>()?;
    Ok(format!("({})", ids.join(",")))
}

#[cfg(test)]
mod tests {
    use sync_domain::model::ExternalId;

    use super::{id_list, literal};

    #[test]
    fn literal_ends_where_the_value_ends_whatever_is_in_it() {
        for (value, expected) in [
            ("ada@example.com", "'ada@example.com'"),
            ("o'hara@example.com", r"'o\'hara@example.com'"),
            (r"\", r"'\\'"),
            (r"\' OR Name != '", r"'\\\' OR Name != \''"),
            ("x%_", "'x%_'"),
            ("Straße 東京", "'Straße 東京'"),
            ("", "''"),
        ] {
            assert_eq!(literal(value).unwrap(), expected);
        }
    }

    #[test]
    fn literal_refuses_control_characters_and_lengths_that_no_key_has() {
        for value in ["a\nb", "a\u{0}", "\u{7f}", "\u{85}", &"x".repeat(513)] {
            assert!(literal(value).is_err(), "{value:?}");
        }
    }

    #[test]
    fn list_of_ids_takes_ids_alone() {
        let ids = [ExternalId::new("003000000000001AAA"), ExternalId::new("003000000000002AAA")];
        assert_eq!(id_list(ids.iter()).unwrap(), "('003000000000001AAA','003000000000002AAA')");
        for id in ["", "003000000000001", "003000000000001AA'", "a') OR ('b'='b"] {
            assert!(id_list([ExternalId::new(id)].iter()).is_err(), "{id}");
        }
    }
}
