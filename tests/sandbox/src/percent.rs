//! Percent-decoding of path segments and query strings. Kept apart from the routes because the two
//! differ in one rule: `+` is a space in a query and a plus in a path.

fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// Decodes `%XX` escapes. A broken escape stays as it is; bytes that are not UTF-8 are replaced.
pub fn decode_path(text: &str) -> String {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        let mut ahead = bytes.clone();
        let pair = (byte == b'%')
            .then(|| Some((hex_value(ahead.next()?)?, hex_value(ahead.next()?)?)))
            .flatten();
        if let Some((high, low)) = pair {
            decoded.push(high * 16 + low);
            bytes = ahead;
        } else {
            decoded.push(byte);
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// Splits and decodes a query string, keeping order and repeats.
pub fn decode_query(query: &str) -> Vec<(String, String)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode_path(&name.replace('+', " ")), decode_path(&value.replace('+', " ")))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{decode_path, decode_query};

    #[test]
    fn path_decoding_keeps_plus_and_broken_escapes() {
        assert_eq!(decode_path("a%2Bb+c%40x.io"), "a+b+c@x.io");
        assert_eq!(decode_path("100%"), "100%");
        assert_eq!(decode_path("%zz%C3%A9"), "%zzé");
    }

    #[test]
    fn query_decoding_reads_plus_as_space() {
        let pairs = decode_query("properties=a%2Cb&x=1+2&flag");
        assert_eq!(
            pairs,
            [("properties", "a,b"), ("x", "1 2"), ("flag", "")]
                .map(|(n, v)| (n.to_owned(), v.to_owned()))
        );
    }
}
