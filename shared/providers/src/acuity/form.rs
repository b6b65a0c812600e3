//! An `application/x-www-form-urlencoded` body, as far as Acuity's webhooks use it.

/// What a form says of one field.
#[derive(Debug, PartialEq, Eq)]
pub enum Field {
    /// It is not there.
    Absent,
    /// Its value, decoded.
    Sole(String),
    /// It comes more than once, or its value is no text.
    Unreadable,
}

/// The field of that name. Other fields are not looked at, whatever is in them; a name that is
/// written with escapes is another one, because no sender has a reason for it.
pub fn field(body: &[u8], name: &str) -> Field {
    let pairs = body.split(|byte| *byte == b'&');
    let mut values = pairs.filter_map(|pair| {
        let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
        let (given, value) = pair.split_at_checked(at)?;
        (given == name.as_bytes()).then(|| value.strip_prefix(b"=").unwrap_or_default())
    });
    match (values.next(), values.next()) {
        (None, _) => Field::Absent,
        (Some(value), None) => decoded(value).map_or(Field::Unreadable, Field::Sole),
        (Some(_), Some(_)) => Field::Unreadable,
    }
}

/// `None` for a broken escape and for what is no UTF-8.
fn decoded(value: &[u8]) -> Option<String> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let (digits, after) = rest.split_at_checked(2)?;
                rest = after;
                let mut byte = [0];
                hex::decode_to_slice(digits, &mut byte).ok()?;
                let [byte] = byte;
                byte
            }
            plain => *plain,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::{Field, field};

    fn of(body: &[u8]) -> Field {
        field(body, "id")
    }

    fn sole(text: &str) -> Field {
        Field::Sole(text.to_owned())
    }

    #[test]
    fn field_is_found_wherever_it_stands_and_decoded() {
        assert_eq!(of(b"action=scheduled&id=54321&calendarID=1"), sole("54321"));
        assert_eq!(of(b"id=%35+4%C3%a4"), sole("5 4\u{e4}"));
        assert_eq!(of(b"&&id=a=b&"), sole("a=b"));
        assert_eq!(of(b"id"), sole(""));
    }

    #[test]
    fn field_that_is_missing_repeated_or_broken_is_told_apart() {
        for body in [&b""[..], b"ID=1", b"idx=1", b"%69d=1", b"{\"id\":1}", b" id=1"] {
            assert_eq!(of(body), Field::Absent);
        }
        for body in [&b"id=1&id=1"[..], b"id=%", b"id=%4", b"id=%zz", b"id=%ff", b"id=\xff"] {
            assert_eq!(of(body), Field::Unreadable);
        }
        assert_eq!(of(b"x=%zz&y=\xff&id=1"), sole("1"), "others are not looked at");
    }
}
